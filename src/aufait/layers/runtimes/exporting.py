"""How torch's ONNX exporter is used: for which operators, and without its remarks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

OPSET = 18
"""ONNX operator set; old enough for every ONNX Runtime that the extras allow."""


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Without what it says of progress, versions and lengths that it takes for fixed: what it makes is compared anyway."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

"""What a system says about weights that its authors released; each keeps its own in ``released.py`` in its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from aufait.models.import_checkpoint.report import ImportReport


@dataclass(frozen=True)
class Release:
    """One layout.

    Attributes:
        name: what ``--as`` says.
        options: names of the arguments that ``read`` takes besides the path: "fan", "au_set", "epoch", "pool".
        read: path and options -> our network with the weights, in evaluation mode, and the report.
        save: writes the network: network, file, notes. None saves a network of ``create_model``.
    """

    name: str
    options: tuple[str, ...]
    read: Callable[..., tuple[nn.Module, ImportReport]]
    save: Callable[[Any, Path, dict[str, Any]], object] | None = None

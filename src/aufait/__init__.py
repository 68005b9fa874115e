"""aufait: facial action units from photographs and videos.

The names below load on first use, so that ``import aufait`` is quick and pulls in neither torch nor NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aufait.action_units import ACTION_UNITS, ActionUnit
    from aufait.errors import AufaitError, InputError, MissingExtraError, MissingModelError, OutputError
    from aufait.faces import create_finder
    from aufait.inference.detector import Detector
    from aufait.models.au_predictor import AUPredictor
    from aufait.results import FaceAnalysis, FrameAnalysis

__version__ = "0.1.0"

_HOME = {
    "ACTION_UNITS": "aufait.action_units",
    "ActionUnit": "aufait.action_units",
    "AUPredictor": "aufait.models.au_predictor",
    "AufaitError": "aufait.errors",
    "Detector": "aufait.inference.detector",
    "FaceAnalysis": "aufait.results",
    "FrameAnalysis": "aufait.results",
    "InputError": "aufait.errors",
    "MissingExtraError": "aufait.errors",
    "MissingModelError": "aufait.errors",
    "OutputError": "aufait.errors",
    "create_finder": "aufait.faces",
}

__all__ = [
    "ACTION_UNITS",
    "AUPredictor",
    "ActionUnit",
    "AufaitError",
    "Detector",
    "FaceAnalysis",
    "FrameAnalysis",
    "InputError",
    "MissingExtraError",
    "MissingModelError",
    "OutputError",
    "__version__",
    "create_finder",
]


def __getattr__(name: str) -> Any:
    """Import a public name from the module it lives in, once."""
    if name not in _HOME:
        raise AttributeError(f"module 'aufait' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

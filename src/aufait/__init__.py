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
    from aufait.losses.labels import AULabels, Losses
    from aufait.losses.statistics import LabelStatistics
    from aufait.models.au_predictor import AUPredictor
    from aufait.models.checkpoint import load_model, save_model
    from aufait.models.outputs import AUOutput
    from aufait.models.registry import create_criterion, create_model, list_models
    from aufait.results import FaceAnalysis, FrameAnalysis

__version__ = "0.1.0"

_HOME = {
    "ACTION_UNITS": "aufait.action_units",
    "ActionUnit": "aufait.action_units",
    "AULabels": "aufait.losses.labels",
    "AUOutput": "aufait.models.outputs",
    "AUPredictor": "aufait.models.au_predictor",
    "AufaitError": "aufait.errors",
    "Detector": "aufait.inference.detector",
    "FaceAnalysis": "aufait.results",
    "FrameAnalysis": "aufait.results",
    "InputError": "aufait.errors",
    "LabelStatistics": "aufait.losses.statistics",
    "Losses": "aufait.losses.labels",
    "MissingExtraError": "aufait.errors",
    "MissingModelError": "aufait.errors",
    "OutputError": "aufait.errors",
    "create_criterion": "aufait.models.registry",
    "create_finder": "aufait.faces",
    "create_model": "aufait.models.registry",
    "list_models": "aufait.models.registry",
    "load_model": "aufait.models.checkpoint",
    "save_model": "aufait.models.checkpoint",
}

__all__ = [
    "ACTION_UNITS",
    "AULabels",
    "AUOutput",
    "AUPredictor",
    "ActionUnit",
    "AufaitError",
    "Detector",
    "FaceAnalysis",
    "FrameAnalysis",
    "InputError",
    "LabelStatistics",
    "Losses",
    "MissingExtraError",
    "MissingModelError",
    "OutputError",
    "__version__",
    "create_criterion",
    "create_finder",
    "create_model",
    "list_models",
    "load_model",
    "save_model",
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

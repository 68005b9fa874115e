"""aufait: facial action units from photographs and videos.

The names below load on first use, so that ``import aufait`` is quick and pulls in neither torch nor NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aufait.action_units import ACTION_UNITS, ActionUnit
    from aufait.data.datasets import open_dataset, register_dataset
    from aufait.data.protocols import register_protocol
    from aufait.detection.detector import Detector
    from aufait.errors import AufaitError, InputError, MissingExtraError, MissingModelError, OutputError
    from aufait.faces import create_finder
    from aufait.faces.finder import register_finder
    from aufait.losses.labels import AULabels, Losses
    from aufait.losses.statistics import LabelStatistics
    from aufait.models.checkpoint import load_model, save_model
    from aufait.models.configuration import ModelConfig
    from aufait.models.contract import check_network
    from aufait.models.criterion import Criterion, OccurrenceCriterion
    from aufait.models.default.predictor import AUPredictor
    from aufait.models.outputs import AUOutput
    from aufait.models.registry import ModelEntry, create_criterion, create_model, list_models, register_model
    from aufait.models.system import AUSystem
    from aufait.results import FaceAnalysis, FrameAnalysis

__version__ = "0.1.0"

_HOME = {
    "ACTION_UNITS": "aufait.action_units",
    "AULabels": "aufait.losses.labels",
    "AUOutput": "aufait.models.outputs",
    "AUPredictor": "aufait.models.default.predictor",
    "AUSystem": "aufait.models.system",
    "ActionUnit": "aufait.action_units",
    "AufaitError": "aufait.errors",
    "Criterion": "aufait.models.criterion",
    "Detector": "aufait.detection.detector",
    "FaceAnalysis": "aufait.results",
    "FrameAnalysis": "aufait.results",
    "InputError": "aufait.errors",
    "LabelStatistics": "aufait.losses.statistics",
    "Losses": "aufait.losses.labels",
    "MissingExtraError": "aufait.errors",
    "MissingModelError": "aufait.errors",
    "ModelConfig": "aufait.models.configuration",
    "ModelEntry": "aufait.models.registry",
    "OccurrenceCriterion": "aufait.models.criterion",
    "OutputError": "aufait.errors",
    "check_network": "aufait.models.contract",
    "create_criterion": "aufait.models.registry",
    "create_finder": "aufait.faces",
    "create_model": "aufait.models.registry",
    "list_models": "aufait.models.registry",
    "load_model": "aufait.models.checkpoint",
    "open_dataset": "aufait.data.datasets",
    "register_dataset": "aufait.data.datasets",
    "register_finder": "aufait.faces.finder",
    "register_model": "aufait.models.registry",
    "register_protocol": "aufait.data.protocols",
    "save_model": "aufait.models.checkpoint",
}

__all__ = [
    "ACTION_UNITS",
    "AULabels",
    "AUOutput",
    "AUPredictor",
    "AUSystem",
    "ActionUnit",
    "AufaitError",
    "Criterion",
    "Detector",
    "FaceAnalysis",
    "FrameAnalysis",
    "InputError",
    "LabelStatistics",
    "Losses",
    "MissingExtraError",
    "MissingModelError",
    "ModelConfig",
    "ModelEntry",
    "OccurrenceCriterion",
    "OutputError",
    "__version__",
    "check_network",
    "create_criterion",
    "create_finder",
    "create_model",
    "list_models",
    "load_model",
    "open_dataset",
    "register_dataset",
    "register_finder",
    "register_model",
    "register_protocol",
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

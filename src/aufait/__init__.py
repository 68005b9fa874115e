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
    from aufait.shortcuts import detect, evaluate, train

__version__ = "0.1.0"

_HOMES = {
    "action_units": ("ACTION_UNITS", "ActionUnit"),
    "data.datasets": ("open_dataset", "register_dataset"),
    "data.protocols": ("register_protocol",),
    "detection.detector": ("Detector",),
    "errors": ("AufaitError", "InputError", "MissingExtraError", "MissingModelError", "OutputError"),
    "faces": ("create_finder",),
    "faces.finder": ("register_finder",),
    "losses.labels": ("AULabels", "Losses"),
    "losses.statistics": ("LabelStatistics",),
    "models.checkpoint": ("load_model", "save_model"),
    "models.configuration": ("ModelConfig",),
    "models.contract": ("check_network",),
    "models.criterion": ("Criterion", "OccurrenceCriterion"),
    "models.default.predictor": ("AUPredictor",),
    "models.outputs": ("AUOutput",),
    "models.registry": ("ModelEntry", "create_criterion", "create_model", "list_models", "register_model"),
    "models.system": ("AUSystem",),
    "results": ("FaceAnalysis", "FrameAnalysis"),
    "shortcuts": ("detect", "evaluate", "train"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    # pictures and videos
    "detect", "Detector", "FaceAnalysis", "FrameAnalysis", "create_finder",
    # networks of the papers and your own
    "train", "evaluate", "open_dataset", "create_model", "list_models", "load_model", "save_model", "create_criterion",
    "check_network",
    # what your own network, data set, protocol or finder is made of
    "AUSystem", "ModelConfig", "ModelEntry", "AUOutput", "AULabels", "LabelStatistics", "Losses", "Criterion",
    "OccurrenceCriterion", "AUPredictor", "register_model", "register_dataset", "register_protocol", "register_finder",
    # facts and errors
    "ACTION_UNITS", "ActionUnit", "AufaitError", "InputError", "OutputError", "MissingModelError", "MissingExtraError",
    "__version__",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name from the module it lives in, once."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'aufait' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"aufait.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""The compact model that ships with the package, as a system like the published ones: it trains by recipes, evaluates and exports.

Our design, no paper. ``aufait.Detector`` runs the same weights by ``au_predictor``, which cuts its crops directly.

| part | file |
|---|---|
| the residual network and its ordinal outputs | ``aufait.models.default.network``, ``aufait.models.default.ordinal`` |
| crop, grey value, contrast | ``aufait.models.default.crop`` |
| both sides, mirrored pass, calibration | ``model.py`` |
| loss for training by recipes | ``criterion.py`` |
"""

from aufait.models.compact.config import CompactConfig
from aufait.models.compact.criterion import CompactCriterion
from aufait.models.compact.model import Compact, shipped_compact
from aufait.models.registry import ModelEntry, register_model

__all__ = ["Compact", "CompactConfig", "CompactCriterion", "shipped_compact"]

register_model(
    ModelEntry(
        name="aufait-compact",
        network=Compact,
        config=CompactConfig,
        criterion=CompactCriterion,
        summary="The shipped compact model: a small residual network with an ordinal output per action unit and side",
        paper="own design, no paper",
    )
)

"""DRML: deep region and multi-label learning, a baseline.

Paper: Zhao, Chu and Zhang, "Deep Region and Multi-label Learning for Facial Action Unit Detection", CVPR 2016.
region_layer.py holds the region layer, model.py the network, criterion.py the multi-label loss.
"""

from __future__ import annotations

from types import MappingProxyType

from aufait.models.drml.config import DRMLConfig
from aufait.models.drml.criterion import DRMLCriterion
from aufait.models.drml.model import DRML
from aufait.models.registry import ModelEntry, register_model

__all__ = ["DRML", "DRMLConfig", "DRMLCriterion"]

register_model(
    ModelEntry(
        name="drml",
        network=DRML,
        config=DRMLConfig,
        criterion=DRMLCriterion,
        summary="Deep region and multi-label learning: a separate convolution for each of 8x8 regions",
        paper="Zhao, Chu and Zhang, Deep Region and Multi-label Learning for Facial Action Unit Detection, CVPR 2016",
    )
)
register_model(
    ModelEntry(
        name="idrml",
        network=DRML,
        config=DRMLConfig,
        criterion=DRMLCriterion,
        summary="DRML for intensities, under a squared error",
        paper="as quoted in Shao et al., ARL (TAC 2019), Tables 6 and 7",
        overrides=MappingProxyType({"task": "intensity"}),
    )
)

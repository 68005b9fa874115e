"""Deep Regions Learning (22 or 49 landmark patches) and the "convnet" baseline.

Paper: Ali, Alkabbany, Farag, Bennett and Farag, "Facial Action Units Detection Under Pose Variations Using Deep Regions
Learning", ACII 2017. No program was released.

| paper | file |
|---|---|
| section 2, patches around landmarks | patches.py |
| section 2, Conv2 to Conv6 with weights per patch | region_layers.py |
| section 2, Figure 2: the network; section 3, "convnet" | model.py |
| section 2, weighted loss | criterion.py |
| section 2.1, Figure 3: patch significance | significance.py |
"""

from types import MappingProxyType
from typing import Any

from aufait.models.deep_regions.config import DeepRegionsConfig
from aufait.models.deep_regions.criterion import DeepRegionsCriterion
from aufait.models.deep_regions.model import DeepRegions
from aufait.models.deep_regions.significance import PatchSignificance, patch_significance
from aufait.models.registry import ModelEntry, register_model

__all__ = ["DeepRegions", "DeepRegionsConfig", "DeepRegionsCriterion", "PatchSignificance", "patch_significance"]

_VARIANTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("deep-regions", "22 patches around landmarks, each with its own convolutions", "Tables 2-4", {}),
    ("deep-regions-49", "Deep Regions with patches around all 49 landmarks, to rank them", "Figure 3", {"patches": 49}),
    ("convnet", "Deep Regions' baseline: the same kernels over the whole face", "Table 4", {"backbone": "convnet"}),
)

for _name, _summary, _place, _overrides in _VARIANTS:
    register_model(
        ModelEntry(
            name=_name,
            network=DeepRegions,
            config=DeepRegionsConfig,
            criterion=DeepRegionsCriterion,
            summary=_summary,
            paper=f"Ali et al., ACII 2017, {_place}",
            overrides=MappingProxyType(_overrides),
        )
    )

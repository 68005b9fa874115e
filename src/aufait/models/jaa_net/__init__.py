"""JAA-Net, versions 1 (ECCV 2018) and 2 (IJCV 2021), by Shao, Liu, Cai and Ma.

| part of the papers | file |
|---|---|
| hierarchical and multi-scale region learning | ``aufait.layers.region_learning``, ``region_stage`` |
| face alignment | ``face_alignment.py`` |
| adaptive attention learning | ``adaptive_attention.py`` |
| action unit detection | ``au_detection.py`` |
| the whole network | ``model.py`` |
| losses | ``criterion.py`` |
| settings | ``config.py`` |
"""

from types import MappingProxyType

from aufait.models.jaa_net.config import JAANetConfig
from aufait.models.jaa_net.criterion import JAANetCriterion
from aufait.models.jaa_net.model import JAANet
from aufait.models.registry import ModelEntry, register_model

_VERSIONS = {
    1: ("landmarks guide an attention map per action unit, refined under a loss", "Shao et al., ECCV 2018"),
    2: ("landmarks guide an attention map per action unit, refined by its own classifier", "Shao et al., IJCV 2021"),
}

for _version, (_summary, _paper) in _VERSIONS.items():
    register_model(
        ModelEntry(
            name=f"jaa-net-v{_version}",
            network=JAANet,
            config=JAANetConfig,
            criterion=JAANetCriterion,
            summary=f"Joint action unit detection and face alignment, version {_version}: {_summary}",
            paper=_paper,
            overrides=MappingProxyType({"version": _version}),
        )
    )

register_model(
    ModelEntry(
        name="ijaa-net",
        network=JAANet,
        config=JAANetConfig,
        criterion=JAANetCriterion,
        summary="JAA-Net, version 1, for intensities: with iARL's loss in place of its own for action units",
        paper="Shao et al., ARL (TAC 2019), section 4.2, Table 8",
        overrides=MappingProxyType({"version": 1, "task": "intensity"}),
    )
)

__all__ = ["JAANet", "JAANetConfig", "JAANetCriterion"]

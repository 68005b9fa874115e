"""MGRR-Net: multi-level graph relational reasoning over patches of the face.

Paper: Xuri Ge, Joemon M. Jose, Songpei Xu, Xiao Liu, Hu Han, "MGRR-Net: Multi-level Graph Relational Reasoning Network for
Facial Action Units Detection". No program was released.

| paper | file |
|---|---|
| III-A stem, alignment, patches | model.py, layers/region_learning.py, jaa_net/face_alignment.py, layers/attention_*.py |
| III-B1 region graph, eq. 1, 2, 6 | region_graph.py |
| III-B2 channel- and pixel-level attention, eq. 3-5 | graph_attention.py |
| III-B3 gated fusion and iteration, eq. 7-9 | gated_fusion.py, reasoning.py |
| III-C heads and losses, eq. 10-12 | heads.py, criterion.py |
| IV-A values, tables VI and VII | config.py, below |
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from aufait.models.mgrr_net.config import MGRRNetConfig
from aufait.models.mgrr_net.criterion import MGRRNetCriterion
from aufait.models.mgrr_net.model import MGRRNet
from aufait.models.registry import ModelEntry, register_model

_PAPER = "Ge et al., MGRR-Net"


def _sources(sources: str) -> dict[str, bool]:
    """Switches of a row of table VI: D graph, O original global map, C channel level, P pixel level."""
    letters = {"use_graph": "D", "use_global": "O", "use_channel": "C", "use_pixel": "P"}
    return {name: letter in sources for name, letter in letters.items()}


def _register(name: str, summary: str, where: str, overrides: dict[str, Any]) -> None:
    register_model(
        ModelEntry(
            name=name,
            network=MGRRNet,
            config=MGRRNetConfig,
            criterion=MGRRNetCriterion,
            summary=summary,
            paper=f"{_PAPER}, {where}",
            overrides=MappingProxyType(overrides),
        )
    )


_register("mgrr-net", "patches, channels and pixels reason in two layers, fused by gates", "table VI last row", {})
_register("mgrr-net-baseline", "patches to heads, no reasoning", "table VI row 1", _sources(""))
_register("mgrr-net-d", "region graph alone", "table VI row 2", _sources("D"))
_register("mgrr-net-do", "region graph and shared feature map", "table VI row 3", _sources("DO"))
_register("mgrr-net-dcp", "region graph, channel and pixel level", "table VI row 4", _sources("DCP"))
_register("mgrr-net-doc", "region graph, shared feature map, channel level", "table VI row 5", _sources("DOC"))
_register("mgrr-net-dop", "region graph, shared feature map, pixel level", "table VI row 6", _sources("DOP"))
_register(
    "mgrr-net-d-random", "region graph alone, edges start at random", "section IV-C1", {**_sources("D"), "graph_init": "random"}
)
_register("mgrr-net-k1", "one reasoning layer", "table VII row 1", {"layers": 1})
_register("mgrr-net-k3", "three reasoning layers", "table VII row 3", {"layers": 3})

__all__ = ["MGRRNet", "MGRRNetConfig", "MGRRNetCriterion"]

"""ARL: facial action unit detection using attention and relation learning.

Paper: Z. Shao, Z. Liu, J. Cai, Y. Wu, L. Ma, "Facial Action Unit Detection Using Attention and Relation Learning", IEEE
Transactions on Affective Computing, 2019, https://arxiv.org/abs/1808.03457. Reference: the authors' Caffe
definition and solvers, cited as the released program.

=============================================  ==================================
Paper                                          File
=============================================  ==================================
3.2 hierarchical and multi-scale regions       aufait/layers/region_learning.py
3.3 channel-wise attention, eq. 1-2            channel_attention.py
3.3 spatial attention, eq. 6                   spatial_attention.py
3.4 pixel-level relations, eq. 3-5             pixel_relation.py
Figure 2, eq. 7 and 10                         model.py
3.5 objective, eq. 8-13                        criterion.py
4.1.2 hyper-parameters, Table 9                config.py and the names below
4.1.2 DISFA started from BP4D                  model.py, aufait/models/transfer.py
=============================================  ==================================
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from aufait.models.arl.config import ARLConfig
from aufait.models.arl.criterion import ARLCriterion, intensity_statistics
from aufait.models.arl.model import ARL
from aufait.models.registry import ModelEntry, register_model

_B: dict[str, Any] = {"weighted": False, "channel_attention": False, "spatial_attention": False, "crf": False}
_W = {**_B, "weighted": True}
_WC = {**_W, "channel_attention": True}
_WCS = {**_WC, "spatial_attention": True}
_INTENSITY: dict[str, Any] = {"task": "intensity"}
_NO_COSINE: dict[str, Any] = {"task": "intensity", "lambda_cos": 0.0}

_NAMES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("arl", "channel, spatial and pixel-level attention per action unit; occurrence", "ARL, Tables 2-4, 10 and 12", {}),
    ("iarl", "ARL for intensity, with squared error and cosine distance", "ARL, Tables 6-8 and 11", _INTENSITY),
    ("parl", "ARL trained on faces in nine poses; the same network", "ARL, section 4.6, Tables 13-14", {}),
    ("b-net", "ARL without weights, attention and relations", "ARL, Tables 9-10", _B),
    ("w-net", "B-Net with weighted action units", "ARL, Tables 9-10", _W),
    ("wc-net", "W-Net with channel attention", "ARL, Tables 9-10", _WC),
    ("wcs-net", "WC-Net with spatial attention", "ARL, Tables 9-10", _WCS),
    ("ib-net", "B-Net for intensity", "ARL, Tables 9 and 11", {**_B, **_NO_COSINE}),
    ("iw-net", "W-Net for intensity", "ARL, Tables 9 and 11", {**_W, **_NO_COSINE}),
    ("iwc-net", "WC-Net for intensity", "ARL, Tables 9 and 11", {**_WC, **_NO_COSINE}),
    ("iwcs-net", "WCS-Net for intensity", "ARL, Tables 9 and 11", {**_WCS, **_NO_COSINE}),
    ("iwcsp-net", "iARL without the cosine distance", "ARL, Tables 9 and 11", _NO_COSINE),
)

for _name, _summary, _paper, _overrides in _NAMES:
    register_model(
        ModelEntry(
            name=_name,
            network=ARL,
            config=ARLConfig,
            criterion=ARLCriterion,
            summary=_summary,
            paper=_paper,
            overrides=MappingProxyType(_overrides),
        )
    )

__all__ = ["ARL", "ARLConfig", "ARLCriterion", "intensity_statistics"]

"""ABRNet: attention based relation network.

Paper: Wei, Wang, Sun and Liu, "Attention Based Relation Network for Facial Action Units Recognition". No program was released.

==================================  ======================
paper                               file
==================================  ======================
2.1 local features                  local_features.py
2.2 relation layers, eq. 1 and 2    relation_learning.py
2.3 fusion, eq. 3, table 1b         fusion.py
2.4 relation dropout, eq. 4         relation_dropout.py
2.4 relation loss, eq. 6 to 9       aur_loss.py
2.4 joint loss, eq. 5 and 10        criterion.py
3.1 settings, table 1               config.py
figure 2                            model.py
==================================  ======================
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from aufait.models.abrnet.config import ABRNetConfig
from aufait.models.abrnet.criterion import ABRNetCriterion
from aufait.models.abrnet.model import ABRNet
from aufait.models.registry import ModelEntry, register_model

__all__ = ["ABRNet", "ABRNetConfig", "ABRNetCriterion"]

_PAPER = "Wei et al., Attention Based Relation Network for Facial Action Units Recognition"

_NAMES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("abrnet", "Attention based relation network: relation layers between the features of action units", "", {}),
    ("abrnet-no-relation", "ABRNet without relation layers: local features and classifiers", "a, m = 0", {"relation_layers": 0}),
    ("abrnet-avg", "ABRNet with the mean of its relation layers", "b, average pooling", {"fusion": "avg"}),
    ("abrnet-concat", "ABRNet with its relation layers joined side by side", "b, feature concatenation", {"fusion": "concat"}),
    ("abrnet-score-avg", "ABRNet with the mean of its layers' probabilities", "b, score average", {"fusion": "score_avg"}),
    ("abrnet-no-dropout", "ABRNet trained without relation dropout", "c, 1 - t/m = 0", {"relation_dropout": 0.0}),
    ("abrnet-no-aur", "ABRNet trained without the relation loss", "d, lambda = 0", {"lambda_aur": 0.0}),
)

for _name, _summary, _row, _overrides in _NAMES:
    register_model(
        ModelEntry(
            name=_name,
            network=ABRNet,
            config=ABRNetConfig,
            criterion=ABRNetCriterion,
            summary=_summary,
            paper=f"{_PAPER}, table 1{_row}" if _row else _PAPER,
            overrides=MappingProxyType(_overrides),
        )
    )

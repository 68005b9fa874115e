"""Tables II to VIII, Figures 3 and 4, and the numbers that only the text of MGRR-Net gives.

Table I lists notations; Figures 1 and 2 are diagrams. Text: sections IV-A (time per image), IV-C1 (edges at random), IV-C3 (K on
BP4D).
"""

from __future__ import annotations

from typing import Any

from aufait.reproduction.registry import Block, Item, Row
from aufait.reproduction.runs import MGRR_NET_ABLATIONS

_OURS = "MGRR-Net (ours)"
_OTHERS = "networks of other authors that aufait does not have are shown as printed; * marks pre-training on further data"
# "JAA" is JAA-Net as of ECCV 2018, "JAA-Net" the journal's.
_RIVALS, _DRML = (("JAA", "jaa-net-v1"), ("ARL", "arl")), ("DRML", "drml")
_SOURCES = ("1: baseline (none)", "2: D_G", "3: D_G+O_G", "4: D_G+C_G+P_G", "5: D_G+O_G+C_G", "6: D_G+O_G+P_G")


def _block(table: str, dataset: str, metric: str, title: str) -> Block:
    return Block(metric=metric, dataset=dataset, title=title, published={"table": table, "dataset": dataset.upper()})


def _table(number: str, title: str, **fields: Any) -> Item:
    return Item(paper="mgrr-net", kind="table", number=number, title=title, maker=fields.pop("maker", "score_table"), **fields)


def _rows(dataset: str, *names: tuple[str, str]) -> tuple[Row, ...]:
    return tuple(Row(method=method, run=f"{model}/{dataset}") for method, model in names)




def _text(number: str, title: str, **fields: Any) -> Item:
    return Item(paper="mgrr-net", kind="text", number=number, title=title, maker=fields.pop("maker", "score_table"), **fields)


def _section(number: str, dataset: str) -> tuple[Block, ...]:
    return (_block(f"section {number}", dataset, "f1_frame", "F1-frame"),)


_BOTH = (("accuracy", "accuracy"), ("roc_area", "AUC"))

ITEMS: tuple[Item, ...] = (
    _table("II", "DISFA: F1-frame of 8 AUs",
           rows=_rows("disfa", *_RIVALS, ('JAA-Net (printed "JAAANet")', "jaa-net-v2"), (_OURS, "mgrr-net")),
           blocks=(_block("Table II", "disfa", "f1_frame", "F1-frame"),), printed=_OTHERS),
    _table("III", "DISFA: accuracy and ROC area of 8 AUs",
           rows=_rows("disfa", _DRML, *_RIVALS, ("JAA-Net", "jaa-net-v2"), (_OURS, "mgrr-net")),
           blocks=tuple(_block("Table III", "disfa", *one) for one in _BOTH), printed=_OTHERS),
    _table("IV", "BP4D: F1-frame of 12 AUs",
           rows=_rows("bp4d", *_RIVALS, ("JAA-Net", "jaa-net-v2"), (_OURS, "mgrr-net")),
           blocks=(_block("Table IV", "bp4d", "f1_frame", "F1-frame"),), printed=_OTHERS),
    _table("V", "BP4D: accuracy and ROC area of 12 AUs",
           rows=_rows("bp4d", _DRML, *_RIVALS, ("JAA-Net", "jaa-net-v2"), (_OURS, "mgrr-net")),
           blocks=tuple(_block("Table V", "bp4d", *one) for one in _BOTH), printed=_OTHERS),
    _table("VI", "components on DISFA: F1-frame of 8 AUs",
           rows=_rows("disfa", *zip(_SOURCES, MGRR_NET_ABLATIONS, strict=True), ("MGRR-Net: D_G+O_G+C_G+P_G", "mgrr-net")),
           blocks=(_block("Table VI (ablation)", "disfa", "f1_frame", "F1-frame"),)),
    _table("VII", "number of reasoning layers on DISFA: F1-frame of 8 AUs",
           rows=_rows("disfa", ("MGRR-Net K=1", "mgrr-net-k1"), ("MGRR-Net K=2", "mgrr-net"), ("MGRR-Net K=3", "mgrr-net-k3")),
           blocks=(_block("Table VII (ablation)", "disfa", "f1_frame", "F1-frame"),)),
    _table("VIII", "mean error of the landmarks on DISFA and BP4D", maker="landmark_errors",
           runs=tuple(f"{model}/{data}" for data in ("disfa", "bp4d") for model in ("jaa-net-v1", "jaa-net-v2", "mgrr-net")),
           options={"table": "Table VIII", "methods": {"jaa-net-v1": "JAA", "jaa-net-v2": "JAA-Net", "mgrr-net": _OURS}},
           printed="MCL is shown as printed"),
    _text("IV-A", "time of a forward pass per image", maker="pass_times",
          options={"networks": (("JAA-Net", "jaa-net-v2"), ("MGRR-Net", "mgrr-net"))}),
    _text("IV-C1", "what the labels add to the graph, on DISFA: F1-frame of 8 AUs",
          rows=_rows("disfa", ("D_G, edges from the labels", "mgrr-net-d"), ("D_G, edges at random", "mgrr-net-d-random")),
          blocks=_section("IV-C1", "disfa"), printed="means alone are printed; the first is row 2 of Table VI"),
    _text("IV-C3", "number of reasoning layers on BP4D: F1-frame of 12 AUs",
          rows=_rows("bp4d", ("MGRR-Net K=1", "mgrr-net-k1"), ("MGRR-Net K=2", "mgrr-net"), ("MGRR-Net K=3", "mgrr-net-k3")),
          blocks=_section("IV-C3", "bp4d"), printed="means alone are printed"),
    Item(paper="mgrr-net", kind="figure", number="3", title="class activation maps per AU on faces of DISFA and BP4D",
         maker="activation_maps", runs=("mgrr-net/disfa", "mgrr-net/bp4d"), options={"faces": 2},
         printed="Four faces, two of each data set; warm spots at each AU's region and related ones, different for each face."),
    Item(paper="mgrr-net", kind="figure", number="4", title="predefined AU correlation and learned relevance",
         maker="predefined_and_learned", runs=("mgrr-net/bp4d",),
         printed="Two 12 x 12 matrices. The predefined one stresses the diagonal and a few pairs and all but ignores the others; "
         "in the learned one of one person the target and related action units stand out while no other is discarded."),
)  # fmt: skip

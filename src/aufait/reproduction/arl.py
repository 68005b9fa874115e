"""Tables 2 to 14 and Figures 1 and 3 to 10 of ARL. Table 1 lists notations and Figure 2 is the network's diagram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aufait.reproduction.registry import Block, Item, Row

_VARIANTS = (("B-Net", "b-net"), ("W-Net", "w-net"), ("WC-Net", "wc-net"), ("WCS-Net", "wcs-net"), ("ARL", "arl"))
_INTENSITY_VARIANTS = tuple(
    (name, name.lower()) for name in ("iB-Net", "iW-Net", "iWC-Net", "iWCS-Net", "iWCSP-Net", "iARL")
)
_TWO_DIGITS = {"kind": "number2"}
_OTHERS = "networks of other authors that aufait does not have are shown as printed"


def _scores(table: str, dataset: str, printed: str, intensity: bool = False) -> tuple[Block, ...]:
    """Both metrics of a table of scores."""
    kinds = (("icc_3_1", "ICC(3,1)"), ("mae", "MAE")) if intensity else (("f1_frame", "F1-frame"), ("accuracy", "accuracy"))
    return tuple(
        Block(
            metric=metric,
            dataset=dataset,
            title=title,
            published={"table": table, "dataset": printed},
        )
        for metric, title in kinds
    )


def _rows(protocol: str, *names: tuple[str, str]) -> tuple[Row, ...]:
    return tuple(Row(method=method, run=f"{model}/{protocol}") for method, model in names)


def _table(number: int, title: str, **fields: Any) -> Item:
    return Item(paper="arl", kind="table", number=str(number), title=title, maker=fields.pop("maker", "score_table"), **fields)


def _figure(number: int, title: str, maker: str, printed: str, **fields: Any) -> Item:
    return Item(paper="arl", kind="figure", number=str(number), title=title, maker=maker, printed=printed, **fields)


def _condition(table: str, title: str, printed: Mapping[str, Any], where: Mapping[str, Any], dataset: str, name: str) -> Block:
    return Block(
        metric="f1_frame",
        dataset=dataset,
        title=title,
        published={"table": table, "dataset": name, **printed},
        where=where,
    )


_OCCLUSION = tuple(
    _condition("Table 12", half, {"visible": half}, {"occlusion": half.lower()}, "bp4d", "BP4D (occluded)")
    for half in ("Full", "Lower", "Upper", "Right", "Left", "None")
)
_POSES = tuple(
    _condition("Table 14", f"pose {pose}", {"pose": pose}, {"view": pose}, "fera2017", "FERA 2017") for pose in range(1, 10)
)
# JAA-Net is here the one of ECCV 2018, ARL's reference [8].
_DETECTORS = (("DRML", "drml"), ("JAA-Net", "jaa-net-v1"), ("ARL", "arl"))

_TABLES = (
    _table(2, "BP4D: F1-frame and accuracy of 12 AUs", rows=_rows("bp4d", *_DETECTORS),
           blocks=_scores("Table 2", "bp4d", "BP4D"), printed=_OTHERS),
    _table(3, "DISFA: F1-frame and accuracy of 8 AUs", rows=_rows("disfa", *_DETECTORS),
           blocks=_scores("Table 3", "disfa", "DISFA"), printed=_OTHERS),
    _table(4, "trained on BP4D, tested on BP4D+: F1-frame and accuracy of 12 AUs",
           rows=_rows("bp4d_to_bp4d_plus", *_DETECTORS[1:]), blocks=_scores("Table 4", "bp4d_plus", "BP4D+")),
    _table(5, "occurrence rates of the training sets of BP4D and DISFA", maker="occurrence_rates", protocols=("bp4d", "disfa"),
           options={"parts": (("bp4d", "BP4D"), ("disfa", "DISFA")), "table": "Table 5"}),
    _table(6, "FERA 2015: ICC and MAE of 5 AUs", rows=_rows("fera2015", ("DRML", "idrml"), ("iARL", "iarl")),
           blocks=_scores("Table 6", "fera2015", "FERA 2015", intensity=True), options=_TWO_DIGITS, printed=_OTHERS),
    _table(7, "DISFA: ICC and MAE of 12 AUs", rows=_rows("disfa_intensity", ("DRML", "idrml"), ("iARL", "iarl")),
           blocks=_scores("Table 7", "disfa", "DISFA (intensity)", intensity=True), options=_TWO_DIGITS, printed=_OTHERS),
    _table(8, "trained on BP4D, tested on BP4D+: ICC and MAE of 5 AUs",
           rows=_rows("bp4d_to_bp4d_plus_intensity", ("JAA-Net", "ijaa-net"), ("iARL", "iarl")),
           blocks=_scores("Table 8", "bp4d_plus", "BP4D+ (intensity)", intensity=True), options=_TWO_DIGITS),
    _table(9, "structures of the variants", maker="structures",
           options={"models": (*_VARIANTS, *_INTENSITY_VARIANTS)}),
    _table(10, "ablation on BP4D: F1-frame and accuracy of 12 AUs", rows=_rows("bp4d", *_VARIANTS),
           blocks=_scores("Table 10 (ablation)", "bp4d", "BP4D")),
    _table(11, "ablation on FERA 2015: ICC and MAE of 5 AUs", rows=_rows("fera2015", *_INTENSITY_VARIANTS),
           blocks=_scores("Table 11 (ablation)", "fera2015", "FERA 2015", intensity=True), options=_TWO_DIGITS),
    _table(12, "BP4D with parts of the face occluded: F1-frame of 12 AUs", rows=_rows("bp4d", ("ARL", "arl")), blocks=_OCCLUSION,
           options={"joined": "what is visible"}, printed="EAC-Net is shown as printed"),
    _table(13, "FERA 2017, all nine poses: F1-frame of 10 AUs", rows=_rows("fera2017", ("pARL", "parl")),
           blocks=(_condition("Table 13", "all poses", {}, {}, "fera2017", "FERA 2017"),), printed=_OTHERS),
    _table(14, "FERA 2017, pose by pose: F1-frame of 10 AUs", rows=_rows("fera2017", ("pARL", "parl")), blocks=_POSES,
           options={"joined": "pose"}, printed="pEAC-Net is shown as printed"),
)  # fmt: skip

_FIGURES = (
    _figure(1, "predefined and refined attention of JAA-Net and of ARL, AU1 and AU15", "attention_comparison",
            "Predefined maps are round spots, JAA-Net's refined ones stay near them; ARL's for AU1 also reach the mouth and "
            "those for AU15 the brows of a sad face.",
            runs=("jaa-net-v1/bp4d", "arl/bp4d"), options={"action_units": (1, 15)}),
    _figure(3, "three feature channels with the largest channel weights, AU1 and AU15", "strongest_channel_maps",
            "For AU1 the three channels respond at brows and forehead, for AU15 at the corners of the mouth.",
            runs=("arl/bp4d",), options={"action_units": (1, 15)}),
    _figure(4, "spatial attention before and after the random field", "refinement",
            "The field removes noise in the contour and the background, such as that around AU2, and keeps the brows.",
            runs=("arl/bp4d",), options={"action_units": (1, 2, 4, 6, 12, 15, 17)}),
    _figure(5, "attention of JAA-Net and ARL for 12 AUs on three faces of BP4D", "attention_of_two",
            "JAA-Net's maps look the same on all three faces; ARL's differ in shape from face to face. AUs 1 and 2, and 6 and 7, "
            "have similar maps.",
            runs=("jaa-net-v1/bp4d", "arl/bp4d"), options={"faces": 3}),
    _figure(6, "attention of ARL for 8 AUs on two faces of DISFA", "attention_rows",
            "One face wears glasses, the other is lit differently; the maps stay on the facial features.",
            runs=("arl/disfa",), options={"faces": 2}),
    _figure(7, "attention of iARL at intensities 0 to 5, 5 AUs of FERA 2015", "attention_by_intensity",
            "Responses around the mouth are weaker and narrower at intensity 0 than above.",
            runs=("iarl/fera2015",)),
    _figure(8, "attention of iARL for 12 AUs on two faces of DISFA", "attention_rows",
            "Each AU's map covers its own region and correlated ones.",
            runs=("iarl/disfa_intensity",), options={"faces": 2}),
    _figure(9, "a face with different parts occluded", "occlusions",
            "One BP4D face whole, then with only its lower, upper, right and left half visible, then wholly hidden.",
            protocols=("bp4d",)),
    _figure(10, "the nine poses of FERA 2017", "poses",
            "One face seen from nine directions, yaw -40, 0 and 40 by pitch -40, -20 and 0 degrees, as a grid with its angles.",
            protocols=("fera2017",)),
)  # fmt: skip

ITEMS: tuple[Item, ...] = (*_TABLES, *_FIGURES)

"""Tables 1 to 4 and Figures 3 and 5 to 7 of Deep Regions Learning. Figures 1, 2 and 4 are diagrams and examples of the data."""

from __future__ import annotations

from typing import Any

from aufait.reproduction.registry import Block, Item, Row

_METRICS = (("skew", "skew"), ("f1_frame", "F1"), ("nf1", "nF1"), ("pr_area", "APR"), ("npr_area", "nAPR"), ("roc_area", "AROC"))
_JOINED = {"joined": "metric", "kind": "number2"}
_OURS = "Deep Regions (ours)"
_POSES_RUN = "deep-regions/fera2017_seven_poses"


def _blocks(table: str, dataset: str, printed: str, *, mean_over_views: bool = False) -> tuple[Block, ...]:
    where = {"mean_over": "view"} if mean_over_views else {}
    found = {"table": table, "dataset": printed}
    return tuple(
        Block(metric=metric, dataset=dataset, title=title, where=where, published=found)
        for metric, title in _METRICS
    )


def _table(number: int, title: str, **fields: Any) -> Item:
    return Item(paper="deep-regions", kind="table", number=str(number), title=title, maker="score_table", options=_JOINED, **fields)


def _figure(number: int, title: str, maker: str, printed: str, **fields: Any) -> Item:
    return Item(paper="deep-regions", kind="figure", number=str(number), title=title, maker=maker, printed=printed, **fields)


ITEMS: tuple[Item, ...] = (
    Item(
        paper="deep-regions",
        kind="table",
        number="1",
        title="skew of the AUs in the training sets of BP4D and FERA 2017",
        maker="skews",
        protocols=("bp4d_31_10", "fera2017_seven_poses"),
        options={"parts": (("bp4d_31_10", "BP4D"), ("fera2017_seven_poses", "FERA17")), "table": "Table 1"},
    ),
    _table(2, "BP4D, 31 / 10 subjects: five metrics of 12 AUs", rows=(Row(method=_OURS, run="deep-regions/bp4d_31_10"),),
           blocks=_blocks("Table 2", "bp4d", "BP4D")),
    _table(3, "trained on FERA 2017, tested on BP4D: five metrics of 10 AUs",
           rows=(Row(method=_OURS, run="deep-regions/fera2017_to_bp4d"),), blocks=_blocks("Table 3", "bp4d", "BP4D test set")),
    _table(4, "FERA 2017, mean over seven poses, against the convnet",
           rows=(Row(method="convnet", run="convnet/fera2017_seven_poses"), Row(method=_OURS, run=_POSES_RUN)),
           blocks=_blocks("Table 4", "fera2017", "FERA17", mean_over_views=True),
           printed="the challenge's baseline is shown as printed; the column of AU23 is not legible in our copy"),
    _figure(3, "significance of the 49 patches for each AU", "patch_significance",
            "Coloured points from dark red (most) to dark blue: AU1 at the inner brows and the bridge of the nose, AU2 at the "
            "outer brows, AUs 12, 14, 15, 23 and 24 around the lips, patch 32 high for AU6 and AU12.",
            runs=("deep-regions-49/bp4d_31_10",)),
    _figure(5, "relation matrices of labels and of predictions", "relation_matrices",
            "Two matrices of 12 AUs; predictions keep the structure of the labels with slightly stronger entries; distance 0.004 "
            "per entry as printed.",
            runs=("deep-regions/bp4d_31_10",)),
    _figure(6, "F1, PR area and ROC area under seven poses", "metrics_by_pose",
            "Three groups of bars, one group per AU and one bar per pose; the bars of an AU are nearly level. The text calls them "
            "nF1, nPR area and ROC area, the caption as here.",
            runs=(_POSES_RUN,), options={"metrics": ("f1_frame", "pr_area", "roc_area")}),
    _figure(7, "standard deviation over the seven poses, of Deep Regions and of the convnet", "deviation_over_poses",
            "One bar per AU and metric, of (a) the proposed network and (b) the convnet; all low, the convnet's higher.",
            runs=(_POSES_RUN, "convnet/fera2017_seven_poses"),
            options={"metrics": ("f1_frame", "nf1", "pr_area", "npr_area", "roc_area"),
                     "networks": (("Deep Regions", _POSES_RUN), ("convnet", "convnet/fera2017_seven_poses"))}),
)  # fmt: skip

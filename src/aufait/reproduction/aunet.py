"""Tables III to XIV, Figures 6 to 10, and the numbers that only the text of AUNet gives.

Tables I, II and XV are facts about AUs; Figures 1 to 5 are diagrams.
Text: sections V-D (ImageNet), V-E (label space), V-F (sizes and operations).
"""

from __future__ import annotations

from typing import Any

from aufait.reproduction.registry import Block, Item, Row

_FOUR = (("AU-FAN", "au-fan"), ("AU-VAE", "au-vae"), ("AU-TDN", "au-tdn"), ("AUNet", "aunet"))
_THREE = (("ResNet18", "resnet18"), ("JAA-Net", "jaa-net-v2"), ("AU-FAN", "au-fan"))
_LATEST = (("DRML", "drml"), ("JAA-Net", "jaa-net-v2"), ("ResNet18", "resnet18"), ("ResNet18-A", "resnet18-a"),
           ("AU-FAN", "au-fan"), ("AUNet", "aunet"))  # fmt: skip
_PRINTED_PARTS = {"AU-FAN": ("yes", "no", "no"), "AU-VAE": ("yes", "yes", "no"), "AU-TDN": ("yes", "no", "yes"),
                  "AUNet": ("yes", "yes", "yes")}  # fmt: skip
_PRINTED_NAMES = {"bp4d": "BP4D", "disfa": "DISFA", "affwild2": "AffWild2"}
_AU_FP = "AU-FP, which needs a face-parsing network that was not released, is shown as printed"
_OTHERS = "networks of other authors that aufait does not have are shown as printed"


def _f1(table: str, dataset: str, test: str = "") -> tuple[Block, ...]:
    published = {"table": table, "dataset": _PRINTED_NAMES[dataset]}
    return (Block(metric="f1_frame", dataset=dataset, title="F1", published=published, test=test),)


def _rows(protocol: str, *names: tuple[str, str]) -> tuple[Row, ...]:
    return tuple(Row(method=method, run=f"{model}/{protocol}") for method, model in names)


def _table(number: str, title: str, **fields: Any) -> Item:
    return Item(paper="aunet", kind="table", number=number, title=title, maker=fields.pop("maker", "score_table"), **fields)


def _text(number: str, title: str, **fields: Any) -> Item:
    return Item(paper="aunet", kind="text", number=number, title=title, maker=fields.pop("maker", "score_table"), **fields)


def _figure(number: int, title: str, maker: str, printed: str, **fields: Any) -> Item:
    return Item(paper="aunet", kind="figure", number=str(number), title=title, maker=maker, printed=printed, **fields)


ITEMS: tuple[Item, ...] = (
    _table("III", "BP4D: F1 of 12 AUs",
           rows=_rows("bp4d", *_THREE),
           blocks=_f1("Table III", "bp4d"), printed=_AU_FP),
    _table("IV", "trained on BP4D, tested on DISFA: F1 of 5 AUs", rows=_rows("bp4d_to_disfa", *_THREE),
           blocks=_f1("Table IV", "disfa", "bp4d_to_disfa"), printed=_AU_FP),
    _table("V", "trained on BP4D, tested on AffWild2: F1 of 6 AUs", rows=_rows("bp4d_to_disfa", *_THREE),
           blocks=_f1("Table V", "affwild2", "bp4d_to_affwild2"), printed=_AU_FP),
    _table("VI", "the four variants", maker="structures", options={"models": _FOUR, "printed": _PRINTED_PARTS}),
    _table("VII", "trained on three data sets, tested on BP4D: F1 of 12 AUs", rows=_rows("mixed", *_FOUR),
           blocks=_f1("Table VII", "bp4d")),
    _table("VIII", "trained on three data sets, tested on DISFA: F1 of 8 AUs", rows=_rows("mixed", *_FOUR),
           blocks=_f1("Table VIII", "disfa")),
    _table("IX", "trained on three data sets, tested on AffWild2: F1 of 7 AUs", rows=_rows("mixed", *_FOUR),
           blocks=_f1("Table IX", "affwild2")),
    _table("X", "relations of AU-VAE against AU-FAN: distance and dependency F1", maker="relation_differences",
           runs=("au-fan/mixed", "au-vae/mixed"), options={"table": "Table X", "datasets": _PRINTED_NAMES}),
    _table("XI", "ways to use time: size and F1 on BP4D", maker="temporal_models", runs=("au-tdn/mixed",),
           options={"table": "Table XI"},
           printed="FlowNet, a network for optical flow, is not part of aufait and shown as printed"),
    _table("XII", "paired t-tests against AU-FAN on BP4D", maker="paired_tests",
           runs=("au-fan/mixed", "au-vae/mixed", "au-tdn/mixed", "aunet/mixed"), options={"table": "Table XII"}),
    _table("XIII", "BP4D: F1 of 12 AUs against later methods", rows=_rows("bp4d", *_LATEST), blocks=_f1("Table XIII", "bp4d"),
           printed=_OTHERS),
    _table("XIV", "DISFA: F1 of 8 AUs against later methods", rows=_rows("disfa", *_LATEST), blocks=_f1("Table XIV", "disfa"),
           printed=_OTHERS),
    _text("V-D", "ResNet18 from scratch and from ImageNet, on BP4D: F1 of 12 AUs",
          rows=(Row(method="ResNet18, from scratch", run="resnet18/bp4d"),
                Row(method="ResNet18 pre-trained on ImageNet in FAN's place", run="resnet18/bp4d/imagenet")),
          blocks=_f1("section V-D", "bp4d"),
          printed="means alone are printed. The paper puts the pre-trained ResNet18 in FAN's place under the head of AU-FAN and "
          "does not say which maps enter it nor whether it is trained on; ours is trained on whole, with its own last layer (our "
          "reading)"),
    _text("V-E", "space in which AU-VAE is aligned, on BP4D: F1 of 12 AUs",
          rows=(Row(method="AU-VAE, latent space", run="au-vae/mixed"),
                Row(method="AU-VAE, label space", run="au-vae/mixed/label-space")),
          blocks=_f1("section V-E", "bp4d"), printed="means alone are printed"),
    _text("V-F", "parameters and operations", maker="costs", options={"section": "V-F", "networks": (
              ("JAA-Net", "jaa-net-v2", "all"), ("ResNet18", "resnet18", "all"),
              ("face alignment module (FAN, 2 stacks)", "au-fan", "frozen"),
              ("AUNet, trainable part", "aunet", "trained"), ("AU-FAN, trainable part", "au-fan", "trained"))},
          printed="MEGraph is shown as printed; what is printed as FLOPs are multiply-accumulates of one frame"),
    _figure(6, "feature maps of ResNet18 and AU-FAN at three sizes", "feature_maps",
            "ResNet18's maps spread over the whole face at 64, 32 and 16 pixels, AU-FAN's stay on landmarks.",
            runs=("resnet18/bp4d", "au-fan/bp4d")),
    _figure(7, "failures of AU-FAN", "failures",
            "AU12 is found where the mouth's landmarks are, and missed under occlusion, low resolution and extreme pose.",
            runs=("au-fan/mixed",), options={"action_unit": 12}),
    _figure(8, "correlation matrix and graph of AU-VAE's predictions on BP4D", "relation_graph",
            "A 12 x 12 matrix next to a graph whose edges join AUs 1 and 2, and 6, 7, 10, 12 and 14.",
            runs=("au-vae/mixed",), options={"dataset": "bp4d"}),
    _figure(9, "static and difference features of AU-TDN", "difference_features",
            "For each AU a static map with the outline of the face, next to a difference map that shows where it moves.",
            runs=("au-tdn/mixed",), options={"action_units": (2, 4, 12, 17), "dataset": "bp4d"}),
    _figure(10, "predictions of AU-FAN and AU-TDN over a video of BP4D", "prediction_timeline",
            "One row per AU; AU-TDN's runs have fewer breaks than AU-FAN's and are closer to the labels.",
            runs=("au-fan/mixed", "au-tdn/mixed"), options={"dataset": "bp4d"}),
)  # fmt: skip

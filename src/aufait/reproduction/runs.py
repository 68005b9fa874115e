"""All trainings that the papers' tables and figures are made from; an item names those it needs.

Trainings on the same subjects serve several items: AUNet's networks of BP4D are tested on DISFA and on AffWild2 (Tables IV and V).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aufait.errors import InputError
from aufait.reproduction.networks import PaperRun
from aufait.settings import did_you_mean


def _run(
    model: str, protocol: str, label: str = "", start: str | None = None, settings: Mapping[str, Any] | None = None
) -> PaperRun:
    name = f"{model}/{protocol}" + (f"/{label}" if label else "")
    return PaperRun(name=name, model=model, protocol=protocol, settings=settings or {}, start=start)


def _imagenet() -> PaperRun:
    """ResNet18 from ImageNet (AUNet section V-D)."""
    settings = {"normalization": "imagenet"}
    return PaperRun(name="resnet18/bp4d/imagenet", model="resnet18", protocol="bp4d", settings=settings, pretrained=True)


def _abrnet(label: str, **settings: Any) -> PaperRun:
    return _run("abrnet", "disfa_plus", label, settings=settings)


_JAA_NETS = ("jaa-net-v1", "jaa-net-v2")
"""ECCV 2018, which ARL compares with, and IJCV 2021, which the later papers do; MGRR-Net lists both."""

_ARL = (
    *(_run(model, "bp4d") for model in ("b-net", "w-net", "wc-net", "wcs-net", "arl", *_JAA_NETS, "drml")),
    _run("arl", "disfa", start="arl/bp4d"),
    *(_run(model, "disfa", start=f"{model}/bp4d") for model in _JAA_NETS),
    _run("drml", "disfa"),
    _run("arl", "bp4d_to_bp4d_plus"),
    _run("jaa-net-v1", "bp4d_to_bp4d_plus"),
    *(_run(model, "fera2015") for model in ("ib-net", "iw-net", "iwc-net", "iwcs-net", "iwcsp-net", "iarl")),
    _run("iarl", "disfa_intensity"),
    _run("idrml", "fera2015"),
    _run("idrml", "disfa_intensity"),
    _run("iarl", "bp4d_to_bp4d_plus_intensity"),
    _run("ijaa-net", "bp4d_to_bp4d_plus_intensity"),
    _run("parl", "fera2017"),
)

_DEEP_REGIONS = (
    _run("deep-regions", "bp4d_31_10"),
    _run("deep-regions-49", "bp4d_31_10"),
    _run("deep-regions", "fera2017_to_bp4d"),
    _run("deep-regions", "fera2017_seven_poses"),
    _run("convnet", "fera2017_seven_poses"),
)

MGRR_NET_ABLATIONS = ("mgrr-net-baseline", "mgrr-net-d", "mgrr-net-do", "mgrr-net-dcp", "mgrr-net-doc", "mgrr-net-dop")
"""Rows 1 to 6 of Table VI."""

_MGRR_NETS = ("mgrr-net", *MGRR_NET_ABLATIONS, "mgrr-net-k1", "mgrr-net-k3")
# The paper does not say whether DISFA's networks start from BP4D's; all rows do the same as the recipe (our reading).
_MGRR_NET = (
    *(_run(model, "bp4d") for model in _MGRR_NETS),
    *(_run(model, "disfa", start=f"{model}/bp4d") for model in _MGRR_NETS),
    _run("mgrr-net-d-random", "bp4d"),
    _run("mgrr-net-d-random", "disfa", start="mgrr-net-d-random/bp4d"),
)

_AUNET = (
    *(_run(model, "bp4d") for model in ("resnet18", "resnet18-a", "au-fan", "aunet")),
    *(_run(model, "disfa", start=f"{model}/bp4d") for model in ("resnet18", "resnet18-a", "au-fan", "aunet")),
    *(_run(model, "bp4d_to_disfa") for model in ("resnet18", "jaa-net-v2", "au-fan")),
    *(_run(model, "mixed") for model in ("au-fan", "au-vae", "au-tdn", "aunet")),
    _run("au-vae", "mixed", "label-space", settings={"align_space": "label"}),
    _imagenet(),
)

_ABRNET = (
    *(_run(model, "disfa_plus") for model in ("abrnet", "abrnet-no-relation")),
    # t = 2 whatever m, as section 3.1 says: table 1a changes only m.
    _abrnet("m=2", relation_layers=2, kept_layers=2),
    _abrnet("m=6", relation_layers=6, kept_layers=2),
    *(_run(model, "disfa_plus") for model in ("abrnet-avg", "abrnet-concat", "abrnet-score-avg", "abrnet-no-dropout")),
    _abrnet("dropout=0.25", relation_dropout=0.25),
    _abrnet("dropout=0.75", relation_dropout=0.75),
    _run("abrnet-no-aur", "disfa_plus"),
    _abrnet("lambda=0.05", lambda_aur=0.05),
    _abrnet("lambda=0.2", lambda_aur=0.2),
    _run("abrnet", "bp4d"),
    _run("abrnet", "disfa", start="abrnet/bp4d"),
    _run("drml", "disfa_plus"),
    _run("jaa-net-v2", "disfa_plus"),
)

RUNS: tuple[PaperRun, ...] = (*_ARL, *_DEEP_REGIONS, *_MGRR_NET, *_AUNET, *_ABRNET)

_BY_NAME = {run.name: run for run in RUNS}


def list_runs() -> tuple[PaperRun, ...]:
    """All runs, in the order in which items need them."""
    return RUNS


def get_run(name: str) -> PaperRun:
    """A run by name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in _BY_NAME:
        raise InputError(f"unknown run {name!r}{did_you_mean(name, _BY_NAME)}")
    return _BY_NAME[name]

"""What the page without a server has to know: constants of finder, model and quality, read off the objects that Python uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import aufait
from aufait.action_units import ACTION_UNITS, au_name
from aufait.alignment import PAPER_BORDER
from aufait.detection import quality
from aufait.detection.tables import TableKind, extra_columns, openface_columns
from aufait.export.browser.write import WrittenGraph
from aufait.faces import pose
from aufait.faces.builtin import BORDER, BuiltinConfig, landmark_network
from aufait.faces.cuts import CutConfig
from aufait.faces.face_check import CHECK_SIZE
from aufait.faces.following import FollowingConfig
from aufait.faces.template import ALIGNMENT_POINTS, TEMPLATE, TEMPLATE_SIZE
from aufait.faces.tracking import TrackerConfig
from aufait.faces.weights import weights_path
from aufait.files.hashes import file_sha256
from aufait.landmarks import MIRROR_68
from aufait.models.default.crop import CROP_SIZE
from aufait.models.default.predictor import AUPredictor
from aufait.visualization.results.report import NOTE

FORMAT = "aufait-browser-1"
"""What ``models.json`` says it is."""
MIN_CONFIDENCE = 0.5
"""Faces of lower confidence are left out, as in ``Detector``."""
PRESENT = 0.5
"""Probability from which a unit counts as present."""

LIMITS = (
    "The builtin face finder and the compact model run here. With the mesh finder and its model, which need Python, aufait detect "
    "is more accurate on real faces.",
    "AU1, 2, 4, 5, 6, 7, 9, 12, 15, 17, 25, 26 and 43 were tested on real faces; how well AU10, 14, 20, 23, 24 and 28 are read on "
    "them is not known.",
    "A probability refers to a base rate of 20 % for every unit: what is rare in your material is overstated.",
    "A person who leaves the picture for more than a second, or is seen again after a cut, gets a new number.",
)
"""What a reader should know about the numbers of this page; docs/model_card.md has the figures."""


def facts(predictor: AUPredictor, config: BuiltinConfig, files: Mapping[str, WrittenGraph]) -> dict[str, Any]:
    """The contents of ``models.json``, ready for JSON.

    Args:
        predictor: the model whose network is among the files.
        config: the finder's settings.
        files: network -> its file.
    """
    return {
        "format": FORMAT,
        "version": aufait.__version__,
        "model": _model(predictor),
        "finder_sha256": {name: file_sha256(weights_path(name)) for name in ("face_detector", "face_landmarks")},
        "networks": {name: _file(one) for name, one in files.items()},
        "units": [_unit(number) for number in predictor.action_units],
        "finder": _finder(config),
        "following": asdict(FollowingConfig()),
        "tracker": {name: getattr(TrackerConfig(), name) for name in _TRACKER},
        "cuts": asdict(CutConfig()),
        "template": {"size": TEMPLATE_SIZE, "rows": list(ALIGNMENT_POINTS), "points": TEMPLATE.tolist()},
        "head": _head(),
        "quality": _quality(),
        "columns": {"video": _columns(predictor, "video"), "image": _columns(predictor, "image")},
        "notice": NOTE,
        "limits": list(LIMITS),
    }


_TRACKER = ("max_lost", "max_distance", "distance_growth", "max_size_ratio", "smoothing", "damping")


def _file(written: WrittenGraph) -> dict[str, Any]:
    return {"file": f"models/{written.path.name}", "sha256": written.sha256, "bytes": written.bytes}


def _model(predictor: AUPredictor) -> dict[str, Any]:
    return {
        "name": predictor.name,
        "sha256": predictor.sha256,
        "reference_rate": predictor.calibration.reference_rate,
        "crop_size": CROP_SIZE,
        "border": PAPER_BORDER,
        "present": PRESENT,
    }


def _unit(number: int) -> dict[str, Any]:
    unit = ACTION_UNITS[number]
    return {
        "unit": number,
        "label": au_name(number, digits=2),
        "name": unit.name,
        "muscles": list(unit.muscles),
        "bilateral": unit.bilateral,
        "description": unit.description,
    }


def _finder(config: BuiltinConfig) -> dict[str, Any]:
    sizes = landmark_network().config
    own = {"border": BORDER, "min_confidence": MIN_CONFIDENCE, "mirror_68": list(MIRROR_68)}
    return {**asdict(config), "crop_size": sizes.crop_size, "crop_scale": sizes.crop_scale, **own}


def _head() -> dict[str, Any]:
    return {
        "points": pose.head_points().tolist(),
        "weights": pose.rigid_weights().tolist(),
        "iterations": pose.ITERATIONS,
        "least_scale": pose.LEAST_SCALE,
        "trusted": pose.TRUSTED,
    }


def _columns(predictor: AUPredictor, kind: TableKind) -> list[str]:
    return [*openface_columns(kind), *extra_columns(predictor.action_units, kind)]


def _quality() -> dict[str, Any]:
    return {
        "ramps": {name: list(ends) for name, ends in quality.RAMPS.items()},
        "pitch_weight": quality.PITCH_WEIGHT,
        "black": quality.BLACK,
        "burnt": quality.BURNT,
        "analysis_size": quality.ANALYSIS_SIZE,
        "check_size": CHECK_SIZE,
        "border": PAPER_BORDER,
        "recommended": quality.RECOMMENDED_QUALITY,
    }

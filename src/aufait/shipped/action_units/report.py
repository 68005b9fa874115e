"""Figures of an AU model on held-out rendered persons, and its model card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from aufait.action_units import ACTION_UNITS, au_name
from aufait.faces.template import TEMPLATE_SIZE
from aufait.metrics import calibration_error, f1_frame, icc_3_1, roc_area
from aufait.models.default.base_rates import REFERENCE_RATE
from aufait.models.default.crop import CROP_SIZE
from aufait.models.default.ordinal import OCCURRENCE_LEVEL
from aufait.models.default.predictor import AUPredictor, AUScores
from aufait.shipped.action_units.calibration import base_rate_weights
from aufait.shipped.action_units.crops import CropSet


def evaluate(predictor: AUPredictor, test: CropSet, *, batch: int = 128) -> dict[str, Any]:
    """``evaluate_scores`` of what the compact model says about the crops."""
    return evaluate_scores(_score(predictor, test, batch), predictor.action_units, test)


def evaluate_scores(scores: AUScores, action_units: Sequence[int], test: CropSet) -> dict[str, Any]:
    """Per unit: frames, positives, F1 at 0.5, ROC area, ICC(3,1), calibration error at the reference base rate.

    Truth of a unit is its stronger side, as for the predictions. Also the means by sex, age and skin tone (ROC area).
    """
    truth = test.intensity.max(axis=2)
    present = truth >= OCCURRENCE_LEVEL - 0.5
    known: np.ndarray = np.asarray(test.known.all(axis=2))
    units = {}
    for a, au in enumerate(action_units):
        rows = known[:, a]
        units[au_name(au)] = _unit_metrics(
            present[rows, a], truth[rows, a], scores.probability[rows, a], scores.intensity[rows, a]
        )
    mean = {
        key: float(np.nanmean([u[key] for u in units.values()])) for key in ("f1", "roc_area", "icc", "calibration_error")
    }
    groups = {
        name: _mean_roc(present[rows], scores.probability[rows], known[rows]) for name, rows in _groups(test).items()
    }
    return {"frames": len(test), "persons": len(np.unique(test.identity)), "units": units, "mean": mean, "groups": groups}


def _score(predictor: AUPredictor, test: CropSet, batch: int) -> AUScores:
    offset = (TEMPLATE_SIZE - CROP_SIZE) // 2
    window = test.crops[:, :, offset : offset + CROP_SIZE, offset : offset + CROP_SIZE]
    parts = [
        predictor.predict_crops(torch.from_numpy(np.ascontiguousarray(window[i : i + batch]))).exceedance
        for i in range(0, len(test), batch)
    ]
    return AUScores(np.concatenate(parts))


def _unit_metrics(
    present: np.ndarray, truth: np.ndarray, probability: np.ndarray, intensity: np.ndarray
) -> dict[str, float]:
    weight = base_rate_weights(present)
    return {
        "frames": int(len(present)),
        "positives": int(present.sum()),
        "f1": f1_frame(present, probability >= 0.5),
        "roc_area": roc_area(present, probability),
        "icc": icc_3_1(truth, intensity),
        "calibration_error": calibration_error(present, probability, weight=weight),
    }


def _groups(test: CropSet) -> dict[str, np.ndarray]:
    return {
        "women": ~test.is_man,
        "men": test.is_man,
        "18-38 years": test.age < 38,
        "38-59 years": (test.age >= 38) & (test.age < 59),
        "59-80 years": test.age >= 59,
        "lighter third of skin tones": test.skin_tone < 7 / 3,
        "middle third": (test.skin_tone >= 7 / 3) & (test.skin_tone < 14 / 3),
        "darker third": test.skin_tone >= 14 / 3,
        "yaw below 20 degrees": np.abs(test.yaw) < 20,
        "yaw 20-55 degrees": np.abs(test.yaw) >= 20,
    }


def _mean_roc(present: np.ndarray, probability: np.ndarray, known: np.ndarray) -> float:
    areas = [roc_area(present[k, a], probability[k, a]) for a, k in enumerate(known.T)]
    defined = [area for area in areas if not np.isnan(area)]
    return float(np.mean(defined)) if defined else float("nan")


def model_card(predictor: AUPredictor, metrics: dict[str, Any], notes: dict[str, Any]) -> str:
    """The card in Markdown; every figure is on synthetic faces and says so."""
    rows = "\n".join(
        f"| {name} {ACTION_UNITS[int(name[2:])].name.lower()} | {u['positives']} / {u['frames']} | {u['f1']:.2f} "
        f"| {u['roc_area']:.3f} | {u['icc']:.2f} | {u['calibration_error']:.3f} |"
        for name, u in metrics["units"].items()
    )
    mean = metrics["mean"]
    groups = "\n".join(f"| {name} | {value:.3f} |" for name, value in metrics["groups"].items())
    parameters = sum(p.numel() for p in predictor.network.parameters())
    real = notes.get("real_faces", 0)
    portraits = f"and {real} views of real faces with a teacher's word (`shipped/real_faces.csv`)"
    seen = portraits if real else "no photograph of a person"
    return f"""# Model card: the compact action-unit model

| | |
|---|---|
| what it does | for an aligned face: P(level >= 1..5) of {len(predictor.action_units)} action units on each side |
| file | `au_default.safetensors`, SHA-256 `{predictor.sha256}` |
| network | residual network on a 112 x 112 grey crop, {parameters / 1e6:.2f} M parameters, weights stored as float16 |
| training data | {notes["frames"]} crops of **synthetic** faces, rendered by `aufait.synthetic`; {seen} |
| geometry | ICT Face Model Light (MIT licence) |
| licence of the weights | Apache-2.0, like the code |
| training command | `aufait train-default -o OUT` (recipe in `shipped/action_units/train.py`, seed {notes["recipe"]["seed"]}) |

## What the numbers mean

Occurrence is level B or stronger on at least one side (rounded intensity >= 2). Probabilities are calibrated on
held-out rendered persons for a base rate of {REFERENCE_RATE:.0%}, or the unit's own where that is higher;
`aufait calibrate` does so on labelled real faces. Intensity is the median of the same distribution: intensity >= 1.5 exactly
where the probability is >= 0.5.

## Figures on synthetic faces

{metrics["frames"]} frames of {metrics["persons"]} rendered persons whom neither training nor
calibration saw, scored once. One seed.
**Synthetic test figures do not transfer to photographs as they are.** Hidden units (mask, hand, dark glasses) are left out.

| action unit | positives / frames | F1 at 0.5 | ROC area | ICC(3,1) | calibration error |
|---|---|---|---|---|---|
{rows}
| **mean** | | **{mean["f1"]:.2f}** | **{mean["roc_area"]:.3f}** | **{mean["icc"]:.2f}** | **{mean["calibration_error"]:.3f}** |

| group of rendered persons | mean ROC area |
|---|---|
{groups}

## Limits

* Most of the training data are renders: skin, hair and light are simpler than real ones, and AU shapes are formulas, not anatomy.
* Not validated against certified FACS coders. Do not use it for decisions about people.
* AU 43 means closed eyes of any length; OpenFace's AU45 columns are filled from it.
* AU 25 follows the visible gap between the lips, whatever opened it.
* Beyond 55 degrees of yaw nothing was trained; the quality column shows such frames.
* Units hidden by a hand, a mask or dark glasses are guessed from the rest of the face.
"""

"""Collect predictions batch by batch; the numbers come from ``metrics.functional`` over all frames at the end.

Scores such as the ROC area need every frame, so the frames are kept: two numbers and a flag per frame and action unit, about
15 MB for the 147,000 frames and 12 action units of BP4D.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aufait.action_units import au_name
from aufait.errors import InputError
from aufait.metrics import functional
from aufait.metrics.agreement import cohen_kappa, icc_2_1

OCCURRENCE_METRICS = (
    "f1_frame", "accuracy", "kappa", "roc_area", "pr_area", "nf1", "naccuracy", "npr_area", "calibration_error", "f1_gain",
    "roc_gain",
)  # fmt: skip
"""The last two say how much better than guessing: F1 minus that of always saying yes, ROC area minus 0.5."""

INTENSITY_METRICS = ("icc_3_1", "icc_2_1", "pcc", "mae")


class AUMetrics:
    """Metrics per action unit over everything given to ``update``.

    Args:
        action_units: A AU numbers, the order of the columns.
        threshold: probability from which an action unit counts as predicted.
    """

    def __init__(self, action_units: Sequence[int], *, threshold: float = 0.5) -> None:
        self.action_units = tuple(action_units)
        self.threshold = threshold
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._chunks: dict[str, list[np.ndarray]] = {}

    def update(
        self,
        probability: Any,
        occurrence: Any,
        known: Any = None,
        *,
        intensity: Any = None,
        true_intensity: Any = None,
        intensity_known: Any = None,
    ) -> None:
        """Add a batch; tensors (on any device) or arrays, each (B, A).

        Args:
            probability: of occurrence, in [0, 1].
            occurrence: truth, 0/1; anything where not known.
            known: bool; ``None`` means all.
            intensity, true_intensity: in [0, 5]; both or neither, and in every batch or in none.
            intensity_known: bool; ``None`` means as ``known``.
        """
        batch = {"probability": _array(probability), "occurrence": _array(occurrence)}
        batch["known"] = np.ones(batch["occurrence"].shape, bool) if known is None else _array(known).astype(bool)
        if (intensity is None) != (true_intensity is None):
            raise InputError("give both the predicted and the true intensity, or neither")
        if intensity is not None:
            graded = batch["known"] if intensity_known is None else _array(intensity_known).astype(bool)
            batch |= {"intensity": _array(intensity), "true_intensity": _array(true_intensity), "intensity_known": graded}
        expected = (len(batch["occurrence"]), len(self.action_units))
        for name, value in batch.items():
            if value.shape != expected:
                raise InputError(f"{name} must have shape {expected} for AUs {self.action_units}, got {value.shape}")
        _check_probabilities(batch["probability"][batch["known"]])
        if self._chunks and self._chunks.keys() != batch.keys():
            raise InputError("intensities must be given in every batch or in none")
        for name, value in batch.items():
            self._chunks.setdefault(name, []).append(value)

    def values(self, name: str) -> np.ndarray:
        """All frames of one input, (N, A)."""
        if name not in self._chunks:
            raise InputError(f"no {name} was given to update()")
        return np.concatenate(self._chunks[name])

    def compute(self) -> dict[str, dict[str, float]]:
        """Metric -> AU name -> value over the known frames, with the mean over the defined action units under "mean".

        The metrics are those of ``OCCURRENCE_METRICS`` and, where intensities were given, ``INTENSITY_METRICS`` (on values
        rounded to whole steps, as ARL does). "frames" and "positives" count what each number is based on ("graded_frames" for the
        intensities), "skew" is negatives / positives. "defined" says over how many action units a mean is.
        """
        known, occurrence, probability = (self.values(key) for key in ("known", "occurrence", "probability"))
        table: dict[str, dict[str, float]] = {}
        names = ("true_intensity", "intensity", "intensity_known") if "intensity" in self._chunks else ()
        intensities = [self.values(name) for name in names]
        for column, number in enumerate(self.action_units):
            rows = known[:, column]
            numbers = _occurrence_metrics(occurrence[rows, column], probability[rows, column], self.threshold)
            if intensities:
                graded = intensities[2][:, column]
                numbers |= _intensity_metrics(intensities[0][graded, column], intensities[1][graded, column])
            for metric, value in numbers.items():
                table.setdefault(metric, {})[au_name(number)] = value
        return {metric: _with_mean(row, metric) for metric, row in table.items()}


def _check_probabilities(values: np.ndarray) -> None:
    inside = int(((values >= 0) & (values <= 1)).sum())  # nan is not inside
    if inside < values.size:
        raise InputError(
            f"probabilities must be in [0, 1], got {values.size - inside} of {values.size} that are nan or outside; "
            "logits need a sigmoid first, nan comes from a network that has diverged"
        )


def _occurrence_metrics(truth: np.ndarray, score: np.ndarray, threshold: float) -> dict[str, float]:
    decided = score >= threshold
    f1, roc_area = functional.f1_frame(truth, decided), functional.roc_area(truth, score)
    return {
        "frames": float(len(truth)),
        "positives": float(truth.astype(bool).sum()),
        "skew": functional.skew(truth),
        "f1_frame": f1,
        "accuracy": functional.accuracy(truth, decided),
        "kappa": cohen_kappa(truth.astype(bool), decided),
        "roc_area": roc_area,
        "pr_area": functional.precision_recall_area(truth, score),
        "nf1": functional.f1_frame(truth, decided, skew_normalized=True),
        "naccuracy": functional.accuracy(truth, decided, skew_normalized=True),
        "npr_area": functional.precision_recall_area(truth, score, skew_normalized=True),
        "calibration_error": functional.calibration_error(truth, score),
        "f1_gain": f1 - functional.f1_of_guessing(truth),
        "roc_gain": roc_area - 0.5,
    }


def _intensity_metrics(truth: np.ndarray, guess: np.ndarray) -> dict[str, float]:
    rounded = np.rint(guess)
    return {
        "graded_frames": float(len(truth)),
        "icc_3_1": functional.icc_3_1(truth, rounded),
        "icc_2_1": icc_2_1(truth, rounded),
        "pcc": functional.pearson(truth, rounded),
        "mae": functional.mean_absolute_error(truth, rounded),
    }


def _with_mean(row: Mapping[str, float], metric: str) -> dict[str, float]:
    values = np.array(list(row.values()))
    defined = ~np.isnan(values)
    if metric in ("frames", "positives", "graded_frames"):
        return {**row, "mean": float(values.mean())}
    return {**row, "mean": float(values[defined].mean()) if defined.any() else float("nan"), "defined": float(defined.sum())}


def _array(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # a torch tensor, without importing torch
        values = values.detach().float().cpu().numpy() if values.is_floating_point() else values.detach().cpu().numpy()
    return np.asarray(values)

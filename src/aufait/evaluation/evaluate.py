"""Scores of predictions: per action unit and their mean, with intervals by subject, by fold and by group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from aufait.action_units import au_name
from aufait.data.protocols.protocol import Protocol
from aufait.errors import InputError
from aufait.evaluation.groups import groups_of
from aufait.evaluation.predictions import Predictions
from aufait.metrics import functional
from aufait.metrics.accumulators import AUMetrics
from aufait.metrics.intervals import SubjectDraws, intensity_draws, intervals_of, mean_draws, occurrence_draws
from aufait.metrics.relations import dependency_f1, relation_distance, relation_matrix
from aufait.metrics.significance import Interval

Scores = Mapping[str, Mapping[str, float]]
"""Metric -> AU name (or "mean", and "defined" for the number of defined ones) -> value."""

FAILURE = 0.1
"""Landmark error from which a face counts as failed, as a share of the distance of the eye centres."""

RELIABILITY_BINS = 10

GAINS: Mapping[str, str] = MappingProxyType({"roc_gain": "ROC area", "f1_gain": "F1"})
"""Metric that compares with guessing -> what it compares."""

FEW_SUBJECTS = 10
"""With fewer, intervals by subject are clearly too narrow (docs/metrics.md gives the measured coverage)."""

ENOUGH_SUBJECTS = 6
"""With fewer nothing is called clear: even where all subjects agree, a sign-flip test of five has p = 2 / 2^5 > 0.05."""


@dataclass(frozen=True, eq=False)
class Relations:
    """How action units go together, in the truth and in the predictions.

    Attributes:
        truth, predicted: (A, A) correlation of labels and of decisions on the known frames; nan where one does not vary.
        distance: Frobenius norm of their difference (AUNet Table X, by our reading).
        distance_per_entry: that divided by the number of entries (Deep Regions section 4).
        pairs: number of pairs of action units that both matrices define, which the distances rest on.
        dependency_f1: see ``aufait.metrics.dependency_f1``.
    """

    truth: np.ndarray
    predicted: np.ndarray
    distance: float
    distance_per_entry: float
    pairs: int
    dependency_f1: float


@dataclass(frozen=True, eq=False)
class Landmarks:
    """How well a network locates landmarks.

    Attributes:
        error: mean over faces of mean point error / distance of the eye centres, with its interval.
        failure_rate: share of faces above ``FAILURE``, with its interval.
        faces: number of faces with known landmarks.
    """

    error: Interval
    failure_rate: Interval
    faces: int


@dataclass(frozen=True)
class Gain:
    """For which action units a metric is clearly better than guessing.

    Attributes:
        above: AU names whose lower bound is above guessing.
        not_above: AU names whose lower bound does not.
        unknown: AU names without a bound: undefined, too seldom defined, or no draws.
        mean: whether the lower bound of the mean is above guessing; None without a bound.
    """

    above: tuple[str, ...]
    not_above: tuple[str, ...]
    unknown: tuple[str, ...]
    mean: bool | None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that a report shows.

    Attributes:
        action_units: AU numbers of the columns.
        persons, frames, recordings: what the scores rest on.
        scores: over all frames (of all folds, where there are several: "pooled").
        intervals: the same with bounds by subject; only metrics that have bounds.
        level, draws: of the intervals.
        threshold: probability from which an action unit counts as predicted.
        folds: name of a fold -> scores on it; empty where there is one.
        groups: what was divided by -> name of the group -> scores.
        group_sizes: the same -> numbers of persons and of frames.
        conditions: visible part of the face -> scores (ARL Table 12); empty if not requested.
        relations: between action units.
        reliability: (bins, 3) frames, mean probability, share of positives, over all action units.
        positive_subjects: AU name -> number of persons with a positive frame, on whom F1 and the areas rest.
        landmarks: None where the network locates none.
        protocol: what the data were divided by, or None.
        dataset: name of the data set that was tested.
        synthetic: whether the faces are rendered.
        about: facts of the predictions.
        notes: what a reader must know: subjects that were missing, checks that could not be made.
    """

    action_units: tuple[int, ...]
    persons: int
    frames: int
    recordings: int
    scores: Scores
    intervals: Mapping[str, Mapping[str, Interval]]
    level: float
    draws: int
    threshold: float
    relations: Relations
    reliability: np.ndarray
    positive_subjects: Mapping[str, int] = field(default_factory=dict)
    landmarks: Landmarks | None = None
    folds: Mapping[str, Scores] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    group_sizes: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)
    conditions: Mapping[str, Scores] = field(default_factory=dict)
    protocol: Protocol | None = None
    dataset: str = ""
    synthetic: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """What the protocol scores, "occurrence" or "intensity"; without one, occurrence unless only intensities are known."""
        if self.protocol is not None:
            return self.protocol.target
        return "occurrence" if any(self.scores["frames"].values()) or "icc_3_1" not in self.scores else "intensity"

    def gain(self, metric: str) -> Gain:
        """Where a metric of ``GAINS`` is clearly above guessing: its lower bound by subject is above 0."""
        found = self.intervals.get(metric, {})
        low = {name: one.low for name, one in found.items() if one.low == one.low}
        units = [au_name(unit) for unit in self.action_units]
        return Gain(
            above=tuple(name for name in units if low.get(name, 0.0) > 0),
            not_above=tuple(name for name in units if name in low and low[name] <= 0),
            unknown=tuple(name for name in units if name not in low),
            mean=low["mean"] > 0 if "mean" in low else None,
        )

    def fold_mean(self, metric: str) -> dict[str, float]:
        """Mean over the folds of one metric, AU name or "mean" -> value; folds where it is undefined do not count."""
        rows = {au_name(unit): [fold[metric][au_name(unit)] for fold in self.folds.values()] for unit in self.action_units}
        means = {name: nan_mean(values) for name, values in rows.items()}
        return means | {"mean": nan_mean(means.values())}

    def fold_deviation(self, metric: str) -> dict[str, float]:
        """Standard deviation (n - 1) over the folds; nan with fewer than two defined folds."""
        names = [*(au_name(unit) for unit in self.action_units), "mean"]
        rows = {name: np.array([fold[metric][name] for fold in self.folds.values()]) for name in names}
        known = {name: values[~np.isnan(values)] for name, values in rows.items()}
        return {name: float(values.std(ddof=1)) if len(values) > 1 else float("nan") for name, values in known.items()}


def evaluate(
    predictions: Predictions,
    protocol: Protocol | None = None,
    *,
    per: Sequence[str] = (),
    conditions: Mapping[str, Predictions] | None = None,
    threshold: float = 0.5,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    notes: Iterable[str] = (),
) -> Evaluation:
    """Score predictions.

    Args:
        predictions: N frames. With an attribute "fold" of several values, scores by fold are added.
        protocol: its target, metrics and citation head the report; its action units must be those of the predictions unless
            the test set is scored on fewer.
        per: what to divide by as well: "pose", "subject", "skin_tone", "occlusion", "view", "task" or any attribute.
        conditions: visible part of the face -> predictions on the same frames (``occlusion.CONDITIONS``).
        threshold: probability from which an action unit counts as predicted.
        draws: bootstrap draws of subjects for the intervals; 0 for none.
        level: confidence level.
        seed: of the draws.
        notes: for the reader of the report.

    Raises:
        InputError: no frame, no known label, action units that are not those of the protocol, or an unknown fact to divide by.
    """
    if not len(predictions):
        raise InputError("there is no frame to evaluate")
    if protocol is not None and protocol.target == "intensity" and predictions.intensity is None:
        raise InputError(f"protocol {protocol.name} scores intensities, the network predicts none; take a network with intensities")
    if not (predictions.occurrence_known.any() or (predictions.intensity is not None and predictions.intensity_known.any())):
        raise InputError(
            f"none of the {len(predictions):,} frames has a known label of AUs {', '.join(map(str, predictions.action_units))}; "
            "there is nothing to score them by"
        )
    dataset = _dataset_name(predictions)
    notes = [*notes, *_unit_notes(predictions, protocol, dataset)]
    scores = score(predictions, threshold)
    drawn = SubjectDraws(predictions.person, draws=draws, level=level, seed=seed)
    if len(drawn.names) < 2:
        notes.append("One subject: no confidence interval by subject can be given.")
    elif draws:
        notes += few_subjects(len(drawn.names))
    divided = {by: groups_of(predictions, by) for by in per}
    folds = groups_of(predictions, "fold") if "fold" in predictions.attributes else {}
    return Evaluation(
        action_units=predictions.action_units,
        persons=len(drawn.names),
        frames=len(predictions),
        recordings=len(np.unique(predictions.recording)),
        scores=scores,
        intervals=_intervals(predictions, scores, drawn, threshold) if draws else {},
        level=level,
        draws=draws,
        threshold=threshold,
        relations=_relations(predictions, threshold),
        reliability=_reliability(predictions),
        positive_subjects=_positive_subjects(predictions),
        landmarks=_landmarks(predictions, drawn),
        folds=_each(predictions, folds, threshold) if len(folds) > 1 else {},
        groups={by: _each(predictions, rows_of, threshold) for by, rows_of in divided.items()},
        group_sizes={
            by: {name: (len(np.unique(predictions.person[rows])), len(rows)) for name, rows in rows_of.items()}
            for by, rows_of in divided.items()
        },
        conditions={name: score(one, threshold) for name, one in (conditions or {}).items()},
        protocol=protocol,
        dataset=dataset,
        synthetic=predictions.synthetic,
        about=predictions.about,
        notes=tuple(notes),
    )


def score(predictions: Predictions, threshold: float = 0.5) -> Scores:
    """All metrics of predictions per action unit, without intervals."""
    metrics = AUMetrics(predictions.action_units, threshold=threshold)
    intensities = {
        "intensity": predictions.intensity,
        "true_intensity": predictions.true_intensity,
        "intensity_known": predictions.intensity_known,
    }
    graded = predictions.intensity is not None
    metrics.update(predictions.probability, predictions.occurrence, predictions.occurrence_known, **(intensities if graded else {}))
    return metrics.compute()


def _positive_subjects(predictions: Predictions) -> dict[str, int]:
    present = predictions.occurrence.astype(bool) & predictions.occurrence_known
    return {au_name(unit): len(np.unique(predictions.person[present[:, k]])) for k, unit in enumerate(predictions.action_units)}


def few_subjects(persons: int) -> list[str]:
    """What a reader must know about intervals over few subjects."""
    if persons >= FEW_SUBJECTS:
        return []
    return [f"Only {persons} subjects: intervals drawn from so few are too narrow; take their bounds with care."]


def _dataset_name(predictions: Predictions) -> str:
    if "dataset" in predictions.attributes:
        return "+".join(np.unique(predictions.attributes["dataset"].astype(str)).tolist())
    return str(predictions.about.get("dataset", ""))


def _unit_notes(predictions: Predictions, protocol: Protocol | None, dataset: str) -> list[str]:
    if protocol is None:
        return []
    wanted = protocol.evaluated_on(dataset)
    other = [unit for unit in predictions.action_units if unit not in wanted]
    if other:
        raise InputError(
            f"the predictions are of AUs {', '.join(map(str, predictions.action_units))}, but protocol {protocol.name} scores AUs "
            f"{', '.join(map(str, wanted))} on {dataset or 'its data'}; choose the protocol that belongs to them"
        )
    left = [unit for unit in wanted if unit not in predictions.action_units]
    if left:
        names = ", ".join(map(au_name, left))
        return [f"{names} of the protocol are not predicted and not scored; means are over the {len(wanted) - len(left)} others."]
    return []


def _each(predictions: Predictions, rows_of: Mapping[str, np.ndarray], threshold: float) -> dict[str, Scores]:
    return {name: score(predictions.select(rows), threshold) for name, rows in rows_of.items()}


def _intervals(predictions: Predictions, scores: Scores, drawn: SubjectDraws, threshold: float) -> dict[str, dict[str, Interval]]:
    def occurrence_of(column: int) -> Mapping[str, np.ndarray]:
        known = predictions.occurrence_known[:, column]
        return occurrence_draws(drawn, predictions.occurrence[:, column], predictions.probability[:, column], known, threshold)

    return {
        **intervals_of(drawn, predictions.action_units, scores, occurrence_of),
        **_intensity_intervals(predictions, scores, drawn),
    }


def _intensity_intervals(predictions: Predictions, scores: Scores, drawn: SubjectDraws) -> dict[str, dict[str, Interval]]:
    guess = predictions.intensity
    if guess is None:
        return {}
    of_unit: Callable[[int], Mapping[str, np.ndarray]] = lambda column: intensity_draws(  # noqa: E731
        drawn, predictions.true_intensity[:, column], guess[:, column], predictions.intensity_known[:, column]
    )
    return intervals_of(drawn, predictions.action_units, scores, of_unit)


def _relations(predictions: Predictions, threshold: float) -> Relations:
    known, decided = predictions.occurrence_known, predictions.probability >= threshold
    truth, guess = relation_matrix(predictions.occurrence, known), relation_matrix(decided, known)
    return Relations(
        truth,
        guess,
        relation_distance(truth, guess),
        relation_distance(truth, guess, per_entry=True),
        int(np.triu(~np.isnan(truth) & ~np.isnan(guess), 1).sum()),
        dependency_f1(predictions.occurrence, decided, known),
    )


def _reliability(predictions: Predictions) -> np.ndarray:
    known = predictions.occurrence_known
    return functional.reliability(predictions.occurrence[known], predictions.probability[known], bins=RELIABILITY_BINS)


def _landmarks(predictions: Predictions, drawn: SubjectDraws) -> Landmarks | None:
    if predictions.landmark_error is None:
        return None
    errors = predictions.landmark_error.astype(np.float64)
    failed = np.where(np.isnan(errors), np.nan, errors > FAILURE)
    error, failure = (drawn.interval(nan_mean(values), mean_draws(drawn, values)) for values in (errors, failed))
    return Landmarks(error, failure, int((~np.isnan(errors)).sum()))


def nan_mean(values: Iterable[float]) -> float:
    """Mean of the defined values; nan without any."""
    known = np.array([value for value in values if value == value])
    return float(known.mean()) if len(known) else float("nan")

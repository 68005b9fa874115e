"""Whether two systems differ: the t-test as papers print it, and tests by subject, which can be trusted.

AUNet's Table XII gives t statistics near -27 and p below 1e-150 for "predictions" of two networks on BP4D. Numbers of that size
come from taking every frame as an independent trial; frames of one face are not. Next to it are the differences subject by
subject: a sign-flip test of each subject's F1, and an interval of the difference from draws of subjects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aufait.action_units import au_name
from aufait.errors import InputError
from aufait.evaluation.evaluate import Scores, score
from aufait.evaluation.predictions import Predictions, row_keys
from aufait.metrics.functional import f1_frame
from aufait.metrics.intervals import SubjectDraws, occurrence_draws
from aufait.metrics.significance import Interval, PairedTest, detectable_difference, paired_t_test, paired_test_by_subject

POWER = 0.8
"""Share of studies in which a difference should be found, as is usual."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two systems on the same frames; differences are second minus first.

    Attributes:
        first, second: names of the systems.
        action_units: AU numbers.
        scores: F1-frame of both, AU name or "mean" -> (first, second).
        areas: ROC area of both, in the same form.
        difference: F1 difference on all frames with its interval over draws of subjects.
        area_difference: the same of the ROC area.
        by_subject: sign-flip test of the subjects' F1; "mean" tests the subjects' mean over action units.
        detectable: smallest true difference of a subject's F1 that this test would find in ``POWER`` of such studies; infinite
            where it could find none, nan with fewer than two subjects.
        over_predictions: t-test over all known pairs of frame and action unit, of the probabilities (our reading of AUNet
            Table XII).
        over_units: t-test over the action units' F1.
        frames, persons: what it is based on.
        level: of the intervals.
        synthetic: whether the faces are rendered.
        about: facts of the predictions of both.
    """

    first: str
    second: str
    action_units: tuple[int, ...]
    scores: Mapping[str, tuple[float, float]]
    areas: Mapping[str, tuple[float, float]]
    difference: Mapping[str, Interval]
    area_difference: Mapping[str, Interval]
    by_subject: Mapping[str, PairedTest]
    detectable: Mapping[str, float]
    over_predictions: PairedTest
    over_units: PairedTest
    frames: int
    persons: int
    level: float
    synthetic: bool
    about: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})


def compare(
    first: Predictions,
    second: Predictions,
    *,
    names: tuple[str, str] | None = None,
    threshold: float = 0.5,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Test whether two systems differ in F1-frame.

    Args:
        first, second: predictions on the same frames in any order, with the same action units and labels.
        names: of the systems; those of their models if None.
        threshold: probability from which an action unit counts as predicted.
        draws: bootstrap draws of subjects.
        level: confidence level.
        seed: of the draws.

    Raises:
        InputError: other frames, action units or labels.
    """
    second = _matched(first, second)
    names = names or (_name(first, "first"), _name(second, "second"))
    drawn = SubjectDraws(first.person, draws=draws, level=level, seed=seed)
    both = (first, second)
    tables = [score(one, threshold) for one in both]
    scores, areas = ([one[metric] for one in tables] for metric in ("f1_frame", "roc_area"))
    units = [*(au_name(unit) for unit in first.action_units), "mean"]
    known = first.occurrence_known
    unit_scores = [np.array([one[name] for name in units[:-1]]) for one in scores]
    differences = _differences(both, tables, drawn, threshold)
    by_subject = _by_subject(both, threshold)
    return Comparison(
        first=names[0],
        second=names[1],
        action_units=first.action_units,
        scores={name: (scores[0][name], scores[1][name]) for name in units},
        areas={name: (areas[0][name], areas[1][name]) for name in units},
        difference=differences["f1_frame"],
        area_difference=differences["roc_area"],
        by_subject=by_subject,
        detectable={name: _detectable(test) for name, test in by_subject.items()},
        over_predictions=paired_t_test(first.probability[known], second.probability[known]),
        over_units=paired_t_test(*unit_scores),
        frames=len(first),
        persons=len(drawn.names),
        level=level,
        synthetic=first.synthetic or second.synthetic,
        about=(first.about, second.about),
    )


def _name(predictions: Predictions, default: str) -> str:
    return str(predictions.about.get("model") or default)


def _matched(first: Predictions, second: Predictions) -> Predictions:
    """The second predictions with rows and columns in the order of the first."""
    if set(first.action_units) != set(second.action_units):
        raise InputError(
            f"the two predictions are of AUs {', '.join(map(str, first.action_units))} and "
            f"{', '.join(map(str, second.action_units))}; only the same can be compared"
        )
    second = second.with_action_units(first.action_units)
    keys, others = row_keys(first), row_keys(second)
    order, other_order = np.argsort(keys), np.argsort(others)
    if not np.array_equal(keys[order], others[other_order]):
        shared = len(np.intersect1d(keys, others))
        raise InputError(
            f"the two predictions must be of the same frames, got {len(keys):,} and {len(others):,} with {shared:,} in common; "
            "evaluate both on the same part of the same data"
        )
    rows = np.empty(len(keys), np.int64)
    rows[order] = other_order
    second = second.select(rows)
    same = np.array_equal(first.occurrence_known, second.occurrence_known) and np.array_equal(
        first.occurrence[first.occurrence_known], second.occurrence[first.occurrence_known]
    )
    if not same:
        raise InputError("the two predictions carry different labels for the same frames; evaluate both with one protocol")
    return second


def _differences(
    both: tuple[Predictions, Predictions], tables: Sequence[Scores], drawn: SubjectDraws, threshold: float
) -> dict[str, dict[str, Interval]]:
    """Metric -> AU name or "mean" -> difference with its interval; the same draws for both systems."""
    drawn_scores = [
        [
            occurrence_draws(drawn, one.occurrence[:, k], one.probability[:, k], one.occurrence_known[:, k], threshold)
            for k in range(len(one.action_units))
        ]
        for one in both
    ]
    names = [au_name(unit) for unit in both[0].action_units]
    found = {}
    for metric in ("f1_frame", "roc_area"):
        first, second = (np.stack([unit[metric] for unit in one], axis=1) for one in drawn_scores)
        table = second - first  # (D, A)
        defined = ~np.isnan(table)
        with np.errstate(invalid="ignore"):
            mean = np.where(defined, table, 0.0).sum(axis=1) / defined.sum(axis=1)
        gains = {name: tables[1][metric][name] - tables[0][metric][name] for name in (*names, "mean")}
        found[metric] = {name: drawn.interval(gains[name], table[:, k]) for k, name in enumerate(names)}
        found[metric]["mean"] = drawn.interval(gains["mean"], mean)
    return found


def _detectable(test: PairedTest) -> float:
    return detectable_difference(test.differences, power=POWER) if len(test.differences) > 1 else float("nan")


def _by_subject(both: tuple[Predictions, Predictions], threshold: float) -> dict[str, PairedTest]:
    def f1(rows: np.ndarray, system: int, column: int) -> float:
        one = both[system]
        own = rows[one.occurrence_known[rows, column]]
        # Without a positive frame a subject's F1 would only say whether there was a false alarm.
        if not one.occurrence[own, column].any():
            return float("nan")
        return f1_frame(one.occurrence[own, column], one.probability[own, column] >= threshold)

    def mean_f1(rows: np.ndarray, system: int) -> float:
        values = np.array([f1(rows, system, column) for column in range(len(both[0].action_units))])
        return float(values[~np.isnan(values)].mean()) if (~np.isnan(values)).any() else float("nan")

    subjects = both[0].person
    found = {
        au_name(unit): paired_test_by_subject(lambda rows, system, k=column: f1(rows, system, k), subjects)  # type: ignore[misc]
        for column, unit in enumerate(both[0].action_units)
    }
    return found | {"mean": paired_test_by_subject(mean_f1, subjects)}



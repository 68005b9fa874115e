"""Scores of action units on few labelled faces: pure functions, arrays in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.metrics import Interval, SubjectDraws, calibration_error, f1_frame, occurrence_draws, roc_area

MIN_POSITIVES = 5
"""Action units with fewer positives are shown, but do not enter the means."""
THRESHOLD = 0.5


@dataclass(frozen=True)
class UnitScore:
    """Scores of one action unit; intervals are over draws of groups (people or clips)."""

    name: str
    positives: int
    negatives: int
    f1: Interval
    f1_left_out: float
    roc: Interval
    calibration_error: float


@dataclass(frozen=True)
class Scores:
    """All units, and the means over those with at least ``MIN_POSITIVES`` positives (nan where there is none)."""

    units: tuple[UnitScore, ...]
    f1: Interval
    f1_left_out: float
    roc: Interval

    @property
    def counted(self) -> tuple[UnitScore, ...]:
        """The units that the means are over."""
        return tuple(unit for unit in self.units if unit.positives >= MIN_POSITIVES)


def score_units(names: Sequence[str], truth: np.ndarray, probability: np.ndarray, groups: Sequence[str]) -> Scores:
    """Scores of A action units on N faces.

    Args:
        names: A names.
        truth: (N, A) 1, 0 or nan (cannot tell).
        probability: (N, A) in [0, 1]; 0 where the face was not found.
        groups: (N,) person or clip of each face.
    """
    draws = SubjectDraws(groups)
    units, drawn = [], []
    for column, name in enumerate(names):
        known = ~np.isnan(truth[:, column])
        rows = np.flatnonzero(known)
        present, score = truth[rows, column] == 1, probability[rows, column]
        of_draws = occurrence_draws(draws, np.nan_to_num(truth[:, column]), probability[:, column], known, THRESHOLD)
        guess = left_out_decisions(score, present, np.asarray(groups)[rows])
        units.append(
            UnitScore(
                name=name,
                positives=int(present.sum()),
                negatives=int((~present).sum()),
                f1=draws.interval(f1_frame(present, score >= THRESHOLD), of_draws["f1_frame"]),
                f1_left_out=f1_frame(present, guess),
                roc=draws.interval(roc_area(present, score), of_draws["roc_area"]),
                calibration_error=calibration_error(present, score),
            )
        )
        drawn.append((of_draws["f1_frame"], of_draws["roc_area"]))
    counted = [k for k, unit in enumerate(units) if unit.positives >= MIN_POSITIVES]
    if not counted:
        nothing = Interval(math.nan, math.nan, math.nan, 0.0)
        return Scores(tuple(units), nothing, math.nan, nothing)
    f1, roc = (np.stack([drawn[k][place] for k in counted], axis=1) for place in (0, 1))  # (D, counted)
    return Scores(
        units=tuple(units),
        f1=draws.interval(float(np.mean([units[k].f1.value for k in counted])), _row_means(f1)),
        f1_left_out=float(np.mean([units[k].f1_left_out for k in counted])),
        roc=draws.interval(float(np.mean([units[k].roc.value for k in counted])), _row_means(roc)),
    )


def best_threshold(score: np.ndarray, present: np.ndarray) -> float:
    """The threshold with the best F1 on (N,) scores: the lowest score, or halfway between two neighbours; ties: the lowest."""
    values = np.unique(score)
    cuts = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    f1 = [_f1_or_zero(present, score >= cut) for cut in cuts]
    return float(cuts[int(np.argmax(f1))])


def left_out_decisions(score: np.ndarray, present: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Decisions of (N,) faces, each with the best threshold of all other groups; no face where there is no other group."""
    said = np.zeros(len(score), bool)
    for group in np.unique(groups):
        out = groups == group
        if not out.all():
            said[out] = score[out] >= best_threshold(score[~out], present[~out])
    return said


@dataclass(frozen=True)
class Share:
    """So many of so many, with Wilson's 95 % interval."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        """hits / total; nan without any."""
        return self.hits / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval, which stays sensible at 0 and at all."""
        if not self.total:
            return math.nan, math.nan
        n, p, z = self.total, self.value, 1.959964
        centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (centre - half) / (1 + z * z / n)), min(1.0, (centre + half) / (1 + z * z / n))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.hits}/{self.total} = {100 * self.value:.1f} % ({100 * low:.0f}-{100 * high:.0f})"


def share(hits: np.ndarray | Sequence[bool]) -> Share:
    """Share of the true ones among (N,) truth values."""
    values = np.asarray(hits, bool)
    return Share(int(values.sum()), len(values))


def verdict(name: str, value: float, bar: float, *, at_most: bool = False) -> str:
    """One line for a bar: ``reached`` or ``NOT reached``; nan never reaches one."""
    reached = value <= bar if at_most else value >= bar
    sign = "<=" if at_most else ">="
    return f"bar: {name} {sign} {bar:g}: {value:.3f} {'reached' if reached else 'NOT reached'}"


def _row_means(table: np.ndarray) -> np.ndarray:
    """(D, A) -> (D,) means over the defined entries; nan where none is."""
    known = ~np.isnan(table)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, table, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _f1_or_zero(present: np.ndarray, said: np.ndarray) -> float:
    value = f1_frame(present, said)
    return 0.0 if math.isnan(value) else value

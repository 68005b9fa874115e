"""Sums that every measure of agreement follows from, by cells of time.

They add over time, recordings and persons: a thousand draws of a bootstrap are one product of matrices, and no frame is read twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from aufait.analysis.agreement.rater import Codes, Stretch
from aufait.metrics.agreement import category_counts, confusion_codes, moments

LEVELS = 6
"""Absent and A to E."""

CLOUD = (20, 40)
"""Cells of a Bland-Altman plot: means 0 to 5, differences -5 to 5, in quarters of a level."""


class PairColumns(NamedTuple):
    """Where the sums of two raters are, in the last dimension."""

    presence: slice = slice(0, 4)
    left_out: slice = slice(4, 5)
    levels: slice = slice(5, 41)
    moments: slice = slice(41, 47)
    events: slice = slice(47, 53)
    """Events of the first and second; of each those that have a partner by shared time; of each those that have one by onset."""
    width: int = 53


class JointColumns(NamedTuple):
    """Where the sums of three raters or more are, in the last dimension."""

    complete: slice = slice(0, 1)
    """Frames that all scored."""
    pairs: slice = slice(1, 5)
    complete_pairs: slice = slice(5, 9)
    complete_totals: slice = slice(9, 11)
    level_pairs: slice = slice(11, 47)
    width: int = 47


PAIR, JOINT = PairColumns(), JointColumns()


@dataclass(frozen=True)
class Cells:
    """Cells of time of one length, one after the other."""

    start: float
    length: float
    count: int

    @classmethod
    def over(cls, times: np.ndarray, length: float) -> Cells:
        """Cells from the first to the last of (F,) ascending times."""
        return cls(float(times[0]), length, int((times[-1] - times[0]) / length) + 1)

    def of(self, times: np.ndarray | Sequence[float]) -> np.ndarray:
        """(F,) the cell of each time; those outside belong to the first or last."""
        place = (np.asarray(times, np.float64) - self.start) / self.length + 1e-9
        return np.clip(place.astype(np.int64), 0, self.count - 1)


def frame_sums(first: Codes, second: Codes, cell: np.ndarray, cells: int) -> np.ndarray:
    """(cells, ``PAIR.events.start``) sums over the frames of two raters of one action unit.

    Args:
        cell: (F,) cell of each frame.
    """
    both = np.isfinite(first.present) & np.isfinite(second.present)
    graded = np.isfinite(first.intensity) & np.isfinite(second.intensity)
    said = confusion_codes(first.present[both], second.present[both])
    x, y = first.intensity[graded], second.intensity[graded]
    parts = [
        _tallied(cell[both], said, cells, 4),
        _tallied(cell[~both], np.zeros(int((~both).sum()), np.int64), cells, 1),
        _tallied(cell[graded], confusion_codes(as_levels(x), as_levels(y), LEVELS), cells, LEVELS**2),
        _summed(cell[graded], moments(x, y), cells),
    ]
    return np.concatenate(parts, axis=1)


def event_sums(
    first: Sequence[Stretch], second: Sequence[Stretch], by_time: Sequence[tuple[int, int]], by_onset: Sequence[tuple[int, int]],
    cells: Cells,
) -> np.ndarray:  # fmt: skip
    """(cells, 6) events, each in the cell of its middle: all of the first and second, then those with a partner."""
    all_places = [cells.of([(one.onset + one.offset) / 2 for one in events]) for events in (first, second)]
    places = list(all_places)
    for pairs in (by_time, by_onset):
        places += [all_places[side][[pair[side] for pair in pairs]] if pairs else all_places[side][:0] for side in (0, 1)]
    return np.stack([np.bincount(place, minlength=cells.count) for place in places], axis=1).astype(np.float64)


def cloud(first: Codes, second: Codes) -> np.ndarray:
    """``CLOUD`` numbers of frames by mean and difference, second minus first."""
    graded = np.isfinite(first.intensity) & np.isfinite(second.intensity)
    x, y = first.intensity[graded], second.intensity[graded]
    column = np.clip(((x + y) * 2).astype(np.int64), 0, CLOUD[0] - 1)
    row = np.clip(np.floor((y - x) * 4 + CLOUD[1] / 2).astype(np.int64), 0, CLOUD[1] - 1)
    return np.bincount(column * CLOUD[1] + row, minlength=CLOUD[0] * CLOUD[1]).reshape(CLOUD)


def joint_sums(codes: Sequence[Codes], cell: np.ndarray, cells: int) -> np.ndarray:
    """(cells, ``JOINT.width``) sums over the frames of all raters of one action unit."""
    present = np.stack([one.present for one in codes], axis=1)  # (F, R)
    levels = np.stack([as_levels(one.intensity) for one in codes], axis=1)
    complete = np.isfinite(present).all(1)
    counts = category_counts(present[complete], 2)
    parts = [
        _tallied(cell[complete], np.zeros(int(complete.sum()), np.int64), cells, 1),
        _coincident(cell, present, 2, cells),
        _coincident(cell[complete], present[complete], 2, cells),
        _summed(cell[complete], counts, cells),
        _coincident(cell, levels, LEVELS, cells),
    ]
    return np.concatenate(parts, axis=1)


def as_levels(intensity: np.ndarray) -> np.ndarray:
    """Whole levels 0 to 5 of intensities; nan stays."""
    return np.clip(np.rint(intensity), 0, LEVELS - 1)


def _coincident(cell: np.ndarray, ratings: np.ndarray, classes: int, cells: int) -> np.ndarray:
    """(cells, classes²) coincidences of (F, R) ratings, as ``metrics.agreement.coincidences`` has them frame by frame."""
    given = np.isfinite(ratings)
    weight = 1 / np.maximum(given.sum(1) - 1, 1)
    found = np.zeros((cells, classes, classes))
    for one, other in combinations(range(ratings.shape[1]), 2):
        both = given[:, one] & given[:, other]
        codes = confusion_codes(ratings[both, one], ratings[both, other], classes) + cell[both] * classes**2
        sums = np.bincount(codes, weights=weight[both], minlength=cells * classes**2).reshape(cells, classes, classes)
        found += sums + sums.swapaxes(1, 2)
    return found.reshape(cells, classes**2)


def _tallied(cell: np.ndarray, code: np.ndarray, cells: int, codes: int) -> np.ndarray:
    return np.bincount(cell * codes + code, minlength=cells * codes).reshape(cells, codes).astype(np.float64)


def _summed(cell: np.ndarray, values: np.ndarray, cells: int) -> np.ndarray:
    return np.stack([np.bincount(cell, weights=column, minlength=cells) for column in values.T], axis=1)

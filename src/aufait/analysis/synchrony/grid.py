"""The scores of two faces at common, even times. What was missing stays missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.analysis.frame_ends import EVEN_FRAMES
from aufait.analysis.labels import UnitLabel
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError


@dataclass(frozen=True, eq=False)
class Pair:
    """Scores of two faces on one grid.

    Attributes:
        start: seconds of the first value, in the clock of the first face's recording.
        step: seconds from value to value.
        first, second: (N,) float64, NaN where the face was not seen.
        label: the action unit.
        kind: "intensity", "probability" or "occurrence".
    """

    start: float
    step: float
    first: np.ndarray
    second: np.ndarray
    label: str = ""
    kind: str = "intensity"

    @property
    def times(self) -> np.ndarray:
        """(N,) seconds."""
        return self.start + self.step * np.arange(len(self.first))


def resample(times: np.ndarray, values: np.ndarray, grid: np.ndarray, reach: float) -> np.ndarray:
    """Values at other times, on straight lines between neighbours; NaN wherever a value is missing near by.

    Args:
        times: (N,) seconds, rising.
        values: (N,); NaN is missing.
        grid: (M,) seconds, evenly spaced. Where it is coarser than the values, each point is the mean of those nearest to it.
        reach: neighbours further apart than this many seconds have missing time between them.

    Returns:
        (M,) float64.
    """
    known = np.isfinite(values)
    if not known.any() or not len(grid):
        return np.full(len(grid), np.nan)
    times, values = times[known], values[known].astype(np.float64)
    step = float(grid[1] - grid[0]) if len(grid) > 1 else 0.0
    if step > reach:
        return _means(times, values, grid, step)
    after = np.searchsorted(times, grid, side="left").clip(0, len(times) - 1)
    before = np.where(times[after] > grid, after - 1, after).clip(0)
    inside = (grid >= times[0]) & (grid <= times[-1] + reach / 2) & (times[after] - times[before] <= reach * (1 + 1e-6))
    return np.where(inside, np.interp(grid, times, values), np.nan)


def _means(times: np.ndarray, values: np.ndarray, grid: np.ndarray, step: float) -> np.ndarray:
    """Mean of the values within half a step of each point of the grid."""
    place = np.floor((times - grid[0]) / step + 0.5).astype(np.int64)
    inside = (place >= 0) & (place < len(grid))
    count = np.bincount(place[inside], minlength=len(grid))
    total = np.bincount(place[inside], values[inside], minlength=len(grid))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def pair_scores(
    first: ScoreTable,
    second: ScoreTable,
    label: UnitLabel,
    *,
    kind: str | None = None,
    rate: float | None = None,
    offset: float = 0.0,
    min_quality: float = 0.3,
) -> Pair:
    """One action unit of two faces over the time in which both recordings run.

    Args:
        first, second: rows of one face each, of one recording or of two.
        label: action unit, or one side of it.
        kind: "intensity", "probability" or "occurrence"; None for the first that both have.
        rate: values per second; None for the rate of the slower recording.
        offset: seconds to add to the second recording's times, where its clock starts at another moment.
        min_quality: frames below are missing.

    Raises:
        InputError: no common scores, no common time, or a rate that is no positive number.
    """
    kind = _common_kind(first, second, label, kind)
    slower = max(first.frame_distance, second.frame_distance)
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise InputError(f"the rate must be a positive number of values per second, got {rate}")
    step = 1.0 / rate if rate else slower
    if not step or not len(first) or not len(second):
        raise InputError(f"{first.name} and {second.name}: a face that is seen in fewer than two frames has no course over time")
    start = max(first.time[0], second.time[0] + offset)
    end = min(first.time[-1], second.time[-1] + offset)
    if end <= start:
        raise InputError(
            f"{first.name} (face seen {first.time[0]:.2f} to {first.time[-1]:.2f} s) and {second.name} ({second.time[0]:.2f} to "
            f"{second.time[-1]:.2f} s, moved by {offset:g} s) have no time in common; give the offset of their clocks"
        )
    grid = start + step * np.arange(int((end - start) / step + 1e-6) + 1)
    columns = []
    for table, moved in ((first, 0.0), (second, offset)):
        scores = label.scores(table, kind)
        assert scores is not None  # both have this kind
        values = np.where(table.quality < min_quality, np.nan, scores)
        columns.append(resample(table.time + moved, values, grid, EVEN_FRAMES * table.frame_distance))
    return Pair(float(start), step, columns[0], columns[1], str(label), kind)


def _common_kind(first: ScoreTable, second: ScoreTable, label: UnitLabel, kind: str | None) -> str:
    there = [one for one in label.kinds(first) if one in label.kinds(second)]
    if (kind is None and not there) or (kind is not None and kind not in there):
        have = "; ".join(f"{table.name} has {', '.join(label.kinds(table)) or 'none'}" for table in (first, second))
        raise InputError(f"{label}: both faces need {kind or 'the same kind of'} scores; {have}")
    return kind or there[0]

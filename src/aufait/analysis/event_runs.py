"""The rule itself, on plain arrays: where values of one face, over many columns at once, run above the thresholds.

All columns are laid end to end as one list of the values that exist, so that no loop runs over frames or columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from aufait.analysis.event_rule import EventRule
from aufait.analysis.running_median import running_median

_EPSILON = 1e-6  # seconds; two sums of frame distances may differ in the last digit


@dataclass(frozen=True, eq=False)
class Runs:
    """R events of one face, ordered by column, then time.

    Attributes:
        column: (R,) int.
        onset, apex, offset: (R,) float64 seconds.
        peak, mean: (R,) float64.
        frames: (R,) int, values in it.
        open_start, open_end: (R,) bool.
    """

    column: np.ndarray
    onset: np.ndarray
    apex: np.ndarray
    offset: np.ndarray
    peak: np.ndarray
    mean: np.ndarray
    frames: np.ndarray
    open_start: np.ndarray
    open_end: np.ndarray

    def lists(self) -> list[list[Any]]:
        """The nine attributes as plain values."""
        return [getattr(self, one.name).tolist() for one in fields(self)]


def find_runs(time: np.ndarray, end: np.ndarray, values: np.ndarray, rule: EventRule, kind: str) -> Runs:
    """Events in the values of one face.

    Args:
        time: (n,) seconds of the rows, ascending.
        end: (n,) seconds until which each row's frame lasts.
        values: (n, C); NaN where unknown.
    """
    if rule.smooth > 0:
        values = running_median(time, values, rule.smooth)
    columns, rows = np.nonzero(np.isfinite(values.T))
    if not len(rows):
        return Runs(*(np.zeros(0) for _ in range(9)))
    value, begins, ends = values[rows, columns], time[rows], end[rows]
    seen_anew = _changes(columns) | np.append(True, begins[1:] - ends[:-1] > rule.bridge + _EPSILON)
    state = _hysteresis(value, seen_anew, *rule.thresholds(kind))
    first, last = _bridged(*_edges(state, seen_anew), begins, ends, np.cumsum(seen_anew), rule.bridge)
    long_enough = ends[last] - begins[first] >= rule.min_duration - _EPSILON
    return _measured(first[long_enough], last[long_enough], columns, begins, ends, value, seen_anew)


def _changes(columns: np.ndarray) -> np.ndarray:
    return np.append(True, columns[1:] != columns[:-1])


def _hysteresis(value: np.ndarray, seen_anew: np.ndarray, on: float, off: float) -> np.ndarray:
    """(m,) bool: from the first value at ``on`` to the last before one below ``off``; starts afresh where the face is seen anew."""
    decided = (value >= on) | (value < off) | seen_anew
    latest = np.maximum.accumulate(np.where(decided, np.arange(len(value)), 0))
    state: np.ndarray = (value >= on)[latest]
    return state


def _edges(state: np.ndarray, seen_anew: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last place of each run of true values that no new sighting cuts."""
    starts = state & (seen_anew | np.append(True, ~state[:-1]))
    stops = state & np.append(seen_anew[1:] | ~state[1:], True)
    return np.flatnonzero(starts), np.flatnonzero(stops)


def _bridged(
    first: np.ndarray, last: np.ndarray, begins: np.ndarray, ends: np.ndarray, sighting: np.ndarray, bridge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Runs of one sighting with at most ``bridge`` seconds between them become one; without a ``bridge`` they stay apart."""
    if len(first) < 2 or bridge == 0:
        return first, last
    joined = (sighting[first[1:]] == sighting[last[:-1]]) & (begins[first[1:]] - ends[last[:-1]] <= bridge + _EPSILON)
    return first[np.append(True, ~joined)], last[np.append(~joined, True)]


def _measured(
    first: np.ndarray, last: np.ndarray, columns: np.ndarray, begins: np.ndarray, ends: np.ndarray, value: np.ndarray,
    seen_anew: np.ndarray,
) -> Runs:  # fmt: skip
    frames = last - first + 1
    members = np.repeat(first, frames) + np.arange(frames.sum()) - np.repeat(np.cumsum(frames) - frames, frames)
    starts = np.cumsum(frames) - frames
    inside = value[members].astype(np.float64)
    peak = np.maximum.reduceat(inside, starts) if len(first) else inside
    total = np.add.reduceat(inside, starts) if len(first) else inside
    at_peak = np.where(inside == np.repeat(peak, frames), members, len(value))
    apex = np.minimum.reduceat(at_peak, starts) if len(first) else at_peak
    cut_after = np.append(seen_anew[1:], True)
    return Runs(
        columns[first], begins[first], begins[apex], ends[last], peak, total / frames, frames, seen_anew[first], cut_after[last]
    )

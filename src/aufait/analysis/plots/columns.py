"""Rows of a face, reduced to as many columns of time as a picture has. No loop runs over frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.visualization.findings.chart import ABSENT, POOR, USABLE

MOST_COLUMNS = 960
"""Columns of a timeline: one for each pixel or so."""

_BINS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400,
)  # fmt: skip
_MOST_BINS = 250
_EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Reduced:
    """One face in C columns.

    Attributes:
        mean, high: (C, R) over the usable frames that begin in a column, or that last into it where none begins; NaN without.
        state: (C,) ``ABSENT``, ``POOR`` or ``USABLE``.
    """

    mean: np.ndarray
    high: np.ndarray
    state: np.ndarray


def timeline_edges(times: np.ndarray, ends: np.ndarray, start: float, end: float) -> tuple[np.ndarray, bool]:
    """Edges of columns, and whether several frames may share one.

    Args:
        times: (F,) of the frames that are drawn, ascending.
        ends: (F,) seconds until which each lasts.
        start, end: seconds that are drawn.
    """
    if len(times) > MOST_COLUMNS:
        return np.linspace(start, end, MOST_COLUMNS + 1), True
    edges = np.unique(np.concatenate([times, ends, [start, end]]).clip(start, end))
    return edges[np.append(True, np.diff(edges) > _EPSILON)], False


def bin_edges(start: float, end: float, distance: float, seconds: float | None = None) -> np.ndarray:
    """Edges of bins of equal length, a round number of seconds.

    Args:
        distance: usual seconds from frame to frame; bins are not shorter.
        seconds: length of the bins; None for one that gives some 100 to 250.
    """
    if seconds is None:
        least = max((end - start) / _MOST_BINS, distance - _EPSILON)
        seconds = next((step for step in _BINS if step >= least), least)
    count = max(1, int(np.ceil((end - start) / seconds - _EPSILON)))
    return np.append(start + seconds * np.arange(count), end)


def reduce(edges: np.ndarray, time: np.ndarray, end: np.ndarray, values: np.ndarray, usable: np.ndarray) -> Reduced:
    """Bring the rows of one face into columns.

    Args:
        edges: (C + 1,) seconds.
        time, end: (n,) of the rows, ascending; all of them in the time that is drawn.
        values: (n, R); NaN where unknown or not usable.
        usable: (n,) bool.
    """
    columns, rows = len(edges) - 1, values.shape[1]
    mean, high = np.full((columns, rows), np.nan), np.full((columns, rows), np.nan)
    state = np.full(columns, ABSENT, np.int8)
    if not len(time):
        return Reduced(mean, high, state)
    column = (np.searchsorted(edges, time + _EPSILON, side="right") - 1).clip(0, columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    filled = column[starts]
    known = np.isfinite(values)
    count = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    total = np.add.reduceat(np.where(known, values, 0), starts, axis=0, dtype=np.float64)
    mean[filled] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    high[filled] = np.fmax.reduceat(values, starts, axis=0)
    state[filled] = np.where(np.logical_or.reduceat(usable, starts), USABLE, POOR)
    _lasting(edges, time, end, values, usable, Reduced(mean, high, state))
    return Reduced(mean, high, state)


def _lasting(edges: np.ndarray, time: np.ndarray, end: np.ndarray, values: np.ndarray, usable: np.ndarray, into: Reduced) -> None:
    """Fill columns in which no frame begins from the frame that still lasts in them."""
    empty = np.flatnonzero(into.state == ABSENT)
    before = np.searchsorted(time, edges[empty] + _EPSILON, side="right") - 1
    lasts = (before >= 0) & (end[before.clip(0)] > edges[empty] + _EPSILON)
    empty, before = empty[lasts], before[lasts]
    into.mean[empty] = into.high[empty] = values[before]
    into.state[empty] = np.where(usable[before], USABLE, POOR)

"""The median of the values around each row, within a window of true time."""

from __future__ import annotations

import numpy as np

_EPSILON = 1e-6  # seconds
_FEW = 15
"""Windows of up to this many rows are sorted by comparing whole arrays, which is much quicker than sorting each."""


def running_median(time: np.ndarray, values: np.ndarray, window: float) -> np.ndarray:
    """(n, C) medians of the values that exist within half a window of each row; NaN stays NaN.

    Args:
        time: (n,) seconds, ascending.
        values: (n, C), NaN where unknown.
        window: seconds.
    """
    place = np.arange(len(time))
    before = place - np.searchsorted(time, time - window / 2 - _EPSILON)
    after = np.searchsorted(time, time + window / 2 + _EPSILON, side="right") - 1 - place
    smooth = np.full_like(values, np.nan)
    usual = int(np.median(before)) if len(time) else 0
    left = np.ones(len(time), bool)
    if usual > 0 and 2 * usual + 1 <= _FEW and len(time) > 2 * usual:
        left = _unlike(values, before, after, usual)
        inner = slice(usual, len(time) - usual)
        smooth[inner] = np.where(left[inner, None], smooth[inner], _middle(values, 2 * usual + 1))
    rows = np.flatnonzero(left)
    smooth[rows] = _one_by_one(values, rows, before[rows], after[rows])
    return smooth


def _unlike(values: np.ndarray, before: np.ndarray, after: np.ndarray, usual: int) -> np.ndarray:
    """(n,) bool: rows whose window has another number of rows than usual, or an unknown value."""
    unknown = np.append(0, np.cumsum(~np.isfinite(values).all(axis=1)))
    place = np.arange(len(values))
    found: np.ndarray = (before != usual) | (after != usual) | (unknown[place + after + 1] > unknown[place - before])
    return found


def _middle(values: np.ndarray, size: int) -> np.ndarray:
    """(n - size + 1, C) middle of ``size`` rows each, an odd number: the smallest ones are brought to the front, up to it."""
    count = len(values) - size + 1
    lines = [values[shift : shift + count] for shift in range(size)]
    for done in range(size // 2 + 1):
        for place in range(size - 1, done, -1):
            lower, upper = lines[place - 1], lines[place]
            lines[place - 1], lines[place] = np.minimum(lower, upper), np.maximum(lower, upper)
    return lines[size // 2]


def _one_by_one(values: np.ndarray, rows: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(R, C) medians for windows of any length, unknown values left out."""
    reach = int(max(before.max(initial=0), after.max(initial=0)))
    shifts = np.arange(-reach, reach + 1)
    inside = (shifts >= -before[:, None]) & (shifts <= after[:, None])
    near = np.clip(rows[:, None] + shifts, 0, max(len(values) - 1, 0))
    medians = np.full((len(rows), values.shape[1]), np.nan, values.dtype)
    for column in range(values.shape[1]):  # one at a time: the windows of all together would need much memory
        around = np.sort(np.where(inside, values[near, column], np.nan), axis=1)  # NaN last
        count = np.isfinite(around).sum(1)
        middle = np.stack([np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(shifts) - 1)], 1)
        picked = np.take_along_axis(around, middle, 1).mean(1)
        medians[:, column] = np.where(np.isfinite(values[rows, column]), picked, np.nan)
    return medians

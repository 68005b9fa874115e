"""The median of the quiet frames so far, in constant memory: counts of scores in fine steps, by the second."""

from __future__ import annotations

from collections import deque

import numpy as np

_BINS = 500
"""Steps from 0 to the largest score: 0.01 of an intensity."""


class RunningBaseline:
    """Baseline of one face in a stream. Scores are shares of their largest, 0 to 1.

    Args:
        columns: C scores per frame.
        memory: seconds that it looks back.
        quiet_share: quiet frames are this share of the frames in memory, the least active ones.
        least: quiet and other frames that have to be in memory before there is a baseline.
    """

    def __init__(self, columns: int, memory: float, quiet_share: float, least: float) -> None:
        self.columns, self.memory, self.quiet_share, self.least = columns, memory, quiet_share, least
        self._counts = np.zeros((columns, _BINS + 1), np.int64)
        self._activity = np.zeros(_BINS + 1, np.int64)
        self._kept: deque[tuple[float, np.ndarray, np.ndarray]] = deque()

    def level(self, time: float) -> np.ndarray:
        """(C,) baseline at a time from the frames before it; NaN where there are too few."""
        self._forget(time)
        if self._activity.sum() < self.least - 1e-6:
            return np.full(self.columns, np.nan, np.float32)
        return _quantile(self._counts, 0.5)

    def add(self, time: float, values: np.ndarray, activity: np.ndarray) -> None:
        """Take in some frames.

        Args:
            time: seconds of the first.
            values: (n, C) scores, NaN where unknown.
            activity: (n,) mean activity; NaN rows do not count.
        """
        known = np.isfinite(activity) & np.isfinite(values).any(1)
        seen = np.bincount(_bins(activity[known]), minlength=_BINS + 1)
        threshold = _quantile((self._activity + seen)[None], self.quiet_share)[0]
        quiet = values[known][_bins(activity[known]) <= np.round(threshold * _BINS)] if known.any() else values[:0]
        rows, columns = np.nonzero(np.isfinite(quiet))
        cells = columns * (_BINS + 1) + _bins(quiet[rows, columns])
        counts = np.bincount(cells, minlength=self._counts.size).reshape(self._counts.shape)
        self._counts += counts
        self._activity += seen
        self._kept.append((time, counts.astype(np.uint16), seen))

    def _forget(self, time: float) -> None:
        while self._kept and self._kept[0][0] < time - self.memory:
            _, counts, seen = self._kept.popleft()
            self._counts -= counts
            self._activity -= seen


def _bins(values: np.ndarray) -> np.ndarray:
    bins: np.ndarray = np.round(np.clip(values, 0, 1) * _BINS).astype(np.int64)
    return bins


def _quantile(counts: np.ndarray, share: float) -> np.ndarray:
    """(C,) smallest score at which a share of the counted ones is reached; NaN without any."""
    sums = counts.cumsum(1)
    total = sums[:, -1]
    place = (sums < np.maximum(np.ceil(total * share), 1)[:, None]).sum(1)
    return np.where(total > 0, place / _BINS, np.nan).astype(np.float32)

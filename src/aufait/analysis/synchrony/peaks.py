"""The lag at which each window fits best, and from all windows: who leads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.analysis.synchrony.correlation import LaggedCorrelation

TOGETHER = 1.0
"""A peak within this many values of lag 0 is neither lead nor lag."""


@dataclass(frozen=True, eq=False)
class Peaks:
    """Per window (W,).

    Attributes:
        r: highest correlation at any lag, NaN where there is none.
        lag: lag of the highest peak in values, between values by a parabola; NaN where no peak lies inside the range of lags.
        height: correlation at that peak.
    """

    r: np.ndarray
    lag: np.ndarray
    height: np.ndarray

    @property
    def leads(self) -> tuple[float, float, float]:
        """Shares of the windows with a peak in which the first leads, both move together, the second leads; NaN without peaks."""
        lags = self.lag[np.isfinite(self.lag)]
        if not len(lags):
            return (np.nan,) * 3
        first, second = float((lags > TOGETHER).mean()), float((lags < -TOGETHER).mean())
        return first, 1.0 - first - second, second


def find_peaks(found: LaggedCorrelation) -> Peaks:
    """Pick, of every window, the highest place that is higher than its neighbours and above 0.

    The ends of the range of lags are no peaks: what rises towards them has its peak elsewhere.
    """
    r = found.r.astype(np.float64)
    low = np.where(np.isfinite(r), r, -np.inf)
    best = low.max(axis=1)
    inner = low[:, 1:-1]
    is_peak = (inner >= low[:, :-2]) & (inner > low[:, 2:]) & (inner > 0)
    is_peak &= np.isfinite(low[:, :-2]) & np.isfinite(low[:, 2:])
    heights = np.where(is_peak, inner, -np.inf)
    if not heights.shape[1]:  # lag 0 alone was asked for
        nothing = np.full(len(r), np.nan)
        return Peaks(np.where(np.isfinite(best), best, np.nan), nothing, nothing)
    place = heights.argmax(axis=1)
    rows = np.arange(len(r))
    height = heights[rows, place]
    there = np.isfinite(height)
    place += 1
    before, here, after = (np.where(there, low[rows, place + shift], 0.0) for shift in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
    lag = np.where(there, found.lags[place] + np.clip(shift, -0.5, 0.5), np.nan)
    return Peaks(np.where(np.isfinite(best), best, np.nan), lag, np.where(there, height, np.nan))

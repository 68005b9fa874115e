"""Synchrony of two faces, tested against pairs that cannot be in time with each other.

A surrogate is the second course moved in a circle, or its segments shuffled: it moves as before, at other times. Missing
values move along. The p value is the share of surrogates, the real pair counted among them, that are at least as high.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aufait.analysis.synchrony.correlation import LaggedCorrelation, lagged_correlation
from aufait.analysis.synchrony.grid import Pair
from aufait.analysis.synchrony.peaks import Peaks, find_peaks
from aufait.errors import InputError

METHODS = ("circular", "segments")


@dataclass(frozen=True)
class SynchronySettings:
    """How two courses are compared; times in seconds.

    Attributes:
        window: length of a window.
        step: from window to window; None for half a window.
        max_lag: largest lead or lag.
        surrogates: how many; 0 leaves the test out.
        method: "circular" or "segments" (as long as a window with its lags).
        min_known: share of a window in which both faces must be known.
        seed: of the surrogates.
    """

    window: float = 10.0
    step: float | None = None
    max_lag: float = 3.0
    surrogates: int = 199
    method: str = "circular"
    min_known: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"surrogates are {' or '.join(METHODS)}, got {self.method!r}")
        if not (self.window > 0 and self.max_lag >= 0 and (self.step is None or self.step > 0) and self.surrogates >= 0):
            raise InputError("window and step must be positive, the lag and the number of surrogates not negative")
        if not 0 < self.min_known <= 1:
            raise InputError(f"the share of a window that must be known lies in (0, 1], got {self.min_known}")


@dataclass(frozen=True, eq=False)
class Synchrony:
    """What was found of one action unit.

    Attributes:
        pair: the two courses.
        correlation: window by window, lag by lag.
        peaks: of the windows.
        mean_peak: mean over windows of the highest correlation at any lag; NaN without a window that can be compared.
        p_peak: share of surrogates whose ``mean_peak`` is at least as high; NaN without surrogates.
        best_lag: seconds of the lag at which the mean over windows is highest; positive: the first face leads.
        best_r: that mean.
        p_lag: as ``p_peak``, for ``best_r``.
        zero_r: mean over windows at lag 0.
    """

    pair: Pair
    correlation: LaggedCorrelation
    peaks: Peaks
    mean_peak: float
    p_peak: float
    best_lag: float
    best_r: float
    p_lag: float
    zero_r: float

    @property
    def windows(self) -> int:
        """Windows that could be compared."""
        return int(np.isfinite(self.peaks.r).sum())

    @property
    def median_lag(self) -> float:
        """Median over windows of the lag of their peak, in seconds; NaN without peaks."""
        lags = self.peaks.lag[np.isfinite(self.peaks.lag)]
        return float(np.median(lags)) * self.pair.step if len(lags) else float("nan")


def synchrony(pair: Pair, settings: SynchronySettings | None = None) -> Synchrony:
    """Compare two courses and test them against surrogates.

    Raises:
        InputError: the common time is too short for one window, or for surrogates.
    """
    settings = settings or SynchronySettings()
    length, max_lag = round(settings.window / pair.step), round(settings.max_lag / pair.step)
    step = max(1, round((settings.step or settings.window / 2) / pair.step))
    sizes = length, step, max_lag, settings.min_known
    found = lagged_correlation(pair.first, pair.second, *sizes)
    peaks = find_peaks(found)
    mean_peak, best_r, place = _statistics(found.r)
    p_peak = p_lag = float("nan")
    if settings.surrogates and np.isfinite(mean_peak):
        drawn = [
            _statistics(_without_seam(lagged_correlation(pair.first, other, *sizes), seam))[:2]
            for other, seam in _surrogates(pair.second, length + 2 * max_lag, settings)
        ]
        p_peak, p_lag = _p_value(mean_peak, [one for one, _ in drawn]), _p_value(best_r, [one for _, one in drawn])
    zero = _mean(found.r[:, max_lag : max_lag + 1])
    best_lag = float(found.lags[place]) * pair.step if np.isfinite(best_r) else float("nan")
    return Synchrony(pair, found, peaks, mean_peak, p_peak, best_lag, best_r, p_lag, float(zero[0]))


def _statistics(r: np.ndarray) -> tuple[float, float, int]:
    """Mean of the windows' highest correlations; highest mean over windows, and its place."""
    if not np.isfinite(r).any():
        return float("nan"), float("nan"), 0
    best = np.where(np.isfinite(r), r, -np.inf).max(axis=1)
    means = np.where(np.isfinite(means := _mean(r)), means, -np.inf)
    place = int(means.argmax())
    return float(best[np.isfinite(best)].mean()), float(means[place]), place


def _mean(r: np.ndarray) -> np.ndarray:
    """(L,) mean over windows; NaN for lags known in fewer than half as many windows as the best known one."""
    known = np.isfinite(r)
    count = known.sum(axis=0)
    mean = np.where(known, r, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    return np.where(count >= max(1, count.max() / 2), mean, np.nan)


def _without_seam(found: LaggedCorrelation, seam: int | None) -> np.ndarray:
    """Correlations of the windows that do not touch the place where the end of a course meets its beginning."""
    if seam is None:
        return found.r
    reach = int(found.lags[-1])
    touched = (found.starts - reach < seam) & (seam < found.starts + found.length + reach)
    return np.where(touched[:, None], np.float32(np.nan), found.r)


def _surrogates(values: np.ndarray, far: int, settings: SynchronySettings) -> Iterator[tuple[np.ndarray, int | None]]:
    """Courses that cannot be in time: moved by at least ``far`` values, or with segments of that length shuffled.

    With each comes the position of its one seam; None where there are many.
    """
    random = np.random.default_rng(settings.seed)
    if len(values) < (4 if settings.method == "segments" else 3) * far:
        raise InputError(
            f"{len(values)} values are too few for surrogates with windows of {far} values (lags included); record for longer, "
            "choose a shorter window or a smaller lag, or no surrogates"
        )
    if settings.method == "circular":
        yield from ((np.roll(values, k), int(k)) for k in random.integers(far, len(values) - far + 1, settings.surrogates))
        return
    # A random turn first: the cuts fall elsewhere each time.
    for _ in range(settings.surrogates):
        segments = np.array_split(np.roll(values, random.integers(len(values))), len(values) // far)
        yield np.concatenate([segments[k] for k in random.permutation(len(segments))]), None


def _p_value(value: float, drawn: list[float]) -> float:
    """(1 + surrogates at least as high) / (1 + surrogates)."""
    known = np.array(drawn)[np.isfinite(drawn)]
    return float((1 + (known >= value).sum()) / (1 + len(known))) if len(known) else float("nan")

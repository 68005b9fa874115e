"""Windowed cross-correlation: how alike two courses are, window by window, when one is moved against the other.

After Boker, Xu, Rotondo and King, "Windowed cross-correlation and peak picking", Psychological Methods 7 (2002): 338-355.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.errors import InputError

_AT_ONCE = 2_000_000
"""Numbers in one array while windows are worked on; bounds the memory for long recordings."""

_FLAT = 1e-9
"""Variance, as a share of the squared largest value, below which a course does not move and has no correlation."""


@dataclass(frozen=True, eq=False)
class LaggedCorrelation:
    """W windows, L lags.

    Attributes:
        starts: (W,) first value of each window, as position.
        length: values in a window.
        lags: (L,) in values, rising; positive: the second follows the first.
        r: (W, L) float32 Pearson correlation, NaN where too few pairs are known or one face does not move.
    """

    starts: np.ndarray
    length: int
    lags: np.ndarray
    r: np.ndarray


def lagged_correlation(
    first: np.ndarray, second: np.ndarray, length: int, step: int, max_lag: int, min_known: float = 0.7
) -> LaggedCorrelation:
    """Correlate windows of the first with windows of the second that begin earlier, together or later.

    A pair counts where both values are known. Cost: some FFTs of each window, so that an hour takes under a second.

    Args:
        first, second: (N,) NaN is missing.
        length: of a window, in values.
        step: from window to window, in values.
        max_lag: largest lag, in values.
        min_known: share of a window's pairs that must be known.

    Raises:
        InputError: the courses are shorter than one window with its lags, or a size is not positive.
    """
    if min(length - 2, step, max_lag + 1) < 1:
        raise InputError(f"windows need at least 3 values, a step of 1 and a lag of 0, got {length}, {step} and {max_lag}")
    starts = np.arange(max_lag, len(first) - length - max_lag + 1, step)
    if not len(starts):
        raise InputError(
            f"{len(first)} values are too few for windows of {length} values and lags of {max_lag} to both sides; "
            "choose a shorter window or a smaller lag"
        )
    around = length + 2 * max_lag
    size = 1 << (around - 1).bit_length()
    many = max(1, _AT_ONCE // size)
    lags = np.arange(-max_lag, max_lag + 1)
    parts = [
        _correlate(_cut(first, some, length), _cut(second, some - max_lag, around), size, len(lags), min_known * length)
        for some in np.split(starts, range(many, len(starts), many))
    ]
    return LaggedCorrelation(starts, length, lags, np.concatenate(parts))


def _cut(values: np.ndarray, starts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """(W, length) values around their window's mean with 0 where unknown, and (W, length) 1 where known."""
    windows = np.lib.stride_tricks.sliding_window_view(values, length)[starts]
    known = np.isfinite(windows)
    filled = np.where(known, windows, 0.0)
    mean = filled.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.where(known, filled - mean, 0.0), known.astype(np.float64)


def _correlate(
    windows: tuple[np.ndarray, np.ndarray], wider: tuple[np.ndarray, np.ndarray], size: int, lags: int, least: float
) -> np.ndarray:
    """(W, lags) correlation of each window with every place in its wider one."""
    a, a_known = windows
    b, b_known = wider

    def spectrum(x: np.ndarray) -> np.ndarray:
        return np.fft.rfft(x, size, axis=1)

    def sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.fft.irfft(x.conj() * y, size, axis=1)[:, :lags]

    fa, fb, ka, kb = map(spectrum, (a, b, a_known, b_known))
    count = np.maximum(sums(ka, kb), 1e-9)
    mean_a, mean_b = sums(fa, kb) / count, sums(ka, fb) / count
    variance_a = sums(spectrum(a * a), kb) / count - mean_a**2
    variance_b = sums(ka, spectrum(b * b)) / count - mean_b**2
    covariance = sums(fa, fb) / count - mean_a * mean_b
    scale_a, scale_b = (np.square(x).max(axis=1, keepdims=True) for x in (a, b))
    good = (count >= least - 0.5) & (variance_a > _FLAT * scale_a) & (variance_b > _FLAT * scale_b)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = covariance / np.sqrt(variance_a * variance_b)
    return np.where(good, np.clip(r, -1, 1), np.nan).astype(np.float32)

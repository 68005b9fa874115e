"""Periodic noise of several scales: what makes skin uneven."""

from __future__ import annotations

import functools

import numba
import numpy as np

from aufait.synthetic.head.uv_maps import FACE_TEXTURE

NOISE_SCALES = (2.0, 4.0, 9.0, 24.0, 70.0, 180.0)
_BANK = 3


class Noise:
    """Periodic unit-variance noise for one person: shifted, flipped pieces of a bank shared by everybody."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._rng, self._size = rng, size

    def __call__(self, scale: float) -> np.ndarray:
        """(size, size) float32; features are about ``scale`` texels of the face map wide."""
        bank = noise_bank(self._size)[NOISE_SCALES.index(scale)][self._rng.integers(_BANK)]
        rows, columns, flip, sign = (int(k) for k in self._rng.integers((self._size, self._size, 2, 2)))
        shifted: np.ndarray = np.empty_like(bank)
        _shift(bank, rows, columns, bool(flip), np.float32(-1.0 if sign else 1.0), shifted)
        return shifted


@numba.njit(cache=True)
def _shift(bank, rows, columns, flip, sign, out):  # type: ignore[no-untyped-def]
    """``sign`` times the periodic map ``bank`` (S, S), mirrored left to right on ``flip``, then moved down and right."""
    size = len(bank)
    for row in range(size):
        source = bank[row, ::-1] if flip else bank[row]
        target = out[(row + rows) % size]
        for column in range(size - columns):
            target[column + columns] = sign * source[column]
        for column in range(size - columns, size):
            target[column + columns - size] = sign * source[column]


@functools.lru_cache(maxsize=2)
def noise_bank(size: int) -> np.ndarray:
    """(scales, bank, size, size) float32 periodic noise of unit variance. Scales are texels of the 512 map."""
    rng = np.random.default_rng(20)
    frequency = np.fft.fftfreq(size) ** 2
    squared = frequency[:, None] + frequency[None, : size // 2 + 1]
    bank = np.empty((len(NOISE_SCALES), _BANK, size, size), np.float32)
    for i, scale in enumerate(NOISE_SCALES):
        sigma = scale * size / FACE_TEXTURE / 2.2
        weight = np.exp(-2 * (np.pi * sigma) ** 2 * squared) + 0.4 * np.exp(-2 * (0.45 * np.pi * sigma) ** 2 * squared)
        weight[0, 0] = 0.0
        for k in range(_BANK):
            field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * weight, s=(size, size))
            bank[i, k] = field / field.std()
    return bank

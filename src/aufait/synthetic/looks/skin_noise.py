"""Periodic noise of several scales: what makes skin uneven."""

from __future__ import annotations

import functools

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
        bank = bank[:, ::-1] if flip else bank
        shifted = np.roll(bank, (rows, columns), (0, 1))
        return np.negative(shifted, out=shifted) if sign else shifted


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

"""Numba kernels that paint a texture: pigments, blends and spots. Textures are (S, S, 4) float32, masks (S, S)."""

from __future__ import annotations

import numba
import numpy as np

MELANIN = np.array([0.60, 1.00, 1.35], np.float32)
BLOOD = np.array([0.10, 0.75, 0.60], np.float32)


@numba.njit(cache=True, fastmath=True)
def albedo(base, melanin, blood, shade, out):  # type: ignore[no-untyped-def]
    """base * exp(-melanin * MELANIN - blood * BLOOD) * shade into the colour channels of ``out``."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            m, b, s = melanin[row, column], blood[row, column], shade[row, column]
            for k in range(3):
                out[row, column, k] = min(base[k] * s * np.exp(-m * MELANIN[k] - b * BLOOD[k]), np.float32(0.92))


@numba.njit(cache=True, fastmath=True)
def shading_noise(fine, small, medium, strength):  # type: ignore[no-untyped-def]
    out = np.empty_like(fine)
    for row in range(fine.shape[0]):
        for column in range(fine.shape[1]):
            grain = 0.018 * fine[row, column] + 0.016 * small[row, column] + 0.018 * medium[row, column]
            out[row, column] = 1.0 + strength * grain
    return out


@numba.njit(cache=True, fastmath=True)
def blend(texture, mask, strength, colour):  # type: ignore[no-untyped-def]
    """Mix ``colour`` into the texture by ``strength * mask``."""
    for row in range(texture.shape[0]):
        for column in range(texture.shape[1]):
            share = min(mask[row, column] * strength, np.float32(1.0))
            if share > 1e-3:
                for k in range(3):
                    texture[row, column, k] += share * (colour[k] - texture[row, column, k])


@numba.njit(cache=True, fastmath=True)
def absorb(texture, mask, share):  # type: ignore[no-untyped-def]
    """Take ``share`` (3,) of the colour away where ``mask`` is 1."""
    for row in range(texture.shape[0]):
        for column in range(texture.shape[1]):
            for k in range(3):
                texture[row, column, k] *= np.float32(1.0) - share[k] * mask[row, column]


@numba.njit(cache=True, fastmath=True)
def blend_mottled(texture, mask, shade, colour):  # type: ignore[no-untyped-def]
    for row in range(texture.shape[0]):
        for column in range(texture.shape[1]):
            share = min(mask[row, column], np.float32(1.0))
            if share > 1e-3:
                for k in range(3):
                    texture[row, column, k] += share * (colour[k] * shade[row, column] - texture[row, column, k])


@numba.njit(cache=True)
def stamp_discs(places, radii, strengths, stretch, out):  # type: ignore[no-untyped-def]
    size = out.shape[0]
    for i in range(places.shape[0]):
        row, column, radius = places[i, 0], places[i, 1], radii[i]
        reach = int(3 * radius * max(stretch[i], 1.0)) + 1
        for r in range(max(row - reach, 0), min(row + reach + 1, size)):
            for c in range(max(column - reach, 0), min(column + reach + 1, size)):
                d2 = ((r - row) ** 2 + ((c - column) / stretch[i]) ** 2) / (radius * radius)
                out[r, c] += strengths[i] * np.exp(-0.5 * d2 * d2)

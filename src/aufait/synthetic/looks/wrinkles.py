"""Relief of the skin for one expression: wrinkle layers added to what the person has at rest."""

from __future__ import annotations

import numba
import numpy as np

from aufait.synthetic.looks.textures import SkinTextures
from aufait.synthetic.looks.wrinkle_maps import WrinkleMaps

MIN_AMOUNT = 0.02
MAX_CAVITY = 1.2
CM_PER_TEXTURE = 47.0
"""About what the side of the face texture measures on the skin."""
SKY_SHADE = 0.3
"""Cavity per unit of slope that faces down: light mostly comes from above, even where it is too soft for shadows."""


def compose(maps: WrinkleMaps, amounts: np.ndarray, skin: SkinTextures) -> np.ndarray:
    """Slope and darkening of the skin for one expression.

    Args:
        maps: the layers.
        amounts: (L,) from ``wrinkle_amounts``.
        skin: its ``bump`` and ``static_cavity`` are the base.

    Returns:
        (size, size, 3) float32: d height / d u and d height / d v (cm per unit of texture, v up), cavity in [0, 1.2].
    """
    height, cavity = add_layers(maps, amounts, skin.bump, skin.static_cavity)
    out = np.empty((*height.shape, 3), np.float32)
    _slopes(height, cavity, out)
    return out


def add_layers(maps: WrinkleMaps, amounts: np.ndarray, height: np.ndarray, cavity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Copies of ``height`` and ``cavity`` (size, size) with the layers added in proportion to ``amounts``."""
    height, cavity = height.copy(), cavity.copy()
    _accumulate(maps.boxes, maps.starts, maps.height, maps.cavity, amounts.astype(np.float32), height, cavity)
    return height, cavity


@numba.njit(cache=True)
def _accumulate(boxes, starts, heights, cavities, amounts, height, cavity):  # type: ignore[no-untyped-def]
    for i in range(boxes.shape[0]):
        amount = amounts[i]
        if amount <= MIN_AMOUNT:
            continue
        k = starts[i]
        for row in range(boxes[i, 0], boxes[i, 0] + boxes[i, 2]):
            for column in range(boxes[i, 1], boxes[i, 1] + boxes[i, 3]):
                height[row, column] += amount * heights[k]
                cavity[row, column] += amount * cavities[k]
                k += 1


@numba.njit(cache=True)
def _slopes(height, cavity, out):  # type: ignore[no-untyped-def]
    """Central differences of ``height`` per unit of texture, v upwards; the clipped cavity with overhangs shaded."""
    size = height.shape[0]
    for row in range(size):
        above, below = max(row - 1, 0), min(row + 1, size - 1)
        for column in range(size):
            before, after = max(column - 1, 0), min(column + 1, size - 1)
            out[row, column, 0] = (height[row, after] - height[row, before]) * (0.5 * size)
            out[row, column, 1] = (height[above, column] - height[below, column]) * (0.5 * size)
            overhang = min(max(out[row, column, 1] / CM_PER_TEXTURE, 0.0), 0.7)
            out[row, column, 2] = min(max(cavity[row, column] + SKY_SHADE * overhang, 0.0), MAX_CAVITY)

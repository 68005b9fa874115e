"""The neutral face laid out in texture space: which point of the head each texel shows.

Skin and wrinkles are written as functions of the neutral position in centimetres. That keeps the masks readable (a
crow's foot starts at x = 4.95 cm, y = 3.35 cm) and makes face and head agree along their common border.
"""

from __future__ import annotations

import functools

import numba
import numpy as np
from scipy import ndimage

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.head.assets import FaceModel

FACE_TEXTURE = 512
HEAD_TEXTURE = 256


@functools.lru_cache(maxsize=8)
def position_map(model: FaceModel, material: Material = Material.FACE, size: int = FACE_TEXTURE) -> np.ndarray:
    """Neutral position of every texel of one part.

    Args:
        model: the face model.
        material: ``Material.FACE`` or ``Material.HEAD``.
        size: texture side in texels.

    Returns:
        (size, size, 3) float32, cm, read-only. Row 0 holds v = 1. Texels outside the layout repeat the nearest texel
        inside it, so that bilinear sampling at the border of the layout never reads a hole.
    """
    chosen = model.material == int(material)
    corners = model.neutral[model.triangles[chosen]]
    texels = texel_coordinates(model.triangle_uv[chosen], size)
    positions = np.zeros((size, size, 3), np.float32)
    covered = np.zeros((size, size), np.bool_)
    _fill_triangles(texels, corners, positions, covered)
    nearest = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    positions = np.ascontiguousarray(positions[nearest[0], nearest[1]])
    positions.setflags(write=False)
    return positions


@functools.lru_cache(maxsize=4)
def coverage(model: FaceModel, material: Material = Material.FACE, size: int = FACE_TEXTURE) -> np.ndarray:
    """(size, size) bool: texels that are on a triangle of ``material``; read-only."""
    chosen = model.material == int(material)
    covered = np.zeros((size, size), np.bool_)
    positions = np.zeros((size, size, 3), np.float32)
    texels = texel_coordinates(model.triangle_uv[chosen], size)
    _fill_triangles(texels, model.neutral[model.triangles[chosen]], positions, covered)
    covered.setflags(write=False)
    return covered


def texel_coordinates(uv: np.ndarray, size: int) -> np.ndarray:
    """(..., 2) texture coordinates -> (..., 2) float32 column and row; the centre of the first texel is (0, 0)."""
    return np.stack([uv[..., 0] * size - 0.5, (1.0 - uv[..., 1]) * size - 0.5], axis=-1).astype(np.float32)


def vertex_uv(model: FaceModel) -> np.ndarray:
    """(V, 2) float32 texture coordinates of the vertices of the face part; 0 where a vertex is not part of it."""
    chosen = model.material == int(Material.FACE)
    uv = np.zeros((len(model.neutral), 2), np.float32)
    uv[model.triangles[chosen].ravel()] = model.triangle_uv[chosen].reshape(-1, 2)
    return uv


def landmark_texels(model: FaceModel, indices: list[int] | np.ndarray, size: int = FACE_TEXTURE) -> np.ndarray:
    """(n, 2) float32 column and row of some of the 68 landmarks in the face texture."""
    return texel_coordinates(vertex_uv(model)[model.landmarks[np.asarray(indices)]], size)


@numba.njit(cache=True)
def _fill_triangles(texels: np.ndarray, corners: np.ndarray, positions: np.ndarray, covered: np.ndarray) -> None:
    """Interpolate ``corners`` (T, 3, 3) over triangles ``texels`` (T, 3, 2) into the maps."""
    size = positions.shape[0]
    for t in range(texels.shape[0]):
        ax, ay = texels[t, 0, 0], texels[t, 0, 1]
        bx, by = texels[t, 1, 0], texels[t, 1, 1]
        cx, cy = texels[t, 2, 0], texels[t, 2, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        first_column = max(int(np.ceil(min(ax, bx, cx))), 0)
        last_column = min(int(np.floor(max(ax, bx, cx))), size - 1)
        first_row = max(int(np.ceil(min(ay, by, cy))), 0)
        last_row = min(int(np.floor(max(ay, by, cy))), size - 1)
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                wb = ((column - ax) * (cy - ay) - (row - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (row - ay) - (by - ay) * (column - ax)) / area
                wa = 1.0 - wb - wc
                if wa < -1e-4 or wb < -1e-4 or wc < -1e-4:
                    continue
                covered[row, column] = True
                for k in range(3):
                    positions[row, column, k] = wa * corners[t, 0, k] + wb * corners[t, 1, k] + wc * corners[t, 2, k]

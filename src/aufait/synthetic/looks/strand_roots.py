"""Where strands are rooted: draws over the skin, by area and weight."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.head.assets import FaceModel

DOWN = np.array([0.0, -1.0, 0.0], np.float32)


@functools.lru_cache(maxsize=2)
def skin_area(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of skin triangles, their neutral area in square cm and their neutral centroids."""
    rows = np.flatnonzero(model.material <= Material.HEAD)
    corners = model.neutral[model.triangles[rows]]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return rows, area, model.triangle_center[rows]


@dataclass(eq=False)
class Roots:
    triangle: np.ndarray
    barycentric: np.ndarray
    neutral: np.ndarray

    def take(self, keep: np.ndarray) -> Roots:
        return Roots(self.triangle[keep], self.barycentric[keep], self.neutral[keep])

    def on(self, model: FaceModel, values: np.ndarray) -> np.ndarray:
        """Values (V, 3) interpolated at the roots."""
        corners = values[model.triangles[self.triangle]]
        return np.einsum("nk,nkc->nc", self.barycentric, corners).astype(np.float32)


def sample_roots(model: FaceModel, weight: np.ndarray, count: int, rng: np.random.Generator) -> Roots:
    """``count`` roots, spread over the skin triangles by area times ``weight``."""
    rows, area, _ = skin_area(model)
    cumulative = np.cumsum(area * weight)
    # Stratified draws cover the skin more evenly than independent ones.
    draw = (np.arange(count) + rng.random(count)) / count * cumulative[-1]
    triangle = rows[np.minimum(np.searchsorted(cumulative, draw), len(rows) - 1)]
    u, v = rng.random((2, count))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    barycentric = np.stack([1 - u - v, u, v], axis=1).astype(np.float32)
    roots = Roots(triangle.astype(np.int32), barycentric, np.empty(0))
    roots.neutral = roots.on(model, model.neutral)
    return roots


def unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.sqrt(np.einsum("...k,...k->...", v, v)), 1e-6)[..., None]


def tangential(v: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return v - np.einsum("...k,...k->...", v, normal)[..., None] * normal

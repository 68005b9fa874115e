"""Beards: where they grow, what they leave free, and their strands."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from aufait.synthetic.drawing.primitives import Strands, gaussian, smoothstep, srgb_to_linear
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.person import Traits
from aufait.synthetic.looks.hair_colours import brow_colour
from aufait.synthetic.looks.strand_roots import Roots, sample_roots, skin_area, unit


def grow_beard(
    model: FaceModel,
    traits: Traits,
    vertices: np.ndarray,
    normals: np.ndarray,
    lip_free: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Strands | None:
    """Beard hair, or None for a shaven face.

    Args:
        model, traits, vertices, normals: as for ``grow_scalp_hair``.
        lip_free: maps neutral points (n, 3) to (n,) in 0-1, 0 on the lips; ``lip_freedom`` when None.
    """
    if traits.beard == "none":
        return None
    rng = traits.rng("beard")
    center = skin_area(model)[2]
    density = beard_density(model, center, traits.beard) * (center[:, 2] > 0)
    near_lips = (density > 0) & (np.hypot(center[:, 0] / 3.2, (center[:, 1] + 3.4) / 1.6) < 1)
    density[near_lips] = np.maximum(density[near_lips], 0.05)
    stubble = traits.beard == "stubble"
    count = {"stubble": 3000, "moustache": 1100, "goatee": 2000, "full": 5600}[traits.beard]
    length = rng.uniform(0.06, 0.2) if stubble else float(np.exp(rng.uniform(np.log(0.35), np.log(1.3))))
    long_chin = rng.uniform(1.0, 4.5) if traits.beard in ("full", "goatee") and rng.random() < 0.3 else 1.0
    roots = sample_roots(model, density, int(count * 1.15), rng)
    patch = np.sin(roots.neutral @ rng.normal(0, 2.2, (3, 3)) + rng.uniform(0, 6.28, 3)).sum(axis=1) * 0.12
    free = (lip_free or functools.partial(lip_freedom, model))(roots.neutral)
    grows = beard_density(model, roots.neutral, traits.beard) * (0.9 + patch) * free
    roots = roots.take(np.flatnonzero((rng.random(len(grows)) < grows) & (free > 0.3)))
    offsets = _beard_offsets(roots, unit(roots.on(model, normals)), length, long_chin, 3 if stubble else 5, rng)
    colour = brow_colour(traits) * np.exp(rng.normal(0, 0.25, len(roots.triangle)))[:, None]
    grey = rng.random(len(colour)) < np.clip((traits.age - 40.0) / 45.0, 0.0, 0.8) * rng.uniform(0.2, 1.3)
    colour[grey] = 0.4 * colour[grey] + 0.6 * srgb_to_linear((0.52, 0.51, 0.50))
    return Strands(
        roots.triangle,
        roots.barycentric,
        offsets,
        0.016 if stubble else 0.032,
        0.6,
        np.clip(colour, 0.002, 0.8).astype(np.float32),
        0.012,
    )


def beard_density(model: FaceModel, points: np.ndarray, kind: str) -> np.ndarray:
    """(...) float32, 0-1: how densely a beard of ``kind`` (a name of ``person.BEARDS``) grows at neutral ``points``."""
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    if kind == "none":
        return np.zeros(x.shape, np.float32)
    cheek = np.interp(x, [0.0, 2.6, 3.6, 5.0, 6.2, 7.0, 7.6], [-2.9, -2.9, -3.1, -2.6, -0.9, 1.8, 3.0])
    jaw = smoothstep(-0.45, 0.85, cheek - y) * smoothstep(-9.6, -8.2, y) * smoothstep(0.8, 2.6, z)
    bare = gaussian((x - 1.45) ** 2 * 1.4 + (y + 4.75) ** 2 * 2.5, 0.45)
    jaw *= 1.0 - 0.75 * bare
    lower_edge = np.interp(x, [0.0, 2.3, 3.2], [-2.6, -3.6, -4.4])
    upper_edge = np.interp(x, [0.0, 0.35, 1.2, 2.2, 3.1], [-1.75, -1.45, -1.5, -2.1, -3.2])
    moustache = smoothstep(-0.12, 0.2, upper_edge - y) * smoothstep(-0.2, 0.15, y - lower_edge) * smoothstep(3.3, 2.7, x) * (z > 8)
    if kind == "moustache":
        return moustache
    if kind == "goatee":
        chin = jaw * smoothstep(2.9, 2.2, x - 0.12 * (y + 5)) * smoothstep(-8.6, -7.8, y)
        return np.maximum(moustache, chin).astype(np.float32)
    return np.maximum(moustache, jaw).astype(np.float32)


def lip_freedom(model: FaceModel, points: np.ndarray) -> np.ndarray:
    """(...) float32, 0 on the lips, 1 from 0.2 cm next to them, for neutral ``points`` (..., 3)."""
    lips = model.neutral[model.landmarks[48:60]][:, :2]
    x, y = points[..., 0], points[..., 1]
    nearest = np.full(x.shape, np.inf)
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(lips, np.roll(lips, -1, axis=0), strict=True):
        sx, sy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * sx + (y - y0) * sy) / (sx * sx + sy * sy), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - t * sx, y - y0 - t * sy))
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < sx * (y - y0) / sy + x0)
    return np.where(odd, 0.0, smoothstep(0.06, 0.2, nearest)).astype(np.float32)


def _beard_offsets(
    roots: Roots, normal: np.ndarray, length: float, long_chin: float, k: int, rng: np.random.Generator
) -> np.ndarray:
    """(n, K, 3): downwards and outwards, shorter on cheeks and lip, longest on the chin."""
    n = len(normal)
    x, y = roots.neutral[:, 0], roots.neutral[:, 1]
    chin = gaussian(x**2 * 0.6 + (y + 6.8) ** 2, 1.8)
    lip = smoothstep(-3.3, -2.9, y) * (np.abs(x) < 3)
    reach = length * (1 + (long_chin - 1) * chin) * np.where(lip > 0.5, 0.75, 1.0)
    reach = np.minimum(reach, np.where(lip > 0.5, 0.55, 9.0)) * rng.uniform(0.55, 1.15, n)
    sideways = np.sign(x) * (0.25 * np.clip(np.abs(x) / 4, 0, 1) * (1 - lip) + lip * np.clip(0.35 + 0.3 * np.abs(x), 0, 1.1))
    fall = np.stack([sideways, np.where(lip > 0.5, -0.8, -1.0), 0.12 * np.ones(n)], axis=1)
    lock = np.sin(roots.neutral @ rng.normal(0, 2.0, (3, 3)) + rng.uniform(0, 6.28, 3)) * 0.16
    direction = unit(0.45 * normal + fall + lock + rng.normal(0, 0.24, (n, 3)))
    t = np.linspace(0, 1, k, dtype=np.float32)
    bend = 0.25 * (t - t**2)[None, :, None] * normal[:, None]
    offsets = (direction[:, None] * t[None, :, None] + bend) * reach[:, None, None]
    offsets[:, 1:] += 0.02 * normal[:, None]
    return offsets.astype(np.float32)

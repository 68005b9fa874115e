"""Where hair grows and what it must not enter: hairline, density and a radial map of the head.

The head is seen from a centre behind the brows: azimuth 0 looks forward, 180 degrees backward; elevation 90 is up.
All positions are neutral centimetres unless a function says otherwise.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import smoothstep
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.person import Traits

CENTER = np.array([0.0, 4.0, -0.5], np.float32)
_HEAD_RADIUS = 9.0  # cm, turns angles into lengths along the scalp
_GRID = 2.0  # degrees
_ROWS, _COLUMNS = 91, 91
_CELLS = 128

# Azimuth and elevation in degrees of one half, from the middle of the forehead over sideburn and ear to the nape.
_HAIRLINE = np.array(
    [
        (0, 40),
        (12, 40.5),
        (23, 40),
        (32, 38),
        (39, 31),
        (44, 23),
        (49, 15),
        (53, 8),
        (55.5, 0),
        (57.5, -10),
        (58.5, -20),
    ]
    + [(65, -21), (67, -8), (70, 3), (78, 9), (90, 10), (102, 5), (112, -10), (118, -27), (124, -42), (132, -52)]
    + [(150, -57), (180, -58)],
    np.float32,
)
_FRONT, _TEMPLE, _SIDEBURN, _NAPE = slice(0, 4), slice(2, 6), slice(9, 12), slice(20, 23)


def scalp_signed_distance(points: np.ndarray, traits: Traits | None = None) -> np.ndarray:
    """Distance to the hairline along the scalp.

    Args:
        points: (..., 3) neutral cm.
        traits: whose hairline (receding, widow's peak, sideburns); the average one when None.

    Returns:
        (...) float32 cm, positive where hair grows.
    """
    return scalp_places(points).signed_distance(traits)


def scalp_places(points: np.ndarray) -> ScalpPlaces:
    """Where neutral ``points`` (..., 3) are on the head: for points whose distance to several hairlines is asked."""
    x, y, z = (np.asarray(points[..., k], np.float32) for k in range(3))
    right, up, ahead = x - CENTER[0], y - CENTER[1], z - CENTER[2]
    column = np.degrees(np.arctan2(np.abs(right), ahead)) / _GRID
    row = np.degrees(np.arctan2(up, np.hypot(right, ahead))) / _GRID + 90.0 / _GRID
    c, r = np.minimum(column.astype(np.int32), _COLUMNS - 2), np.clip(row.astype(np.int32), 0, _ROWS - 2)
    return ScalpPlaces(
        cell=r * _COLUMNS + c,
        across=(column - c).astype(np.float32),
        along=(row - r).astype(np.float32),
        waves=0.10 * np.sin(3.1 * x + 1.7 * y) + 0.06 * np.sin(7.3 * x - 2.9 * z + 1.0),
        ear=np.maximum.reduce([6.9 - np.abs(x), y - 5.2, -2.2 - y, z - 3.6, -2.4 - z]),
    )


@dataclass(frozen=True, eq=False)
class ScalpPlaces:
    """Points (...) on the head.

    Attributes:
        cell: in the map of ``_hairline_map``, flat.
        across, along: place in the cell, 0-1.
        waves: cm that make every hairline uneven.
        ear: cm from the ear, where no hair grows.
    """

    cell: np.ndarray
    across: np.ndarray
    along: np.ndarray
    waves: np.ndarray
    ear: np.ndarray

    def signed_distance(self, traits: Traits | None) -> np.ndarray:
        """As ``scalp_signed_distance``."""
        flat, below = _hairline_map(_hairline_shape(traits)).ravel(), self.cell + _COLUMNS
        low = flat[self.cell] * (1 - self.across) + flat[self.cell + 1] * self.across
        high = flat[below] * (1 - self.across) + flat[below + 1] * self.across
        distance = low * (1 - self.along) + high * self.along
        distance += self.waves
        return np.minimum(distance, self.ear).astype(np.float32)


def scalp_density(points: np.ndarray, traits: Traits) -> np.ndarray:
    """(...) float32 share of hair left at neutral ``points`` (..., 3): below 1 where an older man's top has thinned."""
    strength = _thinning(traits)
    if strength <= 0.0:
        return np.ones(points.shape[:-1], np.float32)
    top = smoothstep(10.8, 12.8, points[..., 1]) * smoothstep(-6.5, -3.5, points[..., 2])
    return 1.0 - np.float32(strength) * top


def _thinning(traits: Traits) -> float:
    rng = traits.rng("thinning")
    likely = traits.is_man and rng.random() < np.clip((traits.age - 30.0) / 65.0, 0.0, 0.6)
    return float(rng.uniform(0.35, 0.97)) if likely else 0.0


def _hairline_shape(traits: Traits | None) -> tuple[float, ...]:
    """Degrees: front height, temple recess, widow's peak, sideburn length, nape height."""
    if traits is None:
        return (0.0, 0.0, 0.0, 0.0, 0.0)
    rng = traits.rng("hairline")
    front, peak = rng.normal(-0.5, 1.8), rng.uniform(0, 4) * (rng.random() < 0.3)
    sideburn, nape = rng.uniform(-6, 8), rng.normal(0, 3)
    recess = 0.0
    if traits.is_man:
        aged = float(smoothstep(28.0, 70.0, np.array(traits.age))) * (rng.random() < 0.7)
        recess = float(rng.uniform(0.0, 4.0) + rng.uniform(0.0, 17.0) * aged)
        front += 0.35 * max(recess - 4.0, 0.0)
    else:
        sideburn = abs(sideburn) + 3.0
    return tuple(round(float(v), 2) for v in (front, recess, peak, sideburn, nape))


@functools.lru_cache(maxsize=64)
def _hairline_map(shape: tuple[float, ...]) -> np.ndarray:
    """(91, 91) float32 signed distance in cm over elevation -90..90 and absolute azimuth 0..180 degrees."""
    front, recess, peak, sideburn, nape = shape
    line = _HAIRLINE.copy()
    line[_FRONT, 1] += front
    line[_TEMPLE, 1] += recess * np.array([0.25, 1.0, 0.8, 0.4], np.float32)
    line[_TEMPLE, 0] += recess * np.array([0.0, 0.3, 0.35, 0.2], np.float32)
    line[0, 1] -= peak
    line[_SIDEBURN, 1] += sideburn * np.array([0.3, 1.0, 1.0], np.float32)
    line[_NAPE, 1] += nape
    elevation, azimuth = np.meshgrid(np.arange(-90, 91, _GRID), np.arange(0, 181, _GRID), indexing="ij")
    inside = _inside(azimuth, elevation, np.vstack([line, [(181, line[-1, 1]), (181, 95), (-1, 95), (-1, line[0, 1])]]))
    narrow = np.cos(np.radians(np.clip(elevation, -75, 75)))
    nearest = np.full(azimuth.shape, np.inf)
    for (a0, e0), (a1, e1) in zip(line[:-1], line[1:], strict=True):
        px, py, sx, sy = (azimuth - a0) * narrow, elevation - e0, (a1 - a0) * narrow, e1 - e0
        t = np.clip((px * sx + py * sy) / np.maximum(sx * sx + sy * sy, 1e-6), 0, 1)
        nearest = np.minimum(nearest, np.hypot(px - t * sx, py - t * sy))
    return (np.where(inside, nearest, -nearest) * np.radians(1) * _HEAD_RADIUS).astype(np.float32)


def _inside(x: np.ndarray, y: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Even-odd rule for points (x, y) and a closed polygon (n, 2)."""
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        odd ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0 if y1 != y0 else 1.0) + x0)
    return odd


class HeadMap:
    """Distance from the centre of one person's head to its skin in every direction: a collision test by table look-up.

    Args:
        model: the geometry.
        vertices: (V, 3) the person's neutral vertices, cm.
    """

    def __init__(self, model: FaceModel, vertices: np.ndarray) -> None:
        index, weight, skull = _head_map_plan(model)
        self.center: np.ndarray = CENTER + (vertices[skull] - model.neutral[skull]).mean(axis=0)
        radius = np.linalg.norm(vertices - self.center, axis=1)
        self._radius: np.ndarray = (radius[index] * weight).sum(axis=1).astype(np.float32)

    def radius(self, relative: np.ndarray) -> np.ndarray:
        """(...) skin radius in the directions of ``relative`` (..., 3), positions minus ``center``."""
        return self._radius[_octahedral_cell(relative)]

    def push_out(self, points: np.ndarray, clearance: np.ndarray | float) -> np.ndarray:
        """(..., 3) ``points`` moved radially to be at least ``clearance`` cm outside the skin."""
        relative = points - self.center
        length = np.sqrt(np.einsum("...k,...k->...", relative, relative))
        scale = np.maximum((self.radius(relative) + clearance) / np.maximum(length, 1e-3), 1.0)
        return self.center + relative * scale[..., None].astype(np.float32)


def _octahedral_cell(relative: np.ndarray) -> np.ndarray:
    """Cell of a square map folded around the sphere; needs no trigonometry."""
    x, y, z = relative[..., 0], relative[..., 1], relative[..., 2]
    total = np.abs(x) + np.abs(y) + np.abs(z) + 1e-6
    u, v = x / total, z / total
    below = y < 0
    folded_u, folded_v = np.copysign(1 - np.abs(v), u), np.copysign(1 - np.abs(u), v)
    u, v = np.where(below, folded_u, u), np.where(below, folded_v, v)
    column = np.minimum(((u + 1) * (_CELLS / 2)).astype(np.int32), _CELLS - 1)
    row = np.minimum(((v + 1) * (_CELLS / 2)).astype(np.int32), _CELLS - 1)
    return row * _CELLS + column


@functools.lru_cache(maxsize=2)
def _head_map_plan(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each cell three skin vertices and their weights; and the vertices of the skull."""
    skin = np.unique(model.triangles[model.material <= Material.HEAD])
    relative = model.neutral[skin] - CENTER
    radius = np.linalg.norm(relative, axis=1)
    side = (np.arange(_CELLS, dtype=np.float32) + 0.5) * 2 / _CELLS - 1
    v, u = np.meshgrid(side, side, indexing="ij")
    y = 1 - np.abs(u) - np.abs(v)
    x, z = np.where(y < 0, np.copysign(1 - np.abs(v), u), u), np.where(y < 0, np.copysign(1 - np.abs(u), v), v)
    cells = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    cells /= np.linalg.norm(cells, axis=1, keepdims=True)
    distance, index = cKDTree(relative / radius[:, None]).query(cells, k=3)
    weight = 1.0 / (distance + 0.01)
    weight /= weight.sum(axis=1, keepdims=True)
    skull = skin[scalp_signed_distance(model.neutral[skin]) > 0.5]
    return skin[index], weight.astype(np.float32), skull

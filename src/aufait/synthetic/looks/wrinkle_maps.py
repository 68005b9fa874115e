"""Wrinkle layers drawn as maps over the face texture.

A layer is a height field (cm) and a cavity field (0-1, how much the bottom of the fold darkens). Each layer exists for the
subject's left and right side, so that one-sided action units wrinkle one side only.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numba
import numpy as np

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import gaussian, smoothstep
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.uv_maps import FACE_TEXTURE, coverage, position_map
from aufait.synthetic.looks.wrinkle_shapes import LAYERS, PATTERNS, Blob, Fold

SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class WrinkleMaps:
    """All layers of one face model, cropped to where they differ from zero.

    Attributes:
        names: L layer names, such as ``crows_feet_left``.
        boxes: (L, 4) int32 first row, first column, rows, columns.
        starts: (L,) int64 where each layer begins in the flat arrays.
        height: flat float32, cm at amount 1; valleys are negative.
        cavity: flat float32, 0-1 at amount 1.
        size: texture side.
    """

    names: tuple[str, ...]
    boxes: np.ndarray
    starts: np.ndarray
    height: np.ndarray
    cavity: np.ndarray
    size: int = FACE_TEXTURE
    index: dict[str, int] = field(default_factory=dict)

    def layer(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Height and cavity of one layer as full (size, size) float32 maps."""
        i = self.index[name]
        row, column, rows, columns = self.boxes[i]
        window = slice(int(self.starts[i]), int(self.starts[i]) + int(rows * columns))
        maps = []
        for flat in (self.height, self.cavity):
            full = np.zeros((self.size, self.size), np.float32)
            full[row : row + rows, column : column + columns] = flat[window].reshape(rows, columns)
            maps.append(full)
        return maps[0], maps[1]


@functools.lru_cache(maxsize=2)
def wrinkle_maps(model: FaceModel) -> WrinkleMaps:
    """The layers for one face model, built once per process (well under a second)."""
    positions = position_map(model, Material.FACE, FACE_TEXTURE)
    front = coverage(model, Material.FACE, FACE_TEXTURE) & (positions[..., 2] > 1.0)
    names, boxes, heights, cavities, starts, total = [], [], [], [], [], 0
    for base in (*LAYERS, *PATTERNS):
        for side in SIDES:
            height, cavity = _draw_layer(base, positions, front, 1.0 if side == "left" else -1.0)
            box = _bounding_box(np.maximum(np.abs(height) * 10.0, cavity) > 2e-3)
            row, column, rows, columns = box
            window = np.s_[row : row + rows, column : column + columns]
            names.append(f"{base}_{side}")
            boxes.append(box)
            heights.append(height[window].ravel())
            cavities.append(cavity[window].ravel())
            starts.append(total)
            total += rows * columns
    return WrinkleMaps(
        names=tuple(names),
        boxes=np.array(boxes, np.int32),
        starts=np.array(starts, np.int64),
        height=np.concatenate(heights),
        cavity=np.concatenate(cavities),
        index={name: i for i, name in enumerate(names)},
    )


def _draw_layer(base: str, positions: np.ndarray, front: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Height and cavity (size, size) of one layer on one side (``sign`` 1: left)."""
    x, y = sign * positions[..., 0], positions[..., 1]
    if base in PATTERNS:
        height, cavity = _draw_pattern(base, x, y, positions[..., 2])
    else:
        height, cavity = np.zeros_like(x), np.zeros_like(x)
        for shape in LAYERS[base]:
            if isinstance(shape, Fold):
                _draw_fold(shape, x, y, front, height, cavity)
            else:
                _draw_blob(shape, x, y, height, cavity)
    own_side = smoothstep(-0.3, 0.3, x) * front
    return (height * own_side).astype(np.float32), (np.clip(cavity, 0, 1) * own_side).astype(np.float32)


def _draw_fold(fold: Fold, x: np.ndarray, y: np.ndarray, front: np.ndarray, height: np.ndarray, cavity: np.ndarray) -> None:
    line = _smooth_line(np.array(fold.points, np.float64))
    along = np.linspace(0.0, 1.0, len(line))
    fade = (1.0 - fold.taper) + fold.taper * np.sqrt(np.sin(np.pi * np.clip(along * 0.96 + 0.02, 0, 1)))
    _accumulate_fold(
        np.ascontiguousarray(x), np.ascontiguousarray(y), front, line, fade,
        fold.width, fold.depth, fold.left_bank, fold.right_bank, fold.cavity, height, cavity,
    )  # fmt: skip


def _draw_blob(blob: Blob, x: np.ndarray, y: np.ndarray, height: np.ndarray, cavity: np.ndarray) -> None:
    bump = gaussian(((x - blob.center[0]) / blob.radius[0]) ** 2 + ((y - blob.center[1]) / blob.radius[1]) ** 2, 1.0)
    height += blob.height * bump
    cavity += blob.cavity * bump


def _draw_pattern(base: str, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Layers that are textures rather than lines: the pitted chin, vertical lip lines, fine cross-hatching."""
    if base == "chin_peel":
        mask = smoothstep(1.9, 0.9, np.hypot(x, 1.15 * (y + 5.95))) * (z > 6.0)
        pits = _pits(x, y, 0.34)
        return -0.06 * mask * pits, 0.75 * mask * pits
    if base == "lip_lines":
        ring = np.hypot(x / 2.7, (y + 3.4) / 1.55)
        mask = (
            (0.8 * smoothstep(1.12, 0.85, ring) + 0.3 * smoothstep(0.85, 0.6, ring))
            * smoothstep(0.02, 0.25, np.abs(y + 3.35))
            * (z > 9.0)
        )
        fan = x * (1.0 - 0.12 * np.abs(y + 3.4)) + 0.05 * np.sin(4.1 * y)
        uneven = 0.62 + 0.38 * np.sin(5.3 * fan + 1.0) * np.sign(np.sin(2.9 * y + 1.7 * fan))
        lines = np.abs(np.sin(7.4 * fan + 1.3 * np.sin(2.3 * fan + 0.8))) ** 5 * uneven
        return -0.06 * mask * lines, 0.62 * mask * lines
    mask = smoothstep(6.4, 7.2, y) * smoothstep(10.8, 9.5, y) * smoothstep(5.8, 4.0, x)
    lines = np.abs(np.sin(5.2 * y + 1.1 * np.sin(1.9 * x) + 0.5 * np.sin(4.3 * x))) ** 8
    return -0.03 * mask * lines, 0.35 * mask * lines


def _pits(x: np.ndarray, y: np.ndarray, spacing: float) -> np.ndarray:
    """Dents of a golf ball in [0, 1], on a jittered lattice that is symmetric about x = 0."""
    rng = np.random.default_rng(17)
    out = np.zeros_like(x)
    chin = (np.abs(x) < 3.5) & (np.abs(y + 6.0) < 3.0)  # no pit is elsewhere, and this is an eighth of the map
    x, y, dents = x[chin], y[chin], out[chin]
    for row, cy in enumerate(np.arange(-7.9, -4.0, spacing * 0.87)):
        for cx in np.arange(-2.4, 2.4, spacing) + (spacing / 2) * (row % 2):
            px, py = cx + rng.normal(0, 0.25 * spacing), cy + rng.normal(0, 0.25 * spacing)
            near = (np.abs(x - px) < 4 * 0.3 * spacing) & (np.abs(y - py) < 4 * 0.3 * spacing)
            d2 = (x[near] - px) ** 2 + (y[near] - py) ** 2
            dents[near] = np.maximum(dents[near], rng.uniform(0.5, 1.0) * gaussian(d2, 0.3 * spacing))
    out[chin] = dents
    return out


def _smooth_line(knots: np.ndarray, samples: int = 64) -> np.ndarray:
    """(samples, 2) points of a Catmull-Rom curve through (k, 2) knots."""
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0.0, len(knots) - 1 - 1e-9, samples)
    i, f = t.astype(int), (t % 1.0)[:, None]
    p0, p1, p2, p3 = (padded[i + k] for k in range(4))
    return 0.5 * (2 * p1 + (p2 - p0) * f + (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2 + (3 * p1 - p0 - 3 * p2 + p3) * f**3)


def _bounding_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return 0, 0, 1, 1
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


@numba.njit(cache=True)
def _accumulate_fold(x, y, front, line, fade, width, depth, left_bank, right_bank, dark, height, cavity):  # type: ignore[no-untyped-def]
    """Add a valley along ``line`` and its two banks."""
    bank_width = 1.5 * width
    offset = 1.1 * width + bank_width
    reach = offset + 2.5 * bank_width
    x_low, x_high = line[:, 0].min() - reach, line[:, 0].max() + reach
    y_low, y_high = line[:, 1].min() - reach, line[:, 1].max() + reach
    n = line.shape[0]
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            px, py = x[row, column], y[row, column]
            if not front[row, column] or px < x_low or px > x_high or py < y_low or py > y_high:
                continue
            best, nearest = 1e9, 0
            for k in range(n):
                d2 = (px - line[k, 0]) ** 2 + (py - line[k, 1]) ** 2
                if d2 < best:
                    best, nearest = d2, k
            a, b = max(nearest - 1, 0), min(nearest + 1, n - 1)
            tx, ty = line[b, 0] - line[a, 0], line[b, 1] - line[a, 1]
            cross = tx * (py - line[nearest, 1]) - ty * (px - line[nearest, 0])
            distance = np.sqrt(best)
            valley = np.exp(-best / (2 * width * width)) * fade[nearest]
            bank = left_bank if cross > 0 else right_bank
            rise = np.exp(-((distance - offset) ** 2) / (2 * bank_width * bank_width)) * fade[nearest]
            height[row, column] += depth * (bank * rise - valley)
            cavity[row, column] += dark * max(np.exp(-best / (4.5 * width * width)) * fade[nearest], 0.0)

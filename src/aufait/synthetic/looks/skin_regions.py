"""Regions of the face and head textures: cheeks, lids, lips, brows, beard. The same for everybody."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import gaussian, smoothstep
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.uv_maps import FACE_TEXTURE, HEAD_TEXTURE, coverage, landmark_texels, position_map
from aufait.synthetic.looks.beard import beard_density
from aufait.synthetic.looks.brows_and_lashes import brow_line
from aufait.synthetic.looks.scalp import ScalpPlaces, scalp_places

BROW_ROWS = slice(70, 160)
"""Rows of the face texture that hold the brows."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """Masks (size, size) float32 over one part; the same for everybody."""

    size: int
    positions: np.ndarray
    small_positions: np.ndarray
    small_scalp: ScalpPlaces
    masks: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.masks[name]


@functools.lru_cache(maxsize=2)
def face_canvas(model: FaceModel) -> Canvas:
    """Masks over the face texture."""
    p = position_map(model, Material.FACE, FACE_TEXTURE)
    inside = coverage(model, Material.FACE, FACE_TEXTURE)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    ax = np.abs(x)
    front = smoothstep(1.0, 4.0, z)
    lip, lip_wide = _lip_masks(model)
    upper, lash = _lid_masks(model, ax, y, z)
    masks = {
        "zero": np.zeros_like(x),
        "inner": _inner_fade(inside, 26.0),
        "cheek": gaussian((ax - 4.4) ** 2 + ((y - 0.2) * 1.15) ** 2, 1.5) * front,
        "blusher": gaussian(((ax - 5.3) * 0.9) ** 2 + ((y - 0.7 - 0.45 * (ax - 5.3)) * 1.6) ** 2, 1.1) * front,
        "nose": gaussian(x**2 * 0.8 + (y - 0.1) ** 2, 0.9) * front,
        "chin": gaussian(x**2 + (y + 6.1) ** 2, 0.9) * front,
        "knuckle": gaussian((ax - 1.2) ** 2 + (y + 0.7) ** 2, 0.5) * front,
        "ear": cv2.GaussianBlur(((ax > 7.3) & (z < 4.2) & (y > -3) & (y < 5)).astype(np.float32), (0, 0), 5),
        "forehead": smoothstep(6.0, 7.5, y) * smoothstep(6.5, 4.5, ax) * front,
        "lid": gaussian(((ax - 3.2) / 1.5) ** 2 + ((y - 3.75) / 0.8) ** 2, 0.75) * front,
        "under_eye": gaussian(((ax - 2.8) / 1.35) ** 2 + ((y - 2.3 - 0.12 * (ax - 2.8)) / 0.5) ** 2, 0.8) * front,
        "upper_lid": upper,
        "lash_line": lash,
        "perioral": gaussian((x / 1.6) ** 2 + (y + 3.6) ** 2, 1.3) * front,
        "neck": smoothstep(-7.3, -8.6, y),
        "lip": lip,
        "lip_grooves": (np.abs(np.sin(7.5 * x + 1.3 * np.sin(3 * x))) ** 4 * lip).astype(np.float32),
        "freckle": np.clip(
            gaussian((ax - 3.2) ** 2 * 0.4 + (y - 0.7) ** 2, 1.1) + 0.6 * gaussian(x**2 + (y - 1.5) ** 2, 1.2) + 0.06,
            0,
            1,
        )
        * front,
        "sun": np.clip(smoothstep(6, 7.5, y) + gaussian((ax - 5.5) ** 2 + (y - 1.8) ** 2, 1.6), 0, 1) * front,
        "skin": (inside * smoothstep(0.0, 3.0, z) * (1 - lip_wide)).astype(np.float32),
        "beside": np.ascontiguousarray(ax[BROW_ROWS]),
        "below_brow": np.where(z > 5, brow_line(model, x) - y, 9.0)[BROW_ROWS].astype(np.float32),
    }
    t_zone = smoothstep(3.4, 1.0, ax) * smoothstep(6.0, 7.2, y) * smoothstep(11.0, 9.0, y)
    t_zone = np.maximum(t_zone, gaussian(x**2 * 0.6 + ((y - 1.0) * 0.6) ** 2, 0.85))
    masks["sebum"] = (np.clip(t_zone + 0.5 * masks["cheek"] + 0.6 * masks["chin"], 0, 1) * front).astype(np.float32)
    free = 1.0 - np.clip(1.6 * cv2.GaussianBlur(lip, (0, 0), 1.2), 0.0, 1.0)
    for name, kind in (("beard", "full"), ("moustache", "moustache"), ("goatee", "goatee")):
        density = cv2.GaussianBlur(beard_density(model, p, kind).astype(np.float32), (0, 0), 1.5)
        masks[name] = (density * free).astype(np.float32)
    small = position_map(model, Material.FACE, FACE_TEXTURE // 2)
    return _freeze(Canvas(FACE_TEXTURE, p, small, scalp_places(small), masks))


@functools.lru_cache(maxsize=2)
def head_canvas(model: FaceModel) -> Canvas:
    p = position_map(model, Material.HEAD, HEAD_TEXTURE)
    ax, y, z = np.abs(p[..., 0]), p[..., 1], p[..., 2]
    ear = ((ax > 7.0) & (y > -3) & (y < 5) & (z > -3.5)).astype(np.float32)
    masks = {
        "inner": _inner_fade(coverage(model, Material.HEAD, HEAD_TEXTURE), 12.0),
        "ear": cv2.GaussianBlur(ear, (0, 0), 2),
    }
    return _freeze(Canvas(HEAD_TEXTURE, p, p, scalp_places(p), masks))


def _freeze(canvas: Canvas) -> Canvas:
    for mask in canvas.masks.values():
        mask.setflags(write=False)
    return canvas


def _inner_fade(inside: np.ndarray, reach: float) -> np.ndarray:
    """0 at the border of the layout, 1 further in: broad mottling must not break where face and head meet."""
    return smoothstep(0.0, reach, cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5))


def _lip_masks(model: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    """The vermilion between the outer lip landmarks, and a wider soft version."""
    outline = _closed_curve(landmark_texels(model, np.arange(48, 60)).astype(np.float64))
    mask = np.zeros((FACE_TEXTURE, FACE_TEXTURE), np.float32)
    cv2.fillPoly(mask, [np.round(outline * 256).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=8)
    return np.clip(cv2.GaussianBlur(mask, (0, 0), 1.0), 0, 1), np.clip(cv2.GaussianBlur(mask, (0, 0), 4.5), 0, 1)


def _closed_curve(knots: np.ndarray, samples: int = 20) -> np.ndarray:
    """Catmull-Rom curve through closed (n, 2) knots."""
    p0, p1, p2, p3 = (np.roll(knots, 1 - k, axis=0)[:, None] for k in range(4))
    f = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    curve = 2 * p1 + (p2 - p0) * f + (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2 + (3 * p1 - p0 - 3 * p2 + p3) * f**3
    return (0.5 * curve).reshape(-1, 2)


def _lid_masks(model: FaceModel, ax: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where eye shadow goes, and the lash line."""
    eye = model.neutral[model.landmarks[42:48]]
    upper = np.interp(ax, eye[:4, 0], eye[:4, 1])
    lower = np.interp(ax, eye[[0, 5, 4, 3], 0], eye[[0, 5, 4, 3], 1])
    across = smoothstep(1.7, 2.1, ax) * smoothstep(5.2, 4.5, ax) * (z > 6.5)
    shadow = smoothstep(-0.1, 0.1, y - upper) * smoothstep(1.1, 0.25, y - upper) * across
    upper_line = gaussian((y - upper - 0.02) ** 2, 0.10)
    lower_line = 0.55 * gaussian((y - lower + 0.02) ** 2, 0.08) * smoothstep(2.2, 2.9, ax)
    return shadow.astype(np.float32), (np.maximum(upper_line, lower_line) * across).astype(np.float32)

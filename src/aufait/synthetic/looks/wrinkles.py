"""Wrinkles, folds and bulges that action units make in the skin.

A layer is a height field (cm) and a cavity field (0-1, how much the bottom of the fold darkens) over the face texture.
Each layer exists for the subject's left and right side, so that one-sided action units wrinkle one side only. What each
action unit does to the skin follows the appearance changes that FACS describes; places are written in centimetres of
the neutral face, for the left side (x > 0).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numba
import numpy as np

from aufait.synthetic.drawing.primitives import gaussian, smoothstep
from aufait.synthetic.head.assets import FaceModel, Material
from aufait.synthetic.head.person import Traits
from aufait.synthetic.head.resting import resting_face
from aufait.synthetic.head.uv_maps import FACE_TEXTURE, coverage, position_map

if TYPE_CHECKING:
    from aufait.synthetic.looks.skin import SkinTextures

SIDES = ("left", "right")
MIN_AMOUNT = 0.02
MAX_CAVITY = 1.2
CM_PER_TEXTURE = 47.0
"""About what the side of the face texture measures on the skin."""
SKY_SHADE = 0.3
"""Cavity per unit of slope that faces down: light mostly comes from above, even where it is too soft for shadows."""
_SOFT_MAXIMUM = 4.0


@dataclass(frozen=True)
class Fold:
    """A curved valley with bulging banks.

    Attributes:
        points: polyline knots (x, y) in cm, passed through smoothly.
        width: standard deviation of the valley across, cm.
        depth: cm.
        left_bank, right_bank: height of the bulge beside it as share of ``depth``, seen along the drawing.
        cavity: darkness of the bottom, 0-1.
        taper: 1 both ends fade, 0 both ends stay full.
    """

    points: tuple[tuple[float, float], ...]
    width: float
    depth: float
    left_bank: float = 0.35
    right_bank: float = 0.35
    cavity: float = 0.8
    taper: float = 1.0


@dataclass(frozen=True)
class Blob:
    """A smooth Gaussian bulge (``height`` > 0) or pit (< 0), cm, with its own darkening."""

    center: tuple[float, float]
    radius: tuple[float, float]
    height: float
    cavity: float = 0.0


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


def _ray(
    start: tuple[float, float], degrees: float, length: float, bend: float = 0.0
) -> tuple[tuple[float, float], ...]:
    """Three knots of a slightly bent line."""
    direction = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    normal = np.array([-direction[1], direction[0]])
    knots = [np.array(start) + direction * length * t + normal * bend * 4 * t * (1 - t) for t in (0.0, 0.5, 1.0)]
    return tuple((float(k[0]), float(k[1])) for k in knots)


def _forehead(heights: tuple[float, ...], phase: float, inner: bool) -> tuple[Fold, ...]:
    """Wavy horizontal lines; the outer part arches over the tail of the brow."""
    xs = np.arange(-0.4, 3.3, 0.4) if inner else np.arange(1.6, 6.0, 0.4)
    folds = []
    for k, y in enumerate(heights):
        wave = 0.18 * np.cos(0.8 * xs + phase + k) + 0.08 * np.sin(2.3 * xs + 2 * phase + 1.7 * k)
        ys = y + wave - 0.035 * np.clip(xs - 3.0, 0, None) ** 2
        knots = tuple((float(a), float(b)) for a, b in zip(xs, ys, strict=True))
        folds.append(Fold(knots, 0.105, 0.062 * (1.0, 1.0, 0.85, 0.6)[k], 0.5, 0.5, 0.72))
    return tuple(folds)


# Every layer of the left side. The sign of a bank: drawing downwards on the left half, "left" is outwards (larger x).
_LAYERS: dict[str, tuple[Fold | Blob, ...]] = {
    "forehead_inner_a": _forehead((6.95, 7.75, 8.6, 9.4), 0.0, True),
    "forehead_inner_b": _forehead((7.25, 8.2, 9.1), 2.1, True),
    "forehead_outer_a": _forehead((7.0, 7.8, 8.65, 9.4), 0.3, False),
    "forehead_outer_b": _forehead((7.3, 8.25, 9.1), 2.4, False),
    "glabella": (
        Fold(((0.55, 4.5), (0.62, 5.2), (0.74, 6.0), (1.0, 7.0)), 0.12, 0.095, 0.7, 0.4, 1.0),
        Fold(((0.16, 5.0), (0.2, 5.7), (0.27, 6.4)), 0.09, 0.05, 0.3, 0.3, 0.6),
        Fold(((1.5, 7.15), (2.1, 7.3), (2.7, 7.65)), 0.13, 0.035, 0.3, 0.3, 0.35),
        Blob((1.3, 5.55), (0.55, 0.5), 0.07),
    ),
    "brow_omega": (
        Fold(((-0.3, 7.1), (0.6, 7.25), (1.4, 7.0), (2.0, 6.8)), 0.12, 0.06, 0.4, 0.4, 0.7),
        Blob((0.35, 6.5), (0.5, 0.4), 0.06),
    ),
    "nose_root": (
        Fold(((-0.3, 4.05), (0.3, 4.0), (0.95, 4.3)), 0.11, 0.08, 0.5, 0.5, 0.9, 0.6),
        Fold(((-0.3, 3.55), (0.3, 3.45), (0.8, 3.6)), 0.09, 0.05, 0.4, 0.4, 0.7, 0.6),
    ),
    "nose_sides": (
        Fold(((0.3, 3.3), (0.75, 2.7), (1.15, 1.8)), 0.085, 0.06, 0.5, 0.5, 0.8),
        Fold(((0.55, 3.75), (1.0, 3.1), (1.5, 2.2)), 0.09, 0.065, 0.5, 0.5, 0.8),
        Fold(((0.2, 2.7), (0.55, 2.15), (0.9, 1.3)), 0.08, 0.05, 0.5, 0.5, 0.7),
        Fold(((1.0, 3.5), (1.45, 2.85), (2.1, 2.2)), 0.09, 0.05, 0.4, 0.4, 0.6),
    ),
    "crows_feet_a": tuple(
        Fold(_ray((4.95, 3.35), angle, length, bend), 0.085, 0.062, 0.5, 0.5, 0.85)
        for angle, length, bend in (
            (38, 1.5, 0.1),
            (16, 1.9, 0.06),
            (-6, 2.0, -0.05),
            (-28, 1.7, -0.12),
            (-48, 1.3, -0.15),
        )
    ),
    "crows_feet_b": tuple(
        Fold(_ray((5.05, 3.2), angle, length, bend), 0.095, 0.066, 0.5, 0.5, 0.85)
        for angle, length, bend in ((26, 1.5, 0.12), (2, 1.8, -0.04), (-20, 1.9, -0.12), (-42, 1.5, -0.2))
    ),
    "infraorbital": (
        Fold(((1.75, 2.55), (2.3, 1.95), (3.1, 1.68), (4.0, 1.78), (4.9, 2.3)), 0.13, 0.085, 0.3, 0.9, 0.85),
        Fold(((2.2, 2.35), (3.0, 2.1), (4.0, 2.15), (4.9, 2.6)), 0.08, 0.04, 0.4, 0.4, 0.5),
    ),
    "cheek_bulge": (
        Blob((4.1, 0.75), (1.1, 0.7), 0.28),
        Blob((4.3, -0.8), (1.3, 0.5), -0.08, 0.2),
    ),
    "lid_roll": (
        Fold(((1.95, 2.85), (2.6, 2.62), (3.3, 2.58), (4.0, 2.68), (4.6, 3.1)), 0.075, 0.055, 1.1, 0.2, 0.9),
        Fold(((1.6, 3.05), (1.9, 2.75), (2.35, 2.5)), 0.07, 0.03, 0.3, 0.3, 0.5),
        Fold(((4.55, 3.25), (5.0, 3.0), (5.5, 2.95)), 0.08, 0.045, 0.4, 0.4, 0.7),
    ),
    "upper_lid_crease": (
        Fold(((1.85, 3.75), (2.4, 4.35), (3.2, 4.6), (4.0, 4.4), (4.75, 3.8)), 0.11, 0.08, 0.5, 0.1, 1.0),
        Blob((3.2, 5.0), (1.1, 0.3), -0.05, 0.25),
    ),
    "lid_hood": (Fold(((2.2, 4.35), (3.0, 4.55), (4.0, 4.35), (5.0, 3.6), (5.5, 3.15)), 0.13, 0.06, 0.6, 0.0, 0.6),),
    "nasolabial": (
        Fold(
            ((1.8, 0.15), (2.1, -0.4), (2.5, -1.15), (2.9, -2.05), (3.2, -3.1), (3.25, -3.9)),
            0.15,
            0.105,
            1.0,
            0.15,
            1.0,
        ),
    ),
    "nasolabial_upper": (
        Fold(((1.55, 0.95), (1.8, 0.2), (2.15, -0.5), (2.65, -1.3)), 0.15, 0.12, 1.1, 0.1, 1.0),
        Blob((2.6, 0.35), (0.65, 0.6), 0.13),
    ),
    "nasolabial_outer": (Fold(((3.35, -1.2), (3.75, -2.2), (3.85, -3.3), (3.6, -4.3)), 0.15, 0.075, 0.7, 0.3, 0.7),),
    "dimple": (
        Blob((3.0, -3.5), (0.2, 0.3), -0.13, 0.95),
        Fold(((3.0, -2.75), (3.3, -3.2), (3.3, -3.75), (3.05, -4.25)), 0.12, 0.085, 0.9, 0.3, 0.85),
        Fold(((3.55, -2.5), (3.85, -3.3), (3.7, -4.2)), 0.12, 0.04, 0.4, 0.3, 0.4),
        Blob((2.55, -2.95), (0.25, 0.28), 0.06),
        Blob((2.55, -4.15), (0.25, 0.28), 0.06),
    ),
    "marionette": (
        Fold(((2.5, -3.6), (2.85, -4.05), (3.0, -4.7), (2.95, -5.5)), 0.13, 0.11, 0.7, 0.5, 1.0, 0.8),
        Blob((2.25, -4.5), (0.32, 0.35), 0.07),
        Blob((2.2, -5.0), (0.45, 0.25), -0.05, 0.25),
    ),
    "mental_crease": (
        Fold(((-0.3, -4.95), (0.6, -5.0), (1.3, -5.25), (1.9, -5.65)), 0.16, 0.115, 0.1, 0.9, 1.0, 0.8),
        Blob((0.0, -6.0), (1.0, 0.5), 0.11),
    ),
    "chin_bend": (Fold(((1.7, -5.3), (2.0, -5.9), (1.8, -6.6)), 0.14, 0.06, 0.2, 0.5, 0.6),),
    "chin_flat": (
        Blob((0.0, -6.1), (1.2, 0.6), -0.13),
        Fold(((0.4, -5.3), (1.3, -5.2), (2.3, -5.3)), 0.11, 0.05, 0.3, 0.3, 0.6),
    ),
    "lip_press": (
        Fold(((-0.3, -1.75), (0.8, -1.8), (1.7, -2.2), (2.5, -3.0)), 0.13, 0.05, 0.1, 0.9, 0.4, 0.5),
        Fold(((-0.3, -4.85), (0.8, -4.8), (1.6, -4.55), (2.4, -3.95)), 0.13, 0.07, 0.9, 0.1, 0.7, 0.5),
        Fold(((2.35, -3.5), (2.75, -3.55), (3.05, -3.8)), 0.09, 0.06, 0.4, 0.4, 0.9),
        Blob((0.7, -2.1), (0.9, 0.24), 0.075),
        Blob((0.7, -4.6), (0.9, 0.22), 0.075),
    ),
    "lip_seam": (Fold(((-0.3, -3.34), (0.8, -3.34), (1.6, -3.42), (2.4, -3.55)), 0.12, 0.07, 0.2, 0.2, 1.0, 0.4),),
    "lip_margin": (
        Fold(((-0.3, -2.36), (0.73, -2.3), (1.7, -2.68), (2.45, -3.35)), 0.07, 0.05, 0.4, 0.2, 0.6, 0.5),
        Fold(((-0.3, -4.5), (1.0, -4.42), (1.8, -4.16), (2.45, -3.65)), 0.07, 0.05, 0.2, 0.4, 0.6, 0.5),
    ),
    "stretch": (
        Fold(((2.95, -2.5), (3.4, -3.1), (3.5, -3.9), (3.3, -4.9)), 0.12, 0.085, 0.7, 0.3, 0.85),
        Fold(((3.7, -2.3), (4.15, -3.2), (4.15, -4.2), (3.85, -5.2)), 0.12, 0.065, 0.5, 0.3, 0.6),
        Fold(((4.5, -2.3), (4.85, -3.2), (4.75, -4.3)), 0.13, 0.045, 0.4, 0.3, 0.4),
        Fold(((2.2, -4.3), (2.8, -4.35), (3.4, -4.2)), 0.1, 0.05, 0.3, 0.3, 0.5),
        Fold(((1.6, -4.85), (2.4, -4.9), (3.1, -4.8)), 0.1, 0.045, 0.3, 0.3, 0.5),
    ),
    "neck_bands": tuple(
        Fold(((x, -8.2), (x * 0.93, -9.6), (x * 0.86, -11.2)), 0.2, -0.14, -0.4, -0.4, -0.0) for x in (1.6, 3.3)
    ),
    # The rest appear with age only.
    "eye_bag": (
        Fold(((1.8, 2.5), (2.3, 1.9), (3.1, 1.6), (4.0, 1.75), (4.7, 2.3)), 0.17, 0.06, 0.9, 0.2, 0.75),
        Blob((3.1, 2.15), (0.8, 0.25), 0.05),
    ),
    "tear_trough": (Fold(((1.65, 2.7), (2.0, 2.0), (2.7, 1.3), (3.3, 0.9)), 0.16, 0.05, 0.3, 0.3, 0.6),),
    "jowl": (
        Fold(((2.95, -4.7), (3.15, -5.6), (3.0, -6.4)), 0.18, 0.09, 0.8, 0.2, 0.7),
        Blob((4.2, -5.4), (0.8, 0.6), 0.1),
    ),
    "cheek_lines": tuple(
        Fold(((x, 0.4), (x + 0.35, -1.6), (x + 0.1, -3.6)), 0.1, 0.045, 0.4, 0.4, 0.5) for x in (4.3, 5.0, 5.6)
    ),
    "neck_lines": (
        Fold(((-0.4, -8.9), (1.5, -8.85), (3.2, -8.5), (4.8, -7.9)), 0.14, 0.06, 0.5, 0.5, 0.7),
        Fold(((-0.4, -10.4), (1.8, -10.3), (3.8, -9.8), (5.2, -9.1)), 0.14, 0.06, 0.5, 0.5, 0.7),
    ),
}
_PATTERNS = ("chin_peel", "lip_lines", "forehead_fine")

# Weight of each action unit (at intensity 5) on each layer. Where several act, the strongest rules.
_DRIVERS: dict[str, dict[int, float]] = {
    "forehead_inner_a": {1: 1.15, 2: 0.65},
    "forehead_inner_b": {1: 1.15, 2: 0.65},
    "forehead_outer_a": {2: 1.15, 1: 0.15},
    "forehead_outer_b": {2: 1.15, 1: 0.15},
    "glabella": {4: 1.3, 9: 0.35},
    "nose_root": {9: 1.25, 4: 0.4},
    "nose_sides": {9: 1.3},
    "crows_feet_a": {6: 1.45, 12: 0.2, 7: 0.2},
    "crows_feet_b": {6: 1.45, 12: 0.2, 7: 0.2},
    "infraorbital": {6: 1.35, 7: 0.35, 12: 0.2, 9: 0.35},
    "cheek_bulge": {6: 1.1, 12: 0.55, 10: 0.2},
    "lid_roll": {7: 1.4, 6: 0.65, 9: 0.3},
    "upper_lid_crease": {5: 1.0},
    "lid_hood": {7: 0.8, 6: 0.5, 4: 0.35},
    "nasolabial": {12: 1.05, 10: 0.8, 9: 0.55, 13: 0.8, 6: 0.35, 20: 0.35, 14: 0.3, 11: 1.0},
    "nasolabial_upper": {10: 1.35, 9: 0.9, 11: 0.8, 12: 0.3},
    "nasolabial_outer": {12: 0.35, 14: 0.3, 20: 0.3},
    "dimple": {14: 1.35, 12: 0.12},
    "marionette": {15: 1.35, 17: 0.3, 14: 0.15},
    "mental_crease": {17: 1.3, 15: 0.4, 24: 0.35},
    "chin_bend": {15: 1.0, 17: 0.6},
    "chin_flat": {20: 1.2, 15: 0.3},
    "lip_press": {24: 1.3, 23: 0.15, 28: 0.8},
    "lip_seam": {24: 1.1, 28: 1.2, 23: 0.7},
    "lip_margin": {23: 1.6, 18: 0.4, 22: 0.3, 28: 0.3},
    "stretch": {20: 1.35},
    "neck_bands": {20: 0.7, 21: 1.4},
    "chin_peel": {17: 1.35, 15: 0.35, 24: 0.2, 28: 0.2},
    "lip_lines": {23: 1.8, 18: 0.9, 24: 0.2, 22: 0.5, 28: 0.6},
}

# How strongly age alone draws a layer, at 80 years.
_AGEING: dict[str, float] = {
    "forehead_inner_a": 0.8, "forehead_inner_b": 0.8, "forehead_outer_a": 0.65, "forehead_outer_b": 0.65,
    "glabella": 0.55, "nose_root": 0.2, "crows_feet_a": 0.85, "crows_feet_b": 0.85, "infraorbital": 0.3,
    "lid_hood": 0.7, "nasolabial": 0.7,
    "nasolabial_upper": 0.35, "nasolabial_outer": 0.35, "marionette": 0.6, "mental_crease": 0.3, "lip_lines": 0.6,
    "eye_bag": 1.0, "tear_trough": 0.8, "jowl": 0.9, "cheek_lines": 0.9, "neck_lines": 1.1, "chin_bend": 0.3,
    "forehead_fine": 1.0, "neck_bands": 0.5,
}  # fmt: skip
_VARIANTS = ("forehead_inner", "forehead_outer", "crows_feet")


@functools.lru_cache(maxsize=2)
def wrinkle_maps(model: FaceModel) -> WrinkleMaps:
    """The layers for one face model, built once per process (well under a second)."""
    positions = position_map(model, Material.FACE, FACE_TEXTURE)
    front = coverage(model, Material.FACE, FACE_TEXTURE) & (positions[..., 2] > 1.0)
    names, boxes, heights, cavities, starts, total = [], [], [], [], [], 0
    for base in (*_LAYERS, *_PATTERNS):
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


def foldability(traits: Traits) -> float:
    """How readily a person's skin folds, 0.05-1.3: some smile without a line, so units must also show without folds."""
    return float(traits.rng("foldability").uniform(0.05, 1.0 + 0.3 * traits.age_fraction))


def wrinkle_amounts(
    intensity_left: Mapping[int, float], intensity_right: Mapping[int, float], traits: Traits
) -> np.ndarray:
    """How strongly each layer shows for given action units.

    Args:
        intensity_left: action unit number -> intensity 0-5 on the subject's left side.
        intensity_right: the same for the right side.
        traits: the person; age deepens every fold, and each person has a personal strength of every layer.

    Returns:
        (L,) float32 in the order of ``WrinkleMaps.names``; what age draws by itself is not in it but in the skin.
    """
    personal = _personal_strength(traits)
    gain = (0.68 + 0.62 * traits.age_fraction) * foldability(traits)
    amounts = np.zeros((len(_BASES), 2), np.float32)
    for side, intensity in enumerate((intensity_left, intensity_right)):
        share = np.clip([intensity.get(au, 0.0) / 5.0 for au in _DRIVING_UNITS], 0.0, 1.0) ** 0.85
        pushes = _DRIVER_MATRIX * share
        omega = np.sqrt(share[_DRIVING_UNITS.index(1)] * share[_DRIVING_UNITS.index(4)])
        amounts[:, side] = np.sum(pushes**_SOFT_MAXIMUM, axis=1) ** (1.0 / _SOFT_MAXIMUM)
        amounts[_BASES.index("brow_omega"), side] = omega
    layer_gain = np.where(_ALWAYS, max(gain, 0.5), gain)  # lips tighten visibly even where skin hardly folds
    amounts *= (layer_gain * personal)[:, None]
    return amounts.ravel()


def static_amounts(traits: Traits) -> np.ndarray:
    """(L,) float32: what a face at rest shows: lines of age, which grow with its square, and those of the person."""
    rng = traits.rng("static wrinkles")
    age = traits.age_fraction
    strength = np.array([_AGEING.get(base, 0.0) for base in _BASES]) * _personal_strength(traits)
    person = rng.uniform(0.8, 1.7)
    layers = rng.uniform(0.5, 1.2, (len(_BASES), 1)) * rng.uniform(0.85, 1.1, (len(_BASES), 2))
    amounts = strength[:, None] * person * layers * age**2
    for base, floor in (
        ("nasolabial", 0.10),
        ("tear_trough", 0.08),
        ("upper_lid_crease", 0.35),
        ("mental_crease", 0.1),
    ):
        amounts[_BASES.index(base)] += floor * rng.uniform(0.3, 1.5)
    personal = _personal_strength(traits)
    for base, sides in resting_face(traits).folds.items():
        row = _BASES.index(base)
        amounts[row] = np.maximum(amounts[row], personal[row] * np.array(sides))
    return amounts.astype(np.float32).ravel()


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


def add_layers(
    maps: WrinkleMaps, amounts: np.ndarray, height: np.ndarray, cavity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Copies of ``height`` and ``cavity`` (size, size) with the layers added in proportion to ``amounts``."""
    height, cavity = height.copy(), cavity.copy()
    _accumulate(maps.boxes, maps.starts, maps.height, maps.cavity, amounts.astype(np.float32), height, cavity)
    return height, cavity


def _personal_strength(traits: Traits) -> np.ndarray:
    """(bases,) each person's own strength per layer; of the two variants of a layer one rules."""
    rng = traits.rng("wrinkles")
    strength = np.clip(rng.normal(1.0, 0.15, len(_BASES)), 0.65, 1.4)
    for stem in _VARIANTS:
        mix = float(smoothstep(0.3, 0.7, np.array(rng.random())))
        strength[_BASES.index(f"{stem}_a")] *= mix
        strength[_BASES.index(f"{stem}_b")] *= 1.0 - mix
    return strength.astype(np.float32)


_BASES: tuple[str, ...] = (*_LAYERS, *_PATTERNS)
_ALWAYS = np.array([base in ("lip_margin", "lip_lines") for base in _BASES])
_DRIVING_UNITS: tuple[int, ...] = tuple(sorted({au for row in _DRIVERS.values() for au in row}))
_DRIVER_MATRIX = np.array([[_DRIVERS.get(base, {}).get(au, 0.0) for au in _DRIVING_UNITS] for base in _BASES])


def _draw_layer(base: str, positions: np.ndarray, front: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Height and cavity (size, size) of one layer on one side (``sign`` 1: left)."""
    x, y = sign * positions[..., 0], positions[..., 1]
    if base in _PATTERNS:
        height, cavity = _draw_pattern(base, x, y, positions[..., 2])
    else:
        height, cavity = np.zeros_like(x), np.zeros_like(x)
        for shape in _LAYERS[base]:
            if isinstance(shape, Fold):
                _draw_fold(shape, x, y, front, height, cavity)
            else:
                _draw_blob(shape, x, y, height, cavity)
    own_side = smoothstep(-0.3, 0.3, x) * front
    return (height * own_side).astype(np.float32), (np.clip(cavity, 0, 1) * own_side).astype(np.float32)


def _draw_fold(
    fold: Fold, x: np.ndarray, y: np.ndarray, front: np.ndarray, height: np.ndarray, cavity: np.ndarray
) -> None:
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
    for row, cy in enumerate(np.arange(-7.9, -4.0, spacing * 0.87)):
        for cx in np.arange(-2.4, 2.4, spacing) + (spacing / 2) * (row % 2):
            px, py = cx + rng.normal(0, 0.25 * spacing), cy + rng.normal(0, 0.25 * spacing)
            near = (np.abs(x - px) < 4 * 0.3 * spacing) & (np.abs(y - py) < 4 * 0.3 * spacing)
            d2 = (x[near] - px) ** 2 + (y[near] - py) ** 2
            out[near] = np.maximum(out[near], rng.uniform(0.5, 1.0) * gaussian(d2, 0.3 * spacing))
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

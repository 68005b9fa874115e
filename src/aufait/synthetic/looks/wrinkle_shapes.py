"""The folds, bulges and pits of each wrinkle layer, written in centimetres of the neutral face for the left side (x > 0).

What each action unit does to the skin follows the appearance changes that FACS describes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fold:
    """A curved valley with bulging banks.

    Attributes:
        points: polyline knots (x, y) in cm, passed through smoothly.
        width: standard deviation of the valley across, cm.
        depth: cm.
        left_bank, right_bank: height of the bulge next to it as share of ``depth``, seen along the drawing.
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


def _ray(start: tuple[float, float], degrees: float, length: float, bend: float = 0.0) -> tuple[tuple[float, float], ...]:
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
LAYERS: dict[str, tuple[Fold | Blob, ...]] = {
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
    "neck_bands": tuple(Fold(((x, -8.2), (x * 0.93, -9.6), (x * 0.86, -11.2)), 0.2, -0.14, -0.4, -0.4, -0.0) for x in (1.6, 3.3)),
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
    "cheek_lines": tuple(Fold(((x, 0.4), (x + 0.35, -1.6), (x + 0.1, -3.6)), 0.1, 0.045, 0.4, 0.4, 0.5) for x in (4.3, 5.0, 5.6)),
    "neck_lines": (
        Fold(((-0.4, -8.9), (1.5, -8.85), (3.2, -8.5), (4.8, -7.9)), 0.14, 0.06, 0.5, 0.5, 0.7),
        Fold(((-0.4, -10.4), (1.8, -10.3), (3.8, -9.8), (5.2, -9.1)), 0.14, 0.06, 0.5, 0.5, 0.7),
    ),
}
PATTERNS = ("chin_peel", "lip_lines", "forehead_fine")

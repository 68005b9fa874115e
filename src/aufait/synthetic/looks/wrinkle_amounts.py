"""How strongly each wrinkle layer shows: for given action units, and on a face at rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aufait.synthetic.drawing.primitives import smoothstep
from aufait.synthetic.head.person import Traits
from aufait.synthetic.head.resting import resting_face
from aufait.synthetic.looks.wrinkle_shapes import LAYERS, PATTERNS

_SOFT_MAXIMUM = 4.0
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
_BASES: tuple[str, ...] = (*LAYERS, *PATTERNS)
_ALWAYS = np.array([base in ("lip_margin", "lip_lines") for base in _BASES])
_DRIVING_UNITS: tuple[int, ...] = tuple(sorted({au for row in _DRIVERS.values() for au in row}))
_DRIVER_MATRIX = np.array([[_DRIVERS.get(base, {}).get(au, 0.0) for au in _DRIVING_UNITS] for base in _BASES])


def foldability(traits: Traits) -> float:
    """How readily a person's skin folds, 0.05-1.3: some smile without a line, so units must also show without folds."""
    return float(traits.rng("foldability").uniform(0.05, 1.0 + 0.3 * traits.age_fraction))


def wrinkle_amounts(intensity_left: Mapping[int, float], intensity_right: Mapping[int, float], traits: Traits) -> np.ndarray:
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


def _personal_strength(traits: Traits) -> np.ndarray:
    """(bases,) each person's own strength per layer; of the two variants of a layer one rules."""
    rng = traits.rng("wrinkles")
    strength = np.clip(rng.normal(1.0, 0.15, len(_BASES)), 0.65, 1.4)
    for stem in _VARIANTS:
        mix = float(smoothstep(0.3, 0.7, np.array(rng.random())))
        strength[_BASES.index(f"{stem}_a")] *= mix
        strength[_BASES.index(f"{stem}_b")] *= 1.0 - mix
    return strength.astype(np.float32)

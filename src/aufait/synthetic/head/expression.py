"""From action units to blend shapes: documented formulas, and shapes that ICT-FaceKit lacks.

Intensities are FACS-like, 0 (absent) to 5 (E, maximum), continuous, one per side of the face (the subject's left and
right). With a = intensity / 5 each action unit adds ``weight * a`` to the shapes below; ``X_L`` takes the left intensity,
``X_R`` the right one, shapes of the midline take the mean. Units 5, 14, 15, 17, 23 and 24 show early: a to a power of 0.6 to
0.8. The weights were tuned on rendered pictures so that intensity 5 looks like the maximum that FACS describes; they are a
model of appearance, not of muscle force.

| AU | shapes |
|---|---|
| 1 | browInnerUp 1.40 |
| 2 | browOuterUp 1.25 |
| 4 | browDown 1.70, own: browsTogether 0.9, browBulge 0.8; with AU 1 less of the first, more of the others (oblique brows) |
| 5 | eyeWide 1.75, less as the lid closes |
| 6 | cheekSquint 0.95, eyeSquint 0.30, own: cheekBulge 1.9 |
| 7 | eyeSquint 1.55, eyeBlink 0.22 |
| 9 | noseSneer 0.75, browDown 0.70, own: browsTogether 0.4, alaUp 0.9, upperLipDown 0.85 |
| 10 | mouthUpperUp 0.85, own: upperLipUp 0.5, cornerDown 0.55, nasolabialFull 0.6 |
| 11 | noseSneer 0.2, mouthUpperUp 0.35 |
| 12 | mouthSmile 1.25 |
| 14 | mouthDimple 1.30, mouthPress 0.40, own: cornerTuck 0.6 |
| 15 | mouthFrown 1.60, own: cornerDown 0.35, cornerBack 0.4 |
| 16 | mouthLowerDown 0.90 |
| 17 | mouthShrugLower 1.40, mouthShrugUpper 0.45, own: chinUp 0.35 |
| 18 | mouthPucker 1.0 |
| 20 | mouthStretch 1.15, own: cornerBack 1.4, cornerDown -1.2, lipsFull -0.7 |
| 22 | mouthFunnel 1.0 |
| 23 | mouthRollUpper 0.50, mouthRollLower 0.45, mouthPucker 0.30, own: lipsTight 1.9, lipsFull -1.0 |
| 24 | mouthPress 1.20, mouthRollUpper 0.35, mouthRollLower 0.38, mouthShrugLower 0.30, own: lipsFlat 1.0 |
| 25 | mouthLowerDown 0.55, mouthUpperUp 0.25, jawOpen 0.09 |
| 26 | jawOpen 0.52; lips stay together (mouthClose) unless AU 25, 10, 16 or 27 part them |
| 27 | jawOpen 1.10, mouthLowerDown 0.30, mouthUpperUp 0.15 |
| 28 | mouthRollUpper 1.15, mouthRollLower 1.20, jawOpen 0.05, mouthClose 0.05 |
| 33 | cheekPuff 0.8 |
| 43 | eyeBlink 1.07, capped where squinting has narrowed the eye already |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SideWeights = Mapping[str, float]

FORMULAS: dict[int, SideWeights] = {
    1: {"browInnerUp_": 1.40},
    2: {"browOuterUp_": 1.25},
    4: {"browDown_": 1.70, "own_browsTogether_": 0.9, "own_browBulge_": 0.8},
    5: {"eyeWide_": 1.75},
    6: {"cheekSquint_": 0.95, "eyeSquint_": 0.30, "own_cheekBulge_": 1.9},
    7: {"eyeSquint_": 1.55, "eyeBlink_": 0.22},
    9: {"noseSneer_": 0.75, "browDown_": 0.70, "own_browsTogether_": 0.4, "own_alaUp_": 0.9, "own_upperLipDown_": 0.85},
    10: {"mouthUpperUp_": 0.85, "own_upperLipUp_": 0.5, "own_cornerDown_": 0.55, "own_nasolabialFull_": 0.6},
    11: {"noseSneer_": 0.20, "mouthUpperUp_": 0.35},
    12: {"mouthSmile_": 1.25},
    14: {"mouthDimple_": 1.30, "mouthPress_": 0.40, "own_cornerTuck_": 0.6},
    15: {"mouthFrown_": 1.60, "own_cornerDown_": 0.35, "own_cornerBack_": 0.4},
    16: {"mouthLowerDown_": 0.90},
    17: {"mouthShrugLower": 1.40, "mouthShrugUpper": 0.45, "own_chinUp": 0.35},
    18: {"mouthPucker": 1.0},
    20: {"mouthStretch_": 1.15, "own_cornerBack_": 1.4, "own_cornerDown_": -1.2, "own_lipsFull": -0.7},
    22: {"mouthFunnel": 1.0},
    23: {"mouthRollUpper": 0.50, "mouthRollLower": 0.45, "mouthPucker": 0.30, "own_lipsTight": 1.9, "own_lipsFull": -1.0},
    24: {
        "mouthPress_": 1.20,
        "mouthRollUpper": 0.35,
        "mouthRollLower": 0.38,
        "mouthShrugLower": 0.30,
        "own_lipsFlat": 1.0,
    },
    25: {"mouthLowerDown_": 0.55, "mouthUpperUp_": 0.25, "jawOpen": 0.09},
    26: {"jawOpen": 0.52},
    27: {"jawOpen": 1.10, "mouthLowerDown_": 0.30, "mouthUpperUp_": 0.15},
    28: {"mouthRollUpper": 1.15, "mouthRollLower": 1.20, "jawOpen": 0.05, "mouthClose": 0.05},
    33: {"cheekPuff_": 0.8},
    43: {"eyeBlink_": 1.07},
}
"""Action unit -> shape weights at intensity 5; a name ending in ``_`` means its _L and _R shapes."""

MIN_WEIGHT, MAX_WEIGHT = -0.25, 1.9
_LIP_PARTING_UNITS = (10, 16, 22, 25, 27)
_RESPONSE = {5: 0.8, 14: 0.75, 15: 0.75, 17: 0.75, 23: 0.6, 24: 0.8}
"""Units whose traces are seen early: their shapes follow a to this power instead of a."""


@dataclass(frozen=True)
class Intensities:
    """Action units of one frame: number -> intensity in [0, 5] on the subject's left and right side."""

    left: Mapping[int, float]
    right: Mapping[int, float]

    @staticmethod
    def symmetric(intensity: Mapping[int, float]) -> Intensities:
        """The same intensity of every action unit on both sides."""
        return Intensities(dict(intensity), dict(intensity))

    def mean(self, au: int) -> float:
        """Mean intensity of the two sides."""
        return 0.5 * (self.left.get(au, 0.0) + self.right.get(au, 0.0))

    @property
    def present(self) -> tuple[int, ...]:
        """Action units above 0 on either side, by number."""
        return tuple(sorted({au for side in (self.left, self.right) for au, v in side.items() if v > 0}))


def shape_weights(intensities: Intensities, rng: np.random.Generator | None = None) -> dict[str, float]:
    """Blend-shape weights of a frame.

    Args:
        intensities: per side, 0-5.
        rng: where given, each shape's weight varies by 5 % (one person never moves quite as the next).

    Returns:
        shape name -> weight in [-0.25, 1.9]; names starting with ``own_`` belong to ``own_shapes``.
    """
    weights: dict[str, float] = {}
    for au in intensities.present:
        for name, weight in FORMULAS[au].items():
            for full, value in _sides(name, intensities, au):
                jitter = 1.0 if rng is None else 1.0 + 0.05 * float(rng.standard_normal())
                weights[full] = weights.get(full, 0.0) + weight * (value / 5.0) ** _RESPONSE.get(au, 1.0) * jitter
    _oblique_brows(weights, intensities)
    _keep_lips_together(weights, intensities)
    _limit_lids(weights)
    return {name: float(np.clip(w, MIN_WEIGHT, MAX_WEIGHT)) for name, w in weights.items() if abs(w) > 1e-4}


def _sides(name: str, intensities: Intensities, au: int) -> list[tuple[str, float]]:
    if name.endswith("_"):
        return [(name + "L", intensities.left.get(au, 0.0)), (name + "R", intensities.right.get(au, 0.0))]
    return [(name, intensities.mean(au))]


def _oblique_brows(weights: dict[str, float], intensities: Intensities) -> None:
    """AU 1 with AU 4 does not cancel out: the inner brows rise and draw together, the outer ones come down (grief)."""
    for side, values in (("L", intensities.left), ("R", intensities.right)):
        both = min(values.get(1, 0.0), values.get(4, 0.0)) / 5.0
        if both > 0:
            weights[f"browDown_{side}"] -= 1.05 * both
            weights[f"browInnerUp_{side}"] += 0.25 * both
            weights[f"own_browsTogether_{side}"] += 0.7 * both
            weights[f"own_browBulge_{side}"] += 0.5 * both
            weights[f"own_browOuterLow_{side}"] = weights.get(f"own_browOuterLow_{side}", 0.0) + 0.35 * both


def _keep_lips_together(weights: dict[str, float], intensities: Intensities) -> None:
    """A dropped jaw opens the mouth only as far as another unit parts the lips."""
    jaw = weights.get("jawOpen", 0.0)
    if intensities.mean(26) > 0 and jaw > 0:
        parted = min(1.0, sum(intensities.mean(au) for au in _LIP_PARTING_UNITS) / 1.5)
        weights["mouthClose"] = weights.get("mouthClose", 0.0) + 0.91 * jaw * (1.0 - parted)


def _limit_lids(weights: dict[str, float]) -> None:
    """Squinting narrows the eye already, so that closing needs less; a closing lid cannot be wide."""
    for side in "LR":
        blink = weights.get(f"eyeBlink_{side}", 0.0)
        if blink <= 0:
            continue
        narrowed = 0.16 * weights.get(f"eyeSquint_{side}", 0.0) + 0.05 * weights.get(f"cheekSquint_{side}", 0.0)
        blink = min(blink, 1.09 - narrowed)
        weights[f"eyeBlink_{side}"] = blink
        if f"eyeWide_{side}" in weights:
            weights[f"eyeWide_{side}"] *= max(0.0, 1.0 - blink)

"""How a person's face looks at rest: lasting shapes and folds that look a little like action units and are none.

Brows sit low, heavy, straight or oblique; lids hood or stand wide; lips are thin or full, their corners hang or rise; one
side differs from the other; the forehead, the glabella, the cheeks and the skin under the eyes keep lines. All of it belongs
to the person and every label stays 0. The odds were set by eye; the means and spreads of brow height, eye opening and lip
thickness were brought near those of 79 studio portraits of people at rest, whose pictures are not part of the engine (Face
Research Lab London Set and webmorphR.stim, L. DeBruine and B. Jones, CC BY 4.0).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from aufait.synthetic.head.person import Traits

BROW_KINDS = ("plain", "low", "heavy", "straight", "oblique", "stern", "arched")
_BROW_ODDS = (0.28, 0.20, 0.16, 0.12, 0.08, 0.09, 0.07)

# Fold layer -> (odds at 18 years, odds at 80, least and greatest amount). Amount 1 is the fold of its unit at full strength.
_FOLDS: dict[str, tuple[float, float, float, float]] = {
    "nasolabial": (0.35, 0.6, 0.12, 0.75),
    "nasolabial_upper": (0.15, 0.3, 0.1, 0.5),
    "dimple": (0.10, 0.10, 0.12, 0.6),
    "glabella": (0.16, 0.4, 0.12, 0.6),
    "nose_root": (0.08, 0.2, 0.1, 0.45),
    "forehead_inner": (0.20, 0.45, 0.12, 0.6),
    "forehead_outer": (0.16, 0.4, 0.12, 0.55),
    "crows_feet": (0.12, 0.5, 0.1, 0.5),
    "infraorbital": (0.20, 0.4, 0.1, 0.45),
    "lid_roll": (0.28, 0.3, 0.15, 0.6),
    "eye_bag": (0.28, 0.55, 0.15, 0.85),
    "tear_trough": (0.30, 0.5, 0.15, 0.8),
    "marionette": (0.12, 0.4, 0.1, 0.5),
    "mental_crease": (0.25, 0.35, 0.1, 0.55),
    "lip_lines": (0.08, 0.3, 0.1, 0.45),
    "lip_seam": (0.45, 0.5, 0.15, 0.8),
    "chin_peel": (0.06, 0.12, 0.1, 0.4),
}
_TWO_VARIANTS = ("forehead_inner", "forehead_outer", "crows_feet")


@dataclass(frozen=True)
class RestingFace:
    """What a person's face does when it does nothing.

    Attributes:
        brow_kind: a name of ``BROW_KINDS``.
        brow_thickness: factor on the width of the brows and the number of their hairs.
        weights: shape name -> lasting weight; names starting with ``own_`` belong to ``own_shapes``.
        folds: fold layer -> amount on the subject's left and right.
    """

    brow_kind: str
    brow_thickness: float
    weights: dict[str, float]
    folds: dict[str, tuple[float, float]]


@functools.lru_cache(maxsize=64)
def resting_face(traits: Traits) -> RestingFace:
    """The resting face of a person; each part has its own random stream."""
    kind, thickness, brows = _brows(traits)
    weights = brows | _eyes(traits) | _mouth(traits)
    return RestingFace(kind, thickness, {n: w for n, w in weights.items() if abs(w) > 1e-4}, _folds(traits))


def _both(name: str, value: float, tilt: float = 0.0) -> dict[str, float]:
    """Weight ``value`` on both sides, ``tilt`` more on the left and less on the right."""
    return {f"{name}_L": value + tilt, f"{name}_R": value - tilt}


def _tilt(rng: np.random.Generator, spread: float, odds: float, strong: float) -> float:
    """Half the difference between the sides: small in everybody, clear in some."""
    return float(rng.normal(0.0, strong if rng.random() < odds else spread))


def _brows(traits: Traits) -> tuple[str, float, dict[str, float]]:
    rng = traits.rng("resting brows")
    kind = str(rng.choice(BROW_KINDS, p=_BROW_ODDS))
    man = 1.0 if traits.is_man else 0.0
    height = rng.normal(-0.08 + 0.25 * man, 0.42) + {"low": 0.55, "heavy": 0.45, "stern": 0.3, "arched": -0.25}.get(kind, 0.0)
    inner = rng.normal(0.28, 0.28) + {"oblique": -0.75, "stern": 0.65, "straight": 0.1}.get(kind, 0.0)
    outer = rng.normal(-0.3, 0.28) + {"oblique": 0.45, "stern": -0.3, "straight": -0.35, "arched": 0.35}.get(kind, 0.0)
    ridge = rng.normal(0.1 * man, 0.25) + (0.5 if kind == "heavy" else 0.0)
    tilt = _tilt(rng, 0.07, 0.18, 0.3)
    weights = {
        **_both("own_browLow", float(np.clip(height, -0.9, 1.3)), tilt),
        **_both("own_browInnerLow", float(np.clip(inner, -1.0, 1.1)), _tilt(rng, 0.05, 0.1, 0.2)),
        **_both("own_browOuterLow", float(np.clip(outer, -1.0, 0.8)), 0.5 * tilt),
        **_both("own_browRidge", float(np.clip(ridge, -0.4, 1.0))),
        **_both("own_browsTogether", float(rng.uniform(-0.3, 0.45))),
        **_both("own_browBulge", float(rng.uniform(0.0, 0.5)) * (rng.random() < 0.3)),
    }
    thickness = float(np.exp(rng.normal(0.08 + 0.12 * man, 0.2))) * (1.4 if kind == "heavy" else 1.0)
    return kind, float(np.clip(thickness, 0.7, 2.0)), weights


def _eyes(traits: Traits) -> dict[str, float]:
    rng = traits.rng("resting eyes")
    age = traits.age_fraction
    hooded = rng.random() < 0.32 + 0.3 * age
    hood = float(rng.uniform(0.2, 1.0)) if hooded else float(rng.uniform(-0.1, 0.15))
    outer = float(rng.uniform(0.0, 0.9)) * (hooded or rng.random() < 0.3)
    droop = float(rng.uniform(-0.06, 0.06) + 0.1 * age * rng.random() + (rng.uniform(0.08, 0.2) if rng.random() < 0.16 else 0.0))
    lower = float(np.clip(rng.normal(-0.02, 0.2), -0.35, 0.5))
    wide = float(np.clip(rng.normal(0.0, 0.2), -0.25, 0.5))
    lid_tilt = _tilt(rng, 0.012, 0.12, 0.07)
    return {
        **_both("own_hood", hood, _tilt(rng, 0.04, 0.1, 0.2)),
        **_both("own_hoodOuter", outer),
        **_both("eyeBlink", droop, lid_tilt),
        **_both("eyeSquint", lower, _tilt(rng, 0.02, 0.1, 0.1)),
        **_both("eyeWide", wide),
        **_both("cheekSquint", float(rng.uniform(-0.15, 0.2))),
        **_both("own_cheekBulge", float(rng.uniform(-0.3, 0.55))),
    }


def _mouth(traits: Traits) -> dict[str, float]:
    rng = traits.rng("resting mouth")
    age = traits.age_fraction
    full = float(np.clip(rng.normal(-0.25 - 0.5 * age, 0.45), -1.3, 1.1))
    corners = float(np.clip(rng.normal(-0.08, 0.3), -0.7, 0.5))
    mood = rng.random()
    if mood < 0.14:
        corners += float(rng.uniform(0.2, 0.7))
    smile = float(rng.uniform(0.04, 0.15)) if mood > 0.9 else 0.0
    tilt = _tilt(rng, 0.06, 0.18, 0.3)
    thin = float(rng.uniform(0.05, 0.22)) if rng.random() < 0.15 else 0.0
    skew = float(rng.normal(0.0, 0.1)) if rng.random() < 0.18 else 0.0
    return {
        "own_lipsFull": full,
        **_both("own_cornerDown", corners, tilt),
        **_both("own_cornerBack", float(np.clip(rng.normal(0.0, 0.25), -0.6, 0.6))),
        **_both("own_cornerTuck", float(np.clip(rng.normal(0.1, 0.25), -0.3, 0.8))),
        **_both("mouthFrown", 0.35 * max(corners, 0.0)),
        **_both("mouthSmile", smile, 0.06 * tilt),
        **_both("mouthPress", float(np.clip(rng.normal(0.05, 0.12), -0.15, 0.35))),
        "mouthRollUpper": thin * float(rng.uniform(0.3, 1.0)),
        "mouthRollLower": thin * float(rng.uniform(0.3, 1.0)),
        "mouthShrugLower": float(np.clip(rng.normal(0.02, 0.07), -0.1, 0.2)),
        "mouthLeft" if skew > 0 else "mouthRight": abs(skew),
        "jawLeft" if skew > 0 else "jawRight": 0.5 * abs(skew),
        **_both("own_nasolabialFull", float(rng.uniform(-0.2, 0.8 + 0.5 * age))),
        **_both("noseSneer", float(np.clip(rng.normal(0.0, 0.05), -0.1, 0.12))),
    }


def _folds(traits: Traits) -> dict[str, tuple[float, float]]:
    rng = traits.rng("resting folds")
    folds = {}
    for name, (young, old, least, greatest) in _FOLDS.items():
        present = rng.random() < young + (old - young) * traits.age_fraction
        amount = float(rng.uniform(least, greatest)) * float(rng.uniform(0.6, 1.0))
        tilt = _tilt(rng, 0.08, 0.15, 0.35)
        if not present:
            continue
        sides = (amount * max(0.0, 1.0 + tilt), amount * max(0.0, 1.0 - tilt))
        for layer in (f"{name}_a", f"{name}_b") if name in _TWO_VARIANTS else (name,):
            folds[layer] = sides
    return folds

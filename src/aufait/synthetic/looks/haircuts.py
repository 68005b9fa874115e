"""How hair is cut and combed: lengths, volume, curl and parting of each style."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aufait.synthetic.head.person import Traits


@dataclass(frozen=True)
class Cut:
    """How one person's hair is cut and combed. Lengths in cm.

    Attributes:
        strands, points: how many, and points of each.
        top, side: length on top and at the sides.
        volume: how far the hair is from the head.
        gravity: how fast it turns downwards; lift: how steeply it leaves the skin.
        curl, turns: radius of the locks' waves and how often they wind.
        clump, locks: how tightly strands follow their lock; how many locks.
        frizz: random bend of single strands.
        parting: x of the parting; None without one.
        sideways, forward: the way the hair is combed.
        fringe: height of the lower edge of a fringe; None without one.
        width: of a strand.
    """

    strands: int
    points: int
    top: float
    side: float
    volume: float = 0.0
    gravity: float = 0.0
    lift: float = 1.0
    curl: float = 0.0
    turns: float = 1.0
    clump: float = 0.0
    locks: int = 800
    frizz: float = 0.05
    parting: float | None = None
    sideways: float = 0.3
    forward: float = 0.4
    fringe: float | None = None
    width: float = 0.05


def choose_cut(traits: Traits, rng: np.random.Generator) -> Cut:
    base = Cut(
        strands=7600,
        points=6,
        top=1.0,
        side=1.0,
        curl=0.0 if rng.random() < 0.45 else float(rng.uniform(0.05, 0.3)),
        turns=rng.uniform(0.8, 2.2),
        frizz=rng.uniform(0.02, 0.08),
        parting=None if rng.random() < 0.2 else float(rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 4.0) * (rng.random() < 0.65)),
        fringe=float(rng.uniform(6.9, 8.4)) if rng.random() < (0.22 if traits.is_man else 0.32) else None,
    )
    choose = {"buzz": _buzz_cut, "short": _short_cut, "curly": _curly_cut, "tied": _tied_cut}
    return choose.get(traits.hair_style, _hanging_cut)(base, traits, rng)


def _buzz_cut(base: Cut, traits: Traits, rng: np.random.Generator) -> Cut:
    length = rng.uniform(0.2, 0.8)
    return Cut(strands=7800, points=3, top=length, side=length * rng.uniform(0.4, 1.0), width=0.042)


def _short_cut(base: Cut, traits: Traits, rng: np.random.Generator) -> Cut:
    top = rng.uniform(1.8, 5.0)
    return replace(
        base,
        top=top,
        side=rng.uniform(0.5, min(2.4, top)),
        volume=rng.uniform(0.3, 1.5),
        gravity=0.12,
        lift=rng.uniform(0.35, 1.0),
        clump=rng.uniform(0.35, 0.7),
        parting=base.parting if rng.random() < 0.5 else None,
        sideways=rng.uniform(0.2, 0.9),
        forward=rng.uniform(0.5, 1.2) if base.fringe else rng.uniform(-0.8, 0.5),
    )


def _curly_cut(base: Cut, traits: Traits, rng: np.random.Generator) -> Cut:
    tight = rng.random() < 0.3 + 0.5 * traits.darkness
    top = rng.uniform(2.5, 7.0) if traits.is_man else rng.uniform(4.0, 11.0)
    return replace(
        base,
        strands=7400,
        points=12,
        top=top,
        side=top * rng.uniform(0.4, 1.0),
        volume=rng.uniform(0.6, 1.2),
        gravity=0.06 if tight else 0.2,
        lift=1.2 if tight else 0.8,
        curl=rng.uniform(0.25, 0.4) if tight else rng.uniform(0.4, 0.7),
        turns=top / (1.6 if tight else 3.0),
        clump=rng.uniform(0.6, 0.8),
        locks=650,
        sideways=0.5,
        forward=rng.uniform(-0.3, 0.3),
        fringe=None,
    )


def _tied_cut(base: Cut, traits: Traits, rng: np.random.Generator) -> Cut:
    return replace(
        base,
        strands=6400,
        points=10,
        top=24.0,
        side=24.0,
        volume=rng.uniform(0.15, 0.5),
        curl=0.4 * base.curl,
        clump=rng.uniform(0.2, 0.5),
        sideways=0.0,
        forward=-1.0,
        fringe=base.fringe if rng.random() < 0.5 and not traits.is_man else None,
        width=0.06,
    )


def _hanging_cut(base: Cut, traits: Traits, rng: np.random.Generator) -> Cut:
    medium = traits.hair_style == "medium"
    length = rng.uniform(8.0, 15.0) if medium else rng.uniform(19.0, 30.0)
    return replace(
        base,
        strands=7900,
        points=10 if medium else 12,
        top=length,
        side=length * rng.uniform(0.75, 1.0),
        volume=rng.uniform(0.6, 1.7),
        gravity=rng.uniform(0.4, 0.6),
        lift=rng.uniform(0.3, 0.6),
        clump=rng.uniform(0.3, 0.65),
        sideways=rng.uniform(0.8, 1.3),
        forward=rng.uniform(-0.9, 0.0),
        width=0.06,
    )


def side_of_parting(cut: Cut, points: np.ndarray) -> np.ndarray:
    """-1 to 1: on which side of the parting a root is; 0 without a parting."""
    if cut.parting is None:
        return np.zeros(len(points), np.float32)
    return np.tanh((points[:, 0] - cut.parting) / 0.35).astype(np.float32)

"""Which action units a frame shows: draws for training and tests, and courses over time for sequences.

Draws mix prototypes (smiles, surprise, anger, disgust, fear, sadness, contempt, ...), single units, free combinations and
resting faces, so that common combinations are common and every unit also occurs alone. One in eight faces is clearly
one-sided in a unit that has sides.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aufait.synthetic.expression import Intensities

LABELLED_ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
_SIDED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 20, 43)
_DISTRACTORS = (11, 16, 18, 22, 27, 33)

PROTOTYPES: tuple[dict[int, float], ...] = (
    {12: 0.7},
    {12: 0.8, 6: 0.6},
    {12: 1.0, 6: 0.8, 25: 0.6},
    {12: 1.0, 6: 0.9, 7: 0.5, 25: 0.7},
    {12: 0.9, 6: 0.7, 25: 0.8, 26: 0.6},
    {12: 0.7, 25: 0.5},
    {1: 1.0, 2: 1.0, 5: 0.8, 25: 0.7, 26: 0.7},
    {1: 0.8, 2: 0.8},
    {4: 1.0, 5: 0.5, 7: 0.7, 23: 0.7},
    {4: 1.0, 7: 0.6, 24: 0.8},
    {4: 0.8, 7: 0.6},
    {9: 1.0, 10: 0.7, 17: 0.4, 4: 0.4},
    {10: 0.9, 25: 0.5},
    {1: 0.8, 2: 0.5, 4: 0.6, 5: 0.8, 20: 0.8, 25: 0.7, 26: 0.4},
    {1: 0.9, 4: 0.6, 15: 0.9, 17: 0.6},
    {15: 0.8, 17: 0.7},
    {14: 0.9, 12: 0.3},
    {4: 0.9, 6: 0.6, 7: 0.8, 10: 0.6, 25: 0.7, 43: 0.8},
    {17: 0.9, 24: 0.7},
    {25: 0.6, 26: 0.7},
    {43: 1.0},
    {6: 0.8, 7: 0.8, 4: 0.4},
)


def sample_intensities(rng: np.random.Generator) -> Intensities:
    """Action units of one random frame, per side, 0-5; includes a few unlabelled units (11, 16, 18, 22, 27, 33)."""
    mean: dict[int, float] = {}
    kind = rng.random()
    if kind < 0.07:
        return Intensities({}, {})
    if kind < 0.55:
        gain = rng.uniform(0.3, 1.05)
        for au, weight in PROTOTYPES[rng.integers(len(PROTOTYPES))].items():
            mean[au] = float(np.clip(5 * weight * gain * rng.uniform(0.6, 1.25), 0, 5))
    if kind > 0.17:
        for au in LABELLED_ACTION_UNITS:
            odds = 0.06 if au == 28 else 0.04 if au == 43 else 0.15 if au == 23 else 0.12
            if rng.random() < odds:
                mean[au] = max(mean.get(au, 0.0), float(rng.uniform(0.5, 5)))
    if rng.random() < 0.07:
        mean[43] = 5.0 if rng.random() < 0.6 else float(rng.uniform(1, 5))
    if rng.random() < 0.14:
        mean[int(rng.choice(_DISTRACTORS))] = float(rng.uniform(0.5, 4.0))
    _raise_cheeks(mean, rng)
    _resolve_conflicts(mean, rng)
    return _with_sides(mean, rng)


def _raise_cheeks(mean: dict[int, float], rng: np.random.Generator) -> None:
    """Strong smiles mostly come with raised cheeks; without this the draw would hold too many that do not."""
    smile = mean.get(12, 0.0)
    if smile > 2.2 and mean.get(6, 0.0) == 0 and rng.random() < 0.6:
        mean[6] = float(smile * rng.uniform(0.5, 1.0))


def _resolve_conflicts(mean: dict[int, float], rng: np.random.Generator) -> None:
    """Drop combinations that a mouth or an eye cannot make."""
    if any(mean.get(au, 0) > 0 for au in (24, 28)) and any(mean.get(au, 0) > 0 for au in (25, 26, 16, 22, 27)):
        for au in (24, 28) if rng.random() < 0.5 else (25, 26, 16, 22, 27):
            mean.pop(au, None)
    if 28 in mean:
        for au in (23, 24, 18, 22):
            mean.pop(au, None)
    if mean.get(26, 0) > 0 and mean.get(25, 0) == 0 and rng.random() < 0.85 and 24 not in mean:
        mean[25] = float(rng.uniform(1, 4))
    for a, b in ((12, 15), (20, 18), (12, 18), (5, 43), (26, 27)):
        if mean.get(a, 0) > 1.5 and mean.get(b, 0) > 1.5:
            mean.pop(a if rng.random() < 0.5 else b)


def _with_sides(mean: dict[int, float], rng: np.random.Generator) -> Intensities:
    bias = rng.normal(0, 0.08)
    lone = rng.random() < 0.13
    keep_left = rng.random() < 0.5
    left, right = dict(mean), dict(mean)
    for au in mean:
        if au not in _SIDED and au not in (11, 16, 33):
            continue
        tilt = float(np.clip(bias + rng.normal(0, 0.05), -0.4, 0.4)) * (0.15 if au == 43 else 1.0)
        left[au] = float(np.clip(mean[au] * (1 + tilt), 0, 5))
        right[au] = float(np.clip(mean[au] * (1 - tilt), 0, 5))
        if lone and rng.random() < (0.25 if au == 43 else 0.5):
            (right if keep_left else left)[au] *= float(rng.choice((0.0, rng.uniform(0, 0.5))))
    return Intensities(left, right)


def event_course(frames: int, rng: np.random.Generator, *, fps: float = 25.0) -> np.ndarray:
    """(frames,) gain in [0, 1] of one facial event: neutral, onset, apex, offset, neutral, with smooth edges.

    Onset lasts 0.2-0.8 s, offset 0.3-1.2 s; the apex takes what is left of a random window.
    """
    time = np.arange(frames) / fps
    total = frames / fps
    onset, offset = rng.uniform(0.2, 0.8), rng.uniform(0.3, 1.2)
    start = rng.uniform(0.02, 0.3) * total
    stop = max(start + onset + 0.2, rng.uniform(0.6, 0.98) * total)
    rise = np.clip((time - start) / onset, 0, 1)
    fall = np.clip((stop - time) / offset, 0, 1)
    gain = np.minimum(rise, fall)
    return gain * gain * (3 - 2 * gain)


def sample_sequence(frames: int, rng: np.random.Generator, *, fps: float = 25.0) -> Iterator[Intensities]:
    """Intensities frame by frame: one to three events with onset, apex and offset, and blinks of 0.2 s in between."""
    events = [sample_intensities(rng) for _ in range(int(rng.integers(1, 4)))]
    courses = [event_course(frames, rng, fps=fps) for _ in events]
    blink = np.zeros(frames)
    for start in np.flatnonzero(rng.random(frames) < 0.3 / fps):
        span = np.arange(max(3, round(0.24 * fps)))
        rows = (start + span)[start + span < frames]
        blink[rows] = np.maximum(blink[rows], 5 * np.sin(np.pi * (span[: len(rows)] + 0.5) / len(span)))
    for t in range(frames):
        sides = []
        for name in ("left", "right"):
            side: dict[int, float] = {}
            for event, course in zip(events, courses, strict=True):
                for au, value in getattr(event, name).items():
                    side[au] = max(side.get(au, 0.0), value * float(course[t]))
            if blink[t] > 0:
                side[43] = max(side.get(43, 0.0), float(blink[t]))
            sides.append({au: v for au, v in side.items() if v > 0.01})
        yield Intensities(*sides)

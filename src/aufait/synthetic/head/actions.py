"""Which action units a frame shows: draws for training and tests, and courses over time for sequences.

Draws mix prototypes (smiles, surprise, anger, disgust, fear, sadness, contempt, ...), single units, speech, free
combinations and faces at rest or close to it, so that common combinations are common and every unit also occurs alone. In one
face of five the brows do something of their own. One face in seven is clearly one-sided in a unit that has sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aufait.synthetic.head.expression import Intensities

LABELLED_ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
_SIDED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 20, 43)
_DISTRACTORS = (11, 16, 18, 22, 27, 33)

PROTOTYPES: tuple[dict[int, float], ...] = (
    # smiles and laughter
    {12: 0.7},
    {12: 0.8, 6: 0.6},
    {12: 1.0, 6: 0.8, 25: 0.6},
    {12: 1.0, 6: 0.9, 7: 0.5, 25: 0.7},
    {12: 0.9, 6: 0.7, 25: 0.8, 26: 0.6},
    {12: 0.7, 25: 0.5},
    {12: 0.6, 25: 0.15},
    # surprise and fear
    {1: 1.0, 2: 1.0, 5: 0.8, 25: 0.7, 26: 0.7},
    {1: 0.8, 2: 0.8},
    {2: 0.9},
    {1: 0.8, 2: 0.5, 4: 0.6, 5: 0.8, 20: 0.8, 25: 0.7, 26: 0.4},
    {20: 1.0},
    {20: 0.9, 25: 0.5},
    # frowns and anger
    {4: 1.0, 5: 0.5, 7: 0.7, 23: 0.7},
    {4: 1.0, 7: 0.6, 24: 0.8},
    {4: 0.8, 7: 0.8},
    {4: 0.9},
    {4: 0.9, 5: 0.9},
    {4: 0.9, 25: 0.9, 26: 0.9, 10: 0.5},
    {4: 0.8, 7: 0.6, 9: 0.6, 10: 0.7, 25: 0.9, 26: 0.8},
    {4: 0.8, 25: 0.8, 27: 0.5, 16: 0.4},
    {23: 0.9},
    {23: 0.9, 4: 0.6},
    {24: 0.9},
    # disgust
    {9: 1.0},
    {9: 0.9, 4: 0.6, 7: 0.5},
    {9: 1.0, 10: 0.7, 17: 0.4, 4: 0.4},
    {10: 1.0},
    {10: 0.9, 25: 0.5},
    # grief and crying
    {1: 0.9, 4: 0.8},
    {1: 0.8, 4: 0.9, 15: 0.6, 17: 0.5},
    {1: 0.9, 4: 0.6, 15: 0.9, 17: 0.6},
    {1: 0.7, 4: 0.9, 6: 0.6, 7: 0.6, 20: 0.5, 25: 0.6},
    {1: 0.7, 4: 0.8, 7: 0.5, 17: 0.4, 20: 0.6, 24: 0.4, 43: 0.8},
    {1: 0.8, 4: 0.7, 6: 0.5, 7: 0.6, 10: 0.4, 17: 0.6, 43: 0.8},
    {15: 0.8, 17: 0.7},
    {15: 0.9},
    # the rest
    {14: 0.9, 12: 0.3},
    {4: 0.9, 6: 0.6, 7: 0.8, 10: 0.6, 25: 0.7, 43: 0.8},
    {17: 0.9, 24: 0.7},
    {25: 0.3},
    {25: 0.6, 26: 0.7},
    {26: 0.8, 25: 0.3},
    {43: 1.0},
    {6: 0.8, 7: 0.8, 4: 0.4},
    {6: 0.9},
)

_SMILES = 7
"""The first prototypes are smiles, which are drawn more often than the rest."""

BROWS: tuple[dict[int, float], ...] = (
    {1: 0.9, 4: 0.8},
    {1: 0.6, 4: 0.9},
    {1: 0.5, 4: 0.4},
    {1: 0.8},
    {1: 0.9, 2: 0.5, 4: 0.6},
    {1: 0.8, 2: 0.8},
    {2: 0.8},
    {4: 0.9},
    {4: 0.5},
)
"""What the brows do, whatever the rest of the face does: people frown, worry and wonder over any mouth."""

VISEMES: tuple[dict[int, float], ...] = (
    {25: 0.7, 26: 0.6},  # ah
    {25: 0.5, 26: 0.3, 16: 0.3},  # eh
    {25: 0.5, 20: 0.25, 12: 0.2},  # ee
    {18: 0.5, 22: 0.4, 26: 0.4},  # oh
    {18: 0.8, 25: 0.15},  # oo
    {22: 0.6, 26: 0.15},  # sh
    {25: 0.3, 10: 0.3},  # f, v: the lower lip near the teeth
    {24: 0.3},  # m, b, p
    {25: 0.25},  # s, t
    {25: 0.4, 26: 0.2},  # l, n
    {16: 0.5, 25: 0.4},
)
"""Mouths of speech; a frame shows one or two of them, mixed. AUs 16, 18 and 22 are not labelled."""


def sample_intensities(rng: np.random.Generator) -> Intensities:
    """Action units of one random frame, per side, 0-5; includes a few unlabelled units (11, 16, 18, 22, 27, 33)."""
    mean: dict[int, float] = {}
    kind = rng.random()
    if kind < 0.10:
        return Intensities({}, {})
    if kind < 0.16:
        return _near_rest(rng)
    if kind < 0.27:
        mean = _speech(rng)
    elif kind < 0.66:
        gain = rng.uniform(0.3, 1.05)
        group = PROTOTYPES[:_SMILES] if rng.random() < 0.22 else PROTOTYPES
        for au, weight in group[rng.integers(len(group))].items():
            mean[au] = float(np.clip(5 * weight * gain * rng.uniform(0.6, 1.25), 0, 5))
    if kind < 0.27 or kind > 0.36:
        for au in LABELLED_ACTION_UNITS:
            odds = 0.06 if au == 28 else 0.04 if au == 43 else 0.15 if au == 23 else 0.11
            if kind < 0.27 and au > 9:
                odds *= 0.3
            if rng.random() < odds:
                mean[au] = max(mean.get(au, 0.0), float(rng.uniform(0.5, 5)))
    if rng.random() < 0.25:
        for au in (1, 2, 4):
            mean.pop(au, None)
        gain = rng.uniform(0.35, 1.05)
        for au, weight in BROWS[rng.integers(len(BROWS))].items():
            mean[au] = float(np.clip(5 * weight * gain * rng.uniform(0.7, 1.25), 0, 5))
    if rng.random() < 0.16 and not any(au in mean for au in (22, 24, 26, 27, 28)):
        mean[25] = max(mean.get(25, 0.0), float(rng.uniform(0.25, 1.6)))  # lips 1-4 mm apart under whatever else there is
    if rng.random() < 0.06:
        mean[43] = 5.0 if rng.random() < 0.6 else float(rng.uniform(1, 5))
    if rng.random() < 0.12:
        mean[int(rng.choice(_DISTRACTORS))] = float(rng.uniform(0.5, 4.0))
    _raise_cheeks(mean, rng)
    _resolve_conflicts(mean, rng)
    return _with_sides(mean, rng)


def _near_rest(rng: np.random.Generator) -> Intensities:
    """A face that hardly moves: one to four units below intensity 1."""
    units = rng.choice(LABELLED_ACTION_UNITS, int(rng.integers(1, 5)), replace=False)
    return _with_sides({int(au): float(rng.uniform(0.1, 0.95)) for au in units if au not in (28, 43)}, rng)


def _speech(rng: np.random.Generator) -> dict[int, float]:
    """A mouth that talks: a mixture of two visemes at a random moment of the way from one to the other."""
    first, second = (VISEMES[k] for k in rng.integers(len(VISEMES), size=2))
    share, effort = rng.uniform(0, 1), rng.uniform(0.5, 1.25)
    mixed = {au: (1 - share) * first.get(au, 0.0) + share * second.get(au, 0.0) for au in {*first, *second}}
    return {au: float(np.clip(5 * v * effort * rng.uniform(0.8, 1.2), 0, 5)) for au, v in sorted(mixed.items()) if v > 0.04}


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
    if 23 in mean and 24 in mean and rng.random() < 0.7:
        mean.pop(23 if rng.random() < 0.5 else 24)
    if mean.get(26, 0) > 0 and mean.get(25, 0) == 0 and rng.random() < 0.85 and 24 not in mean:
        mean[25] = float(rng.uniform(0.5, 3))
    for a, b in ((12, 15), (15, 20), (20, 18), (12, 18), (5, 43), (26, 27)):
        if mean.get(a, 0) > 1.5 and mean.get(b, 0) > 1.5:
            mean.pop(a if rng.random() < 0.5 else b)


def _with_sides(mean: dict[int, float], rng: np.random.Generator) -> Intensities:
    """Both sides: never quite the same, and in one frame of seven clearly different."""
    bias = rng.normal(0, 0.08)
    lone = _one_sided(mean, rng) if rng.random() < 0.15 else set()
    keep_left = rng.random() < 0.5
    left, right = dict(mean), dict(mean)
    for au in mean:
        if au not in _SIDED and au not in (11, 16, 33):
            continue
        tilt = float(np.clip(bias + rng.normal(0, 0.05), -0.4, 0.4)) * (0.15 if au == 43 else 1.0)
        left[au] = float(np.clip(mean[au] * (1 + tilt), 0, 5))
        right[au] = float(np.clip(mean[au] * (1 - tilt), 0, 5))
        if au in lone:
            (right if keep_left else left)[au] *= float(rng.choice((0.0, rng.uniform(0, 0.5))))
    return Intensities(left, right)


def _one_sided(mean: dict[int, float], rng: np.random.Generator) -> set[int]:
    """Which units act on one side only; a brow or a corner of the mouth is added where none of those present has sides."""
    sided = [au for au in mean if au in _SIDED and (au != 43 or rng.random() < 0.4)]
    if not sided:
        au = int(rng.choice((1, 2, 12, 14)))
        mean[au] = float(rng.uniform(1.0, 4.5))
        return {au}
    chosen = {au for au in sided if rng.random() < 0.5}
    return chosen or {int(rng.choice(sided))}


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


def drift(frames: int, fps: float, amplitude: Sequence[float], rng: np.random.Generator, slow: float = 3.0) -> np.ndarray:
    """(frames, len(amplitude)) smooth motion: sums of sines with periods of ``slow`` seconds and more."""
    time = np.arange(frames)[:, None] / fps
    total = np.zeros((frames, len(amplitude)))
    for _ in range(3):
        period, phase = rng.uniform(slow, 3 * slow, len(amplitude)), rng.uniform(0, 2 * np.pi, len(amplitude))
        total += np.sin(2 * np.pi * time / period + phase)
    return total * np.asarray(amplitude) / 1.7

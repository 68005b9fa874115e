"""What a person shows: combinations of action units by emotion, habits of each person, courses over time.

Combinations follow EMFACS (Friesen and Ekman, 1983) in our selection. Habits make people differ as ABRNet's Fig. 1 shows: each
person prefers some combinations over others, tends to add some units to whatever is shown and to leave others out, and moves
with their own amplitude.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
"""Columns of all intensity arrays here: the units that the engine labels."""
COLUMN: Mapping[int, int] = MappingProxyType({unit: place for place, unit in enumerate(UNITS)})

Combination = Mapping[int, float]
"""Action unit -> weight in 0 to 1 of the event's intensity."""

EMOTIONS: Mapping[str, tuple[Combination, ...]] = MappingProxyType(
    {
        "happy": (
            {12: 0.8},
            {6: 0.7, 12: 0.9},
            {6: 0.8, 12: 1.0, 25: 0.7},
            {6: 0.8, 7: 0.6, 12: 1.0, 25: 0.7, 26: 0.5},
            {6: 0.8, 7: 0.7, 10: 0.6, 12: 0.9},
            {6: 0.8, 7: 0.7, 10: 0.7, 12: 0.9, 14: 0.6},
            {6: 0.7, 10: 0.6, 12: 0.9, 25: 0.6},
        ),
        "sad": (
            {1: 0.9, 4: 0.7},
            {1: 0.9, 4: 0.7, 15: 0.9},
            {1: 0.8, 4: 0.6, 15: 0.9, 17: 0.8},
            {15: 0.9, 17: 0.9},
            {4: 0.8, 7: 0.6, 15: 0.8, 17: 0.7},
            {6: 0.6, 15: 0.9, 1: 0.7},
        ),
        "surprise": (
            {1: 1.0, 2: 1.0},
            {1: 1.0, 2: 1.0, 5: 0.8},
            {1: 0.9, 2: 1.0, 5: 0.7, 25: 0.7, 26: 0.8},
            {1: 0.8, 2: 0.9, 12: 0.7, 6: 0.6, 7: 0.5},
            {1: 0.9, 2: 0.9, 10: 0.6, 12: 0.6, 25: 0.6},
        ),
        "embarrassment": (
            {12: 0.7, 14: 0.8},
            {6: 0.6, 7: 0.6, 10: 0.6, 12: 0.8, 14: 0.8},
            {12: 0.7, 23: 0.8},
            {14: 0.9, 17: 0.7, 24: 0.8},
            {6: 0.6, 12: 0.8, 17: 0.7, 23: 0.7},
            {7: 0.6, 14: 0.9, 17: 0.6},
        ),
        "fear": (
            {1: 0.9, 2: 0.7, 4: 0.7, 5: 0.9},
            {1: 0.9, 2: 0.6, 4: 0.7, 20: 0.9, 25: 0.6},
            {1: 0.8, 4: 0.8, 7: 0.6},
            {1: 0.8, 2: 0.7, 5: 0.8, 20: 0.8, 25: 0.7, 26: 0.6},
            {4: 0.7, 7: 0.7, 10: 0.7, 14: 0.6},
        ),
        "pain": (
            {4: 0.9, 6: 0.7, 7: 0.9},
            {4: 0.8, 6: 0.8, 7: 0.9, 10: 0.8},
            {4: 0.8, 6: 0.7, 7: 0.8, 9: 0.8, 10: 0.6, 25: 0.6},
            {6: 0.7, 7: 0.8, 10: 0.8, 12: 0.7, 14: 0.5},
            {7: 0.7, 10: 0.8, 12: 0.6, 17: 0.6, 15: 0.6},
        ),
        "anger": (
            {4: 1.0, 7: 0.7, 23: 0.8},
            {4: 1.0, 5: 0.6, 7: 0.6, 24: 0.8},
            {4: 0.9, 7: 0.7, 17: 0.7, 24: 0.8},
            {4: 0.8, 7: 0.7, 10: 0.7, 23: 0.8, 25: 0.5},
            {17: 0.8, 23: 0.8},
            {7: 0.6, 14: 0.7, 24: 0.8},
        ),
        "disgust": (
            {9: 1.0, 10: 0.7, 17: 0.6},
            {4: 0.6, 7: 0.7, 10: 0.9},
            {9: 0.9, 4: 0.6, 7: 0.6},
            {7: 0.6, 10: 0.9, 14: 0.7, 17: 0.7},
            {6: 0.6, 7: 0.7, 10: 0.9, 12: 0.6},
            {10: 0.8, 15: 0.7, 17: 0.8},
        ),
        "contempt": ({14: 0.9}, {12: 0.4, 14: 0.9}),
        "speech": ({25: 0.7}, {25: 0.6, 26: 0.8}, {25: 0.7, 26: 0.6, 12: 0.5}),
        "thought": ({4: 0.8}, {1: 0.8, 2: 0.8}, {17: 0.8, 24: 0.8}, {4: 0.7, 17: 0.7}),
    }
)
"""Emotion -> combinations that go with it; "speech" and "thought" are not emotions, but occur in conversations."""

COMBINATIONS: tuple[Combination, ...] = tuple(one for group in EMOTIONS.values() for one in group)
_GROUP = tuple(name for name, group in EMOTIONS.items() for _ in group)

POSED = "pose:"
"""Prefix of tasks in which people pose given units."""

_SIDED = (1, 2, 4, 6, 7, 9, 10, 12, 14, 15, 20)
_OPPOSED = ((12, 15), (12, 20), (23, 24), (24, 25), (24, 26), (28, 25), (5, 43), (15, 20))
_EXTRAS = (1, 2, 4, 7, 10, 14, 15, 17, 23, 24, 25)
_SUPPRESSIBLE = (1, 2, 4, 6, 7, 10, 14, 17, 25, 26)


@dataclass(frozen=True, eq=False)
class Habits:
    """How one person differs from others.

    Attributes:
        preference: (C,) positive weights of ``COMBINATIONS``, mean about 1.
        extras: units that the person tends to add, with the odds.
        omitted: units that the person tends to leave out, with the odds.
        amplitude: (len(UNITS),) factor of each unit's intensity.
        tempo: factor of all durations.
    """

    preference: np.ndarray
    extras: Mapping[int, float]
    omitted: Mapping[int, float]
    amplitude: np.ndarray
    tempo: float


def draw_habits(rng: np.random.Generator) -> Habits:
    """Habits of one person."""
    extras = rng.choice(_EXTRAS, size=2, replace=False)
    left = [unit for unit in _SUPPRESSIBLE if unit not in extras]
    omitted = rng.choice(left, size=2, replace=False)
    return Habits(
        preference=rng.gamma(0.8, 1.25, len(COMBINATIONS)) + 0.02,
        extras={int(unit): float(rng.uniform(0.25, 0.6)) for unit in extras},
        omitted={int(unit): float(rng.uniform(0.3, 0.8)) for unit in omitted},
        amplitude=np.exp(rng.normal(0.0, 0.13, len(UNITS))),
        tempo=float(np.exp(rng.normal(0.0, 0.15))),
    )


@dataclass(frozen=True, eq=False)
class Event:
    """One facial event: intensities at its apex per side, and the gain over the frames of its slot.

    Attributes:
        left, right: (len(UNITS),) 0 to 5, the subject's sides.
        gain: (n,) 0 to 1 for the n frames of the slot.
        directed: it was offered in order to show a rare unit, not drawn from the person's habits.
        parted: intensity of AU 25 that the engine will see at the apex, where that was predicted.
    """

    left: np.ndarray
    right: np.ndarray
    gain: np.ndarray
    directed: bool = False
    parted: float | None = None

    def levels(self) -> np.ndarray:
        """(n, len(UNITS)) float intensity of the stronger side."""
        apex = np.maximum(self.left, self.right)
        if self.parted is not None:
            apex[COLUMN[25]] = self.parted
        levels: np.ndarray = apex * self.gain[:, None]
        return levels

    def with_lips(self, gap: Callable[[dict[int, float]], float]) -> Event:
        """The event with the AU 25 that ``gap`` predicts for its apex."""
        mean = (self.left + self.right) / 2
        shown = {unit: float(value) for unit, value in zip(UNITS, mean, strict=True) if value > 0}
        return replace(self, parted=gap(shown) if shown else 0.0)


def draw_event(
    habits: Habits,
    emotion: str,
    frames: int,
    fps: float,
    rng: np.random.Generator,
    *,
    must: int | None = None,
    blend: float = 0.0,
) -> Event:
    """One event of a person.

    Args:
        emotion: the emotion that the task should evoke, "mixed", or "pose:" and units to be posed, such as "pose:1+2".
        frames: length of the slot.
        fps: frames per second.
        must: a unit that the event has to show.
        blend: odds that a second combination mixes in, such as a smile over embarrassment.
    """
    shown = _mixture(habits, emotion, rng, must)
    if rng.random() < blend:
        shown = _mixture(habits, "mixed", rng, None) | shown
        _resolve(shown, must)
    return _shaped(shown, habits, frames, fps, rng, must)


def rest(frames: int) -> Event:
    """Nothing happens."""
    nothing = np.zeros(len(UNITS))
    return Event(nothing, nothing, np.zeros(frames))


def _mixture(habits: Habits, emotion: str, rng: np.random.Generator, must: int | None) -> dict[int, float]:
    if emotion.startswith(POSED) and must is None:
        return {int(unit): 0.9 for unit in emotion.removeprefix(POSED).split("+")} | _added(habits, rng)
    weight = habits.preference.copy()
    if emotion in EMOTIONS and rng.random() < 0.65:
        weight *= [name == emotion for name in _GROUP]
    if must is not None:
        fitting = np.array([must in one for one in COMBINATIONS])
        weight = np.where(fitting, habits.preference, 0.0)
        if not fitting.any():
            return {must: 0.9}
    shown = dict(COMBINATIONS[rng.choice(len(weight), p=weight / weight.sum())])
    for unit, odds in habits.omitted.items():
        if unit != must and len(shown) > 1 and rng.random() < odds:
            shown.pop(unit, None)
    shown = _added(habits, rng) | shown
    if rng.random() < 0.15:
        shown.setdefault(int(rng.choice(_EXTRAS)), float(rng.uniform(0.5, 0.9)))
    _resolve(shown, must)
    return shown


def _added(habits: Habits, rng: np.random.Generator) -> dict[int, float]:
    """What the person adds to an event out of habit."""
    return {unit: float(rng.uniform(0.5, 0.9)) for unit, odds in habits.extras.items() if rng.random() < odds}


def _resolve(shown: dict[int, float], must: int | None) -> None:
    """Drop the later (or the unwanted) one of two units that one mouth or eye cannot show together."""
    for first, second in _OPPOSED:
        if first in shown and second in shown:
            shown.pop(first if second == must else second)


def _shaped(shown: dict[int, float], habits: Habits, frames: int, fps: float, rng: np.random.Generator, must: int | None) -> Event:
    strength = rng.uniform(0.6, 1.0)
    left, right = np.zeros(len(UNITS)), np.zeros(len(UNITS))
    lean = rng.normal(0.0, 0.06)
    lone = rng.random() < 0.08
    for unit, weight in shown.items():
        place = COLUMN[unit]
        level = 5 * weight * strength * habits.amplitude[place] * rng.uniform(0.85, 1.15)
        level = max(level, 2.6 if unit == must else 1.8)
        tilt = lean + rng.normal(0.0, 0.04) if unit in _SIDED else 0.0
        left[place], right[place] = level * (1 + tilt), level * (1 - tilt)
        if lone and unit in (10, 12, 14) and unit != must:
            (left if rng.random() < 0.5 else right)[place] *= 0.3
    return Event(np.clip(left, 0, 5), np.clip(right, 0, 5), _gain(frames, fps, habits.tempo, rng), must is not None)


def _gain(frames: int, fps: float, tempo: float, rng: np.random.Generator) -> np.ndarray:
    """Onset, apex with a slight sway, offset; smooth edges. Short slots have short edges."""
    total = frames / fps
    onset = min(rng.uniform(0.2, 0.8) * tempo, 0.3 * total)
    offset = min(rng.uniform(0.3, 1.2) * tempo, 0.35 * total)
    start = rng.uniform(0.0, 0.08) * total
    stop = total * rng.uniform(0.94, 1.04)
    time = (np.arange(frames) + 0.5) / fps
    gain = np.clip(np.minimum((time - start) / onset, (stop - time) / offset), 0, 1)
    sway = 1 - 0.12 * rng.random() * (1 + np.sin(2 * np.pi * time / rng.uniform(1.0, 3.0) + rng.uniform(0, 6.3))) / 2
    return gain * gain * (3 - 2 * gain) * sway


def blinks(frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """(frames,) intensity of AU 43: a blink of a quarter of a second about every four seconds."""
    closed = np.zeros(frames)
    time = np.arange(frames) / fps
    for start in np.cumsum(rng.exponential(4.0, size=2 + int(frames / fps))):
        phase = (time - start) / 0.25
        inside = (phase > 0) & (phase < 1)
        closed[inside] = 5 * np.sin(np.pi * phase[inside])
    return closed

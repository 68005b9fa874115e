"""Whoever gives codes of a recording, a table or a coder's file, as values at given times and as events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from aufait.analysis.annotations import Code
from aufait.analysis.event_rule import EventRule
from aufait.analysis.events import find_events
from aufait.analysis.labels import UnitLabel
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span


class Stretch(NamedTuple):
    """One event of a rater: seconds in the common clock, and the highest level or intensity, nan where none is given."""

    onset: float
    offset: float
    peak: float = float("nan")


@dataclass(frozen=True, eq=False)
class Codes:
    """Values of one action unit at F times: (F,) float, nan where the rater says nothing."""

    present: np.ndarray
    """0 or 1."""
    intensity: np.ndarray
    """0 to 5."""


@dataclass(frozen=True, eq=False)
class TableRater:
    """A table of scores, reduced to one face.

    Attributes:
        name: shown to people.
        table: rows of the face, shifted into the common clock.
        frame_times: (F,) all frames of the recording, with and without the face.
        rule: for events; frames below its quality are missing.
        level: intensity from which a unit is present where the table gives intensities alone.
        shift: seconds that were added to its times.
    """

    name: str
    table: ScoreTable
    frame_times: np.ndarray
    rule: EventRule
    level: float
    shift: float = 0.0

    @cached_property
    def units(self) -> tuple[int, ...]:
        """Action units with values."""
        return tuple(unit for unit in self.table.action_units if UnitLabel(unit).kinds(self.table))

    @property
    def start(self) -> float:
        """First second that it speaks about."""
        return float(self.frame_times[0])

    @property
    def end(self) -> float:
        """Last second that it speaks about."""
        return float(self.frame_times[-1] + self.table.frame_distance)

    @property
    def told_time(self) -> str:
        """When it speaks, for messages."""
        return f"{self.start:.2f} s to {self.end:.2f} s"

    def at(self, times: np.ndarray, tolerance: float) -> Callable[[int], Codes]:
        """What it says of a unit in the nearest row of each time; nothing where that is further away than the tolerance."""
        rows, near = nearest(self.table.time, times, tolerance)
        near = near & ~(self.table.quality[rows] < self.rule.min_quality) if len(self.table) else near
        return lambda unit: self._codes(unit, rows[near], near)

    def _codes(self, unit: int, rows: np.ndarray, near: np.ndarray) -> Codes:
        column = self.table.index(unit)
        arrays = [np.full(len(near), np.nan) for _ in range(3)]
        for values, name in zip(arrays, ("occurrence", "probability", "intensity"), strict=True):
            values[near] = getattr(self.table, name)[rows, column]
        said, probability, intensity = arrays
        present = np.where(np.isfinite(intensity), intensity >= self.level, np.nan)
        present = np.where(np.isfinite(probability), probability >= 0.5, present)
        return Codes(np.where(np.isfinite(said), said, present), intensity)

    def events(self, unit: int) -> list[Stretch]:
        """Onset, offset and peak of each."""
        found = find_events(self.table, self.rule, labels=[f"AU{unit}"])
        return [Stretch(event.onset, event.offset, event.peak if event.kind == "intensity" else np.nan) for event in found]


@dataclass(frozen=True, eq=False)
class CoderRater:
    """A coder's annotations, in the common clock.

    Attributes:
        name: shown to people.
        spans: by action unit, with what they say.
        start, end: seconds between which the coder coded; without an annotation a unit is absent there.
        level: from which level an annotation counts as present, 1 = A.
        coded: action units that were coded, also where there is no annotation; empty: those with one.
    """

    name: str
    spans: dict[int, list[tuple[Span, Code]]]
    start: float
    end: float
    level: float
    coded: tuple[int, ...] = ()

    @property
    def units(self) -> tuple[int, ...]:
        """Action units that were coded."""
        return tuple(sorted(self.coded or self.spans))

    @property
    def told_time(self) -> str:
        """When it speaks, for messages."""
        spans = [span for found in self.spans.values() for span, _ in found]
        coded = f", coded {self.start:g} s to {self.end:g} s" if np.isfinite([self.start, self.end]).all() else ""
        if not spans:
            return f"no annotations{coded}"
        return f"annotations {min(spans).start:.2f} s to {max(span.end for span in spans):.2f} s{coded}"

    def at(self, times: np.ndarray, tolerance: float) -> Callable[[int], Codes]:
        """What it says of a unit at each time; a span holds from its start until before its end, whatever the tolerance."""
        return lambda unit: self._codes(unit, times)

    def _codes(self, unit: int, times: np.ndarray) -> Codes:
        present, intensity = np.zeros(len(times)), np.zeros(len(times))
        for span, code in self.spans.get(unit, ()):
            inside = slice(*np.searchsorted(times, [span.start - 1e-6, span.end - 1e-6]))
            present[inside] = np.maximum(present[inside], code.level is None or code.level >= self.level)
            intensity[inside] = np.fmax(intensity[inside], code.level) if code.level else np.nan
        if not any(code.level for _, code in self.spans.get(unit, ())):
            intensity[:] = np.nan
        outside = (times < self.start - 1e-6) | (times >= self.end - 1e-6)
        present[outside] = intensity[outside] = np.nan
        return Codes(present, intensity)

    def events(self, unit: int) -> list[Stretch]:
        """Start and end of each, those that touch or overlap (left and right, changes of level) as one."""
        merged: list[Stretch] = []
        for span, code in sorted(self.spans.get(unit, ()), key=lambda one: one[0]):
            if code.level is not None and code.level < self.level:
                continue
            level = float("nan") if code.level is None else float(code.level)
            if merged and span.start <= merged[-1].offset + 1e-3:
                last = merged[-1]
                merged[-1] = Stretch(last.onset, max(last.offset, span.end), float(np.fmax(last.peak, level)))
            else:
                merged.append(Stretch(span.start, span.end, level))
        return merged


Rater = TableRater | CoderRater


def nearest(known: np.ndarray, times: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """(F,) position of the nearest of (N,) ascending times, and whether it is within the tolerance."""
    if not len(known):
        return np.zeros(len(times), np.int64), np.zeros(len(times), bool)
    after = np.clip(np.searchsorted(known, times), 0, len(known) - 1)
    before = np.maximum(after - 1, 0)
    rows = np.where(np.abs(known[before] - times) <= np.abs(known[after] - times), before, after)
    return rows, np.abs(known[rows] - times) <= tolerance + 1e-9

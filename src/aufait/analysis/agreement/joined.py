"""The raters of one recording on common times, and what two of them, or all, say there."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aufait.analysis.agreement.matching import match_events
from aufait.analysis.agreement.rater import CoderRater, Codes, Rater, Stretch, TableRater
from aufait.analysis.agreement.settings import Settings
from aufait.analysis.agreement.sums import Cells, cloud, event_sums, frame_sums, joint_sums
from aufait.errors import InputError, InputWarning

ALL = "all raters"
"""Stands for the first rater in rows about more than two."""


@dataclass(frozen=True)
class Disagreement:
    """A stretch in which one rater says present and the other absent."""

    unit: int
    first: str
    second: str
    start: float
    end: float
    said_by: str
    recording: str = ""
    person: str = ""


def longest_first(stretches: Sequence[Disagreement]) -> list[Disagreement]:
    """Stretches in the order of their length."""
    return sorted(stretches, key=lambda one: (one.start - one.end, one.recording, one.unit, one.start))


@dataclass(frozen=True, eq=False)
class Sums:
    """What two raters, or all, of one recording have in common: T cells of time, U action units, K sums.

    Attributes:
        first, second: the raters; ``ALL`` and nothing for more than two.
        units: the action units.
        cells: (T, U, K).
        differences: per unit (D, 2) seconds from the first's to the second's onset and offset, of matched events.
        clouds: per unit ``CLOUD`` numbers of frames by mean and difference of intensity.
        disagreements: stretches of presence against absence.
        seconds: time that was compared.
    """

    first: str
    second: str
    units: tuple[int, ...]
    cells: np.ndarray
    differences: tuple[np.ndarray, ...] = ()
    clouds: tuple[np.ndarray, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Joined:
    """Raters of one recording.

    Attributes:
        raters: two or more, with names of their own.
        times: (F,) at which they are compared.
        near: seconds that a row may be away from such a time.
        events: per rater, by action unit.
        units: that are wanted; empty: all that two have.
        recording, person: whom it is about; may be empty.
    """

    raters: tuple[Rater, ...]
    times: np.ndarray
    near: float
    events: tuple[Mapping[int, Sequence[Stretch]], ...]
    units: tuple[int, ...] = ()
    recording: str = ""
    person: str = ""

    @classmethod
    def of(cls, raters: Sequence[Rater], settings: Settings, recording: str = "", person: str = "") -> Joined:
        """Join raters on the frames of the coarsest table; coders alone on ``fps`` (30) times a second."""
        times, near = common_times(raters, settings.fps or 30.0)
        shared = {unit for one in raters for unit in one.units if sum(unit in other.units for other in raters) > 1}
        events = tuple({unit: one.events(unit) for unit in one.units if unit in shared} for one in raters)
        return cls(tuple(raters), times, near, events, settings.units, recording, person)

    @property
    def where(self) -> str:
        """Beginning of messages."""
        return f"{self.recording}: " if self.recording else ""

    def pair(self, first: int, second: int, slack: float, cell: float) -> Sums:
        """Two raters, by their places.

        Args:
            slack: seconds that onsets of the same event may differ.
            cell: seconds of a cell of time.

        Raises:
            InputError: no unit or no time in common.
        """
        one, other = self.raters[first], self.raters[second]
        units = self._common_units(one, other)
        times = self._common_times((one, other))
        cells = Cells.over(times, cell)
        views = one.at(times, self.near), other.at(times, self.near)
        found = [self._unit(unit, (first, second), (views[0](unit), views[1](unit)), times, cells, slack) for unit in units]
        sums, differences, clouds, disagreements = zip(*found, strict=True)
        told = tuple(each for some in disagreements for each in some)
        seconds = 2 * self.near * len(times)
        return Sums(one.name, other.name, units, np.stack(sums, axis=1), differences, clouds, told, seconds)

    def joint(self, cell: float) -> Sums | None:
        """All raters together, on the units that all have; None where they have no unit or no time in common."""
        units = tuple(sorted(set.intersection(*(set(one.units) & set(self.units or one.units) for one in self.raters))))
        inside = self._inside(self.raters)
        if not units or not inside.any():
            _warn(f"{self.where}all raters together have no {'time' if units else 'action unit'} in common: compared in pairs only")
            return None
        times = self.times[inside]
        cells = Cells.over(times, cell)
        place = cells.of(times)
        views = [one.at(times, self.near) for one in self.raters]
        sums = [joint_sums([view(unit) for view in views], place, cells.count) for unit in units]
        return Sums(ALL, "", units, np.stack(sums, axis=1), seconds=2 * self.near * len(times))

    def _common_units(self, one: Rater, other: Rater) -> tuple[int, ...]:
        units = set(one.units) & set(other.units)
        if self.units:
            return self._wanted_units(one, other, units)
        for who, rest in ((one, set(one.units) - units), (other, set(other.units) - units)):
            if rest:
                _warn(f"{self.where}only {who.name} has {', '.join(f'AU{unit}' for unit in sorted(rest))}: not compared")
        if not units:
            raise InputError(f"{self.where}{one.name} and {other.name} have no action unit in common")
        return tuple(sorted(units))

    def _wanted_units(self, one: Rater, other: Rater, units: set[int]) -> tuple[int, ...]:
        for who in (one, other):
            if missing := [unit for unit in self.units if unit not in who.units]:
                _warn(f"{self.where}{who.name} has no {', '.join(f'AU{unit}' for unit in missing)}: not compared")
        if not units & set(self.units):
            raise InputError(f"{self.where}{one.name} and {other.name} have none of the units asked for in common")
        return tuple(sorted(units & set(self.units)))

    def _common_times(self, raters: Sequence[Rater]) -> np.ndarray:
        inside = self._inside(raters)
        names = ", ".join(one.name for one in raters)
        if not inside.any() or any(_all_outside(one, self.times[inside], self.near) for one in raters):
            spoken = "; ".join(f"{one.name}: {one.told_time}" for one in raters)
            raise InputError(f"{self.where}{names}: no time in common ({spoken}); --offset moves the clock of the second")
        if not inside.all():
            times, left_out = self.times[inside], int((~inside).sum())
            _warn(f"{self.where}{names}: compared {times[0]:.2f} to {times[-1]:.2f} s; "
                  f"{left_out} of {len(inside)} frames lie outside what both speak about")  # fmt: skip
        return np.asarray(self.times[inside])

    def _inside(self, raters: Sequence[Rater]) -> np.ndarray:
        start, end = max(one.start for one in raters), min(one.end for one in raters)
        return np.asarray((self.times >= start - self.near) & (self.times < end - 1e-6))

    def _unit(
        self, unit: int, places: tuple[int, int], codes: tuple[Codes, Codes], times: np.ndarray, cells: Cells, slack: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Disagreement]]:
        first, second = codes
        span = float(times[0]) - self.near, float(times[-1]) + 2 * self.near
        mine, theirs = ([e for e in self.events[place][unit] if span[0] <= (e[0] + e[1]) / 2 <= span[1]] for place in places)
        by_time, by_onset = match_events(mine, theirs), match_events(mine, theirs, slack)
        frames = frame_sums(first, second, cells.of(times), cells.count)
        sums = np.concatenate([frames, event_sums(mine, theirs, by_time, by_onset, cells)], axis=1)
        differences = np.array([[theirs[k][end] - mine[i][end] for end in (0, 1)] for i, k in by_time]).reshape(-1, 2)
        return sums, differences, cloud(first, second), self._disagreements(unit, places, times, first, second)

    def _disagreements(
        self, unit: int, places: tuple[int, int], times: np.ndarray, first: Codes, second: Codes
    ) -> list[Disagreement]:
        one, other = (self.raters[place].name for place in places)
        found = []
        for who, differs in zip((one, other), (first.present > second.present, second.present > first.present), strict=True):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], differs.astype(int), [0]])))
            for begin, end in zip(edges[::2], edges[1::2], strict=True):
                start, stop = float(times[begin]), float(times[end - 1] + 2 * self.near)
                found.append(Disagreement(unit, one, other, start, stop, who, self.recording, self.person))
        return found


def common_times(raters: Sequence[Rater], fps: float) -> tuple[np.ndarray, float]:
    """(F,) times of the coarsest table, and the tolerance: half its frame distance. Coders alone: ``fps`` times a second."""
    tables = [one for one in raters if isinstance(one, TableRater)]
    if tables:
        coarsest = max(tables, key=lambda one: one.table.frame_distance)
        return coarsest.frame_times, max(coarsest.table.frame_distance / 2, 1e-3)
    spans = [span.end for one in raters if not isinstance(one, TableRater) for found in one.spans.values() for span, _ in found]
    end = max(spans, default=0.0)
    return np.arange(int(np.ceil(max(end, 0.0) * fps))) / fps, 0.5 / fps


def _all_outside(rater: Rater, times: np.ndarray, near: float) -> bool:
    """Whether a coder has annotations, and none of them is at any of the times."""
    spans = [span for found in rater.spans.values() for span, _ in found] if isinstance(rater, CoderRater) else []
    return bool(spans) and all(span.start > times[-1] + near or span.end <= times[0] - near for span in spans)


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

"""What a comparison found, and how it comes together recording by recording."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from aufait.analysis.agreement.joined import Disagreement, Joined, Sums
from aufait.analysis.agreement.measures import Measure
from aufait.analysis.agreement.opening import report_scales
from aufait.analysis.agreement.pool import About, Block, Pool, draws_of, rows_of
from aufait.analysis.agreement.rater import Rater, Stretch
from aufait.analysis.agreement.settings import Settings
from aufait.errors import InputError, InputWarning

Key = tuple[str, str]
"""Names of two raters, or of all."""


@dataclass(frozen=True)
class RaterEvent:
    """An event of a rater, in the clock that all were brought to."""

    recording: str
    person: str
    rater: str
    unit: int
    event: Stretch


@dataclass(frozen=True)
class Video:
    """Where a recording can be seen; ``shift`` seconds were added to its times."""

    path: Path
    shift: float = 0.0


@dataclass(eq=False)
class Comparison:
    """What a comparison found.

    Attributes:
        raters: their names.
        settings: with which it was made.
        measures: by recording, then by person, then over all.
        disagreements: in no order.
        events: of every rater.
        pools: sums over all recordings, by pair of raters, and of all where there are more than two.
        recordings: those that were compared.
        failed: recording -> why it could not be.
        unmatched: recordings that not all sides have.
        videos: by recording, those that are there.
    """

    raters: tuple[str, ...]
    settings: Settings
    measures: list[Measure] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    events: list[RaterEvent] = field(default_factory=list)
    pools: dict[Key, Pool] = field(default_factory=dict)
    recordings: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    videos: dict[str, Video] = field(default_factory=dict)

    @property
    def overall(self) -> list[Measure]:
        """The rows over everything: those of the level "all", or of the one recording that there is."""
        return [row for row in self.measures if row.level == "all"] or [row for row in self.measures if row.level == "recording"]

    def value(self, unit: int, measure: str, first: str = "", second: str = "") -> Measure:
        """One measure over everything.

        Args:
            first, second: the raters; empty where there is one pair only.

        Raises:
            KeyError: no such row.
        """
        for row in self.overall:
            if (row.unit, row.measure) == (unit, measure) and first in ("", row.first) and second in ("", row.second):
                return row
        raise KeyError(f"no {measure!r} of AU{unit}; measures: {', '.join(dict.fromkeys(row.measure for row in self.overall))}")


def _sums(joined: Joined, settings: Settings) -> list[Sums]:
    """Of every pair of raters, and of all; among three or more a pair without anything in common is told and left out."""
    cell, problem = settings.bootstrap.cell, None
    found = []
    for one, other in combinations(range(len(joined.raters)), 2):
        try:
            found.append(joined.pair(one, other, settings.tolerance, cell))
        except InputError as error:
            problem = error
            if len(joined.raters) > 2:
                warnings.warn(str(error), InputWarning, stacklevel=2)
    if not found and problem is not None:
        raise problem
    together = joined.joint(cell) if len(joined.raters) > 2 else None
    return found if together is None else [*found, together]


@dataclass(eq=False)
class _Person:
    """A person's recordings so far: sums, and draws as long as every recording has some."""

    pools: dict[Key, Pool] = field(default_factory=dict)
    draws: dict[tuple[Key, int], np.ndarray | None] = field(default_factory=dict)

    def add(self, sums: Sums, draws: np.ndarray | None) -> None:
        key = sums.first, sums.second
        self.pools.setdefault(key, Pool(*key)).add(sums, "")
        for place, unit in enumerate(sums.units):
            new = None if draws is None else draws[:, place]
            before = self.draws.get((key, unit), 0.0)
            self.draws[key, unit] = None if new is None or before is None else before + new

    def rows(self, person: str, settings: Settings) -> Iterator[Measure]:
        about = About("person", "", person)
        for key, pool in self.pools.items():
            for unit in pool.units:
                differences = np.concatenate([part.differences for part in pool.parts[unit]])
                draws = self.draws[key, unit]
                block = Block(*key, (unit,), pool.total(unit)[None], [differences], about)
                yield from block.rows(settings, None if draws is None else draws[:, None], "time")


@dataclass(eq=False)
class Collected:
    """A comparison while recordings come in."""

    found: Comparison
    left: Counter[str]
    """How many recordings of each person are still to come; their draws are kept until the last."""
    named: bool
    people: dict[str, _Person] = field(default_factory=dict)
    persons: list[Measure] = field(default_factory=list)
    compared: int = 0

    def add(self, raters: Sequence[Rater], recording: str, person: str) -> None:
        """Take in a recording of one person."""
        found, settings = self.found, self.found.settings
        report_scales(raters)
        joined = Joined.of(raters, settings, recording, person)
        for one in _sums(joined, settings):
            self._take(one, recording, person)
            found.disagreements += one.disagreements
        found.events += [
            RaterEvent(recording, person, rater.name, unit, event)
            for rater, events in zip(raters, joined.events, strict=True) for unit in sorted(events) for event in events[unit]
        ]  # fmt: skip
        self.compared += 1
        self._close(person)

    def finished(self) -> Comparison:
        """The comparison, with rows of persons and over all."""
        self.left.clear()
        for person in list(self.people):
            self._close(person)
        found = self.found
        found.measures += self.persons
        if self.compared > 1:
            over = "persons" if self.named else "recordings"
            for pool in found.pools.values():
                found.measures += pool.rows(found.settings, About("all"), over)
        return found

    def _take(self, sums: Sums, recording: str, person: str) -> None:
        found, key = self.found, (sums.first, sums.second)
        draws = draws_of(sums, found.settings, recording, person)
        found.measures += rows_of(sums, found.settings, About("recording", recording, person), draws)
        found.pools.setdefault(key, Pool(*key)).add(sums, person or recording)
        if person:
            self.people.setdefault(person, _Person()).add(sums, draws)

    def _close(self, person: str) -> None:
        if not person:
            return
        self.left[person] -= 1
        if self.left[person] <= 0 and person in self.people:
            self.persons += self.people.pop(person).rows(person, self.found.settings)

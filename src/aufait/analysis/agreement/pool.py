"""Rows of measures with intervals: of one recording over time, of a person over recordings, of all over persons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from aufait.analysis.agreement.joined import ALL, Sums
from aufait.analysis.agreement.measures import MEDIANS, Measure, Value, joint_values, pair_values
from aufait.analysis.agreement.settings import Settings
from aufait.analysis.agreement.sums import CLOUD
from aufait.analysis.bootstrap import MIN_PERSONS
from aufait.metrics.agreement import weighted_medians

MIN_EVENTS = 5
"""Of fewer matched events the median has no interval."""

_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class About:
    """What rows are about: level, recording and person of ``Measure``."""

    level: str
    recording: str = ""
    person: str = ""


@dataclass(frozen=True, eq=False)
class Part:
    """Sums of one action unit of one cluster: a recording, a person.

    Attributes:
        cluster: whose they are.
        total: (K,) sums.
        differences: (D, 2) of matched events.
        cloud: ``CLOUD`` numbers of frames.
    """

    cluster: str
    total: np.ndarray
    differences: np.ndarray
    cloud: np.ndarray


@dataclass(eq=False)
class Pool:
    """All recordings of one pair of raters, or of all raters, by action unit.

    Attributes:
        first, second: as in ``Sums``.
        parts: by action unit.
        seconds: time that was compared.
    """

    first: str
    second: str
    parts: dict[int, list[Part]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def units(self) -> tuple[int, ...]:
        """Action units of any recording."""
        return tuple(sorted(self.parts))

    def add(self, sums: Sums, cluster: str) -> None:
        """Take in one recording."""
        totals = sums.cells.sum(0)
        for place, unit in enumerate(sums.units):
            differences = sums.differences[place] if sums.differences else np.zeros((0, 2))
            shape = sums.clouds[place] if sums.clouds else np.zeros(CLOUD)
            self.parts.setdefault(unit, []).append(Part(cluster, totals[place], differences, shape))
        self.seconds += sums.seconds

    def total(self, unit: int) -> np.ndarray:
        """(K,) sums over everything."""
        return np.asarray(np.sum([part.total for part in self.parts[unit]], axis=0))

    def cloud(self, unit: int) -> np.ndarray:
        """``CLOUD`` numbers of frames over everything."""
        return np.asarray(np.sum([part.cloud for part in self.parts[unit]], axis=0))

    def rows(self, settings: Settings, about: About, over: str) -> list[Measure]:
        """Measures of everything, with intervals over its clusters.

        Args:
            over: what a cluster is: "persons" or "recordings".
        """
        found = []
        for unit in self.units:
            clusters = sorted({part.cluster for part in self.parts[unit]})
            totals = np.zeros((len(clusters), len(self.parts[unit][0].total)))
            for part in self.parts[unit]:
                totals[clusters.index(part.cluster)] += part.total
            picks = None
            if len(clusters) >= MIN_PERSONS and settings.bootstrap.rounds:
                picks = settings.bootstrap.picks(len(clusters), "agreement", self.first, self.second)
            differences = np.concatenate([part.differences for part in self.parts[unit]])
            owners = np.repeat([clusters.index(part.cluster) for part in self.parts[unit]],
                               [len(part.differences) for part in self.parts[unit]])  # fmt: skip
            draws = None if picks is None else (picks @ totals)[:, None]
            weights = None if picks is None else picks[:, owners]
            block = Block(self.first, self.second, (unit,), totals.sum(0)[None], [differences], about)
            found += block.rows(settings, draws, over, weights, over)
        return found


@dataclass(frozen=True, eq=False)
class Block:
    """Sums (U, K) of U action units, of which rows are made."""

    first: str
    second: str
    units: tuple[int, ...]
    totals: np.ndarray
    differences: Sequence[np.ndarray]
    about: About

    def rows(
        self,
        settings: Settings,
        draws: np.ndarray | None,
        over: str,
        weights: np.ndarray | None = None,
        over_events: str = "events",
    ) -> list[Measure]:
        """Rows of every unit, measure by measure.

        Args:
            draws: (rounds, U, K) sums of draws.
            over: what was drawn.
            weights: (rounds, D) how often each matched event is in each draw; None draws them here.
            over_events: what was drawn for the medians.
        """
        values = self._values(self.totals, settings)
        ends = (
            [None] * len(values)
            if draws is None
            else [settings.bootstrap.ends(one.values) for one in self._values(draws, settings)]
        )
        found: list[Measure] = []
        for place, unit in enumerate(self.units):
            for value, end in zip(values, ends, strict=True):
                bounds = None if end is None or value.counted else (float(end[0][place]), float(end[1][place]))
                found.append(self._row(unit, value.name, float(value.values[place]), int(value.count[place]), bounds, over))
            found += self._medians(settings, place, weights, over_events)
        return found

    def _values(self, sums: np.ndarray, settings: Settings) -> list[Value]:
        return joint_values(sums) if self.first == ALL and not self.second else pair_values(sums, settings.tolerance)

    def _medians(self, settings: Settings, place: int, weights: np.ndarray | None, over: str) -> Iterator[Measure]:
        if self.first == ALL and not self.second:
            return
        differences = self.differences[place]
        count = len(differences)
        if weights is None and over == "events" and count >= MIN_EVENTS and settings.bootstrap.rounds:
            weights = settings.bootstrap.picks(count, "events", self.about.recording, self.about.person, str(self.units[place]))
        for end, name in enumerate(MEDIANS):
            column = differences[:, end]
            bounds = None
            if weights is not None and count:
                low, high = settings.bootstrap.ends(_medians_of(column, weights))
                bounds = float(low), float(high)
            yield self._row(self.units[place], name, float(np.median(column)) if count else np.nan, count, bounds, over)

    def _row(self, unit: int, name: str, value: float, count: int, bounds: tuple[float, float] | None, over: str) -> Measure:
        known = bounds is not None and np.isfinite(bounds).all() and np.isfinite(value)
        low, high = bounds if bounds is not None and known else (np.nan, np.nan)
        about = self.about
        return Measure(
            unit, self.first, self.second, name, value, count, low, high, about.level, about.recording, about.person,
            over if known else "",
        )  # fmt: skip


def _medians_of(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    step = max(1, _AT_ONCE // max(1, len(values)))
    return np.concatenate([weighted_medians(values, weights[first : first + step]) for first in range(0, len(weights), step)])


def draws_of(sums: Sums, settings: Settings, *names: str) -> np.ndarray | None:
    """(rounds, U, K) sums over drawn blocks of time, the same time for all units; None where the time is too short."""
    flat = sums.cells.reshape(len(sums.cells), -1)
    drawn = settings.bootstrap.of_time(flat, "agreement", *names)
    return None if drawn is None else drawn.reshape(len(drawn), *sums.cells.shape[1:])


def rows_of(sums: Sums, settings: Settings, about: About, draws: np.ndarray | None) -> list[Measure]:
    """Rows of one recording, with intervals over time."""
    block = Block(sums.first, sums.second, sums.units, sums.cells.sum(0), sums.differences, about)
    return block.rows(settings, draws, "time")

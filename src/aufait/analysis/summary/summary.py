"""Summaries of recordings: by segment, condition, recording, person and group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aufait.analysis.bootstrap import Bootstrap
from aufait.analysis.event import Event
from aufait.analysis.event_rule import EventRule
from aufait.analysis.events import find_events
from aufait.analysis.labels import labels_of
from aufait.analysis.markers import Condition, conditions, covered, report_misfits
from aufait.analysis.persons import Persons, with_persons
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.analysis.summary.measures import face_measures, intervals, unit_measures
from aufait.analysis.summary.part import Cells, Part, joined, part_of
from aufait.analysis.summary.rest import Rest
from aufait.analysis.summary.row import Row
from aufait.analysis.summary.sums import Stretches
from aufait.analysis.summary.track import Recording, Track, recording_of, track_of

EVERYBODY = "all"
"""The group of all persons."""

Key = tuple[str, str, str, str, tuple[int, ...]]
"""Person, tier, condition, kind, action units: what is joined over recordings."""


@dataclass(frozen=True)
class Settings:
    """How a summary is made."""

    rule: EventRule = field(default_factory=EventRule)
    """What an event is, and below which quality a frame is missing."""
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    """How intervals are made."""


class Summary:
    """Takes in recordings one by one and keeps what is told of them, not their frames.

    Args:
        persons: (recording, face_id) -> person.
        groups: column -> person -> value, for rows over several persons.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        persons: Persons | None = None,
        groups: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.persons = dict(persons or {})
        self.groups = dict(groups or {})
        self.rows: list[Row] = []
        self.faces: dict[str, tuple[int, ...]] = {}
        self._cells: Cells = {}
        self._parts: dict[Key, list[Part]] = {}
        places: dict[str, set[str]] = {}
        for (recording, _), person in self.persons.items():
            places.setdefault(person, set()).add(recording)
        self._spread = {person for person, recordings in places.items() if len(recordings) > 1}

    def add(self, table: ScoreTable, spans: Sequence[Span] = (), rest: Rest | None = None) -> None:
        """Take in one recording.

        Args:
            table: with the name that persons and markers know.
            spans: markers of this recording.
            rest: where the baselines of its persons come from; None for none.

        Raises:
            InputError: a baseline that shows no face.
        """
        faces_seen = table.faces
        table, who = with_persons(table, self.persons)
        recording = recording_of(table, self.settings.rule)
        called = [person or f"face {faces[0]}" for person, faces in who.values()]
        report_misfits(table.name, spans, *recording.span, called)
        corrected = None if rest is None else rest.corrected(table, recording.kind, spans)
        labels = [str(label) for label in labels_of(table, sides=False)]
        events: dict[int, list[Event]] = {number: [] for number in who}
        for event in find_events(table, self.settings.rule, labels=labels):
            events[event.face_id].append(event)
        self.faces[table.name] = faces_seen
        for number, (person, faces) in who.items():
            track = track_of(table, recording, number, (person, faces), self.settings.rule, events.pop(number), corrected)
            self._add_track(recording, track, conditions(spans, [track.called, *map(str, faces)]))

    def take(self, other: Summary) -> None:
        """Take in what another one, of the same settings and persons, has taken in of other recordings, after what is here."""
        self.rows += other.rows
        self.faces |= other.faces
        for key, parts in other._parts.items():
            self._parts.setdefault(key, []).extend(parts)

    def _add_track(self, recording: Recording, track: Track, found: Sequence[Condition]) -> None:
        self._cells = {}
        start, end = recording.span
        whole = ((start, end),) if end > start else ()
        self._add_part("recording", recording, track, whole, "", start=start, end=end)
        for condition in found:
            about = {"tier": condition.tier, "condition": condition.label}
            label = f"{condition.tier}\0{condition.label}"
            limits = {"start": condition.segments[0].start, "end": max(span.end for span in condition.segments)}
            self._add_part("condition", recording, track, condition.covered(start, end), label, **about, **limits)
            for number, span in enumerate(condition.segments, start=1):
                limits = {"segment": number, "start": span.start, "end": span.end}
                stretch = covered([span], start, end)
                self._add_part("segment", recording, track, stretch, f"{label}\0{number}", **about, **limits)

    def _add_part(
        self, level: str, recording: Recording, track: Track, stretches: Stretches, label: str, **about: object
    ) -> None:  # fmt: skip
        part = part_of(recording, track, stretches, self.settings.bootstrap, label, self._cells)
        about |= {"recording": recording.name, "person": track.person, "faces": track.faces}
        self.rows.append(self._row(level, part, recording.kind, recording.action_units, about))
        if track.person and level != "segment":
            key = (
                track.person,
                str(about.get("tier", "")),
                str(about.get("condition", "")),
                recording.kind,
                recording.action_units,
            )
            kept = part if track.person in self._spread else _without_draws(part)
            self._parts.setdefault(key, []).append(kept)

    def _row(self, level: str, part: Part, kind: str, units: tuple[int, ...], about: Mapping[str, object]) -> Row:
        low, high = intervals(part, self.settings.bootstrap)
        measures = (_renamed(values, kind) for values in (unit_measures(part), low, high))
        return Row(level, units, kind, face_measures(part.face), *measures, **about)  # type: ignore[arg-type]

    def all_rows(self) -> list[Row]:
        """Rows of recordings, then of persons over several recordings, then of groups."""
        persons = {key: self._person(key, parts) for key, parts in self._parts.items()}
        over_several = [persons[key] for key, parts in self._parts.items() if len(parts) > 1]
        return [*self.rows, *over_several, *self._groups(list(persons.values()))]

    def _person(self, key: Key, parts: Sequence[Part]) -> Row:
        person, tier, condition, kind, units = key
        about = {"person": person, "tier": tier, "condition": condition}
        return self._row("person", joined(parts), kind, units, about)

    def _groups(self, persons: Sequence[Row]) -> list[Row]:
        if len({row.person for row in persons}) < 2:
            return []
        members: dict[tuple[object, ...], list[Row]] = {}
        for group, includes in self._memberships():
            for row in persons:
                if row.person in includes:
                    key = group, row.tier, row.condition, row.kind, row.action_units
                    members.setdefault(key, []).append(row)
        return [self._group(str(key[0]), rows) for key, rows in members.items()]

    def _memberships(self) -> list[tuple[str, set[str]]]:
        found = [(EVERYBODY, set(self.persons.values()))]
        for column, values in self.groups.items():
            members = {
                value: {person for person, own in values.items() if own == value} for value in dict.fromkeys(values.values())
            }
            found += [(f"{column}={value}", persons) for value, persons in members.items()]
        return found

    def _group(self, group: str, rows: Sequence[Row]) -> Row:
        """Means over persons, each counting the same however long they were seen."""
        first = rows[0]
        nothing = np.full(len(first.action_units), np.nan)
        names = [name for name in dict.fromkeys(name for row in rows for name in row.units) if not name.endswith("peak_time")]
        values = np.array([[row.units.get(name, nothing) for name in names] for row in rows])
        flat = values.reshape(len(rows), -1)
        ends = self.settings.bootstrap.of_persons(flat, group, first.tier, first.condition)
        low, high = (dict(zip(names, end.reshape(values.shape[1:]), strict=True)) for end in ends)
        means = dict(zip(names, _mean(flat).reshape(values.shape[1:]), strict=True))
        face = {name: float(_mean(np.array([[row.face[name]] for row in rows]))[0]) for name in first.face}
        persons = sum(row.face["valid_seconds"] > 0 for row in rows)
        return Row(
            "group", first.action_units, first.kind, face, means, low, high, group=group, tier=first.tier,
            condition=first.condition, persons=persons,
        )  # fmt: skip


def _without_draws(part: Part) -> Part:
    return replace(part, draws=None)


def _renamed(measures: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """The measures of tables of a kind; without a kind those that need none. What is nowhere given is left out."""
    found = {name.replace("KIND", kind): values for name, values in measures.items() if kind or not name.startswith("KIND")}
    return {name: values for name, values in found.items() if not name.endswith("_corrected") or np.isfinite(values).any()}


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    count = known.sum(0)
    total = np.where(known, values, 0).sum(0)
    return np.divide(total, count, out=np.full(values.shape[1], math.nan), where=count > 0)

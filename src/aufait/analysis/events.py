"""Onset, apex and offset of action units, per face and on true time. ``docs/events.md`` has the rule in words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from aufait.analysis.event import Event
from aufait.analysis.event_rule import KINDS, EventRule
from aufait.analysis.event_runs import Runs, find_runs
from aufait.analysis.frame_ends import EVEN_FRAMES, frame_ends
from aufait.analysis.labels import UnitLabel, check_label, labels_of, parse_label
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

__all__ = ["EventRule", "events_in", "find_events"]

_TOGETHER = 8
"""Columns at once: more would need more memory and be no faster."""


def find_events(
    table: ScoreTable, rule: EventRule | None = None, *, labels: Sequence[str] | None = None, sides: bool = True
) -> list[Event]:
    """Events of action units.

    Args:
        table: of one recording.
        rule: None for the default one.
        labels: which: "12", "AU12", "12L", "AU12 left". None for all that the table has scores of.
        sides: with all, also those of the left and right.

    Returns:
        Events by face, then label in the order asked for, then time.

    Raises:
        InputError: a label that the table has no scores of, or scores of the kind that the rule names are missing.
    """
    rule = rule or EventRule()
    wanted = _all_of(table, rule, sides) if labels is None else list(dict.fromkeys(map(parse_label, labels)))
    groups: dict[tuple[str, EventRule], list[UnitLabel]] = {}
    for label in wanted:
        if labels is not None:
            check_label(table, label)
        groups.setdefault((_kind_of(table, label, rule), rule.for_unit(label.unit)), []).append(label)
    if rule.on is None:
        _warn_of_meaning(table, rule, [kind for kind, _ in groups])
    found = []
    for (kind, own_rule), members in groups.items():
        for start in range(0, len(members), _TOGETHER):
            some = members[start : start + _TOGETHER]
            scores = np.stack([label.column(table, kind) for label in some], axis=1)
            found += events_in(table, scores, list(map(str, some)), kind, own_rule)
    order = {str(label): place for place, label in enumerate(wanted)}
    return sorted(found, key=lambda event: (event.face_id, order[event.label], event.onset))


def _all_of(table: ScoreTable, rule: EventRule, sides: bool) -> list[UnitLabel]:
    """Labels that the table has scores of; those of the rule's kind where it names one."""
    known = labels_of(table, sides)
    if rule.kind is None and rule.on is None:
        return known
    kind = rule.kind or table.strength()[1]
    fitting = [label for label in known if label.scores(table, kind) is not None]
    if known and not fitting:
        raise InputError(f"{table.name}: the table gives no {kind} at all; name a kind that it has")
    return fitting


def _kind_of(table: ScoreTable, label: UnitLabel, rule: EventRule) -> str:
    """The kind of scores in which one label's events are found. Thresholds that are given are those of one kind, for all."""
    if rule.kind is None and rule.on is None:
        return next(kind for kind in KINDS if label.scores(table, kind) is not None)
    given = label.kinds(table)
    kind = rule.kind or table.strength()[1]
    if kind not in given:
        raise InputError(f"{table.name}: the table gives no {kind} of {label}, only {', '.join(given)}; name that in the rule")
    return kind


def _warn_of_meaning(table: ScoreTable, rule: EventRule, kinds: Sequence[str]) -> None:
    """Say so where another tool's scores are compared with thresholds that the user did not ask for."""
    for kind in dict.fromkeys(kinds):
        if kind in table.meaning and kind != "occurrence":
            text = f"{table.name}: events begin where the {kind} of {table.tool} is at {rule.thresholds(kind)[0]:g}"
            text += f"; the tool means by it: {table.meaning[kind]}. Give on and off to decide yourself"
            warnings.warn(text, InputWarning, stacklevel=3)


def events_in(table: ScoreTable, scores: np.ndarray, labels: Sequence[str], kind: str, rule: EventRule) -> list[Event]:
    """Events of any scores that go with a table's rows.

    Args:
        scores: (N, C) in the unit of ``kind``; NaN where unknown.
        labels: C names of the columns.
        kind: "intensity", "probability" or "occurrence".
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    times, distance = table.frame_times, table.frame_distance
    found: list[Event] = []
    for face in table.faces:
        rows = np.flatnonzero(table.face_id == face)
        end = frame_ends(table.time[rows], times, distance, EVEN_FRAMES)
        values = np.where((table.quality[rows] < rule.min_quality)[:, None], np.nan, scores[rows])
        runs = find_runs(table.time[rows], end, values, rule, kind)
        found.extend(_events(runs, labels, kind, face, table.name))
    return found


def _events(runs: Runs, labels: Sequence[str], kind: str, face: int, recording: str) -> Iterator[Event]:
    for column, onset, apex, offset, peak, mean, frames, open_start, open_end in zip(*runs.lists(), strict=True):
        yield Event(labels[column], onset, apex, offset, peak, mean, kind, face, recording, frames, open_start, open_end)

"""Events as tiers: one per label and face, whole milliseconds, nothing that overlaps within a tier."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from aufait.analysis.event import Event
from aufait.analysis.labels import UnitLabel
from aufait.analysis.writers.names import face_name, one_line, order
from aufait.analysis.writers.recording import Recording
from aufait.errors import InputWarning

MILLISECONDS = 1000


def milliseconds(seconds: float) -> int:
    """The nearest whole millisecond, halves up, the same in every format."""
    return math.floor(seconds * MILLISECONDS + 0.5)


@dataclass(frozen=True)
class Interval:
    """An event between two whole milliseconds, start < end."""

    start: int
    end: int
    event: Event


@dataclass(frozen=True)
class Tier:
    """What one label does on one face.

    Attributes:
        name: "AU12 face 0"; one that is needed because events overlap ends in " (2)".
        label: of its events.
        face: "face 0", or empty.
        lane: 1, or more for events that overlap others of their kind.
        intervals: in the order of time, without overlap.
    """

    name: str
    label: str
    face: str
    lane: int
    intervals: tuple[Interval, ...]


def tiers_of(recording: Recording) -> list[Tier]:
    """The tiers of a recording, by face, then action unit; units that its table has and that never happen are empty tiers."""
    grouped: dict[tuple[int, str], list[Event]] = {}
    if recording.table is not None:
        units = [str(UnitLabel(unit)) for unit in recording.table.action_units]
        grouped = {(face, unit): [] for face in recording.table.faces for unit in units}
    for event in recording.events:
        grouped.setdefault((event.face_id, event.label), []).append(event)
    tiers = []
    for (face, label), events in sorted(grouped.items(), key=lambda item: (item[0][0], order(item[0][1]))):
        lanes = _lanes(intervals_of(events, recording.name)) or [[]]
        for number, lane in enumerate(lanes, 1):
            name = one_line(" ".join(filter(None, (label, face_name(face), f"({number})" if number > 1 else ""))))
            tiers.append(Tier(name, one_line(label), face_name(face), number, tuple(lane)))
    return tiers


def intervals_of(events: Iterable[Event], name: str) -> list[Interval]:
    """Events in whole milliseconds; those before 0 are left out with a warning, those without a length get one millisecond."""
    found, before, short = [], 0, 0
    for event in events:
        start, end = milliseconds(event.onset), milliseconds(event.offset)
        if end <= 0 and event.onset < 0:
            before += 1
            continue
        before += start < 0
        start = max(start, 0)
        short += end <= start
        found.append(Interval(start, max(end, start + 1), event))
    for count, what in ((before, "lie before 0 s and are cut there"), (short, "have no length and get 1 ms")):
        if count:
            warnings.warn(f"{name}: {count} events {what}, as this format needs it", InputWarning, stacklevel=4)
    return sorted(found, key=lambda one: (one.start, one.end))


def _lanes(intervals: list[Interval]) -> list[list[Interval]]:
    lanes: list[list[Interval]] = []
    for interval in intervals:
        lane = next((lane for lane in lanes if lane[-1].end <= interval.start), None)
        if lane is None:
            lanes.append([interval])
        else:
            lane.append(interval)
    return lanes

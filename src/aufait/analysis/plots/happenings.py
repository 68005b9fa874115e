"""Events and markers as a picture shows them: cut to its time, in its rows, for its faces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aufait.analysis.plots.choice import span_of, warn
from aufait.errors import InputError
from aufait.visualization.findings.chart import Bars, Mark

if TYPE_CHECKING:
    from aufait.analysis.event import Event
    from aufait.analysis.score_table import ScoreTable
    from aufait.analysis.span import Span

_SHOWN = 5


def events_of(table: ScoreTable, events: Sequence[Event]) -> list[Event]:
    """The events that are of this recording.

    Raises:
        InputError: there are events, but all of other recordings, of faces that are not in it, or outside its time.
    """
    own = [event for event in events if event.recording in ("", table.name)]
    if events and not own:
        raise InputError(f"{table.name}: no event is of this recording; they are of {_names({e.recording for e in events})}")
    there = set(table.faces)
    known = [event for event in own if event.face_id in there]
    if strangers := sorted({event.face_id for event in own} - there):
        faces = ", ".join(map(str, sorted(there))) or "none"
        text = f"{table.name}: events are of face {', '.join(map(str, strangers[:_SHOWN]))}, which is not in the table ({faces})"
        if not known:
            raise InputError(f"{text}; are they of another recording?")
        warn(f"{text}; they are not drawn")
    start, end = span_of(table)
    inside = [event for event in known if event.onset < end and event.offset > start]
    if len(inside) < len(known):
        text = f"{table.name}: {len(known) - len(inside)} of {len(known)} events are outside the recording"
        text += f", which runs from {start:.3f} to {end:.3f} s"
        if not inside:
            raise InputError(f"{text}; are they of another one?")
        warn(f"{text}; they are not drawn")
    return inside


def bars_of(events: Sequence[Event], face: int, units: Sequence[int], start: float, end: float) -> Bars:
    """Bars of one face in the rows of whole action units."""
    rows = {f"AU{unit}": row for row, unit in enumerate(units)}
    own = [event for event in events if event.face_id == face and event.label in rows]
    own = [event for event in own if event.onset < end and event.offset > start]
    onset, apex, offset = (np.array([getattr(event, name) for event in own], np.float64) for name in ("onset", "apex", "offset"))
    return Bars(np.array([rows[event.label] for event in own], np.int64), onset.clip(start, end), apex, offset.clip(start, end))


def without_row(events: Sequence[Event], units: Sequence[int]) -> list[str]:
    """A sentence on events that have no row, such as blinks, sides and combinations."""
    rows = {f"AU{unit}" for unit in units}
    hidden = Counter(event.label for event in events if event.label not in rows)
    if not hidden:
        return []
    shown = ", ".join(f"{label} ({count})" for label, count in hidden.most_common(_SHOWN))
    more = f" and {len(hidden) - _SHOWN} more labels" if len(hidden) > _SHOWN else ""
    return [f"Events without a row here: {shown}{more}."]


def marks_of(spans: Sequence[Span], faces: Sequence[int], start: float, end: float) -> tuple[Mark, ...]:
    """Markers in the time that is drawn; those of a person are of the face that has this name: "face 0" or "0"."""
    marks = []
    for span in sorted(spans):
        own = [face for face in faces if span.person in (str(face), f"face {face}")]
        if span.start < end and span.end > start and (own or not span.person):
            label = f"{span.label} ({span.person})" if span.person else span.label
            marks.append(Mark(max(span.start, start), min(span.end, end), label, span.tier, tuple(own) if span.person else None))
    return tuple(marks)


def _names(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")

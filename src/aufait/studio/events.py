"""Events of a recording: those that were found, and what a person said about them or added. All in one table of SQLite."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aufait.analysis.labels import parse_label

if TYPE_CHECKING:
    from aufait.studio.store import Store

STATUSES = ("found", "accepted", "rejected", "moved", "added")
_COLUMNS = (
    "id", "face", "unit", "side", "onset", "apex", "offset", "peak", "mean", "kind", "status", "found", "level", "note",
)  # fmt: skip
_ROUNDED = (("onset", 6), ("apex", 6), ("offset", 6), ("peak", 3), ("mean", 3))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM events"
_ALWAYS = (-math.inf, math.inf)
_INSERT = (
    "INSERT INTO events (recording, face, unit, side, onset, apex, offset, peak, mean, kind, status)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'found')"
)


def keep_found(store: Store, recording: str, events: Iterable[Sequence[Any]]) -> None:
    """Put the events that were found in the place of all of a recording.

    Args:
        events: label, face, onset, apex, offset, peak, mean, kind of each.
    """
    rows = []
    for label, face, onset, apex, offset, peak, mean, kind in events:
        unit = parse_label(label)
        rows.append((recording, face, unit.unit, unit.side or None, onset, apex, offset, _known(peak), _known(mean), kind))
    store.replace_all("DELETE FROM events WHERE recording = ?", recording, _INSERT, rows)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def shown(row: sqlite3.Row) -> dict[str, Any]:
    """An event as the API shows it."""
    event = dict(zip(_COLUMNS, row, strict=True))
    for name, digits in _ROUNDED:
        if event[name] is not None:
            event[name] = round(event[name], digits)
    if event["found"] is not None:
        event["found"] = json.loads(event["found"])
    return event


def events_of(
    store: Store, recording: str, face: int | None = None, window: tuple[float, float] = _ALWAYS
) -> list[dict[str, Any]]:
    """The events of a recording, or of one of its faces, that are there in a window, in the order of time."""
    values: list[Any] = [recording, window[1], window[0], *([] if face is None else [face])]
    only = "" if face is None else " AND face = ?"
    query = f"{_SELECT} WHERE recording = ? AND onset <= ? AND offset >= ?{only} ORDER BY onset, offset, face, unit, id"
    return [shown(row) for row in store.rows(query, values)]


def event_of(store: Store, recording: str, number: int) -> dict[str, Any] | None:
    """One event."""
    rows = store.rows(f"{_SELECT} WHERE recording = ? AND id = ?", (recording, number))
    return shown(rows[0]) if rows else None


def write_event(store: Store, recording: str, event: Mapping[str, Any], number: int | None = None) -> int:
    """Add an event, or change the one with a number; returns its number."""
    kept = ("face", "unit", "side", "onset", "apex", "offset", "peak", "mean", "kind", "status", "level", "note")
    names = (*kept, "found")
    values = [*(event.get(name) for name in kept), None if event.get("found") is None else json.dumps(event["found"])]
    if number is None:
        holders = ", ".join("?" * (len(names) + 1))
        return store.change(f"INSERT INTO events (recording, {', '.join(names)}) VALUES ({holders})", [recording, *values])
    sets = ", ".join(f"{name} = ?" for name in names)
    store.change(f"UPDATE events SET {sets} WHERE recording = ? AND id = ?", [*values, recording, number])
    return number

"""How often, how long and how strongly, for all faces of a recording or of a stretch of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.analysis.codebook import FACE, unit_entries
from aufait.analysis.span import Span
from aufait.analysis.summary import Row, Summary
from aufait.studio.errors import StudioError
from aufait.studio.insight.asked import number, numbers, told

if TYPE_CHECKING:
    from aufait.analysis import ScoreTable

_STRETCH = "stretch"


def summary(table: ScoreTable, start: float | None = None, end: float | None = None) -> dict[str, Any]:
    """Rows of one measure each, with its interval; ``faces`` has the measures of whole faces, ``measures`` says what all mean.

    Raises:
        StudioError: 422, the stretch is none.
    """
    spans, level = [], "recording"
    if start is not None or end is not None:
        spans, level = [_stretch(table, start, end)], "condition"
    made = Summary()
    with told() as notes:
        if table.faces:
            made.add(table, spans)
    found = [row for row in made.rows if row.level == level]
    kind = found[0].kind if found else ""
    entries = {entry.name: entry for entry in (*FACE, *unit_entries(kind))}
    return {
        "kind": kind or None,
        "rows": [line for row in found for line in _lines(row)],
        "faces": [{"face": row.faces[0], **{name: number(value) for name, value in row.face.items()}} for row in found],
        "measures": [{"measure": entry.name, "unit": entry.unit, "meaning": entry.meaning} for entry in entries.values()],
        "confidence": made.settings.bootstrap.confidence,
        "notes": notes,
    }


def _stretch(table: ScoreTable, start: float | None, end: float | None) -> Span:
    first, last = (float(table.time[0]), float(table.time[-1]) + table.frame_distance) if len(table) else (0.0, 0.0)
    start, end = first if start is None else start, last if end is None else end
    if not (math.isfinite(start) and math.isfinite(end) and start < end):
        raise StudioError(422, f"A stretch goes from an earlier to a later second; got {start:g} to {end:g}.")
    if end <= first or start >= last:
        raise StudioError(422, f"{table.name} goes from {first:.2f} to {last:.2f} s; {start:.2f} to {end:.2f} s are outside.")
    return Span(max(start, first), min(end, last), _STRETCH)


def _lines(row: Row) -> list[dict[str, Any]]:
    nothing = np.full(len(row.action_units), np.nan)
    lines = []
    for measure, values in row.units.items():
        ends = [row.low.get(measure, nothing), row.high.get(measure, nothing)]
        for unit, value, low, high in zip(row.action_units, *map(numbers, (values, *ends)), strict=True):
            lines.append({"face": row.faces[0], "unit": unit, "measure": measure, "value": value, "low": low, "high": high})
    return lines

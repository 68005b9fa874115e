"""Tables of annotations with one row each: start, end or duration, label. Our own file of events and BIDS's are such tables."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aufait.analysis.annotations.checks import refuse
from aufait.analysis.annotations.text import Row, shown
from aufait.analysis.annotations.times import UNITS, seconds, unit_of
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

_NAMES = {
    "start": ("start", "onset", "begin", "start time", "begin time", "onset time", "from"),
    "end": ("end", "offset", "stop", "end time", "stop time", "offset time", "to"),
    "duration": ("duration", "length"),
    "label": ("label", "code", "au", "action unit", "annotation", "condition", "stimulus", "trial type", "event",
              "behavior", "behaviour", "marker", "name", "value", "text"),
    "tier": ("tier", "layer"),
    "person": ("person", "participant", "subject", "speaker"),
    "recording": ("recording", "video", "clip", "file", "media"),
    "face": ("face id", "face"),
}  # fmt: skip
_TIMES = ("start", "end", "duration")
_MADE_SAFE = ("'=", "'+", "'-", "'@")
"""What makes a spreadsheet take a cell for text; not part of the label."""

_UNIT = re.compile(r"(.*?)\s*[(\[]\s*([^)\]]*)\s*[)\]]\s*")
_OTHER_UNITS = frozenset({"frame", "frames", "h", "hours", "us", "ns"})
_AGREE = 0.002  # seconds: end and duration of a table are rounded


class _Column(NamedTuple):
    place: int
    unit: str


def spans(path: Path, rows: Sequence[Row]) -> tuple[list[Span], bool]:
    """The annotations, and whether the table has tiers.

    Raises:
        InputError: no column for the start or the label, a unit that is not known, a cell that is no time, an annotation without
            an end or that ends before it begins.
    """
    columns = _columns(path, rows[0])
    found, problems, apart = [], [], []
    for row in rows[1:]:
        if len(row.cells) > len(rows[0].cells):
            raise InputError(f"{path}, line {row.line}: {len(row.cells)} cells where the header has {len(rows[0].cells)}")
        start, end, agrees = _times(path, row, columns)
        if start <= end:
            found.append(_span(row, columns, start, end))
        else:
            problems.append(f"line {row.line}: {_problem(start, end)}")
        if not agrees:
            apart.append(row.line)
    refuse(path, problems, "every annotation needs a start and an end (or a duration) that is not before it")
    if apart:
        lines = ", ".join(map(str, apart[:5]))
        warnings.warn(f"{path}: end and duration do not agree, the end counts: line {lines}", InputWarning, stacklevel=3)
    return found, "tier" in columns


def _columns(path: Path, header: Row) -> dict[str, _Column]:
    columns: dict[str, _Column] = {}
    split = [_split(cell) for cell in header.cells]
    for meaning, spellings in _NAMES.items():
        places = [place for spelling in spellings for place, (name, _) in enumerate(split) if name == spelling]
        if places:
            columns[meaning] = _Column(places[0], split[places[0]][1])
    if missing := [name for name in ("start", "label") if name not in columns]:
        raise InputError(
            f"{path}: no column for {' and '.join(missing)}; expected start,end,label (or onset,duration,label), "
            f"its columns are: {shown(', '.join(header.cells), 100)}"
        )
    for name in _TIMES:
        if name in columns and unit_of(columns[name].unit or "s") is None:
            raise InputError(f"{path}: {name} is in {shown(columns[name].unit)!r}; known units: {', '.join(UNITS)}, and hh:mm:ss")
    return columns


def _split(cell: str) -> tuple[str, str]:
    """Name and unit of a column: "Begin Time [ms]", "start_ms", "onset (s)"."""
    text = cell.strip().lower()
    unit = ""
    if match := _UNIT.fullmatch(text):
        text, unit = match[1], match[2]
    elif unit_of(text.rpartition("_")[2]) or text.rpartition("_")[2] in _OTHER_UNITS:
        text, _, unit = text.rpartition("_")
    return re.sub(r"[\s_-]+", " ", text).strip(), unit


def _cell(row: Row, columns: dict[str, _Column], name: str) -> str:
    column = columns.get(name)
    return row.cells[column.place] if column is not None and column.place < len(row.cells) else ""


def _times(path: Path, row: Row, columns: dict[str, _Column]) -> tuple[float, float, bool]:
    """Start and end of a row (NaN where missing), and whether end and duration agree."""
    values = {}
    for name in _TIMES:
        cell = _cell(row, columns, name)
        try:
            values[name] = seconds(cell, unit_of(columns[name].unit or "s") or "s") if name in columns else math.nan
        except ValueError:
            raise InputError(f"{path}, line {row.line}: {name} should be a time, got {shown(cell)!r}") from None
    start, end, duration = (values[name] for name in _TIMES)
    if "end" not in columns and "duration" not in columns:
        return start, start, True
    by_duration = start + duration
    if math.isnan(end):
        return start, by_duration, True
    return start, end, math.isnan(by_duration) or abs(by_duration - end) <= _AGREE


def _problem(start: float, end: float) -> str:
    if math.isnan(start):
        return "no start"
    return "no end" if math.isnan(end) else f"ends at {end:g} s, before its start at {start:g} s"


def _span(row: Row, columns: dict[str, _Column], start: float, end: float) -> Span:
    face = _cell(row, columns, "face")
    tier = _cell(row, columns, "tier") or (f"face {face}" if face and not face.startswith("-") else "")
    label = _cell(row, columns, "label")
    label = label[1:] if label[:2] in _MADE_SAFE else label
    return Span(start, end, label, tier, _cell(row, columns, "person"), _cell(row, columns, "recording"))

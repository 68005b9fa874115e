"""BORIS's exported tables: aggregated events (start and stop in one row) and tabular events (one row each)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aufait.analysis.annotations.boris_project import stem_of
from aufait.analysis.annotations.checks import refuse
from aufait.analysis.annotations.pairs import POINT, START, STOP, Mark, label_of, paired, person_of
from aufait.analysis.annotations.text import Row, shown
from aufait.analysis.annotations.times import seconds
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

_BEHAVIOUR = ("behavior", "behaviour")
_HEADER_WITHIN = 200
_MODIFIER = "modifier"


def recognises(rows: Sequence[Row]) -> bool:
    """Whether a header of BORIS is among the first rows."""
    return _header_row(rows) is not None


def spans(path: Path, rows: Sequence[Row]) -> list[Span]:
    """The events of an exported table.

    Raises:
        InputError: no such table, a time that is none, or a state that does not end.
    """
    place = _header_row(rows)
    if place is None:
        raise InputError(f"{path} is no table of events of BORIS: no row names Behavior with Start and Stop, or Time and Status")
    names = _names(rows[place])
    before = [row.cells for row in rows[:place] if row.cells[0].lower() == "observation id" and len(row.cells) > 1]
    observation = before[0][1] if before else ""
    table = list(_cells(path, names, rows[place + 1 :], observation))
    if any(cells.get("time offset (s)", "0") not in ("", "0", "0.0", "0.000") for _, cells in table):
        message = f"{path}: observations have a time offset; times are taken as they stand in the table"
        warnings.warn(message, InputWarning, stacklevel=3)
    return _aggregated(path, table) if _column(names, "start") else paired(path, _marks(path, table))


def _header_row(rows: Sequence[Row]) -> int | None:
    for place, row in enumerate(rows[:_HEADER_WITHIN]):
        names = _names(row)
        if any(name in names for name in _BEHAVIOUR) and (
            (_column(names, "start") and _column(names, "stop")) or (_column(names, "time") and _kind_column(names))
        ):
            return place
    return None


def _names(row: Row) -> tuple[str, ...]:
    return tuple(cell.lower() for cell in row.cells)


def _column(names: Sequence[str], word: str) -> str:
    """The column that is this word, alone or with a unit in brackets; empty where there is none."""
    return next((name for name in names if name == word or name.startswith(f"{word} (")), "")


def _kind_column(names: Sequence[str]) -> str:
    return next((name for name in ("status", "behavior type", "behaviour type") if name in names), "")


def _cells(path: Path, names: Sequence[str], rows: Sequence[Row], observation: str) -> Iterator[tuple[int, dict[str, str]]]:
    for row in rows:
        if len(row.cells) > len(names):
            raise InputError(f"{path}, line {row.line}: {len(row.cells)} cells where the header has {len(names)}")
        cells = dict(zip(names, row.cells, strict=False))
        cells.setdefault("observation id", observation)
        yield row.line, cells


def _time(path: Path, line: int, cells: Mapping[str, str], column: str) -> float:
    try:
        return seconds(cells.get(column, ""))
    except ValueError:
        raise InputError(f"{path}, line {line}: {column} should be a time, got {shown(cells[column])!r}") from None


def _about(cells: Mapping[str, str]) -> tuple[str, str, str, str]:
    """Behaviour, modifiers, person and recording of a row."""
    behaviour = cells.get("behavior") or cells.get("behaviour") or ""
    modifiers = ",".join(value for name, value in cells.items() if name.startswith(_MODIFIER) and value)
    media = [cells[name] for name in ("media file name", "media file path", "media file") if cells.get(name)]
    source = cells.get("source", "").split(":", 1)
    if not media and source[0].startswith("player") and len(source) == 2 and "player" not in source[1]:
        media = [source[1]]
    single = media and ";" not in media[0]
    return behaviour, modifiers, person_of(cells.get("subject", "")), stem_of(media[0]) if single else cells["observation id"]


def _aggregated(path: Path, table: Sequence[tuple[int, dict[str, str]]]) -> list[Span]:
    spans, problems = [], []
    for line, cells in table:
        names = tuple(cells)
        start, end = (_time(path, line, cells, _column(names, word)) for word in ("start", "stop"))
        if cells.get(_kind_column(names), "").upper() == POINT and math.isnan(end):
            end = start
        behaviour, modifiers, person, recording = _about(cells)
        if start <= end:
            spans.append(Span(start, end, label_of(behaviour, modifiers), behaviour, person, recording))
        else:
            missing = "has no start or no stop" if math.isnan(start + end) else f"runs from {start:g} to {end:g} s"
            problems.append(f"line {line}: {shown(behaviour)} {missing}")
    refuse(path, problems, "correct it in BORIS and export it again")
    return spans


def _marks(path: Path, table: Sequence[tuple[int, dict[str, str]]]) -> Iterator[Mark]:
    for line, cells in table:
        names = tuple(cells)
        time, what = _time(path, line, cells, _column(names, "time")), cells.get(_kind_column(names), "").upper()
        if what not in (POINT, START, STOP) or math.isnan(time):
            raise InputError(f"{path}, line {line}: expected a time and START, STOP or POINT, got {shown(what)!r}")
        yield Mark(time, what, *_about(cells), f"line {line}")

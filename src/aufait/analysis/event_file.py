"""A file of events: one row each, times in seconds to the microsecond."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path

from aufait.analysis.event import Event
from aufait.errors import InputError
from aufait.files.atomic import write_text
from aufait.files.csv_text import csv_text

EVENT_COLUMNS = (
    "recording", "face_id", "label", "onset", "apex", "offset", "duration", "peak", "mean", "kind", "frames",
    "open_start", "open_end",
)  # fmt: skip
"""Header of the file; ``duration`` is there for people and for R, reading it back does not use it."""

_NEEDED = ("label", "onset", "offset")
_ESCAPED = re.compile(r"'(?=[\s\x00]*[=+\-@])")
_FLAGS = {"": False, "0": False, "false": False, "1": True, "true": True}


def write_events(path: str | Path, events: Iterable[Event], overwrite: bool = False) -> Path:
    """Write events as CSV, whole or not at all.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    return write_text(path, csv_text(EVENT_COLUMNS, map(_row, events)), overwrite=overwrite)


def _row(event: Event) -> list[object]:
    times = [_number(value, 6) for value in (event.onset, event.apex, event.offset, event.duration)]
    values = [_number(value, 4) for value in (event.peak, event.mean)]
    flags = [int(event.open_start), int(event.open_end)]
    return [event.recording, event.face_id, event.label, *times, *values, event.kind, event.frames, *flags]


def _number(value: float, digits: int) -> str:
    """Shortest text of a rounded number; empty for NaN."""
    return "" if math.isnan(value) else repr(round(float(value), digits))


def read_events(path: str | Path) -> list[Event]:
    """Read a file of events; columns other than ``label``, ``onset`` and ``offset`` may be missing.

    Raises:
        InputError: no such file, another kind of file, or a cell that cannot be read, named by its line and column.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a CSV of events, as aufait events writes it")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _check_header(path, [name.strip() for name in reader.fieldnames or ()])
            return [_event(row, f"{path}, line {reader.line_num}") for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV of events ({error}); write it again as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error


def _check_header(path: Path, columns: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        shown = ", ".join(columns[:8]) or "nothing"
        raise InputError(f"{path}: a file of events needs the column {' and '.join(missing)}; its columns are: {shown}")


def _event(row: dict[str, str | None], where: str) -> Event:
    if None in row or None in row.values():
        raise InputError(f"{where}: more or fewer cells than the header has")
    cells = {name.strip(): (value or "").strip() for name, value in row.items()}
    onset, offset = (_read(cells, name, where, needed=True) for name in ("onset", "offset"))
    apex = _read(cells, "apex", where)
    try:
        return Event(
            label=_text(cells, "label"),
            onset=onset,
            apex=onset if math.isnan(apex) else apex,
            offset=offset,
            peak=_read(cells, "peak", where),
            mean=_read(cells, "mean", where),
            kind=_text(cells, "kind") or "intensity",
            face_id=_whole(cells, "face_id", where, -1),
            recording=_text(cells, "recording"),
            frames=_whole(cells, "frames", where, 0),
            open_start=_flag(cells, "open_start", where),
            open_end=_flag(cells, "open_end", where),
        )
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _text(cells: dict[str, str], name: str) -> str:
    return _ESCAPED.sub("", cells.get(name, ""), count=1) if cells.get(name, "").startswith("'") else cells.get(name, "")


def _read(cells: dict[str, str], name: str, where: str, needed: bool = False) -> float:
    cell = cells.get(name, "")
    if not cell and not needed:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {name} should be a number of seconds or a score, got {cell[:40]!r}")
    return value


def _whole(cells: dict[str, str], name: str, where: str, otherwise: int) -> int:
    cell = cells.get(name, "")
    try:
        return int(cell) if cell else otherwise
    except ValueError:
        raise InputError(f"{where}: {name} should be a whole number, got {cell[:40]!r}") from None


def _flag(cells: dict[str, str], name: str, where: str) -> bool:
    cell = cells.get(name, "").lower()
    if cell not in _FLAGS:
        raise InputError(f"{where}: {name} should be 0 or 1, got {cell[:40]!r}")
    return _FLAGS[cell]

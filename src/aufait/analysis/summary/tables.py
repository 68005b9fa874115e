"""The files of a summary: a long and a wide table, as CSV and Parquet, and their codebook."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aufait.analysis import codebook
from aufait.analysis.summary.row import Row
from aufait.errors import MissingExtraError
from aufait.files.atomic import whole_file, write_text
from aufait.files.csv_text import csv_text
from aufait.files.safe_text import encodable

_DIGITS = 6  # of what follows from float32 scores, more would not be true
KEY_NAMES = tuple(entry.name for entry in codebook.KEYS)
LONG_NAMES = (*KEY_NAMES, *(entry.name for entry in codebook.LONG))
_TEXTS = frozenset({"level", "recording", "person", "faces", "group", "tier", "condition", "measure", "unit"})
_WHOLE = frozenset({"segment", "persons", "action_unit"})

Cells = tuple[object, ...]
"""Of one line of a table; None for nothing."""


def long_lines(rows: Iterable[Row]) -> Iterator[Cells]:
    """One line per measure: the keys, then ``codebook.LONG``."""
    faces = {entry.name: entry.unit for entry in codebook.FACE}
    for row in rows:
        keys = row.keys
        for name, value in row.face.items():
            yield (*keys, None, name, _given(value), None, None, faces[name])
        entries = [entry for entry in codebook.unit_entries(row.kind) if entry.name in row.units]
        for place, unit in enumerate(row.action_units):
            for entry in entries:
                ends = (_given(end[entry.name][place]) if entry.name in end else None for end in (row.low, row.high))
                yield (*keys, unit, entry.name, _given(row.units[entry.name][place]), *ends, entry.unit)


def wide_names(rows: Sequence[Row]) -> tuple[str, ...]:
    """Columns of the wide table: keys, measures of the face, and each action unit with each of its measures."""
    pairs = {(unit, row.kind): set(row.units) for row in rows for unit in row.action_units}
    found: dict[str, None] = {}
    for unit, kind in sorted(pairs):
        for entry in codebook.unit_entries(kind):
            if any(entry.name in row.units for row in rows if row.kind == kind):
                found[f"AU{unit:02d}_{entry.name}"] = None
    return (*KEY_NAMES, *(entry.name for entry in codebook.FACE), *found)


def wide_lines(rows: Iterable[Row], names: Sequence[str]) -> Iterator[Cells]:
    """One line per row, with the columns of ``wide_names``."""
    for row in rows:
        cells: dict[str, object] = {name: _given(value) for name, value in row.face.items()}
        for measure, values in row.units.items():
            cells |= {f"AU{unit:02d}_{measure}": _given(value) for unit, value in zip(row.action_units, values, strict=True)}
        yield (*row.keys, *(cells.get(name) for name in names[len(KEY_NAMES) :]))


def _given(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def write_csv(path: Path, names: Sequence[str], lines: Iterable[Cells], overwrite: bool = False) -> Path:
    """Write a table, whole or not at all; numbers with six digits that count, nothing as an empty cell."""
    return write_text(path, csv_text(names, (list(map(_cell, line)) for line in lines)), overwrite=overwrite)


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}" if abs(value) < 1000 else f"{value:.3f}"
    return value


def write_parquet(path: Path, names: Sequence[str], lines: Iterable[Cells]) -> Path:
    """Write a table with types: texts, whole numbers, numbers; nothing as null.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("writing Parquet tables", "parquet") from error

    def kind(name: str) -> Any:
        return pyarrow.string() if name in _TEXTS else pyarrow.int64() if name in _WHOLE else pyarrow.float64()

    columns = list(zip(*lines, strict=True)) or [()] * len(names)
    arrays = [
        pyarrow.array([encodable(cell) if isinstance(cell, str) else cell for cell in column], type=kind(name))
        for name, column in zip(names, columns, strict=True)
    ]
    with whole_file(path) as partial:
        pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names=list(names)), partial, compression="zstd")
    return path

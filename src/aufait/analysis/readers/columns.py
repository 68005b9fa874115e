"""Columns of a table by name, as numbers or text; only those that are asked for take memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aufait.analysis.readers.header import Header
from aufait.errors import InputError

_SHOWN = 3
_MISSING = frozenset({"", "nan", "NaN", "NA", "N/A", "null", "None", "-nan", "-nan(ind)"})


def read_columns(
    path: Path, header: Header, numbers: Iterable[str], texts: Iterable[str] = (), skip_rows: int = 0, single: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Columns by their name in the file; those that the header does not have are left out.

    Args:
        path: CSV or Parquet.
        header: of the file.
        numbers: columns of numbers, float64 with NaN for empty cells.
        texts: columns of text, object arrays of str.
        skip_rows: lines before the header of a CSV.
        single: those of ``numbers`` for which float32 will do.

    Raises:
        InputError: a cell is no number, or a row has too few or too many cells.
    """
    numbers = [name for name in dict.fromkeys(numbers) if name in header.columns]
    texts = [name for name in dict.fromkeys(texts) if name in header.columns and name not in numbers]
    double = [name for name in (*numbers, *texts) if header.columns.count(name) > 1]
    if double:
        raise InputError(f"{path}: the column {double[0]} stands there {header.columns.count(double[0])} times; which one counts?")
    types = {name: np.dtype(np.float64) for name in numbers} | {name: np.dtype(np.float32) for name in single if name in numbers}
    if header.kind == "parquet":
        return _from_parquet(path, types, texts)
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return _cell_by_cell(path, header, types, texts, skip_rows)
    return _from_csv(path, header, types, texts, skip_rows)


def _from_parquet(path: Path, types: Mapping[str, np.dtype], texts: list[str]) -> dict[str, np.ndarray]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:  # column by column: never all of them twice in memory
            numbers = {name: _numbers(file.read(columns=[name]).column(name), kind) for name, kind in types.items()}
            return numbers | {name: _texts(file.read(columns=[name]).column(name)) for name in texts}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is damaged or not such a table ({_first_line(error)}); write it again") from error


def _from_csv(path: Path, header: Header, types: Mapping[str, np.dtype], texts: list[str], skip_rows: int) -> dict[str, np.ndarray]:
    import pyarrow
    from pyarrow import csv as arrow_csv

    spelled = dict(zip(header.columns, header.spelled, strict=True))
    wanted = {spelled[name]: pyarrow.from_numpy_dtype(kind) for name, kind in types.items()}
    wanted |= {spelled[name]: pyarrow.string() for name in texts}
    try:
        batches = arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(skip_rows=skip_rows, encoding=header.encoding.removesuffix("-sig")),
            parse_options=arrow_csv.ParseOptions(delimiter=header.separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                decimal_point=header.decimal,
                include_columns=list(wanted),
                column_types=wanted,
                null_values=sorted(_MISSING),
                strings_can_be_null=False,
            ),
        )
        parts: dict[str, list[np.ndarray]] = {name: [] for name in (*types, *texts)}
        for batch in batches:  # a piece at a time: the text of a long table is larger than its numbers
            for name, pieces in parts.items():
                column = batch.column(batch.schema.get_field_index(spelled[name]))
                pieces.append(_numbers(column, types[name]) if name in types else _texts(column))
        nothing = {name: np.zeros(0, types.get(name, object)) for name in parts}
        return {name: np.concatenate(parts.pop(name) or [nothing[name]]) for name in list(parts)}
    except (pyarrow.ArrowException, OSError, ValueError, KeyError):
        return _cell_by_cell(path, header, types, texts, skip_rows)  # finds the cell, or reads what is odd and right


def _numbers(column: Any, kind: np.dtype) -> np.ndarray:
    """An Arrow column as an array of its own, with NaN for what is null."""
    import pyarrow

    values: np.ndarray = column.cast(pyarrow.from_numpy_dtype(kind)).to_numpy(zero_copy_only=False)
    return values.astype(kind, copy=False)


def _texts(column: Any) -> np.ndarray:
    """An Arrow column as an array of str in which equal texts are one object."""
    import pyarrow

    text: dict[str, str] = {}
    values = (value or "" for value in column.cast(pyarrow.string()).to_pylist())
    return np.array([text.setdefault(value, value) for value in values], dtype=object)


def _cell_by_cell(
    path: Path, header: Header, numbers: Mapping[str, np.dtype], texts: list[str], skip_rows: int
) -> dict[str, np.ndarray]:
    places: Mapping[str, int] = {name: header.columns.index(name) for name in (*numbers, *texts)}
    cells: dict[str, list[object]] = {name: [] for name in places}
    try:
        with path.open(encoding=header.encoding, newline="") as file:
            for _ in range(skip_rows):
                next(file, None)
            reader = csv.reader(file, delimiter=header.separator)
            next(row for row in reader if any(cell.strip() for cell in row))
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header.columns):
                    raise InputError(
                        f"{path}, line {reader.line_num + skip_rows}: {len(row)} cells where the header has {len(header.columns)}"
                    )
                for name in numbers:
                    cells[name].append(_number(row[places[name]], header, name, path, reader.line_num + skip_rows))
                for name in texts:
                    cells[name].append(row[places[name]].strip())
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a table of text ({error}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    return {name: np.array(values, dtype=numbers.get(name, np.dtype(object))) for name, values in cells.items()}


def _number(cell: str, header: Header, name: str, path: Path, line: int) -> float:
    cell = cell.strip().replace(header.decimal, ".")
    if cell in _MISSING:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise InputError(f"{path}, line {line}: the column {name} should hold numbers, got {cell[:40]!r}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

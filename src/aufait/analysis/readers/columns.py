"""Columns of a table by name, as numbers or text; only those that are asked for take memory."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from aufait.analysis.readers.header import Header
from aufait.errors import InputError

_SHOWN = 3
_MISSING = frozenset({"", "nan", "NaN", "NA", "N/A", "null", "None", "-nan", "-nan(ind)"})


def read_columns(
    path: Path, header: Header, numbers: Iterable[str], texts: Iterable[str] = (), skip_rows: int = 0
) -> dict[str, np.ndarray]:
    """Columns by their name in the file; those that the header does not have are left out.

    Args:
        path: CSV or Parquet.
        header: of the file.
        numbers: columns of numbers, float64 with NaN for empty cells.
        texts: columns of text, object arrays of str.
        skip_rows: lines before the header of a CSV.

    Raises:
        InputError: a cell is no number, or a row has too few or too many cells.
    """
    numbers = [name for name in dict.fromkeys(numbers) if name in header.columns]
    texts = [name for name in dict.fromkeys(texts) if name in header.columns and name not in numbers]
    double = [name for name in (*numbers, *texts) if header.columns.count(name) > 1]
    if double:
        raise InputError(f"{path}: the column {double[0]} stands there {header.columns.count(double[0])} times; which one counts?")
    if header.kind == "parquet":
        return _from_parquet(path, numbers, texts)
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return _cell_by_cell(path, header, numbers, texts, skip_rows)
    return _from_csv(path, header, numbers, texts, skip_rows)


def _from_parquet(path: Path, numbers: list[str], texts: list[str]) -> dict[str, np.ndarray]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path, columns=[*numbers, *texts])
        return _arrays(table, numbers, texts, lambda name: name)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is damaged or not such a table ({_first_line(error)}); write it again") from error


def _from_csv(path: Path, header: Header, numbers: list[str], texts: list[str], skip_rows: int) -> dict[str, np.ndarray]:
    import pyarrow
    from pyarrow import csv as arrow_csv

    spelled = dict(zip(header.columns, header.spelled, strict=True))
    wanted = {spelled[name]: pyarrow.float64() for name in numbers} | {spelled[name]: pyarrow.string() for name in texts}
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(skip_rows=skip_rows, encoding=header.encoding.removesuffix("-sig")),
            parse_options=arrow_csv.ParseOptions(delimiter=header.separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(wanted), column_types=wanted, null_values=sorted(_MISSING), strings_can_be_null=False
            ),
        )
        return _arrays(table, numbers, texts, lambda name: spelled[name])
    except (pyarrow.ArrowException, OSError, ValueError, KeyError):
        return _cell_by_cell(path, header, numbers, texts, skip_rows)  # finds the cell, or reads what is odd and right


def _arrays(table: object, numbers: list[str], texts: list[str], spelling: Callable[[str], str]) -> dict[str, np.ndarray]:
    import pyarrow

    columns: dict[str, np.ndarray] = {}
    for name in numbers:
        column = table.column(spelling(name)).cast(pyarrow.float64())  # type: ignore[attr-defined]
        columns[name] = column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    for name in texts:
        column = table.column(spelling(name)).cast(pyarrow.string())  # type: ignore[attr-defined]
        columns[name] = np.array([value or "" for value in column.to_pylist()], dtype=object)
    return columns


def _cell_by_cell(path: Path, header: Header, numbers: list[str], texts: list[str], skip_rows: int) -> dict[str, np.ndarray]:
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
                    cells[name].append(_number(row[places[name]], name, path, reader.line_num + skip_rows))
                for name in texts:
                    cells[name].append(row[places[name]].strip())
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a table of text ({error}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    return {name: np.array(values, dtype=np.float64 if name in numbers else object) for name, values in cells.items()}


def _number(cell: str, name: str, path: Path, line: int) -> float:
    cell = cell.strip()
    if cell in _MISSING:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise InputError(f"{path}, line {line}: the column {name} should hold numbers, got {cell[:40]!r}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

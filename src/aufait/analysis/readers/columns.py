"""Columns of a table by name, as numbers or text; only those that are asked for take memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aufait.analysis.readers.header import Header
from aufait.errors import InputError

_SHOWN = 3
_PIECE = 1 << 22  # bytes
_MISSING = frozenset({"", "nan", "NaN", "NA", "N/A", "null", "None", "-nan", "-nan(ind)"})


def read_columns(
    path: Path,
    header: Header,
    numbers: Iterable[str],
    texts: Iterable[str] = (),
    skip_rows: int = 0,
    matrices: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, np.ndarray]:
    """Columns by their name in the file; those that the header does not have are left out.

    Args:
        path: CSV or Parquet.
        header: of the file.
        numbers: columns of numbers, float64 with NaN for empty cells.
        texts: columns of text, object arrays of str.
        skip_rows: lines before the header of a CSV.
        matrices: name -> columns that are wanted as one float32 array (rows, columns) under that name; those that the header does
            not have are NaN in it.

    Raises:
        InputError: a cell is no number, or a row has too few or too many cells.
    """
    wanted = {name: tuple(columns) for name, columns in (matrices or {}).items()}
    of_matrices = [name for columns in wanted.values() for name in columns]
    numbers = [name for name in dict.fromkeys(numbers) if name in header.columns and name not in of_matrices]
    texts = [name for name in dict.fromkeys(texts) if name in header.columns and name not in numbers]
    double = [name for name in (*numbers, *texts, *of_matrices) if header.columns.count(name) > 1]
    if double:
        raise InputError(f"{path}: the column {double[0]} stands there {header.columns.count(double[0])} times; which one counts?")
    store = _Store(header, numbers, texts, wanted)
    if header.kind == "parquet":
        return _from_parquet(path, store)
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return _cell_by_cell(path, header, store, skip_rows)
    return _from_csv(path, header, store, skip_rows)


class _Store:
    """Where the columns go: arrays of the final size, filled piece by piece, so that a long table is in memory only once."""

    def __init__(self, header: Header, numbers: list[str], texts: list[str], matrices: Mapping[str, tuple[str, ...]]) -> None:
        present = {name for columns in matrices.values() for name in columns if name in header.columns}
        self.types = dict.fromkeys(numbers, np.dtype(np.float64)) | dict.fromkeys(texts, np.dtype(object))
        self.types |= dict.fromkeys(sorted(present), np.dtype(np.float32))
        self._plain = (*numbers, *texts)
        self._matrices = matrices
        self._kept: dict[str, np.ndarray] = {}
        self._places: dict[str, np.ndarray] = {}

    def make(self, rows: int) -> None:
        """Reserve memory for at most so many rows; it is taken when it is filled."""
        self._kept = {name: np.empty(rows, self.types[name]) for name in self._plain}
        self._places = dict(self._kept)
        for matrix, columns in self._matrices.items():
            values = self._kept[matrix] = np.empty((rows, len(columns)), np.float32, order="F")
            for place, name in enumerate(columns):
                if name in self.types:
                    self._places[name] = values[:, place]
                else:
                    values[:, place] = np.nan

    def put(self, name: str, first: int, values: np.ndarray) -> None:
        """Fill in a piece of a column."""
        self._places[name][first : first + len(values)] = values

    def columns(self, rows: int) -> dict[str, np.ndarray]:
        """What was filled in."""
        return {name: values[:rows] for name, values in self._kept.items()}


def _from_parquet(path: Path, store: _Store) -> dict[str, np.ndarray]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            rows = file.metadata.num_rows
            store.make(rows)
            for name, kind in store.types.items():
                store.put(name, 0, _values(file.read(columns=[name]).column(name), kind))
            return store.columns(rows)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is damaged or not such a table ({_first_line(error)}); write it again") from error


def _from_csv(path: Path, header: Header, store: _Store, skip_rows: int) -> dict[str, np.ndarray]:
    import pyarrow
    from pyarrow import csv as arrow_csv

    spelled = dict(zip(header.columns, header.spelled, strict=True))
    types = {
        spelled[name]: pyarrow.string() if kind.hasobject else pyarrow.from_numpy_dtype(kind) for name, kind in store.types.items()
    }
    try:
        batches = arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(skip_rows=skip_rows, encoding=header.encoding.removesuffix("-sig")),
            parse_options=arrow_csv.ParseOptions(delimiter=header.separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                decimal_point=header.decimal,
                include_columns=list(types),
                column_types=types,
                null_values=sorted(_MISSING),
                strings_can_be_null=False,
            ),
        )
        store.make(_lines_at_most(path))
        rows = 0
        for batch in batches:
            for name, kind in store.types.items():
                store.put(name, rows, _values(batch.column(batch.schema.get_field_index(spelled[name])), kind))
            rows += batch.num_rows
        return store.columns(rows)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError):
        return _cell_by_cell(path, header, store, skip_rows)  # finds the cell, or reads what is odd and right


def _lines_at_most(path: Path) -> int:
    """Ends of lines in a file, however they are written, and one."""
    count = 1
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            count += max(piece.count(b"\n"), piece.count(b"\r"))
    return count


def _values(column: Any, kind: np.dtype) -> np.ndarray:
    return _texts(column) if kind.hasobject else _numbers(column, kind)


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


def _cell_by_cell(path: Path, header: Header, store: _Store, skip_rows: int) -> dict[str, np.ndarray]:
    texts = [name for name, kind in store.types.items() if kind.hasobject]
    numbers = [name for name in store.types if name not in texts]
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
    rows = max(map(len, cells.values()), default=0)
    store.make(rows)
    for name in list(cells):
        store.put(name, 0, np.array(cells.pop(name), dtype=store.types[name]))
    return store.columns(rows)


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

"""The text of a coder's file, of any common encoding and of bounded size; its rows, if it is a table."""

from __future__ import annotations

import codecs
import csv
import io
import warnings
from pathlib import Path
from typing import NamedTuple

from aufait.errors import InputError, InputWarning, printable

MAX_BYTES = 64 << 20
"""A day of dense coding is a tenth of this."""

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SEPARATORS = "\t;,"


class Row(NamedTuple):
    """A row of a table and where it stands."""

    line: int
    cells: tuple[str, ...]


def read_text(path: Path) -> str:
    """The whole text of a file.

    Raises:
        InputError: no such file, empty, too large, or no text.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a file of annotations")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path} has {size >> 20} MiB, annotations are read up to {MAX_BYTES >> 20} MiB; split the file")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    if not data.strip():
        raise InputError(f"{path} is empty; expected a file of annotations")
    return _decoded(path, data)


def _decoded(path: Path, data: bytes) -> str:
    if data.startswith(b"ooBinaryFile"):
        raise InputError(f"{path} is a binary file of Praat; save it there as a text file (Save as text file...)")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or b"\0" in data:
            raise InputError(f"{path} is not a file of text ({error.reason}); expected annotations") from error
        warnings.warn(f"{path} is not UTF-8, read as Windows-1252; check letters with accents", InputWarning, stacklevel=2)
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise InputError(f"{path} is not a file of text: it holds zero bytes; expected annotations")
    return text


def table_rows(path: Path, text: str) -> list[Row]:
    """The rows of a table that are not empty; tab, semicolon or comma between cells, whichever the header has most of.

    Raises:
        InputError: a cell is too long, or all are empty.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        rows = [Row(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: the table cannot be read ({error})") from error
    rows = [row for row in rows if any(row.cells)]
    if not rows:
        raise InputError(f"{path}: the table has no cells with text; expected a header such as start,end,label")
    return rows


def shown(text: str, length: int = 40) -> str:
    """Text of a file for a message: one line, no control characters, not long."""
    return printable(text[:length] + ("..." if len(text) > length else ""))

"""The first line of a table: kind of file, separator and names of the columns, before anything is read in full."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from aufait.errors import InputError, MissingExtraError

_PEEK_BYTES = 1 << 20  # a header of all columns of the widest tool is 40 kB
_FIRST_LINES = 256
_SEPARATORS = ",;\t"
_COMMA_NUMBER = re.compile(r'\s*"?-?\d+,\d+(?:[eE][-+]?\d+)?"?\s*')
_ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Header:
    """What the beginning of a table tells.

    Attributes:
        kind: "csv", "parquet", "json" or "text" (first line with no separator).
        columns: names without surrounding spaces.
        spelled: the same as they stand in the file.
        separator: between cells of a CSV.
        encoding: of a text file.
        start: the first lines of a text file, for tools that put facts before the table.
        decimal: what stands before the decimals: a comma where spreadsheets of some languages saved the file.
    """

    kind: str
    columns: tuple[str, ...]
    spelled: tuple[str, ...] = ()
    separator: str = ","
    encoding: str = "utf-8"
    start: tuple[str, ...] = ()
    decimal: str = "."


def read_header(path: Path) -> Header:
    """The header of a table.

    Raises:
        InputError: no such file, empty, or no text.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a table of action units")
    try:
        with path.open("rb") as file:
            beginning = file.read(_PEEK_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    if not beginning.strip():
        raise InputError(f"{path} is empty; expected a table of action units")
    if beginning[:4] == b"PAR1":
        return _parquet(path)
    encoding = next((name for mark, name in _ENCODINGS if beginning.startswith(mark)), "utf-8")
    return _text(path, _decoded(path, beginning, encoding), encoding)


def _decoded(path: Path, beginning: bytes, encoding: str) -> str:
    if encoding == "utf-8" and b"\0" in beginning:
        raise InputError(f"{path} is not a table: it holds bytes that are no text")
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return decoder.decode(beginning)  # a character cut at the end of the peek stays undecided


def _text(path: Path, text: str, encoding: str) -> Header:
    lines = tuple(text.splitlines()[:_FIRST_LINES])
    if text.lstrip()[:1] in ("{", "["):
        return Header("json", (), encoding=encoding, start=lines)
    return header_of(lines, next(place for place, line in enumerate(lines) if line.strip()), encoding)


def header_of(lines: tuple[str, ...], place: int, encoding: str = "utf-8") -> Header:
    """The header that stands in one of the first lines of a text file."""
    first = lines[place]
    separator = max(_SEPARATORS, key=first.count)
    if separator not in first:
        return Header("text", (first.strip(),), (first,), separator, encoding, lines)
    spelled = tuple(next(csv.reader(io.StringIO(first), delimiter=separator)))
    cells = (cell for line in lines[place + 1 :] for cell in line.split(separator))
    commas = separator != "," and any(_COMMA_NUMBER.fullmatch(cell) for cell in cells)
    decimal = "," if commas else "."
    return Header("csv", tuple(name.strip() for name in spelled), spelled, separator, encoding, lines, decimal)


def _parquet(path: Path) -> Header:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("reading Parquet tables", "parquet") from error
    try:
        names = tuple(pyarrow.parquet.read_schema(path).names)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is not a whole Parquet file ({error}); write it again") from error
    return Header("parquet", names, names)

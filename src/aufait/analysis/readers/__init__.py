"""Tables of action units, whoever made them, as one ``ScoreTable``; the tool is told by the header of the file.

A reader is a module with ``TOOL``, ``recognises`` and ``read``; ``_READERS`` lists them, the more particular ones first.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from aufait.analysis.readers.header import Header, read_header
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, printable

_READERS = ("ours", "openface", "openface3", "pyfeat", "libreface", "pyafar", "mediapipe", "facereader", "affectiva")
"""Modules of this package, asked in this order."""


class Reader(Protocol):
    """What a module here offers."""

    TOOL: str
    """Its name, as ``read_table(tool=...)`` and ``ScoreTable.tool`` spell it."""

    def recognises(self, header: Header) -> bool:
        """Whether a file with this header is such a table."""

    def read(self, path: Path, header: Header, fps: float | None = None) -> ScoreTable:
        """Read the file; ``fps`` makes times of numbers of frames where the table has no times."""


def readers() -> dict[str, Reader]:
    """All readers by the name of their tool."""
    modules = [importlib.import_module(f"{__name__}.{name}") for name in _READERS]
    return {module.TOOL: cast(Reader, module) for module in modules}


def read_table(path: str | Path, tool: str | None = None, *, fps: float | None = None, scores_only: bool = False) -> ScoreTable:
    """Read the action units of a recording from a table of ours or of another tool.

    Args:
        path: CSV, Parquet or what the tool writes.
        tool: whose table it is; None: told by its header.
        fps: frames per second of the recording, for tables that count frames and give no times, or only whole seconds.
        scores_only: sides and further columns are not needed and may be left out: a long table then takes less memory.

    Raises:
        InputError: no such file, no known header, damaged, or without times where ``fps`` is not given.
        MissingExtraError: a Parquet file without the extra ``parquet``.
    """
    if fps is not None and not 0 < fps < 100_000:
        raise InputError(f"fps must be frames per second, such as 30, got {fps}")
    path = Path(path).expanduser()
    known = readers()
    header = read_header(path)
    if tool is not None:
        if tool not in known:
            raise InputError(f"no reader for tables of {tool!r}; known: {', '.join(known)}")
        return _read(known[tool], path, header, fps, scores_only)
    for reader in known.values():
        if reader.recognises(header):
            return _read(reader, path, header, fps, scores_only)
    shown = printable(", ".join(header.columns[:6])[:200]) or "none"
    raise InputError(f"{path}: no table of action units that is known here ({', '.join(known)}); its first columns are: {shown}")


def _read(reader: Reader, path: Path, header: Header, fps: float | None, scores_only: bool) -> ScoreTable:
    """Read a table, with less in it where the reader can do that."""
    try:
        if scores_only and reader.TOOL == "aufait":
            from aufait.analysis.readers import ours

            return ours.read(path, header, scores_only=True)
        return reader.read(path, header, fps)
    except InputError:
        raise
    except (ValueError, OverflowError) as error:  # what a table of scores itself refuses
        raise InputError(f"{path} is not a whole table of {reader.TOOL}: {error}") from error

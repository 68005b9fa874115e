"""Recordings in the formats of other programs.

A writer is a module with ``SUFFIX``, ``JOINT``, ``WANTS``, ``MEANING`` and ``write``; ``FORMATS`` lists them.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType

from aufait.analysis.writers.names import one_line
from aufait.analysis.writers.recording import Choices, Recording, read_recordings
from aufait.errors import InputError, OutputError
from aufait.files.safe_text import file_name

__all__ = ["FORMATS", "Choices", "Recording", "convert", "read_recordings", "writer_of"]

FORMATS = MappingProxyType(
    {
        "elan": "elan", "praat": "praat", "boris": "boris", "boris-table": "boris_table", "webvtt": "webvtt", "noldus": "noldus",
        "bids": "bids", "fex": "fex", "long": "long", "wide": "wide",
    }
)  # fmt: skip
"""Name of a format -> module of this package."""

_NOT_IN_NAMES = '<>:"/\\|?*'


def writer_of(name: str) -> ModuleType:
    """The module that writes a format.

    Raises:
        InputError: no such format.
    """
    if name not in FORMATS:
        raise InputError(f"no format is called {name!r}; known: {', '.join(FORMATS)}")
    return importlib.import_module(f"{__name__}.{FORMATS[name]}")


def convert(recordings: Sequence[Recording], to: str, target: str | Path, choices: Choices | None = None) -> list[Path]:
    """Write recordings in a format.

    Args:
        recordings: from ``read_recordings``, or made.
        to: name of the format.
        target: a file, where its name ends as the format's do; else a folder, in which files are named after recordings.
        choices: None for the usual ones.

    Returns:
        The files.

    Raises:
        InputError: no recordings, several for one file, or something that the format cannot hold.
        OutputError: a file exists and may not be replaced, or cannot be written.
    """
    writer, choices, target = writer_of(to), choices or Choices(), Path(target).expanduser()
    if not recordings:
        raise InputError("no recording to convert")
    if not writer.SUFFIX:
        return list(writer.write(list(recordings), target, choices))
    is_file = target.suffix.lower() == writer.SUFFIX.lower() and not target.is_dir()
    if target.suffix and not is_file and not target.is_dir():
        raise InputError(f"files of {to} end in {writer.SUFFIX}, got {target.name}; name such a file, or a folder")
    if writer.JOINT:
        place = target if is_file else target / f"{_stem(recordings, to)}{writer.SUFFIX}"
        return list(writer.write(list(recordings), place, choices))
    if is_file and len(recordings) > 1:
        raise InputError(f"{len(recordings)} recordings make as many files of {to}; give a folder instead of {target.name}")
    places = [target if is_file else target / f"{_file_stem(one.name)}{writer.SUFFIX}" for one in recordings]
    _refuse(places, recordings, choices.overwrite)
    return [path for one, place in zip(recordings, places, strict=True) for path in writer.write(one, place, choices)]


def _refuse(places: list[Path], recordings: Sequence[Recording], overwrite: bool) -> None:
    seen: dict[str, str] = {}
    for place, one in zip(places, recordings, strict=True):
        other = seen.setdefault(place.name.casefold(), one.name)
        if other != one.name:
            raise InputError(f"{other!r} and {one.name!r} would both be {place.name}; convert them one by one")
        if place.exists() and not overwrite:
            raise OutputError(f"{place} exists already; choose another name or allow overwriting (--overwrite)")


def _stem(recordings: Sequence[Recording], to: str) -> str:
    name = _file_stem(recordings[0].name) if len(recordings) == 1 else "aufait"
    return f"{name}_{to}" if to in ("long", "wide") else name


def _file_stem(name: str) -> str:
    """A recording's name as a part of a file name: what systems take for separators becomes "_"."""
    plain = "".join("_" if sign in _NOT_IN_NAMES else sign for sign in file_name(one_line(name)).replace("%5C", "_"))
    return plain.strip(" .") or "recording"

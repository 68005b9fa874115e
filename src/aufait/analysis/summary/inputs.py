"""Which tables a call is about: files, and folders of them; one recording each, under a name that is its own."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aufait.analysis.readers import read_table, readers
from aufait.analysis.readers.header import read_header
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning
from aufait.files.atomic import is_partial

_ENDINGS = (".parquet", ".csv")
_SHOWN = 5


def table_files(inputs: Sequence[str | Path]) -> dict[str, Path]:
    """Name of the recording -> table, in the order given. Of a folder the tables in it, the CSV where both kinds have one name.

    Recordings of one name are told apart by their folder: "P01/clip".

    Raises:
        InputError: no such file, a folder without tables, or two tables that cannot be told apart.
    """
    paths: list[Path] = []
    for text in inputs:
        path = Path(text).expanduser()
        if path.is_dir():
            paths += _in_folder(path)
        elif path.is_file():
            paths.append(path)
        else:
            raise InputError(f"{path}: no such file or folder; expected a table of action units, as aufait detect writes it")
    paths = list(dict.fromkeys(paths))
    names = [recording_name(path) for path in paths]
    double = {name for name, count in Counter(names).items() if count > 1}
    names = [f"{path.resolve().parent.name}/{name}" if name in double else name for path, name in zip(paths, names, strict=True)]
    for name, count in Counter(names).items():
        if count > 1:
            same = ", ".join(str(path) for path, other in zip(paths, names, strict=True) if other == name)
            raise InputError(f"{count} tables of a recording {name}: {same}; give one of them, or rename the others")
    return dict(zip(names, paths, strict=True))


def recording_name(path: Path) -> str:
    """What markers and persons call a recording: the name of its table without the ending."""
    return path.stem.removesuffix(".partial")


def _in_folder(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in _ENDINGS)
    unfinished = [file for file in files if is_partial(file)]
    others = [file for file in files if file not in unfinished and not _is_table(file)]
    tables = [file for file in files if file not in unfinished and file not in others]
    typed = {file.stem for file in tables if file.suffix.lower() == ".csv"}
    tables = [file for file in tables if file.suffix.lower() == ".csv" or file.stem not in typed]
    if not tables:
        raise InputError(f"{folder}: no table of action units in this folder; aufait detect VIDEO -o {folder} makes one")
    if unfinished:
        _warn(f"{folder}: unfinished tables are left out: {_listed(unfinished)}; give them by name to use them")
    if others:
        _warn(f"{folder}: no tables of action units, left out: {_listed(others)}")
    return tables


def _is_table(file: Path) -> bool:
    try:
        header = read_header(file)
    except InputError:
        return False
    return any(reader.recognises(header) for reader in readers().values())


def open_table(name: str, path: Path, tool: str | None = None, fps: float | None = None) -> ScoreTable:
    """Read a table for a summary, under the name of its recording.

    Raises:
        InputError: it cannot be read, or has no times.
    """
    table = read_table(path, tool, fps=fps, scores_only=True)
    if table.of_pictures:
        raise InputError(f"{path} is a table of pictures, which have no time; a summary needs the table of a video")
    if not len(table):
        raise InputError(f"{path} has no rows; there is nothing to sum up")
    return replace(table, name=name)


def _listed(files: Sequence[Path]) -> str:
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(file.name for file in files[:_SHOWN]) + more


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

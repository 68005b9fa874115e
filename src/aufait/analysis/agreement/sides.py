"""What is compared with what: files of one recording, or folders whose files go together by their names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aufait.analysis.annotations import read_annotations
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning
from aufait.files.atomic import is_partial

ENDINGS = frozenset({".csv", ".tsv", ".txt", ".parquet", ".eaf", ".boris", ".textgrid", ".json"})
_NOT_TABLES = (".provenance.json",)
_SHOWN = 8


@dataclass(frozen=True)
class Matched:
    """Files of one recording, one for each side.

    Attributes:
        recording: its name.
        files: in the order of the sides.
    """

    recording: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Sides:
    """What is compared.

    Attributes:
        names: one for each side, no two alike.
        recordings: what is compared, recording by recording.
        batch: whether folders were given.
        unmatched: recordings that not all sides have, with the names of those that lack them.
    """

    names: tuple[str, ...]
    recordings: tuple[Matched, ...]
    batch: bool = False
    unmatched: tuple[str, ...] = ()


def find_sides(paths: Sequence[Path]) -> Sides:
    """Match two files or folders, or more.

    A single file beside folders is one of annotations that name their recordings.

    Raises:
        InputError: fewer than two, no such file, nothing in common.
    """
    if len(paths) < 2:
        raise InputError("name two files or folders, or more: aufait compare A B -o FOLDER")
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; expected a table of scores, a coder's file, or a folder of them")
    names = _names(paths)
    folders = [path for path in paths if path.is_dir()]
    if not folders:
        first = next((path for path in paths if path.suffix.lower() in (".csv", ".parquet")), paths[0])
        return Sides(names, (Matched(_recording(first), tuple(paths)),))
    listed = [_files_of(path) if path.is_dir() else _files_named(path) for path in paths]
    shared = [name for name in listed[0] if all(name in files for files in listed)]
    unmatched = tuple(
        f"{name}: not in {', '.join(which)}"
        for name in sorted(set().union(*listed) - set(shared))
        if (which := [str(path) for path, files in zip(paths, listed, strict=True) if name not in files])
    )
    if not shared:
        raise InputError(
            f"no recording is in all of {', '.join(map(str, paths))}; files go together by their names without the ending: "
            f"{_listed(unmatched)}"
        )
    if unmatched:
        _warn(f"{len(unmatched)} recordings are not compared: {_listed(unmatched)}")
    matched = tuple(Matched(name, tuple(files[name] for files in listed)) for name in shared)
    return Sides(names, matched, True, unmatched)


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    for names in ([path.name or str(path) for path in paths], [f"{path.resolve().parent.name}/{path.name}" for path in paths]):
        if len(set(names)) == len(names):
            return tuple(names)
    whole = [str(path) for path in paths]
    if double := [name for name in whole if whole.count(name) > 1]:
        raise InputError(f"{double[0]} is given twice; name two different files or folders")
    return tuple(whole)


def _recording(path: Path) -> str:
    return path.stem.removesuffix(".partial")


def _files_of(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    wanted = [file for file in files if file.suffix.lower() in ENDINGS and not file.name.lower().endswith(_NOT_TABLES)]
    if unfinished := [file for file in wanted if is_partial(file)]:
        _warn(f"{folder}: unfinished tables are left out: {_listed([file.name for file in unfinished])}")
    found: dict[str, Path] = {}
    for file in wanted:
        if is_partial(file):
            continue
        other = found.setdefault(_recording(file), file)
        if other == file:
            continue
        if {file.suffix.lower(), other.suffix.lower()} != {".csv", ".parquet"}:
            raise InputError(
                f"{folder} has two files of the recording {_recording(file)}: {other.name}, {file.name}; leave one there"
            )
    if not found:
        raise InputError(f"{folder}: no file to compare in this folder; expected {', '.join(sorted(ENDINGS))}")
    return found


def _files_named(path: Path) -> dict[str, Path]:
    try:
        named = {span.recording for span in _annotations(path) if span.recording}
    except InputError as error:
        raise InputError(f"{path} is one file beside a folder, and not one of annotations; give a folder too ({error})") from None
    if not named:
        raise InputError(f"{path} is one file beside a folder, and its annotations name no recordings; give a folder of such files")
    return {Path(name.replace("\\", "/")).stem: path for name in sorted(named)}


def _annotations(path: Path) -> list[Span]:
    with warnings.catch_warnings():  # they come when it is read to be compared
        warnings.simplefilter("ignore", InputWarning)
        return read_annotations(path)


def _listed(texts: Sequence[str]) -> str:
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

"""Noldus FaceReader's detailed log: facts about the analysis, then a table with letters or numbers per action unit."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from types import MappingProxyType

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header, header_of
from aufait.analysis.readers.shared import known_units, of_units, recording_name
from aufait.analysis.score_table import NO_FACE, ScoreTable
from aufait.errors import InputError

TOOL = "facereader"

_COLUMN = re.compile(r"(?:(left|right)\b.*)?\b(?:action unit|au)\s*0*(\d+)\b(?:.*\b(left|right)\b)?.*", re.IGNORECASE)
_TIME = "Video Time"
_LETTERS = {"notactive": 0.0, "not active": 0.0, "a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0}
_NOTHING = frozenset({"", "fit_failed", "find_failed", "unknown", "missing", "nan", "n/a", "-"})
_FACES = {"": "intensity", "left": "intensity_left", "right": "intensity_right"}


def recognises(header: Header) -> bool:
    """A line among the first ones names the video's time and an action unit."""
    return _place(header) is not None


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read a detailed log; letters A to E become 1 to 5, rows in which the face was lost have none.

    Raises:
        InputError: no table in it, or a cell that is neither letter nor number. ``fps`` is not used.
    """
    place = _place(header)
    if place is None:
        raise InputError(f"{path}: no line names {_TIME} and action units; export the detailed log with action units")
    table = header_of(header.start, place, header.encoding)
    matches = {name: match for name in table.columns if name != _TIME and (match := _COLUMN.fullmatch(name))}
    units = known_units(path, (int(match[2]) for match in matches.values()))
    columns = read_columns(path, table, (), [_TIME, *matches], skip_rows=place)
    texts = {name: _scores(path, name, columns[name], table.decimal) for name in matches}
    numeric = any(is_number for _, is_number in texts.values())
    scores = {}
    for side, attribute in _FACES.items():
        names = {int(match[2]): name for name, match in matches.items() if (match[1] or match[3] or "").lower() == side}
        if names or not side:
            scores[attribute] = of_units({name: value for name, (value, _) in texts.items()}, names, units, len(columns[_TIME]))
    found = np.isfinite(np.concatenate(list(scores.values()), axis=1)).any(axis=1)
    times = _times(path, columns[_TIME])
    return ScoreTable.made_of(
        recording_name(path),
        units,
        times,
        np.where(found, 0, NO_FACE),
        frame=np.arange(1, len(times) + 1),
        **scores,
        source=_fact(header, place, "filename"),
        tool=TOOL,
        meaning=MappingProxyType({"intensity": _MEANS[numeric], "face_id": "always 0: a log is about one face"}),
        path=path,
    )


_MEANS = {
    False: "FaceReader's letters, A to E as 1 to 5, NotActive as 0",
    True: "FaceReader's number 0-1, times 5; its steps are not those of its letters",
}


def _place(header: Header) -> int | None:
    for place, line in enumerate(header.start):
        if _TIME in line and _COLUMN.search(line) and _TIME in header_of(header.start, place).columns:
            return place
    return None


def _scores(path: Path, name: str, cells: np.ndarray, decimal: str) -> tuple[np.ndarray, bool]:
    """(N,) float64 on 0-5, NaN where the face was lost; and whether the cells are numbers."""
    values: dict[str, float] = {}
    is_number = False
    for cell in set(cells):
        text = cell.strip().lower()
        if text in _NOTHING:
            values[cell] = float("nan")
        elif text in _LETTERS:
            values[cell] = _LETTERS[text]
        else:
            is_number = True
            try:
                values[cell] = 5 * float(text.replace(decimal, "."))
            except ValueError:
                raise InputError(f"{path}: the column {name} should hold NotActive, A to E or numbers, got {cell[:40]!r}") from None
    return np.array([values[cell] for cell in cells], np.float64), is_number


def _times(path: Path, cells: np.ndarray) -> np.ndarray:
    """(N,) float64 seconds of "00:01:02.345"."""
    times = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            hours, minutes, seconds = cell.replace(",", ".").split(":")
            times[row] = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            raise InputError(f"{path}, row {row + 1}: {_TIME} should be like 00:01:02.345, got {cell[:40]!r}") from None
    return times


def _fact(header: Header, place: int, name: str) -> str:
    """A fact before the table, such as "Filename: C:\\\\clips\\\\clip.mp4", without folders."""
    for line in header.start[:place]:
        key, _, value = line.replace("\t", " ").partition(":")
        if key.strip().lower() == name:
            return PureWindowsPath(value.strip().strip('"')).name
    return ""

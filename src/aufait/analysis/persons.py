"""Who is who: a table of the user says which face of which recording is which person. Faces are never recognised here."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aufait.analysis.annotations.text import read_text, shown, table_rows
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

Persons = Mapping[tuple[str, int], str]
"""(recording, face_id) -> person."""

_NEEDED = ("recording", "face_id", "person")


def read_persons(path: str | Path) -> dict[tuple[str, int], str]:
    """Read a table with the columns ``recording``, ``face_id`` and ``person``.

    Raises:
        InputError: a column or a cell is missing, a face is no number, or a face is given to two persons.
    """
    persons: dict[tuple[str, int], str] = {}
    for line, row in _rows(Path(path).expanduser(), _NEEDED):
        where = f"{path}, line {line}"
        if empty := [name for name in _NEEDED if not row[name]]:
            raise InputError(f"{where}: no {empty[0]}; every row needs recording, face_id and person")
        if not row["face_id"].isdecimal():
            raise InputError(f"{where}: face_id should be a number as in the table of scores, got {shown(row['face_id'])!r}")
        key = row["recording"], int(row["face_id"])
        if persons.setdefault(key, row["person"]) != row["person"]:
            raise InputError(f"{where}: face {key[1]} of {shown(key[0])} is {shown(persons[key])} in a row above; leave one")
    if not persons:
        raise InputError(f"{path}: no rows; expected recording,face_id,person")
    return persons


def read_groups(path: str | Path, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """What further columns of the table of persons say of them: column -> person -> its value; persons without one are left out.

    Raises:
        InputError: no such column, or a person with two values.
    """
    groups: dict[str, dict[str, str]] = {column: {} for column in columns}
    for line, row in _rows(Path(path).expanduser(), ("person", *columns)) if columns else ():
        for column, members in groups.items():
            value = row[column]
            if value and members.setdefault(row["person"], value) != value:
                who, other = shown(row["person"]), shown(members[row["person"]])
                raise InputError(f"{path}, line {line}: {column} of {who} is {shown(value)} here and {other} above")
    return groups


def _rows(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    rows = table_rows(path, read_text(path))
    names = [cell.lower() for cell in rows[0].cells]
    spelled = dict(zip(names, range(len(names)), strict=True))
    missing = [name for name in needed if name.lower() not in spelled]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; its columns are: {shown(', '.join(rows[0].cells), 100)}")
    found = []
    for row in rows[1:]:
        cells = [*row.cells, *[""] * (len(names) - len(row.cells))]
        found.append((row.line, {name: cells[spelled[name.lower()]] for name in needed}))
    return found


def report_unknown(persons: Persons, faces: Mapping[str, Iterable[int]], path: str | Path) -> None:
    """Warn of rows of the table of persons that no table of scores answers, and of faces that it does not name.

    Args:
        faces: recording -> numbers of its faces.
        path: of the table, for the message.
    """
    lacking = sorted({recording for recording, _ in persons} - set(faces))
    if lacking:
        _warn(f"{path}: no table was given of the recording {_listed(lacking)}; its persons have no row in the summary")
    for recording, numbers in faces.items():
        have, named = set(numbers), {face for name, face in persons if name == recording}
        for face in sorted(named - have):
            known = ", ".join(map(str, sorted(have))) or "none"
            _warn(f"{path}: {recording} has no face {face}, so {persons[recording, face]} has no row there (its faces: {known})")
        if unnamed := sorted(have - named):
            _warn(f"{path}: no person for {_listed([f'face {face}' for face in unnamed])} of {recording}; kept under that name")


def with_persons(table: ScoreTable, persons: Persons) -> tuple[ScoreTable, dict[int, tuple[str, tuple[int, ...]]]]:
    """A table in which each person is one face, numbered by the first of theirs.

    Where two faces of one person are in the same frame, that of higher quality counts, with a warning.

    Returns:
        The table, and number -> (person, empty where unknown; faces that are theirs).
    """
    members: dict[str, list[int]] = {}
    for face in table.faces:
        if (table.name, face) in persons:
            members.setdefault(persons[table.name, face], []).append(face)
    first = {face: faces[0] for faces in members.values() for face in faces}
    who = {faces[0]: (person, tuple(faces)) for person, faces in members.items()}
    for face in table.faces:
        if face not in first:
            who[face] = ("", (face,))
    if all(len(faces) == 1 for faces in members.values()):
        return table, dict(sorted(who.items()))
    renumbered = table.face_id.copy()
    for face, number in first.items():
        renumbered[table.face_id == face] = number
    return _without_doubles(replace(table, face_id=renumbered), who), dict(sorted(who.items()))


def _without_doubles(table: ScoreTable, who: Mapping[int, tuple[str, tuple[int, ...]]]) -> ScoreTable:
    order = np.lexsort((-np.nan_to_num(table.quality), table.face_id, table.time))
    time, face = table.time[order], table.face_id[order]
    double = np.append(False, (time[1:] == time[:-1]) & (face[1:] == face[:-1])) & (face >= 0)
    for number in np.unique(face[double]):
        person, faces = who[int(number)]
        count, at = int((face[double] == number).sum()), float(time[double & (face == number)][0])
        text = f"{table.name}: faces {', '.join(map(str, faces))} are all {person}, but {count} frames show several of them, "
        _warn(f"{text}first at {at:.3f} s; there the one of higher quality counts")
    return table.rows(np.sort(order[~double]))


def _listed(names: Sequence[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in names[:limit]) + more


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

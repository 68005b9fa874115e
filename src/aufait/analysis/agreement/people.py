"""Whose faces and annotations go together in a recording, by the user's table of persons."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aufait.analysis.agreement.opening import longest_seen, make_rater, of_person
from aufait.analysis.agreement.rater import Rater
from aufait.analysis.agreement.settings import Settings
from aufait.analysis.annotations.text import shown
from aufait.analysis.persons import Persons, with_persons
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.errors import InputWarning

Read = ScoreTable | list[Span]


@dataclass(frozen=True)
class Opened:
    """What one side says of a recording.

    Attributes:
        name: of the side.
        told: what messages call it.
        found: what was read.
        shift: seconds to add to its times.
    """

    name: str
    told: str
    found: Read
    shift: float = 0.0

    @property
    def names_people(self) -> bool:
        """Whether it can tell persons apart."""
        if isinstance(self.found, ScoreTable):
            return self.found.tool != "coder"
        return any(span.person for span in self.found)


def raters_of(recording: str, sides: Sequence[Opened], persons: Persons, settings: Settings) -> Iterator[tuple[str, list[Rater]]]:
    """(person, raters) of each person of a recording; nobody's name where the table of persons has none."""
    people = _people(recording, sides, persons)
    if not people:
        faces = _compared_face(sides, settings)
        yield "", [_rater(side, settings, None, "", faces) for side in sides]
        return
    tables = [_merged(side, recording, persons) for side in sides]
    for person in people:
        faces = [face for (name, face), one in persons.items() if name == recording and one == person]
        lacking = [
            side.told for side in sides if isinstance(side.found, list) and not of_person(side.told, side.found, person, faces)
        ]
        if lacking:
            _warn(f"{recording}: {', '.join(lacking)} has no annotation of {shown(person)}, who is not compared")
            continue
        yield person, [_rater(side, settings, numbers, person, faces) for side, numbers in tables]


def _people(recording: str, sides: Sequence[Opened], persons: Persons) -> list[str]:
    named = list(dict.fromkeys(person for (name, _), person in persons.items() if name == recording))
    vague = [side.told for side in sides if not side.names_people]
    table = next((side.found for side in sides if isinstance(side.found, ScoreTable) and side.names_people), None)
    if len(named) < 2 or not vague or table is None:
        return named
    rows = dict.fromkeys(named, 0)
    for (name, face), person in persons.items():
        if name == recording:
            rows[person] += int((table.face_id == face).sum())
    longest = max(rows, key=lambda person: rows[person])
    others = ", ".join(shown(person) for person in named if person != longest)
    _warn(
        f"{recording}: {', '.join(vague)} does not say of whom; compared with {shown(longest)}, who is seen longest, not {others}"
    )
    return [longest]


def _merged(side: Opened, recording: str, persons: Persons) -> tuple[Opened, dict[str, int]]:
    """A side whose table has one face per person, and the number of each person's."""
    if not isinstance(side.found, ScoreTable) or side.found.tool == "coder":
        return side, {}
    table, who = with_persons(replace(side.found, name=recording), persons)
    return replace(side, found=table), {person: number for number, (person, _) in who.items() if person}


def _compared_face(sides: Sequence[Opened], settings: Settings) -> list[int]:
    """The face of the first table that is compared, where nobody is named."""
    tables = [
        side.found for side in sides if isinstance(side.found, ScoreTable) and side.found.tool != "coder" and side.found.faces
    ]
    return [longest_seen(tables[0]) if settings.face is None else settings.face] if tables else []


def _rater(side: Opened, settings: Settings, numbers: dict[str, int] | None, person: str, faces: Sequence[int]) -> Rater:
    found = side.found
    face = None
    if isinstance(found, list):
        found = of_person(side.told, found, person, faces)
    elif numbers is not None and found.tool != "coder":
        face = numbers.get(person)
        if face is None:
            _warn(f"{side.told}: none of its faces is {shown(person)} in the table of persons; the one seen longest is compared")
    return replace(make_rater(side.told, found, settings, face=face, shift=side.shift), name=side.name)


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

"""Starts and stops of states, as BORIS logs them, joined to annotations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aufait.analysis.annotations.checks import refuse
from aufait.analysis.annotations.text import shown
from aufait.analysis.span import Span

POINT, START, STOP, EITHER = "POINT", "START", "STOP", "EITHER"


class Mark(NamedTuple):
    """One logged event.

    Attributes:
        time: seconds.
        what: POINT, START, STOP, or EITHER where starts and stops of a state take turns.
        behaviour: what was seen.
        modifiers: details, may be empty.
        person: the subject, may be empty.
        recording: name.
        where: place in the file, for messages.
    """

    time: float
    what: str
    behaviour: str
    modifiers: str
    person: str
    recording: str
    where: str


def label_of(behaviour: str, modifiers: str) -> str:
    """ "AU12" with the modifiers "C|left" is "AU12 C left"."""
    words = [word.strip() for word in modifiers.replace("|", ",").split(",")]
    return " ".join([behaviour, *(word for word in words if word and word.lower() != "none")])


def person_of(subject: str) -> str:
    """Empty where BORIS says that nobody in particular was observed."""
    return "" if subject.strip().lower() in ("no focal subject", "") else subject.strip()


def paired(path: Path, marks: Iterable[Mark]) -> list[Span]:
    """One span per point and per state.

    Raises:
        InputError: a state does not end, or ends without having begun.
    """
    open_marks: dict[tuple[str, ...], Mark] = {}
    spans, problems = [], []
    for mark in sorted(marks, key=lambda one: one.time):
        key = (mark.recording, mark.person, mark.behaviour, mark.modifiers)
        begun = open_marks.pop(key, None)
        if mark.what == POINT:
            begun = mark
        elif mark.what == STOP and begun is None:
            problems.append(f"{shown(mark.behaviour)} stops at {mark.time:.3f} s ({mark.where}) without a start")
            continue
        elif begun is None or mark.what == START:
            if begun is not None:
                problems.append(
                    f"{shown(mark.behaviour)} starts at {begun.time:.3f} s, {begun.where}, and again at {mark.time:.3f} s"
                )
            open_marks[key] = mark
            continue
        label = label_of(mark.behaviour, mark.modifiers)
        spans.append(Span(begun.time, mark.time, label, mark.behaviour, mark.person, mark.recording))
    left = open_marks.values()
    problems += [f"{shown(one.behaviour)} starts at {one.time:.3f} s, {one.where}, and does not stop" for one in left]
    refuse(path, problems, "give each state a start and a stop in BORIS")
    return spans

"""How events are called in files of other programs: levels, faces, descriptions, on one line and without control characters."""

from __future__ import annotations

import math
import re

from aufait.action_units import ACTION_UNITS
from aufait.analysis.event import Event
from aufait.analysis.score_table import NO_FACE
from aufait.errors import printable

LEVELS = ("A", "B", "C", "D", "E")
"""FACS intensities 1 to 5."""

PRESENT = "present"
"""Level of an event without an intensity."""

LEVEL_MEANINGS = {
    "A": "trace", "B": "slight", "C": "marked or pronounced", "D": "severe or extreme", "E": "maximum",
    PRESENT: "there, intensity not given",
}  # fmt: skip

_UNIT = re.compile(r"AU0*(\d+)(?: (left|right))?")


def level(event: Event) -> str:
    """FACS level of an event's peak: "A" to "E", nearest; ``PRESENT`` where it has no intensity."""
    if event.kind != "intensity" or math.isnan(event.peak):
        return PRESENT
    return LEVELS[min(max(math.floor(event.peak + 0.5), 1), 5) - 1]


def one_line(text: str) -> str:
    """Text without line breaks, control characters and broken Unicode, which appear as escapes."""
    return printable(text)


def face_name(face_id: int) -> str:
    """"face 0"; empty where it is not about one face."""
    return "" if face_id == NO_FACE else f"face {face_id}"


def meaning(label: str) -> str:
    """"AU12 left" -> "Lip corner puller, left"; empty for labels that are no action unit."""
    match = _UNIT.fullmatch(label)
    unit = ACTION_UNITS.get(int(match[1])) if match else None
    if match is None or unit is None:
        return ""
    return f"{unit.name}, {match[2]}" if match[2] else unit.name


def order(label: str) -> tuple[int, str]:
    """Sorts action units by number, other labels after them."""
    match = _UNIT.fullmatch(label)
    return (int(match[1]) if match else 1000, label)

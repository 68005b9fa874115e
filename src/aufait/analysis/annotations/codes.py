"""What a coder's label means in FACS: action unit, level and side."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aufait.action_units import ACTION_UNITS
from aufait.analysis.span import Span

LEVELS = "ABCDE"
"""FACS levels, trace to maximum; A is 1."""

_CODE = re.compile(
    r"(?P<before>[LRB]|left|right|bilateral)?[\s_-]*(?:AU)?[\s_-]*0*(?P<unit>[1-9]\d?)\s*(?P<level>[A-E])?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_A_COLUMN = re.compile(r".*_[a-z]", re.IGNORECASE | re.DOTALL)
"""AU12_r and AU12_c are columns of tables, intensity and occurrence: neither right nor level C."""

_FACE = re.compile(r"\s+corrected\s*$|\s*(?:corrected\s+)?face \d+(?: \(\d+\))?\s*$", re.IGNORECASE)
"""End of the tiers that we write: "AU12 left face 0", "AU12 corrected face 0"; "(2)" after it for events that overlap."""

_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right", "b": "", "bilateral": "", "": ""}
_LIKE_A_CODE = re.compile(r"\s*(?:[LRB]\s*)?A[UD][\s_-]*\d", re.IGNORECASE)
_YES = frozenset({"", "x", "yes", "on", "present", "active", "true"})


@dataclass(frozen=True, slots=True)
class Code:
    """A FACS code.

    Attributes:
        unit: number of the action unit, one of ``ACTION_UNITS``.
        level: 1 to 5 for A to E; None where the coder gave none.
        side: "left" or "right", the subject's; empty for both or where the coder gave none.
    """

    unit: int
    level: int | None = None
    side: str = ""


def parse_code(label: str) -> Code | None:
    """The action unit that a label names; None where it names none.

    ``AU12``, ``12``, ``au12c``, ``12C``, ``AU 12 - Lip Corner Puller``; sides before as FACS writes them (``L12C``, ``R12``,
    ``B12``) or after in words (``AU12 left``, ``AU12_left``, ``AU12L``, ``AU12 C left``, ``AU12 left C``). The face at the end
    of our own tiers (``AU12 left face 0``) is left out.
    """
    match = _CODE.fullmatch(_FACE.sub("", label.strip()))
    if match is None or (unit := int(match["unit"])) not in ACTION_UNITS:
        return None
    level, rest = match["level"] or "", match["rest"]
    if _A_COLUMN.fullmatch(rest):
        return None
    if level and rest[:1].isalpha():  # "AU12 cheek": the letter begins a word
        level, rest = "", level + rest
    words = re.findall(r"\w+", rest.replace("_", " ").lower())
    if words == re.findall(r"\w+", ACTION_UNITS[unit].name.lower()):
        words = []
    if not level and words and len(words[0]) == 1 and words[0].upper() in LEVELS and (words[0] != "b" or len(words) == 1):
        level = words.pop(0)
    if not level and len(words) == 2 and words[0] in ("left", "right") and words[1].upper() in set(LEVELS):
        level = words.pop()
    side = _side((match["before"] or "").lower(), words)
    if side is None:
        return None
    return Code(unit, LEVELS.index(level.upper()) + 1 if level else None, side)


def _side(before: str, words: list[str]) -> str | None:
    """The side by what stands before and after the number; None where the words mean something else."""
    if len(words) > 1 or (words and (before or words[0] not in _SIDES)):
        return None
    return _SIDES[words[0] if words else before]


def code_of(span: Span) -> Code | None:
    """The action unit of an annotation, also where each unit has its own tier and the label is its level (A to E, 1 to 5).

    ``label="AU12C"`` on any tier; ``tier="AU12", label="C"`` or ``"3"`` or ``"left"`` or nothing.
    """
    of_tier = parse_code(span.tier)
    label = span.label.strip()
    if of_tier is None:
        return parse_code(label)
    if label.lower() in _YES:
        return of_tier
    if len(label) == 1 and label.upper() in LEVELS:
        return Code(of_tier.unit, LEVELS.index(label.upper()) + 1, of_tier.side)
    if len(label) == 1 and label in "12345":
        return Code(of_tier.unit, int(label), of_tier.side)
    if label.lower() in ("left", "right"):
        return Code(of_tier.unit, of_tier.level, label.lower())
    return parse_code(label)


def looks_like_a_code(label: str) -> bool:
    """Whether a label says AU or AD and a number: such a one should have a meaning here."""
    return _LIKE_A_CODE.match(label) is not None

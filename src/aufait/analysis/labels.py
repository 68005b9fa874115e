"""Names of columns as people write them: "12", "AU12", "12L", "AU12 left"; and the scores that a table has under a name."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from aufait.analysis.event_rule import KINDS
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError

_LABEL = re.compile(r"(?:AU)?\s*0*(\d{1,3})(?:[\s_]*(L|R|left|right))?", re.IGNORECASE)
_LOOK = 499
_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right", "": ""}


@dataclass(frozen=True, order=True)
class UnitLabel:
    """An action unit, and the side of the face where one is meant.

    Attributes:
        unit: FACS number.
        side: "left" or "right" of the subject; empty for the whole face.
    """

    unit: int
    side: str = ""

    def __str__(self) -> str:
        return f"AU{self.unit} {self.side}".rstrip()

    def scores(self, table: ScoreTable, kind: str) -> np.ndarray | None:
        """(N,) scores of a kind, or None: the table has none under this name."""
        values = getattr(table, f"{kind}_{self.side}" if self.side else kind, None)
        if values is None or self.unit not in table.action_units:
            return None
        column: np.ndarray = values[:, table.index(self.unit)]
        return column if _known(column) else None

    def column(self, table: ScoreTable, kind: str) -> np.ndarray:
        """(N,) scores of a kind that the table is known to have."""
        column = self.scores(table, kind)
        if column is None:
            raise ValueError(f"{table.name} has no {kind} of {self}")
        return column

    def kinds(self, table: ScoreTable) -> tuple[str, ...]:
        """Kinds of scores that the table has under this name, the most telling first."""
        return tuple(kind for kind in KINDS if self.scores(table, kind) is not None)


def _known(column: np.ndarray) -> bool:
    """Whether any value is known; a look at some settles it for most columns."""
    return bool(np.isfinite(column[::_LOOK]).any() or np.isfinite(column).any())


def parse_label(text: str) -> UnitLabel:
    """The label that a text names.

    Raises:
        InputError: it names none.
    """
    found = _LABEL.fullmatch(text.strip())
    if not found:
        raise InputError(f"{text!r} names no action unit; write 12, AU12, or 12L and 12R for the subject's left and right")
    return UnitLabel(int(found[1]), _SIDES[(found[2] or "").lower()])


def labels_of(table: ScoreTable, sides: bool = True) -> list[UnitLabel]:
    """Whatever the table has scores of: each action unit, followed by its sides."""
    all_labels = [UnitLabel(unit, side) for unit in table.action_units for side in ("", "left", "right")[: 3 if sides else 1]]
    return [label for label in all_labels if any(label.scores(table, kind) is not None for kind in KINDS)]


def check_label(table: ScoreTable, label: UnitLabel, where: str = "") -> None:
    """Refuse a label that the table has no scores of.

    Raises:
        InputError: the message names what the table has.
    """
    if label.kinds(table):
        return
    known = ", ".join(map(str, table.action_units)) or "none"
    if label.unit not in table.action_units:
        pair = {43: 45, 45: 43}.get(label.unit)
        hint = f". It has AU{pair}; blinks and closed eyes differ in how long they last" if pair in table.action_units else ""
        raise InputError(f"{where}{table.name}: AU{label.unit} is not among the action units of the table: {known}{hint}")
    side = f" on the {label.side} side" if label.side else ""
    raise InputError(f"{where}{table.name}: the table has AU{label.unit}, but no value of it{side}")

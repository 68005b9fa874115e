"""Combinations of action units by a small language: ``6 & 12``, ``1+4+15``, ``12 & !6``, ``12L | 12R``, ``12>=C & (25 | 26)``.

| written | means |
|---|---|
| ``12``, ``AU12`` | the action unit; ``12L`` and ``12R`` on the subject's left and right |
| ``&``, ``+``, ``and`` | both: the weaker of the two |
| ``|``, ``or`` | at least one: the stronger of the two |
| ``!``, ``not`` | not: the complement |
| ``12>=2``, ``12>=C``, ``12<2`` | at that level or above, below it; ``>`` and ``<=`` are the same as ``>=`` and ``<`` |

``&`` binds closer than ``|``, ``!`` closer than both. A letter A to E is where intensities round to that level: C is 2.5.
The strength of an expression is on the scale of the scores. Complements and comparisons are bent so that the threshold of events
(FACS B, 1.5; probability 0.5) stays what it is: ``!6`` is at 1.5 exactly where 6 is, ``12>=3`` where 12 is at 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from aufait.analysis.combination_text import Token, tokens
from aufait.analysis.event import Event
from aufait.analysis.event_rule import EYE_UNITS, KINDS, LARGEST, THRESHOLDS, EventRule
from aufait.analysis.events import events_in
from aufait.analysis.labels import UnitLabel, check_label, parse_label
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError

__all__ = ["Combination", "find_combinations", "parse"]

_DEEPEST = 40
_LETTERS = {letter: level + 0.5 for level, letter in enumerate("ABCDE")}


@dataclass(frozen=True)
class Node:
    """A part of an expression.

    Attributes:
        operator: "unit", "and", "or", "not" or "level".
        parts: what it works on.
        label: of a unit.
        level: of a comparison, from where it holds.
        place: where it stands in the text, from 0.
    """

    operator: str
    parts: tuple[Node, ...] = ()
    label: UnitLabel | None = None
    level: float = 0.0
    place: int = 0

    def leaves(self) -> Iterator[Node]:
        """The units in it."""
        if self.label is not None:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class Combination:
    """An expression that has been read.

    Attributes:
        text: as it was written; the label of its events.
        root: what it says.
    """

    text: str
    root: Node

    @property
    def labels(self) -> tuple[UnitLabel, ...]:
        """The units in it, each once, in the order of the text."""
        return tuple(dict.fromkeys(leaf.label for leaf in self.root.leaves() if leaf.label is not None))

    def kind(self, table: ScoreTable, wanted: str | None = None) -> str:
        """The scores in which the table gives all units of the expression.

        Args:
            wanted: "intensity", "probability" or "occurrence"; None for the first of these.

        Raises:
            InputError: there are none.
        """
        for leaf in self.root.leaves():
            assert leaf.label is not None
            check_label(table, leaf.label, f"{self.text!r}, at character {leaf.place + 1}: ")
        for kind in KINDS if wanted is None else (wanted,):
            if all(kind in label.kinds(table) for label in self.labels):
                return kind
        shown = "; ".join(f"{label}: {', '.join(label.kinds(table))}" for label in self.labels)
        raise InputError(f"{self.text!r}: {table.name} gives no {wanted or 'kind of scores'} of all its units ({shown})")

    def evaluate(self, table: ScoreTable, kind: str | None = None) -> np.ndarray:
        """(N,) float32 strength of the expression in each row, NaN where a unit is unknown.

        Args:
            kind: of the scores; see ``kind()``.

        Raises:
            InputError: the table does not have a unit, or a comparison is beyond the scale of its scores.
        """
        kind = self.kind(table, kind)
        return self._strength(self.root, table, kind).astype(np.float32)

    def _strength(self, node: Node, table: ScoreTable, kind: str) -> np.ndarray:
        largest, middle = LARGEST[kind], THRESHOLDS[kind][0]
        if node.label is not None:
            return node.label.column(table, kind)
        values = self._strength(node.parts[0], table, kind)
        if node.operator == "level":
            if not 0 < node.level < largest:
                where = f"{self.text!r}, at character {node.place + 1}"
                raise InputError(f"{where}: {node.level:g} is not inside the {kind} of {table.name}, 0 to {largest:g}")
            return _bent(values, (0.0, node.level, largest), (0.0, middle, largest))
        if node.operator == "not":
            return _bent(values, (0.0, middle, largest), (largest, middle, 0.0))
        join = np.minimum if node.operator == "and" else np.maximum
        for part in node.parts[1:]:
            values = join(values, self._strength(part, table, kind))
        return values


def _bent(values: np.ndarray, given: tuple[float, ...], wanted: tuple[float, ...]) -> np.ndarray:
    """Values by straight lines from each of three points to its new place; NaN stays."""
    return np.where(np.isnan(values), np.nan, np.interp(values, given, wanted))


def find_combinations(
    table: ScoreTable, combinations: Sequence[Combination | str], rule: EventRule | None = None
) -> list[Event]:
    """Events of expressions, by face, expression and time; the label is the text.

    Raises:
        InputError: as ``parse`` and ``Combination.evaluate``.
    """
    rule = rule or EventRule()
    wanted = rule.kind or (table.strength()[1] if rule.on is not None else None)
    found: list[tuple[int, Event]] = []
    for place, given in enumerate(combinations):
        combination = parse(given) if isinstance(given, str) else given
        kind = combination.kind(table, wanted)
        strength = combination.evaluate(table, kind)[:, None]
        eyes = [label.unit for label in combination.labels if label.unit in EYE_UNITS]
        own_rule = rule.for_unit(eyes[0]) if eyes else rule
        found += [(place, event) for event in events_in(table, strength, [combination.text], kind, own_rule)]
    return [event for _, event in sorted(found, key=lambda one: (one[1].face_id, one[0], one[1].onset))]


def parse(text: str) -> Combination:
    """Read an expression.

    Raises:
        InputError: it cannot be read; the message shows where.
    """
    reader = _Reader(text, tokens(text))
    root = reader.either()
    reader.expect_end()
    return Combination(" ".join(text.split()), root)


class _Reader:
    """Reads tokens from left to right; one method per rule of the language."""

    def __init__(self, text: str, read: list[Token]) -> None:
        self.text, self.tokens, self.at, self.depth = text, read, 0, 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, kind: str) -> Token | None:
        token = self.next
        if token.kind != kind:
            return None
        self.at += 1
        return token

    def refuse(self, expected: str) -> InputError:
        found = f"got {self.next.text!r}" if self.next.text else "the text ends there"
        return InputError(f"{self.text!r}, at character {self.next.place + 1}: expected {expected}, {found}")

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """One step deeper into parentheses and complements."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.refuse(f"at most {_DEEPEST} parentheses and '!' inside each other")
        yield
        self.depth -= 1

    def either(self) -> Node:
        return self._joined("or", self.both)

    def both(self) -> Node:
        return self._joined("and", self.single)

    def _joined(self, operator: str, part: object) -> Node:
        assert callable(part)
        place, parts = self.next.place, [part()]
        while self.take(operator):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Node(operator, tuple(parts), place=place)

    def single(self) -> Node:
        place = self.next.place
        if self.take("not"):
            with self._inside():
                return Node("not", (self.single(),), place=place)
        if self.take("("):
            with self._inside():
                inner = self.either()
            if not self.take(")"):
                raise self.refuse("')' or an operator such as &")
            return inner
        unit = self.take("unit")
        if not unit:
            raise self.refuse("an action unit such as 12, '!' or '('")
        return self._compared(Node("unit", label=parse_label(unit.text), place=unit.place))

    def _compared(self, unit: Node) -> Node:
        comparison = self.take("compare")
        if not comparison:
            return unit
        number = self.take("unit") or self.take("number") or self.take("letter")
        if not number or not _is_level(number.text):
            self.at -= number is not None
            raise self.refuse("a number or a FACS letter A to E")
        level = _LETTERS.get(number.text.upper())
        node = Node("level", (unit,), level=float(number.text) if level is None else level, place=number.place)
        return Node("not", (node,), place=unit.place) if comparison.text.startswith("<") else node

    def expect_end(self) -> None:
        if self.next.kind != "end":
            raise self.refuse("an operator such as & or |, or the end")


def _is_level(text: str) -> bool:
    return text.upper() in _LETTERS or text.replace(".", "", 1).isdigit()

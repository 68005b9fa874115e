"""Tables with numbers that stay numbers until they are written: every format shows the same digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aufait.metrics.significance import Interval

Cell = float | str | Interval | None
"""A number, text, a number with bounds, or nothing."""

UNDEFINED = "-"

_DIGITS = {"percent": 1, "percent2": 2, "number": 3, "number2": 2}


@dataclass(frozen=True)
class Column:
    """Heading of a column and how its numbers are shown.

    Attributes:
        title: heading.
        kind: "text", "count" (12,345), "percent" (a share as 58.7), "percent2" (5.87), "number" (0.587), "number2" (0.59) or
            "p" (a probability, to two digits however small).
    """

    title: str
    kind: str = "text"


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        label: first cell.
        cells: one for each column.
        strong: emphasised, as means and your own results are.
        note: footnote of this row.
    """

    label: str
    cells: tuple[Cell, ...]
    strong: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        name: short identifier ("occurrence"), unique within a report.
        title: what it shows, unit included.
        first: heading of the labels.
        columns: of the cells.
        rows: lines.
        notes: sentences below the table.
        synthetic: whether the numbers were measured on rendered faces; then the title says so.
    """

    name: str
    title: str
    first: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    synthetic: bool = False

    def __post_init__(self) -> None:
        wrong = next((row for row in self.rows if len(row.cells) != len(self.columns)), None)
        if wrong is not None:
            raise ValueError(f"{self.name}: row {wrong.label} has {len(wrong.cells)} cells for {len(self.columns)} columns")

    @property
    def heading(self) -> str:
        """Title with the mark of synthetic results."""
        return f"SYNTHETIC FACES: {self.title}" if self.synthetic else self.title

    def undefined(self) -> int:
        """Number of cells whose number is undefined."""
        return sum(is_undefined(cell) for row in self.rows for cell in row.cells)

    def footnotes(self) -> list[str]:
        """Notes of the table and of its rows, and what a dash means where there is one."""
        found = list(self.notes)
        marks = row_marks(self)
        found += [f"{marks[row.note]} {row.note}" for row in self.rows if row.note]
        count = self.undefined()
        if count:
            cells = len(self.rows) * len(self.columns)
            found.append(f"Cells with '{UNDEFINED}' are undefined or not published: {count} of {cells}. They do not enter means.")
        return list(dict.fromkeys(found))


def row_marks(table: Table) -> dict[str, str]:
    """Note of a row -> its mark, [1], [2], ..."""
    notes = dict.fromkeys(row.note for row in table.rows if row.note)
    return {note: f"[{number}]" for number, note in enumerate(notes, start=1)}


def label_of(table: Table, row: Row) -> str:
    """First cell with the mark of its footnote."""
    return f"{row.label} {row_marks(table)[row.note]}" if row.note else row.label


def is_undefined(cell: Cell) -> bool:
    """Whether a cell should hold a number and has none."""
    value = cell.value if isinstance(cell, Interval) else cell
    return value is None or (isinstance(value, float) and math.isnan(value))


def shown(cell: Cell, kind: str) -> str:
    """A cell as text, the same in every format."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Interval):
        value = shown(cell.value, kind)
        return (
            value if math.isnan(cell.low) or value == UNDEFINED else f"{value} [{shown(cell.low, kind)}, {shown(cell.high, kind)}]"
        )
    if is_undefined(cell) or cell is None:
        return UNDEFINED
    if kind == "count":
        return f"{cell:,.0f}"
    if kind == "p":
        return f"{cell:.2g}"
    if kind in _DIGITS:
        scaled = cell * 100 if kind.startswith("percent") else cell
        return f"{scaled:z.{_DIGITS[kind]}f}"  # z: no minus before zero
    return str(cell)


def titles(columns: Sequence[Column]) -> list[str]:
    """Headings of columns."""
    return [column.title for column in columns]

"""What every column of the tables for statistics means, and scripts that read them with labels in SPSS and R."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from aufait.action_units import ACTION_UNITS
from aufait.files.csv_text import csv_text

LEVEL_LABELS = {0: "absent", 1: "A, trace", 2: "B, slight", 3: "C, marked", 4: "D, severe", 5: "E, maximum"}


@dataclass(frozen=True)
class Variable:
    """One column.

    Attributes:
        name: as in the table's header; letters, digits and underscores, so that every program takes it.
        label: what it is, for people.
        kind: "number", "count" or "text".
        unit: of a number.
        range: of a number, as "0-1"; may be empty.
        values: value -> label of those that are codes.
        width: bytes of the longest text.
    """

    name: str
    label: str
    kind: str = "number"
    unit: str = ""
    range: str = ""
    values: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    width: int = 1


def score_variable(name: str, score: str, side: str = "", unit: int | None = None) -> Variable:
    """The variable of a score: "intensity", "probability" or "occurrence", of one action unit or of whichever the row is about."""
    about = "" if unit is None else f"AU{unit} {ACTION_UNITS[unit].name}: " if unit in ACTION_UNITS else f"AU{unit}: "
    where = f", subject's {side} side" if side else ""
    if score == "probability":
        return Variable(name, f"{about}probability{where}", unit="1", range="0-1")
    if score == "intensity":
        return Variable(name, f"{about}FACS intensity{where}", unit="FACS", range="0-5", values=LEVEL_LABELS)
    return Variable(name, f"{about}occurrence{where}", "count", range="0-1", values={0: "absent", 1: "present"})


def as_table(variables: Iterable[Variable]) -> str:
    """The codebook as CSV: a row per variable."""
    rows = []
    for one in variables:
        values = "; ".join(f"{value} = {label}" for value, label in one.values.items())
        rows.append([one.name, one.label, one.kind, one.unit, one.range, values, "empty"])
    return csv_text(["variable", "label", "type", "unit", "range", "values", "missing"], rows)


def spss_script(table: str, variables: Sequence[Variable]) -> str:
    """Syntax that reads the table, names and labels its variables, and saves it as ``.sav`` next to it."""
    lines = ["* Encoding: UTF-8.", "* Run this from the folder of the table, or write its path below.", "", "SET DECIMAL=DOT."]
    lines += ["GET DATA", "  /TYPE=TXT", f"  /FILE={_spss(table)}", "  /ENCODING='UTF8'", '  /DELIMITERS=","', "  /QUALIFIER='\"'"]
    lines += ["  /ARRANGEMENT=DELIMITED", "  /FIRSTCASE=2", "  /VARIABLES="]
    lines += [f"    {one.name} {_spss_format(one)}" for one in variables]
    lines[-1] += "."
    lines.append("VARIABLE LABELS")
    lines += [f"  {'/' if number else ''}{one.name} {_spss(one.label)}" for number, one in enumerate(variables)]
    lines[-1] += "."
    for one in variables:
        if one.values:
            codes = " ".join(f"{value} {_spss(label)}" for value, label in one.values.items())
            lines.append(f"VALUE LABELS {one.name} {codes}.")
        lines.append(f"VARIABLE LEVEL {one.name} ({_LEVELS[one.kind]}).")
    lines += [f"SAVE OUTFILE={_spss(table.rpartition('.')[0] + '.sav')}.", ""]
    return "\n".join(lines)


def r_script(table: str, variables: Sequence[Variable]) -> str:
    """Script that reads the table into ``scores``, with the labels as the attribute "label" of each column."""
    kinds = ", ".join(f"{one.name} = {_R_CLASSES[one.kind]}" for one in variables)
    lines = ["# Reads the table that lies next to this script into the data frame `scores`.", f"table <- {_r(table)}"]
    lines += ["scores <- read.csv(table, encoding = \"UTF-8\", na.strings = \"\", check.names = FALSE,"]
    lines += [f"                   colClasses = c({kinds}))", "", "labels <- c("]
    lines += [f"  {one.name} = {_r(one.label)}," for one in variables]
    lines[-1] = lines[-1].rstrip(",")
    lines += [")", "for (name in names(labels)) attr(scores[[name]], \"label\") <- labels[[name]]", ""]
    return "\n".join(lines)


_LEVELS = {"number": "SCALE", "count": "NOMINAL", "text": "NOMINAL"}
_R_CLASSES = {"number": '"numeric"', "count": '"numeric"', "text": '"character"'}


def _spss_format(one: Variable) -> str:
    return {"number": "F12.6", "count": "F8.0"}.get(one.kind, f"A{max(one.width, 1)}")


def _spss(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _r(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

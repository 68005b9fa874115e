"""What several answers about a recording need: the face that is meant, numbers for JSON, what was warned about."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from aufait.errors import InputWarning
from aufait.studio.errors import StudioError

if TYPE_CHECKING:
    from aufait.analysis import ScoreTable


def face_of(table: ScoreTable, face: int | None) -> int:
    """The face that is asked for; the one that is seen longest where none is.

    Raises:
        StudioError: 404, there is none.
    """
    if not table.faces:
        raise StudioError(404, f"No face was found in {table.name}, so there is nothing to show.", "no_face")
    if face is None:
        numbers, counts = np.unique(table.face_id[table.found], return_counts=True)
        return int(numbers[counts.argmax()])
    if face not in table.faces:
        raise StudioError(404, f"{table.name} has no face {face}; it has {', '.join(map(str, table.faces))}.", "unknown_face")
    return face


def unit_of(table: ScoreTable, unit: int) -> int:
    """Column of an action unit.

    Raises:
        StudioError: 404, the table does not hold it.
    """
    if unit not in table.action_units:
        known = ", ".join(map(str, table.action_units))
        raise StudioError(404, f"{table.name} has no scores of AU{unit}; it has those of {known}.", "unknown_unit")
    return table.index(unit)


def units_of(text: str | None) -> tuple[int, ...]:
    """Action units of a text such as "6,12"; none where it is empty.

    Raises:
        StudioError: 422, something else.
    """
    try:
        return tuple(dict.fromkeys(int(part) for part in (text or "").split(",") if part.strip()))
    except ValueError:
        raise StudioError(422, f"Action units are written as 6,12; got {text!r}.") from None


def number(value: float, digits: int = 4) -> float | None:
    """For JSON: what is not known is None."""
    return None if not math.isfinite(value) else round(float(value), digits)


def numbers(values: np.ndarray, digits: int = 4) -> list[float | None]:
    """For JSON: what is not known is None."""
    rounded = np.round(np.asarray(values, np.float64), digits)
    return [value if value == value else None for value in np.where(np.isfinite(rounded), rounded, np.nan).tolist()]


@contextmanager
def told() -> Iterator[list[str]]:
    """What is warned about inputs inside, as sentences."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        yield found
    found += [str(one.message) for one in caught if issubclass(one.category, InputWarning)]

"""PSPI, the pain intensity of Prkachin and Solomon: AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, from 0 to 16.

Prkachin and Solomon (2008), The structure, reliability and validity of pain expression: evidence from patients with shoulder pain,
Pain 139(2), 267-274. The first three terms are intensities 0 to 5, the last is 1 where the eyes are closed and 0 otherwise.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from aufait.analysis.event_rule import THRESHOLDS
from aufait.analysis.labels import UnitLabel
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

_TERMS = ((4,), (6, 7), (9, 10))
_EYES = (43, 45)
_LARGEST = 5


@dataclass(frozen=True, eq=False)
class Pspi:
    """The score of each row.

    Attributes:
        values: (N,) float32, 0 to ``largest``; NaN where a unit is unknown.
        largest: 16, or less where terms are missing.
        missing: units that the table does not have.
    """

    values: np.ndarray
    largest: int
    missing: tuple[int, ...]


def pspi(table: ScoreTable) -> Pspi:
    """PSPI of each row. Of a pair of which the table has one unit, that one counts; a term without any is left out, with a warning.

    Intensities are taken as they are, not rounded to levels. AU45 stands in for AU43 where that is missing.

    Raises:
        InputError: no intensities, or none of the units.
    """
    present = {unit: UnitLabel(unit).scores(table, "intensity") for unit in (*sum(_TERMS, ()), *_EYES)}
    parts = [_largest_of([present[unit] for unit in term]) for term in _TERMS]
    eyes = next((present[unit] for unit in _EYES if present[unit] is not None), None)
    found = [part for part in parts if part is not None]
    if not found:
        raise InputError(f"{table.name}: PSPI needs intensities of AUs 4, 6, 7, 9 and 10; the table has none of them")
    largest = _LARGEST * len(found)
    if eyes is not None:
        found.append(np.where(np.isnan(eyes), np.nan, eyes >= THRESHOLDS["intensity"][0]))
        largest += 1
    missing = tuple(unit for unit in sum(_TERMS, ()) if present[unit] is None) + ((43,) if eyes is None else ())
    _warn(table, missing, largest)
    return Pspi(np.sum(found, axis=0).astype(np.float32), largest, missing)


def _largest_of(columns: list[np.ndarray | None]) -> np.ndarray | None:
    given = [column for column in columns if column is not None]
    return np.maximum.reduce(given) if given else None


def _warn(table: ScoreTable, missing: tuple[int, ...], largest: int) -> None:
    if "intensity" in table.meaning:
        text = f"{table.name}: PSPI is defined on FACS levels; {table.tool} means by an intensity: {table.meaning['intensity']}"
        warnings.warn(text, InputWarning, stacklevel=3)
    if not missing:
        return
    names = ", ".join(f"AU{unit}" for unit in missing)
    text = f"{table.name}: PSPI without {names}, which the table does not have, goes from 0 to {largest}"
    warnings.warn(f"{text}; it is not comparable with whole scores", InputWarning, stacklevel=3)

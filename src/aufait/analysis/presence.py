"""When an action unit is present in a frame, by whatever scores a table gives of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from aufait.analysis.score_table import ScoreTable

PRESENT_FROM = {"occurrence": 0.5, "probability": 0.5, "intensity": 1.0}
"""Value from which an action unit is present, by the scores that say so; the first kind that a table has of a unit counts."""


def present_by(table: ScoreTable) -> tuple[str, ...]:
    """By which kind of scores each of a table's action units is present; "" where it has none."""
    given = {name: np.isfinite(getattr(table, name)).any(0) for name in PRESENT_FROM}
    return tuple(next((name for name in PRESENT_FROM if given[name][place]), "") for place in range(len(table.action_units)))


def presence(table: ScoreTable, rows: np.ndarray, by: tuple[str, ...]) -> np.ndarray:
    """(n, A) float32: 1 present, 0 absent, NaN unknown.

    Args:
        rows: (n,) which rows of the table.
        by: what ``present_by`` says.
    """
    present = np.full((len(rows), len(by)), np.nan, np.float32)
    for place, kind in enumerate(by):
        if kind:
            values = getattr(table, kind)[rows, place]
            present[:, place] = np.where(np.isfinite(values), values >= PRESENT_FROM[kind], np.nan)
    return present

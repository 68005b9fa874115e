"""The long table: a row per face, frame and action unit, as mixed models and plotting packages want it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.writers.codebook import Variable
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.statistics import (
    index_columns,
    score_variables,
    scores_given,
    table_of,
    values_of,
    write_statistics,
)  # fmt: skip

SUFFIX = ".csv"
JOINT = True
WANTS = "scores"
MEANING = "CSV for statistics, a row per face, frame and action unit; with codebook, .sps and .R"


def write(recordings: Sequence[Recording], target: Path, choices: Choices) -> list[Path]:
    """Write all recordings as one table; action units follow each other within a recording."""
    scores = scores_given(recordings)
    units = {unit for recording in recordings for unit in table_of(recording).action_units}
    known = {unit: ACTION_UNITS[unit].name if unit in ACTION_UNITS else f"AU{unit}" for unit in sorted(units)}
    variables = [Variable("action_unit", "FACS number of the action unit", "count", values=known), *score_variables(scores)]

    def columns(table: ScoreTable) -> Iterator[tuple[np.ndarray, ...]]:
        for unit in table.action_units:
            values = [values_of(table, name, unit) for name in scores]
            yield *index_columns(table), np.full(len(table), unit), *values

    return write_statistics(recordings, target, choices, variables, columns)

"""The wide table: a row per face and frame, a column per action unit and score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from aufait.analysis.score_table import ScoreTable
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
MEANING = "CSV for statistics, a row per face and frame; with codebook, .sps and .R"


def write(recordings: Sequence[Recording], target: Path, choices: Choices) -> list[Path]:
    """Write all recordings as one table."""
    scores = scores_given(recordings)
    units = sorted({unit for recording in recordings for unit in table_of(recording).action_units})
    variables = [variable for unit in units for variable in score_variables(scores, unit)]

    def columns(table: ScoreTable) -> Iterator[tuple[np.ndarray, ...]]:
        values = [values_of(table, name, unit) for unit in units for name in scores]
        yield *index_columns(table), *values

    return write_statistics(recordings, target, choices, variables, columns)

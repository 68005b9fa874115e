"""Tables for statistics programs, long or wide, each with a codebook and with scripts that import it into SPSS and R."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from aufait.analysis.score_table import PER_UNIT, ScoreTable
from aufait.analysis.writers.codebook import Variable, as_table, r_script, score_variable, spss_script
from aufait.analysis.writers.names import one_line
from aufait.analysis.writers.picture_tables import of_pictures, picture_names
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.text_columns import lines
from aufait.errors import InputError, OutputError
from aufait.files.atomic import AtomicOutput, output_errors, write_text
from aufait.files.safe_text import encodable, plain_cell

_INDEX = (
    Variable("frame", "Number of the frame", "count"),
    Variable("time", "Time of the frame in the recording", unit="s"),
    Variable("face_id", "Number of the face; empty: no face in this frame", "count"),
    Variable("confidence", "How sure the face finder is that this is a face", unit="1", range="0-1"),
    Variable("quality", "How far the picture of the face can be trusted", unit="1", range="0-1"),
)

Columns = Callable[[ScoreTable], Iterator[tuple[np.ndarray, ...]]]
"""Columns of numbers in the order of the variables, in one piece or in several with as many columns."""


def write_statistics(
    recordings: Sequence[Recording], target: Path, choices: Choices, variables: Sequence[Variable], columns: Columns
) -> list[Path]:
    """The table, ``_codebook.csv``, ``.sps`` and ``.R`` next to it.

    Args:
        variables: of the scores, after recording, frame, time, face, confidence and quality.
        columns: the values of these variables.

    Raises:
        OutputError: one of the files exists and may not be replaced.
    """
    names = {recording.name: _quoted(recording.name) for recording in recordings}
    every_name = {name for recording in recordings for name in _row_names(recording, names[recording.name])} | {*names.values()}
    width = max((len(name.encode()) for name in every_name), default=1)
    every = [Variable("recording", "Name of the recording, or of the picture", "text", width=width), *_INDEX, *variables]
    others = {
        target.with_name(f"{target.stem}_codebook.csv"): as_table(every),
        target.with_suffix(".sps"): spss_script(encodable(target.name), every),
        target.with_suffix(".R"): r_script(encodable(target.name), every),
    }
    _refuse_existing([target, *others], choices.overwrite)
    _write_table(recordings, target, choices, [one.name for one in every], names, columns)
    return [target, *(write_text(path, text, overwrite=choices.overwrite) for path, text in others.items())]


def _write_table(
    recordings: Sequence[Recording], target: Path, choices: Choices, header: list[str], names: dict[str, str], columns: Columns
) -> None:
    output = AtomicOutput(target, overwrite=choices.overwrite)
    try:
        with output_errors(target), output.partial.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(header) + "\n")
            for recording in recordings:
                called = _row_names(recording, names[recording.name])
                for piece in columns(table_of(recording)):
                    cells = [called, *piece]
                    file.writelines(lines(cells))
        output.commit()
    except BaseException:
        output.discard()
        raise


def _row_names(recording: Recording, name: str) -> np.ndarray:
    """(N,) the recording's name, quoted; in tables of pictures the picture's."""
    table = table_of(recording)
    pictures = picture_names(table) if of_pictures(table) else None
    if pictures is None:
        return np.full(len(table), name, dtype=object)
    quoted = {picture: _quoted(picture) for picture in dict.fromkeys(pictures)}
    return np.array([quoted[picture] for picture in pictures], dtype=object)


def table_of(recording: Recording) -> ScoreTable:
    """Its scores.

    Raises:
        InputError: only events are known.
    """
    if recording.table is None:
        raise InputError(
            f"{recording.name}: this format holds scores of frames, and only events were given; give its table. A file of events"
            " is a table already that SPSS and R read"
        )
    return recording.table


def index_columns(table: ScoreTable) -> tuple[np.ndarray, ...]:
    """Frame, time, face (NaN without one), confidence and quality."""
    face = np.where(table.found, table.face_id, np.nan)
    return table.frame, table.time, face, table.confidence, table.quality


def scores_given(recordings: Sequence[Recording]) -> dict[str, tuple[str, str]]:
    """Names of the scores that any of the tables has values of -> (score, side), "intensity_left" -> ("intensity", "left")."""
    found = {}
    for name in PER_UNIT:
        arrays = (getattr(table_of(recording), name) for recording in recordings)
        if any(values is not None and np.isfinite(values).any() for values in arrays):
            score, _, side = name.partition("_")
            found[name] = (score, side)
    return found


def values_of(table: ScoreTable, name: str, unit: int) -> np.ndarray:
    """(N,) of one score of one action unit, NaN where the table has none."""
    values = getattr(table, name)
    if values is None or unit not in table.action_units:
        return np.full(len(table), np.nan, np.float32)
    column: np.ndarray = values[:, table.index(unit)]
    return column


def score_variables(scores: dict[str, tuple[str, str]], unit: int | None = None) -> list[Variable]:
    """Variables of all scores, of one action unit or of whichever the row is about."""
    prefix = "" if unit is None else f"AU{unit:02d}_"
    return [score_variable(prefix + name, score, side, unit) for name, (score, side) in scores.items()]


def _refuse_existing(paths: list[Path], overwrite: bool) -> None:
    taken = [path for path in paths if path.exists()]
    if taken and not overwrite:
        raise OutputError(f"{taken[0]} exists already; choose another name or allow overwriting (--overwrite)")


def _quoted(text: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([plain_cell(encodable(one_line(text)))])
    return line.getvalue()

"""Codes frame by frame in a CSV: a column of times or of numbers of frames, and one column per action unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aufait.analysis.annotations import parse_code
from aufait.analysis.annotations.text import read_text, table_rows
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, printable

TIMES = ("time", "timestamp", "time_s", "seconds", "t")
FRAMES = ("frame", "frame_number", "frame_index")
UNSCORABLE = 9
"""What FACS coders write where a unit could not be seen."""


def recognises(columns: Sequence[str]) -> bool:
    """Whether a header has times or frames and at least one column named after an action unit alone."""
    names = [name.strip().lower() for name in columns]
    return any(name in (*TIMES, *FRAMES) for name in names) and any(parse_code(name) for name in columns)


def read_frame_codes(path: Path, fps: float | None = None) -> ScoreTable:
    """Read such a file: 0 and 1, or 0 to 5 for absent and A to E; empty or 9 is not scored.

    Args:
        fps: frames per second, where there are only numbers of frames.

    Raises:
        InputError: no times and no ``fps``, a cell that is no code, a unit twice.
    """
    header, *rows = [row.cells for row in table_rows(path, read_text(path))]
    names = [name.strip() for name in header]
    ragged = next((line for line, row in enumerate(rows, 2) if len(row) != len(names)), None)
    if ragged is not None:
        raise InputError(f"{path}, line {ragged}: more or fewer cells than the header has")
    columns = {name: [row[place].strip() for row in rows] for place, name in enumerate(names)}
    codes = {name: code.unit for name in names if (code := parse_code(name))}
    if len(set(codes.values())) < len(codes):
        raise InputError(f"{path}: an action unit has more than one column: {printable(', '.join(codes))}; leave one of each")
    values = np.stack([_codes(path, name, columns[name]) for name in codes], axis=1).astype(np.float32)
    graded = np.nanmax(values, initial=0) > 1
    scores = {"intensity": values} if graded else {"occurrence": values}
    times = _times(path, columns, fps)
    return ScoreTable.made_of(
        path.stem, tuple(codes.values()), times, np.zeros(len(times), np.int64), tool="coder", path=path, **scores
    )


def _times(path: Path, columns: dict[str, list[str]], fps: float | None) -> np.ndarray:
    lower = {name.lower(): name for name in columns}
    for wanted in (*TIMES, *FRAMES):
        if wanted not in lower:
            continue
        numbers = _numbers(path, lower[wanted], columns[lower[wanted]])
        if np.isnan(numbers).any():
            raise InputError(f"{path}: {wanted} is empty in line {int(np.flatnonzero(np.isnan(numbers))[0]) + 2}")
        if wanted in TIMES:
            return numbers
        if fps is None:
            raise InputError(f"{path} counts frames and has no times; say the frame rate: --fps 30")
        return numbers / fps
    raise InputError(f"{path}: no column of times; expected one of {', '.join(TIMES)}, or frame")


def _codes(path: Path, name: str, cells: list[str]) -> np.ndarray:
    numbers = _numbers(path, name, cells)
    numbers[numbers == UNSCORABLE] = np.nan
    bad = np.flatnonzero((numbers < 0) | (numbers > 5))
    if len(bad):
        raise InputError(f"{path}, line {bad[0] + 2}: {name} should be 0 to 5, or 9 for not scored; got {cells[bad[0]][:20]!r}")
    return numbers


def _numbers(path: Path, name: str, cells: list[str]) -> np.ndarray:
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        bad = next(line for line, cell in enumerate(cells, 2) if not _is_number(cell))
        raise InputError(f"{path}, line {bad}: {printable(name)} should be a number, got {cells[bad - 2][:20]!r}") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True

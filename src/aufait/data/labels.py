"""Label files of numbers: read fast if they are as they should be, cell by cell if they are not.

A cell without a label is never mixed up with a valid value: valid are occurrence 0 and 1 and intensity 0 to 5; 9, 999
and -1 are the data sets' own codes for "not labelled"; anything else is an anomaly and unknown too.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog, number_ranges
from aufait.data.trees import note_unreadable, read_content

EMPTY = np.iinfo(np.int32).min
"""Inside this module and the readers only: a cell without a number. It becomes ``known = False``."""

MISSING_CODES = (9, 999, -1, EMPTY)
"""Codes for "not labelled" in BP4D (9), older files (999) and AffWild2 (-1), and the empty cell."""

_SHOWN = 3
_NOT_PLAIN = re.compile(r"[^0-9+\-, \t\r\n]|[0-9]{10}")


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of one recording: F frames, A action units; see ``Recording`` for the arrays."""

    frames: np.ndarray
    action_units: tuple[int, ...]
    occurrence: np.ndarray
    intensity: np.ndarray
    occurrence_known: np.ndarray
    intensity_known: np.ndarray


def read_integers(path: Path, log: AnomalyLog) -> np.ndarray | None:
    """All cells of a comma separated file without texts, (R, C) int32; None (and an anomaly) where nothing can be read.

    Cells that are empty or no whole number become ``EMPTY``; short rows are filled with it.
    """
    text = read_text(path, log)
    if text is None:
        return None
    values = read_plain(text)
    return _read_carefully(text, path, log) if values is None else values


def read_plain(text: str) -> np.ndarray | None:
    """The cells of a text that holds nothing but whole numbers and commas, lines of equal length; None for any other text.

    NumPy's reader is given nothing else: it takes what is not whole with a warning, and has ended the process on odd cells.
    """
    if _NOT_PLAIN.search(text) or not text.strip():
        return None
    try:
        return np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.int32, comments=None, ndmin=2)
    except ValueError:
        return None


def read_text(path: Path, log: AnomalyLog) -> str | None:
    """Text of a label file, whatever mark its encoding begins with; None (and an anomaly) where it cannot be read."""
    try:
        content = read_content(path)
    except OSError as error:
        note_unreadable(path, error, log)
        return None
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig", "replace")


def _read_carefully(text: str, path: Path, log: AnomalyLog) -> np.ndarray | None:
    rows: list[list[int]] = []
    bad: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip(" ,;\t"):
            cells = split_cells(line)
            rows.append([to_integer(cell) for cell in cells])
            bad += [
                f"line {number}, column {place}: {cell.strip()!r}"
                for place, (cell, value) in enumerate(zip(cells, rows[-1], strict=True), start=1)
                if value == EMPTY and cell.strip()
            ]
    if not rows:
        log.add("unreadable-file", path, "the file is empty")
        return None
    if all(value == EMPTY for row in rows for value in row):
        log.add("unreadable-file", path, "the file holds no numbers")
        return None
    if bad:
        log.add("bad-cell", path, "; ".join(bad[:_SHOWN]), len(bad))
    width = max(map(len, rows))
    short = [number for number, row in enumerate(rows, start=1) if len(row) < width]
    if short:
        log.add("bad-cell", path, f"rows {number_ranges(short)} have fewer than {width} columns; the rest is unknown", len(short))
    return np.array([row + [EMPTY] * (width - len(row)) for row in rows], dtype=np.int32)


def split_cells(line: str) -> list[str]:
    """Cells of a line that is separated by commas, else semicolons, else blanks."""
    for separator in (",", ";"):
        if separator in line:
            return line.split(separator)
    return line.split()


def to_integer(cell: str) -> int:
    """The whole number in a cell, or ``EMPTY``."""
    text = cell.strip().strip('"')
    try:
        value = float(text)
    except ValueError:
        return EMPTY
    return int(value) if value.is_integer() and abs(value) < 2**31 else EMPTY


def to_labels(
    values: np.ndarray, highest: int, frames: np.ndarray, units: Sequence[int], where: object, log: AnomalyLog
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (F, A) -> labels (F, A) int8 (0 where unknown) and known (F, A) bool.

    Args:
        highest: 1 for occurrence, 5 for intensity.
        frames, units, where: for the messages.
    """
    known = (values >= 0) & (values <= highest)
    odd = ~known & ~np.isin(values, MISSING_CODES)
    if odd.any():
        rows, columns = np.nonzero(odd)
        shown = [
            f"frame {frames[row]}, AU{units[column]}: {values[row, column]}"
            for row, column in zip(rows[:_SHOWN], columns[:_SHOWN], strict=True)
        ]
        log.add("value-out-of-range", where, f"{'; '.join(shown)} (legal: 0 to {highest})", len(rows))
    return np.where(known, values, 0).astype(np.int8), known


def note_lengths(frames: Mapping[str, int], where: object, log: AnomalyLog) -> None:
    """Write down which label files of one recording have another number of frames than most of them.

    Args:
        frames: name of each file -> number of its frames.
    """
    names: dict[int, list[str]] = {}
    for name, count in frames.items():
        names.setdefault(count, []).append(name)
    if len(names) < 2:
        return
    usual = max(names, key=lambda count: (len(names[count]), count))
    odd = [f"{_some(names[count])} {count} frames" for count in sorted(names) if count != usual]
    rest = f"{len(names[usual])} other files" if len(names[usual]) > 1 else names[usual][0]
    log.add("length-disagrees", where, f"{', '.join(odd)}, {rest} {usual}; frames that a file lacks are unknown")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more + (" has" if len(names) == 1 else " have")


def ordered_rows(frames: np.ndarray, values: np.ndarray, where: object, log: AnomalyLog) -> tuple[np.ndarray, np.ndarray]:
    """Rows sorted by frame, each frame once; cells in which duplicates disagree become ``EMPTY``.

    Args:
        frames: (F,) numbers; rows whose number is ``EMPTY`` are dropped.
        values: (F, A) int32.
    """
    if (frames == EMPTY).any():
        log.add("bad-cell", where, "rows without a frame number; left out", int((frames == EMPTY).sum()))
        frames, values = frames[frames != EMPTY], values[frames != EMPTY]
    steps = np.diff(frames)
    if (steps > 0).all():
        return frames.astype(np.int64), values
    if (steps < 0).any():
        log.add("unsorted-rows", where, f"first after frame {frames[int(np.argmax(steps < 0))]}")
    unique, first, inverse, counts = np.unique(frames, return_index=True, return_inverse=True, return_counts=True)
    kept = values[first].copy()
    different = values != kept[inverse]
    rows, columns = np.nonzero(different)
    kept[inverse[rows], columns] = EMPTY
    if (counts > 1).any():
        conflict = f"; {len(np.unique(inverse[rows]))} of them with labels that disagree" if len(rows) else ""
        log.add("duplicate-rows", where, f"frames {number_ranges(unique[counts > 1])}{conflict}", int((counts - 1).sum()))
    return unique.astype(np.int64), kept


def combine(occurrence: Columns | None, intensity: Columns | None, where: object, log: AnomalyLog) -> Labels:
    """Occurrence and intensity columns of one recording joined by frame number; what is missing in one of them is unknown."""
    parts = [part for part in (occurrence, intensity) if part is not None]
    frames = parts[0].frames if len(parts) == 1 else np.union1d(parts[0].frames, parts[1].frames)
    units = tuple(sorted({unit for part in parts for unit in part.units}))
    placed = [_place(part, frames, units) for part in (occurrence, intensity)]
    (present, present_known), (level, level_known) = placed
    both = present_known & level_known
    wrong = both & (present.astype(bool) != (level > 0))
    if wrong.any():
        columns = [f"AU{unit}" for unit, column in zip(units, wrong.T, strict=True) if column.any()]
        detail = f"{', '.join(columns)}; frames {number_ranges(frames[wrong.any(1)], 3)}"
        log.add("label-disagrees", where, detail, int(wrong.sum()))
    return Labels(frames, units, present, level, present_known, level_known)


@dataclass(frozen=True, eq=False)
class Columns:
    """One kind of label of one recording: frames (F,), action units (A), values and known (F, A)."""

    frames: np.ndarray
    units: tuple[int, ...]
    values: np.ndarray
    known: np.ndarray


def _place(part: Columns | None, frames: np.ndarray, units: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    values = np.zeros((len(frames), len(units)), dtype=np.int8)
    known = np.zeros((len(frames), len(units)), dtype=bool)
    if part is not None:
        place = np.ix_(np.searchsorted(frames, part.frames), np.array([units.index(unit) for unit in part.units]))
        values[place], known[place] = part.values, part.known
    return values, known


def join_columns(parts: Sequence[Columns]) -> Columns | None:
    """Columns of several files (one per action unit) joined by frame number; None without any."""
    if not parts:
        return None
    frames = parts[0].frames
    for part in parts[1:]:
        if not np.array_equal(frames, part.frames):
            frames = np.union1d(frames, part.frames)
    units = tuple(sorted(unit for part in parts for unit in part.units))
    values = np.zeros((len(frames), len(units)), dtype=np.int8)
    known = np.zeros((len(frames), len(units)), dtype=bool)
    for part in parts:
        place = np.ix_(np.searchsorted(frames, part.frames), np.array([units.index(unit) for unit in part.units]))
        values[place], known[place] = part.values, part.known
    return Columns(frames, units, values, known)

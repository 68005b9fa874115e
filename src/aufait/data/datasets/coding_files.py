"""Label files that several data sets share: occurrence with a header of AU numbers, and ``frame,intensity`` lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.labels import Columns, Labels, combine, join_columns, note_lengths, ordered_rows, read_integers, to_labels

FIRST_UNCODED = 40
"""BP4D's files have a column for every number; those from 40 up are not coded, and the last is said to flag occlusion."""


def read_occurrence_file(path: Path, log: AnomalyLog) -> Columns | None:
    """Header row of action unit numbers, first column of frame numbers, values 0, 1 or 9; None where it cannot be read."""
    cells = read_integers(path, log)
    if cells is None:
        return None
    if cells.shape[0] < 2 or cells.shape[1] < 2:
        log.add("unreadable-file", path, f"expected a header and rows of frames, got {cells.shape[0]} x {cells.shape[1]} cells")
        return None
    header = cells[0, 1:]
    if (header < 1).any() or len(np.unique(header)) != len(header):
        log.add("unreadable-file", path, f"the first row must name action units by number, each once; it begins {header[:4]}")
        return None
    frames, values = ordered_rows(cells[1:, 0], cells[1:, 1:], path, log)
    inside = header < FIRST_UNCODED
    units = tuple(int(unit) for unit in header[inside])
    return Columns(frames, units, *to_labels(values[:, inside], 1, frames, units, path, log))


def read_intensity_file(path: Path, unit: int, log: AnomalyLog) -> Columns | None:
    """``frame,intensity`` per line without a header, values 0 to 5 or 9; None where it cannot be read."""
    cells = read_integers(path, log)
    if cells is None:
        return None
    if cells.shape[1] != 2:
        log.add("unreadable-file", path, f"expected two columns (frame, intensity), got {cells.shape[1]}")
        return None
    frames, values = ordered_rows(cells[:, 0], cells[:, 1:], path, log)
    return Columns(frames, (unit,), *to_labels(values, 5, frames, (unit,), path, log))


def sequence_labels(
    name: str, occurrence: Path | None, intensities: dict[int, Path], units: set[int], log: AnomalyLog
) -> Labels | None:
    """Labels of one sequence from its occurrence file and its intensity files; None where none can be read.

    Args:
        name: of the sequence, for messages.
        occurrence: its occurrence file, if there is one.
        intensities: action unit -> intensity file.
        units: action units that have intensity files in other sequences.
    """
    present = None if occurrence is None else read_occurrence_file(occurrence, log)
    if occurrence is None:
        log.add("missing-label-file", name, "no occurrence file, intensities only")
    absent = sorted(units - set(intensities))
    log.add("missing-label-file", name, f"no intensity file of {', '.join(f'AU{unit}' for unit in absent)}", len(absent))
    levels = {path.name: one for unit, path in sorted(intensities.items()) if (one := read_intensity_file(path, unit, log))}
    level = join_columns([*levels.values()])
    if present is None and level is None:
        return None
    files = levels if present is None or occurrence is None else {occurrence.name: present, **levels}
    note_lengths({file: len(part.frames) for file, part in files.items()}, name, log)
    return combine(present, level, name, log)

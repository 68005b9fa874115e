"""Sums over the time of some stretches of a recording, cell by cell: whatever can be added up, and so resampled.

Every frame counts by the seconds for which it was shown inside the stretches, so frame rates may vary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aufait.analysis.summary.track import Track

QUANTITIES = (
    "seen",
    "present",
    "graded",
    "strength",
    "square",
    "both",
    "strength_present",
    "onsets",
    "corrected_seen",
    "corrected",
)
"""What is summed of each action unit: seconds with a known presence; present; with a known strength; strength, its square;
seconds present with a known strength; strength while present; events that begin; seconds with a corrected strength; that
strength. Strengths are times seconds."""

Stretches = Sequence[tuple[float, float]]
"""Disjoint (start, end) in seconds, in order."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """The rows of a track that lie in some stretches, R in all; a row at the edge of two stretches is there twice.

    Attributes:
        rows: (R,) positions in the track.
        seconds: (R,) of each inside its stretch.
        cells: (R,) number of the cell of time that it begins in.
        count: number of cells, those without rows too.
    """

    rows: np.ndarray
    seconds: np.ndarray
    cells: np.ndarray
    count: int


def pieces_of(time: np.ndarray, end: np.ndarray, stretches: Stretches, cell: float) -> Pieces:
    """Rows in some stretches.

    Args:
        time, end: (n,) seconds of the rows' frames, ascending.
        cell: length of a cell in seconds.
    """
    rows, seconds, cells, count = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int64)], 0
    for first, last in stretches:
        some = np.arange(np.searchsorted(end, first, side="right"), np.searchsorted(time, last, side="left"))
        here = max(1, round((last - first) / cell))
        begin = np.maximum(time[some], first)
        rows.append(some)
        seconds.append(np.maximum(np.minimum(end[some], last) - begin, 0))
        cells.append(count + np.minimum(((begin - first) / cell).astype(np.int64), here - 1))
        count += here
    return Pieces(np.concatenate(rows), np.concatenate(seconds), np.concatenate(cells), count)


def sums_of(track: Track, pieces: Pieces, stretches: Stretches, cell: float) -> np.ndarray:
    """(cells, quantities, A) float64 sums of a track."""
    units = track.present.shape[1]
    sums = np.zeros((pieces.count, len(QUANTITIES), units))
    whole = len(pieces.rows) and pieces.rows[-1] - pieces.rows[0] + 1 == len(pieces.rows) and (np.diff(pieces.rows) == 1).all()
    some = slice(pieces.rows[0], pieces.rows[-1] + 1) if whole else pieces.rows
    seconds = pieces.seconds
    weight = seconds.astype(np.float32)[:, None]
    add = _Adder(pieces, sums)
    present, known = _filled(track.present[some])
    strength, graded = _filled(track.strength[some])
    add("seen", seconds[:, None] if known is None else known * weight)
    add("present", present * weight)
    add("graded", seconds[:, None] if graded is None else graded * weight)
    weighed = strength * weight
    add("strength", weighed)
    add("square", strength * weighed)
    add("strength_present", weighed * present)
    add("both", present * weight if graded is None else present * graded * weight)
    if track.corrected is not None:
        above, had = _filled(track.corrected[some])
        add("corrected_seen", seconds[:, None] if had is None else had * weight)
        add("corrected", above * weight)
    _add_onsets(track, stretches, cell, sums[:, QUANTITIES.index("onsets")])
    return sums


def _filled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Values with 0 for NaN, and where there are values; None where all are there."""
    known = np.isfinite(values)
    return (values, None) if known.all() else (np.where(known, values, np.float32(0)), known)


class _Adder:
    """Adds values of rows up in their cells."""

    def __init__(self, pieces: Pieces, sums: np.ndarray) -> None:
        self._starts = np.flatnonzero(np.append(True, np.diff(pieces.cells) > 0)) if len(pieces.cells) else pieces.cells
        self._cells = pieces.cells[self._starts]
        self._sums = sums

    def __call__(self, quantity: str, values: np.ndarray) -> None:
        """Args: ``values`` (R, A)."""
        if len(self._cells):
            self._sums[self._cells, QUANTITIES.index(quantity)] = np.add.reduceat(values, self._starts, axis=0, dtype=np.float64)


def _add_onsets(track: Track, stretches: Stretches, cell: float, onsets: np.ndarray) -> None:
    count = 0
    for first, last in stretches:
        here = max(1, round((last - first) / cell))
        inside = (track.event_onset >= first) & (track.event_onset < last)
        cells = count + np.minimum(((track.event_onset[inside] - first) / cell).astype(np.int64), here - 1)
        np.add.at(onsets, (cells, track.event_unit[inside]), 1)
        count += here


def named(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    """Sums (..., quantities, A) by quantity."""
    return {name: sums[..., place, :] for place, name in enumerate(QUANTITIES)}

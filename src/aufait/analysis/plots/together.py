"""How much of the time two action units are present together, over the faces and seconds that are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aufait.analysis.plots.chart import ends_of
from aufait.analysis.plots.choice import Choice, check_units, chosen_faces, is_rendered, left_out, window
from aufait.analysis.presence import PRESENT_FROM, presence, present_by
from aufait.errors import InputError
from aufait.visualization.findings.chart import Matrix

if TYPE_CHECKING:
    from aufait.analysis.score_table import ScoreTable

FEW_FRAMES = 30
"""Below, a share is a matter of few frames; the picture says so."""


def matrix_of(table: ScoreTable, choice: Choice, jaccard: bool = False) -> Matrix:
    """Shares of time, each frame counting by the seconds that it lasts.

    A pair counts in the frames in which both of its action units are known.

    Raises:
        InputError: nothing is there to draw, or what is wanted is not in the table.
    """
    start, end = window(table, choice)
    faces = choice.faces or table.faces
    chosen_faces(table, Choice(faces=choice.faces), start, end)
    check_units(table, choice.action_units)
    units = choice.action_units or tuple(sorted(table.action_units))
    by = _by(table, choice.scores)
    columns = [table.index(unit) for unit in units]
    sums = _Sums(len(units))
    for face in faces:
        rows = np.flatnonzero((table.face_id == face) & (table.time >= start) & (table.time < end))
        rows = rows[~(table.quality[rows] < choice.min_quality)]
        sums.add(presence(table, rows, by)[:, columns], ends_of(table, table.time[rows]) - table.time[rows])
    if not sums.total:
        shown = ", ".join(map(str, faces))
        raise InputError(f"{table.name}: no frame of the faces {shown} has a quality of {choice.min_quality:g} or more")
    own = tuple(by[column] for column in columns)
    rare = [unit for unit, count, kind in zip(units, sums.frames.tolist(), own, strict=True) if kind and count < FEW_FRAMES]
    return Matrix(
        table.name, units, sums.shares(jaccard), sums.frames, sums.total, tuple(faces), jaccard, own,
        (*left_out(table, units, ()), *_present(own), *_rare(rare)), is_rendered(table),
    )  # fmt: skip


def _by(table: ScoreTable, scores: str | None) -> tuple[str, ...]:
    by = present_by(table)
    if scores is not None:
        given = np.isfinite(getattr(table, scores)).any(axis=0)
        by = tuple(scores if known else "" for known in given)
    if not any(by):
        raise InputError(f"{table.name}: the table gives no {scores or 'scores'}; nothing says when an action unit is present")
    return by


def _present(by: tuple[str, ...]) -> list[str]:
    """From what scores on action units count as present."""
    said = [f"{kind} of at least {PRESENT_FROM[kind]:g}" if kind != "occurrence" else "the table's occurrence"
            for kind in PRESENT_FROM if kind in by]  # fmt: skip
    return [f"Present by {', or else by '.join(said)}; seconds count, not single frames."]


def _rare(units: list[int]) -> list[str]:
    if not units:
        return []
    return [f"Present in fewer than {FEW_FRAMES} frames, so that their rows say little: AU{', AU'.join(map(str, units))}."]


class _Sums:
    """Seconds of pairs of A action units."""

    def __init__(self, units: int) -> None:
        self.total = 0
        self.frames = np.zeros(units, np.int64)
        self._both, self._first, self._known = (np.zeros((units, units)) for _ in range(3))

    def add(self, present: np.ndarray, seconds: np.ndarray) -> None:
        """Take in (n, A) presences, NaN where unknown, of frames that last (n,) seconds."""
        known = np.isfinite(present)
        there = np.where(known, present, 0).astype(np.float64)
        seconds = np.where(seconds > 0, seconds, 1.0)[:, None]  # a table of one frame, or of pictures
        self.total += int(known.any(axis=1).sum())
        self.frames += there.sum(axis=0).astype(np.int64)
        weighted = (there * seconds).T
        self._both += weighted @ there
        self._first += weighted @ known
        self._known += (known * seconds).T @ known

    def shares(self, jaccard: bool) -> np.ndarray:
        """(A, A); the diagonal is the share of the time in which a unit is present. NaN where there is no such time."""
        of = self._first + self._first.T - self._both if jaccard else self._first
        shares = np.where(of > 0, self._both / np.where(of > 0, of, 1), np.nan)
        known = np.diag(self._known)
        alone = np.where(known > 0, np.diag(self._both) / np.where(known > 0, known, 1), np.nan)
        np.fill_diagonal(shares, alone)
        return shares

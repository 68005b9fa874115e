"""What of a table is drawn: which action units, faces and seconds; refused in words where there is nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aufait.errors import InputError, InputWarning
from aufait.settings import check_types

if TYPE_CHECKING:
    from aufait.analysis.score_table import ScoreTable

SCORES = ("intensity", "probability", "occurrence")
MOST_FACES = 6
"""Faces that are drawn where none are named: those seen longest."""


_INSTANT = 1e-3  # seconds that a table of one frame covers


@dataclass(frozen=True)
class Choice:
    """What to draw of a table."""

    action_units: tuple[int, ...] = ()
    """Which action units, in this order; none: all, by their number."""
    faces: tuple[int, ...] = ()
    """Which faces; none: all, but no more than six, those seen longest."""
    start: float | None = None
    """First second; None: from the beginning."""
    end: float | None = None
    """Second at which the drawing ends; None: to the end."""
    scores: str | None = None
    """"intensity", "probability" or "occurrence"; None: for each action unit the first of these that the table has."""
    min_quality: float = 0.3
    """Frames of lower quality are missing."""

    def __post_init__(self) -> None:
        check_types(self, "plot: ")
        if len(set(self.action_units)) != len(self.action_units):
            raise InputError(f"plot: action units must not repeat, got {_listed(self.action_units)}")
        if self.scores not in (None, *SCORES):
            raise InputError(f"plot: scores must be one of {', '.join(SCORES)}, got {self.scores!r}")
        if not 0 <= self.min_quality <= 1:
            raise InputError(f"plot: min_quality must be in 0 to 1, got {self.min_quality:g}")
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise InputError(f"plot: the end must be after the start, got {self.start:g} to {self.end:g} s")


@dataclass(frozen=True)
class Shared:
    """What pictures of several recordings have in common, to be laid side by side.

    Attributes:
        action_units: rows of all of them, also where a table lacks one.
        start, end: seconds that all of them show.
    """

    action_units: tuple[int, ...]
    start: float
    end: float


def shared_by(spans: Sequence[tuple[tuple[int, ...], float, float]]) -> Shared:
    """Common rows and times of tables, from the action units, first and last second of each."""
    units = sorted({unit for own, _, _ in spans for unit in own})
    return Shared(tuple(units), min(start for _, start, _ in spans), max(end for _, _, end in spans))


def check_units(table: ScoreTable, wanted: Sequence[int]) -> None:
    """Refuse action units that a table does not hold.

    Raises:
        InputError: the message names what it holds.
    """
    if missing := [unit for unit in wanted if unit not in table.action_units]:
        known = _listed(table.action_units) or "none"
        raise InputError(f"{table.name}: no AU{_listed(missing, ', AU')} among the action units of the table: {known}")


def span_of(table: ScoreTable) -> tuple[float, float]:
    """First second of a table and the end of its last frame."""
    return float(table.time[0]), float(table.time[-1] + (table.frame_distance or _INSTANT))


def window(table: ScoreTable, choice: Choice) -> tuple[float, float]:
    """Seconds of a table that are drawn.

    Raises:
        InputError: there is no frame in them.
    """
    if not len(table):
        raise InputError(f"{table.name}: the table has no rows; there is nothing to draw")
    first, last = span_of(table)
    start = first if choice.start is None else choice.start
    end = last if choice.end is None else choice.end
    if not ((table.time < end) & (table.time >= start)).any():
        part = f"between {start:g} and {end:g} s" if start < end else f"from {start:g} s on"
        raise InputError(f"{table.name}: no frame {part}; the recording covers {first:g} to {last:g} s")
    return max(start, first), min(end, last)


def chosen_faces(table: ScoreTable, choice: Choice, start: float, end: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Faces that are drawn, and those that are left out because there are too many.

    Raises:
        InputError: no face at all, or not the one that is wanted.
    """
    if not table.faces:
        raise InputError(f"{table.name}: no face in any of its {len(table.frame_times)} frames; there is nothing to draw")
    if unknown := sorted(set(choice.faces) - set(table.faces)):
        raise InputError(f"{table.name}: no face {_listed(unknown)}; its faces: {_listed(table.faces)}")
    inside = table.face_id[(table.time >= start) & (table.time < end)]
    seen = {face: int((inside == face).sum()) for face in (choice.faces or table.faces)}
    if absent := sorted(face for face in choice.faces if not seen[face]):
        raise InputError(f"{table.name}: face {_listed(absent)} is in no frame between {start:g} and {end:g} s")
    there = [face for face, count in seen.items() if count]
    if not there:
        raise InputError(f"{table.name}: no face in any frame between {start:g} and {end:g} s; choose another time")
    if choice.faces:
        return tuple(dict.fromkeys(choice.faces)), ()
    kept = sorted(there, key=lambda face: -seen[face])[:MOST_FACES]
    return tuple(sorted(kept)), tuple(sorted(set(there) - set(kept)))


def chosen_units(table: ScoreTable, choice: Choice, shared: Shared | None) -> tuple[int, ...]:
    """Action units of the rows, in their order; those of ``shared`` may lack in the table.

    Raises:
        InputError: the table has none, or not the one that is wanted.
    """
    if shared is None:
        check_units(table, choice.action_units)
    units = choice.action_units or (shared.action_units if shared else tuple(sorted(table.action_units)))
    if not set(units) & set(table.action_units):
        raise InputError(f"{table.name}: the table has none of the action units {_listed(units) or 'at all'}")
    return units


def kinds_of(table: ScoreTable, units: Sequence[int], scores: str | None) -> tuple[str, ...]:
    """Kind of scores of each row; "" where the table gives none.

    Raises:
        InputError: the table has no scores of the kind that is wanted, or none at all.
    """
    given = {kind: np.isfinite(getattr(table, kind)).any(axis=0) for kind in SCORES}
    wanted = SCORES if scores is None else (scores,)
    place = {unit: column for column, unit in enumerate(table.action_units)}
    kinds = tuple(next((kind for kind in wanted if unit in place and given[kind][place[unit]]), "") for unit in units)
    if not any(kinds):
        there = ", ".join(kind for kind in SCORES if given[kind].any()) or "no scores at all"
        raise InputError(f"{table.name}: no {scores or 'value'} of AU{_listed(units, ', AU')}; the table gives {there}")
    return kinds


def left_out(table: ScoreTable, units: Sequence[int], faces: Sequence[int]) -> list[str]:
    """Sentences on what of a table is not drawn."""
    notes = []
    if hidden := sorted(set(table.action_units) - set(units)):
        notes.append(f"Not drawn: AU{_listed(hidden, ', AU')}.")
    if faces:
        word = "faces" if len(faces) > 1 else "face"
        shown = _listed(faces[:12]) + (f" and {len(faces) - 12} more" if len(faces) > 12 else "")
        notes.append(f"Not drawn: {word} {shown}, seen for a shorter time.")
    return notes


def is_rendered(table: ScoreTable) -> bool:
    """Whether the table's video, if it still is where the table says, is in a folder marked as rendered, or the shipped clip."""
    from aufait.data.preparation.sources import is_rendered_file
    from aufait.media.sources import demo_clip

    if not table.source:
        return False
    places = [Path(table.source)] + ([] if table.path is None else [table.path.parent / table.source])
    there = [place for place in places if place.exists()]
    with suppress(InputError):  # an installation without the clip
        if any(place.samefile(demo_clip()) for place in there):
            return True
    return any(map(is_rendered_file, there))


def warn(text: str) -> None:
    """Tell the user what was decided."""
    warnings.warn(text, InputWarning, stacklevel=3)


def _listed(values: Sequence[int], between: str = ", ") -> str:
    return between.join(map(str, values))

"""Whoever gives codes of a recording, a table or a coder's file, as values at given times and as events."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from aufait.analysis.agreement.frame_codes import read_frame_codes, recognises
from aufait.analysis.annotations import Code, code_of, read_annotations
from aufait.analysis.event_rule import EventRule
from aufait.analysis.events import find_events
from aufait.analysis.labels import UnitLabel
from aufait.analysis.readers import read_table, readers
from aufait.analysis.readers.header import read_header
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

_CODERS = {".eaf", ".textgrid", ".boris"}


@dataclass(frozen=True, eq=False)
class Codes:
    """Values of one action unit at F times: (F,) float, nan where the rater says nothing."""

    present: np.ndarray
    """0 or 1."""
    intensity: np.ndarray
    """0 to 5."""


@dataclass(frozen=True, eq=False)
class TableRater:
    """A table of scores, reduced to one face.

    Attributes:
        name: shown to people.
        table: rows of the face, shifted into the common clock.
        frame_times: (F,) all frames of the recording, with and without the face.
        rule: for events; frames below its quality are missing.
        level: intensity from which a unit is present where the table gives intensities alone.
    """

    name: str
    table: ScoreTable
    frame_times: np.ndarray
    rule: EventRule
    level: float

    @property
    def units(self) -> tuple[int, ...]:
        """Action units with values."""
        return tuple(unit for unit in self.table.action_units if UnitLabel(unit).kinds(self.table))

    @property
    def start(self) -> float:
        """First second that it speaks about."""
        return float(self.frame_times[0])

    @property
    def end(self) -> float:
        """Last second that it speaks about."""
        return float(self.frame_times[-1] + self.table.frame_distance)

    def codes(self, unit: int, times: np.ndarray, tolerance: float) -> Codes:
        """Values of the nearest row of each time, none where it is further away than the tolerance."""
        rows, near = nearest(self.table.time, times, tolerance)
        near = near & ~(self.table.quality[rows] < self.rule.min_quality) if len(self.table) else near
        column = self.table.index(unit)
        arrays = [np.full(len(times), np.nan) for _ in range(3)]
        for values, name in zip(arrays, ("occurrence", "probability", "intensity"), strict=True):
            values[near] = getattr(self.table, name)[rows[near], column]
        said, probability, intensity = arrays
        present = np.where(np.isfinite(intensity), intensity >= self.level, np.nan)
        present = np.where(np.isfinite(probability), probability >= 0.5, present)
        return Codes(np.where(np.isfinite(said), said, present), intensity)

    def events(self, unit: int) -> list[tuple[float, float]]:
        """Onset and offset of each."""
        found = find_events(self.table, self.rule, labels=[f"AU{unit}"])
        return [(event.onset, event.offset) for event in found]


@dataclass(frozen=True, eq=False)
class CoderRater:
    """A coder's annotations, in the common clock.

    Attributes:
        name: shown to people.
        spans: by action unit, with what they say.
        start, end: seconds between which the coder coded; without an annotation a unit is absent there.
        level: from which level an annotation counts as present, 1 = A.
        unread: labels that name no action unit, with their number.
    """

    name: str
    spans: dict[int, list[tuple[Span, Code]]]
    start: float
    end: float
    level: float
    unread: dict[str, int] = field(default_factory=dict)

    @property
    def units(self) -> tuple[int, ...]:
        """Action units with at least one annotation."""
        return tuple(sorted(self.spans))

    def codes(self, unit: int, times: np.ndarray, tolerance: float) -> Codes:
        """What holds at each time; a span holds from its start until before its end. ``tolerance`` is not needed."""
        present, intensity = np.zeros(len(times)), np.zeros(len(times))
        for span, code in self.spans.get(unit, ()):
            inside = slice(*np.searchsorted(times, [span.start - 1e-6, span.end - 1e-6]))
            present[inside] = np.maximum(present[inside], code.level is None or code.level >= self.level)
            intensity[inside] = np.fmax(intensity[inside], code.level) if code.level else np.nan
        if not any(code.level for _, code in self.spans.get(unit, ())):
            intensity[:] = np.nan
        outside = (times < self.start - 1e-6) | (times >= self.end - 1e-6)
        present[outside] = intensity[outside] = np.nan
        return Codes(present, intensity)

    def events(self, unit: int) -> list[tuple[float, float]]:
        """Start and end of each, those that touch or overlap (left and right, changes of level) as one."""
        merged: list[tuple[float, float]] = []
        for span, code in sorted(self.spans.get(unit, ()), key=lambda one: one[0]):
            if code.level is not None and code.level < self.level:
                continue
            if merged and span.start <= merged[-1][1] + 1e-3:
                merged[-1] = (merged[-1][0], max(merged[-1][1], span.end))
            else:
                merged.append((span.start, span.end))
        return merged


Rater = TableRater | CoderRater


def nearest(known: np.ndarray, times: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """(F,) position of the nearest of (N,) ascending times, and whether it is within the tolerance."""
    if not len(known):
        return np.zeros(len(times), np.int64), np.zeros(len(times), bool)
    after = np.clip(np.searchsorted(known, times), 0, len(known) - 1)
    before = np.maximum(after - 1, 0)
    rows = np.where(np.abs(known[before] - times) <= np.abs(known[after] - times), before, after)
    return rows, np.abs(known[rows] - times) <= tolerance + 1e-9


def read_any(path: Path, fps: float | None = None) -> ScoreTable | list[Span]:
    """A table of scores, or a coder's annotations, whichever the file is.

    Raises:
        InputError: it is neither.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a table of scores or a coder's file (ELAN, BORIS, Praat, CSV)")
    if path.suffix.lower() in _CODERS:
        return read_annotations(path)
    if path.suffix.lower() == ".parquet":
        return read_table(path, fps=fps, scores_only=True)
    header = read_header(path)
    first = header.columns
    names = {name.strip().lower() for name in first}
    if "label" in names and names & {"start", "onset"}:
        return read_annotations(path)
    if any(reader.recognises(header) for reader in readers().values()):
        return read_table(path, fps=fps, scores_only=True)
    return read_frame_codes(path, fps) if recognises(first) else read_annotations(path)


def table_rater(name: str, table: ScoreTable, face: int | None, shift: float, rule: EventRule, level: float) -> TableRater:
    """One face of a table: the one asked for, else the one that is seen longest."""
    if not table.faces:
        raise InputError(f"{name}: no row with a face; nothing can be compared")
    if face is None:
        counts = {one: int((table.face_id == one).sum()) for one in table.faces}
        face = max(counts, key=lambda one: counts[one])
        if len(counts) > 1:
            others = ", ".join(str(one) for one in counts if one != face)
            _warn(f"{name}: face {face} is compared, the one that is seen longest; not faces {others}: choose with --face")
    elif face not in table.faces:
        raise InputError(f"{name}: no face {face}; its faces: {', '.join(map(str, table.faces))}")
    shifted = _shifted(table, shift)
    return TableRater(name, shifted.of_face(face), shifted.frame_times, rule, level)


def _shifted(table: ScoreTable, seconds: float) -> ScoreTable:
    return replace(table, time=table.time + seconds) if seconds else table


def coder_rater(name: str, spans: list[Span], coded: tuple[float, float] | str, shift: float, level: float) -> CoderRater:
    """The annotations that name action units; the others are counted and told.

    Args:
        coded: seconds between which the coder coded; "last": to the end of the last annotation; "all": everything.
    """
    found: dict[int, list[tuple[Span, Code]]] = {}
    unread: dict[str, int] = {}
    for span in spans:
        moved = Span(span.start + shift, span.end + shift, span.label, span.tier, span.person, span.recording)
        if (code := code_of(span)) and span.end > span.start:
            found.setdefault(code.unit, []).append((moved, code))
        else:
            key = span.label or span.tier or "(no label)"
            unread[key] = unread.get(key, 0) + 1
    if not found:
        raise InputError(f"{name}: no annotation names an action unit; labels such as AU12 or 12C, or tiers named so, are needed")
    if unread:
        shown = ", ".join(f"{label[:30]!r} ({count})" for label, count in list(unread.items())[:8])
        _warn(f"{name}: annotations that name no action unit or have no length are not compared: {shown}")
    last = max(span.end for span in spans) + shift
    start, end = {"last": (-np.inf, last), "all": (-np.inf, np.inf)}[coded] if isinstance(coded, str) else coded
    return CoderRater(name, found, float(start), float(end), level, unread)


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

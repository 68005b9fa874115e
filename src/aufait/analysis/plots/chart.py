"""A table as a chart: rows of scores for each face, reduced to columns of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aufait.analysis.frame_ends import EVEN_FRAMES, frame_ends
from aufait.analysis.plots.choice import Choice, Shared, chosen_faces, chosen_units, is_rendered, kinds_of, left_out, window
from aufait.analysis.plots.columns import bin_edges, reduce, timeline_edges
from aufait.analysis.plots.happenings import bars_of, events_of, marks_of, without_row
from aufait.analysis.presence import presence, present_by
from aufait.visualization.findings.chart import TOPS, Chart, Face, Row

if TYPE_CHECKING:
    from aufait.analysis.baseline import BaselineResult
    from aufait.analysis.event import Event
    from aufait.analysis.score_table import ScoreTable
    from aufait.analysis.span import Span


@dataclass(frozen=True)
class Extras:
    """What is drawn with the scores.

    Attributes:
        events: None for none.
        events_are: what they are, in words.
        baseline: its level is drawn as a line.
        markers: spans of the recording.
    """

    events: Sequence[Event] | None = None
    events_are: str = "event"
    baseline: BaselineResult | None = None
    markers: Sequence[Span] = ()


@dataclass(frozen=True)
class Bins:
    """Cells of a heat map; a timeline has none."""

    measure: str = "mean"
    seconds: float | None = None


def chart_of(table: ScoreTable, choice: Choice, extras: Extras, bins: Bins | None = None, shared: Shared | None = None) -> Chart:
    """Everything that a timeline (without ``bins``) or a heat map shows.

    Raises:
        InputError: nothing is there to draw, or what is wanted is not in the table.
    """
    start, end = window(table, choice)
    faces, more = chosen_faces(table, choice, start, end)
    units = chosen_units(table, choice, shared)
    kinds = kinds_of(table, units, choice.scores)
    show = (start, end) if shared is None else (shared.start, shared.end)
    edges, several = _edges(table, start, end, show, bins)
    events = None if extras.events is None else events_of(table, extras.events)
    drawing = _Drawing(table, choice, units, kinds, edges, (start, end), extras.baseline, bins, events)
    notes = left_out(table, units, more) + ([] if events is None else without_row(events, units)) + _meanings(table, kinds)
    return Chart(
        title=table.name,
        rows=tuple(map(Row, units, kinds)),
        edges=edges,
        faces=tuple(drawing.face(number) for number in faces),
        marks=marks_of(extras.markers, faces, start, end),
        start=start,
        end=end,
        shared=several,
        measure="mean" if bins is None else bins.measure,
        chosen=choice.scores is not None,
        min_quality=choice.min_quality,
        events="" if events is None else extras.events_are,
        baseline="" if extras.baseline is None or extras.baseline.rule.kind == "none" else f"baseline ({extras.baseline.rule})",
        notes=tuple(notes),
        synthetic=is_rendered(table),
    )


def _edges(
    table: ScoreTable, start: float, end: float, show: tuple[float, float], bins: Bins | None
) -> tuple[np.ndarray, bool]:
    if bins is not None:
        return bin_edges(*show, table.frame_distance, bins.seconds), True
    times = table.frame_times
    times = times[(times >= start) & (times < end)]
    return timeline_edges(times, ends_of(table, times), *show)


def ends_of(table: ScoreTable, time: np.ndarray) -> np.ndarray:
    """(n,) seconds until which the frames at these times last."""
    return frame_ends(time, table.frame_times, table.frame_distance, EVEN_FRAMES)


def _meanings(table: ScoreTable, kinds: Sequence[str]) -> list[str]:
    """What another tool means by its scores."""
    return [f"{kind} of {table.tool}: {table.meaning[kind]}." for kind in TOPS if kind in kinds and kind in table.meaning]


@dataclass(frozen=True, eq=False)
class _Drawing:
    """What all faces of a chart have in common."""

    table: ScoreTable
    choice: Choice
    units: tuple[int, ...]
    kinds: tuple[str, ...]
    edges: np.ndarray
    span: tuple[float, float]
    baseline: BaselineResult | None
    bins: Bins | None
    events: Sequence[Event] | None

    def face(self, number: int) -> Face:
        """One face in the columns of the chart."""
        table = self.table
        times = table.time
        rows = np.flatnonzero((table.face_id == number) & (times >= self.span[0]) & (times < self.span[1]))
        usable = ~(table.quality[rows] < self.choice.min_quality)
        ends = ends_of(table, times[rows])
        values = self._values(rows)
        values[~usable] = np.nan
        found = reduce(self.edges, times[rows], ends, values, usable)
        frames = int(((table.frame_times >= self.span[0]) & (table.frame_times < self.span[1])).sum())
        tops = np.array([TOPS.get(kind, 1.0) for kind in self.kinds])
        peak = np.fmax.reduce(values, axis=0, initial=np.nan) * tops
        level = None
        if self.baseline is not None and self.baseline.level and self.bins is None:
            level = reduce(self.edges, times[rows], ends, self._level(rows), usable).mean
        bars = None if self.events is None else bars_of(self.events, number, self.units, *self.span)
        return Face(number, found.mean, found.high, found.state, usable.sum() / max(1, frames), peak, level, bars)

    def _values(self, rows: np.ndarray) -> np.ndarray:
        """(n, R) shares of each row's scale, or where a unit is present."""
        if self.bins is not None and self.bins.measure == "present":
            present = presence(self.table, rows, present_by(self.table))
            return self._columns(dict.fromkeys(TOPS, present), {})
        return self._columns({kind: getattr(self.table, kind)[rows] for kind in set(self.kinds) - {""}}, TOPS)

    def _level(self, rows: np.ndarray) -> np.ndarray:
        assert self.baseline is not None
        return self._columns({kind: values[rows] for kind, values in self.baseline.level.items() if kind in TOPS}, TOPS)

    def _columns(self, arrays: dict[str, np.ndarray], tops: dict[str, float]) -> np.ndarray:
        """(n, R) of arrays (n, A) by kind, over the upper end of their scale; NaN for rows that have none."""
        place = {unit: column for column, unit in enumerate(self.table.action_units)}
        length = len(next(iter(arrays.values())))
        found = np.full((length, len(self.units)), np.nan, np.float32)
        for row, (unit, kind) in enumerate(zip(self.units, self.kinds, strict=True)):
            if kind in arrays:
                found[:, row] = arrays[kind][:, place[unit]] / tops.get(kind, 1.0)
        return found

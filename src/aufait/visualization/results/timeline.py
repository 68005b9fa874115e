"""The course of the action units over a video, as one picture.

Each action unit that occurs has a row; the height of the filled line is the mean intensity, 0 to 5 (the probability, 0 to 1,
where the model gives no intensity), a paler band behind it reaches from the lowest to the highest value of the frames drawn at
one place, and the fill is strong where the unit occurs. Time without a face is hatched. Memory stays bounded: beyond some
thousand frames neighbouring ones share a bin.
"""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.files.atomic import write_bytes
from aufait.files.safe_text import encodable
from aufait.results import MAX_INTENSITY, FaceAnalysis, FrameAnalysis
from aufait.visualization.time_axis import CLOCK_FROM, dark_face_colour, runs, time_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_BINS = 4096
"""Frames that are kept apart; then two neighbours become one, and so on."""

MAX_FACES = 32
"""Faces whose course is kept; later ones are only counted."""

DRAWN_FACES = 6
"""Faces that are drawn, those seen longest."""

_INK, _MUTED, _GRID, _GAP = "#1c2430", "#5b6675", "#dfe4ea", "#eceff3"
_ROW_INCHES, _PANEL_INCHES, _FRAME_INCHES, _WIDTH_INCHES = 0.36, 0.42, 1.5, 11.0
_NOTE_INCHES, _NOTE_LETTERS = 0.14, 150  # of a line under the picture
_GAP_SECONDS, _GAP_STEPS, _MAX_GAPS = 10.0, 5.0, 100  # between two frames from which on the time between them is left out
_FILL = 0.86  # of a row's height that intensity 5 takes


class _Course:
    """Bins of one face: number of frames with the face, and per action unit lowest, sum, highest, occurrences."""

    def __init__(self, units: tuple[int, ...], bins: int, graded: bool) -> None:
        self.units, self.graded = units, graded
        self.count = np.zeros(bins, dtype=np.int64)
        self.low = np.full((bins, len(units)), np.inf, dtype=np.float32)
        self.high = np.full((bins, len(units)), -np.inf, dtype=np.float32)
        self.total = np.zeros((bins, len(units)), dtype=np.float64)
        self.present = np.zeros((bins, len(units)), dtype=np.int32)

    def add(self, place: int, face: FaceAnalysis) -> None:
        self.count[place] += 1
        height = face.probability if face.intensity is None else face.intensity
        self.low[place] = np.minimum(self.low[place], height)
        self.high[place] = np.maximum(self.high[place], height)
        self.total[place] += height
        self.present[place] += face.occurrence

    def halve(self) -> None:
        """Let neighbouring bins become one; the second half is free afterwards."""
        for array, join, empty in (
            (self.count, np.add, 0), (self.low, np.minimum, np.inf), (self.high, np.maximum, -np.inf),
            (self.total, np.add, 0), (self.present, np.add, 0),
        ):  # fmt: skip
            half = len(array) // 2
            array[:half] = join(array[0::2], array[1::2])
            array[half:] = empty


class Timeline:
    """Collects frames as they come and draws them at the end.

    Args:
        title: heading; by default the name of the source.
        note: line under the picture; the default says where the numbers come from.
        max_bins: an even number of bins to keep.
    """

    def __init__(
        self,
        title: str | None = None,
        *,
        note: str = "Estimated by a model trained on rendered faces and on portraits without labels",
        max_bins: int = MAX_BINS,
    ) -> None:
        if max_bins < 2 or max_bins % 2:
            raise ValueError(f"max_bins must be even and at least 2, got {max_bins}")
        self.title = title
        self.note = note
        self.frames = 0
        self._bins = max_bins
        self._per_bin = 1
        self._used = 0
        self._in_bin = 0
        self._starts = np.zeros(max_bins)
        self._last = 0.0
        self._gaps: list[tuple[float, float]] = []
        self._courses: dict[int, _Course] = {}
        self._left_out: set[int] = set()

    def add(self, frame: FrameAnalysis) -> None:
        """Take in one frame; frames come in the order of time."""
        if self.title is None:
            self.title = encodable(PurePath(frame.source).name)
        if self.frames and frame.timestamp > self._last + _GAP_SECONDS and len(self._gaps) < _MAX_GAPS:
            self._gaps.append((self._last, frame.timestamp))
        place = self._bin_of(frame.timestamp)
        for face in frame.faces:
            course = self._course_of(face)
            if course is not None:
                course.add(place, face)
        self.frames += 1

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the picture as PNG.

        Raises:
            OutputError: existing file, unwritable folder, full disc.
        """
        return write_bytes(path, self.to_png(), overwrite=overwrite)

    def to_png(self, dpi: int = 150) -> bytes:
        """Draw the picture and return it as PNG."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        faces = sorted(self._courses, key=lambda face: -int(self._courses[face].count.sum()))[:DRAWN_FACES]
        rows = [self._active(self._courses[face]) for face in sorted(faces)]
        heights = [_PANEL_INCHES + _ROW_INCHES * max(1, len(units)) for units in rows] or [1.0]
        notes = self._notes(len(faces))
        total = _FRAME_INCHES + _NOTE_INCHES * (len(notes) - 1) + sum(heights)
        figure = Figure(figsize=(_WIDTH_INCHES, total), dpi=dpi, facecolor="white")
        FigureCanvasAgg(figure)
        top = total - 0.72
        for face, units, height in zip(sorted(faces), rows, heights, strict=False):
            top -= height
            box = (0.21, top / total, 0.68, (height - _PANEL_INCHES) / total)
            self._draw_face(figure.add_axes(box), face, units, last=face == max(faces))
        self._draw_frame(figure, total, faces, notes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": "aufait"})
        return buffer.getvalue()

    def _bin_of(self, timestamp: float) -> int:
        if self._used == 0 or self._in_bin == self._per_bin:
            if self._used == self._bins:
                self._halve()
            if self._in_bin == self._per_bin or self._used == 0:
                self._starts[self._used] = timestamp
                self._used += 1
                self._in_bin = 0
        self._in_bin += 1
        self._last = timestamp
        return self._used - 1

    def _halve(self) -> None:
        half = self._bins // 2
        self._starts[:half] = self._starts[0::2]
        for course in self._courses.values():
            course.halve()
        self._used, self._per_bin, self._in_bin = half, 2 * self._per_bin, 2 * self._per_bin

    def _course_of(self, face: FaceAnalysis) -> _Course | None:
        if face.face_id not in self._courses:
            if len(self._courses) >= MAX_FACES:
                self._left_out.add(face.face_id)
                return None
            self._courses[face.face_id] = _Course(face.action_units, self._bins, face.intensity is not None)
        return self._courses[face.face_id]

    def _active(self, course: _Course) -> list[int]:
        """Positions of the action units that occur at some time, by number."""
        positions = np.flatnonzero(course.present.any(axis=0))
        return sorted(positions.tolist(), key=lambda position: course.units[position])

    def _edges(self) -> np.ndarray:
        """(bins + 1,) times where bins begin and the last one ends."""
        starts = self._starts[: self._used]
        step = float(np.median(np.diff(starts))) if self._used > 1 else 0.04
        end = max(self._last + step / self._per_bin, float(starts[-1]) + 1e-6) if self._used else 1.0
        return np.append(starts, end)

    def _step(self, edges: np.ndarray) -> float:
        """Seconds from frame to frame, as a rule."""
        return float(np.median(np.diff(edges))) / self._per_bin

    def _draw_face(self, axes: Axes, face_id: int, units: list[int], *, last: bool) -> None:
        course, edges = self._courses[face_id], self._edges()
        seen = course.count[: self._used] > 0
        rows = max(1, len(units))
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(rows - 0.04, -0.04)
        hatched: dict[str, Any] = {"facecolor": _GAP, "edgecolor": "#cfd6de", "hatch": "////", "linewidth": 0}
        for start, end in runs(~seen):
            axes.axvspan(edges[start], edges[end], **hatched)
        step = self._step(edges)
        for before, after in self._gaps:
            if after - before > _GAP_STEPS * step:  # the file has no frames there: the last one says nothing about it
                axes.axvspan(before + step, after, zorder=4, **hatched)
        colour = dark_face_colour(face_id)
        for row, position in enumerate(units):
            self._draw_row(axes, course, position, row, seen, edges, colour)
        _style(axes, course, units, last=last)
        share = f"in {100 * seen.mean():.0f} % of the frames" if seen.mean() < 0.995 else ""
        axes.text(0, 1.0, f"Face {face_id}", transform=axes.transAxes, color=colour, fontsize=11, fontweight="bold",
                  va="bottom")  # fmt: skip
        axes.text(0.095, 1.0, share, transform=axes.transAxes, color=_MUTED, fontsize=8.5, va="bottom")
        if not units:
            axes.text(0.5, 0.5, "no action unit occurs", transform=axes.transAxes, ha="center", va="center", color=_MUTED)

    def _draw_row(
        self, axes: Axes, course: _Course, position: int, row: int, seen: np.ndarray, edges: np.ndarray, colour: str
    ) -> None:
        count = np.maximum(course.count[: self._used], 1)
        mean = course.total[: self._used, position] / count
        occurs = course.present[: self._used, position] > 0
        base = row + 0.95
        x = np.repeat(edges, 2)[1:-1]

        def height(values: np.ndarray) -> np.ndarray:
            return np.repeat(base - _FILL * values / (MAX_INTENSITY if course.graded else 1.0), 2)

        here = np.repeat(seen, 2)
        axes.axhline(base, color=_GRID, linewidth=0.7, zorder=1)
        if self._per_bin > 1:
            low = height(np.where(seen, course.low[: self._used, position], 0))
            high = height(np.where(seen, course.high[: self._used, position], 0))
            axes.fill_between(x, low, high, where=here, color=colour, alpha=0.22, linewidth=0, zorder=2)
        axes.fill_between(x, base, height(mean), where=here, color=colour, alpha=0.25, linewidth=0, zorder=2)
        strong = np.repeat(occurs, 2)
        axes.fill_between(x, base, height(mean), where=strong, color=colour, alpha=0.85, linewidth=0, zorder=3)
        highest = float(course.high[: self._used, position].max())
        share = 100 * course.present[: self._used, position].sum() / max(1, course.count.sum())
        beside = axes.get_yaxis_transform()
        style: dict[str, Any] = {"fontsize": 8.5, "color": _INK, "va": "center_baseline", "transform": beside}
        axes.text(1.012, row + 0.56, f"{share:.0f} %" if share >= 0.5 else "< 1 %", ha="left", **style)
        axes.text(1.115, row + 0.56, f"{highest:.1f}" if course.graded else f"{highest:.2f}", ha="right", **style)

    def _draw_frame(self, figure: Any, total: float, faces: Sequence[int], notes: Sequence[str]) -> None:
        look: dict[str, Any] = {"fontsize": 14, "fontweight": "bold", "color": _INK, "va": "top", "parse_math": False}
        figure.text(0.02, 1 - 0.2 / total, self.title or "", **look)
        graded = all(course.graded for course in self._courses.values())
        what = "Intensity 0 to 5" if graded else "Probability 0 to 1 (intensities are not given)"
        strong = "strong colour where it occurs (probability at least 0.5)"
        subtitle = f"{what} of each action unit; {strong}, hatched where no face is seen"
        figure.text(0.02, 1 - 0.5 / total, subtitle, fontsize=9, color=_MUTED, va="top")
        if faces:
            figure.text(0.8985, 1 - 0.72 / total, "frames", fontsize=8, color=_MUTED, va="top", ha="left")
            figure.text(0.9685, 1 - 0.72 / total, "peak", fontsize=8, color=_MUTED, va="top", ha="right")
        else:
            message = "no face was found" if self.frames else "no frame was analysed"
            figure.text(0.55, 0.5, message, fontsize=12, color=_MUTED, ha="center", va="center")
        figure.text(0.02, 0.14 / total, "\n".join(notes), fontsize=8, color=_MUTED, va="bottom", parse_math=False)

    def _notes(self, faces: int) -> list[str]:
        """Lines under the picture, of which ``faces`` faces are drawn."""
        more = len(self._courses) + len(self._left_out) - faces
        note = self.note + (f"; {more} more face{'s' if more > 1 else ''} not drawn" if more > 0 else "")
        if self._per_bin > 1:
            note += f"; {self._per_bin} frames share a point, pale bands show their range"
        return textwrap.wrap(note, _NOTE_LETTERS) or [""]


def _style(axes: Axes, course: _Course, units: list[int], *, last: bool) -> None:
    axes.set_yticks([row + 0.56 for row in range(len(units))])
    axes.set_yticklabels([f"AU{course.units[position]}" for position in units], fontsize=9, color=_INK)
    axes.tick_params(axis="y", length=0, pad=6)
    for row, position in enumerate(units):
        known = ACTION_UNITS.get(course.units[position])
        axes.text(-0.068, row + 0.56, known.name if known else "", transform=axes.get_yaxis_transform(),
                  fontsize=9, color=_INK, va="center_baseline", ha="right")  # fmt: skip
    axes.tick_params(axis="x", color=_MUTED, labelcolor=_MUTED, labelsize=8.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_MUTED)
    start, end = axes.get_xlim()
    unit = time_ticks(axes, start, end, clock=end > CLOCK_FROM)
    axes.grid(axis="x", color=_GRID, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    if last:
        axes.set_xlabel(f"time, {unit}", fontsize=9, color=_MUTED)

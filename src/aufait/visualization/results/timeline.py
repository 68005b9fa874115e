"""The course of the action units over a video, as one picture.

Each face has the same rows, one for each action unit that occurs on any of them, so that faces can be compared; the height of
the filled line is the mean intensity, 0 to 5 (the probability, 0 to 1, where the model gives no intensity), as the scale at the
row says; a paler band behind it reaches from the lowest to the highest value of the frames drawn at one place, and the fill is
strong where the unit occurs. Time without a face is hatched.
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
from aufait.results import MAX_INTENSITY, FrameAnalysis
from aufait.visualization.results.courses import MAX_BINS, MAX_FACES, Course, Courses
from aufait.visualization.time_axis import CLOCK_FROM, dark_face_colour, runs, time_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DRAWN_FACES", "MAX_BINS", "MAX_FACES", "Timeline"]

DRAWN_FACES = 6
"""Faces that are drawn, those seen longest."""

_INK, _MUTED, _GRID, _GAP = "#1c2430", "#5b6675", "#dfe4ea", "#eceff3"
_PANEL_INCHES, _FRAME_INCHES, _WIDTH_INCHES = 0.42, 1.5, 11.0
_ROW_INCHES, _LOW_ROW_INCHES, _MANY_ROWS = 0.36, 0.28, 30
_NOTE_INCHES, _NOTE_LETTERS = 0.14, 150  # of a line under the picture
_FILL = 0.86  # of a row's height that intensity 5 takes
_BASE = 0.95  # of a row's height at which 0 is, from above
_LEFT, _WIDTH = 0.225, 0.665  # of the picture's width: where the axis of time begins, and its length
_TICK = 0.004  # of the axis' length


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
        self.title = title
        self.note = note
        self.courses = Courses(max_bins)

    def add(self, frame: FrameAnalysis) -> None:
        """Take in one frame; frames come in the order of time."""
        if self.title is None:
            self.title = encodable(PurePath(frame.source).name)
        self.courses.add(frame)

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

        faces, units = self.courses.longest_seen(DRAWN_FACES), self.rows()
        row = _ROW_INCHES if len(faces) * len(units) <= _MANY_ROWS else _LOW_ROW_INCHES
        height = _PANEL_INCHES + row * max(1, len(units)) if faces else 1.0
        notes = self._notes(len(faces))
        total = _FRAME_INCHES + _NOTE_INCHES * (len(notes) - 1) + height * max(1, len(faces))
        figure = Figure(figsize=(_WIDTH_INCHES, total), dpi=dpi, facecolor="white")
        FigureCanvasAgg(figure)
        for number, face in enumerate(faces, start=1):
            box = (_LEFT, (total - 0.72 - number * height) / total, _WIDTH, (height - _PANEL_INCHES) / total)
            self._draw_face(figure.add_axes(box), face, units, last=number == len(faces))
        self._draw_frame(figure, total, faces, notes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": "aufait"})
        return buffer.getvalue()

    def rows(self) -> list[int]:
        """Action units that have a row, by number: those that occur at some time on one of the faces that are drawn."""
        return sorted(set().union(*(self.courses.faces[face].occurring() for face in self.courses.longest_seen(DRAWN_FACES))))

    def _draw_face(self, axes: Axes, face_id: int, units: list[int], *, last: bool) -> None:
        course, edges = self.courses.faces[face_id], self.courses.edges()
        seen = course.count[: self.courses.used] > 0
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(max(1, len(units)) - 0.04, -0.04)
        hatched: dict[str, Any] = {"facecolor": _GAP, "edgecolor": "#cfd6de", "hatch": "////", "linewidth": 0}
        for start, end in runs(~seen):
            axes.axvspan(edges[start], edges[end], **hatched)
        for before, after in self.courses.holes():
            axes.axvspan(before, after, zorder=4, **hatched)
        colour = dark_face_colour(face_id)
        for row, unit in enumerate(units):
            _draw_scale(axes, row, graded=course.graded)
            if unit in course.units:
                self._draw_row(axes, course, course.units.index(unit), row, edges, colour)
        _style(axes, units, last=last)
        share = f"in {100 * seen.mean():.0f} % of the frames" if seen.mean() < 0.995 else ""
        heading: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom"}
        axes.text(0, 1.0, f"Face {face_id}", color=colour, fontsize=11, fontweight="bold", **heading)
        axes.text(0.095, 1.0, share, color=_MUTED, fontsize=8.5, **heading)
        if not units:
            axes.text(0.5, 0.5, "no action unit occurs", transform=axes.transAxes, ha="center", va="center", color=_MUTED)

    def _draw_row(self, axes: Axes, course: Course, position: int, row: int, edges: np.ndarray, colour: str) -> None:
        used, many = self.courses.used, self.courses.per_bin > 1
        seen, occurs = course.count[:used] > 0, course.present[:used, position] > 0
        mean = course.total[:used, position] / np.maximum(course.count[:used], 1)
        x, base = np.repeat(edges, 2)[1:-1], row + _BASE

        def fill(low: Any, high: np.ndarray, where: np.ndarray, alpha: float, zorder: int) -> None:
            low, high = (np.repeat(base - _FILL * values / _top(course.graded), 2) for values in (low, high))
            axes.fill_between(x, low, high, where=np.repeat(where, 2), color=colour, alpha=alpha, linewidth=0, zorder=zorder)

        zero = np.zeros(used)
        if many:
            low, high = (np.where(seen, values[:used, position], 0) for values in (course.low, course.high))
            fill(low, high, seen, 0.22, 2)
        fill(zero, mean, seen, 0.25, 2)
        fill(zero, mean, occurs, 0.85, 3)
        highest = float(course.high[:used, position].max())
        share = 100 * course.present[:used, position].sum() / max(1, course.count.sum())
        style: dict[str, Any] = {"fontsize": 8.5, "va": "center_baseline", "transform": axes.get_yaxis_transform()}
        style["color"] = _INK if share else _MUTED
        axes.text(1.012, row + 0.56, f"{share:.0f} %" if share >= 0.5 or not share else "< 1 %", ha="left", **style)
        axes.text(1.115, row + 0.56, f"{highest:.1f}" if course.graded else f"{highest:.2f}", ha="right", **style)

    def _draw_frame(self, figure: Any, total: float, faces: Sequence[int], notes: Sequence[str]) -> None:
        look: dict[str, Any] = {"fontsize": 14, "fontweight": "bold", "color": _INK, "va": "top", "parse_math": False}
        figure.text(0.02, 1 - 0.2 / total, self.title or "", **look)
        what = "Intensity 0 to 5" if self.courses.graded else "Probability 0 to 1 (intensities are not given)"
        strong = "strong colour where it occurs (probability at least 0.5)"
        subtitle = f"{what} of each action unit; {strong}, hatched where no face is seen"
        figure.text(0.02, 1 - 0.5 / total, subtitle, fontsize=9, color=_MUTED, va="top")
        if faces:
            start, end = (_LEFT + place * _WIDTH for place in (1.012, 1.115))
            figure.text(start, 1 - 0.72 / total, "frames", fontsize=8, color=_MUTED, va="top", ha="left")
            figure.text(end, 1 - 0.72 / total, "peak", fontsize=8, color=_MUTED, va="top", ha="right")
        else:
            message = "no face was found" if self.courses.frames else "no frame was analysed"
            figure.text(0.55, 0.5, message, fontsize=12, color=_MUTED, ha="center", va="center")
        figure.text(0.02, 0.14 / total, "\n".join(notes), fontsize=8, color=_MUTED, va="bottom", parse_math=False)

    def _notes(self, faces: int) -> list[str]:
        """Lines under the picture, of which ``faces`` faces are drawn."""
        more = len(self.courses.faces) + len(self.courses.left_out) - faces
        note = self.note + (f"; {more} more face{'s' if more > 1 else ''} not drawn" if more > 0 else "")
        if self.courses.per_bin > 1:
            note += f"; {self.courses.per_bin} frames share a point, pale bands show their range"
        return textwrap.wrap(note, _NOTE_LETTERS) or [""]


def _top(graded: bool) -> float:
    return MAX_INTENSITY if graded else 1.0


def _draw_scale(axes: Axes, row: int, *, graded: bool) -> None:
    """A small axis at the left of a row, with its ends named, and lines over the row at both."""
    top, beside = _top(graded), axes.get_yaxis_transform()
    ends = {0.0: row + _BASE, top: row + _BASE - _FILL}
    look: dict[str, Any] = {"color": _MUTED, "linewidth": 0.7, "transform": beside, "clip_on": False, "zorder": 5}
    axes.plot([0, 0], list(ends.values()), **look)
    for value in np.linspace(0, top, 6) if graded else (0.0, 0.5, 1.0):
        at = row + _BASE - _FILL * value / top
        axes.plot([-_TICK * (2 if value in ends else 1), 0], [at, at], **look)
    for value, at in ends.items():
        axes.axhline(at, color=_GRID, linewidth=0.7, linestyle="-" if value == 0 else (0, (2, 3)), zorder=1)
        inside = "bottom" if value == 0 else "top"  # the next row begins just below
        axes.text(-3 * _TICK, at, f"{value:.0f}", fontsize=6.5, color=_MUTED, ha="right", va=inside, transform=beside)


def _style(axes: Axes, units: list[int], *, last: bool) -> None:
    axes.set_yticks([row + 0.56 for row in range(len(units))])
    axes.set_yticklabels([f"AU{unit}" for unit in units], fontsize=9, color=_INK)
    axes.tick_params(axis="y", length=0, pad=14)
    for row, unit in enumerate(units):
        name = ACTION_UNITS[unit].name if unit in ACTION_UNITS else ""
        axes.text(-0.082, row + 0.56, name, transform=axes.get_yaxis_transform(), fontsize=9, color=_INK,
                  va="center_baseline", ha="right")  # fmt: skip
    axes.tick_params(axis="x", color=_MUTED, labelcolor=_MUTED, labelsize=8.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_MUTED)
    start, end = axes.get_xlim()
    clock = time_ticks(axes, start, end, clock=end > CLOCK_FROM)
    axes.grid(axis="x", color=_GRID, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    if last:
        axes.set_xlabel(f"time, {clock}", fontsize=9, color=_MUTED)

"""Every action unit of every face over time: a filled curve on its scale, events as bars below it, baseline as a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.visualization.findings.blocks import draw_blocks, gaps, heading, shown_as
from aufait.visualization.findings.chart import Chart, Face, Row
from aufait.visualization.findings.figure import GAP, GRID, INK, MUTED, to_file
from aufait.visualization.findings.page import clock_axis, unit_names
from aufait.visualization.time_axis import dark_face_colour, runs

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_BASE, _HEIGHT = 0.82, 0.72
"""Of a row, from above: where the scale's 0 is, and how much its upper end is higher."""

_BAR = (0.86, 0.1)
_ROW_INCHES, _LOW_ROW_INCHES, _MANY_ROWS = 0.36, 0.25, 60
_MOST_APEXES = 150
"""Of one row: beyond, marks of apexes would be one band."""

_DECIMALS = {"intensity": 1, "probability": 2, "occurrence": 0}
_LEAST_LEVEL = 0.01
"""A baseline below this share of the scale would lie on the row's line."""

_DASHES = (0, (3.5, 1.5))
_LEGEND_COLOUR = dark_face_colour(0)


def draw_timeline(chart: Chart, file_format: str = "png") -> bytes:
    """Draw a chart as the content of a file.

    Args:
        file_format: "png", "pdf" or "svg".

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    rows = len(chart.rows) * max(1, len(chart.faces))
    row_inches = _ROW_INCHES if rows <= _MANY_ROWS else _LOW_ROW_INCHES
    crowded = [face.number for face in chart.faces if _most_events(face) > _MOST_APEXES]
    notes = [f"Apexes are not marked where a row has more than {_MOST_APEXES} events."] if crowded else []
    figure = draw_blocks(chart, f"{shown_as(chart)} over time", row_inches, _legend(chart), _draw_face, notes)
    return to_file(figure, file_format)


def _legend(chart: Chart) -> list[tuple[Artist, str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[tuple[Artist, str]] = [(Patch(facecolor=_LEGEND_COLOUR, alpha=0.6), "mean" if chart.shared else "value")]
    if chart.shared:
        entries.append((Patch(facecolor=_LEGEND_COLOUR, alpha=0.22), "highest of the frames that share a point"))
    if chart.baseline:
        entries.append((Line2D([], [], color=INK, linewidth=1, linestyle=_DASHES), f"{chart.baseline}, where it is not 0"))
    if chart.events:
        bar = Line2D([], [], color=_LEGEND_COLOUR, linewidth=3, marker="v", markersize=4, markerfacecolor=INK, markeredgewidth=0)
        entries.append((bar, f"{chart.events}, with its apex"))
    return entries


def _most_events(face: Face) -> int:
    return int(np.bincount(face.bars.row).max()) if face.bars is not None and len(face.bars.row) else 0


def _draw_face(axes: Axes, chart: Chart, face: Face, last: bool) -> None:
    rows = len(chart.rows)
    axes.set_ylim(rows, 0)
    colour = dark_face_colour(face.number)
    gaps(axes, chart, face)
    for place, row in enumerate(chart.rows):
        axes.axhline(place + _BASE, color=GRID, linewidth=0.7, zorder=1)
        if row.kind:
            _draw_row(axes, chart, face, place, colour)
            _draw_scale(axes, place, row)
    if face.bars is not None:
        _draw_events(axes, chart, face, colour)
    told = [shown if (shown := _told(chart, row)) else "" for row in chart.rows]
    unit_names(axes, [row.unit for row in chart.rows], [place + 0.52 for place in range(rows)], size=8.5, told=told)
    clock_axis(axes, chart.edges[0], chart.edges[-1], last=last)
    heading(axes, chart, face)
    _draw_numbers(axes, chart, face)


def _told(chart: Chart, row: Row) -> str:
    """What must be said of a row: that it has nothing, or other scores than most."""
    if not row.kind:
        return "not given"
    return row.kind if row.kind != chart.kinds[0] else ""


def _draw_row(axes: Axes, chart: Chart, face: Face, place: int, colour: str) -> None:
    x = np.repeat(chart.edges, 2)[1:-1]
    base = place + _BASE

    def line(shares: np.ndarray) -> np.ndarray:
        height: np.ndarray = np.repeat(base - _HEIGHT * np.clip(shares, 0, 1), 2)
        return height

    mean = face.mean[:, place]
    known = np.isfinite(mean)
    if chart.shared:
        high = np.where(known, face.high[:, place], 0)
        axes.fill_between(x, base, line(high), color=colour, alpha=0.22, linewidth=0, zorder=2)
    axes.fill_between(x, base, line(np.where(known, mean, 0)), color=colour, alpha=0.6, linewidth=0, zorder=2.2)
    for start, end in runs((face.state == 2) & ~known):  # the face is there, this unit is not told
        axes.fill_between(chart.edges[[start, end]], place + 0.06, base, facecolor=GAP, linewidth=0, zorder=2.1)
    if face.level is not None:
        level = face.level[:, place]
        axes.plot(x, line(np.where(level >= _LEAST_LEVEL, level, np.nan)), color=INK, linewidth=0.7, linestyle=_DASHES, zorder=3)


def _draw_scale(axes: Axes, place: int, row: Row) -> None:
    """A ruler at the right of the row: a tick for each level, numbers at its ends."""
    inside = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    levels = np.linspace(0, 1, 6 if row.kind == "intensity" else 3 if row.kind == "probability" else 2)
    heights = place + _BASE - _HEIGHT * levels
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False}
    axes.vlines(1 + 0.05 / inside, heights[-1], heights[0], color=MUTED, linewidth=0.6, **beside)
    axes.hlines(heights, 1 + 0.05 / inside, 1 + 0.085 / inside, color=MUTED, linewidth=0.6, **beside)
    for height, text in ((heights[0], "0"), (heights[-1], f"{row.top:g}")):
        axes.text(1 + 0.11 / inside, height, text, fontsize=5.5, color=MUTED, va="center_baseline", **beside)


def _draw_events(axes: Axes, chart: Chart, face: Face, colour: str) -> None:
    from matplotlib.collections import PolyCollection

    bars = face.bars
    assert bars is not None
    top, height = bars.row + _BAR[0], _BAR[1]
    across, down = (bars.onset, bars.offset, bars.offset, bars.onset), (top, top, top + height, top + height)
    corners = np.stack([np.stack(across, axis=1), np.stack(down, axis=1)], axis=2)
    drawn = PolyCollection(list(corners), facecolors=colour, edgecolors=colour, linewidths=0.4, zorder=3)
    axes.add_collection(drawn, autolim=False)
    marked = np.bincount(bars.row, minlength=len(chart.rows))[bars.row] <= _MOST_APEXES
    marked &= (bars.apex >= chart.edges[0]) & (bars.apex <= chart.edges[-1])
    column = np.searchsorted(chart.edges, bars.apex[marked], side="right").clip(1, len(face.high)) - 1
    row = bars.row[marked]
    share = np.nan_to_num(face.high[column, row]).clip(0, 1)
    axes.plot(bars.apex[marked], row + _BASE - _HEIGHT * share - 0.05, "v", color=INK, markersize=3.4, markeredgewidth=0, zorder=4)


def _draw_numbers(axes: Axes, chart: Chart, face: Face) -> None:
    """Right of the rows: how many events, and the highest value."""
    inside = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    look: dict[str, Any] = {"fontsize": 8, "color": INK, "va": "center_baseline", "ha": "right", "clip_on": False,
                            "transform": axes.get_yaxis_transform()}  # fmt: skip
    counts = None if face.bars is None else np.bincount(face.bars.row, minlength=len(chart.rows))
    peaks = [f"{peak:.{_DECIMALS.get(row.kind, 0)}f}" for row, peak in zip(chart.rows, face.peak, strict=True)]
    columns = [("peak", 1.08, peaks)]
    if counts is not None:
        columns.append(("events", 0.68, [str(count) for count in counts]))
    for name, place, texts in columns:
        axes.text(1 + place / inside, 1.0, name, **{**look, "va": "bottom", "color": MUTED, "transform": axes.transAxes})
        for line, (row, text) in enumerate(zip(chart.rows, texts, strict=True)):
            known = row.kind and text != "nan"
            ink = INK if known and text != "0" else MUTED
            axes.text(1 + place / inside, line + 0.52, text if known else "–", **{**look, "color": ink})

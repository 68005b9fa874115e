"""Action units over long times as colours: a row per action unit, a block per face, a cell per bin of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aufait.visualization.findings.blocks import draw_blocks, gaps, heading, shown_as
from aufait.visualization.findings.chart import Chart, Face, Row
from aufait.visualization.findings.figure import INK, MUTED, light_to_dark, to_file
from aufait.visualization.findings.page import clock_axis, unit_names
from aufait.visualization.time_axis import runs

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

EVENT = "#d55e00"
_LEVELS = ["0", "1 A", "2 B", "3 C", "4 D", "5 E"]
_ROW_INCHES, _LOW_ROW_INCHES, _MANY_ROWS = 0.21, 0.15, 60


def draw_heatmap(chart: Chart, file_format: str = "png") -> bytes:
    """Draw a chart as the content of a file.

    Args:
        file_format: "png", "pdf" or "svg".

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    rows = len(chart.rows) * max(1, len(chart.faces))
    widths = np.diff(chart.edges)
    what = "Share of frames with each action unit" if chart.measure == "present" else f"Mean of each cell. {shown_as(chart)}"
    cell = f"{_seconds(float(np.median(widths)))} s"
    figure = draw_blocks(
        chart, f"{what}; a cell is {cell}",
        _ROW_INCHES if rows <= _MANY_ROWS else _LOW_ROW_INCHES, _legend(chart), _draw_face,
    )  # fmt: skip
    return to_file(figure, file_format)


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _legend(chart: Chart) -> list[tuple[Artist, str]]:
    from matplotlib.lines import Line2D

    return [(Line2D([], [], color=EVENT, linewidth=2), chart.events)] if chart.events else []


def _draw_face(axes: Axes, chart: Chart, face: Face, last: bool) -> None:
    rows = len(chart.rows)
    axes.set_ylim(rows, 0)
    (part,) = (slice(*run) for run in runs(chart.recorded))
    cells = chart.edges[part.start : part.stop + 1], np.arange(rows + 1), np.ma.masked_invalid(face.mean[part].T)
    axes.pcolormesh(*cells, cmap=light_to_dark(), vmin=0, vmax=1, rasterized=True, zorder=0.6)
    gaps(axes, chart, face)
    axes.hlines(np.arange(1, rows), chart.edges[0], chart.edges[-1], color="white", linewidth=1, zorder=0.9)
    if face.bars is not None:
        bottom = face.bars.row + 0.9
        axes.hlines(bottom, face.bars.onset, face.bars.offset, color=EVENT, linewidth=1.4, zorder=3)
    told = [_told(chart, row) for row in chart.rows]
    size = 8 if axes.get_position().height * _figure_height(axes) / rows >= _ROW_INCHES - 0.01 else 6.5
    unit_names(axes, [row.unit for row in chart.rows], [place + 0.52 for place in range(rows)], size=size, told=told)
    clock_axis(axes, chart.edges[0], chart.edges[-1], last=last)
    axes.grid(visible=False)
    heading(axes, chart, face)
    if face is chart.faces[0]:
        _draw_scale(axes, chart)


def _told(chart: Chart, row: Row) -> str:
    if not row.kind:
        return "not given"
    return row.kind if chart.measure == "mean" and row.kind != chart.kinds[0] else ""


def _figure_height(axes: Axes) -> float:
    return float(axes.figure.get_figheight())  # type: ignore[union-attr]


def _draw_scale(axes: Axes, chart: Chart) -> None:
    """A bar of the colours at the right of the first block."""
    figure, box = axes.figure, axes.get_position()
    width, height = figure.get_figwidth(), figure.get_figheight()  # type: ignore[union-attr]
    tall = min(box.height * height, 2.2)
    scale = figure.add_axes((box.x1 + 0.2 / width, box.y1 - tall / height, 0.14 / width, tall / height))
    scale.imshow(np.linspace(1, 0, 256)[:, None], cmap=light_to_dark(), aspect="auto", extent=(0, 1, 0, 1), vmin=0, vmax=1)
    scale.set_xticks([])
    scale.yaxis.tick_right()
    top = chart.kinds[0] if chart.kinds and chart.measure == "mean" else ""
    texts = _LEVELS if top == "intensity" else ["0", "0.5", "1"] if top else ["0 %", "50 %", "100 %"]
    scale.set_yticks(np.linspace(0, 1, len(texts)), texts, fontsize=7.5, color=MUTED)
    scale.tick_params(length=2, color=MUTED, pad=2)
    scale.yaxis.set_label_position("right")
    label = f"mean {top}" if chart.measure == "mean" else "share of frames"
    scale.set_ylabel(label, fontsize=8, color=INK, labelpad=3)
    for spine in scale.spines.values():
        spine.set_visible(False)

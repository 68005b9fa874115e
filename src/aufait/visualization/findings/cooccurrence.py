"""How often two action units are present together: a matrix with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.visualization.findings.chart import Matrix
from aufait.visualization.findings.figure import GAP, INK, MUTED, light_to_dark, to_file
from aufait.visualization.findings.page import Page, unit_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

_CELL, _SMALL_CELL, _MANY = 0.36, 0.29, 25
_LEFT, _RIGHT, _ABOVE, _BELOW, _LEAST_WIDTH = 2.3, 1.45, 0.34, 0.1, 8.0


def draw_cooccurrence(matrix: Matrix, file_format: str = "png") -> bytes:
    """Draw a matrix as the content of a file.

    Args:
        file_format: "png", "pdf" or "svg".

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    units = len(matrix.units)
    cell = _CELL if units <= _MANY else _SMALL_CELL
    side = cell * units
    width = max(_LEAST_WIDTH, side + _LEFT + _RIGHT)
    page = Page(matrix.title, _said(matrix), matrix.notes, [], side + _ABOVE + _BELOW, width=width, synthetic=matrix.synthetic)
    page.skip(_ABOVE)
    axes = page.panel(side, _LEFT, width - _LEFT - side)
    _draw_cells(axes, matrix, cell)
    _draw_names(axes, matrix, cell)
    _draw_scale(axes, side)
    return to_file(page.figure, file_format)


def _said(matrix: Matrix) -> str:
    faces = f"face{'s' * (len(matrix.faces) > 1)} {', '.join(map(str, matrix.faces))}"
    what = (
        "Jaccard index in %: time with both action units / time with either"
        if matrix.jaccard
        else "Row A, column B: of the time in which A is present, how much has B too, in %"
    )
    diagonal = "Diagonal, grey: share of all time with the action unit"
    return f"{what}. {diagonal}. {matrix.total:,} frames of {faces}; at the right: frames with A"


def _draw_cells(axes: Axes, matrix: Matrix, cell: float) -> None:
    units = len(matrix.units)
    diagonal = np.eye(units, dtype=bool)
    edges = np.arange(units + 1)
    for part, colours in ((~diagonal, light_to_dark((0, 0, 0, 0))), (diagonal, _greys())):
        shown = np.ma.masked_where(~part | ~np.isfinite(matrix.together), matrix.together)
        axes.pcolormesh(edges, edges, shown, cmap=colours, vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.set_facecolor(GAP)
    axes.set_xlim(0, units)
    axes.set_ylim(units, 0)
    size = 7.5 if cell == _CELL else 6
    for row in range(units):
        for column in range(units):
            share = matrix.together[row, column]
            ink = "white" if share > (0.42 if row != column else 0.55) else INK if share >= 0.005 else MUTED
            axes.text(column + 0.5, row + 0.52, _percent(share), fontsize=size, color=ink, ha="center", va="center_baseline")


def _percent(share: float) -> str:
    if np.isnan(share):
        return "–"
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def _draw_names(axes: Axes, matrix: Matrix, cell: float) -> None:
    units = matrix.units
    middles = [place + 0.5 for place in range(len(units))]
    told = ["" if by else "not given" for by in matrix.by]
    size = 8.5 if cell == _CELL else 7.5
    unit_names(axes, units, middles, size=size, told=told)
    axes.xaxis.tick_top()
    axes.set_xticks(middles, [str(unit) for unit in units], fontsize=size, color=INK)
    axes.tick_params(axis="x", length=0, pad=3)
    side = cell * len(units)
    look: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 8, "color": MUTED, "va": "bottom"}
    axes.text(-0.07 / side, 1 + 0.07 / side, "A ↓   B →", ha="right", **look)
    axes.text(1 + 0.08 / side, 1 + 0.07 / side, "frames", **look)
    for middle, count, by in zip(middles, matrix.frames, matrix.by, strict=True):
        text = f"{count:,}" if by else ""
        axes.text(1 + 0.08 / side, middle, text, transform=axes.get_yaxis_transform(), fontsize=size - 1, color=MUTED,
                  va="center_baseline")  # fmt: skip
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_scale(axes: Axes, side: float) -> None:
    """The colours of shares, at the right."""
    figure, box = axes.figure, axes.get_position()
    width, height = figure.get_figwidth(), figure.get_figheight()  # type: ignore[union-attr]
    tall = min(side, 2.0)
    scale = figure.add_axes((box.x1 + 0.75 / width, box.y1 - tall / height, 0.13 / width, tall / height))
    scale.imshow(np.linspace(1, 0, 256)[:, None], cmap=light_to_dark(), aspect="auto", extent=(0, 1, 0, 1), vmin=0, vmax=1)
    scale.set_xticks([])
    scale.yaxis.tick_right()
    scale.set_yticks([0, 0.5, 1], ["0", "50", "100 %"], fontsize=7.5, color=MUTED)
    scale.tick_params(length=2, color=MUTED, pad=2)
    for spine in scale.spines.values():
        spine.set_visible(False)


def _greys() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("aufait-greys", ["#f4f5f7", "#39424e"]).with_extremes(bad=(0, 0, 0, 0))

"""Relations between action units: matrices side by side, and the graph of the strong ones.

Deep Regions figure 5, MGRR-Net figure 4, AUNet figure 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.errors import InputError
from aufait.visualization.figures.figure import (
    GRID,
    INK,
    MUTED,
    axes_at,
    colour_bar,
    colour_map,
    margins,
    new_figure,
    to_png,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDE = 3.9
_EDGE = 0.2


def relation_figure(
    matrices: Mapping[str, np.ndarray],
    action_units: Sequence[int],
    *,
    title: str,
    subtitle: str = "",
    note: str = "",
    signed: bool = True,
    limit: float | None = None,
    graph_of: str | None = None,
    label: str = "correlation",
    per_row: int | None = None,
    synthetic: bool = False,
) -> bytes:
    """Draw matrices side by side.

    Args:
        matrices: heading -> (A, A); nan is left grey.
        action_units: A numbers.
        signed: colours for both signs around 0; otherwise from 0 upwards.
        limit: value of the strongest colour; by default 1 for signed ones, the largest value otherwise.
        graph_of: heading of the matrix whose graph is drawn too, right of all, or in the middle below them with ``per_row``.
        label: what the colours show.
        per_row: matrices side by side before a new row begins; all of them if None.

    Returns:
        PNG.

    Raises:
        InputError: no matrix, or one of another size.
    """
    units = len(action_units)
    wrong = [name for name, values in matrices.items() if values.shape != (units, units)]
    if not matrices or wrong:
        raise InputError(f"relation matrices must be ({units}, {units}), one for each pair of AUs; not so: {', '.join(wrong)}")
    top_value = limit or (1.0 if signed else max(float(np.nanmax(values)) for values in matrices.values()) or 1.0)
    across = len(matrices) if per_row is None else min(per_row, len(matrices))
    lines, aside = -(-len(matrices) // across), graph_of is not None and per_row is None
    panels = across + aside
    step = _SIDE + 0.62
    width = 0.62 + panels * step + 0.55
    head, foot = margins(width, subtitle, note, synthetic=synthetic)
    top = head + 0.4
    height = top + (lines - 1 + (graph_of is not None and not aside)) * step + _SIDE + foot + 0.12
    figure = new_figure(width, height, title, subtitle, note, synthetic=synthetic)
    for place, (name, values) in enumerate(matrices.items()):
        line, column = divmod(place, across)
        axes = axes_at(figure, 0.62 + column * step, top + line * step, _SIDE, _SIDE)
        _draw_matrix(axes, values, action_units, name, signed=signed, limit=top_value)
    bar = 0.62 + across * step - 0.46
    low = f"{-top_value:g}" if signed else "0"
    colour_bar(figure, (bar, top, 0.13, _SIDE), "relation" if signed else "intensity", low, f"{top_value:.2g}", label)
    if graph_of is not None:
        left = 0.9 + across * step if aside else 0.62 + ((across - 1) * step) / 2
        axes = axes_at(figure, left, top if aside else top + lines * step, _SIDE, _SIDE)
        _draw_graph(axes, matrices[graph_of], action_units, top_value)
    return to_png(figure)


def _draw_matrix(axes: Axes, values: np.ndarray, units: Sequence[int], name: str, *, signed: bool, limit: float) -> None:
    colours = colour_map("relation" if signed else "intensity")
    axes.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=-limit if signed else 0, vmax=limit, interpolation="nearest")
    places = range(len(units))
    names = [str(unit) for unit in units]
    axes.set_xticks(places, names, fontsize=8, color=INK)
    axes.set_yticks(places, [f"AU{name}" for name in names], fontsize=8, color=INK)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, pad=3)
    axes.set_title(name, fontsize=9.5, color=INK, pad=5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for edge in np.arange(0.5, len(units) - 1):
        axes.axhline(edge, color="white", linewidth=0.8)
        axes.axvline(edge, color="white", linewidth=0.8)
    size = 7.2 if len(units) > 9 else 8.5
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value) or row == column:
            continue
        strong = abs(value) / limit > (0.62 if signed else 0.45)
        text = f"{value:z.2f}".replace("0.", ".", 1)  # z: no minus before zero
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color="white" if strong else INK)


def graph_edges(matrix: np.ndarray, threshold: float = _EDGE) -> list[tuple[int, int, float]]:
    """Pairs i < j whose mean of both directions is at least ``threshold``, the weakest first."""
    matrix = np.asarray(matrix, np.float64)
    mean = (matrix + matrix.T) / 2
    first, second = np.triu_indices(len(matrix), 1)
    found = [(int(i), int(j), float(mean[i, j])) for i, j in zip(first, second, strict=True) if mean[i, j] >= threshold]
    return sorted(found, key=lambda edge: edge[2])


def _draw_graph(axes: Axes, matrix: np.ndarray, units: Sequence[int], limit: float) -> None:
    """Action units on a circle, in order; lines join those that go together."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(units)) / len(units)
    x, y = np.cos(angles), np.sin(angles)
    colours = colour_map("intensity")
    for first, second, value in graph_edges(matrix):
        share = min(1.0, (value - _EDGE) / max(limit - _EDGE, 1e-6))
        style: dict[str, Any] = {"color": colours(0.3 + 0.65 * share), "linewidth": 0.8 + 6 * share, "solid_capstyle": "round"}
        axes.plot(x[[first, second]], y[[first, second]], zorder=1, **style)
    axes.scatter(x, y, s=430, color="white", edgecolor=INK, linewidth=1.1, zorder=2)
    for place, unit in enumerate(units):
        axes.text(x[place], y[place], str(unit), ha="center", va="center", fontsize=9, fontweight="bold", color=INK, zorder=3)
        known = ACTION_UNITS.get(unit)
        if known:
            far = 1.17
            side = "center" if abs(x[place]) < 0.2 else ("left" if x[place] > 0 else "right")
            axes.text(far * x[place], far * y[place], known.name, ha=side, va="center", fontsize=7.5, color=MUTED)
    axes.set_title(f"graph: correlations of {_EDGE:g} and above", fontsize=9.5, color=INK, pad=5)
    axes.set_xlim(-1.62, 1.62)
    axes.set_ylim(-1.62, 1.62)
    axes.set_aspect("equal")
    axes.set_facecolor("white")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(GRID)
        spine.set_visible(False)

"""Metrics of each action unit under several poses, and their spread (Deep Regions figures 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.errors import InputError
from aufait.visualization.figures.figure import GRID, INK, MUTED, SERIES, axes_at, margins, new_figure, plain, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _PANEL = 9.6, 1.55
_LEFT, _RIGHT = 0.75, 0.3


def metrics_by_group(
    values: Mapping[str, np.ndarray],
    action_units: Sequence[int],
    groups: Sequence[str],
    *,
    title: str,
    subtitle: str = "",
    note: str = "",
    group_word: str = "pose",
    synthetic: bool = False,
) -> bytes:
    """One panel per metric: bars of all groups side by side for each action unit, and for their mean.

    Args:
        values: heading -> (G, A); nan leaves a place empty, with a small mark.
        action_units: A numbers.
        groups: G names.
        group_word: what the groups are.

    Returns:
        PNG.

    Raises:
        InputError: no metric, or shapes that do not fit.
    """
    _check(values, (len(groups), len(action_units)))
    head, foot = margins(_WIDTH, subtitle, note, synthetic=synthetic)
    height = head + 0.25 + len(values) * (_PANEL + 0.32) + 0.2 + foot
    figure = new_figure(_WIDTH, height, title, subtitle, note, synthetic=synthetic)
    top = head + 0.35
    for place, (name, table) in enumerate(values.items()):
        axes = axes_at(figure, _LEFT, top + place * (_PANEL + 0.32), _WIDTH - _LEFT - _RIGHT, _PANEL)
        with_mean = np.concatenate([table, _row_means(table)], axis=1)
        _bars(axes, with_mean, [*(f"AU{unit}" for unit in action_units), "mean"], groups)
        axes.set_ylabel(name, fontsize=9, color=INK)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        if place == 0:
            _legend(axes, groups, group_word)
    return to_png(figure)


def deviation(table: np.ndarray) -> np.ndarray:
    """(G, A) -> (A,) standard deviation over the defined groups (n in the denominator); nan with fewer than two of them."""
    table = np.asarray(table, np.float64)
    known = ~np.isnan(table)
    count = known.sum(0)
    total = np.where(known, table, 0.0)
    mean = total.sum(0) / np.maximum(count, 1)
    variance = (np.where(known, table - mean, 0.0) ** 2).sum(0) / np.maximum(count, 1)
    return np.where(count > 1, np.sqrt(variance), np.nan)


def _bars(axes: Axes, table: np.ndarray, names: Sequence[str], series: Sequence[str]) -> None:
    width = 0.82 / len(series)
    places = np.arange(len(names))
    for number in range(len(series)):
        x = places - 0.41 + (number + 0.5) * width
        heights = table[number]
        axes.bar(x, np.nan_to_num(heights), width=0.88 * width, color=_colour(number, len(series)), linewidth=0, zorder=2)
        undefined = np.isnan(heights)
        axes.plot(x[undefined], np.zeros(int(undefined.sum())), "x", markersize=3, color=MUTED, markeredgewidth=0.7, clip_on=False)
    axes.axvspan(len(names) - 1.5, len(names) - 0.5, color="#f6f8fa", zorder=0)
    axes.set_xlim(-0.55, len(names) - 0.45)
    axes.grid(axis="y", color=GRID, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    plain(axes)
    axes.set_xticks(places, names, fontsize=8.5, color=INK)


def _colour(number: int, count: int) -> Any:
    """A few series get separate colours, many a scale from pale to dark."""
    if count <= len(SERIES) - 2:
        return SERIES[number]
    from aufait.visualization.figures.figure import colour_map

    return colour_map("intensity")(0.22 + 0.7 * number / (count - 1))


def _legend(axes: Axes, names: Sequence[str], word: str) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=_colour(place, len(names)), label=name) for place, name in enumerate(names)]
    axes.legend(handles=handles, ncols=len(names), loc="lower left", bbox_to_anchor=(0, 1.01), frameon=False, fontsize=8,
                handlelength=0.9, handletextpad=0.4, columnspacing=1.1, borderaxespad=0, title=word or None, title_fontsize=8,
                alignment="left")  # fmt: skip


def _row_means(table: np.ndarray) -> np.ndarray:
    known = ~np.isnan(table)
    count = known.sum(1, keepdims=True)
    return np.where(count > 0, np.where(known, table, 0).sum(1, keepdims=True) / np.maximum(count, 1), np.nan)


def _check(values: Mapping[str, np.ndarray], shape: tuple[int, int]) -> None:
    wrong = [name for name, table in values.items() if np.shape(table) != shape]
    if not values or wrong:
        raise InputError(f"metrics must be tables of groups x AUs, {shape}; not so: {', '.join(wrong) or 'none given'}")

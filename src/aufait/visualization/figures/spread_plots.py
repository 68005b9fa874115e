"""How much metrics differ between groups, for several networks below each other (Deep Regions figure 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aufait.errors import InputError
from aufait.visualization.figures.figure import GRID, INK, MUTED, SERIES, axes_at, margins, new_figure, plain, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _PANEL, _STEP = 9.6, 1.75, 2.35
_LEFT, _RIGHT = 0.75, 0.3
_LEAST = 0.05
"""Top of the axis where all is steadier than that."""


def spread_figure(
    spreads: Mapping[str, Mapping[str, np.ndarray]],
    action_units: Sequence[int],
    *,
    title: str,
    subtitle: str = "",
    note: str = "",
    label: str = "standard deviation",
    synthetic: bool = False,
) -> bytes:
    """One panel per network, on one scale: for each action unit a bar per metric, and for their mean.

    Args:
        spreads: heading of a panel -> metric -> (A,) not negative; nan leaves a place empty, with a small mark.
        action_units: A numbers.
        label: what the bars show.

    Returns:
        PNG.

    Raises:
        InputError: no panel, no metric, or values that do not fit the action units.
        MissingExtraError: matplotlib is not installed.
    """
    shape = (len(action_units),)
    wrong = [f"{name}, {metric}" for name, one in spreads.items() for metric, values in one.items() if np.shape(values) != shape]
    if not spreads or wrong or not all(spreads.values()):
        raise InputError(f"spreads must be one value per action unit, {shape}; not so: {', '.join(wrong) or 'none given'}")
    head, foot = margins(_WIDTH, subtitle, note, synthetic=synthetic)
    height = head + 0.3 + len(spreads) * _STEP - 0.2 + foot
    figure = new_figure(_WIDTH, height, title, subtitle, note, synthetic=synthetic)
    known = [values[~np.isnan(values)] for one in spreads.values() for values in one.values()]
    top = max([_LEAST, *(1.08 * float(values.max()) for values in known if len(values))])
    for place, (name, one) in enumerate(spreads.items()):
        axes = axes_at(figure, _LEFT, head + 0.3 + place * _STEP, _WIDTH - _LEFT - _RIGHT, _PANEL)
        _bars(axes, one, action_units)
        axes.set_ylim(0, top)
        axes.set_ylabel(label, fontsize=8.5, color=INK)
        axes.set_title(name, fontsize=9.5, color=INK, loc="left", pad=6)
        if place == 0:
            _legend(axes, list(one))
    return to_png(figure)


def _bars(axes: Axes, spread: Mapping[str, np.ndarray], action_units: Sequence[int]) -> None:
    places, width = np.arange(len(action_units) + 1), 0.82 / len(spread)
    for number, values in enumerate(spread.values()):
        known = values[~np.isnan(values)]
        heights = np.append(values, known.mean() if len(known) else np.nan)
        x = places - 0.41 + (number + 0.5) * width
        axes.bar(x, np.nan_to_num(heights), width=0.88 * width, color=SERIES[number % len(SERIES)], linewidth=0, zorder=2)
        undefined = x[np.isnan(heights)]
        axes.plot(undefined, np.zeros(len(undefined)), "x", markersize=3, color=MUTED, markeredgewidth=0.7, clip_on=False)
    axes.axvspan(len(action_units) - 0.5, len(action_units) + 0.5, color="#f6f8fa", zorder=0)
    axes.set_xlim(-0.55, len(action_units) + 0.55)
    axes.grid(axis="y", color=GRID, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    plain(axes)
    axes.set_xticks(places, [*(f"AU{unit}" for unit in action_units), "mean"], fontsize=8.5, color=INK)


def _legend(axes: Axes, metrics: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=SERIES[place % len(SERIES)], label=name) for place, name in enumerate(metrics)]
    axes.legend(handles=handles, ncols=len(metrics), loc="lower right", bbox_to_anchor=(1, 1.01), frameon=False, fontsize=8,
                handlelength=0.9, handletextpad=0.4, columnspacing=1.1, borderaxespad=0)  # fmt: skip

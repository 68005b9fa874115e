"""Labels and predictions of several networks over a video, action unit by action unit (AUNet figure 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.errors import InputError
from aufait.visualization.figures.figure import (
    BLUE,
    GAP,
    GREEN,
    GRID,
    INK,
    MUTED,
    VERMILION,
    axes_at,
    margins,
    new_figure,
    plain,
    to_png,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRUTH = VERMILION
_SERIES = (GREEN, BLUE, "#a85c8f", "#e69f00")
_STRIPE = 0.105
_WIDTH = 10.0


def prediction_timelines(
    time: np.ndarray,
    occurrence: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    action_units: Sequence[int],
    *,
    title: str,
    subtitle: str = "",
    note: str = "",
    known: np.ndarray | None = None,
    unit: str = "frame",
    threshold: float = 0.5,
    synthetic: bool = False,
) -> bytes:
    """Stripes where each action unit occurs: by the labels, and by each network.

    Args:
        time: (N,) increasing.
        occurrence: (N, A) labels, 0/1.
        predictions: name -> (N, A) probabilities.
        action_units: A numbers.
        known: (N, A) bool; labels that are not known are drawn grey.
        unit: of the time.
        threshold: probability from which an action unit counts as predicted.

    Returns:
        PNG.

    Raises:
        InputError: no frame, or shapes that do not fit.
    """
    time, occurrence = np.asarray(time, float), np.asarray(occurrence)
    shape = (len(time), len(action_units))
    wrong = [name for name, values in {"labels": occurrence, **predictions}.items() if np.shape(values) != shape]
    if not len(time) or wrong:
        raise InputError(f"labels and predictions must be {shape} for {len(time)} frames; not so: {', '.join(wrong)}")
    stripes = 1 + len(predictions)
    row = max(0.34, stripes * _STRIPE + 0.1)
    head, foot = margins(_WIDTH, subtitle, note, synthetic=synthetic)
    top, height = head + 0.3, row * len(action_units)
    figure = new_figure(_WIDTH, top + height + 0.5 + foot, title, subtitle, note, synthetic=synthetic)
    axes = axes_at(figure, 2.25, top, _WIDTH - 2.45, height)
    edges = _edges(time)
    mask = np.ones(shape, bool) if known is None else np.asarray(known, bool)
    for place in range(len(action_units)):
        middle = place + 0.5
        bars = [(occurrence[:, place] > 0) & mask[:, place]]
        bars += [np.asarray(values)[:, place] >= threshold for values in predictions.values()]
        for number, present in enumerate(bars):
            at = middle + (number - (stripes - 1) / 2) * _STRIPE * 1.1 / row
            _stripe(axes, edges, present, at, 0.86 * _STRIPE / row, TRUTH if number == 0 else _SERIES[number - 1])
        _stripe(axes, edges, ~mask[:, place], middle, 0.9, GAP, below=True)
        if place:
            axes.axhline(place, color=GRID, linewidth=0.7, zorder=0)
    _finish(axes, edges, action_units, unit)
    _legend(axes, ["labels", *predictions], row * len(action_units))
    return to_png(figure)


def breaks(present: np.ndarray) -> int:
    """How often a course of 0 and 1 changes: (N,) -> count. Fewer changes than the labels' are a smoother prediction."""
    return int(np.abs(np.diff(np.asarray(present).astype(np.int8))).sum())


def _stripe(
    axes: Axes, edges: np.ndarray, present: np.ndarray, middle: float, height: float, colour: str, *, below: bool = False
) -> None:
    steps = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(np.int8)))
    spans = [(edges[start], edges[end] - edges[start]) for start, end in zip(steps[0::2], steps[1::2], strict=True)]
    if not below:
        axes.plot([edges[0], edges[-1]], [middle, middle], color=colour, alpha=0.22, linewidth=0.6, zorder=1)
    if spans:
        axes.broken_barh(spans, (middle - height / 2, height), facecolor=colour, linewidth=0, zorder=0 if below else 2)


def _edges(time: np.ndarray) -> np.ndarray:
    """(N,) -> (N + 1,): where each frame begins and the last one ends."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    return np.append(time, time[-1] + step)


def _finish(axes: Axes, edges: np.ndarray, units: Sequence[int], unit: str) -> None:
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(len(units), 0)
    plain(axes)
    axes.set_yticks(np.arange(len(units)) + 0.5, [f"AU{number}" for number in units], fontsize=8.5, color=INK)
    axes.set_xlabel(unit, fontsize=8.5, color=MUTED)
    for place, number in enumerate(units):
        known = ACTION_UNITS.get(number)
        name = known.name if known else ""
        axes.text(-0.065, place + 0.5, name, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8, color=MUTED)


def _legend(axes: Axes, names: Sequence[str], height: float) -> None:
    from matplotlib.patches import Patch

    colours = [TRUTH, *_SERIES]
    handles = [Patch(facecolor=colours[place], label=name) for place, name in enumerate(names)]
    above = 1 + 0.04 / max(height, 0.1)
    axes.legend(handles=handles, ncols=len(names), loc="lower right", bbox_to_anchor=(1, above), frameon=False, fontsize=8,
                handlelength=1.2, columnspacing=1.4, borderaxespad=0)  # fmt: skip

"""Drawings of a report as SVG text: scores with bounds, reliability, relations. They need no package and scale without loss."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

import numpy as np

from aufait.action_units import au_name
from aufait.evaluation.evaluate import Evaluation
from aufait.metrics.significance import Interval

_INK, _DIM, _LINE, _BLUE, _ORANGE = "#14181f", "#5b6472", "#d5dae2", "#1f6fb2", "#d55e00"
_NEGATIVE, _POSITIVE = (178, 94, 18), (31, 111, 178)


def draw(kind: str, evaluation: Evaluation) -> str:
    """The drawing "scores", "guessing", "reliability" or "relations" as an ``<svg>`` element."""
    return _DRAWINGS[kind](evaluation)


def _scores(evaluation: Evaluation) -> str:
    """A dot per action unit with its interval, and a tick for the F1 of always saying yes."""
    graded = evaluation.target == "intensity" and "icc_3_1" in evaluation.scores
    metric = "icc_3_1" if graded else "f1_frame"
    names = [*(au_name(unit) for unit in evaluation.action_units), "mean"]
    left, width, step = 60, 560, 24
    low = -1.0 if graded and min(_finite(evaluation, metric, names), default=0.0) < 0 else 0.0

    def x(value: float) -> float:
        return left + width * (min(max(value, low), 1.0) - low) / (1 - low)

    parts = []
    height = step * len(names) + 40
    for tick in np.linspace(low, 1, 6):
        label = f"{tick:.1f}" if graded else f"{tick * 100:.0f}"
        parts += [_line(x(tick), 8, x(tick), height - 26, _LINE), _text(x(tick), height - 10, label, "middle", _DIM)]
    for place, name in enumerate(names):
        y = 20 + step * place
        parts.append(_text(left - 10, y + 4, name, "end", _INK, bold=name == "mean"))
        parts += _dot(evaluation.intervals.get(metric, {}).get(name), evaluation.scores[metric][name], x, y)
        always = np.nan if graded else evaluation.scores["f1_frame"][name] - evaluation.scores["f1_gain"][name]
        if name != "mean" and always == always:
            parts.append(_line(x(always), y - 7, x(always), y + 7, _ORANGE, 2))
    ticks = "; orange tick: F1 of always saying yes"
    legend = "dot: value, bar: interval" + ("" if graded else ticks)
    parts.append(_text(left, height + 8, legend, "start", _DIM))
    return _svg(left + width + 30, height + 16, parts, f"{metric} of each action unit")


def _finite(evaluation: Evaluation, metric: str, names: list[str]) -> list[float]:
    return [value for name in names if (value := evaluation.scores[metric][name]) == value]


def _dot(interval: Interval | None, value: float, x: Callable[[float], float], y: float, colour: str = _BLUE) -> list[str]:
    if value != value:
        return [_text(x(0) + 8, y + 4, "undefined", "start", _DIM)]
    parts = []
    if interval is not None and interval.low == interval.low:
        parts.append(_line(x(interval.low), y, x(interval.high), y, colour, 4, opacity=0.4))
    return [*parts, f'<circle cx="{x(value):.1f}" cy="{y}" r="5" fill="{colour}"/>']


def _guessing(evaluation: Evaluation) -> str:
    """Two panels, ROC area minus 50 and F1 minus that of always saying yes: dots with intervals next to the line of guessing."""
    names = [*(au_name(unit) for unit in evaluation.action_units), "mean"]
    left, width, gap, step = 60, 290, 40, 24
    height = step * len(names) + 66
    parts = [_text(left - 10, 46 + step * place, name, "end", _INK, bold=name == "mean") for place, name in enumerate(names)]
    for number, (metric, title) in enumerate((("roc_gain", "ROC area minus 50"), ("f1_gain", "F1 minus always yes"))):
        start, reach = left + number * (width + gap), _reach(evaluation, metric, names)

        def x(value: float, start: float = start, reach: float = reach) -> float:
            return start + width * (min(max(value, -reach), reach) + reach) / (2 * reach)

        parts.append(_text(start, 16, title, "start", _INK, bold=True))
        for tick in np.linspace(-reach, reach, 5):
            colour, thick = (_INK, 1.5) if tick == 0 else (_LINE, 1)
            parts += [_line(x(tick), 28, x(tick), height - 34, colour, thick)]
            parts += [_text(x(tick), height - 18, f"{tick * 100:+g}" if tick else "0", "middle", _DIM)]
        for place, name in enumerate(names):
            interval = evaluation.intervals.get(metric, {}).get(name)
            better = interval is not None and interval.low > 0
            y = 42 + step * place
            parts += _dot(interval, evaluation.scores[metric][name], x, y, _BLUE if better else _ORANGE)
    parts.append(_text(left, height, "points of percent; 0 is guessing; dot: value, bar: interval", "start", _DIM))
    parts.append(_text(left, height + 16, "blue: the whole interval is above 0, orange: it is not", "start", _DIM))
    return _svg(left + 2 * width + gap + 30, height + 24, parts, "how much better than guessing each action unit is")


def _reach(evaluation: Evaluation, metric: str, names: list[str]) -> float:
    """How far a panel reaches to both sides of 0: as little as holds all values and bounds."""
    intervals = evaluation.intervals.get(metric, {})
    shown = [*_finite(evaluation, metric, names), *(bound for one in intervals.values() for bound in (one.low, one.high))]
    most = max((abs(value) for value in shown if value == value), default=0.0)
    return next((reach for reach in (0.1, 0.25, 0.5) if most <= reach), 1.0)


def _reliability(evaluation: Evaluation) -> str:
    """Share of positives over mean probability; the area of a dot shows how many frames it represents."""
    left, side = 60, 300
    table = evaluation.reliability

    def place(probability: float, share: float) -> tuple[float, float]:
        return left + side * probability, 10 + side * (1 - share)

    parts = [f'<rect x="{left}" y="10" width="{side}" height="{side}" fill="none" stroke="{_LINE}"/>']
    parts.append(_line(*place(0, 0), *place(1, 1), _DIM, 1, dash=True))
    for tick in (0, 0.5, 1):
        parts.append(_text(place(tick, 0)[0], side + 28, f"{tick * 100:.0f}", "middle", _DIM))
        parts.append(_text(left - 8, place(0, tick)[1] + 4, f"{tick * 100:.0f}", "end", _DIM))
    most = max(table[:, 0].max(), 1)
    points = [(*place(mean, share), count) for count, mean, share in table if count]
    parts.append('<polyline fill="none" stroke="{}" stroke-width="1.5" points="{}"/>'.format(
        _BLUE, " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)))  # fmt: skip
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 + 9 * (n / most) ** 0.5:.1f}" fill="{_BLUE}" fill-opacity=".55"/>'
              for x, y, n in points]  # fmt: skip
    parts.append(_text(left + side / 2, side + 48, "probability, %", "middle", _INK))
    parts.append(_text(left + side + 16, 30, "share of frames where the action unit occurs, %; all action units", "start", _DIM))
    parts.append(_text(left + side + 16, 50, "on the dashed line a network is as sure as it should be", "start", _DIM))
    return _svg(left + side + 430, side + 60, parts, "reliability diagram")


def _relations(evaluation: Evaluation) -> str:
    """Two matrices of correlations: labels and predictions."""
    names = [au_name(unit).removeprefix("AU") for unit in evaluation.action_units]
    cell = 30
    parts = []
    width = 2 * (cell * len(names) + 70)
    for number, (title, matrix) in enumerate(
        (("labels", evaluation.relations.truth), ("predictions", evaluation.relations.predicted))
    ):
        left, top = 40 + number * width / 2, 46
        parts.append(_text(left, 16, title, "start", _INK, bold=True))
        for row, name in enumerate(names):
            parts.append(_text(left + cell * (row + 0.5), top - 8, name, "middle", _DIM))
            parts.append(_text(left - 8, top + cell * (row + 0.65), name, "end", _DIM))
            parts += [_cell(left + cell * column, top + cell * row, cell, float(value)) for column, value in enumerate(matrix[row])]
    return _svg(width, 56 + cell * len(names), parts, "relation matrices of labels and predictions")


def _cell(x: float, y: float, side: int, value: float) -> str:
    if value != value:
        fill, label, ink = "#ffffff", "-", _DIM
    else:
        target = _POSITIVE if value > 0 else _NEGATIVE
        red, green, blue = (round(255 + (one - 255) * min(abs(value), 1)) for one in target)
        fill, ink = f"rgb({red},{green},{blue})", "#ffffff" if abs(value) > 0.55 else _INK
        label = f"{value:z.2f}".replace("0.", ".")
    box = f'<rect x="{x:.0f}" y="{y:.0f}" width="{side}" height="{side}" fill="{fill}" stroke="#fff"/>'
    return box + _text(x + side / 2, y + side * 0.63, label, "middle", ink, size=10)


def _svg(width: float, height: float, parts: list[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="{html.escape(title)}" font-family="system-ui, sans-serif" font-size="12">{"".join(parts)}</svg>'
    )


def _line(
    x0: float, y0: float, x1: float, y1: float, colour: str, width: float = 1, *, opacity: float = 1, dash: bool = False
) -> str:
    more = ' stroke-dasharray="5 4"' if dash else ""
    more += f' stroke-opacity="{opacity}"' if opacity < 1 else ""
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" stroke-width="{width}"'
        f' stroke-linecap="round"{more}/>'
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str, *, bold: bool = False, size: int = 12) -> str:
    weight = ' font-weight="600"' if bold else ""
    look = f'text-anchor="{anchor}" fill="{colour}" font-size="{size}"{weight}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{html.escape(text)}</text>'


_DRAWINGS: Mapping[str, Callable[[Evaluation], str]] = {
    "scores": _scores,
    "guessing": _guessing,
    "reliability": _reliability,
    "relations": _relations,
}

"""Small pictures of the page in SVG: confusion matrices and Bland-Altman plots."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from aufait.analysis.agreement.sums import CLOUD

_CELL = 34
_LEFT, _TOP = 60, 36
_PLOT = (280, 200)
_MARGIN = (38, 12, 12, 36)  # left, top, right, bottom
_DEEPEST = 0.6  # opacity at which text stays readable, light and dark
_MEAN_STEP, _DIFFERENCE_STEP = 5 / CLOUD[0], 10 / CLOUD[1]


def confusion_picture(table: np.ndarray, labels: Sequence[str], first: str, second: str, title: str) -> str:
    """A matrix of (C, C) counts as percent of all frames, the darker the more of a row.

    Args:
        labels: of the C categories.
        first: whose categories are the rows.
        second: whose categories are the columns.
        title: for people who hear the page.
    """
    size = len(labels)
    cell = _CELL if size > 2 else 2 * _CELL
    width, height = _LEFT + cell * size + 4, _TOP + cell * size + 4
    total, rows = table.sum(), table.sum(1)
    parts = [
        _text(_LEFT + cell * size / 2, 12, _short(second), "middle", "small"),
        _upright(12, _TOP + cell * size / 2, _short(first)),
    ]
    for place, label in enumerate(labels):
        middle = cell * (place + 0.5)
        parts.append(_text(_LEFT + middle, _TOP - 8, html.escape(label), "middle", "head"))
        parts.append(_text(_LEFT - 6, _TOP + middle + 4, html.escape(label), "end", "head"))
    for row, column in np.ndindex(size, size):
        count = table[row, column]
        x, y = _LEFT + cell * column, _TOP + cell * row
        depth = _DEEPEST * count / rows[row] if rows[row] else 0
        told = html.escape(f"{first}: {labels[row]}, {second}: {labels[column]}: {count:.0f} frames")
        number = _text(x + cell / 2 - 1, y + cell / 2 + 3, _percent(float(count), float(total)), "middle", "count")
        parts.append(
            f'<g><title>{told}</title><rect class="cell" x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" rx="3" '
            f'fill-opacity="{0.04 + depth:.2f}"/>{number}</g>'
        )
    return _svg(width, height, title, parts)


def bland_altman_picture(cloud: np.ndarray, bias: float, low: float, high: float, title: str) -> str:
    """Differences of two intensities over their means, with bias and limits of agreement.

    Args:
        cloud: ``CLOUD`` numbers of frames.
        bias, low, high: in levels; nan is not drawn.
        title: for people who hear the page.
    """
    left, top, right, bottom = _MARGIN
    width, height = _PLOT[0] - left - right, _PLOT[1] - top - bottom
    reach = _reach(cloud, low, high)

    def x(mean: float) -> float:
        return left + width * mean / 5

    def y(difference: float) -> float:
        return top + height * (reach - difference) / (2 * reach)

    parts = [f'<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}"/>']
    for column, row in zip(*np.nonzero(cloud), strict=True):
        mean, difference = column * _MEAN_STEP, (row + 1) * _DIFFERENCE_STEP - 5
        opacity = 0.15 + 0.75 * np.sqrt(cloud[column, row] / cloud.max())
        parts.append(
            f'<rect class="cell" x="{x(mean):.1f}" y="{y(difference):.1f}" width="{width * _MEAN_STEP / 5 - 0.5:.1f}" '
            f'height="{height * _DIFFERENCE_STEP / (2 * reach) - 0.5:.1f}" fill-opacity="{opacity:.2f}">'
            f"<title>{cloud[column, row]:.0f} frames</title></rect>"
        )
    for name, value in (("zero", 0.0), ("bias", bias), ("limit", low), ("limit", high)):
        if abs(value) <= reach:
            parts.append(f'<line class="{name}" x1="{left}" x2="{left + width}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
    parts += [_text(x(mean), top + height + 14, str(mean), "middle", "small") for mean in range(6)]
    ticks = range(-int(reach), int(reach) + 1, 1 if reach <= 3 else 2)
    parts += [_text(left - 6, y(tick) + 4, f"{tick:+d}" if tick else "0", "end", "small") for tick in ticks]
    parts.append(_text(left + width / 2, _PLOT[1] - 6, "mean of both", "middle", "small"))
    parts.append(_upright(10, top + height / 2, "second − first"))
    return _svg(*_PLOT, title, parts)


def _reach(cloud: np.ndarray, low: float, high: float) -> float:
    rows = np.nonzero(cloud.any(0))[0]
    edges = [abs(row * _DIFFERENCE_STEP - 5) for row in (*rows, *(rows + 1))]
    return float(min(5.0, np.ceil(max([1.0, *edges, *(abs(end) for end in (low, high) if end == end)]))))


def _percent(count: float, total: float) -> str:
    if not count or not total:
        return "0" if total else "–"
    share = 100 * count / total
    return f"{share:.0f}" if share >= 1 else "<1"


def _short(name: str) -> str:
    return html.escape(name if len(name) <= 28 else f"{name[:13]}…{name[-13:]}")


def _text(x: float, y: float, text: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text.replace("<1", "&lt;1")}</text>'


def _upright(x: float, y: float, text: str) -> str:
    return f'<text class="small" transform="translate({x:g} {y:g}) rotate(-90)" text-anchor="middle">{text}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg {size} role="img" aria-label="{html.escape(title)}">{"".join(parts)}</svg>'

"""The chart of the page of a batch: who shows which action unit in how much of the time, as one picture in SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.analysis.summary.row import Row

MAX_ROWS = 60
"""Rows that a chart shows; the tables have them all."""

_CELL = 36
_HEIGHT = 26
_LETTER = 6.6  # pixels, wide for 12 pixels of height
_NAME_LETTERS = 30
_TOP = 34


def heat_map(rows: Sequence[tuple[str, Row]], title: str) -> str:
    """A row per name, a column per action unit, the darker the larger the share of valid time; grey: nothing seen.

    Args:
        rows: names and what they stand for.
        title: for people who hear the page.
    """
    units = sorted({unit for _, row in rows for unit in row.action_units})
    shown = rows[:MAX_ROWS]
    left = round(_LETTER * min(_NAME_LETTERS, max(len(name) for name, _ in shown))) + 12
    width, height = left + _CELL * len(units), _TOP + _HEIGHT * len(shown)
    parts = [_head(unit, left + _CELL * place) for place, unit in enumerate(units)]
    for line, (name, row) in enumerate(shown):
        parts.append(_name(name, left, line))
        shares = dict(zip(row.action_units, row.units["share_present"], strict=True))
        parts += [_cell(name, unit, shares.get(unit, math.nan), left + _CELL * place, line) for place, unit in enumerate(units)]
    picture = (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{html.escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
    more = f"<p class='lead'>{len(rows) - MAX_ROWS} more rows are in the tables.</p>" if len(rows) > MAX_ROWS else ""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{html.escape(title)}">{picture}</div>{more}'


def _head(unit: int, x: float) -> str:
    known = ACTION_UNITS.get(unit)
    title = f"<title>{html.escape(f'AU{unit} {known.name}' if known else f'AU{unit}')}</title>"
    return f'<text class="head" x="{x + _CELL / 2 - 1:g}" y="{_TOP - 10}" text-anchor="middle">{unit}{title}</text>'


def _name(name: str, left: float, line: int) -> str:
    short = name if len(name) <= _NAME_LETTERS else f"{name[: _NAME_LETTERS // 2 - 1]}…{name[-_NAME_LETTERS // 2 :]}"
    text = f"{html.escape(short)}<title>{html.escape(name)}</title>"
    return f'<text class="name" x="{left - 10}" y="{_y(line) + 17:g}" text-anchor="end">{text}</text>'


def _cell(name: str, unit: int, share: float, x: float, line: int) -> str:
    known = not math.isnan(share)
    told = f"{100 * share:.0f} % of the valid time" if known else "nothing seen, or not given"
    style = f'fill="{_colour(share)}"' if known else 'class="unknown"'
    box = f'<rect x="{x:g}" y="{_y(line):g}" width="{_CELL - 2}" height="{_HEIGHT - 2}" rx="3" {style}>'
    box += f"<title>{html.escape(f'{name}, AU{unit}: {told}')}</title></rect>"
    if not known or share < 0.005:
        return box
    ink = "light" if share > 0.3 else "dark"
    return f'{box}<text class="{ink}" x="{x + _CELL / 2 - 1:g}" y="{_y(line) + 16:g}" text-anchor="middle">{100 * share:.0f}</text>'


def _y(line: int) -> float:
    return _TOP + _HEIGHT * line


def _colour(share: float) -> str:
    """From nearly white to dark blue; its square root, so that what is rare can be told from what is absent."""
    low, high = np.array([238, 243, 248]), np.array([8, 64, 122])
    mixed = np.rint(low + (high - low) * math.sqrt(min(max(share, 0.0), 1.0))).astype(int)
    return "#" + "".join(f"{value:02x}" for value in mixed)

"""The frame of drawings over time: title, what is shown, panels from the top down, legend and notes. All measures in inches."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aufait.action_units import ACTION_UNITS
from aufait.files.safe_text import encodable
from aufait.visualization.findings.figure import GRID, INK, MUTED, new_figure
from aufait.visualization.time_axis import time_ticks

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH, LEFT, RIGHT = 11.0, 2.3, 1.3
PLAIN: dict[str, Any] = {"parse_math": False}
"""Texts that may come from users: a $ is a dollar."""

_TITLE_LETTERS, _LINE_LETTERS = 78, 165
_TITLE, _LINE, _EDGE, _LEGEND_LINE = 0.3, 0.155, 0.2, 0.2
_NAME_INCHES, _LETTER_WIDTH = 1.7, 0.55
"""Room for a name left of its row, and a letter's width as a share of its height."""

_MARK = "SYNTHETIC: rendered faces"


class Page:
    """A figure that is filled from the top down.

    Args:
        title: name of the recording; shortened in its middle where it is too long.
        subtitle: what is shown; broken into lines.
        notes: sentences under the drawing.
        legend: artists and what they mean, in a line under the drawing.
        body: height of all that will be put on it.
        width: of the figure.
        synthetic: rendered faces; the figure says so.
    """

    def __init__(
        self, title: str, subtitle: str, notes: Sequence[str], legend: Sequence[tuple[Artist, str]], body: float, *,
        width: float = WIDTH, synthetic: bool = False,
    ) -> None:  # fmt: skip
        self.width = width
        letters = round(_LINE_LETTERS * width / WIDTH)
        below = textwrap.wrap(subtitle, letters)
        foot = [line for note in notes for line in textwrap.wrap(encodable(note), letters)]
        rows = _legend_rows([text for _, text in legend], width)
        top = _EDGE + _TITLE + _LINE * len(below) + 0.1
        bottom = _LINE * len(foot) + _LEGEND_LINE * len(rows) + 0.2
        self.height = top + body + bottom
        self.figure = new_figure(width, self.height)
        self._top = top
        name = shortened(encodable(title), round(_TITLE_LETTERS * width / WIDTH) - (22 if synthetic else 0))
        self._text(0.22, _EDGE, name, 14, fontweight="bold", color=INK)
        self._text(0.22, _EDGE + _TITLE, "\n".join(below), 9)
        self._text(0.22, self.height - 0.1 - _LINE * len(foot), "\n".join(foot), 8)
        if synthetic:
            box = {"boxstyle": "round,pad=0.35", "facecolor": "#fff1e6", "edgecolor": "#d55e00", "linewidth": 0.8}
            self._text(width - 0.25, _EDGE + 0.03, _MARK, 8, fontweight="bold", color="#d55e00", ha="right", bbox=box)
        artists = {text: artist for artist, text in legend}
        for number, row in enumerate(rows):
            place = self.height - 0.14 - _LINE * len(foot) - _LEGEND_LINE * (len(rows) - number)
            self._legend([(artists[text], text) for text in row], place)

    def skip(self, inches: float) -> None:
        """Leave room."""
        self._top += inches

    def panel(self, height: float, left: float = LEFT, right: float = RIGHT) -> Axes:
        """Axes over the width of the page, below what is there."""
        inside = self.width - left - right
        box = (left / self.width, 1 - (self._top + height) / self.height, inside / self.width, height / self.height)
        self._top += height
        return self.figure.add_axes(box)

    def _text(self, left: float, top: float, text: str, size: float, **look: Any) -> None:
        look = {"color": MUTED, "va": "top", "linespacing": 1.25, **PLAIN, **look}
        self.figure.text(left / self.width, 1 - top / self.height, text, fontsize=size, **look)

    def _legend(self, entries: Sequence[tuple[Artist, str]], top: float) -> None:
        legend = self.figure.legend(
            [artist for artist, _ in entries], ["x"] * len(entries), loc="upper left", ncol=len(entries), fontsize=8, frameon=False,
            bbox_to_anchor=(0.22 / self.width, 1 - top / self.height), borderpad=0, borderaxespad=0, handlelength=1.6,
            columnspacing=1.6, handletextpad=0.6,
        )  # fmt: skip
        for shown, (_, text) in zip(legend.get_texts(), entries, strict=True):
            shown.set(text=encodable(text), color=INK, **PLAIN)


def _legend_rows(texts: Sequence[str], width: float) -> list[list[str]]:
    """Entries in lines that fit the width."""
    rows: list[list[str]] = []
    room = 0.0
    for text in texts:
        needed = 0.5 + 0.062 * letters_of(text)
        if not rows or needed > room:
            rows.append([])
            room = width - 0.4
        rows[-1].append(text)
        room -= needed
    return rows


def letters_of(text: str) -> int:
    """Width of a text in letters; wide ones of Asian scripts count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def shortened(text: str, letters: int) -> str:
    """A text of at most so many letters, its middle left out where it is longer; without line breaks."""
    text = " ".join(text.split())
    if letters_of(text) <= letters:
        return text
    half = max(1, (letters - 1) // (4 if letters_of(text) > len(text) else 2))
    return f"{text[:half]}…{text[-half:]}"


def unit_names(axes: Axes, units: Sequence[int], middles: Sequence[float], *, size: float, told: Sequence[str] = ()) -> None:
    """Names and numbers of action units left of rows.

    Args:
        middles: height of each row's middle in the axes.
        told: further words for each row, such as "not given".
    """
    axes.set_yticks(list(middles))
    axes.set_yticklabels([f"AU{unit}" for unit in units], fontsize=size, color=INK)
    axes.tick_params(axis="y", length=0, pad=5)
    beside = axes.get_yaxis_transform()
    inside = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    for place, (unit, middle) in enumerate(zip(units, middles, strict=True)):
        known = ACTION_UNITS.get(unit)
        name = known.name if known else ""
        extra = f" ({told[place]})" if told and told[place] else ""
        fitting = min(size, _NAME_INCHES * 72 / _LETTER_WIDTH / max(1, len(name + extra)))
        axes.text(-0.52 / inside, middle, name + extra, transform=beside, fontsize=fitting, color=INK, va="center_baseline",
                  ha="right")  # fmt: skip


def clock_axis(axes: Axes, start: float, end: float, *, last: bool) -> None:
    """Minutes and seconds across; words and numbers under the last panel only."""
    axes.set_xlim(start, end)
    unit = time_ticks(axes, start, end, clock=True)
    axes.tick_params(axis="x", color=MUTED, labelcolor=MUTED, labelsize=8.5, labelbottom=last)
    axes.grid(axis="x", color=GRID, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    if last:
        axes.set_xlabel(f"time, {unit}", fontsize=9, color=MUTED)

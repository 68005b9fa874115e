"""How large the parts of a panel are, and which action units it lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from aufait.results import FaceAnalysis

_LABEL = {"full": 12.4, "short": 3.3, "number": 1.6}  # widths in heights of the text
_BAR = {"full": 6.5, "short": 5.0, "number": 3.0}
_VALUE = {"full": 2.6, "short": 2.6, "number": 0.0}
_FEWER_ROWS = (12, 8, 5, 3, 2, 1)


@dataclass(frozen=True)
class Layout:
    """Sizes of one panel, in pixels.

    Attributes:
        font: height of the text.
        row: height of one action unit.
        label: width of the name.
        bar: width of a bar of intensity 5.
        value: width of the number after the bar.
        padding: space around the rows.
        names: "full" (12 Lip corner puller), "short" (AU12) or "number" (12).
        rows: how many action units it lists.
    """

    font: int
    row: int
    label: int
    bar: int
    value: int
    padding: int
    names: str
    rows: int

    @property
    def width(self) -> int:
        """Of the whole panel."""
        return self.label + self.bar + self.value + 2 * self.padding

    @property
    def height(self) -> int:
        """Of the whole panel, with its heading."""
        return (self.rows + 1) * self.row + 2 * self.padding

    def with_rows(self, rows: int) -> Layout:
        """The same for another number of action units."""
        return replace(self, rows=rows)


def scale_of(size: tuple[int, ...]) -> float:
    """1 for a picture (height, width) 720 pixels high; everything that is drawn grows with it."""
    return float(np.clip(min(size[0], 0.9 * size[1]) / 720, 0.1, 8))


def units_to_show(face: FaceAnalysis, crowd: bool) -> list[int]:
    """Positions of all action units by number, so that rows keep their places; in a crowd only those that occur."""
    order = sorted(range(len(face.action_units)), key=lambda position: face.action_units[position])
    return [position for position in order if not crowd or face.occurrence[position]]


def strongest(face: FaceAnalysis, units: list[int], rows: int) -> list[int]:
    """The most probable ``rows`` of these action units, by number."""
    best = sorted(units, key=lambda position: -face.probability[position])[:rows]
    return [position for position in units if position in set(best)]


def layouts(size: tuple[int, ...], units: int, crowd: bool) -> Iterable[Layout]:
    """Panels to try in a picture (height, width), from comfortable to cramped.

    Args:
        units: action units that should be listed.
        crowd: whether room is short, and long names are not even tried.
    """
    scale = scale_of(size)
    largest, smallest = max(11, round(15 * scale)), max(9, round(9.5 * scale))
    kinds = ("short",) if crowd else ("full", "short")
    fonts = sorted({largest, max(smallest, round(largest * 0.85)), smallest}, reverse=True)
    for font, names in [(font, names) for font in fonts for names in kinds] + [(smallest, "number")]:
        layout = _layout(font, names, units)
        # A few rows of large names help less than all rows of small ones.
        if layout.height <= size[0]:
            yield layout
    for names in ("short", "number"):
        for rows in (number for number in _FEWER_ROWS if number < units):
            layout = _layout(smallest, names, rows)
            if layout.height <= size[0]:
                yield layout


def _layout(font: int, names: str, rows: int) -> Layout:
    label, bar, value = (round(share[names] * font) for share in (_LABEL, _BAR, _VALUE))
    return Layout(font, round(1.32 * font), label, bar, value, max(2, round(0.5 * font)), names, rows)

"""Pictures in rows and columns, with headings: the form of most figures of faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.errors import InputError
from aufait.visualization.figures.figure import (
    INK,
    MUTED,
    axes_at,
    colour_bar,
    margins,
    new_figure,
    text_scale,
    to_png,
)

_GAP = 0.05
_COLUMN_INCHES, _CAPTION_INCHES, _LINE_INCHES = 0.24, 0.2, 0.125
_LETTERS = 17.5
"""Letters of a caption in an inch."""
_BAR_INCHES = 0.75


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A colour bar next to the pictures: name of the colour map, labels of its ends, and what it shows."""

    colours: str
    low: str
    high: str
    label: str = ""


def picture_grid(
    pictures: Sequence[Sequence[np.ndarray | None]],
    *,
    title: str,
    subtitle: str = "",
    note: str = "",
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
    scale: Scale | None = None,
    cell: float = 1.0,
    synthetic: bool = False,
) -> bytes:
    """Draw pictures in a grid.

    Args:
        pictures: rows of (h, w, 3) uint8 RGB; None leaves a place empty. Rows may differ in length.
        title, subtitle, note: texts of the figure.
        columns: headings of the columns.
        rows: headings of the rows; a line break starts a second line.
        captions: words under each picture, in the shape of ``pictures``; wrapped to the width of a picture.
        scale: colour bar.
        cell: side of a picture in inches.
        synthetic: whether the faces are rendered.

    Returns:
        PNG.

    Raises:
        InputError: no picture, or headings that do not fit the grid.
        MissingExtraError: matplotlib is not installed.
    """
    width_cells, height_cells = max((len(row) for row in pictures), default=0), len(pictures)
    if not width_cells:
        raise InputError("a picture grid needs at least one picture")
    if (columns and len(columns) != width_cells) or (rows and len(rows) != height_cells):
        raise InputError(f"a grid of {height_cells} x {width_cells} got {len(rows)} row and {len(columns)} column headings")
    side = max((len(line) for name in rows for line in name.split("\n")), default=0)
    type_scale = text_scale(width_cells * (cell + _GAP) + 1.0)
    left = 0.16 + ((0.075 * side + 0.04) * type_scale + 0.08 if rows else 0.0)
    below = [[_wrapped(words, cell / type_scale) for words in line] for line in captions]
    extra = max((words.count("\n") for line in below for words in line), default=0)
    step_x, step_y = cell + _GAP, cell + ((_CAPTION_INCHES + extra * _LINE_INCHES) * type_scale if captions else _GAP)
    drawn = left + width_cells * step_x
    width = max(4.6, drawn + (_BAR_INCHES * type_scale if scale else 0.12))
    head, foot = margins(width, subtitle, note, synthetic=synthetic)
    top = head + (_COLUMN_INCHES * type_scale if columns else 0.0)
    height = top + height_cells * step_y + foot + 0.06
    figure = new_figure(width, height, title, subtitle, note, synthetic=synthetic)
    for place, name in enumerate(columns):
        x, y = (left + place * step_x + cell / 2) / width, 1 - (top - 0.05) / height
        figure.text(x, y, name, fontsize=8.5 * type_scale, color=INK, ha="center", va="bottom")
    for row, line in enumerate(pictures):
        if rows:
            x, y = (left - 0.1) / width, 1 - (top + row * step_y + cell / 2) / height
            figure.text(x, y, rows[row], fontsize=8.5 * type_scale, color=INK, ha="right", va="center", linespacing=1.3)
        for column, picture in enumerate(line):
            if picture is None:
                continue
            axes = axes_at(figure, left + column * step_x, top + row * step_y, cell, cell)
            axes.imshow(picture, interpolation="lanczos")
            axes.set_axis_off()
            if captions and column < len(below[row]):
                words = below[row][column]
                size = 7 * type_scale
                axes.text(0.5, -0.03, words, transform=axes.transAxes, fontsize=size, color=MUTED, ha="center", va="top")
    if scale:
        tall = min(2.2, height_cells * step_y - _GAP)
        colour_bar(figure, (drawn + 0.1, top, 0.13, tall), scale.colours, scale.low, scale.high, scale.label)
    return to_png(figure)


def _wrapped(words: str, width: float) -> str:
    """Words in lines of ``width`` inches."""
    import textwrap

    return "\n".join(textwrap.wrap(words, max(8, int(_LETTERS * width))))

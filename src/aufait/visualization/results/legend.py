"""The key to the bars, once per picture: what their length, their colour and their halves mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aufait.results import MAX_INTENSITY, FaceAnalysis
from aufait.visualization import drawing
from aufait.visualization.palette import PANEL, TEXT_BRIGHT, probability_colour
from aufait.visualization.results.panel_drawing import draw_bar
from aufait.visualization.results.panel_layout import scale_of
from aufait.visualization.results.panel_places import Box, overlaps

_STEPS = 24  # of the strip of colours
_LARGEST = 0.45  # of the picture's width and height


class Legend:
    """Draws the key in a quiet corner, and in a video in the same one as long as it is free."""

    def __init__(self) -> None:
        self._corner: int | None = None

    @property
    def in_use(self) -> bool:
        """Whether it was drawn before."""
        return self._corner is not None

    def draw(self, canvas: np.ndarray, faces: Sequence[FaceAnalysis], busy: Sequence[Box] | np.ndarray) -> Box | None:
        """Draw it where there is room.

        Args:
            canvas: (H, W, 3) uint8 RGB, changed.
            faces: whose bars it explains.
            busy: heads, panels and whatever else it must not cover.

        Returns:
            x0, y0, x1, y1 in pixels of the key; None where no corner is free or the picture is too small.
        """
        lines, font = _lines(faces), max(10, round(12 * scale_of(canvas.shape[:2])))
        pad, bar, row = max(3, font // 2), 4 * font, round(1.4 * font)
        width = round(bar + 2.6 * pad) + max(drawing.text_width(words, font) for words in lines)
        height = len(lines) * row + pad
        if width > _LARGEST * canvas.shape[1] or height > _LARGEST * canvas.shape[0]:
            return None
        corners = _corners(canvas.shape[:2], width, height, pad)
        free = [number for number, box in enumerate(corners) if not overlaps(box, busy)]
        if not free:
            return None
        if self._corner not in free:
            self._corner = min(free, key=lambda number: _unrest(canvas, corners[number]))
        box = corners[self._corner]
        drawing.panel(canvas, box, font // 2, PANEL)
        for number, words in enumerate(lines):
            middle = box[1] + pad / 2 + (number + 0.5) * row
            (_draw_length, _draw_colours, _draw_halves)[number](canvas, (box[0] + pad, middle), (bar, font))
            drawing.text(canvas, (box[0] + 1.6 * pad + bar, middle), words, font, TEXT_BRIGHT)
        return box


def _lines(faces: Sequence[FaceAnalysis]) -> list[str]:
    graded = any(face.intensity is not None for face in faces)
    sided = any(face.sides is not None for face in faces)
    length = f"length: intensity 0 to {MAX_INTENSITY:.0f}" if graded else "length: probability 0 to 1"
    return [length, "colour: probability 0 to 1", *(["split: person's left above, right below"] if sided else [])]


def _corners(size: tuple[int, ...], width: int, height: int, pad: int) -> list[Box]:
    """Boxes in the four corners of a picture, the lower ones first."""
    right, bottom = size[1] - width - pad, size[0] - height - pad
    return [(x, y, x + width, y + height) for x, y in ((right, bottom), (pad, bottom), (right, pad), (pad, pad))]


def _unrest(canvas: np.ndarray, box: Box) -> float:
    """How much happens in a part of the picture: the spread of its brightness."""
    x0, y0, x1, y1 = (int(side) for side in box)
    return float(canvas[y0:y1:4, x0:x1:4].std())


def _draw_length(canvas: np.ndarray, place: tuple[float, float], size: tuple[int, int]) -> None:
    draw_bar(canvas, place, size, ((MAX_INTENSITY * 0.6, 0.5),))


def _draw_colours(canvas: np.ndarray, place: tuple[float, float], size: tuple[int, int]) -> None:
    length, thick = size[0], max(3, round(0.5 * size[1]))
    top = round(place[1] - thick / 2)
    for step in range(_STEPS):
        left, right = (place[0] + length * (step + end) / _STEPS for end in (0, 1))
        drawing.rectangle(canvas, (left, top, right, top + thick), probability_colour((step + 0.5) / _STEPS))


def _draw_halves(canvas: np.ndarray, place: tuple[float, float], size: tuple[int, int]) -> None:
    draw_bar(canvas, place, size, ((MAX_INTENSITY * 0.8, 0.9), (MAX_INTENSITY * 0.3, 0.4)))

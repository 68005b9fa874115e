"""One panel: a heading, and a row with name, bar and number for each action unit."""

from __future__ import annotations

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.results import MAX_INTENSITY, FaceAnalysis
from aufait.visualization import drawing
from aufait.visualization.palette import PANEL, TEXT_BRIGHT, TEXT_DIM, TRACK, face_colour, probability_colour
from aufait.visualization.results.panel_layout import Layout, strongest, units_to_show
from aufait.visualization.results.panel_places import Place

ASYMMETRY = 1.0
"""Difference of intensity between the sides from which on both are shown."""

_Side = tuple[float, float]  # intensity, probability


def draw_panel(canvas: np.ndarray, face: FaceAnalysis, place: Place, *, crowd: bool) -> None:
    """Draw the panel of a face.

    Args:
        canvas: (H, W, 3) uint8 RGB, changed.
        face: whose action units are listed.
        place: where and how large.
        crowd: list only what occurs.
    """
    layout, x, y = place.layout, place.x, place.y
    drawing.panel(canvas, place.box, layout.font // 2, PANEL)
    _draw_heading(canvas, face, layout, x, y)
    units = strongest(face, units_to_show(face, crowd), layout.rows)
    for row, position in enumerate(units):
        _draw_row(canvas, face, layout, position, x + layout.padding, y + layout.padding + (row + 1) * layout.row)


def _draw_heading(canvas: np.ndarray, face: FaceAnalysis, layout: Layout, x: int, y: int) -> None:
    pad, middle = layout.padding, y + layout.padding + layout.row * 0.42
    mark = max(2, layout.font // 5)
    strip = (x + pad, middle - layout.font * 0.4, x + pad + mark, middle + layout.font * 0.4)
    drawing.rectangle(canvas, strip, face_colour(face.face_id))
    title = f"{face.face_id}" if layout.names == "number" else f"Face {face.face_id}"
    drawing.text(canvas, (x + pad + 2 * mark + 1, middle), title, layout.font, TEXT_BRIGHT)
    if layout.names == "full":
        note = f"quality {face.quality:.2f}" if face.intensity is not None else "probability"
        drawing.text(canvas, (x + layout.width - pad, middle), note, round(layout.font * 0.85), TEXT_DIM, anchor="r")


def _draw_row(canvas: np.ndarray, face: FaceAnalysis, layout: Layout, position: int, x: int, y: int) -> None:
    middle = y + layout.row / 2
    colour = TEXT_BRIGHT if face.occurrence[position] else TEXT_DIM
    _draw_name(canvas, face.action_units[position], layout, (x, middle), colour)
    sides = _sides(face, position)
    bars = sides or ((float(face.strength[position]) * MAX_INTENSITY, float(face.probability[position])),)
    draw_bar(canvas, (x + layout.label, middle), (layout.bar, layout.font), bars)
    if layout.value:
        left = x + layout.label + layout.bar
        value = f"{100 * face.strength[position]:.0f} %" if face.intensity is None else f"{face.intensity[position]:.1f}"
        drawing.text(canvas, (left + 0.35 * layout.font, middle), value, layout.font, colour)
        if sides is not None:
            side = "L" if sides[0][0] > sides[1][0] else "R"
            drawing.text(canvas, (left + layout.value, middle), side, layout.font, probability_colour(1.0), anchor="r")


def _draw_name(canvas: np.ndarray, unit: int, layout: Layout, place: tuple[float, float], colour: tuple[int, int, int]) -> None:
    x, middle = place
    if layout.names == "full":
        number = 2.1 * layout.font
        drawing.text(canvas, (x + number - 0.5 * layout.font, middle), str(unit), layout.font, colour, anchor="r")
        x += number
    drawing.text(canvas, (x, middle), _name(unit, layout), layout.font, colour)


def draw_bar(
    canvas: np.ndarray, place: tuple[float, float], size: tuple[int, int], values: tuple[_Side, ...]
) -> None:
    """Draw a bar on its track.

    Args:
        canvas: (H, W, 3) uint8 RGB, changed.
        place: left end and vertical middle in pixels.
        size: length of intensity 5, and height of the text beside it.
        values: intensity and probability; of the subject's left, then right, where the bar is split.
    """
    left, (length, font) = place[0], size
    thick = max(3, round(0.5 * font))
    top = round(place[1] - thick / 2)
    drawing.rectangle(canvas, (left, top, left + length, top + thick), TRACK)
    half = (thick - 1) / 2
    for number, (intensity, probability) in enumerate(values):
        at = top + round(number * (half + 1))
        high = thick if len(values) == 1 else max(1, round(half))
        drawing.rectangle(canvas, (left, at, left + length * intensity / MAX_INTENSITY, at + high), probability_colour(probability))
    if length >= 40:  # gaps at the whole intensities; the eye then counts instead of measuring
        wide = max(1, round(font / 16))
        for tick in range(1, 5):
            gap = left + length * tick / 5
            drawing.rectangle(canvas, (gap, top, gap + wide, top + thick), PANEL, 0.7)


def _sides(face: FaceAnalysis, position: int) -> tuple[_Side, _Side] | None:
    """Intensity and probability of left and right where they clearly differ and one side occurs, else None."""
    known = ACTION_UNITS.get(face.action_units[position])
    if face.sides is None:
        return None
    left, right = [(float(intensity[position]), float(chance[position])) for intensity, chance in face.sides]
    if known is None or not known.bilateral or abs(left[0] - right[0]) < ASYMMETRY or max(left[1], right[1]) < 0.5:
        return None
    return left, right


def _name(unit: int, layout: Layout) -> str:
    if layout.names == "number":
        return str(unit)
    if layout.names == "full" and unit in ACTION_UNITS:
        return ACTION_UNITS[unit].name
    return f"AU{unit}"

"""Draw an analysis into its picture: face box, 68 landmarks, and next to each face a panel with one bar per action unit.

A bar's length is the intensity, 0 to 5; its colour the probability, from grey over blue (0.5) to pale yellow (1). Where a model
gives no intensity, the length is the probability too, the number is one in per cent, and the panel says so.
Where the two sides of a face clearly differ, the bar splits into the subject's left (above) and right (below) and the
stronger side is named. Sizes follow the picture; panels never cover a face, and keep their place in a video as long
as they can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.landmarks import GROUPS
from aufait.results import MAX_INTENSITY, FaceAnalysis, FrameAnalysis
from aufait.visualization import drawing
from aufait.visualization.palette import PANEL, TEXT_BRIGHT, TEXT_DIM, TRACK, face_colour, probability_colour

ASYMMETRY = 1.0
"""Difference of intensity between the sides from which on both are shown."""

_CLOSED = {"right_eye", "left_eye", "outer_lip", "inner_lip"}
_MANY_FACES = 3
_SMALL_FACE = 80  # pixels
_CRAMPED = 0.15  # what a smaller panel costs, in sizes of the face
_FORGET_AFTER = 300  # frames without a face before its panel's place is given up


_Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Layout:
    """Sizes of one panel, in pixels.

    Attributes:
        font: height of the text.
        row: height of one action unit.
        label: width of the name.
        bar: width of a bar of intensity 5.
        value: width of the number after the bar.
        padding: space around the rows.
        names: "full" (12 Lip corner puller), "short" (AU12) or "number" (12).
        rows: how many action units fit.
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
        return self.label + self.bar + self.value + 2 * self.padding

    def height(self, rows: int) -> int:
        return (rows + 1) * self.row + 2 * self.padding


class Annotator:
    """Draws the frames of one video, or single pictures, one after the other.

    Args:
        landmarks: draw the 68 points.
        panels: draw the action units.
        caption: write frame number and time into the lower left corner.
    """

    def __init__(self, *, landmarks: bool = True, panels: bool = True, caption: bool = True) -> None:
        self.landmarks = landmarks
        self.panels = panels
        self.caption = caption
        self._places: dict[int, tuple[_Layout, int, int, int]] = {}  # face -> layout, rows, x, y
        self._unseen: dict[int, int] = {}
        self._size: tuple[int, ...] = ()

    def __call__(self, image: np.ndarray, frame: FrameAnalysis) -> np.ndarray:
        """Return a copy of the picture with the analysis drawn in.

        Args:
            image: (H, W, 3) uint8 RGB, left as it is.
            frame: its analysis, in pixels of this picture.

        Raises:
            ValueError: the picture has another shape or type.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image must be (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
        canvas = np.array(image, order="C")
        scale = _scale(canvas)
        if canvas.shape != self._size:  # places in frames of another size are none in this one
            self.reset()
            self._size = canvas.shape
        for face in frame.faces:
            self._draw_face(canvas, face, scale)
        panels = self._draw_panels(canvas, frame.faces, scale) if self.panels else []
        if self.caption:
            _draw_caption(canvas, frame, panels, scale)
        return canvas

    def reset(self) -> None:
        """Forget where panels stood, before another video."""
        self._places.clear()
        self._unseen.clear()

    def _draw_face(self, canvas: np.ndarray, face: FaceAnalysis, scale: float) -> None:
        colour = face_colour(face.face_id)
        side = float(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))
        drawing.corners(canvas, face.box, max(1, round(min(2.5 * scale, side / 40))), colour)
        if self.landmarks:
            points = face.landmarks.astype(float)
            radius = round(float(np.clip(side / 140, 0.7, max(0.7, 3 * scale))), 1)
            # On a small face dots would run into each other and hide what they mark.
            lines, radius = (_contours(points), radius) if side >= _SMALL_FACE else ([], 0.6)
            drawing.strokes(canvas, lines, max(0.8, 0.8 * radius), points, radius, (255, 255, 255))

    def _draw_panels(self, canvas: np.ndarray, faces: tuple[FaceAnalysis, ...], scale: float) -> list[_Box]:
        self._forget({face.face_id for face in faces})
        boxes = np.array([face.box for face in faces], dtype=float).reshape(-1, 4)
        taken: list[_Box] = []
        for face in faces:
            units = _units_to_show(face, len(faces))
            place = self._place(canvas.shape[:2], face, boxes, taken, len(units), scale)
            if place is None:
                self._places.pop(face.face_id, None)
                continue
            layout, rows, x, y = self._places[face.face_id] = place
            taken.append((x, y, x + layout.width, y + layout.height(rows)))
            _draw_panel(canvas, face, layout, _strongest(face, units, rows), rows, x, y)
        return taken

    def _forget(self, present: set[int]) -> None:
        for face_id in list(self._places):
            self._unseen[face_id] = 0 if face_id in present else self._unseen.get(face_id, 0) + 1
            if self._unseen[face_id] > _FORGET_AFTER:
                del self._places[face_id], self._unseen[face_id]

    def _place(
        self,
        size: tuple[int, ...],
        face: FaceAnalysis,
        boxes: np.ndarray,
        taken: list[_Box],
        units: int,
        scale: float,
    ) -> tuple[_Layout, int, int, int] | None:
        """Where the panel goes: its old place while that is free, else the best free one; None where there is none."""
        if units == 0:
            return None
        many = len(boxes) >= _MANY_FACES
        old = self._places.get(face.face_id)
        if old is not None:
            layout, rows, x, y = old
            panel = (x, y, x + layout.width, y + layout.height(rows))
            if (rows == units or not many) and not _overlaps(panel, boxes) and not _overlaps(panel, np.array(taken)):
                return old
        reach = max(float(np.max(face.box[2:] - face.box[:2])), 0.12 * min(size[:2]))
        best, least = None, np.inf
        for rank, layout in enumerate(_layouts(size, scale, units, many)):
            rows = min(units, layout.rows)
            spot = _best_spot(size, face.box, boxes, taken, layout.width, layout.height(rows), scale)
            if spot is None:
                continue
            # A cramped panel next to its face is better than a comfortable one on the other side of the picture.
            cost = spot[2] / reach + _CRAMPED * rank
            if cost < least:
                best, least = (layout, rows, *spot[:2]), cost
            if least < _CRAMPED * (rank + 1):
                break
        return best


def annotate(image: np.ndarray, frame: FrameAnalysis, *, caption: bool = False) -> np.ndarray:
    """Return a copy of one picture with its analysis drawn in; for the frames of a video use one ``Annotator``.

    Args:
        image: (H, W, 3) uint8 RGB, left as it is.
        frame: its analysis.
        caption: write frame number and time into the lower left corner.
    """
    return Annotator(caption=caption)(image, frame)


def _scale(image: np.ndarray) -> float:
    """1 for a picture 720 pixels high; sizes in this module are multiplied by it."""
    return float(np.clip(min(image.shape[0], 0.9 * image.shape[1]) / 720, 0.1, 8))


def _contours(points: np.ndarray) -> list[np.ndarray]:
    lines = []
    for name, group in GROUPS.items():
        line = points[list(group)]
        lines.append(np.concatenate([line, line[:1]]) if name in _CLOSED else line)
    return lines


def _units_to_show(face: FaceAnalysis, faces: int) -> list[int]:
    """All action units, so that rows keep their places; in a crowd only those that occur, for want of room."""
    order = sorted(range(len(face.action_units)), key=lambda position: face.action_units[position])
    return [position for position in order if faces < _MANY_FACES or face.occurrence[position]]


def _strongest(face: FaceAnalysis, units: list[int], rows: int) -> list[int]:
    """The most probable ``rows`` of these action units, by number."""
    best = sorted(units, key=lambda position: -face.probability[position])[:rows]
    return [position for position in units if position in set(best)]


def _layouts(size: tuple[int, ...], scale: float, units: int, many: bool) -> Iterable[_Layout]:
    """Panels to try, from comfortable to cramped."""
    height = size[0]
    largest = max(11, round(15 * scale))
    smallest = max(9, round(9.5 * scale))
    kinds = ("short",) if many else ("full", "short")
    fonts = sorted({largest, max(smallest, round(largest * 0.85)), smallest}, reverse=True)
    for font, names in [(font, names) for font in fonts for names in kinds] + [(smallest, "number")]:
        layout = _layout(font, names, units)
        # A few rows of large names help less than all rows of small ones.
        if (height - 2 * layout.padding) // layout.row - 1 >= units:
            yield layout
    for names in ("short", "number"):
        layout = _layout(smallest, names, units)
        for rows in (units, 12, 8, 5, 3):
            fits = (height - 2 * layout.padding) // layout.row - 1
            if 3 <= min(rows, fits) < units or (units <= rows <= fits):
                yield _layout(smallest, names, min(rows, fits))


def _layout(font: int, names: str, rows: int) -> _Layout:
    padding = max(2, round(0.5 * font))
    label = {"full": 12.4, "short": 3.3, "number": 1.6}[names] * font
    bar = {"full": 6.5, "short": 5.0, "number": 3.0}[names] * font
    value = {"full": 2.6, "short": 2.6, "number": 0.0}[names] * font
    return _Layout(font, round(1.32 * font), round(label), round(bar), round(value), padding, names, rows)


def _best_spot(
    size: tuple[int, ...],
    box: np.ndarray,
    boxes: np.ndarray,
    taken: list[_Box],
    width: int,
    height: int,
    scale: float,
) -> tuple[int, int, float] | None:
    """Upper left corner of a panel, clear of all faces and panels and near its face, and its cost; None for none."""
    gap = max(3, round(12 * scale))
    right, bottom = size[1] - width, size[0] - height
    if right < 0 or bottom < 0:
        return None
    x0, y0, x1, y1 = (float(side) for side in box)
    # Hair and ears reach beyond the box, which ends at the brows and the jaw.
    wide = 0.14 * (x1 - x0)
    columns = [x1 + wide + gap, x1 + gap, x0 - wide - gap - width, x0 - gap - width, right - gap, gap, right, 0]
    columns += [(x0 + x1 - width) / 2]
    rows = [
        (y0 + y1 - height) / 2,
        y0 - 0.2 * (y1 - y0),
        bottom - gap,
        gap,
        bottom / 2,
        y1 + gap,
        y0 - gap - height,
        0,
        bottom,
    ]
    best, least = None, np.inf
    for x in columns:
        for y in rows:
            left, top = round(min(max(x, 0), right)), round(min(max(y, 0), bottom))
            panel = (left, top, left + width, top + height)
            if _overlaps(panel, boxes) or _overlaps(panel, np.array(taken)):
                continue
            cost = _cost(panel, box, boxes)
            if cost < least:
                best, least = (left, top, cost), cost
    return best


def _cost(panel: _Box, box: np.ndarray, boxes: np.ndarray) -> float:
    """Distance from the panel to its face, plus a penalty where it hides hair, ears or neck of any face."""
    x0, y0, x1, y1 = (float(side) for side in box)
    dx = max(panel[0] - x1, x0 - panel[2], 0)
    dy = max(panel[1] - y1, y0 - panel[3], 0)
    off_centre = abs((panel[1] + panel[3]) - (y0 + y1)) / 2
    hidden = 0.0
    for face in boxes:
        width, height = face[2] - face[0], face[3] - face[1]
        head = face + np.array([-0.14 * width, -0.45 * height, 0.14 * width, 0.08 * height])
        across = min(panel[2], head[2]) - max(panel[0], head[0])
        down = min(panel[3], head[3]) - max(panel[1], head[1])
        if across > 0 and down > 0:
            hidden += across * down / max(1.0, np.sqrt(width * height))
    return dx + 1.5 * dy + 0.15 * off_centre + 4 * hidden


def _overlaps(panel: _Box, boxes: np.ndarray) -> bool:
    if boxes.size == 0:
        return False
    across = np.minimum(panel[2], boxes[:, 2]) - np.maximum(panel[0], boxes[:, 0])
    down = np.minimum(panel[3], boxes[:, 3]) - np.maximum(panel[1], boxes[:, 1])
    return bool(((across > 0) & (down > 0)).any())


def _draw_panel(canvas: np.ndarray, face: FaceAnalysis, layout: _Layout, units: list[int], rows: int, x: int, y: int) -> None:
    width, height, pad = layout.width, layout.height(rows), layout.padding
    drawing.panel(canvas, (x, y, x + width, y + height), layout.font // 2, PANEL)
    middle = y + pad + layout.row * 0.42
    mark = max(2, layout.font // 5)
    drawing.rectangle(canvas, (x + pad, middle - layout.font * 0.4, x + pad + mark, middle + layout.font * 0.4),
                      face_colour(face.face_id))  # fmt: skip
    title = f"{face.face_id}" if layout.names == "number" else f"Face {face.face_id}"
    start = x + pad + 2 * mark + 1
    drawing.text(canvas, (start, middle), title, layout.font, TEXT_BRIGHT)
    if layout.names == "full":
        note = f"quality {face.quality:.2f}" if face.intensity is not None else "probability"
        drawing.text(canvas, (x + width - pad, middle), note, round(layout.font * 0.85), TEXT_DIM, anchor="r")
    for row, position in enumerate(units):
        _draw_row(canvas, face, layout, position, x + pad, y + pad + (row + 1) * layout.row)


def _draw_row(canvas: np.ndarray, face: FaceAnalysis, layout: _Layout, position: int, x: int, y: int) -> None:
    unit = face.action_units[position]
    probability, strength = float(face.probability[position]), float(face.strength[position])
    occurs = bool(face.occurrence[position])
    colour = TEXT_BRIGHT if occurs else TEXT_DIM
    middle = y + layout.row / 2
    number = 0.0
    if layout.names == "full":
        number = 2.1 * layout.font
        drawing.text(canvas, (x + number - 0.5 * layout.font, middle), str(unit), layout.font, colour, anchor="r")
    drawing.text(canvas, (x + number, middle), _name(unit, layout), layout.font, colour)

    left = x + layout.label
    thick = max(3, round(0.5 * layout.font))
    top = round(middle - thick / 2)
    drawing.rectangle(canvas, (left, top, left + layout.bar, top + thick), TRACK)
    sides = _sides(face, position)
    if sides is None:
        drawing.rectangle(canvas, (left, top, left + layout.bar * strength, top + thick), probability_colour(probability))
    else:
        half = (thick - 1) / 2
        for number, (intensity, chance) in enumerate(sides):
            at = top + round(number * (half + 1))
            end = left + layout.bar * intensity / MAX_INTENSITY
            drawing.rectangle(canvas, (left, at, end, at + max(1, round(half))), probability_colour(chance))
    _draw_ticks(canvas, layout, left, top, thick)
    if layout.value:
        side = "" if sides is None else "L" if sides[0][0] > sides[1][0] else "R"
        value = f"{100 * strength:.0f} %" if face.intensity is None else f"{face.intensity[position]:.1f}"
        drawing.text(canvas, (left + layout.bar + 0.35 * layout.font, middle), value, layout.font, colour)
        if side:
            place = (left + layout.bar + layout.value, middle)
            drawing.text(canvas, place, side, layout.font, probability_colour(1.0), anchor="r")


def _draw_ticks(canvas: np.ndarray, layout: _Layout, left: int, top: int, thick: int) -> None:
    """Gaps at the whole intensities; the eye then counts instead of measuring."""
    if layout.bar < 40:
        return
    wide = max(1, round(layout.font / 16))
    for tick in range(1, 5):
        at = left + layout.bar * tick / 5
        drawing.rectangle(canvas, (at, top, at + wide, top + thick), PANEL, 0.7)


def _sides(face: FaceAnalysis, position: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Intensity and probability of left and right where they clearly differ and one side occurs, else None."""
    known = ACTION_UNITS.get(face.action_units[position])
    if face.sides is None:
        return None
    (left, left_chance), (right, right_chance) = [(float(a[position]), float(b[position])) for a, b in face.sides]
    chances = left_chance, right_chance
    if known is None or not known.bilateral or abs(left - right) < ASYMMETRY or max(chances) < 0.5:
        return None
    return (left, chances[0]), (right, chances[1])


def _name(unit: int, layout: _Layout) -> str:
    if layout.names == "number":
        return str(unit)
    if layout.names == "full" and unit in ACTION_UNITS:
        return ACTION_UNITS[unit].name
    return f"AU{unit}"


def _draw_caption(canvas: np.ndarray, frame: FrameAnalysis, panels: list[_Box], scale: float) -> None:
    """Frame number and time, in the first lower or upper corner that is free; nowhere rather than over a face."""
    words = f"frame {frame.frame}   {frame.timestamp:.2f} s" + ("" if frame.faces else "   no face")
    size = max(10, round(13 * scale))
    pad = max(2, size // 2)
    width, height = drawing.text_width(words, size) + 2 * pad, size + pad
    right, bottom = canvas.shape[1] - width - pad, canvas.shape[0] - height - pad
    if right < pad or bottom < 2 * height:
        return
    busy = np.array([tuple(face.box) for face in frame.faces] + panels, dtype=float)
    for x, y in ((pad, bottom), (right, bottom), (right, pad), (pad, pad)):
        if not _overlaps((x, y, x + width, y + height), busy):
            drawing.panel(canvas, (x, y, x + width, y + height), size // 3, PANEL)
            drawing.text(canvas, (x + pad, y + height / 2), words, size, TEXT_BRIGHT)
            return

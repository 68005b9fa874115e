"""Draw an analysis into its picture: face box, 68 landmarks, and next to each face a panel with one bar per action unit.

A bar's length is the intensity, 0 to 5; its colour the probability, from grey over blue (0.5) to pale yellow (1). Where a model
gives no intensity, the length is the probability too, the number is one in per cent, and the panel says so.
Where the two sides of a face clearly differ, the bar splits into the subject's left (above) and right (below) and the
stronger side is named. A small key says so in each picture. Sizes follow the picture; panels never cover a head, shrink
where room is short, and keep their place in a video as long as they can.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aufait.results import FaceAnalysis, FrameAnalysis
from aufait.visualization import drawing
from aufait.visualization.palette import PANEL, TEXT_BRIGHT
from aufait.visualization.results.face_marks import draw_face
from aufait.visualization.results.legend import Legend
from aufait.visualization.results.panel_drawing import draw_panel
from aufait.visualization.results.panel_layout import scale_of, units_to_show
from aufait.visualization.results.panel_margin import widened
from aufait.visualization.results.panel_places import Box, PanelPlaces, head_box, overlaps


class Annotator:
    """Draws the frames of one video, or single pictures, one after the other.

    Args:
        landmarks: draw the 68 points, those of the brows moved down onto them.
        panels: draw the action units.
        caption: write frame number and time into a corner, and which faces have no panel for want of room.
        legend: draw the key to the bars into a corner where one is free.
        margin: give faces whose panel fits nowhere a margin on the right of the picture, which is then wider than it was;
            not for videos, whose frames are of one size.
    """

    def __init__(
        self,
        *,
        landmarks: bool = True,
        panels: bool = True,
        caption: bool = True,
        legend: bool = True,
        margin: bool = False,
    ) -> None:
        self.landmarks = landmarks
        self.panels = panels
        self.caption = caption
        self.legend = legend
        self.margin = margin
        self._size: tuple[int, ...] = ()
        self._places, self._key = PanelPlaces(), Legend()

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
        if canvas.shape != self._size:  # places in frames of another size are none in this one
            self.reset()
            self._size = canvas.shape
        scale = scale_of(canvas.shape[:2])
        for face in frame.faces:
            draw_face(canvas, face, scale, landmarks=self.landmarks)
        busy: list[Box] = [tuple(head_box(face).tolist()) for face in frame.faces]
        canvas, panels, missing = self._draw_panels(canvas, frame.faces) if self.panels else (canvas, [], [])
        busy += panels
        if self.caption:
            busy += _draw_caption(canvas, frame, missing, busy, scale)
        if self.legend and (panels or self._key.in_use):
            self._key.draw(canvas, frame.faces, busy)
        return canvas

    def reset(self) -> None:
        """Forget where everything stood, before another video."""
        self._places, self._key = PanelPlaces(), Legend()
        self._size = ()

    def _draw_panels(
        self, canvas: np.ndarray, faces: Sequence[FaceAnalysis]
    ) -> tuple[np.ndarray, list[Box], list[int]]:
        """The picture, wider where that was needed and allowed, boxes of panels, and faces that have none for want of room."""
        places, crowd = dict(self._places.arrange(canvas.shape[:2], faces)), self._places.crowd
        homeless = [face for face in faces if face.face_id not in places and units_to_show(face, crowd)]
        if self.margin and homeless:
            canvas, beside = widened(canvas, homeless, crowd=crowd)
            places |= beside
        for face in faces:
            if face.face_id in places:
                draw_panel(canvas, face, places[face.face_id], crowd=crowd)
        missing = [face.face_id for face in homeless if face.face_id not in places]
        return canvas, [place.box for place in places.values()], missing


def annotate(image: np.ndarray, frame: FrameAnalysis, *, caption: bool = False, legend: bool = True) -> np.ndarray:
    """Return a copy of one picture with its analysis drawn in; for the frames of a video use one ``Annotator``.

    Args:
        image: (H, W, 3) uint8 RGB, left as it is.
        frame: its analysis.
        caption: write frame number and time into a corner.
        legend: draw the key to the bars.
    """
    return Annotator(caption=caption, legend=legend)(image, frame)


def _draw_caption(
    canvas: np.ndarray, frame: FrameAnalysis, missing: Sequence[int], busy: Sequence[Box], scale: float
) -> list[Box]:
    """Frame number and time, in the first lower or upper corner that is free; nowhere rather than over a face."""
    words = f"frame {frame.frame}   {frame.timestamp:.2f} s" + ("" if frame.faces else "   no face")
    if missing:
        words += f"   no room for face{'s' * (len(missing) > 1)} {', '.join(map(str, missing))}"
    size = max(10, round(13 * scale))
    pad = max(2, size // 2)
    width, height = drawing.text_width(words, size) + 2 * pad, size + pad
    right, bottom = canvas.shape[1] - width - pad, canvas.shape[0] - height - pad
    if right < pad or bottom < 2 * height:
        return []
    for x, y in ((pad, bottom), (right, bottom), (right, pad), (pad, pad)):
        box = (x, y, x + width, y + height)
        if not overlaps(box, busy):
            drawing.panel(canvas, box, size // 3, PANEL)
            drawing.text(canvas, (x + pad, y + height / 2), words, size, TEXT_BRIGHT)
            return [box]
    return []

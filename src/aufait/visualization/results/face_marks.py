"""Box and landmarks of one face. Brow points are drawn on the brows, above whose upper edge the 68 points are."""

from __future__ import annotations

import numpy as np

from aufait.landmarks import GROUPS, POINTS
from aufait.results import FaceAnalysis
from aufait.visualization import drawing
from aufait.visualization.palette import face_colour

_CLOSED = {"right_eye", "left_eye", "outer_lip", "inner_lip"}
_SMALL_FACE = 80  # pixels

_TO_BROW = np.array([(0.013, 0.087), (-0.013, 0.143), (-0.038, 0.150), (-0.060, 0.168), (-0.029, 0.158)])
"""From points 17-21 to the middle of the brow: shares of the way from outer eye corner 36 to 45, and of that from 27 to 33.

Means over 195 photographs of both finders, the middle being half-way between the mesh's upper and lower row of brow vertices.
"""


def draw_face(canvas: np.ndarray, face: FaceAnalysis, scale: float, *, landmarks: bool = True) -> None:
    """Draw the corners of the box and the points.

    Args:
        canvas: (H, W, 3) uint8 RGB, changed.
        face: in pixels of this picture.
        scale: of the picture, see ``scale_of``.
        landmarks: whether to draw the points.
    """
    side = float(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))
    drawing.corners(canvas, face.box, max(1, round(min(2.5 * scale, side / 40))), face_colour(face.face_id))
    if not landmarks:
        return
    points = on_the_brows(face.landmarks)
    radius = round(float(np.clip(side / 140, 0.7, max(0.7, 3 * scale))), 1)
    # On a small face dots would run into each other and hide what they mark.
    lines, radius = (_contours(points), radius) if side >= _SMALL_FACE else ([], 0.6)
    drawing.strokes(canvas, lines, max(0.8, 0.8 * radius), points, radius, (255, 255, 255))


def _contours(points: np.ndarray) -> list[np.ndarray]:
    lines = []
    for name, group in GROUPS.items():
        line = points[list(group)]
        lines.append(np.concatenate([line, line[:1]]) if name in _CLOSED else line)
    return lines



def on_the_brows(landmarks: np.ndarray) -> np.ndarray:
    """The 68 points (68, 2) in pixels with those of the brows moved from above the brows onto them, float64; for drawing only.

    Networks and tables keep the points as they are found: both finders learned them from rendered heads, where they are above
    the hair of the brow.
    """
    points = landmarks.astype(float)
    across, down = points[POINTS["left_eye_outer"]] - points[POINTS["right_eye_outer"]], _nose(points)
    for group, sign in (("right_brow", 1.0), ("left_brow", -1.0)):
        shares = _TO_BROW[:: int(sign)]
        points[list(GROUPS[group])] += sign * shares[:, :1] * across + shares[:, 1:] * down
    return points


def _nose(points: np.ndarray) -> np.ndarray:
    return points[POINTS["subnasale"]] - points[POINTS["nose_root"]]

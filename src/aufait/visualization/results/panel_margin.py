"""A margin beside a picture, for the panels of faces that leave no free place in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aufait.results import FaceAnalysis
from aufait.visualization.palette import INK
from aufait.visualization.results.panel_layout import Layout, layouts, scale_of, units_to_show
from aufait.visualization.results.panel_places import Place


def widened(canvas: np.ndarray, faces: Sequence[FaceAnalysis], *, crowd: bool) -> tuple[np.ndarray, dict[int, Place]]:
    """The picture with a dark margin on its right, and where panels stand in it, one below the other.

    Args:
        canvas: (H, W, 3) uint8 RGB.
        faces: without a place in the picture. Where not all fit, those on top of the list do.
        crowd: panels list only what occurs.

    Returns:
        (H, W + margin, 3) uint8, or the same picture where nothing fits beside it; places by face.
    """
    height, width = canvas.shape[:2]
    gap = max(3, round(12 * scale_of((height, width))))
    chosen = _column(faces, (height, width), gap, crowd)
    if not chosen:
        return canvas, {}
    places, y = {}, gap
    for face, layout in chosen:
        places[face.face_id] = Place(layout, width + gap, y)
        y += layout.height + gap
    margin = np.full((height, chosen[0][1].width + 2 * gap, 3), INK, np.uint8)
    return np.concatenate([canvas, margin], axis=1), places


def _column(
    faces: Sequence[FaceAnalysis], size: tuple[int, int], gap: int, crowd: bool
) -> list[tuple[FaceAnalysis, Layout]]:
    """Faces and their panels, as comfortable as the picture's height allows."""
    units = [len(units_to_show(face, crowd)) for face in faces]
    column: list[tuple[FaceAnalysis, Layout]] = []
    for layout in layouts(size, max(units, default=0), crowd):
        column = [(face, layout.with_rows(min(layout.rows, count))) for face, count in zip(faces, units, strict=True) if count]
        if _height(column, gap) <= size[0]:
            return column
    while column and _height(column, gap) > size[0]:
        column.pop()
    return column


def _height(column: Sequence[tuple[FaceAnalysis, Layout]], gap: int) -> int:
    return sum(layout.height + gap for _, layout in column) + gap

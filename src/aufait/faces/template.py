"""The template of the shipped networks: where five points of a face are brought before a network looks at it."""

from __future__ import annotations

import numpy as np

from aufait.alignment import similarity_from_points

TEMPLATE_SIZE = 128
"""Side of the stored training crop in pixels; networks see the middle of it."""
ALIGNMENT_POINTS = (36, 39, 42, 45, 33)
"""68-point indices: the four eye corners and the base of the nose, which expressions hardly move."""
TEMPLATE = np.array([[32.0, 46.0], [54.7, 47.3], [73.3, 47.3], [96.0, 46.0], [64.0, 78.0]], np.float64)
"""Where those points are in the ``TEMPLATE_SIZE`` crop: outer eye corners half the crop apart."""


def template_transforms(landmarks: np.ndarray, *, size: int = TEMPLATE_SIZE) -> np.ndarray:
    """(F, 68, 2) landmarks -> (F, 2, 3) matrices from picture pixels to pixels of the centred ``size`` crop."""
    points = np.asarray(landmarks, np.float64)[:, list(ALIGNMENT_POINTS)]
    offset = (TEMPLATE_SIZE - size) / 2
    return similarity_from_points(points, TEMPLATE - offset)

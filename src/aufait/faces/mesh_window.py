"""The window of a picture that the landmark network sees: eyes level, square, half as large again as the face."""

from __future__ import annotations

import numpy as np

from aufait.faces.mesh_networks import CROP_SIZE

RIGHT_EYE, LEFT_EYE = 33, 263
"""Mesh points of the outer corners of the subject's eyes; their line is level in the window."""

ENLARGEMENT = 1.5
"""Side of the window over the longer side of the box around the turned points, as MediaPipe takes it when it follows a face."""


def mesh_window(points: np.ndarray, enlargement: float = ENLARGEMENT, size: int = CROP_SIZE) -> np.ndarray:
    """Matrices from picture pixels to window pixels, for ``aufait.alignment.warp``.

    The same face, wherever and however large and turned it is in the picture, gives the same window.

    Args:
        points: (..., 478, 2 or 3) mesh points in pixels of the picture.
        enlargement: side of the window over the longer side of the points' box.
        size: side of the window in pixels.

    Returns:
        (..., 2, 3) float64.
    """
    places = np.asarray(points, dtype=np.float64)[..., :2]
    eyes = places[..., LEFT_EYE, :] - places[..., RIGHT_EYE, :]  # (..., 2)
    angle = np.arctan2(eyes[..., 1], eyes[..., 0])
    turn = _rotations(-angle)  # (..., 2, 2): makes the eyes level
    level = places @ np.swapaxes(turn, -1, -2)
    low, high = level.min(axis=-2), level.max(axis=-2)
    center = (((low + high) / 2.0)[..., None, :] @ turn)[..., 0, :]  # back in the picture
    return window_matrix(center, enlargement * (high - low).max(axis=-1), angle, size)


def window_matrix(center: np.ndarray, side: np.ndarray, angle: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """Matrices from picture to window pixels.

    Args:
        center: (..., 2) middle of the window in pixels of the picture.
        side: (...) its side in pixels of the picture.
        angle: (...) radians: the direction in the picture (x to y, clockwise as seen) that becomes level in the window.
        size: side of the window in its own pixels.

    Returns:
        (..., 2, 3) float64.
    """
    linear = _rotations(-angle) * (size / np.maximum(side, 1e-6))[..., None, None]
    middle = (size - 1) / 2.0
    return np.concatenate([linear, middle - linear @ np.asarray(center, dtype=np.float64)[..., None]], axis=-1)


def _rotations(angle: np.ndarray) -> np.ndarray:
    """(...) radians -> (..., 2, 2)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)], axis=-2)

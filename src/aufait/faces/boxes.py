"""Boxes and pictures: overlap, non-maximum suppression, boxes of landmarks, windows of a picture.

A box is x0, y0, x1, y1 in pixels; arrays of boxes are (N, 4).
"""

from __future__ import annotations

import numpy as np

from aufait.errors import InputError


def landmark_boxes(landmarks: np.ndarray) -> np.ndarray:
    """Smallest upright boxes around landmarks (F, 68, 2) -> (F, 4) float32."""
    if len(landmarks) == 0:
        return np.zeros((0, 4), np.float32)
    return np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1).astype(np.float32)


def box_centers(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) -> (N, 2)."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2.0


def box_sizes(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) -> (N,): the longer side of each box."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair: (N, 4), (M, 4) -> (N, M) in [0, 1]."""
    inner, area, other_area = _intersections(first, second)
    union = area[:, None] + other_area[None] - inner
    return inner / np.maximum(union, 1e-9)


def overlap_of_smaller(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over the smaller box's area: 1 where one box is inside the other. (N, 4), (M, 4) -> (N, M)."""
    inner, area, other_area = _intersections(first, second)
    return inner / np.maximum(np.minimum(area[:, None], other_area[None]), 1e-9)


def _intersections(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inner = np.prod(np.maximum(high - low, 0.0), axis=2)
    area = np.prod(np.maximum(first[:, 2:] - first[:, :2], 0.0), axis=1)
    other_area = np.prod(np.maximum(second[:, 2:] - second[:, :2], 0.0), axis=1)
    return inner, area, other_area


def keep_best(boxes: np.ndarray, confidence: np.ndarray, max_overlap: float, *, nested: float = 1.1) -> list[int]:
    """Non-maximum suppression.

    Args:
        boxes: (N, 4).
        confidence: (N,), any scale.
        max_overlap: of two boxes whose intersection over union exceeds this, the less confident goes.
        nested: the same for the intersection over the smaller box's area; above 1 switches this rule off.

    Returns:
        Rows that stay, most confident first.
    """
    order = np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")
    clash = overlap(boxes, boxes) > max_overlap
    if nested <= 1.0:
        clash |= overlap_of_smaller(boxes, boxes) > nested
    kept: list[int] = []
    gone = np.zeros(len(boxes), dtype=bool)
    for row in order:
        if not gone[row]:
            kept.append(int(row))
            gone |= clash[row]
    return kept


def check_image(image: np.ndarray) -> np.ndarray:
    """The picture itself, or a copy if it is not contiguous and writable, or an error that says what is wrong with it.

    Raises:
        InputError: not an (H, W, 3) uint8 array with at least one pixel.
    """
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        shape = getattr(image, "shape", None)
        kind = getattr(image, "dtype", type(image).__name__)
        raise InputError(f"a picture must be an (H, W, 3) uint8 RGB array, got {kind} of shape {shape}")
    if image.size == 0:
        raise InputError(f"the picture is empty: its shape is {image.shape}")
    return np.require(image, requirements=("C", "W"))  # torch wants memory that it could write to

"""What the channels of a network respond to, as pictures: ARL figure 3, AUNet figures 6 and 9."""

from __future__ import annotations

import numpy as np

from aufait.errors import InputError
from aufait.visualization.figures.attention_overlay import enlarge
from aufait.visualization.figures.figure import colour_map


def strongest_channels(features: np.ndarray, weights: np.ndarray, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The channels with the largest weights, largest first (ARL figure 3).

    Args:
        features: (C, h, w).
        weights: (C,).
        count: how many, at most C.

    Returns:
        numbers of the channels (count,), and their maps scaled to [0, 1] together (count, h, w).

    Raises:
        InputError: shapes that do not fit.
    """
    features, weights = np.asarray(features), np.asarray(weights)
    if features.ndim != 3 or weights.shape != features.shape[:1]:
        raise InputError(f"features (C, h, w) need weights (C,), got {features.shape} and {weights.shape}")
    chosen = np.argsort(-weights, kind="stable")[:count]
    return chosen, scaled(features[chosen])


def scaled(values: np.ndarray, *, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Values brought to [0, 1], all by one factor; constant ones become 0.

    Args:
        values: any shape.
        low, high: what becomes 0 and 1; by default the smallest and the 99.5th percentile, so that one pixel sets no scale.
    """
    values = np.asarray(values, np.float32)
    bottom = float(values.min()) if low is None else low
    top = float(np.percentile(values, 99.5)) if high is None else high
    if not top > bottom:
        return np.zeros_like(values)
    return np.clip((values - bottom) / (top - bottom), 0, 1)


def mean_response(features: np.ndarray) -> np.ndarray:
    """(C, h, w) -> (h, w): mean absolute response over the channels, each pixel in [0, 1]."""
    features = np.asarray(features, np.float32)
    if features.ndim != 3:
        raise InputError(f"features must be (C, h, w), got {features.shape}")
    return scaled(np.abs(features).mean(0))


def map_picture(values: np.ndarray, *, colours: str = "perceptual", side: int = 176, smooth: bool = False) -> np.ndarray:
    """A map in [0, 1] (h, w) as a coloured picture (side, side, 3) uint8; every value a square unless ``smooth``."""
    values = np.asarray(values, np.float32)
    if smooth:
        large = enlarge(values, (side, side))
    else:
        rows = (np.arange(side) * values.shape[0]) // side
        large = values[rows][:, (np.arange(side) * values.shape[1]) // side]
    return np.rint(255 * colour_map(colours)(np.clip(large, 0, 1))[..., :3]).astype(np.uint8)

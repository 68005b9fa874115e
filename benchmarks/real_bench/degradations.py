"""Ways to spoil a picture of a face, each with one number for how much; pure functions on (H, W, 3) uint8 RGB.

Sizes are relative to the face, so that a strength means the same on every picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Degradation = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(picture, (68, 2) landmarks in it) -> degraded picture of the same size."""


def blur(share: float) -> Degradation:
    """Gaussian blur; standard deviation as a share of the outer eye-corner distance."""
    return lambda image, points: np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(share * _scale(points))))


def shrink(pixels: float) -> Degradation:
    """Shrunk until the outer eye corners are ``pixels`` apart, then enlarged again."""

    def apply(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        factor = min(1.0, pixels / _scale(points))
        small = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        picture = Image.fromarray(image).resize(small, Image.Resampling.BOX)
        return np.asarray(picture.resize((image.shape[1], image.shape[0]), Image.Resampling.BICUBIC))

    return apply


def compress(quality: int) -> Degradation:
    """Through a JPEG file of this quality."""

    def apply(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer).convert("RGB"))

    return apply


def darken(gain: float) -> Degradation:
    """Light times ``gain``, in whole grey levels as a sensor gives them."""
    return lambda image, points: np.rint(image * gain).astype(np.uint8)


def turn() -> Degradation:
    """Upside down."""
    return lambda image, points: np.ascontiguousarray(image[::-1, ::-1])


def box_over(points_of: Sequence[int], margin: float = 0.15) -> Degradation:
    """A plain grey box over some of the 68 points."""

    def apply(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        low, high = _window(points, points_of, margin)
        result = image.copy()
        x0, y0, x1, y1 = (max(0, round(v)) for v in (*low, *high))
        result[y0:y1, x0:x1] = 96
        return result

    return apply


def hand_over(points_of: Sequence[int]) -> Degradation:
    """Four fingers and the back of a hand in the colour of the face's own skin, laid over some of the 68 points."""

    def apply(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        low, high = _window(points, points_of, 0.1)
        skin = _skin_colour(image, points)
        width, height = high - low
        finger = height / 4
        layer = Image.fromarray(image)
        draw = ImageDraw.Draw(layer)
        palm = (low[0] - 0.7 * width, low[1] - 0.1 * height, low[0] + 0.25 * width, high[1] + 0.1 * height)
        draw.rounded_rectangle(palm, radius=0.3 * height, fill=_shade(skin, 0.9))
        for k in range(4):
            top = low[1] + k * finger
            end = high[0] - abs(k - 1.3) * 0.08 * width
            draw.rounded_rectangle((low[0] - 0.1 * width, top, end, top + finger), radius=finger / 2, fill=_shade(skin, 0.62))
            draw.rounded_rectangle(
                (low[0] - 0.1 * width, top + 0.06 * finger, end - 0.02 * width, top + 0.88 * finger),
                radius=finger / 2.2,
                fill=_shade(skin, 0.98 - 0.05 * k),
            )
        soft = layer.filter(ImageFilter.GaussianBlur(0.012 * _scale(points)))
        return np.asarray(soft) if image.shape[0] < 2 else np.where(np.asarray(layer) != image, np.asarray(soft), image)

    return apply


MOUTH = tuple(range(48, 68))
EYES = tuple(range(36, 48))
BROWS_AND_EYES = (*range(17, 27), *EYES)
LEFT_HALF = (*range(22, 27), *range(42, 48), 54, 53, 55, 12, 13)
"""68-point indices; left is the subject's."""


def _scale(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[45] - points[36]))


def _window(points: np.ndarray, chosen: Sequence[int], margin: float) -> tuple[np.ndarray, np.ndarray]:
    part = points[list(chosen)]
    extra = margin * _scale(points)
    return part.min(axis=0) - extra, part.max(axis=0) + extra


def _skin_colour(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(3,) median colour of two small windows on the cheeks."""
    side = max(1, round(0.08 * _scale(points)))
    windows = []
    for eye, corner in ((41, 48), (46, 54)):
        x, y = np.clip(np.rint((points[eye] + points[corner]) / 2).astype(int), side, np.array(image.shape[1::-1]) - side - 1)
        windows.append(image[max(0, y - side) : y + side + 1, max(0, x - side) : x + side + 1].reshape(-1, 3))
    return np.median(np.concatenate(windows), axis=0)


def _shade(colour: np.ndarray, gain: float) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in np.clip(colour * gain, 0, 255))
    return red, green, blue

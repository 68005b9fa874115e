"""Pictures of the page: faces cut out, made small and written into it."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

THUMBNAIL = 200
"""Pixels of a side of a key frame."""


def crop_face(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A square around the face, with hair and chin, as a thumbnail; moved inwards where it would leave the picture."""
    x0, y0, x1, y1 = (float(side) for side in box)
    height, width = image.shape[:2]
    side = max(1, round(min(max(8.0, 1.5 * max(x1 - x0, y1 - y0)), height, width)))
    left = min(max(0, round((x0 + x1 - side) / 2)), width - side)
    top = min(max(0, round(y0 + 0.46 * (y1 - y0) - side / 2)), height - side)
    part = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(part.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=2.0))


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """The picture with a longer side of at most so many pixels."""
    picture = Image.fromarray(image)
    picture.thumbnail((longest, longest), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture)


def data_uri(image: np.ndarray) -> str:
    """(H, W, 3) uint8 -> an address that holds the picture itself."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")

"""Single frames of a recording as pixels and as JPEG: thumbnails, crops round a face."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from aufait.errors import InputError

THUMBNAIL_WIDTH = 320
_ROOM = 0.35
"""Share of the box's side that a crop shows around it."""


def frame_at(path: Path, kind: str, time: float) -> tuple[np.ndarray, float]:
    """The frame shown at a time: (H, W, 3) uint8 RGB and its own time in seconds; of a picture, the picture.

    Raises:
        InputError: the file cannot be read there.
    """
    if kind == "picture":
        from aufait.media.images import read_picture

        return read_picture(path, name="the picture").image, 0.0
    from aufait.media.video import VideoReader

    with VideoReader(path, threads=1) as reader:
        found = reader.frame_at(time)
    if found is None:
        raise InputError(f"there is no frame at {time:.3f} s")
    return found.image, found.timestamp


def crop_round(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The square round a face's box, cut where the picture ends."""
    x0, y0, x1, y1 = (float(side) for side in box)
    half = max(x1 - x0, y1 - y0) * (0.5 + _ROOM)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = image.shape[:2]
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(width, int(x + half) + 1), min(height, int(y + half) + 1)
    return image[top:bottom, left:right] if right > left and bottom > top else image


def jpeg(image: np.ndarray, width: int | None = None, quality: int = 88) -> bytes:
    """A picture as JPEG, at most ``width`` wide."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image))
    if width is not None and width < picture.width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()

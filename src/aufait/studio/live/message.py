"""What goes over the WebSocket: frames in, scores, states and errors out."""

from __future__ import annotations

import math
import struct
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from aufait.errors import InputError
from aufait.results import FaceAnalysis
from aufait.studio.errors import StudioError

LARGEST_FRAME = 4_000_000
"""Bytes of one message."""

LARGEST_PICTURE = 3840 * 2160
"""Pixels of one frame."""

_CLOCK = struct.Struct("<d")
_LATEST = 1e13  # ms, some 300 years: later times would lose their fractions
_MAGIC = (b"\xff\xd8\xff", b"RIFF", b"\x89PNG\r\n\x1a\n")
_RATE_OVER = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A frame as it came.

    Attributes:
        sent: the client's clock in milliseconds.
        picture: JPEG, WebP or PNG.
        arrived: the server's clock in seconds.
    """

    sent: float
    picture: bytes
    arrived: float


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A message that is no frame.

    Attributes:
        error: what is wrong with it.
        sent: the client's clock in milliseconds, where the message tells it.
    """

    error: StudioError
    sent: float | None = None


def parse_frame(message: bytes, arrived: float) -> SentFrame:
    """The frame in a binary message: float64, little-endian, the client's time in ms, then the picture.

    Raises:
        StudioError: 413, 422; anything else than that.
    """
    if len(message) > LARGEST_FRAME:
        raise StudioError(413, f"A frame may have {LARGEST_FRAME:,} bytes, this one has {len(message):,}; send smaller pictures.")
    if len(message) <= _CLOCK.size:
        raise StudioError(422, "A message is 8 bytes of time, then a picture; this one is shorter.", "bad_frame")
    sent = _clock(message)
    if sent is None:
        raise StudioError(
            422, "A message begins with its time in ms as a little-endian float64; these 8 bytes are none.", "bad_frame"
        )
    picture = bytes(message[_CLOCK.size :])
    if not picture.startswith(_MAGIC):
        raise StudioError(422, "After its time a message holds a JPEG, WebP or PNG picture; this one does not.", "bad_frame")
    return SentFrame(sent, picture, arrived)


def read_frame(message: bytes, arrived: float) -> SentFrame | BadFrame:
    """The frame in a message, or what is wrong with it."""
    try:
        return parse_frame(message, arrived)
    except StudioError as error:
        return BadFrame(error, _clock(message))


def _clock(message: bytes) -> float | None:
    """The client's time in ms with which a message begins; None where it does not."""
    if len(message) < _CLOCK.size:
        return None
    (sent,) = _CLOCK.unpack_from(message)
    return float(sent) if math.isfinite(sent) and 0 <= sent < _LATEST else None


def decoded(picture: bytes) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        InputError: not a whole picture, or too large.
    """
    from aufait.media.images import read_picture

    image = read_picture(picture, name="the frame", max_pixels=LARGEST_PICTURE).image
    if min(image.shape[:2]) < 16:
        raise InputError(f"a frame needs 16 x 16 pixels at least, this one has {image.shape[1]} x {image.shape[0]}")
    return image


def plain_face(face: FaceAnalysis) -> dict[str, Any]:
    """A face as the page reads it: ``left`` and ``right`` are of the same kind as what says how strong, None where not given."""
    sides = ("intensity_left", "intensity_right") if face.intensity is not None else ("probability_left", "probability_right")
    left, right = (_rounded(getattr(face, name), 3) for name in sides)
    return {
        "face": face.face_id,
        "box": _rounded(face.box, 1),
        "landmarks": _rounded(face.landmarks.ravel(), 1),
        "quality": round(face.quality, 3),
        "probability": _rounded(face.probability, 3),
        "intensity": _rounded(face.intensity, 3),
        "left": left,
        "right": right,
    }


def _rounded(values: np.ndarray | None, digits: int) -> list[float] | None:
    return None if values is None else np.round(values.astype(np.float64), digits).tolist()


class Rate:
    """Frames per second over the last two seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def step(self, now: float) -> float:
        """Count a frame; 0 for the first."""
        self._times.append(now)
        while now - self._times[0] > _RATE_OVER:
            self._times.popleft()
        passed = now - self._times[0]
        return round((len(self._times) - 1) / passed, 1) if passed > 0 else 0.0

"""How large a picture or a frame may be: a small file can claim to be enormous and exhaust memory or time.

The limit for pictures is the memory needed to read them, which depends on the file format and on the kind of pixels: the
picture as Pillow holds it, our array, and what the decoder needs in addition. Files are refused by their header alone.
"""

from __future__ import annotations

import os

from PIL import Image

from aufait.errors import InputError

MAX_PIXELS = 178_000_000
"""No picture of more pixels is read, whatever its kind."""

MAX_SIDE = 65_535
"""No picture or frame of more pixels across or down is read; JPEG can store no more."""

MAX_FRAME_PIXELS = 36_000_000
"""No video of larger frames is read: 8192 x 4320 fits. About ten frames are in memory at a time."""

PICTURE_BYTES = 1_000_000_000
"""Memory that the reading of one picture may take, the array included."""

MAX_SCANS = 100
"""A JPEG of more scans is refused; ordinary ones have 1 to 20."""

MAX_SCANNED_PIXELS = 4_000_000_000
"""Pixels times scans of a JPEG: every scan goes over the whole picture."""

_ARRAY_BYTES = 3
_SMALL_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # bytes of a pixel in Pillow, else 4
_DECODER_BYTES = {"WEBP": 9.5, "AVIF": 6.5, "JPEG2000": 16.0}
"""Bytes of a pixel that the decoder needs in addition to the picture; the others unpack row by row."""
_STRIP_BYTES = 4  # of a compressed TIFF in one piece, which the decoder holds whole
_PIXELS_PER_BYTE = 256  # of a JPEG at most: two bits for a block of 64; in several scans, one bit
_SCAN = b"\xff\xda"
_BLOCK = 1 << 20
_COEFFICIENT_BYTES = 2  # of a channel of a JPEG in several scans, which is held whole until the last


def check_picture(name: str, image: Image.Image, max_pixels: int = MAX_PIXELS) -> int:
    """Refuses a picture that would take too much memory or time, before its pixels are unpacked.

    Returns:
        Bytes of memory that its reading takes.

    Args:
        name: what to call it in messages.
        image: as opened, at the page that is to be read.
        max_pixels: refuse pictures with more pixels than this.

    Raises:
        InputError: too many pixels, too long a side, too many scans, or too little data.
    """
    width, height = image.size
    if max(width, height) > MAX_SIDE:
        raise InputError(f"{name} is {width} x {height} pixels; sides up to {MAX_SIDE} are read: cut or shrink it first")
    scans = _scans(image) if image.format in ("JPEG", "MPO") else 1
    each = _bytes_per_pixel(image, scans)
    most = min(max_pixels, MAX_PIXELS, int(PICTURE_BYTES / each))
    if width * height > most:
        raise InputError(too_large(name, most))
    if image.format == "JPEG" and _file_size(image) < width * height / (_PIXELS_PER_BYTE * min(scans, 2)):
        raise InputError(f"{name} is cut off: it holds too little for {width} x {height} pixels; copy it again from its origin")
    if scans > MAX_SCANS or scans * width * height > MAX_SCANNED_PIXELS:
        raise InputError(
            f"{name} is stored in {scans} scans, each of which goes over all of its pixels; at most {MAX_SCANS} are read, "
            "fewer of a very large picture: save it again as an ordinary JPEG"
        )
    return int(width * height * each)


def check_frame(name: str, width: int, height: int) -> None:
    """Raises where the frames of a video have more pixels or longer sides than are read."""
    if width * height > MAX_FRAME_PIXELS or max(width, height) > MAX_SIDE:
        raise InputError(
            f"{name} has frames of {width} x {height} pixels; videos are read up to {MAX_FRAME_PIXELS / 1e6:.0f} million pixels "
            "a frame: make a smaller copy first"
        )


def too_large(name: str, most: int) -> str:
    """The sentence for a picture of more than ``most`` pixels."""
    return (
        f"{name} is larger than {most / 1e6:.0f} million pixels, the most that is read of pictures of its kind; shrink it first "
        "(the limit protects against small files that unpack to more than the memory holds)"
    )


def _bytes_per_pixel(image: Image.Image, scans: int) -> float:
    held = _SMALL_MODES.get(image.mode, 4) + _ARRAY_BYTES + _DECODER_BYTES.get(str(image.format), 0)
    if scans > 1:
        held += _COEFFICIENT_BYTES * len(image.getbands())
    if image.format == "TIFF" and image.info.get("compression") != "raw":
        held += _STRIP_BYTES
    return held


def _scans(image: Image.Image) -> int:
    """How many times the data of a JPEG go over the picture.

    One that says so at its first scan has no other; else they are counted, without unpacking anything.
    """
    file, layers = image.fp, image.layers  # type: ignore[attr-defined] # the file is positioned after the header of the first scan
    start = file.tell()
    file.seek(max(0, start - 8 - 2 * layers))
    head = file.read(5)
    scans = 1
    if "progressive" in image.info or head != _SCAN + bytes([0, 6 + 2 * layers, layers]):
        file.seek(start)
        before = b""
        while block := file.read(_BLOCK):
            scans += (before + block).count(_SCAN)
            before = block[-1:]
    file.seek(start)
    return scans


def _file_size(image: Image.Image) -> int:
    file = image.fp  # type: ignore[attr-defined] # open until the pixels are loaded
    here: int = file.tell()
    end: int = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end

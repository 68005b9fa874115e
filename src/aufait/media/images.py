"""Pictures from files: whatever is stored, an upright 8-bit RGB array comes out.

Pillow decides by content, so a wrong file extension does no harm. How large a picture may be, and the memory needed to read it,
is in ``limits``; the conversion of its pixels is in ``pixels``. Decisions made on the way (the depth of the values, one page of
many) are reported in a note.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from aufait.errors import InputError, InputWarning, OutputError
from aufait.files.atomic import write_bytes
from aufait.media.limits import MAX_PIXELS, check_picture, too_large
from aufait.media.pixels import to_array
from aufait.media.sources import CAMERA_RAW, check_file, describe_content

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "AVIF", "JPEG2000", "TGA", "QOI")
"""Formats that are read. Vector formats are left out on purpose: they start other programs."""

MAX_PAGES = 10_000
"""A TIFF of more pages is refused: skipping each takes time."""

_ONE_PICTURE = {"MPO"}  # what else is in such a file is the same picture: its depth map, its brightness map
_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 262, 330, 50706  # TIFF tags
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_LONG_TEXT = ("MAX_TEXT", "Decompressed Data Too Large")  # how Pillow refuses PNG texts of more than a megabyte, now and in 10.1
_MOST_INSIDE = 16  # pictures inside a TIFF page that are examined
_SENSOR_DATA = {32803, 34892}  # photometric kinds of camera raw: colour filter array, linear raw


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as read.

    Attributes:
        image: (H, W, 3) uint8 RGB, C-contiguous and writable.
        notes: sentences on what was decided about the file and could be wrong.
    """

    image: np.ndarray
    notes: tuple[str, ...] = ()


def read_image(source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as it is meant to be seen: (H, W, 3) uint8 RGB; notes become warnings.

    Arguments and errors are those of ``read_picture``.
    """
    picture = read_picture(source, max_pixels=max_pixels)
    for note in picture.notes:
        warnings.warn(note, InputWarning, stacklevel=2)
    return picture.image


def read_picture(
    source: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    admit: Callable[[int], object] | None = None,
) -> Picture:
    """Read a picture as it is meant to be seen.

    The EXIF orientation is applied, transparent parts are placed on white, deeper values are scaled to 8 bits, colours go
    through their profile where that changes them visibly. Of several pages or animation frames the first counts; thumbnails
    are no pages.

    Args:
        source: file in one of ``FORMATS``, whose extension is ignored; or what such a file holds, as bytes.
        name: what to call it in messages; the path if left out.
        max_pixels: refuse pictures with more pixels than this; ``limits.check_picture`` may refuse smaller ones.
        admit: called with the bytes of memory that the reading will take, before it begins; may wait.

    Raises:
        InputError: missing, empty, unreadable, damaged, not a picture, camera raw, or too large; the text names the file and
            the remedy.
    """
    name = _name(source) if name is None else name
    with decoding(name, source, max_pixels):
        try:
            return _read(source, name, max_pixels, admit)
        except ValueError as error:
            if not any(words in str(error) for words in _LONG_TEXT):
                raise
        return _read(_without_texts(source), name, max_pixels, admit)


def _read(
    source: str | os.PathLike[str] | bytes, name: str, max_pixels: int, admit: Callable[[int], object] | None
) -> Picture:
    with open_image(source) as image:
        pages = picture_pages(image)
        image.seek(pages[0])
        notes = []
        if len(pages) > 1:
            notes.append(
                f"{name} holds {len(pages)} pictures; the first is analysed. All of them as a sequence: --all-pages, "
                "in Python Detector.stream"
            )
        needed = check_picture(name, image, max_pixels)
        if admit is not None:
            admit(needed)
        return Picture(to_array(image, name, notes, source), tuple(notes))


def _without_texts(source: str | os.PathLike[str] | bytes) -> bytes:
    """A PNG without what says nothing of its pixels: texts, and a colour profile of a size that no profile has."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    kept, place = [data[:8]], 8
    while place + 8 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] not in _PNG_TEXTS:
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


@contextmanager
def decoding(name: str, source: str | os.PathLike[str] | bytes, max_pixels: int = MAX_PIXELS) -> Iterator[None]:
    """Whatever a decoder raises inside the block becomes an ``InputError`` that names the picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit decides about large pictures
            yield
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(too_large(name, min(max_pixels, MAX_PIXELS))) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not a picture that can be read: {describe_content(source)}") from error
    except MemoryError as error:
        raise InputError(f"{name} does not fit into memory; shrink the picture first") from error
    except Exception as error:  # decoders of damaged files raise what they like
        raise InputError(
            f"{name} is damaged or cut off ({error}); copy it again from its origin or save it again in an image editor"
        ) from error


def open_image(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """Open a picture with Pillow, in our formats only; to be used inside ``decoding`` and closed by the caller."""
    formats = _readable_formats()
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=formats)
    check_file(Path(source), "picture")
    return Image.open(source, formats=formats)


def picture_pages(image: Image.Image) -> Sequence[int]:
    """Numbers of the pages or animation frames that are separate pictures, from 0; never empty.

    Raises:
        InputError: the file is camera raw (what could be read of it is a thumbnail), or has more than ``MAX_PAGES`` pages.
    """
    if image.format in _ONE_PICTURE:
        return [0]
    if image.format != "TIFF":
        return range(getattr(image, "n_frames", 1))  # what the file claims, which may be billions
    full: list[int] = []
    for number in range(MAX_PAGES + 1):
        try:
            image.seek(number)
        except EOFError:
            return full or [0]
        _refuse_camera_raw(image)
        if not image.tag_v2.get(_SUBFILE_TYPE, 0) & 1:  # type: ignore[attr-defined] # 1: a smaller copy of another page
            full.append(number)
    raise InputError(f"{image.filename or 'the picture'} has more than {MAX_PAGES:,} pages; split it")  # type: ignore[attr-defined]


def write_image(path: str | os.PathLike[str], image: np.ndarray, *, overwrite: bool = False, quality: int = 95) -> Path:
    """Write a picture in the format of its extension (PNG, JPEG, WebP, TIFF, BMP), whole or not at all.

    Args:
        path: file to write.
        image: (H, W, 3) uint8 RGB.
        overwrite: whether an existing file may be replaced.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        OutputError: unknown extension, existing file, unwritable folder, full disc.
    """
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in {"PNG", "JPEG", "WEBP", "TIFF", "BMP"}:
        raise OutputError(f"cannot write {path}: pictures are written as .png, .jpg, .webp, .tif or .bmp")
    buffer = io.BytesIO()
    options: dict[str, int] = {"quality": quality, "subsampling": 0} if kind == "JPEG" else {}
    if kind == "WEBP":
        options = {"quality": quality}
    if kind == "PNG":
        options = {"compress_level": 3}  # a third of the time of level 6 for a few per cent more bytes
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, format=kind, **options)
    return write_bytes(path, buffer.getvalue(), overwrite=overwrite)


def _readable_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _name(source: str | os.PathLike[str] | bytes) -> str:
    return f"picture of {len(source)} bytes" if isinstance(source, bytes) else os.fspath(source)


def _refuse_camera_raw(page: Image.Image) -> None:
    """Raises where a TIFF page says that it holds sensor data, or that a larger picture follows it."""
    tags = page.tag_v2  # type: ignore[attr-defined]
    sensor = _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _SENSOR_DATA
    if sensor or (_SUB_IFDS in tags and _larger_inside(page)):
        raise InputError(f"{page.filename or 'the picture'} is {CAMERA_RAW}")  # type: ignore[attr-defined]


def _larger_inside(page: Image.Image) -> bool:
    """Whether a TIFF page contains pictures with more pixels than itself, as raw files do after their thumbnail."""
    tags, file = page.tag_v2, page.fp  # type: ignore[attr-defined]
    offsets = tags[_SUB_IFDS]
    for offset in offsets[:_MOST_INSIDE] if isinstance(offsets, tuple) else (offsets,):
        inner = TiffImagePlugin.ImageFileDirectory_v2(prefix=tags.prefix)
        file.seek(int(offset))
        inner.load(file)
        if int(inner.get(256, 0)) * int(inner.get(257, 0)) > page.width * page.height:
            return True
    return False

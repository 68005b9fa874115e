"""Pictures from files: whatever is stored, an upright 8-bit RGB array comes out.

Pillow decides by content, so a wrong file extension does no harm. A picture of 12,000 x 12,000 pixels takes 432 MB as
an array and about twice that while it is read. What had to be decided on the way (the depth of the values, one page of many)
is told in a note.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError

from aufait.errors import InputError, InputWarning, OutputError
from aufait.files.atomic import write_bytes
from aufait.media.sources import CAMERA_RAW, check_file, describe_content

MAX_PIXELS = 178_000_000
"""Larger pictures are refused: a small file can claim to be enormous and exhaust the memory ("decompression bomb")."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "AVIF", "JPEG2000", "TGA", "QOI", "ICO")
"""Formats that are read. Vector formats are left out on purpose: they start other programs."""

_STRIP_ROWS = 512
_ALPHA_MODES = {"RGBA", "LA", "PA", "RGBa", "La"}
_ONE_PICTURE = {"MPO", "ICO"}  # what else is in these is the same picture: its depth map, its brightness map, other sizes
_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _MAX_SAMPLE, _SUB_IFDS, _DNG_VERSION = 254, 258, 262, 281, 330, 50706  # TIFF tags
_ORIENTATION = 274  # EXIF
_SENSOR_DATA = {32803, 34892}  # photometric kinds of camera raw: colour filter array, linear raw
_DEPTHS = (8, 10, 12)  # of cameras and converters that store their values in 16 bits without scaling them
_VISIBLE = 2  # grey levels: a colour profile that changes less is no reason to touch the pixels


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
    source: str | os.PathLike[str] | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS
) -> Picture:
    """Read a picture as it is meant to be seen.

    The EXIF orientation is applied, transparent parts lie over white, deeper values are scaled to 8 bits, colours go
    through their profile where that changes them visibly. Of several pages or animation frames the first counts; thumbnails
    are no pages.

    Args:
        source: file in one of ``FORMATS``, whose extension is ignored; or what such a file holds, as bytes.
        name: what to call it in messages; the path if left out.
        max_pixels: refuse pictures with more pixels than this; at most ``MAX_PIXELS`` has an effect.

    Raises:
        InputError: missing, empty, unreadable, damaged, not a picture, camera raw, or too large; the text names the file and
            the remedy.
    """
    name = _name(source) if name is None else name
    with decoding(name, source, max_pixels), open_image(source) as image:
        pages = picture_pages(image)
        image.seek(pages[0])
        notes = []
        if len(pages) > 1:
            notes.append(
                f"{name} holds {len(pages)} pictures; the first is analysed. All of them as a sequence: --all-pages, "
                "in Python Detector.stream"
            )
        check_size(name, image.size, max_pixels)
        return Picture(to_array(image, name, notes, source), tuple(notes))


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
        raise InputError(_too_large(name, max_pixels)) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not a picture that can be read: {describe_content(source)}") from error
    except MemoryError as error:
        raise InputError(f"{name} does not fit into memory; shrink the picture first") from error
    except Exception as error:  # decoders of damaged files raise what they like
        raise InputError(
            f"{name} is damaged or cut off ({error}); copy it again from its origin or save it anew in an image editor"
        ) from error


def open_image(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """Open a picture with Pillow, in our formats only; to be used inside ``decoding`` and closed by the caller."""
    formats = _readable_formats()
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=formats)
    check_file(Path(source), "picture")
    return Image.open(source, formats=formats)


def check_size(name: str, size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> None:
    """Raises where a picture of this width and height has more pixels than are read."""
    if size[0] * size[1] > max_pixels:
        raise InputError(_too_large(name, max_pixels))


def picture_pages(image: Image.Image) -> list[int]:
    """Numbers of the pages or animation frames that are pictures of their own, from 0; never empty.

    Raises:
        InputError: the file is camera raw: what could be read of it is a thumbnail.
    """
    if image.format in _ONE_PICTURE:
        return [0]
    count = getattr(image, "n_frames", 1)
    if image.format != "TIFF":
        return list(range(count))
    full = []
    for number in range(count):
        image.seek(number)
        _refuse_camera_raw(image)
        if not image.tag_v2.get(_SUBFILE_TYPE, 0) & 1:  # type: ignore[attr-defined] # 1: a smaller copy of another page
            full.append(number)
    return full or [0]


def to_array(
    image: Image.Image,
    name: str = "picture",
    notes: list[str] | None = None,
    source: str | os.PathLike[str] | bytes | None = None,
) -> np.ndarray:
    """An opened picture, or a page of one, as (H, W, 3) uint8 RGB.

    Args:
        image: is loaded, and turned upright in place where it is the only page.
        name: what to call it in notes.
        notes: takes the notes.
        source: the file of a single picture, to read values again that Pillow cuts to 8 bits.
    """
    notes = [] if notes is None else notes
    deep = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    image.load()
    told, turn = _told_depth(image), image.getexif().get(_ORIENTATION, 1)
    if getattr(image, "n_frames", 1) > 1:  # the next page is read from the same object
        image = image.copy()
        image.getexif()[_ORIENTATION] = turn
    array = _upright_rgb(_eight_bit(image, told, name, notes))
    if not deep or image.mode not in {"RGB", "RGBA"} or array.max(initial=0) >= 1 << max(_DEPTHS) - 8:
        return array
    colours = None if source is None else _dark_colours(source, name, notes)
    if colours is None:
        notes.append(f"{name} stores 16-bit colours with low values only and is read as dark; scale them to 16 bits")
        return array
    colours.getexif()[_ORIENTATION] = turn
    colours.info["icc_profile"] = image.info.get("icc_profile")
    return _upright_rgb(colours)


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


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height in pixels as stored, from the header alone.

    Raises:
        InputError: not a picture.
    """
    with decoding(str(path), path), open_image(path) as image:
        return image.size


def _readable_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _name(source: str | os.PathLike[str] | bytes) -> str:
    return f"picture of {len(source)} bytes" if isinstance(source, bytes) else os.fspath(source)


def _too_large(name: str, max_pixels: int) -> str:
    return (
        f"{name} is larger than {min(max_pixels, MAX_PIXELS) / 1e6:.0f} million pixels; shrink it first "
        "(the limit protects against small files that unpack to more than the memory holds)"
    )


def _refuse_camera_raw(page: Image.Image) -> None:
    """Raises where a TIFF page says that it holds sensor data, or that a larger picture lies behind it."""
    tags = page.tag_v2  # type: ignore[attr-defined]
    sensor = _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _SENSOR_DATA
    if sensor or (_SUB_IFDS in tags and _larger_inside(page)):
        raise InputError(f"{page.filename or 'the picture'} is {CAMERA_RAW}")  # type: ignore[attr-defined]


def _larger_inside(page: Image.Image) -> bool:
    """Whether a TIFF page carries pictures of more pixels than its own, as raw files do behind their thumbnail."""
    tags, file = page.tag_v2, page.fp  # type: ignore[attr-defined]
    offsets = tags[_SUB_IFDS]
    for offset in offsets if isinstance(offsets, tuple) else (offsets,):
        inner = TiffImagePlugin.ImageFileDirectory_v2(prefix=tags.prefix)
        file.seek(int(offset))
        inner.load(file)
        if int(inner.get(256, 0)) * int(inner.get(257, 0)) > page.width * page.height:
            return True
    return False


def _upright_rgb(image: Image.Image) -> np.ndarray:
    ImageOps.exif_transpose(image, in_place=True)
    profile = image.info.get("icc_profile")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        layers = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    if profile and image.mode == "P":
        image = image.convert("RGB")
    if profile and image.mode in {"CMYK", "LAB", "RGB"}:
        image = _through_profile(image, profile)
    return _to_array(image if image.mode == "RGB" else image.convert("RGB"))


def _eight_bit(image: Image.Image, told: int | None, name: str, notes: list[str]) -> Image.Image:
    """Bring deep greyscale (16-bit, 32-bit, float) to 8 bits; Pillow's own conversion would clip instead of scale."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.asarray(image, dtype=np.float32)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if image.mode != "F" and low >= 0 and high <= 65535:
        values = values * (255 / _full_scale(int(high), told, name, notes))
    elif image.mode == "F" and low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 255:
        values = (values - low) * (255 / max(high - low, 1e-12))
    scaled = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if exif := image.info.get("exif"):
        scaled.info["exif"] = exif
    elif image.getexif():
        scaled.getexif().update(dict(image.getexif()))
    return scaled


def _told_depth(image: Image.Image) -> int | None:
    """Bits of the values as the tags of a TIFF say, or None where they do not."""
    tags = getattr(image, "tag_v2", {})
    bits, most = (value[0] if isinstance(value := tags.get(tag), tuple) else value for tag in (_BITS, _MAX_SAMPLE))
    if bits is not None and bits < 16:
        return int(bits)
    return most.bit_length() if isinstance(most, int) and most > 0 and most & (most + 1) == 0 else None


def _full_scale(high: int, told: int | None, name: str, notes: list[str]) -> int:
    """The value of white, for 16-bit values up to ``high``: what the tags say, else what the values themselves suggest."""
    if told is not None:
        return (1 << told) - 1
    if high == 0 or high >= 1 << 14:
        return 65535
    depth = next((depth for depth in _DEPTHS if high < 1 << depth), None)
    if depth is None:
        notes.append(f"{name} stores 16-bit values up to {high} only and is read as dark; scale it to 16 bits if it is not")
        return 65535
    notes.append(f"{name} stores 16-bit values up to {high} only and is read as {depth}-bit; scale it to 16 bits if it is not")
    return (1 << depth) - 1


def _dark_colours(source: str | os.PathLike[str] | bytes, name: str, notes: list[str]) -> Image.Image | None:
    """16-bit colours whose upper half is all but empty, read with their lower half, which Pillow leaves out; or None."""
    import av
    import av.error

    try:
        with av.open(io.BytesIO(source) if isinstance(source, bytes) else os.fspath(source), "r") as container:
            values = next(container.decode(video=0)).reformat(format="rgb48le").to_ndarray()  # (H, W, 3) uint16
    except (av.error.FFmpegError, ValueError, StopIteration):
        return None
    scale = _full_scale(int(values.max()), None, name, notes)
    return Image.fromarray(np.rint(values * np.float32(255 / scale)).astype(np.uint8))


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert to sRGB by the embedded profile; the picture itself where that is of no use or changes nothing visible."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        convert = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
        if image.mode == "RGB":
            steps = np.linspace(0, 255, 8).astype(np.uint8)
            colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(8, 64, 3)
            change = np.asarray(convert.apply(Image.fromarray(colours))).astype(int) - colours
            if np.abs(change).max() <= _VISIBLE:
                return image
        return convert.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _to_array(image: Image.Image) -> np.ndarray:
    # In strips: one call would hold the picture three times.
    width, height = image.size
    array = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        array[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return array

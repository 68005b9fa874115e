"""Pictures from files: whatever is stored, an upright 8-bit RGB array comes out.

Pillow decides by content, so a wrong file extension does no harm. A picture of 12,000 x 12,000 pixels takes 432 MB as
an array and about twice that while it is read.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from aufait.errors import InputError, OutputError
from aufait.media.atomic import write_bytes

MAX_PIXELS = 178_000_000
"""Larger pictures are refused: a small file can claim to be enormous and exhaust the memory ("decompression bomb")."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "AVIF", "JPEG2000", "TGA", "QOI", "ICO")
"""Formats that are read. Vector formats are left out on purpose: they start other programs."""

_STRIP_ROWS = 512
_SIXTEEN_BIT = 257.0  # 65535 / 255
_ALPHA_MODES = {"RGBA", "LA", "PA", "RGBa", "La"}


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as it is meant to be seen.

    The EXIF orientation is applied, transparent parts lie over white, 16-bit values are scaled to 8 bits, CMYK goes
    through its colour profile when it has one. Of an animation the first picture counts.

    Args:
        path: file in one of ``FORMATS``; the extension is ignored.
        max_pixels: refuse pictures with more pixels than this; at most ``MAX_PIXELS`` has an effect.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        InputError: missing, empty, unreadable, damaged, not a picture, or too large; the text names the file and the
            remedy.
    """
    path = Path(path)
    _check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit decides about large pictures
            with Image.open(path, formats=_readable_formats()) as image:
                _check_size(path, image.size, max_pixels)
                image.load()
                return _to_array(_to_rgb(image))
    except Image.DecompressionBombError as error:
        raise InputError(_too_large(path, max_pixels)) from error
    except UnidentifiedImageError as error:
        raise InputError(_not_a_picture(path)) from error
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory; shrink the picture first") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} is damaged or cut off ({error}); copy it again from its origin or save it anew in an image editor"
        ) from error


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
    path = Path(path)
    _check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_readable_formats()) as image:
                return image.size
    except Exception as error:
        raise InputError(_not_a_picture(path)) from error


def _readable_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder; a picture file was expected")
    try:
        empty = path.stat().st_size == 0
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the spelling and the current folder") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    if empty:
        raise InputError(f"{path} is empty (0 bytes); copy it again from its origin")


def _check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise InputError(_too_large(path, max_pixels))


def _too_large(path: Path, max_pixels: int) -> str:
    return (
        f"{path} is larger than {min(max_pixels, MAX_PIXELS) / 1e6:.0f} million pixels; shrink it first "
        "(the limit protects against small files that unpack to more than the memory holds)"
    )


def _not_a_picture(path: Path) -> str:
    from aufait.media.sources import describe_content

    return f"{path} is not a picture that can be read: {describe_content(path)}"


def _to_rgb(image: Image.Image) -> Image.Image:
    image = _eight_bit(image)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        layers = image.convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        return Image.alpha_composite(white, layers).convert("RGB")
    if image.mode in {"CMYK", "LAB"} and image.info.get("icc_profile"):
        converted = _through_profile(image)
        if converted is not None:
            return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring deep greyscale (16-bit, 32-bit, float) to 8 bits; Pillow's own conversion would clip instead of scale."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.asarray(image, dtype=np.float32)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if image.mode != "F" and low >= 0 and high <= 65535:
        values = values / _SIXTEEN_BIT
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


def _through_profile(image: Image.Image) -> Image.Image | None:
    """Convert by the embedded colour profile, or None where the profile is of no use."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _to_array(image: Image.Image) -> np.ndarray:
    # In strips: one call would hold the picture three times.
    width, height = image.size
    array = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        array[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return array

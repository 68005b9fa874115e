"""From a picture as Pillow holds it, of any kind of pixels, to an upright 8-bit RGB array.

All of it is done in strips, so that only Pillow's picture and the array are in memory. What had to be decided on the way (the depth
of the values) is said in a note.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageCms

_STRIP_PIXELS = 1 << 18  # small enough for the processor's cache
_ALPHA_MODES = {"RGBA", "LA", "PA", "RGBa", "La"}
_BITS, _MAX_SAMPLE = 258, 281  # TIFF tags
_ORIENTATION = 274  # EXIF
_DEPTHS = (8, 10, 12)  # of cameras and converters that store their values in 16 bits without scaling them
_VISIBLE = 2  # grey levels: pixels are left unchanged by a colour profile that changes less
_DARK_PIXELS = 40_000_000  # of a picture that is read a second time, for 16 bytes a pixel

_Step = Callable[[Image.Image], Image.Image]

_TURNS: dict[int, tuple[Image.Transpose, bool, bool]] = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, False, False),
    3: (Image.Transpose.ROTATE_180, False, True),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, False, True),
    5: (Image.Transpose.TRANSPOSE, True, False),
    6: (Image.Transpose.ROTATE_270, True, True),
    7: (Image.Transpose.TRANSVERSE, True, True),
    8: (Image.Transpose.ROTATE_90, True, False),
}
"""EXIF orientation -> how a strip is turned, whether its rows become columns, whether the first one becomes the last."""


def to_array(
    image: Image.Image,
    name: str = "picture",
    notes: list[str] | None = None,
    source: str | os.PathLike[str] | bytes | None = None,
) -> np.ndarray:
    """An opened picture, or a page of one, as (H, W, 3) uint8 RGB, C-contiguous and writable.

    The EXIF orientation is applied, transparent parts are placed on white, deeper values are scaled to 8 bits, colours go through
    their profile where that changes them visibly.

    Args:
        image: is loaded and otherwise left as it is.
        name: what to call it in notes.
        notes: takes the notes.
        source: the file of a single picture, to read values again that Pillow cuts to 8 bits.
    """
    notes = [] if notes is None else notes
    deep = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    image.load()
    array = _upright(image, orientation(image), _steps(image, name, notes))
    if not deep or image.mode not in {"RGB", "RGBA"} or array.max(initial=0) >= 1 << max(_DEPTHS) - 8:
        return array
    colours = None if source is None else _dark_colours(image, source, name, notes)
    if colours is None:
        notes.append(f"{name} stores 16-bit colours with low values only and is read as dark; scale them to 16 bits")
        return array
    colours.info["icc_profile"] = image.info.get("icc_profile")
    return _upright(colours, orientation(image), _steps(colours, name, notes))


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none, or EXIF that cannot be read: the picture itself is whole then."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # it is parsed by hand in several places, which raise what they like
        return 1
    return value if value in _TURNS else 1


def _upright(image: Image.Image, turn: int, steps: list[_Step]) -> np.ndarray:
    """The picture turned as EXIF says, each strip of it having gone through ``steps``."""
    width, height = image.size
    method, columns, backwards = _TURNS.get(turn, (None, False, False))
    array = np.empty((width, height, 3) if columns else (height, width, 3), dtype=np.uint8)
    for top, strip in _strips(image):
        bottom = top + strip.height
        for step in steps:
            strip = step(strip)
        strip = strip if strip.mode == "RGB" else strip.convert("RGB")
        strip = strip if method is None else strip.transpose(method)
        place = slice(height - bottom, height - top) if backwards else slice(top, bottom)
        array[(slice(None), place) if columns else place] = np.asarray(strip)
    return array


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """First row and pixels of one strip after the other."""
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _steps(image: Image.Image, name: str, notes: list[str]) -> list[_Step]:
    """What is done to each strip before its plain conversion to RGB."""
    mode, profile = image.mode, image.info.get("icc_profile")
    if mode.startswith("I") or mode == "F":
        return [_grey_scale(image, name, notes)]
    steps: list[_Step] = []
    if mode in _ALPHA_MODES or "transparency" in image.info:
        steps.append(_over_white)
        mode = "RGB"
    if profile and mode == "P":
        steps.append(_to_rgb)
        mode = "RGB"
    if profile and mode in {"CMYK", "LAB", "RGB"} and (convert := _through_profile(profile, mode)) is not None:
        steps.append(convert)
    return steps


def _to_rgb(strip: Image.Image) -> Image.Image:
    return strip.convert("RGB")


def _over_white(strip: Image.Image) -> Image.Image:
    layers = strip.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")


def _grey_scale(image: Image.Image, name: str, notes: list[str]) -> _Step:
    """How deep greyscale (16-bit, 32-bit, float) becomes 8 bits; Pillow's own conversion would clip instead of scale."""
    low, high = _extremes(image)
    offset, factor = 0.0, 1.0
    if image.mode != "F" and low >= 0 and high <= 65535:
        factor = 255 / _full_scale(int(high), _told_depth(image), name, notes)
    elif image.mode == "F" and low >= 0 and high <= 1:
        factor = 255.0
    elif low < 0 or high > 255:
        offset, factor = low, 255 / max(high - low, 1e-12)

    def scaled(strip: Image.Image) -> Image.Image:
        values = np.asarray(strip, dtype=np.float32)
        if image.mode == "F":
            values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
        with np.errstate(over="ignore"):
            return Image.fromarray(np.clip(np.rint((values - offset) * factor), 0, 255).astype(np.uint8))

    return scaled


def _extremes(image: Image.Image) -> tuple[float, float]:
    """Smallest and largest finite value; 0 where there is none."""
    lowest, highest = [], []
    for _, strip in _strips(image):
        values = np.asarray(strip, dtype=np.float32)
        if image.mode == "F":
            values = values[np.isfinite(values)]
        if values.size:
            lowest.append(float(values.min()))
            highest.append(float(values.max()))
    return min(lowest, default=0.0), max(highest, default=0.0)


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


def _dark_colours(
    image: Image.Image, source: str | os.PathLike[str] | bytes, name: str, notes: list[str]
) -> Image.Image | None:
    """16-bit colours whose upper half is all but empty, read with their lower half, which Pillow leaves out; or None."""
    import av
    import av.error

    from aufait.media.containers import silence_decoders

    reader = {"PNG": "png_pipe", "TIFF": "tiff_pipe"}.get(str(image.format))
    if reader is None or image.width * image.height > _DARK_PIXELS:
        return None
    silence_decoders()
    try:
        with (
            io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file,  # noqa: PTH123 (any path)
            av.open(file, "r", format=reader, options={"max_pixels": str(_DARK_PIXELS)}) as container,
        ):
            values = next(container.decode(video=0)).reformat(format="rgb48le").to_ndarray()  # (H, W, 3) uint16
    except (av.error.FFmpegError, OSError, ValueError, StopIteration):
        return None
    if values.shape[:2] != (image.height, image.width):
        return None
    scale = 255 / _full_scale(int(values.max()), None, name, notes)
    array = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 256):
        array[top : top + 256] = np.rint(values[top : top + 256] * np.float32(scale))
    return Image.fromarray(array)


def _through_profile(profile: bytes, mode: str) -> _Step | None:
    """The conversion to sRGB by an embedded profile; None where that is of no use or changes nothing visible."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        convert = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        steps = np.linspace(0, 255, 8).astype(np.uint8)
        colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(8, 64, 3)
        if mode != "RGB":
            convert.apply(Image.new(mode, (1, 1)))  # whether it works at all
            return convert.apply
        change = np.asarray(convert.apply(Image.fromarray(colours))).astype(int) - colours
        return convert.apply if np.abs(change).max() > _VISIBLE else None
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None

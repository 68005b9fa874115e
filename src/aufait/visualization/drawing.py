"""Smooth lines, dots, text and panels on NumPy pictures; the time depends on what is drawn, not on the picture's size.

All functions change the array they are given.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aufait.visualization.palette import Colour

_LANE = 0.8  # pixels between samples across a line; each is spread over two pixels, so finer shows no difference
_PANEL_SHIFT = 2  # panels keep 1/4 of the picture: a shift and an addition, several times faster than mixing


def rectangle(image: np.ndarray, box: tuple[float, float, float, float], colour: Colour, opacity: float = 1.0) -> None:
    """Fill x0, y0, x1, y1 (pixels, rounded, the end excluded) with a colour."""
    x0, y0, x1, y1 = _clip(image, box)
    if x0 < x1 and y0 < y1:
        _mix(image[y0:y1, x0:x1], colour, opacity)


def panel(image: np.ndarray, box: tuple[float, float, float, float], radius: int, colour: Colour) -> None:
    """Put a mostly opaque background with round corners on a part of the picture, for text."""
    x0, y0, x1, y1 = (round(side) for side in box)
    left, top, right, bottom = _clip(image, box)
    if left >= right or top >= bottom:
        return
    view = image[top:bottom, left:right]
    outside = ~_round_mask(x1 - x0, y1 - y0, radius)[top - y0 : bottom - y0, left - x0 : right - x0]
    rows, columns = np.nonzero(outside)
    kept = view[rows, columns]
    view >>= _PANEL_SHIFT
    view += np.array([channel - (channel >> _PANEL_SHIFT) for channel in colour], dtype=np.uint8)
    view[rows, columns] = kept


def corners(image: np.ndarray, box: np.ndarray, thickness: int, colour: Colour) -> None:
    """Draw the four corners of a box as brackets, with a thin dark rim that keeps them visible on light ground."""
    x0, y0, x1, y1 = (round(float(side)) for side in box)
    arm = max(3 * thickness, round(0.16 * min(x1 - x0, y1 - y0)))
    for grow, paint, opacity in ((1, (0, 0, 0), 0.35), (0, colour, 1.0)):
        for x, to_right in ((x0, 1), (x1, -1)):
            for y, to_bottom in ((y0, 1), (y1, -1)):
                across = sorted((x, x + to_right * arm)), sorted((y, y + to_bottom * thickness))
                down = sorted((x, x + to_right * thickness)), sorted((y + to_bottom * thickness, y + to_bottom * arm))
                for (left, right), (top, bottom) in (across, down):
                    rectangle(image, (left - grow, top - grow, right + grow, bottom + grow), paint, opacity)


def strokes(image: np.ndarray, lines: list[np.ndarray], thickness: float, dots: np.ndarray, radius: float, colour: Colour) -> None:
    """Draw polylines and dots with smooth edges over a soft dark rim.

    Args:
        image: (H, W, 3) uint8, changed.
        lines: each (N, 2) x, y in pixels.
        thickness: of the lines, pixels.
        dots: (M, 2) centres of the dots.
        radius: of the dots, pixels.
        colour: of both; the dots are opaque, the lines let the picture through.
    """
    everything = np.concatenate([dots, *lines]) if lines else dots
    margin = int(radius + thickness + 3)
    window = _window(image, everything, margin)
    if window is None:
        return
    top, left, view = window
    offset = np.array([left, top], dtype=float)
    size = view.shape[:2]
    line = _line_samples([line - offset for line in lines], thickness)
    dot = _dot_samples(dots - offset, radius)
    if radius > 1:
        rim = _dot_samples(dots - offset, radius + max(0.8, 0.4 * radius))
        _paint(view, *_coverage(*rim, size), (0, 0, 0), 0.45)
    if lines:
        pixels, cover = _coverage(*line, size)
        _paint(view, pixels, cover, (0, 0, 0), 0.2)
        _paint(view, pixels, cover, colour, 0.55)
    _paint(view, *_coverage(*dot, size), colour, 1.0)


def text(image: np.ndarray, place: tuple[float, float], words: str, size: int, colour: Colour, *, anchor: str = "l") -> int:
    """Write one line of text with its vertical middle at y.

    Args:
        place: x, y in pixels; ``anchor`` says whether x is the left end ("l"), the middle ("m") or the right end ("r").
        size: of the font in pixels.

    Returns:
        Width of the text in pixels.
    """
    height, width, rows, columns, alpha = _text_pixels(words, size)
    x = round(place[0]) - {"l": 0, "m": width // 2, "r": width}[anchor]
    y = round(place[1] - height / 2)
    if x < 0 or y < 0 or x + width > image.shape[1] or y + height > image.shape[0]:
        inside = (rows + y >= 0) & (rows + y < image.shape[0]) & (columns + x >= 0) & (columns + x < image.shape[1])
        rows, columns, alpha = rows[inside], columns[inside], alpha[inside]
    at = (rows + y, columns + x)
    image[at] = (image[at] * (256 - alpha) + np.array(colour, dtype=np.uint16) * alpha) >> 8
    return width


@lru_cache(maxsize=4096)
def _text_pixels(words: str, size: int) -> tuple[int, int, np.ndarray, np.ndarray, np.ndarray]:
    """Height, width, and of the inked pixels rows, columns, (n, 1) opacity in 1/256: most of a word is empty."""
    mask = text_mask(words, size)
    rows, columns = np.nonzero(mask)
    alpha = (mask[rows, columns].astype(np.uint16) * 257 // 255)[:, None]
    return *mask.shape, rows, columns, np.minimum(alpha, 256)


@lru_cache(maxsize=4096)
def text_mask(words: str, size: int) -> np.ndarray:
    """(h, w) uint8 coverage of one line of text. The height depends on the size alone, so that lines align."""
    # Drawn four times as large and reduced: the font's own fitting to the pixel grid spoils small sizes.
    font = _font(4 * size)
    ascent, descent = (-(-part // 4) * 4 for part in font.getmetrics())
    width = -(-int(np.ceil(font.getlength(words)) + 1) // 4) * 4
    picture = Image.new("L", (max(4, width), ascent + descent))
    ImageDraw.Draw(picture).text((0, ascent), words, font=font, fill=255, anchor="ls")
    mask = np.asarray(picture.reduce(4))
    # Small letters lose weight in the reduction; a gentle curve gives it back.
    mask = np.rint(255 * (mask / 255) ** (0.75 if size < 16 else 0.9)).astype(np.uint8)
    mask.flags.writeable = False
    return mask


def text_width(words: str, size: int) -> int:
    """Width in pixels of one line of text."""
    return text_mask(words, size).shape[1]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)  # comes with Pillow, so every machine draws the same
    if not isinstance(font, ImageFont.FreeTypeFont):  # pragma: no cover - a Pillow built without FreeType
        raise RuntimeError("Pillow was built without FreeType; install its wheel from the package index")
    return font


@lru_cache(maxsize=64)
def _round_mask(width: int, height: int, radius: int) -> np.ndarray:
    """(h, w) bool: inside a rectangle with round corners."""
    radius = max(0, min(radius, width // 2, height // 2))
    x = np.arange(max(width, 1)) + 0.5
    y = np.arange(max(height, 1)) + 0.5
    dx = np.maximum(0, np.maximum(radius - x, x - (width - radius)))
    dy = np.maximum(0, np.maximum(radius - y, y - (height - radius)))
    return np.hypot(dx[None, :], dy[:, None]) <= radius


def _line_samples(lines: list[np.ndarray], thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """Scatter lines as points (N, 2), each with the area (N,) in pixels that it represents."""
    if not lines:
        return np.zeros((0, 2)), np.zeros(0)
    starts = np.concatenate([line[:-1] for line in lines])
    steps = np.concatenate([np.diff(line, axis=0) for line in lines])
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    counts = np.maximum(1, np.ceil(lengths)).astype(int)
    which = np.repeat(np.arange(len(starts)), counts)
    within = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / counts[which]
    points = starts[which] + within[:, None] * steps[which]
    across = np.stack([-steps[:, 1], steps[:, 0]], axis=1) / np.maximum(lengths, 1e-9)[:, None]
    lanes = max(1, int(np.ceil(thickness / _LANE)))
    shifts = ((np.arange(lanes) + 0.5) / lanes - 0.5) * thickness
    points = (points[:, None] + shifts[:, None] * across[which][:, None]).reshape(-1, 2)
    return points, np.repeat((lengths / counts)[which] * thickness / lanes, lanes)


def _dot_samples(centres: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Scatter dots like ``_line_samples``."""
    pattern = _dot_pattern(radius)
    points = (centres[:, None] + pattern).reshape(-1, 2)
    return points, np.full(len(points), np.pi * radius**2 / len(pattern))


@lru_cache(maxsize=256)
def _dot_pattern(radius: float) -> np.ndarray:
    step = max(0.4, min(0.8, radius / 4))
    side = np.arange(-np.floor(radius / step), np.floor(radius / step) + 1) * step
    x, y = np.meshgrid(side, side)
    inside = np.hypot(x, y) <= radius
    return np.stack([x[inside], y[inside]], axis=1)


def _coverage(points: np.ndarray, area: np.ndarray, size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Share each sample among the four pixels around it: flat pixel numbers and their coverage in [0, 1]."""
    height, width = size[:2]
    inside = (points >= 0).all(axis=1) & (points[:, 0] < width - 1) & (points[:, 1] < height - 1)
    points, area = points[inside], area[inside]
    whole = points.astype(np.int64)
    fx, fy = (points - whole).T
    corner = whole[:, 1] * width + whole[:, 0]
    places = np.concatenate((corner, corner + 1, corner + width, corner + width + 1))
    right, lower = area * fx, area * fy
    both = right * fy
    shares = np.concatenate((area - right - lower + both, right - both, lower - both, both))
    total = np.bincount(places, shares)
    pixels = np.flatnonzero(total > 0.01)
    return pixels, np.minimum(total[pixels], 1.0)


def _paint(view: np.ndarray, pixels: np.ndarray, cover: np.ndarray, colour: Colour, opacity: float) -> None:
    rows, columns = np.divmod(pixels, view.shape[1])
    alpha = (cover * (256 * opacity)).astype(np.uint16)[:, None]
    view[rows, columns] = (view[rows, columns] * (256 - alpha) + np.array(colour, dtype=np.uint16) * alpha) >> 8


def _window(image: np.ndarray, points: np.ndarray, margin: int) -> tuple[int, int, np.ndarray] | None:
    """The part of the picture around some points: top, left and a view of it; None where nothing of it is visible."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin + 1
    left, top, right, bottom = _clip(image, (low[0], low[1], high[0], high[1]))
    return (top, left, image[top:bottom, left:right]) if left < right and top < bottom else None


def _clip(image: np.ndarray, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (round(float(side)) for side in box)
    return max(0, x0), max(0, y0), min(width, x1), min(height, y1)


def _mix(view: np.ndarray, colour: Colour, opacity: float) -> None:
    if opacity >= 1:
        view[:] = colour
        return
    alpha = round(256 * opacity)
    paint = np.array(colour, dtype=np.uint16) * alpha
    view[:] = (view.astype(np.uint16) * (256 - alpha) + paint) >> 8

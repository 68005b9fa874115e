"""What is behind the person: studio walls, rooms, landscapes, posters, leaves, crowds; mostly out of focus.

Scenes are painted small and enlarged: the lens would blur them anyway.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np

from aufait.synthetic.drawing.primitives import srgb_to_linear

_CANVAS = 128
_Painter = Callable[[np.random.Generator], tuple[np.ndarray, float]]


def make_background(size: int, rng: np.random.Generator) -> np.ndarray:
    """A random background.

    Args:
        size: side in pixels, at least 1.
        rng: the only source of chance.

    Returns:
        (size, size, 3) float32 linear RGB >= 0; lamps may exceed 1.
    """
    painter = _PAINTERS[int(rng.choice(len(_PAINTERS), p=_ODDS))]
    picture, blur = painter(rng)
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    picture = _vignette(picture, rng)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC if size > _CANVAS else cv2.INTER_AREA)
    return np.maximum(picture, 0.0).astype(np.float32)


def _colour(rng: np.random.Generator, low: float = 0.1, high: float = 0.9, saturation: float = 0.22) -> np.ndarray:
    """(3,) linear colour: a grey level tinted by at most ``saturation``."""
    grey = rng.uniform(low, high)
    warm, green = rng.normal(0.0, saturation, 2) * (0.7, 0.3)  # places vary from warm to cold, rarely to green
    tint = warm * np.array([0.7, 0.05, -0.75]) + green * np.array([-0.5, 1.0, -0.5])
    if rng.random() < 0.15:
        tint += rng.normal(0.0, 0.6 * saturation, 3)
    return srgb_to_linear(np.clip(grey * (1 + tint), 0.01, 1.0))


def _noise(rng: np.random.Generator, falloff: float = 1.0, size: int = _CANVAS) -> np.ndarray:
    """(size, size) float32 noise of unit variance whose amplitude falls as 1 / frequency ** falloff."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32)) / _damping(falloff, size)
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32)
    return field / field.std()


@functools.lru_cache(maxsize=16)
def _damping(falloff: float, size: int) -> np.ndarray:
    """(size, size // 2 + 1) frequency ** falloff, 1 for the mean."""
    frequency = np.fft.fftfreq(size)
    radius: np.ndarray = np.sqrt(frequency[:, None] ** 2 + frequency[None, : size // 2 + 1] ** 2)
    radius[0, 0] = 1.0
    return radius**falloff


@functools.lru_cache(maxsize=1)
def _ramps() -> tuple[np.ndarray, np.ndarray]:
    """Row and column coordinates from 0 to 1, not to be written to."""
    line = np.linspace(0.0, 1.0, _CANVAS, dtype=np.float32)
    return np.repeat(line[:, None], _CANVAS, 1), np.repeat(line[None], _CANVAS, 0)


def _vignette(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y, x = _ramps()
    slope = rng.normal(0, 0.25, 2)
    y, x = y - 0.5, x - 0.5
    light = np.clip(1 + slope[0] * y + slope[1] * x - rng.uniform(0, 0.5) * (y**2 + x**2), 0.1, 2)
    return picture * light.astype(np.float32)[..., None]


def _plain(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    wall = np.empty((_CANVAS, _CANVAS, 3), np.float32)
    wall[:] = _colour(rng, 0.05, 0.98, 0.15)
    return wall * (1 + np.float32(0.02) * _noise(rng, 1.0))[..., None], 0.0


def _studio(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A paper or cloth backdrop with a pool of light."""
    y, x = _ramps()
    center, spread = rng.uniform([0.2, 0.2], [0.8, 0.8]), rng.uniform(0.25, 0.8)
    pool = np.exp(-((y - center[0]) ** 2 + (x - center[1]) ** 2) / (2 * spread**2))
    dark, bright = _colour(rng, 0.03, 0.5, 0.25), _colour(rng, 0.3, 0.95, 0.2)
    cloth = 1 + np.float32(rng.uniform(0, 0.18)) * _noise(rng, 1.6)
    return ((dark + pool[..., None] * (bright - dark)) * np.clip(cloth, 0.3, 2)[..., None]).astype(np.float32), 1.0


def _rectangle(picture: np.ndarray, box: np.ndarray, colour: np.ndarray) -> None:
    """Fill ``box`` (left, top, right, bottom, as shares of the side)."""
    left, top, right, bottom = (int(v) for v in np.round(np.asarray(box) * _CANVAS))
    cv2.rectangle(picture, (left, top), (right, bottom), colour.tolist(), -1)


def _room(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Wall, floor, a window or pictures, shelves and furniture, lamps."""
    picture: np.ndarray = np.empty((_CANVAS, _CANVAS, 3), np.float32)
    wall = _colour(rng, 0.25, 0.9, 0.15)
    picture[:] = wall
    corner = rng.uniform(-0.3, 1.3)
    if 0 < corner < 1:
        picture[:, : int(corner * _CANVAS)] *= rng.uniform(0.6, 0.9)
    floor = rng.uniform(0.7, 1.1)
    _rectangle(picture, np.array([0, floor, 1, 1.2]), _colour(rng, 0.1, 0.6, 0.25))
    if rng.random() < 0.55:
        _window(picture, rng)
    for _ in range(rng.integers(0, 4)):
        left, top, width, height = rng.uniform([0, 0, 0.1, 0.1], [0.9, 0.5, 0.35, 0.35])
        frame = _colour(rng, 0.05, 0.5)
        _rectangle(picture, np.array([left - 0.015, top - 0.015, left + width + 0.015, top + height + 0.015]), frame)
        _rectangle(picture, np.array([left, top, left + width, top + height]), _colour(rng, 0.1, 0.9, 0.3))
    if rng.random() < 0.4:
        _shelf(picture, rng)
    for _ in range(rng.integers(1, 6)):
        left, width, height = rng.uniform([-0.2, 0.08, 0.1], [0.95, 0.5, 0.6])
        _rectangle(picture, np.array([left, 1 - height, left + width, 1.1]), _colour(rng, 0.05, 0.6, 0.3))
    blur = rng.uniform(0.8, 6.0)
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    _bokeh(picture, rng, int(rng.integers(0, 4)), blur)
    return picture * (1 + np.float32(0.03) * _noise(rng, 1.2))[..., None], 0.5


def _window(picture: np.ndarray, rng: np.random.Generator) -> None:
    left, top, width, height = rng.uniform([-0.2, -0.2, 0.25, 0.4], [0.7, 0.2, 0.6, 0.9])
    sky = _colour(rng, 0.8, 1.0, 0.1) * rng.uniform(1.0, 2.2)
    _rectangle(picture, np.array([left, top, left + width, top + height]), sky)
    if rng.random() < 0.6:
        _rectangle(picture, np.array([left, top + 0.6 * height, left + width, top + height]), sky * _colour(rng, 0.4, 0.8, 0.3))
    bar = _colour(rng, 0.3, 0.95)
    for t in np.linspace(0, 1, rng.integers(2, 5)):
        _rectangle(picture, np.array([left + t * width - 0.01, top, left + t * width + 0.012, top + height]), bar)
    if rng.random() < 0.3:
        for t in np.arange(0, 1, 0.07):
            _rectangle(picture, np.array([left, top + t * height, left + width, top + (t + 0.03) * height]), bar)


def _shelf(picture: np.ndarray, rng: np.random.Generator) -> None:
    left, width = rng.uniform([0, 0.3], [0.6, 0.8])
    for top in np.arange(rng.uniform(0, 0.15), 0.95, rng.uniform(0.17, 0.3)):
        _rectangle(picture, np.array([left, top + 0.14, left + width, top + 0.16]), _colour(rng, 0.2, 0.5, 0.3))
        x = left
        while x < left + width:
            thick = rng.uniform(0.015, 0.05)
            _rectangle(picture, np.array([x, top + rng.uniform(0, 0.06), x + thick, top + 0.14]), _colour(rng, 0.1, 0.8, 0.45))
            x += thick + (rng.random() < 0.1) * 0.1


def _bokeh(picture: np.ndarray, rng: np.random.Generator, count: int, blur: float) -> None:
    """Out-of-focus lamps: soft-edged discs brighter than white."""
    for _ in range(count):
        place = rng.uniform(0, _CANVAS, 2).astype(int)
        radius = max(1, int(blur * rng.uniform(0.9, 2.2)))
        glow = srgb_to_linear(np.clip(np.array([1.0, 0.88, 0.7]) + rng.normal(0, 0.1, 3), 0, 1)) * rng.uniform(0.4, 1.6)
        disc: np.ndarray = np.zeros((_CANVAS, _CANVAS), np.float32)
        cv2.circle(disc, (int(place[0]), int(place[1] * 0.7)), radius, 1.0, -1, cv2.LINE_AA)
        disc = cv2.GaussianBlur(disc, (0, 0), 0.3 + 0.25 * radius)
        picture += disc[..., None] * glow


def _outdoors(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Sky, a line of trees or houses, ground, each with its own texture."""
    y, _ = _ramps()
    sky = _colour(rng, 0.6, 1.0, 0.08) * np.array([rng.uniform(0.7, 1.0), 0.95, rng.uniform(1.0, 1.25)])
    green = np.array([0.30, 0.36, 0.20]) * rng.uniform(0.5, 1.3)
    foliage = srgb_to_linear(green * (1 + rng.normal(0, 0.12, 3)).clip(0.6, 1.4))
    ground = _colour(rng, 0.2, 0.7, 0.2) if rng.random() < 0.6 else foliage * 1.3
    rough = _noise(rng, 1.3)
    horizon, treetop = rng.uniform(0.45, 1.05), rng.uniform(-0.2, 0.6)
    trees = np.clip((y - treetop + 0.09 * rough) * 14, 0, 1)[..., None]
    earth = np.clip((y - horizon) * 25, 0, 1)[..., None]
    leaves = foliage * np.exp(rng.uniform(0.25, 0.7) * _noise(rng, 0.9))[..., None]
    clouds = sky * (1 + rng.uniform(0, 0.15) * _noise(rng, 1.8))[..., None]
    picture = clouds + trees * (leaves - clouds)
    picture = (picture + earth * (ground * (1 + 0.15 * rough)[..., None] - picture)).astype(np.float32)
    if rng.random() < 0.35:
        for _ in range(rng.integers(1, 5)):
            left, width, top = rng.uniform([-0.1, 0.1, 0.0], [0.9, 0.4, 0.6])
            _rectangle(picture, np.array([left, top, left + width, horizon]), _colour(rng, 0.2, 0.8, 0.2))
    blur = rng.uniform(0.5, 5.0)
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    if blur > 2.0 and rng.random() < 0.4:
        _bokeh(picture, rng, int(rng.integers(1, 8)), 0.8 * blur)
    return picture, 0.5


def _poster(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Bands, discs and rows of letter-like marks."""
    picture = np.empty((_CANVAS, _CANVAS, 3), np.float32)
    picture[:] = _colour(rng, 0.3, 0.98, 0.25)
    for _ in range(rng.integers(1, 6)):
        a, b = rng.integers(-20, _CANVAS + 20, (2, 2))
        colour = _colour(rng, 0.05, 0.9, 0.5).tolist()
        if rng.random() < 0.5:
            cv2.rectangle(picture, a.tolist(), b.tolist(), colour, -1)
        else:
            cv2.circle(picture, a.tolist(), int(rng.integers(5, 45)), colour, -1, cv2.LINE_AA)
    ink, height = _colour(rng, 0.02, 0.9, 0.3).tolist(), int(rng.integers(3, 14))
    for top in range(int(rng.integers(0, 20)), _CANVAS, 2 * height):
        x = int(rng.integers(0, 20))
        while x < _CANVAS and rng.random() < 0.97:
            width = int(rng.integers(1, height))
            cv2.rectangle(picture, (x, top), (x + width, top + height), ink, -1 if rng.random() < 0.5 else 1)
            x += width + 1 + (rng.random() < 0.2) * height
    return picture, rng.uniform(0.4, 3.0)


def _dead_leaves(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Overlapping discs and boxes of all sizes, which have the statistics of natural scenes."""
    picture = np.empty((_CANVAS, _CANVAS, 3), np.float32)
    picture[:] = _colour(rng)
    level, tint = rng.uniform(0.2, 0.7), rng.uniform(0.1, 0.45)
    for _ in range(rng.integers(50, 160)):
        radius = int(np.clip(3.0 * rng.pareto(1.2) + 2, 2, 50))
        place = rng.integers(0, _CANVAS, 2).tolist()
        colour = _colour(rng, max(level - 0.3, 0.02), min(level + 0.3, 1.0), tint).tolist()
        if rng.random() < 0.7:
            axes = (radius, max(1, int(radius * rng.uniform(0.3, 1))))
            cv2.ellipse(picture, place, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            cv2.rectangle(picture, place, (place[0] + radius, place[1] + int(radius * rng.uniform(0.5, 3))), colour, -1)
    return picture, rng.uniform(0.3, 4.0)


def _crowd(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """People far behind: blurred heads and shoulders; too soft to be found as faces."""
    picture = np.empty((_CANVAS, _CANVAS, 3), np.float32)
    picture[:] = _colour(rng, 0.2, 0.8, 0.2)
    picture *= (1 + np.float32(0.15) * _noise(rng, 1.2))[..., None]
    skin = srgb_to_linear(np.array([(220, 175, 150), (180, 135, 108), (110, 78, 60)]) / 255.0)
    for row in np.sort(rng.uniform(0.2, 0.9, rng.integers(3, 12))):
        x, y, r = int(rng.uniform(0, _CANVAS)), int(row * _CANVAS), int(rng.uniform(5, 12))
        cv2.ellipse(picture, (x, y + 3 * r), (int(2.2 * r), 2 * r), 0, 0, 360, _colour(rng, 0.05, 0.8, 0.4).tolist(), -1)
        cv2.ellipse(picture, (x, y - 2), (int(1.05 * r), int(1.3 * r)), 0, 0, 360, _colour(rng, 0.03, 0.35, 0.3).tolist(), -1)
        cv2.ellipse(picture, (x, y), (int(0.8 * r), r), 0, 0, 360, (skin[rng.integers(3)] * rng.uniform(0.5, 1.1)).tolist(), -1)
    return picture, rng.uniform(2.5, 6.0)


_PAINTERS: tuple[_Painter, ...] = (_plain, _studio, _room, _outdoors, _poster, _dead_leaves, _crowd)
_ODDS = (0.11, 0.18, 0.28, 0.19, 0.08, 0.08, 0.08)

"""Procedural pictures without faces, as backgrounds of rendered faces and to show the networks what is not a face.

No photograph is used. Each picture is a stack of a few layers out of: coloured noise with a natural spectrum,
gradients, dead leaves (opaque shapes of all sizes), stripes and grids, blobs and bokeh, text and strokes, strands,
skin-coloured limbs and ovals, round pairs (the eyes of buttons and wheels). Needs OpenCV (extra ``train``).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import torch

from aufait.errors import MissingExtraError

SIDE = 320
"""Side of a background in pixels."""


def make_backgrounds(count: int, seed: int, side: int = SIDE) -> torch.Tensor:
    """``count`` pictures (count, 3, side, side) uint8; the same seed gives the same pictures."""
    out = np.empty((count, side, side, 3), np.uint8)
    for row in range(count):
        rng = np.random.default_rng([seed, row])
        out[row] = _picture(rng, side)
    return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("training the face networks", "train") from error
    cv2.setNumThreads(1)
    return cv2


def _picture(rng: np.random.Generator, side: int) -> np.ndarray:
    image = _surface(rng, side)
    if rng.random() < 0.6:
        image = _second_surface(rng, image)
    image = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
    marks = [_blobs, _text, _letters, _strands, _limbs, _pairs, _boxes, _panels, _balls]
    for _ in range(rng.integers(0, 5)):
        marks[rng.integers(len(marks))](rng, image)
    if rng.random() < 0.35:
        blur = float(rng.uniform(0.6, 6.0))
        image = _opencv().GaussianBlur(image, (0, 0), blur)
    return image


def _surface(rng: np.random.Generator, side: int) -> np.ndarray:
    base: list[Callable[..., np.ndarray]] = [_noise, _gradient, _leaves, _stripes, _grain]
    return base[rng.integers(len(base))](rng, side)


def _second_surface(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Another surface over part of the picture: mixed in, or behind a straight edge, a corner or an arch."""
    cv2, side = _opencv(), image.shape[0]
    other = _surface(rng, side)
    kind = rng.integers(4)
    if kind == 0:
        share = _noise(rng, side)[..., :1] / 255.0 if rng.random() < 0.5 else np.float32(rng.uniform(0.2, 0.8))
        return image * share + other * (1 - share)
    mask = np.zeros((side, side), np.uint8)
    x, y = rng.uniform(0.1 * side, 0.9 * side, 2)
    reach, turn = 3.0 * side, rng.uniform(0, 2 * np.pi)
    if kind == 3:
        cv2.ellipse(mask, ((x, y), tuple((side * rng.uniform(0.2, 1.5, 2)).tolist()), float(np.degrees(turn))), 255, -1)
    else:
        opening = np.pi if kind == 1 else rng.uniform(0.8, 2.4)
        angles = turn + np.linspace(0, opening, 5)
        fan = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
        cv2.fillPoly(mask, [np.concatenate([[(x, y)], fan]).astype(np.int32)], 255, cv2.LINE_AA)
    share = cv2.GaussianBlur(mask, (0, 0), float(rng.choice([0.5, 1.5, 6.0])))[..., None] / 255.0
    return image * (1 - share) + other * share


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Any colour, mostly dull."""
    grey = rng.uniform(0, 255)
    spread = rng.choice([10.0, 35.0, 90.0], p=[0.4, 0.4, 0.2])
    r, g, b = np.clip(grey + rng.normal(0, spread, 3), 0, 255).astype(int).tolist()
    return (r, g, b)


def _skin(rng: np.random.Generator) -> tuple[int, int, int]:
    """Any skin tone in any light."""
    depth = rng.uniform(0, 1)
    tone = (1 - depth) * np.array([236, 196, 172]) + depth * np.array([70, 44, 32])
    r, g, b = np.clip(tone * rng.uniform(0.6, 1.1) + rng.normal(0, 8, 3), 0, 255).astype(int).tolist()
    return (r, g, b)


def _noise(rng: np.random.Generator, side: int) -> np.ndarray:
    """Coloured noise whose amplitude falls with frequency as in photographs (1 / f^0.8 to 1 / f^2)."""
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    f[0, 0] = 1.0
    amplitude = f ** -rng.uniform(0.8, 2.0)
    amplitude[0, 0] = 0.0
    phase = np.exp(2j * np.pi * rng.random((3, *f.shape)))
    field = np.fft.irfft2(amplitude * phase, (side, side)).astype(np.float32)
    field /= field.std(axis=(1, 2), keepdims=True) + 1e-9
    mix = rng.dirichlet([0.6, 0.6, 0.6], 3) * rng.uniform(0.4, 1.0) + rng.uniform(0.3, 1.0, (1, 3)) / 3
    field = np.tensordot(mix.astype(np.float32), field, 1)
    mean, spread = np.array(_colour(rng), np.float32)[:, None, None], rng.uniform(10, 60)
    return np.clip(mean + spread * field, 0, 255).transpose(1, 2, 0)


def _gradient(rng: np.random.Generator, side: int) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    angle = rng.uniform(0, 2 * np.pi)
    t = x * np.cos(angle) + y * np.sin(angle)
    if rng.random() < 0.4:
        t = np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1))
    t = ((t - t.min()) / (np.ptp(t) + 1e-6))[..., None]
    first, second = np.array(_colour(rng), np.float32), np.array(_colour(rng), np.float32)
    return first * (1 - t) + second * t


def _leaves(rng: np.random.Generator, side: int) -> np.ndarray:
    """Opaque shapes with sizes after a power law hide one another."""
    cv2 = _opencv()
    image = np.full((side, side, 3), _colour(rng), np.uint8)
    palette = [_colour(rng) for _ in range(rng.integers(3, 9))]
    for _ in range(int(rng.integers(60, 260))):
        size = float(np.clip(side * 0.012 * rng.pareto(1.1) + 3, 3, side * 0.5))
        x, y = rng.uniform(-0.1 * side, 1.1 * side, 2)
        colour = np.clip(np.array(palette[rng.integers(len(palette))]) + rng.normal(0, 12, 3), 0, 255).tolist()
        kind = rng.integers(3)
        if kind == 0:
            cv2.ellipse(
                image, ((x, y), (size, size * rng.uniform(0.3, 1)), rng.uniform(0, 180)), colour, -1, cv2.LINE_AA
            )
        else:
            corners = rng.integers(3, 6)
            turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
            points = np.stack([x + size * np.cos(turn), y + size * np.sin(turn)], axis=1)
            cv2.fillPoly(image, [points.astype(np.int32)], colour, cv2.LINE_AA)
    return image.astype(np.float32)


def _stripes(rng: np.random.Generator, side: int) -> np.ndarray:
    """Stripes, checks or plaid."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), side * rng.uniform(0.02, 0.25)
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    wave = np.sin(2 * np.pi * u / period)
    if rng.random() < 0.5:
        other = np.sin(2 * np.pi * v / (period * rng.uniform(0.5, 2)))
        wave = wave * other if rng.random() < 0.5 else wave + other
    t = 1 / (1 + np.exp(-wave * rng.uniform(1, 12)))[..., None]
    return np.array(_colour(rng), np.float32) * (1 - t) + np.array(_colour(rng), np.float32) * t


def _grain(rng: np.random.Generator, side: int) -> np.ndarray:
    """Wood, brushed metal, cloth: noise drawn out in one direction, slightly bent."""
    cv2 = _opencv()
    length, wave = side * 2, rng.uniform(0, 0.05)
    field = rng.normal(0, 1, (length, length)).astype(np.float32)
    long, thin = float(rng.uniform(12, 60)), float(rng.uniform(0.6, 3))
    field = cv2.GaussianBlur(field, (0, 0), sigmaX=long, sigmaY=thin)
    field += 0.6 * cv2.GaussianBlur(rng.normal(0, 1, field.shape).astype(np.float32), (0, 0), sigmaX=40, sigmaY=8)
    angle = rng.uniform(0, 180)
    matrix = cv2.getRotationMatrix2D((length / 2, length / 2), angle, 1.0)
    field = cv2.warpAffine(field, matrix, (length, length), borderMode=cv2.BORDER_REFLECT)
    part = field[side // 2 : side // 2 + side, side // 2 : side // 2 + side]
    part = part / (part.std() + 1e-6) + wave
    return np.clip(np.array(_colour(rng), np.float32) + rng.uniform(4, 30) * part[..., None], 0, 255)


def _blobs(rng: np.random.Generator, image: np.ndarray) -> None:
    cv2, side = _opencv(), image.shape[0]
    layer = image.copy()
    for _ in range(rng.integers(1, 9)):
        center = tuple(int(v) for v in rng.uniform(0, side, 2))
        cv2.circle(layer, center, int(side * rng.uniform(0.02, 0.3)), _colour(rng), -1, cv2.LINE_AA)
    cv2.addWeighted(layer, float(rng.uniform(0.3, 1)), image, 0.0, 0.0, dst=layer)
    share = float(rng.uniform(0.3, 1.0))
    image[:] = np.clip(image * (1 - share) + layer * share, 0, 255).astype(np.uint8)


def _text(rng: np.random.Generator, image: np.ndarray) -> None:
    cv2, side = _opencv(), image.shape[0]
    letters = list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&:;()?!%")
    for _ in range(rng.integers(1, 6)):
        word = "".join(rng.choice(letters, rng.integers(1, 12)))
        place = (int(rng.uniform(-0.1, 0.8) * side), int(rng.uniform(0.05, 1.0) * side))
        size = float(rng.uniform(0.3, 4.0))
        cv2.putText(image, word, place, int(rng.integers(0, 8)), size, _colour(rng), max(1, int(size * 2)), cv2.LINE_AA)


def _strands(rng: np.random.Generator, image: np.ndarray) -> None:
    """Bundles of curved lines: hair, grass, fabric."""
    cv2, side = _opencv(), image.shape[0]
    start, direction = rng.uniform(0, side, 2), rng.uniform(0, 2 * np.pi)
    colour, spread = np.array(_colour(rng)), side * rng.uniform(0.02, 0.2)
    t = np.linspace(0, 1, 12)[:, None]
    bend = rng.normal(0, 0.4)
    for _ in range(rng.integers(20, 120)):
        length = side * rng.uniform(0.1, 0.7)
        angle = direction + rng.normal(0, 0.12) + bend * t[:, 0]
        steps = np.stack([np.cos(angle), np.sin(angle)], axis=1) * length / 12
        path = start + rng.normal(0, spread, 2) + np.cumsum(steps, axis=0)
        shade = np.clip(colour * rng.uniform(0.6, 1.4), 0, 255).tolist()
        cv2.polylines(image, [path.astype(np.int32)], False, shade, int(rng.integers(1, 3)), cv2.LINE_AA)


def _limbs(rng: np.random.Generator, image: np.ndarray) -> None:
    """Skin-coloured ovals, arms and fingers, softly shaded: skin that is not a face."""
    cv2, side = _opencv(), image.shape[0]
    tone = np.array(_skin(rng), np.float32)
    mask = np.zeros(image.shape[:2], np.uint8)
    x, y = rng.uniform(0, side, 2)
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.4:
        axes = side * rng.uniform(0.08, 0.35, 2)
        cv2.ellipse(mask, ((x, y), tuple(axes.tolist()), float(np.degrees(angle))), 255, -1, cv2.LINE_AA)
    else:
        width = side * rng.uniform(0.02, 0.16)
        for k in range(rng.integers(1, 6)):
            offset = 1.15 * width * k
            a = np.array([x - np.sin(angle) * offset, y + np.cos(angle) * offset])
            turn = angle + rng.normal(0, 0.06)
            b = a + np.array([np.cos(turn), np.sin(turn)]) * side * rng.uniform(0.15, 0.6)
            cv2.line(mask, tuple(a.astype(int).tolist()), tuple(b.astype(int).tolist()), 255, int(width), cv2.LINE_AA)
    depth = cv2.GaussianBlur(mask, (0, 0), side * 0.03).astype(np.float32) / 255
    shade = tone * (0.55 + 0.5 * depth[..., None]) + rng.normal(0, 3, image.shape)
    alpha = mask[..., None].astype(np.float32) / 255
    image[:] = np.clip(image * (1 - alpha) + shade * alpha, 0, 255).astype(np.uint8)


def _pairs(rng: np.random.Generator, image: np.ndarray) -> None:
    """Two round things side by side, with or without something below: what careless detectors take for faces."""
    cv2, side = _opencv(), image.shape[0]
    x, y = rng.uniform(0.1 * side, 0.9 * side, 2)
    radius, angle = side * rng.uniform(0.01, 0.06), rng.normal(0, 0.4)
    gap = radius * rng.uniform(1.5, 6)
    colour, ring = _colour(rng), _colour(rng)
    for sign in (-1, 1):
        center = (int(x + sign * gap * np.cos(angle)), int(y + sign * gap * np.sin(angle)))
        cv2.circle(image, center, max(int(radius * 1.4), 1), ring, -1, cv2.LINE_AA)
        cv2.circle(image, center, max(int(radius), 1), colour, -1, cv2.LINE_AA)


def _boxes(rng: np.random.Generator, image: np.ndarray) -> None:
    """Rows of rectangles: windows, shelves, screens, bricks."""
    cv2, side = _opencv(), image.shape[0]
    step = side * rng.uniform(0.05, 0.25, 2)
    size = step * rng.uniform(0.4, 0.95, 2)
    origin = rng.uniform(-0.3 * side, 0.7 * side, 2)
    base = np.array(_colour(rng))
    filled = -1 if rng.random() < 0.7 else int(rng.integers(1, 4))
    for row in range(rng.integers(1, 7)):
        for column in range(rng.integers(1, 7)):
            corner = origin + step * (column, row)
            colour = np.clip(base + rng.normal(0, 15, 3), 0, 255).tolist()
            a, b = corner.astype(int).tolist(), (corner + size).astype(int).tolist()
            cv2.rectangle(image, tuple(a), tuple(b), colour, filled, cv2.LINE_AA)


def _letters(rng: np.random.Generator, image: np.ndarray) -> None:
    """One to three big letters with outline and shading, as on signs and cartoons; the size of a face."""
    cv2, side = _opencv(), image.shape[0]
    letters = list("ABCDEGJOPQRSUaecgosdbpq0689&!?%@")
    size = float(rng.uniform(2.5, 9.0))
    x, y = rng.uniform(-0.1, 0.7) * side, rng.uniform(0.3, 1.1) * side
    mask, ring = np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
    thick, outline, font = int(size * rng.uniform(2, 6)), int(size * rng.uniform(1, 4)), int(rng.integers(0, 8))
    for _ in range(rng.integers(1, 4)):
        letter, place = str(rng.choice(letters)), (int(x), int(y + rng.normal(0, 5)))
        cv2.putText(ring, letter, place, font, size, 255, thick + 2 * outline, cv2.LINE_AA)
        cv2.putText(mask, letter, place, font, size, 255, thick, cv2.LINE_AA)
        x += size * rng.uniform(14, 22)
    shade = _gradient(rng, side) if rng.random() < 0.7 else np.array(_colour(rng), np.float32)
    for area, colour in ((ring, np.array(_colour(rng), np.float32)), (mask, shade)):
        alpha = area[..., None].astype(np.float32) / 255
        image[:] = np.clip(image * (1 - alpha) + colour * alpha, 0, 255).astype(np.uint8)


def _panels(rng: np.random.Generator, image: np.ndarray) -> None:
    """Nested frames with light and dark edges: doors, drawers, window frames, pictures; often faint."""
    cv2, side = _opencv(), image.shape[0]
    x, y = rng.uniform(-0.2, 0.7, 2) * side
    width, height = rng.uniform(0.15, 0.9, 2) * side
    strength = float(rng.choice([12.0, 30.0, 80.0]))
    tilt = rng.normal(0, 0.1)
    layer = np.zeros((*image.shape[:2], 1), np.float32)
    for _ in range(rng.integers(1, 4)):
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
        turned = corners @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]) + (x, y)
        points = turned.round().astype(int).tolist()
        for k in range(4):
            shade = strength if k in (0, 3) else -strength
            cv2.line(layer, points[k], points[(k + 1) % 4], float(shade), int(rng.integers(1, 5)), cv2.LINE_AA)
        inset = rng.uniform(0.03, 0.12) * min(width, height)
        x, y, width, height = x + inset, y + inset, width - 2 * inset, height - 2 * inset
        if min(width, height) < 8:
            break
    image[:] = np.clip(image + layer, 0, 255).astype(np.uint8)


def _balls(rng: np.random.Generator, image: np.ndarray) -> None:
    """Shaded balls, rings and buttons with a highlight: round, smooth, lit from one side, like a head."""
    cv2, side = _opencv(), image.shape[0]
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    for _ in range(rng.integers(1, 4)):
        cx, cy, radius = *rng.uniform(0, side, 2), side * rng.uniform(0.04, 0.4)
        squash, colour = rng.uniform(0.6, 1.6), np.array(_colour(rng) if rng.random() < 0.6 else _skin(rng), np.float32)
        u, v = (x - cx) / radius, (y - cy) / (radius * squash)
        inside = np.clip((1 - np.hypot(u, v)) * radius / 1.5, 0, 1)[..., None]
        light = rng.uniform(-0.7, 0.7, 2)
        shade = 1 - rng.uniform(0.2, 0.8) * ((u - light[0]) ** 2 + (v - light[1]) ** 2)[..., None] / 2
        body = colour * np.clip(shade, 0.1, 1.3)
        if rng.random() < 0.4:
            body = np.where(np.hypot(u, v)[..., None] > rng.uniform(0.6, 0.9), np.array(_colour(rng), np.float32), body)
        if rng.random() < 0.4:
            spot = np.exp(-((u - light[0]) ** 2 + (v - light[1]) ** 2) * rng.uniform(8, 40))[..., None]
            body = body + 160 * spot
        image[:] = np.clip(image * (1 - inside) + body * inside, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        cv2.circle(image, (int(cx), int(cy)), int(radius), _colour(rng), int(rng.integers(1, 8)), cv2.LINE_AA)

"""Small builders of prop meshes: grids, tubes, discs and rounded bodies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Shape = tuple[np.ndarray, np.ndarray]
"""Vertices (M, 3) float32 and triangles (F, 3) int32."""


def grid(points: np.ndarray, *, close_rows: bool = False, close_columns: bool = False) -> Shape:
    """A surface through ``points`` (rows, columns, 3), optionally wrapped round in either direction."""
    rows, columns = points.shape[:2]
    r = np.arange(rows if close_rows else rows - 1)[:, None]
    c = np.arange(columns if close_columns else columns - 1)[None, :]
    a, b = r * columns + c, r * columns + (c + 1) % columns
    r2 = (r + 1) % rows
    d, e = r2 * columns + c, r2 * columns + (c + 1) % columns
    triangles = np.concatenate([np.stack([a, b, e], -1).reshape(-1, 3), np.stack([a, e, d], -1).reshape(-1, 3)])
    return points.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32)


def tube(
    path: np.ndarray,
    radius: np.ndarray | float,
    *,
    sides: int = 8,
    closed: bool = False,
    flat: float = 1.0,
    up: Sequence[float] = (0.0, 1.0, 0.0),
    round_ends: bool = False,
) -> Shape:
    """A tube along ``path`` (n, 3).

    Args:
        path: centre line, cm.
        radius: one number or one per point, measured along ``up``.
        sides: corners of the cross-section.
        closed: join the last point to the first.
        flat: radius across ``up`` divided by the radius along it.
        up: keeps the cross-section from twisting; must not run along the path.
        round_ends: add hemispheres; open tubes only, otherwise the ends taper flat.
    """
    path = np.asarray(path, np.float64)
    radius = np.broadcast_to(np.asarray(radius, np.float64), (len(path),))
    if not closed:
        path, radius = _cap(path, radius, round_ends)
    tangent = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    tangent = unit(tangent)
    across = unit(np.cross(tangent, np.asarray(up, np.float64)))
    along = np.cross(across, tangent)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = flat * np.cos(angle)[None, :, None] * across[:, None] + np.sin(angle)[None, :, None] * along[:, None]
    return grid(path[:, None] + radius[:, None, None] * ring, close_rows=closed, close_columns=True)


def _cap(path: np.ndarray, radius: np.ndarray, round_ends: bool) -> tuple[np.ndarray, np.ndarray]:
    """Extra points that close a tube: steps of a quarter circle, or a point."""
    first, last = unit(path[0] - path[1]), unit(path[-1] - path[-2])
    angle = np.radians([90.0, 60.0, 30.0] if round_ends else [90.0])
    height = np.sin(angle) if round_ends else np.array([1e-3])
    shrink = np.maximum(np.cos(angle), 1e-3)
    head = path[0] + first * (height * radius[0])[:, None]
    tail = (path[-1] + last * (height * radius[-1])[:, None])[::-1]
    return np.concatenate([head, path, tail]), np.concatenate([shrink * radius[0], radius, (shrink * radius[-1])[::-1]])


def disc(outline: np.ndarray, bulge: float = 0.0, rings: int = 3) -> Shape:
    """A filled outline (n, 3), its middle raised by ``bulge`` cm along z."""
    center = outline.mean(axis=0)
    s = np.linspace(0.02, 1.0, rings)[:, None, None]
    points = center + (outline[None] - center) * s
    points[..., 2] += bulge * (1 - s[..., 0] ** 2)
    return grid(points, close_columns=True)


def rounded_box(half: Sequence[float], power: float = 5.0, rows: int = 13, columns: int = 24) -> Shape:
    """A super-ellipsoid about the origin with half sizes ``half``; ``power`` 2 is an ellipsoid, large a box."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rows)[:, None]
    longitude = np.linspace(-np.pi, np.pi, columns, endpoint=False)[None]
    e = 2.0 / power
    x = _power(np.cos(latitude), e) * _power(np.cos(longitude), e)
    y = _power(np.sin(latitude), e) * np.ones_like(longitude)
    z = _power(np.cos(latitude), e) * _power(np.sin(longitude), e)
    return grid(np.stack([x, y, z], -1) * np.asarray(half), close_columns=True)


def _power(v: np.ndarray, exponent: float) -> np.ndarray:
    return np.sign(v) * np.abs(v) ** exponent


def super_ellipse(half_width: float, half_height: float, power: float, count: int = 40) -> np.ndarray:
    """(count, 2) points of a super-ellipse; ``power`` 2 is an ellipse."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    e = 2.0 / power
    return np.stack([half_width * _power(np.cos(angle), e), half_height * _power(np.sin(angle), e)], axis=1)


def smooth_path(points: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) Catmull-Rom curve through ``points`` (n, 3), evenly spaced in its parameter."""
    p = np.asarray(points, np.float64)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    u = np.linspace(0, len(p) - 1, count)
    i = np.minimum(u.astype(int), len(p) - 2)
    t = (u - i)[:, None]
    a, b, c, d = (padded[i + k] for k in range(4))
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def join(shapes: Sequence[Shape]) -> Shape:
    """Several shapes as one."""
    offset = np.cumsum([0] + [len(v) for v, _ in shapes[:-1]])
    vertices = np.concatenate([v for v, _ in shapes]).astype(np.float32)
    return vertices, np.concatenate([t + o for (_, t), o in zip(shapes, offset, strict=True)]).astype(np.int32)


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) scaled to length 1."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def fabric_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """A random linear RGB reflectance as cloth has it: mostly muted, sometimes vivid, black or white."""
    hue, kind = rng.random(), rng.random()
    value = rng.uniform(0.015, 0.55) if kind > 0.2 else (0.018 if kind > 0.1 else 0.52)
    saturation = rng.uniform(0.0, 0.45) if rng.random() < 0.75 else rng.uniform(0.45, 0.85)
    if kind <= 0.2:
        saturation *= 0.15
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * (hue + np.array([0.0, 1 / 3, 2 / 3])))
    r, g, b = value * (1 - saturation + saturation * wave)
    return float(r), float(g), float(b)

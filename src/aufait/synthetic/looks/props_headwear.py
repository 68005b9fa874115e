"""Caps, hats and headscarves, fitted to the head by its radial map."""

from __future__ import annotations

import functools

import numpy as np

from aufait.synthetic.drawing.primitives import Mesh, smoothstep
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.person import Traits
from aufait.synthetic.looks.props_shapes import Shape, fabric_colour, grid, join, tube
from aufait.synthetic.looks.scalp import HeadMap

_AROUND = 56  # columns around the head


def rim_plane(traits: Traits) -> tuple[float, float]:
    """Height in cm above which a hat covers the head, y > a + b z, as (a, b)."""
    rng = traits.rng("rim")
    if traits.headwear == "knit_cap":
        return float(rng.uniform(5.9, 7.0)), float(rng.uniform(0.20, 0.30))
    return float(rng.uniform(6.9, 7.6)), float(rng.uniform(0.12, 0.18))


def covered_depth(points: np.ndarray, traits: Traits) -> np.ndarray:
    """(...) cm by which ``points`` (..., 3) are under a hat; a headscarf covers everything, a bare head nothing."""
    if traits.headwear == "none":
        return np.full(points.shape[:-1], -100.0, np.float32)
    if traits.headwear == "headscarf":
        return np.full(points.shape[:-1], 100.0, np.float32)
    height, slope = rim_plane(traits)
    return (points[..., 1] - height - slope * points[..., 2]).astype(np.float32)


def make_headwear(model: FaceModel, traits: Traits, vertices: np.ndarray, normals: np.ndarray) -> list[Mesh]:
    """Meshes of ``traits.headwear`` on neutral ``vertices`` (V, 3); they follow the head; none for a bare head."""
    if traits.headwear == "none":
        return []
    rng = traits.rng("headwear")
    head = HeadMap(model, vertices)
    colour = fabric_colour(rng)
    if traits.headwear == "headscarf":
        return _headscarf(head, colour, rng)
    crown, rim = _crown(head, traits, rng)
    if traits.headwear == "knit_cap":
        return [_hat(_cuff(crown, rim, head, rng), colour)]
    if traits.headwear == "cap":
        visor_colour = colour if rng.random() < 0.6 else fabric_colour(rng)
        return [_hat(crown, colour), _hat(_visor(rim, rng), visor_colour)]
    band = tuple(0.3 * c + 0.01 for c in colour)
    return [_hat(join([crown, _brim(rim, rng)]), colour), _hat(_band(rim, head), band)]


def _hat(shape: Shape, colour: tuple[float, ...]) -> Mesh:
    return Mesh(*shape, (colour[0], colour[1], colour[2]), 0.015, 8.0, "head", "hat")


def _directions(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """(..., 3) unit vectors; azimuth 0 forward, elevation 90 degrees up; radians."""
    azimuth, elevation = np.broadcast_arrays(azimuth, elevation)
    flat = np.cos(elevation)
    return np.stack([np.sin(azimuth) * flat, np.sin(elevation), np.cos(azimuth) * flat], axis=-1).astype(np.float32)


def _smooth_rings(radius: np.ndarray, times: int) -> np.ndarray:
    """Average a (rows, columns) table over its neighbours, columns wrapping round."""
    for _ in range(times):
        radius = (np.roll(radius, 1, 1) + 2 * radius + np.roll(radius, -1, 1)) / 4
        padded = np.concatenate([radius[:1], radius, radius[-1:]])
        radius = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return radius


def _crown(head: HeadMap, traits: Traits, rng: np.random.Generator) -> tuple[Shape, np.ndarray]:
    """The part on the skull and its rim (columns, 3)."""
    height, slope = rim_plane(traits)
    azimuth = np.linspace(-np.pi, np.pi, _AROUND, endpoint=False)
    elevation = np.radians(np.linspace(-10, 70, 50))
    trial = _directions(azimuth[None], elevation[:, None])
    surface = head.center + trial * head.radius(trial)[..., None]
    above = surface[..., 1] - height - slope * surface[..., 2] > 0
    start = elevation[np.argmax(above, axis=0)]
    start = np.mean([np.roll(start, k) for k in range(-3, 4)], axis=0)
    s = np.linspace(0.0, 1.0, 14)[:, None] ** 0.9
    direction = _directions(azimuth[None], start + (np.pi / 2 - start) * s)
    radius = _smooth_rings(head.radius(direction), 4)
    knit = traits.headwear == "knit_cap"
    loose = {"knit_cap": rng.uniform(0.2, 2.2), "cap": rng.uniform(0.6, 1.6), "brim_hat": rng.uniform(2.5, 4.0)}[traits.headwear]
    offset = 0.55 + loose * np.sin(np.pi / 2 * s) ** 2
    if traits.headwear == "brim_hat":
        offset = offset - 1.3 * smoothstep(0.75, 1.0, s)  # a dent on top
    ribs = (
        0.08 * np.sin(np.arange(_AROUND) * 2.4)[None]
        if knit
        else 0.10 * np.sin(azimuth * 5 + rng.uniform(0, 6))[None] * np.sin(np.pi * s)
    )
    points = head.center + direction * (radius + offset + ribs)[..., None]
    if knit:
        points[..., 2] -= (loose * 0.6 * smoothstep(0.4, 1.0, s)).astype(np.float32)
    rim = points[0]
    tucked = head.center + direction[:1] * (radius[:1] - 0.1)[..., None]
    return grid(np.concatenate([tucked, points]), close_columns=True), rim


def _cuff(crown: Shape, rim: np.ndarray, head: HeadMap, rng: np.random.Generator) -> Shape:
    """The turned-up edge of a knit cap."""
    width = rng.uniform(1.8, 4.0)
    outward = rim - head.center
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0]) - outward * outward[:, 1:2]
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    ribs = 1.0 + 0.25 * np.sin(np.arange(len(rim)) * 2.4)[:, None]
    profile = [
        (-0.35, 0.1),
        (-0.1, -0.1),
        (0.3, 0.0),
        (0.55, 0.35 * width),
        (0.52, 0.75 * width),
        (0.3, width),
        (-0.5, 0.97 * width),
    ]
    rows = [rim + outward * (o * ribs - 0.045 * h**2) + up * h for o, h in profile]
    return join([crown, grid(np.stack(rows), close_columns=True)])


def _visor(rim: np.ndarray, rng: np.random.Generator) -> Shape:
    """A curved peak over the forehead."""
    center = np.argmax(rim[:, 2])
    span = np.arange(-8, 9)
    edge = rim[(center + span) % len(rim)] * [1, 1, 1] - [0, 0, 0.3]
    t = span[:, None] / 8.0
    reach, droop, curve = rng.uniform(5.5, 7.5), rng.uniform(0.4, 1.8), rng.uniform(0.3, 1.1)
    s = np.linspace(0, 1, 6)[:, None, None]
    out = np.concatenate([0.12 * t * reach, np.zeros_like(t), np.clip(1.0 - np.abs(t) ** 2.6, 0, 1) * reach], axis=1)
    fall = np.stack([np.zeros(len(t)), -(curve * t[:, 0] ** 2), np.zeros(len(t))], axis=1)
    top = edge[None] + out[None] * s + (fall[None] - [0, droop, 0] * np.ones_like(out)[None]) * s
    under = top[::-1] - [0, 0.22, 0]
    return grid(np.concatenate([top, under]), close_rows=True)


def _brim(rim: np.ndarray, rng: np.random.Generator) -> Shape:
    """A flat ring around the crown, gently waved."""
    middle = rim.mean(axis=0)
    outward = (rim - middle) * [1, 0, 1]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    reach, droop = rng.uniform(4.5, 8.0), rng.uniform(-0.8, 1.6)
    angle = np.arctan2(outward[:, 0], outward[:, 2])
    wave = rng.uniform(0, 0.6) * np.cos(2 * angle + rng.uniform(-0.4, 0.4))
    s = np.linspace(-0.08, 1, 6)[:, None, None]
    top = rim[None] + outward[None] * reach * s
    top[..., 1] += (wave - droop)[None] * np.abs(s[..., 0]) ** 1.5 + 0.1
    return grid(np.concatenate([top, top[::-1] - [0, 0.2, 0]]), close_rows=True, close_columns=True)


def _band(rim: np.ndarray, head: HeadMap) -> Shape:
    out = rim + (rim - rim.mean(axis=0)) * [0.018, 0, 0.018]
    rows = [out + [0, h, 0] + (head.center - out) * [0.035 * h, 0, 0.035 * h] for h in (0.1, 0.7, 1.3, 1.8)]
    return grid(np.stack(rows), close_columns=True)


@functools.lru_cache(maxsize=1)
def _scarf_directions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directions (rows, columns, 3) from the edge of the face opening to the back of the head."""
    around = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)  # 0 = subject's left, 90 degrees = up
    edge = np.interp(
        np.degrees(around), [0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360],
        [58, 48, 36, 32, 36, 48, 58, 61, 54, 52, 54, 61, 58],
    )  # fmt: skip
    edge = np.radians(np.mean([np.roll(edge, k) for k in range(-2, 3)], axis=0))
    s = np.linspace(0, 1, 18)[:, None]
    polar = edge + (np.pi - edge) * s
    x, y = np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar)
    return np.stack([x, y, np.cos(polar)], axis=-1).astype(np.float32), s, around


def _headscarf(head: HeadMap, colour: tuple[float, float, float], rng: np.random.Generator) -> list[Mesh]:
    direction, s, around = _scarf_directions()
    raw = head.radius(direction)
    # Widened to the largest neighbour first: smoothing alone would let the ears through.
    radius = np.maximum.reduce([np.roll(raw, k, 1) for k in (-2, -1, 0, 1, 2)])
    radius[1:-1] = np.maximum(radius[1:-1], np.maximum(radius[:-2], radius[2:]))
    low = smoothstep(-0.9, -0.97, direction[..., 1])
    radius = np.where(low > 0, radius * (1 - low) + low * np.minimum(radius, 15.0), radius)
    radius = _smooth_rings(radius, 3)
    radius[0] = np.minimum(radius[0], raw[0] + 0.15)
    folds = 0.2 * np.sin(around * 7 + 6 * s + rng.uniform(0, 6)) * smoothstep(0.0, 0.3, s)
    offset = 0.32 + rng.uniform(0.5, 1.1) * smoothstep(0.0, 0.35, s)
    points = head.center + direction * (radius + offset + folds)[..., None]
    tucked = head.center + direction[:1] * (radius[:1] - 0.15)[..., None]
    hood = grid(np.concatenate([tucked, points]), close_columns=True)
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    wraps: list[Shape] = []
    for k, y in enumerate((-7.6, -9.4, -11.2)):
        grow = 0.5 * k + 0.2 * np.sin(3 * angle + rng.uniform(0, 6))
        front = smoothstep(0.2, 1.0, np.sin(angle))
        path = np.stack(
            [
                (6.3 + grow) * np.cos(angle),
                y - 0.9 * front + 0.25 * np.sin(2 * angle + rng.uniform(0, 6)),
                -0.6 + (6.4 + grow) * np.sin(angle),
            ],
            1,
        )
        wraps.append(tube(path, 1.25 + 0.15 * np.sin(5 * angle + k), sides=10, closed=True))
    return [_hat(hood, colour), Mesh(*join(wraps), colour, 0.015, 8.0, "body", "hat")]

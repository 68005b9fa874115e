"""What scalp hair must not enter: the head, the face, neck and shoulders, and what is worn over it."""

from __future__ import annotations

import numpy as np

from aufait.synthetic.drawing.primitives import smoothstep
from aufait.synthetic.head.person import Traits
from aufait.synthetic.looks.haircuts import Cut
from aufait.synthetic.looks.props_headwear import covered_depth
from aufait.synthetic.looks.scalp import HeadMap


def keep_clear(
    points: np.ndarray, cut: Cut, traits: Traits, head: HeadMap, fringe: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Push strands out of head, neck and shoulders and off the face; shorten the fringe to its cut."""
    points = points.astype(np.float32)
    if cut.fringe is not None and fringe.any():
        _trim_fringe(points, cut.fringe, fringe, rng)
    if cut.top > 3.0:
        loose = ~fringe
        points[loose] = _off_the_face(points[loose], cut, rng)
    layer = (0.05 + 0.2 * rng.random((len(points), 1)) * min(1.0, 0.3 * cut.top)).astype(np.float32)
    high = points[:, 1:, 1] > -5.5
    pushed = head.push_out(points[:, 1:], layer)
    points[:, 1:] = np.where(high[..., None], pushed, points[:, 1:])
    if traits.headwear != "none":
        points = _flatten_under_headwear(points, traits, head)
    if cut.top > 9.0:
        points = _drape(points)
    return points


def _trim_fringe(points: np.ndarray, cut_height: float, fringe: np.ndarray, rng: np.random.Generator) -> None:
    selected = points[fringe]
    root = selected[:, :1]
    # The cut line rises towards the temples.
    line = cut_height + rng.normal(0, 0.22, len(selected)) + 0.03 * selected[:, -1, 0] ** 2 * 0.5
    fall = root[:, 0, 1] - selected[..., 1].min(axis=1)
    allowed = np.maximum(root[:, 0, 1] - line, 0.4)
    scale = np.where(fall > allowed, allowed / np.maximum(fall, 1e-3), 1.0)
    points[fringe] = root + (selected - root) * scale[:, None, None].astype(np.float32)


def _off_the_face(points: np.ndarray, cut: Cut, rng: np.random.Generator) -> np.ndarray:
    """Turn points that hang in front of the face sideways, next to the cheeks."""
    relative_z = points[..., 2] - 1.0
    azimuth = np.arctan2(np.abs(points[..., 0]), np.maximum(relative_z, 1e-3))
    least = np.radians(rng.uniform(47.0, 60.0, (len(points), 1))).astype(np.float32)
    # Above the brows the hair may still cross the forehead.
    least = least * smoothstep(12.0, 7.5, points[..., 1])
    blocked = (azimuth < least) & (relative_z > 0)
    # At least a cheek's distance: what is inside the head would be pushed out in front of the face again.
    distance = np.maximum(np.hypot(points[..., 0], relative_z), 7.2)
    # The parting decides the side, not the middle of the face; without one, where most of the strand is.
    lean = points[:, :1, 0] - cut.parting if cut.parting is not None else points[:, 1:4, 0].mean(axis=1, keepdims=True)
    side = np.where(lean >= 0, 1.0, -1.0)
    x = np.where(blocked, side * distance * np.sin(least), points[..., 0])
    z = np.where(blocked, 1.0 + distance * np.cos(least), points[..., 2])
    return np.stack([x, points[..., 1], z], axis=-1).astype(np.float32)


def _drape(points: np.ndarray) -> np.ndarray:
    """Lay long hair over neck and shoulders: in front of the chest or behind the back, never inside them."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    neck = np.interp(y, [-11.0, -6.0], [6.6, 6.2])
    distance = np.hypot(x, z + 0.8)
    scale = np.where((y < -5.5) & (distance < neck), neck / np.maximum(distance, 0.1), 1.0)
    x, z = x * scale, (z + 0.8) * scale - 0.8
    half_width, depth = (
        np.interp(y, [-20, -15.5, -13.0, -10.5], [20, 16.0, 9.5, 6.5]),
        np.interp(y, [-20, -13.0, -10.5], [9.8, 8.2, 6.4]),
    )
    inside = np.clip(1.0 - (x / half_width) ** 2, 0.0, 1.0)
    surface = depth * np.sqrt(inside) + 0.3
    front = points[:, :1, 2] > 1.5
    z = np.where((y < -10.5) & front, np.maximum(z, surface - 1.0), z)
    z = np.where((y < -10.5) & ~front, np.minimum(z, -surface - 1.0), z)
    return np.stack([x, y, z], axis=-1).astype(np.float32)


def _flatten_under_headwear(points: np.ndarray, traits: Traits, head: HeadMap) -> np.ndarray:
    """Press hair that is under a hat to the head, so that it does not poke through."""
    depth = covered_depth(points, traits)
    relative = points - head.center
    length = np.linalg.norm(relative, axis=-1)
    most = head.radius(relative) + 0.2 + 0.3 * smoothstep(0.6, -0.6, depth) + 1.5 * smoothstep(-0.4, -4.0, depth)
    scale = np.where(depth > -4.0, np.minimum(most / np.maximum(length, 1e-3), 1.0), 1.0)
    return (head.center + relative * scale[..., None]).astype(np.float32)


def visible_under_headwear(points: np.ndarray, traits: Traits) -> np.ndarray:
    """(n,) bool: strands of which some part sticks out."""
    if traits.headwear == "none":
        return np.ones(len(points), bool)
    visible: np.ndarray = covered_depth(points, traits).min(axis=1) < -0.1
    return visible

"""Light of one scene: the key light with its shadow map, and ambient light by depth maps from a few directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.synthetic.drawing import kernels
from aufait.synthetic.drawing.primitives import Triangles
from aufait.synthetic.drawing.scene import Scene

MAP_SPAN = 46.0
"""Side of the shadow and visibility maps in cm."""
SHADOW_SIZE, VISIBILITY_SIZE = 512, 96


def _sphere(count: int) -> np.ndarray:
    """(count, 3) evenly spread unit directions (Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    polar, turn_angle = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(turn_angle) * np.sin(polar), np.cos(polar), np.sin(turn_angle) * np.sin(polar)], axis=1)


_ALL_DIRECTIONS = _sphere(20)
AMBIENT_DIRECTIONS = _ALL_DIRECTIONS[
    ((_ALL_DIRECTIONS[:, 2] > -0.35) | (_ALL_DIRECTIONS[:, 1] > 0.3)) & (_ALL_DIRECTIONS[:, 1] > -0.8)
].astype(np.float32)
"""From where ambient light comes: not from behind the head, nor from straight below."""


def _light_basis(direction: np.ndarray) -> np.ndarray:
    """(3, 3) float32 rows: right, down and away for a camera that looks against ``direction``."""
    up = np.array([0.0, 1.0, 0.0]) if abs(direction[1]) < 0.95 else np.array([1.0, 0.0, 0.0])
    right = np.cross(up, direction)
    right /= np.linalg.norm(right)
    return np.stack([right, -np.cross(direction, right), -direction]).astype(np.float32)


AMBIENT_BASES = tuple(_light_basis(direction) for direction in AMBIENT_DIRECTIONS)
"""A camera for each of them."""


@dataclass(frozen=True, eq=False)
class Lighting:
    """The light of a scene: the key light, three soft coloured lobes and an even part."""

    direction: np.ndarray
    colour: np.ndarray
    ambient_colour: np.ndarray
    ambient_gain: float
    lobes: np.ndarray
    lobe_colours: np.ndarray
    softness: float
    basis: np.ndarray

    @classmethod
    def of(cls, scene: Scene) -> Lighting:
        light, rng = scene.light, scene.rng("environment")
        elevation, azimuth = np.radians(light.key)
        elevation = np.clip(elevation, -0.3, 1.3)
        direction = np.array(
            [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], np.float32
        )
        lobes = rng.standard_normal((3, 3))
        lobes /= np.linalg.norm(lobes, axis=1, keepdims=True)
        colours = np.abs(1 + rng.normal(0, 0.30, (3, 3))) * rng.uniform(0.2, 1.4, (3, 1))
        tint = np.array([1 - 0.5 * light.warmth + rng.normal(0, 0.04), 1.0, 1 + 0.5 * light.warmth])
        key = np.array([1 + light.warmth, 1.0, 1 - light.warmth]) * 2.6 * light.share
        return cls(
            direction=direction,
            colour=key.astype(np.float32),
            ambient_colour=tint.astype(np.float32),
            ambient_gain=1.0 - 0.62 * light.share,
            lobes=lobes,
            lobe_colours=colours,
            softness=light.softness,
            basis=_light_basis(direction),
        )

    def ambient(self, drawing: Triangles, index: np.ndarray, scalp: Sequence[np.ndarray]) -> np.ndarray:
        """(V, 3) irradiance from the environment at the vertices in view; the others stay at the base level."""
        used = np.zeros(len(drawing.vertices), np.uint8)
        kernels.mark_vertices(index, drawing.triangles, used)
        rows = np.flatnonzero(used).astype(np.int32)
        irradiance = np.zeros_like(drawing.vertices)
        depth = np.empty((VISIBILITY_SIZE, VISIBILITY_SIZE), np.float32)
        scale, middle = np.float32(VISIBILITY_SIZE / MAP_SPAN), np.float32(VISIBILITY_SIZE / 2)
        sparse = np.concatenate([p[::13] for p in scalp]) if scalp else None
        corners, compact = _compact(drawing.vertices, drawing.proxy)
        for direction, basis in zip(AMBIENT_DIRECTIONS, AMBIENT_BASES, strict=True):
            kernels.rasterize_depth(to_map(corners, basis, scale, middle), compact, depth)
            if sparse is not None:
                kernels.splat_depth(to_map(sparse, basis, scale, middle), depth)
            light = self.from_direction(direction)
            kernels.accumulate_environment(
                *(rows, drawing.vertices, drawing.normals, basis, scale, middle, depth, np.float32(0.55)),
                *(direction, light.astype(np.float32), np.float32(0.15), irradiance),
            )
        return irradiance + np.float32(0.05 * self.ambient_gain) * self.ambient_colour

    def from_direction(self, direction: np.ndarray) -> np.ndarray:
        """(3,) ambient light from one of ``AMBIENT_DIRECTIONS``."""
        lobes = (np.clip(self.lobes @ direction, 0, 1) ** 3) @ self.lobe_colours
        even = self.ambient_colour * (0.55 + 0.45 * direction[1])
        return (even + lobes) * (self.ambient_gain * 4.2 / len(AMBIENT_DIRECTIONS))

    def shadow_map(self, drawing: Triangles, scalp: Sequence[np.ndarray]) -> np.ndarray:
        """(S, S) depth along the key light, hair included."""
        scale, middle = np.float32(SHADOW_SIZE / MAP_SPAN), np.float32(SHADOW_SIZE / 2)
        depth = np.empty((SHADOW_SIZE, SHADOW_SIZE), np.float32)
        kernels.rasterize_depth(to_map(drawing.vertices, self.basis, scale, middle), drawing.casters, depth)
        if scalp:
            hairy = depth.copy()
            for points in scalp:
                kernels.splat_depth(to_map(points, self.basis, scale, middle), hairy)
            depth = np.minimum(depth, hairy)
        return depth


def _compact(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the vertices that ``triangles`` use, and the triangles renumbered."""
    seen = np.zeros(len(vertices), bool)
    seen[triangles.ravel()] = True
    number = np.cumsum(seen, dtype=np.int32) - 1
    return vertices[seen], number[triangles]


def to_map(points: np.ndarray, basis: np.ndarray, scale: np.float32, middle: np.float32) -> np.ndarray:
    """Points (n, 3) float32 cm in texels of a depth map and depth along its view."""
    mapped: np.ndarray = np.empty_like(points)
    kernels.map_points(points, basis, scale, middle, mapped)
    return mapped

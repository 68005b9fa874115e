"""Hair drawn over the picture, strand by strand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from aufait.synthetic.drawing.camera import View
from aufait.synthetic.drawing.kernels import fused_dot
from aufait.synthetic.drawing.lighting import MAP_SPAN, SHADOW_SIZE, Lighting
from aufait.synthetic.drawing.primitives import Strands

SOLID = 0.75
"""Strands that cover more of a pixel than this hide what is behind them."""
LASH_TAPER = 0.8
"""Share of a lash's width lost at its tip."""


def strand_pixels(width: float, view: View) -> float:
    """Width of a strand of ``width`` cm in pixels."""
    return float(np.clip(width * view.pixels_per_cm, 0.3, 3.0))


def draw_all_strands(
    picture: np.ndarray,
    coverage: np.ndarray,
    depth: np.ndarray,
    strands: Sequence[tuple[np.ndarray, Strands]],
    lashes: tuple[np.ndarray, float, tuple[float, float, float]],
    light: Lighting,
    shadow: np.ndarray,
    view: View,
    ambient: np.ndarray,
    head_center: np.ndarray,
) -> None:
    """Draw all hair over ``picture`` (R, R, 3), in place; ``coverage`` and ``depth`` (R, R) follow.

    Args:
        picture, coverage, depth: what is drawn on.
        strands: points (n, K, 3) cm with what they belong to.
        lashes: points, width in cm and colour.
        light, shadow: the key light and its map.
        view: the camera.
        ambient: (3,) light from all sides.
        head_center: (3,) cm, from where scalp hair counts as outside.
    """
    items = [(p, s.colour, s.width, s.taper, s.specular, s.is_scalp) for p, s in strands]
    lash_strands, lash_width, lash_colour = lashes
    tint = np.tile(np.asarray(lash_colour, np.float32), (len(lash_strands), 1))
    items.append((lash_strands, tint, lash_width, LASH_TAPER, 0.0, False))
    for points, colour, width, taper, specular, scalp in items:
        if len(points) == 0:
            continue
        projected, tangent, lit = np.empty_like(points), np.empty_like(points), np.empty(points.shape[:2], np.float32)
        _place(
            *(points, view.eye, np.float32(view.focal), np.float32(view.resolution / 2)),
            *(light.basis, shadow, np.float32(SHADOW_SIZE / MAP_SPAN), projected, tangent, lit),
        )
        lit *= np.float32(-0.9)
        np.exp(lit, out=lit)
        if scalp:
            _shade_side(points, head_center, light.direction, lit)
        _draw(
            *(projected, tangent, lit, colour.astype(np.float32), np.float32(strand_pixels(width, view))),
            *(np.float32(taper), np.float32(specular), light.direction, np.array([0, 0, 1], np.float32)),
            *(light.colour, ambient, depth, picture, coverage),
        )


@njit(cache=True, nogil=True)
def _place(points, eye, focal, middle, basis, shadow, scale, projected, tangent, below):  # type: ignore[no-untyped-def]
    """Of strand points (n, K, 3) the place in the picture, the unit tangent and how far each is below the shadow map.

    Fills projected (n, K, 3): x, y pixels, z distance less what lets hair lie on the skin. tangent (n, K, 3). below (n, K):
    0-4 cm.
    """
    size, last = shadow.shape[0], points.shape[1] - 1
    map_middle = np.float32(size / 2)
    for s in range(points.shape[0]):
        for j in range(last + 1):
            x, y, z = points[s, j, 0], points[s, j, 1], points[s, j, 2]
            distance = max(eye[2] - z, np.float32(0.5))
            projected[s, j, 0] = middle + focal * (x - eye[0]) / distance
            projected[s, j, 1] = middle - focal * (y - eye[1]) / distance
            projected[s, j, 2] = distance - np.float32(0.04)
            before, after = max(j - 1, 0), min(j + 1, last)
            step = np.float32(after - before)
            tx = (points[s, after, 0] - points[s, before, 0]) / step
            ty = (points[s, after, 1] - points[s, before, 1]) / step
            tz = (points[s, after, 2] - points[s, before, 2]) / step
            length = np.float32(math.sqrt(tx * tx + ty * ty + tz * tz)) + np.float32(1e-9)
            tangent[s, j, 0], tangent[s, j, 1], tangent[s, j, 2] = tx / length, ty / length, tz / length
            u = fused_dot(x, y, z, basis[0, 0], basis[0, 1], basis[0, 2]) * scale + map_middle
            v = fused_dot(x, y, z, basis[1, 0], basis[1, 1], basis[1, 2]) * scale + map_middle
            column, row = min(max(int(u), 0), size - 1), min(max(int(v), 0), size - 1)
            under = fused_dot(x, y, z, basis[2, 0], basis[2, 1], basis[2, 2]) - shadow[row, column] - np.float32(0.15)
            below[s, j] = min(max(under, np.float32(0.0)), np.float32(4.0))


@njit(cache=True, nogil=True)
def _shade_side(points, center, direction, lit):  # type: ignore[no-untyped-def]
    """Take light from the side of the head that is turned away: strand points (n, K, 3), ``lit`` (n, K) changes in place."""
    for s in range(points.shape[0]):
        for j in range(points.shape[1]):
            x, y, z = points[s, j, 0] - center[0], points[s, j, 1] - center[1], points[s, j, 2] - center[2]
            length = np.float32(math.sqrt(x * x + y * y + z * z))
            facing = fused_dot(x / length, y / length, z / length, direction[0], direction[1], direction[2])
            lit[s, j] *= min(max((facing + np.float32(0.35)) / np.float32(1.1), np.float32(0.0)), np.float32(1.0))


@njit(cache=True, fastmath=True, nogil=True)
def _draw(points, tangent, lit, colour, width, taper, specular, direction, view, light, ambient, depth, rgb, coverage):  # type: ignore[no-untyped-def]
    """Draw strands over ``rgb`` with a Kajiya-Kay highlight, back to front by depth test only.

    points (n, K, 3): x, y pixels, z distance. tangent (n, K, 3) unit. lit (n, K): share of key light. colour (n, 3).
    width: pixels at the root. depth (H, W) is updated where a strand covers most of a pixel; coverage (H, W) grows.
    """
    height, space = depth.shape
    count = points.shape[1]
    for s in range(points.shape[0]):
        for j in range(count - 1):
            x0, y0, z0 = points[s, j, 0], points[s, j, 1], points[s, j, 2]
            dx, dy, dz = points[s, j + 1, 0] - x0, points[s, j + 1, 1] - y0, points[s, j + 1, 2] - z0
            steps = int(max(abs(dx), abs(dy))) + 1
            if steps > 300:
                continue
            along = tangent[s, j, 0] * direction[0] + tangent[s, j, 1] * direction[1] + tangent[s, j, 2] * direction[2]
            away = tangent[s, j, 0] * view[0] + tangent[s, j, 1] * view[1] + tangent[s, j, 2] * view[2]
            across, aside = math.sqrt(max(1 - along * along, 0.0)), math.sqrt(max(1 - away * away, 0.0))
            diffuse = across * lit[s, j] * 0.55
            shine = max(across * aside - along * away, 0.0) ** 28 * specular * lit[s, j]
            part = j / (count - 1.0)
            tone = 0.58 + 0.42 * min(part * 2.5, 1.0)
            thick = width * (1 - taper * part)
            half = int(thick * 0.5 + 0.25)
            alpha = min(thick, 1.0)
            steep = abs(dy) > abs(dx)
            r = colour[s, 0] * (ambient[0] * (0.6 + 0.4 * aside) + light[0] * diffuse) * tone
            g = colour[s, 1] * (ambient[1] * (0.6 + 0.4 * aside) + light[1] * diffuse) * tone
            b = colour[s, 2] * (ambient[2] * (0.6 + 0.4 * aside) + light[2] * diffuse) * tone
            r += shine * light[0] * (0.3 + 0.7 * colour[s, 0])
            g += shine * light[1] * (0.3 + 0.7 * colour[s, 1])
            b += shine * light[2] * (0.3 + 0.7 * colour[s, 2])
            for i in range(steps):
                f = i / steps
                x, y, z = int(x0 + dx * f), int(y0 + dy * f), z0 + dz * f
                for o in range(-half, half + 1):
                    xx = x + o if steep else x
                    yy = y if steep else y + o
                    if xx < 0 or yy < 0 or xx >= space or yy >= height or z >= depth[yy, xx]:
                        continue
                    if alpha > SOLID:
                        depth[yy, xx] = z
                    rgb[yy, xx, 0] += (r - rgb[yy, xx, 0]) * alpha
                    rgb[yy, xx, 1] += (g - rgb[yy, xx, 1]) * alpha
                    rgb[yy, xx, 2] += (b - rgb[yy, xx, 2]) * alpha
                    coverage[yy, xx] = max(coverage[yy, xx], alpha)

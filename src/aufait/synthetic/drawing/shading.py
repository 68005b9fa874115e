"""Shading of the pixels in view: what light falls on each, what colour it has and what it mirrors.

Runs as machine code, on one core: a data set is rendered by one process per core. The functions read like the steps of one
pixel and are put into one loop by the compiler. All numbers are float32 unless said otherwise; directions are unit vectors,
written as three numbers because small arrays would cost an allocation per pixel.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from aufait.synthetic.drawing.materials import Material

# Compiled code compares plain numbers faster than members of an enumeration.
_FACE = int(Material.FACE)
_HEAD = int(Material.HEAD)
_FIRST_FLAT = int(Material.SOCKET)
_EYE_LEFT = int(Material.EYE_LEFT)
_EYE_RIGHT = int(Material.EYE_RIGHT)
_PROP = int(Material.PROP)

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_TINY = np.float32(1e-12)
SKIN_EXPONENT = np.float32(30.0)
SHADOW_BIAS = 0.35
"""cm by which a point must be behind the nearest surface to be in its shadow."""


class Seen(NamedTuple):
    """What the z-buffer left: the triangle of each pixel and where in it the pixel is."""

    triangle: np.ndarray
    """(H, W) int32, -1 = nothing."""
    bary: np.ndarray
    """(H, W, 2) weights of the triangle's second and third corner."""


class Surface(NamedTuple):
    """The triangles: T of them on V vertices."""

    triangles: np.ndarray
    """(T, 3) int32."""
    material: np.ndarray
    """(T,) int32, numbers of ``Material``."""
    uv: np.ndarray
    """(F, 3, 2) texture places of the face mesh's triangles, which come first."""
    vertices: np.ndarray
    """(V, 3) cm."""
    normals: np.ndarray
    """(V, 3)."""
    neutral: np.ndarray
    """(N, 3) cm, neutral places of the face mesh's vertices, which come first."""
    irradiance: np.ndarray
    """(V, 3) ambient light."""


class Looks(NamedTuple):
    """Colours of one person and of the props."""

    face: np.ndarray
    """(S, S, 4) albedo RGB and strength of the highlight over the face part."""
    head: np.ndarray
    """(S, S, 4) the same over the head part."""
    relief: np.ndarray
    """(S, S, 3) height gradient per unit u and v in cm, cavity."""
    flat: np.ndarray
    """(M, 5) RGB, strength and exponent of the highlight from ``Material.SOCKET`` on; the rows of the eyes are unused."""
    eyes: np.ndarray
    """(2, 12) centre xyz, iris radius, pupil radius, iris RGB, sclera RGB, redness."""
    eye_rotation: np.ndarray
    """(2, 3, 3) neutral to posed."""
    gloss: np.float32
    """Factor on every skin highlight."""


class KeyLight(NamedTuple):
    """The key light and its shadows."""

    direction: np.ndarray
    """(3,) towards the light."""
    colour: np.ndarray
    """(3,)."""
    shadow_map: np.ndarray
    """(S, S) depth along the light."""
    matrix: np.ndarray
    """(3, 3) cm to texels of the map and depth."""
    origin: np.ndarray
    """(3,) where the point 0 is in it."""
    radius: np.float32
    """Radius of the shadow's edge in texels."""


class Layers(NamedTuple):
    """What shading gives, all (H, W, 3) and linear."""

    irradiance: np.ndarray
    albedo: np.ndarray
    specular: np.ndarray


# Arrays go by the first way: a call of the second would count references. Plain numbers go by the second, which compiles better.
_inner = njit(fastmath=True, nogil=True, inline="always")
_numbers = njit(fastmath=True, nogil=True, forceinline=True)


@njit(cache=True, fastmath=True, nogil=True)
def shade(seen, surface, looks, light, camera, out):
    """Light, albedo and highlight of every covered pixel: ``Seen``, ``Surface``, ``Looks``, ``KeyLight``, (3,) cm, ``Layers``.

    ``out`` is filled where there is a triangle. The tuples are opened once: a field read in the loop would count references.
    """
    index, bary = seen
    triangles, material, uv, vertices, normals, neutral, irradiance = surface
    face, head, relief, flat, eyes, eye_rotation, gloss = looks
    direction, colour, shadow_map, matrix, origin, radius = light
    out_irradiance, out_albedo, out_specular = out
    height, width = index.shape
    texel, bump, albedo = np.zeros(4, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            w1, w2 = bary[y, x, 0], bary[y, x, 1]
            w0 = _ONE - w1 - w2
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            px, py, pz = _weighted(vertices, a, b, c, w0, w1, w2)
            nx, ny, nz = _weighted(normals, a, b, c, w0, w1, w2)
            nx, ny, nz = _normalised(nx, ny, nz, _TINY)
            vx, vy, vz = _normalised(camera[0] - px, camera[1] - py, camera[2] - pz, _ZERO)
            m, smooth_up = material[t], ny
            specular, exponent = np.float32(0.03), SKIN_EXPONENT
            if m == _FACE:
                u, v = _texture_place(uv, t, w0, w1, w2)
                specular = _paint_face(face, relief, u, v, gloss, texel, bump, albedo)
                nx, ny, nz = _tilted(vertices, uv, t, a, b, c, bump, nx, ny, nz)
            elif m == _HEAD:
                u, v = _texture_place(uv, t, w0, w1, w2)
                specular = _paint_head(head, u, v, gloss, texel, albedo)
            elif _EYE_LEFT <= m <= _EYE_RIGHT:
                qx, qy, qz = _weighted(neutral, a, b, c, w0, w1, w2)
                nx, ny, nz = _eyeball(m - _EYE_LEFT, eyes, eye_rotation, qx, qy, qz, albedo)
                specular, exponent = np.float32(0.30), np.float32(500.0)
            else:
                specular, exponent = _paint_flat(flat, m - _FIRST_FLAT, albedo)
                if m >= _PROP and nx * vx + ny * vy + nz * vz < 0:  # props are two-sided
                    nx, ny, nz = -nx, -ny, -nz
            cosine = nx * direction[0] + ny * direction[1] + nz * direction[2]
            lit = _ZERO
            if cosine > -0.15:
                lit = np.float32(_shadow(shadow_map, matrix, origin, radius, px, py, pz))
            diffuse = max((cosine + np.float32(0.12)) / np.float32(1.12), _ZERO) * lit
            front = max(cosine, _ZERO) * lit
            shine, mirror = _highlight(m, nx, ny, nz, vx, vy, vz, direction, specular, exponent, front)
            # Ambient light is per vertex; most of it comes from above, so what the bump turns up or down gains or loses.
            tilt = max(_ONE + np.float32(0.6) * (ny - smooth_up), np.float32(0.2)) if m == _FACE else _ONE
            for k in range(3):
                e = (w0 * irradiance[a, k] + w1 * irradiance[b, k] + w2 * irradiance[c, k]) * tilt
                out_irradiance[y, x, k] = e + colour[k] * diffuse
                out_albedo[y, x, k] = albedo[k]
                out_specular[y, x, k] = colour[k] * shine + e * mirror


@njit(cache=True, nogil=True)
def combine(layers, index, backdrop):
    """Light x albedo + highlights where ``index`` (H, W) shows a triangle, else backdrop (H, W, 3); replaces the albedo."""
    irradiance, albedo, specular = layers
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            for k in range(3):
                if index[y, x] < 0:
                    albedo[y, x, k] = backdrop[y, x, k]
                else:
                    albedo[y, x, k] = albedo[y, x, k] * irradiance[y, x, k] * np.float32(0.55) + specular[y, x, k]


@_inner
def _paint_face(face, relief, u, v, gloss, texel, bump, albedo):
    """Colour of a point of the face, darkened in its folds; fills ``bump`` and returns the strength of the highlight."""
    _sample(face, u, v, texel)
    _sample(relief, u, v, bump)
    cavity = min(max(bump[2], _ZERO), np.float32(1.4))
    albedo[0] = texel[0] * math.exp(np.float32(-0.30) * cavity)
    albedo[1] = texel[1] * math.exp(np.float32(-0.46) * cavity)
    albedo[2] = texel[2] * math.exp(np.float32(-0.52) * cavity)
    return texel[3] * gloss * math.exp(np.float32(-0.5) * cavity)


@_inner
def _paint_head(head, u, v, gloss, texel, albedo):
    _sample(head, u, v, texel)
    albedo[0], albedo[1], albedo[2] = texel[0], texel[1], texel[2]
    return texel[3] * gloss


@_inner
def _paint_flat(flat, row, albedo):
    albedo[0], albedo[1], albedo[2] = flat[row, 0], flat[row, 1], flat[row, 2]
    return flat[row, 3], flat[row, 4]


@_numbers
def _tilted(vertices, uv, t, a, b, c, bump, nx, ny, nz):
    """The normal turned by the height map's gradient (Mikkelsen): exact per triangle from its edges and texture edges."""
    e1x, e1y, e1z = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
    e2x, e2y, e2z = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
    fx, fy, fz = e1y * e2z - e1z * e2y, e1z * e2x - e1x * e2z, e1x * e2y - e1y * e2x
    square = _ONE / (fx * fx + fy * fy + fz * fz + _TINY)
    h1 = (bump[0] * (uv[t, 1, 0] - uv[t, 0, 0]) + bump[1] * (uv[t, 1, 1] - uv[t, 0, 1])) * square
    h2 = (bump[0] * (uv[t, 2, 0] - uv[t, 0, 0]) + bump[1] * (uv[t, 2, 1] - uv[t, 0, 1])) * square
    nx -= h1 * (e2y * fz - e2z * fy) + h2 * (fy * e1z - fz * e1y)
    ny -= h1 * (e2z * fx - e2x * fz) + h2 * (fz * e1x - fx * e1z)
    nz -= h1 * (e2x * fy - e2y * fx) + h2 * (fx * e1y - fy * e1x)
    return _normalised(nx, ny, nz, _TINY)


@_numbers
def _highlight(m, nx, ny, nz, vx, vy, vz, direction, specular, exponent, front):
    """Highlight of the key light and share of the ambient light that is mirrored; ``front``: key light that arrives."""
    hx, hy, hz = vx + direction[0], vy + direction[1], vz + direction[2]
    half = max((nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-9)), _ZERO)
    facing = max(nx * vx + ny * vy + nz * vz, _ZERO)
    rim = _ONE - facing
    fresnel = rim * rim * rim * rim * rim
    if m <= _HEAD:  # skin has two lobes: broad sheen and tight oil
        shine = specular * (np.float32(0.98) * half**12 + np.float32(0.75) * half**45) * front
    else:
        shine = specular * (exponent + 8) / np.float32(25.0) * half**exponent * front
    mirror = specular * np.float32(0.35) + np.float32(0.30) * fresnel * min(specular * 8, _ONE)
    if _EYE_LEFT <= m <= _EYE_RIGHT:
        shine, mirror = min(shine, np.float32(3.0)), np.float32(0.003) + np.float32(0.05) * fresnel
    return shine, mirror


@_inner
def _shadow(shadow_map, matrix, origin, radius, px, py, pz):
    """Share of the key light that reaches a point: 3 x 3 taps of a depth map."""
    size = shadow_map.shape[0]
    x = matrix[0, 0] * px + matrix[0, 1] * py + matrix[0, 2] * pz + origin[0]
    y = matrix[1, 0] * px + matrix[1, 1] * py + matrix[1, 2] * pz + origin[1]
    z = matrix[2, 0] * px + matrix[2, 1] * py + matrix[2, 2] * pz + origin[2] - SHADOW_BIAS
    lit = 0.0
    for j in range(-1, 2):
        for i in range(-1, 2):
            u, v = int(x + i * radius), int(y + j * radius)
            if u < 0 or v < 0 or u >= size or v >= size or z - 0.03 * radius * (abs(i) + abs(j)) < shadow_map[v, u]:
                lit += 1.0
    return lit / 9.0


@njit(cache=True, fastmath=True, nogil=True)
def _eyeball(j, eyes, rotation, px, py, pz, albedo):
    """Iris, pupil, sclera at a neutral point of eyeball j; returns the normal of a rounder cornea than the mesh has."""
    dx, dy, dz = px - eyes[j, 0], py - eyes[j, 1], pz - eyes[j, 2]
    radius = math.sqrt(dx * dx + dy * dy)
    if dz < 0:
        radius = 9.0
    iris_radius, pupil = eyes[j, 3], eyes[j, 4]
    angle = math.atan2(dy, dx)
    fibre = 0.80 + 0.20 * math.sin(angle * 37 + 3 * math.sin(angle * 11)) * math.sin(angle * 17 + 1.3)
    t = min(max((radius - pupil) / (iris_radius - pupil), 0.0), 1.0)
    limbus = 1.0 - 0.78 * min(max((t - 0.60) / 0.40, 0.0), 1.0)
    in_iris = min(max((iris_radius + 0.05 - radius) / 0.10, 0.0), 1.0)
    in_pupil = min(max((pupil + 0.02 - radius) / 0.04, 0.0), 1.0)
    vein = min(max((radius - 0.7) / 0.7, 0.0), 1.0)
    for k in range(3):
        white = 0.82 * eyes[j, 8 + k] * (1.0 - (0.06 if k == 0 else 0.26 * (0.6 + eyes[j, 11])) * vein)
        iris = eyes[j, 5 + k] * fibre * limbus * (0.72 + 0.55 * (1.0 - abs(2 * t - 0.7)))
        albedo[k] = white * (1 - in_iris) + (iris * (1 - in_pupil) + 0.006 * in_pupil) * in_iris
    bulge = 1.0 + 0.9 * math.exp(-((radius / 0.62) ** 4))
    ex, ey = dx * bulge, dy * bulge
    scale = 1.0 / math.sqrt(ex * ex + ey * ey + dz * dz)
    ex, ey, ez = ex * scale, ey * scale, dz * scale
    return (
        np.float32(rotation[j, 0, 0] * ex + rotation[j, 0, 1] * ey + rotation[j, 0, 2] * ez),
        np.float32(rotation[j, 1, 0] * ex + rotation[j, 1, 1] * ey + rotation[j, 1, 2] * ez),
        np.float32(rotation[j, 2, 0] * ex + rotation[j, 2, 1] * ey + rotation[j, 2, 2] * ez),
    )


@_inner
def _sample(texture, u, v, out):
    """Bilinear look-up of a texture (S, S, C), v upwards, into ``out`` (C,)."""
    height, width, channels = texture.shape
    x, y = u * width - 0.5, (1.0 - v) * height - 0.5
    x0, y0 = int(math.floor(x)), int(math.floor(y))
    fx, fy = np.float32(x - x0), np.float32(y - y0)
    xa, xb = min(max(x0, 0), width - 1), min(max(x0 + 1, 0), width - 1)
    ya, yb = min(max(y0, 0), height - 1), min(max(y0 + 1, 0), height - 1)
    w00, w01, w10, w11 = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    for k in range(channels):
        out[k] = texture[ya, xa, k] * w00 + texture[ya, xb, k] * w01 + texture[yb, xa, k] * w10 + texture[yb, xb, k] * w11


@_inner
def _texture_place(uv, t, w0, w1, w2):
    """Texture place of a point of triangle ``t``."""
    return w0 * uv[t, 0, 0] + w1 * uv[t, 1, 0] + w2 * uv[t, 2, 0], w0 * uv[t, 0, 1] + w1 * uv[t, 1, 1] + w2 * uv[t, 2, 1]


@_inner
def _weighted(values, a, b, c, w0, w1, w2):
    """Three numbers per vertex ``values`` (V, 3) between the corners of a triangle."""
    return (
        w0 * values[a, 0] + w1 * values[b, 0] + w2 * values[c, 0],
        w0 * values[a, 1] + w1 * values[b, 1] + w2 * values[c, 1],
        w0 * values[a, 2] + w1 * values[b, 2] + w2 * values[c, 2],
    )


@_numbers
def _normalised(x, y, z, least):
    """The vector at unit length; ``least`` is added to its square against a division by 0."""
    scale = _ONE / math.sqrt(x * x + y * y + z * z + least)
    return x * scale, y * scale, z * scale

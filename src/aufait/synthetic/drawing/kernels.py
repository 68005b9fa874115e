"""Numba kernels for depth and visibility: z-buffers, depth maps, ambient light per vertex.

All arrays are float32 unless said otherwise; pictures are (H, W) with row 0 at the top; directions are unit vectors.
Kernels run on one core each: a data set is rendered by one process per core.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FAR = np.float32(1e9)


@njit(cache=True, fastmath=True, nogil=True)
def rasterize(points, triangles, cull, depth, index, bary):
    """Perspective z-buffer.

    points (V, 3): x, y in pixels, z distance from the camera > 0. triangles (T, 3) int32. cull (T,) uint8: 1 hides a
    triangle seen from behind. Fills depth (H, W), index (H, W) int32 (-1 = nothing) and bary (H, W, 2): perspective-true
    weights of the triangle's second and third corner.
    """
    height, width = depth.shape
    depth[:] = FAR
    index[:] = -1
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = points[a, 0], points[a, 1]
        bx, by = points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area > -1e-9 and (cull[t] == 1 or area < 1e-9):  # y grows downwards: front faces have negative area
            continue
        x0 = max(0, math.ceil(min(ax, bx, cx) - 0.5))
        x1 = min(width - 1, math.floor(max(ax, bx, cx) - 0.5))
        y0 = max(0, math.ceil(min(ay, by, cy) - 0.5))
        y1 = min(height - 1, math.floor(max(ay, by, cy) - 0.5))
        if x0 > x1 or y0 > y1:
            continue
        inverse = 1.0 / area
        ia, ib, ic = 1.0 / points[a, 2], 1.0 / points[b, 2], 1.0 / points[c, 2]
        for y in range(y0, y1 + 1):
            py = y + 0.5
            entered = False
            for x in range(x0, x1 + 1):
                px = x + 0.5
                w1 = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) * inverse
                w2 = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) * inverse
                w0 = 1.0 - w1 - w2
                if min(w0, w1, w2) < 0.0:
                    if entered:
                        break
                    continue
                entered = True
                z = 1.0 / (w0 * ia + w1 * ib + w2 * ic)
                if z < depth[y, x]:
                    depth[y, x] = z
                    index[y, x] = t
                    bary[y, x, 0] = w1 * ib * z
                    bary[y, x, 1] = w2 * ic * z


@njit(cache=True, fastmath=True, nogil=True)
def rasterize_depth(points, triangles, depth):
    """Orthographic depth map: points (V, 3) with x, y in texels and z along the view; depth (H, W) is filled, near = small."""
    height, width = depth.shape
    depth[:] = FAR
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = points[a, 0], points[a, 1]
        bx, by = points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        x0 = max(0, math.ceil(min(ax, bx, cx) - 0.5))
        x1 = min(width - 1, math.floor(max(ax, bx, cx) - 0.5))
        y0 = max(0, math.ceil(min(ay, by, cy) - 0.5))
        y1 = min(height - 1, math.floor(max(ay, by, cy) - 0.5))
        if x0 > x1 or y0 > y1:
            continue
        inverse = 1.0 / area
        az, bz, cz = points[a, 2], points[b, 2], points[c, 2]
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                w1 = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) * inverse
                w2 = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) * inverse
                w0 = 1.0 - w1 - w2
                z = w0 * az + w1 * bz + w2 * cz
                # Always a store: a branch that nobody can predict costs more.
                nearer = (min(w0, w1, w2) >= 0.0) & (z < depth[y, x])
                depth[y, x] = z if nearer else depth[y, x]


@njit(cache=True, fastmath=True, nogil=True)
def splat_depth(points, depth):
    """Nearest depth of single points (P, 3) in texel coordinates into depth (H, W)."""
    height, width = depth.shape
    for i in range(points.shape[0]):
        x, y = int(points[i, 0]), int(points[i, 1])
        if 0 <= x < width and 0 <= y < height and points[i, 2] < depth[y, x]:
            depth[y, x] = points[i, 2]


@njit(cache=True, fastmath=True, nogil=True)
def accumulate_environment(rows, vertices, normals, basis, scale, offset, depth, bias, direction, light, wrap, irradiance):
    """Add one environment direction to irradiance (V, 3) of the vertices ``rows``: wrapped cosine x soft visibility."""
    height, width = depth.shape
    for k in range(rows.shape[0]):
        i = rows[k]
        cosine = normals[i, 0] * direction[0] + normals[i, 1] * direction[1] + normals[i, 2] * direction[2]
        cosine = (cosine + wrap) / (1.0 + wrap)
        if cosine <= 0.0:
            continue
        vx, vy, vz = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        x = (basis[0, 0] * vx + basis[0, 1] * vy + basis[0, 2] * vz) * scale + offset - 0.5
        y = (basis[1, 0] * vx + basis[1, 1] * vy + basis[1, 2] * vz) * scale + offset - 0.5
        z = basis[2, 0] * vx + basis[2, 1] * vy + basis[2, 2] * vz - bias
        x0, y0 = int(math.floor(x)), int(math.floor(y))
        fx, fy = x - x0, y - y0
        xa, xb = min(max(x0, 0), width - 1), min(max(x0 + 1, 0), width - 1)
        ya, yb = min(max(y0, 0), height - 1), min(max(y0 + 1, 0), height - 1)
        seen = 0.0
        if z < depth[ya, xa]:
            seen += (1 - fx) * (1 - fy)
        if z < depth[ya, xb]:
            seen += fx * (1 - fy)
        if z < depth[yb, xa]:
            seen += (1 - fx) * fy
        if z < depth[yb, xb]:
            seen += fx * fy
        weight = cosine * seen
        irradiance[i, 0] += light[0] * weight
        irradiance[i, 1] += light[1] * weight
        irradiance[i, 2] += light[2] * weight


@njit(cache=True, fastmath=True, nogil=True)
def mark_vertices(index, triangles, used):
    """Set used (V,) uint8 to 1 for the corners of every triangle that ``index`` (H, W) shows."""
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t >= 0:
                used[triangles[t, 0]] = 1
                used[triangles[t, 1]] = 1
                used[triangles[t, 2]] = 1


@njit(nogil=True, forceinline=True)
def fused_dot(ax, ay, az, bx, by, bz):
    """ax bx + ay by + az bz of float32 numbers, rounded as a chain of fused multiply-adds would, which is what BLAS does."""
    near = np.float32(np.float64(ay) * np.float64(by) + np.float64(ax * bx))
    return np.float32(np.float64(az) * np.float64(bz) + np.float64(near))


@njit(cache=True, nogil=True)
def map_points(points, basis, scale, middle, out):
    """Points (n, 3) cm along the rows of ``basis`` (3, 3), the first two times ``scale`` plus ``middle``, into ``out`` (n, 3)."""
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        out[i, 0] = fused_dot(x, y, z, basis[0, 0], basis[0, 1], basis[0, 2]) * scale + middle
        out[i, 1] = fused_dot(x, y, z, basis[1, 0], basis[1, 1], basis[1, 2]) * scale + middle
        out[i, 2] = fused_dot(x, y, z, basis[2, 0], basis[2, 1], basis[2, 2])

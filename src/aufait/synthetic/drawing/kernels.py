"""Numba kernels of the deferred renderer: depth, visibility, shading, strands, camera.

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
            for x in range(x0, x1 + 1):
                px = x + 0.5
                w1 = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) * inverse
                w2 = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) * inverse
                w0 = 1.0 - w1 - w2
                if w0 < 0.0 or w1 < 0.0 or w2 < 0.0:
                    continue
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
                if w0 < 0.0 or w1 < 0.0 or w2 < 0.0:
                    continue
                z = w0 * az + w1 * bz + w2 * cz
                if z < depth[y, x]:
                    depth[y, x] = z


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


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _sample(texture, u, v, out):
    height, width, channels = texture.shape
    x, y = u * width - 0.5, (1.0 - v) * height - 0.5
    x0, y0 = int(math.floor(x)), int(math.floor(y))
    fx, fy = np.float32(x - x0), np.float32(y - y0)
    xa, xb = min(max(x0, 0), width - 1), min(max(x0 + 1, 0), width - 1)
    ya, yb = min(max(y0, 0), height - 1), min(max(y0 + 1, 0), height - 1)
    w00, w01, w10, w11 = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    for k in range(channels):
        out[k] = texture[ya, xa, k] * w00 + texture[ya, xb, k] * w01 + texture[yb, xa, k] * w10 + texture[yb, xb, k] * w11


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _shadow(shadow_map, matrix, origin, px, py, pz, bias, radius):
    """Share of the key light that reaches a point: 3 x 3 taps of a depth map."""
    size = shadow_map.shape[0]
    x = matrix[0, 0] * px + matrix[0, 1] * py + matrix[0, 2] * pz + origin[0]
    y = matrix[1, 0] * px + matrix[1, 1] * py + matrix[1, 2] * pz + origin[1]
    z = matrix[2, 0] * px + matrix[2, 1] * py + matrix[2, 2] * pz + origin[2] - bias
    lit = 0.0
    for j in range(-1, 2):
        for i in range(-1, 2):
            u, v = int(x + i * radius), int(y + j * radius)
            if u < 0 or v < 0 or u >= size or v >= size or z - 0.03 * radius * (abs(i) + abs(j)) < shadow_map[v, u]:
                lit += 1.0
    return lit / 9.0


@njit(cache=True, fastmath=True, nogil=True)
def shade(
    index,
    bary,
    triangles,
    material,
    uv,
    vertices,
    normals,
    neutral,
    irradiance,
    face_texture,
    head_texture,
    relief,
    eyes,
    eye_rotation,
    flat,
    shadow_map,
    shadow_matrix,
    shadow_origin,
    shadow_radius,
    light_direction,
    light_colour,
    camera,
    gloss,
    out_irradiance,
    out_albedo,
    out_specular,
):
    """Light, albedo and highlight of every covered pixel (all (H, W, 3), linear).

    face_texture, head_texture (S, S, 4): albedo RGB and specular strength. relief (S, S, 3): height gradient per unit u
    and v in cm, cavity. eyes (2, 12): centre xyz, iris radius, pupil radius, iris RGB, sclera RGB, redness.
    eye_rotation (2, 3, 3): neutral to posed. flat (M, 5): RGB, specular, exponent of materials 2 (socket), 3 (gums),
    4 (teeth), 7, 8, ... (props; rows 5 and 6 unused).
    """
    height, width = index.shape
    texel = np.zeros(4, np.float32)
    bump = np.zeros(3, np.float32)
    albedo = np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            w1, w2 = bary[y, x, 0], bary[y, x, 1]
            w0 = np.float32(1.0) - w1 - w2
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            nx = w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0]
            ny = w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1]
            nz = w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2]
            px = w0 * vertices[a, 0] + w1 * vertices[b, 0] + w2 * vertices[c, 0]
            py = w0 * vertices[a, 1] + w1 * vertices[b, 1] + w2 * vertices[c, 1]
            pz = w0 * vertices[a, 2] + w1 * vertices[b, 2] + w2 * vertices[c, 2]
            scale = np.float32(1.0) / math.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-12))
            nx, ny, nz = nx * scale, ny * scale, nz * scale
            m = material[t]
            skin, smooth_up = m < 2, ny
            eyeball = m == 5 or m == 6
            specular, exponent = np.float32(0.03), np.float32(30.0)
            vx, vy, vz = camera[0] - px, camera[1] - py, camera[2] - pz
            scale = np.float32(1.0) / math.sqrt(vx * vx + vy * vy + vz * vz)
            vx, vy, vz = vx * scale, vy * scale, vz * scale
            if skin:
                u = w0 * uv[t, 0, 0] + w1 * uv[t, 1, 0] + w2 * uv[t, 2, 0]
                v = w0 * uv[t, 0, 1] + w1 * uv[t, 1, 1] + w2 * uv[t, 2, 1]
                if m == 0:
                    _sample(face_texture, u, v, texel)
                    _sample(relief, u, v, bump)
                    cavity = min(max(bump[2], np.float32(0.0)), np.float32(1.4))
                    albedo[0] = texel[0] * math.exp(np.float32(-0.30) * cavity)
                    albedo[1] = texel[1] * math.exp(np.float32(-0.46) * cavity)
                    albedo[2] = texel[2] * math.exp(np.float32(-0.52) * cavity)
                    specular = texel[3] * gloss * math.exp(np.float32(-0.5) * cavity)
                    # Surface gradient of the height map (Mikkelsen): exact per triangle from its edges and texture edges.
                    e1x, e1y, e1z = (
                        vertices[b, 0] - vertices[a, 0],
                        vertices[b, 1] - vertices[a, 1],
                        vertices[b, 2] - vertices[a, 2],
                    )
                    e2x, e2y, e2z = (
                        vertices[c, 0] - vertices[a, 0],
                        vertices[c, 1] - vertices[a, 1],
                        vertices[c, 2] - vertices[a, 2],
                    )
                    fx, fy, fz = e1y * e2z - e1z * e2y, e1z * e2x - e1x * e2z, e1x * e2y - e1y * e2x
                    square = np.float32(1.0) / (fx * fx + fy * fy + fz * fz + np.float32(1e-12))
                    h1 = (bump[0] * (uv[t, 1, 0] - uv[t, 0, 0]) + bump[1] * (uv[t, 1, 1] - uv[t, 0, 1])) * square
                    h2 = (bump[0] * (uv[t, 2, 0] - uv[t, 0, 0]) + bump[1] * (uv[t, 2, 1] - uv[t, 0, 1])) * square
                    nx -= h1 * (e2y * fz - e2z * fy) + h2 * (fy * e1z - fz * e1y)
                    ny -= h1 * (e2z * fx - e2x * fz) + h2 * (fz * e1x - fx * e1z)
                    nz -= h1 * (e2x * fy - e2y * fx) + h2 * (fx * e1y - fy * e1x)
                    scale = np.float32(1.0) / math.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-12))
                    nx, ny, nz = nx * scale, ny * scale, nz * scale
                else:
                    _sample(head_texture, u, v, texel)
                    albedo[0], albedo[1], albedo[2] = texel[0], texel[1], texel[2]
                    specular = texel[3] * gloss
            elif eyeball:
                nx, ny, nz = _eyeball(
                    m - 5,
                    eyes,
                    eye_rotation,
                    w0 * neutral[a, 0] + w1 * neutral[b, 0] + w2 * neutral[c, 0],
                    w0 * neutral[a, 1] + w1 * neutral[b, 1] + w2 * neutral[c, 1],
                    w0 * neutral[a, 2] + w1 * neutral[b, 2] + w2 * neutral[c, 2],
                    albedo,
                )
                specular, exponent = np.float32(0.30), np.float32(500.0)
            else:
                row = m - 2
                albedo[0], albedo[1], albedo[2] = flat[row, 0], flat[row, 1], flat[row, 2]
                specular, exponent = flat[row, 3], flat[row, 4]
                if m >= 7 and nx * vx + ny * vy + nz * vz < 0:  # props are two-sided
                    nx, ny, nz = -nx, -ny, -nz

            cosine = nx * light_direction[0] + ny * light_direction[1] + nz * light_direction[2]
            lit = np.float32(0.0)
            if cosine > -0.15:
                lit = np.float32(_shadow(shadow_map, shadow_matrix, shadow_origin, px, py, pz, 0.35, shadow_radius))
            diffuse = max((cosine + np.float32(0.12)) / np.float32(1.12), np.float32(0.0)) * lit
            front = max(cosine, np.float32(0.0)) * lit
            hx, hy, hz = vx + light_direction[0], vy + light_direction[1], vz + light_direction[2]
            half = max((nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-9)), np.float32(0.0))
            facing = max(nx * vx + ny * vy + nz * vz, np.float32(0.0))
            rim = np.float32(1.0) - facing
            fresnel = rim * rim * rim * rim * rim
            if skin:  # two lobes: broad sheen and tight oil
                shine = specular * (np.float32(0.98) * half**12 + np.float32(0.75) * half**45) * front
            else:
                shine = specular * (exponent + 8) / np.float32(25.0) * half**exponent * front
            mirror = specular * np.float32(0.35) + np.float32(0.30) * fresnel * min(specular * 8, np.float32(1.0))
            if eyeball:
                shine, mirror = min(shine, np.float32(3.0)), np.float32(0.003) + np.float32(0.05) * fresnel
            # Ambient light is per vertex; most of it comes from above, so what the bump turns up or down gains or loses.
            tilt = max(np.float32(1.0) + np.float32(0.6) * (ny - smooth_up), np.float32(0.2)) if m == 0 else np.float32(1.0)
            for k in range(3):
                e = (w0 * irradiance[a, k] + w1 * irradiance[b, k] + w2 * irradiance[c, k]) * tilt
                out_irradiance[y, x, k] = e + light_colour[k] * diffuse
                out_albedo[y, x, k] = albedo[k]
                out_specular[y, x, k] = light_colour[k] * shine + e * mirror


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


@njit(cache=True, fastmath=True, nogil=True)
def draw_strands(points, tangent, lit, colour, width, taper, specular, direction, view, light, ambient, depth, rgb, coverage):
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
                    if alpha > 0.75:
                        depth[yy, xx] = z
                    rgb[yy, xx, 0] += (r - rgb[yy, xx, 0]) * alpha
                    rgb[yy, xx, 1] += (g - rgb[yy, xx, 1]) * alpha
                    rgb[yy, xx, 2] += (b - rgb[yy, xx, 2]) * alpha
                    coverage[yy, xx] = max(coverage[yy, xx], alpha)


@njit(cache=True, fastmath=True, nogil=True)
def develop(linear, exposure, balance, noise, shot, read, contrast, saturation, out):
    """Exposure, filmic shoulder, sensor noise, sRGB, contrast and saturation: linear (H, W, 3) -> out in [0, 1].

    noise (H, W, 3): standard normal draws. balance (3,): white balance gains.
    """
    height, width, _ = linear.shape
    value = np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            mean = np.float32(0.0)
            for k in range(3):
                value[k] = max(linear[y, x, k] * exposure * balance[k], np.float32(0.0))
                mean += value[k] / np.float32(3.0)
            shoulder = (1 + mean / 2) / (1 + mean) * np.float32(1.18)
            grey = np.float32(0.0)
            for k in range(3):
                v = value[k]
                v = np.float32(0.55) * v * shoulder + np.float32(0.45) * v * (1 + v / 2) / (1 + v) * np.float32(1.18)
                v += noise[y, x, k] * math.sqrt(min(v, np.float32(1.0)) * shot + read)
                v = min(max(v, np.float32(0.0)), np.float32(1.0))
                v = v * np.float32(12.92) if v <= 0.0031308 else np.float32(1.055) * v ** np.float32(0.41666) - np.float32(0.055)
                v = min(max((v - np.float32(0.5)) * contrast + np.float32(0.5), np.float32(0.0)), np.float32(1.0))
                value[k] = v
                grey += v / np.float32(3.0)
            for k in range(3):
                out[y, x, k] = min(max(grey + (value[k] - grey) * saturation, np.float32(0.0)), np.float32(1.0))

"""Drawable objects other than the face mesh: hair strands and prop meshes, and small numeric helpers shared by their makers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from aufait.synthetic.drawing.kernels import fused_dot


@dataclass(frozen=True, eq=False)
class Strands:
    """n hair strands of K points, rooted on the skin.

    Attributes:
        root_triangle: (n,) int32 rows of ``FaceModel.triangles``.
        root_barycentric: (n, 3) float32.
        offsets: (n, K, 3) float32 cm from the root, in the rest frame of the head; they turn with the head.
        width: strand width in cm at the root.
        taper: share of the width lost at the tip, 0-1.
        colour: (n, 3) float32 linear RGB reflectance.
        specular: strength of the highlight, 0-0.1.
        is_scalp: scalp hair casts and receives soft shadows and is hidden by headwear.
    """

    root_triangle: np.ndarray
    root_barycentric: np.ndarray
    offsets: np.ndarray
    width: float
    taper: float
    colour: np.ndarray
    specular: float
    is_scalp: bool = False

    def points(self, vertices: np.ndarray, triangles: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """(n, K, 3) float32 strand points on posed ``vertices`` (V, 3) of a head turned by ``rotation`` (3, 3)."""
        placed: np.ndarray = np.empty_like(self.offsets)
        _root_strands(vertices, triangles, self.root_triangle, self.root_barycentric, self.offsets, rotation, placed)
        return placed


@njit(cache=True, nogil=True)
def _root_strands(vertices, triangles, root, weight, offsets, rotation, out):  # type: ignore[no-untyped-def]
    """Strand points ``out`` (n, K, 3): the place of each root on the vertices plus the turned offsets (n, K, 3)."""
    for s in range(out.shape[0]):
        a, b, c = triangles[root[s], 0], triangles[root[s], 1], triangles[root[s], 2]
        for k in range(3):
            place = weight[s, 0] * vertices[a, k] + weight[s, 1] * vertices[b, k] + weight[s, 2] * vertices[c, k]
            for j in range(out.shape[1]):
                x, y, z = offsets[s, j, 0], offsets[s, j, 1], offsets[s, j, 2]
                out[s, j, k] = place + fused_dot(x, y, z, rotation[k, 0], rotation[k, 1], rotation[k, 2])


@dataclass(frozen=True, eq=False)
class Mesh:
    """A prop: glasses, hat, mask, hand, clothes.

    Attributes:
        vertices: (M, 3) float32 cm in the rest frame of the head (or of the body).
        triangles: (F, 3) int32.
        colour: (3,) linear RGB reflectance.
        specular: strength of the highlight, 0-0.5.
        exponent: sharpness of the highlight, 5-200.
        follows: "head" (turns with it), "body" (turns with the shoulders) or "skin" (already in posed coordinates).
        kind: what labels call it: "glasses", "sunglasses", "hat", "mask", "hand", "object", "clothes", "hair".
        opacity: 1 opaque; below 1 the picture behind shows through (lenses).
    """

    vertices: np.ndarray
    triangles: np.ndarray
    colour: tuple[float, float, float]
    specular: float
    exponent: float
    follows: str
    kind: str
    opacity: float = 1.0


@dataclass(eq=False)
class Triangles:
    """Everything that is drawn as triangles, in world coordinates, props appended to the face mesh."""

    vertices: np.ndarray
    normals: np.ndarray
    neutral: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    cull: np.ndarray
    casters: np.ndarray
    proxy: np.ndarray
    flat: np.ndarray
    parts: np.ndarray


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between; ``low`` > ``high`` gives the falling edge."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(np.float32)


def gaussian(squared_distance: np.ndarray, sigma: float) -> np.ndarray:
    """exp(-d^2 / (2 sigma^2)) as float32."""
    return np.exp(-squared_distance / (2.0 * sigma * sigma)).astype(np.float32)


def srgb_to_linear(colour: np.ndarray | tuple[float, ...]) -> np.ndarray:
    """sRGB in [0, 1] -> linear light, float32."""
    c = np.asarray(colour, np.float32)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V, 3) float32 area-weighted unit normals of float32 ``vertices`` (V, 3)."""
    normals = np.empty((len(vertices), 3), np.float32)
    _add_up_normals(np.ascontiguousarray(vertices, np.float32), triangles, np.zeros((len(vertices), 3)), normals)
    return normals


@njit(cache=True, nogil=True)
def _add_up_normals(vertices, triangles, total, normals):  # type: ignore[no-untyped-def]
    """Cross products in float32, their sums per vertex in the float64 of ``total`` (V, 3), which holds zeros."""
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            total[i, 0] += nx
            total[i, 1] += ny
            total[i, 2] += nz
    for i in range(total.shape[0]):
        x, y, z = np.float32(total[i, 0]), np.float32(total[i, 1]), np.float32(total[i, 2])
        length = np.float32(max(math.sqrt(x * x + y * y + z * z), 1e-9))
        normals[i, 0], normals[i, 1], normals[i, 2] = x / length, y / length, z / length


def outward_normals(mesh: Mesh) -> np.ndarray:
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    outward = (normals * (mesh.vertices - mesh.vertices.mean(axis=0))).sum() >= 0
    return normals if outward else -normals

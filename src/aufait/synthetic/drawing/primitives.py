"""Drawable objects other than the face mesh: hair strands and prop meshes, and small numeric helpers shared by their makers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
        corners = vertices[triangles[self.root_triangle]]
        roots = np.einsum("nk,nkc->nc", self.root_barycentric, corners)
        return (roots[:, None] + self.offsets @ rotation.T.astype(np.float32)).astype(np.float32)


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
    """(V, 3) float32 area-weighted unit normals."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.empty_like(vertices)
    for axis in range(3):
        weights = np.repeat(face[:, axis], 3)
        normals[:, axis] = np.bincount(triangles.ravel(), weights, minlength=len(vertices))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(length, 1e-9)).astype(np.float32)


def outward_normals(mesh: Mesh) -> np.ndarray:
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    outward = (normals * (mesh.vertices - mesh.vertices.mean(axis=0))).sum() >= 0
    return normals if outward else -normals

"""One frame's triangles: the posed face mesh with everything worn and held, what each is made of and what casts shadows."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import Mesh, Triangles, outward_normals
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.geometry import occluder_proxy
from aufait.synthetic.looks.textures import SkinTextures

PARTS = ("background", "skin", "eyes", "mouth", "hair", "clothes", "eyewear", "headwear", "occluder")
"""Names of the numbers in ``Frame.parts``."""
_PART_OF_PROP = {
    "clothes": 5,
    "glasses": 6,
    "sunglasses": 6,
    "hat": 7,
    "mask": 8,
    "hand": 8,
    "object": 8,
    "hair": 4,
}


def assemble(model: FaceModel, look: SkinTextures, posed: np.ndarray, normals: np.ndarray, meshes: Sequence[Mesh]) -> Triangles:
    """Face mesh and opaque props in one list of triangles; ``posed`` (V, 3) cm and unit ``normals`` of the face mesh."""
    cull, casters, proxy, part = _static_tables(model)
    flat = np.zeros((5 + len(meshes), 5), np.float32)
    flat[0] = (*np.asarray(look.gum) * 0.55, 0.04, 30.0)
    flat[1] = (*look.gum, 0.12, 60.0)
    flat[2] = (*look.teeth, 0.18, 80.0)
    lists: dict[str, list[np.ndarray]] = {"v": [posed], "n": [normals], "t": [model.triangles], "m": [model.material]}
    parts, count = [part], len(posed)
    for j, mesh in enumerate(meshes):
        flat[5 + j] = (*mesh.colour, mesh.specular, mesh.exponent)
        lists["v"].append(mesh.vertices)
        lists["n"].append(outward_normals(mesh))
        lists["t"].append(mesh.triangles + count)
        lists["m"].append(np.full(len(mesh.triangles), Material.PROP + j, np.int32))
        parts.append(np.full(len(mesh.triangles), _PART_OF_PROP[mesh.kind], np.uint8))
        count += len(mesh.vertices)
    added = sum(len(m.triangles) for m in meshes)
    prop_triangles = np.concatenate(lists["t"][1:]).astype(np.int32) if meshes else np.zeros((0, 3), np.int32)
    return Triangles(
        vertices=np.concatenate(lists["v"]).astype(np.float32),
        normals=np.concatenate(lists["n"]).astype(np.float32),
        neutral=model.neutral,
        triangles=np.concatenate(lists["t"]).astype(np.int32),
        uv=model.triangle_uv,
        material=np.concatenate(lists["m"]).astype(np.int32),
        cull=np.concatenate([cull, np.zeros(added, np.uint8)]),
        casters=np.concatenate([casters, prop_triangles]),
        proxy=np.concatenate([proxy, prop_triangles]),
        flat=flat,
        parts=np.concatenate(parts),
    )


@functools.lru_cache(maxsize=2)
def _static_tables(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """cull flags, shadow casters, visibility proxy and part numbers of the face mesh."""
    material = model.material
    cull = np.isin(material, (Material.FACE, Material.HEAD, Material.TEETH, Material.EYE_LEFT, Material.EYE_RIGHT))
    casts = np.isin(material, (Material.FACE, Material.HEAD, Material.SOCKET))
    part = np.array([1, 1, 3, 3, 3, 2, 2], np.uint8)
    return cull.astype(np.uint8), model.triangles[casts], occluder_proxy(model), part[material]


def light_mouth(model: FaceModel, irradiance: np.ndarray) -> None:
    """Light inside the mouth, in place: teeth and lips throw some to each other, and less and redder light gets further back."""
    inside, share = mouth_depth(model)
    around = irradiance[model.landmarks].mean(axis=0)
    irradiance[inside] = (0.55 * irradiance[inside] + 0.45 * around) * share


@functools.lru_cache(maxsize=2)
def mouth_depth(model: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n,) of teeth and gums and the share (n, 3) of the light that reaches them."""
    inside = np.unique(model.triangles[np.isin(model.material, (Material.GUMS, Material.TEETH))])
    depth = np.clip((10.4 - model.neutral[inside, 2]) / 2.4, 0.0, 2.5)[:, None]
    return inside, (np.exp(-depth * np.array([1.0, 1.3, 1.4])) * np.array([1.0, 0.96, 0.92])).astype(np.float32)


def moved(mesh: Mesh, vertices: np.ndarray) -> Mesh:
    """The mesh with other places of its vertices (V, 3)."""
    return Mesh(
        np.ascontiguousarray(vertices, np.float32),
        *(mesh.triangles, mesh.colour, mesh.specular, mesh.exponent, mesh.follows, mesh.kind, mesh.opacity),
    )

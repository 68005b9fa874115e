"""From a person, an expression and a scene to a labelled picture: a deferred software renderer.

Order of work: geometry -> camera z-buffer -> ambient light by depth maps from a few directions (only for vertices in
view) -> shadow map of the key light -> shading -> subsurface blur -> strands -> lenses -> sensor. Pictures are drawn at
``supersample`` times the final size and box filtered.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aufait.synthetic.drawing import kernels
from aufait.synthetic.drawing.background import make_background
from aufait.synthetic.drawing.primitives import Mesh, Strands, vertex_normals
from aufait.synthetic.drawing.scene import Scene, Sensor
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS
from aufait.synthetic.head.assets import FaceModel, Material
from aufait.synthetic.head.expression import Intensities, shape_weights
from aufait.synthetic.head.geometry import (
    LEAST_APERTURE,
    blend_expression,
    fit_rotation,
    hold_lids,
    identity_vertices,
    lid_aperture,
    occluder_proxy,
    pose_head,
    push_lids_out,
    rotation_matrix,
    turn,
    turn_eyes,
)
from aufait.synthetic.head.lips import lip_gap, parted_intensity
from aufait.synthetic.head.person import Traits, sample_traits
from aufait.synthetic.looks import props
from aufait.synthetic.looks.beard import grow_beard
from aufait.synthetic.looks.brows_and_lashes import grow_brows, lash_points
from aufait.synthetic.looks.scalp_hair import grow_scalp_hair
from aufait.synthetic.looks.skin import paint_skin
from aufait.synthetic.looks.textures import SkinTextures
from aufait.synthetic.looks.wrinkle_amounts import wrinkle_amounts
from aufait.synthetic.looks.wrinkle_maps import wrinkle_maps
from aufait.synthetic.looks.wrinkles import compose

MAP_SPAN = 46.0
"""Side of the shadow and visibility maps in cm."""
SHADOW_SIZE, VISIBILITY_SIZE = 512, 96
SUBSURFACE_SIGMA = (0.17, 0.075)
"""Blur of red and green skin light in cm; blue light hardly spreads at these sizes."""

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


@dataclass(frozen=True, eq=False)
class Person:
    """A synthetic person, ready to be rendered in any number of scenes."""

    model: FaceModel
    traits: Traits
    vertices: np.ndarray
    normals: np.ndarray
    skin: SkinTextures
    strands: tuple[Strands, ...]
    head_props: tuple[Mesh, ...]
    body_props: tuple[Mesh, ...]


@dataclass(frozen=True, eq=False)
class Frame:
    """A rendered picture and what is known of it. Left and right are the subject's.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        alpha: (S, S) uint8, 255 where the person or a prop covers the pixel.
        parts: (S, S) uint8, index into ``PARTS``.
        landmarks: (68, 2) float32 pixels, centre of the top-left pixel is 0.
        visible: (68,) bool, the point lies in the picture and nothing hides it.
        box: (4,) float32 x0, y0, x1, y1 round all 68 points.
        intensities: labels 0-5 per side. AU 25 follows the gap between the lips, whatever opened it.
        scene, traits: where it came from.
    """

    image: np.ndarray
    alpha: np.ndarray
    parts: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    box: np.ndarray
    intensities: Intensities
    scene: Scene
    traits: Traits


def make_person(model: FaceModel, seed: int, traits: Traits | None = None) -> Person:
    """Person ``seed``: shape, skin, hair and props. ``traits`` replaces the drawn ones (same seed, other looks)."""
    traits = traits or sample_traits(seed)
    vertices = push_lids_out(model, identity_vertices(model, traits))
    normals = vertex_normals(vertices, model.triangles)
    grown = [
        grow_scalp_hair(model, traits, vertices, normals),
        grow_brows(model, traits, vertices, normals),
        grow_beard(model, traits, vertices, normals),
    ]
    head_props = [
        *props.make_eyewear(traits, vertices, model),
        *props.make_headwear(model, traits, vertices, normals),
    ]
    return Person(
        model=model,
        traits=traits,
        vertices=vertices,
        normals=normals,
        skin=paint_skin(model, traits),
        strands=tuple(s for s in grown if s is not None),
        head_props=tuple(head_props),
        body_props=tuple(props.make_clothes(model, traits, vertices)),
    )


@dataclass(eq=False)
class _Drawing:
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


def render(
    person: Person,
    intensities: Intensities,
    scene: Scene,
    *,
    size: int = 256,
    supersample: float = 2.0,
) -> Frame:
    """Draw one labelled frame.

    Args:
        person: from ``make_person``.
        intensities: action units, 0-5 per side.
        scene: from ``sample_scene``.
        size: side of the square picture in pixels, 32-2048.
        supersample: the picture is drawn this much larger; 1.5 is quicker, 2 smoother.

    Raises:
        ValueError: ``size`` is out of range.
    """
    if not 32 <= size <= 2048:
        raise ValueError(f"size must be 32-2048 pixels, got {size}")
    model, traits = person.model, person.traits
    angles = np.radians(scene.rotation)
    resting = _expressive_vertices(person, intensities, scene)
    posed = pose_head(model, resting, angles)
    normals = vertex_normals(posed, model.triangles)
    opaque, lenses = _props(person, scene, posed, normals, angles)
    drawing = _assemble(person, posed, normals, opaque)
    view = _View.of(scene, posed[model.landmarks], round(size * supersample))
    depth, index, bary = view.buffers()
    kernels.rasterize(view.project(drawing.vertices), drawing.triangles, drawing.cull, depth, index, bary)

    head = rotation_matrix(angles)
    strands = [(s.points(posed, model.triangles, head), s) for s in person.strands if not _under_mask(s, person, scene)]
    light = _Lighting.of(scene)
    scalp = [points.reshape(-1, 3) for points, s in strands if s.is_scalp]
    irradiance = light.ambient(drawing, index, scalp)
    _light_mouth(model, irradiance)
    shadow = light.shadow_map(drawing, scalp)
    relief = _relief(person, intensities)
    layers = _shade(person, drawing, (index, bary), irradiance, relief, light, shadow, view, posed, scene)
    skin_mask = _skin_mask(index, drawing.material)
    picture = _compose(layers, skin_mask, index, scene, size, view)

    coverage = np.zeros(depth.shape, np.float32)
    lashes = _lashes(person, resting, head)
    ambient = (irradiance[model.landmarks].mean(axis=0) * 0.8 + 0.02).astype(np.float32)
    _draw_all_strands(picture, coverage, depth, strands, lashes, light, shadow, view, ambient, angles)
    for lens in lenses:
        _draw_lens(picture, depth, lens, view, light, ambient)

    points = view.project(posed[model.landmarks])
    visible = _visible(points, depth)
    landmarks = (points[:, :2] / (view.resolution / size) - 0.5).astype(np.float32)
    alpha = _shrink(np.maximum(index >= 0, coverage).astype(np.float32), size)
    parts = _part_map(index, drawing.parts, coverage, size)
    image = _develop(_shrink(picture, size), _shrink(skin_mask, size), scene, traits)
    return Frame(
        image=image,
        alpha=(alpha * 255 + 0.5).astype(np.uint8),
        parts=parts,
        landmarks=landmarks,
        visible=visible,
        box=np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)]),
        intensities=_labels(person, intensities, resting),
        scene=scene,
        traits=traits,
    )


# --- geometry -------------------------------------------------------------------------------------------------------


def _expressive_vertices(person: Person, intensities: Intensities, scene: Scene) -> np.ndarray:
    weights = shape_weights(intensities, scene.rng("expression"))
    for name, value in (scene.mouth_drift | _gaze_weights(*scene.gaze)).items():
        weights[name] = weights.get(name, 0.0) + value
    closing = (intensities.left.get(43, 0.0) / 5.0, intensities.right.get(43, 0.0) / 5.0)
    hold_lids(person.model, person.vertices, weights, least=LEAST_APERTURE, closing=closing)
    vertices = blend_expression(person.model, person.vertices, weights)
    turn_eyes(person.model, vertices, scene.gaze)
    return push_lids_out(person.model, vertices)


def _lashes(person: Person, resting: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, float, tuple[float, float, float]]:
    left, right = (float(np.clip(1.0 - a / 0.75, 0.0, 1.0)) for a in lid_aperture(person.model, resting))
    points, width, colour = lash_points(person.model, resting, (left, right), person.traits.make_up)
    return turn(points, head), width, colour


def _gaze_weights(horizontal: float, vertical: float) -> dict[str, float]:
    aside = ("eyeLookOut_L", "eyeLookIn_R") if horizontal > 0 else ("eyeLookIn_L", "eyeLookOut_R")
    lift = "eyeLookUp" if vertical > 0 else "eyeLookDown"
    weights = {name: min(abs(horizontal), 1.0) for name in aside}
    return weights | {f"{lift}_{side}": min(abs(vertical), 1.0) for side in "LR"}


def _labels(person: Person, intensities: Intensities, resting: np.ndarray) -> Intensities:
    """Labels of the frame.

    Whatever parts the lips, FACS codes AU 25, so its label follows the gap that is seen. A jaw that is stretched open
    (AU 27, not labelled) counts as AU 26: a picture does not tell where the one ends and the other begins.
    """
    parted = parted_intensity(lip_gap(person.model, resting))
    sides = []
    for side in (intensities.left, intensities.right):
        labels = {au: float(v) for au, v in side.items() if v > 0}
        labels.pop(25, None)
        if parted > 0:
            labels[25] = parted
        if 27 in labels:
            labels[26] = max(labels.get(26, 0.0), labels[27])
        sides.append(labels)
    return Intensities(*sides)


def _props(
    person: Person, scene: Scene, posed: np.ndarray, normals: np.ndarray, angles: np.ndarray
) -> tuple[list[Mesh], list[Mesh]]:
    """Props of the frame in world coordinates: opaque ones and lenses."""
    body = rotation_matrix(np.array([0.0, angles[1] * scene.body_yaw, 0.0]))
    head = rotation_matrix(angles)
    rng, points = scene.rng("occluder"), posed[person.model.landmarks]
    meshes = [_moved(mesh, turn(mesh.vertices, head)) for mesh in person.head_props]
    meshes += [_moved(mesh, turn(mesh.vertices, body)) for mesh in person.body_props]
    if scene.occluder == "mask":
        meshes += props.make_face_mask(person.model, posed, normals, rng)
    elif scene.occluder == "hand":
        meshes += props.make_hand(rng, points, skin_colour=_skin_colour(person))
    elif scene.occluder == "object":
        meshes += props.make_object(rng, points)
    return [m for m in meshes if m.opacity >= 0.99], [m for m in meshes if m.opacity < 0.99]


def _under_mask(strands: Strands, person: Person, scene: Scene) -> bool:
    """Beards stay under a face mask."""
    mean_height = person.model.triangle_center[strands.root_triangle[::50], 1].mean()
    return scene.occluder == "mask" and bool(mean_height < 0)


def _skin_colour(person: Person) -> tuple[float, float, float]:
    red, green, blue = np.median(person.skin.face[..., :3].reshape(-1, 3)[::97], axis=0)
    return float(red), float(green), float(blue)


def _moved(mesh: Mesh, vertices: np.ndarray) -> Mesh:
    return Mesh(
        np.ascontiguousarray(vertices, np.float32),
        *(mesh.triangles, mesh.colour, mesh.specular, mesh.exponent, mesh.follows, mesh.kind, mesh.opacity),
    )


@functools.lru_cache(maxsize=2)
def _static_tables(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """cull flags, shadow casters, visibility proxy and part numbers of the face mesh."""
    material = model.material
    cull = np.isin(material, (Material.FACE, Material.HEAD, Material.TEETH, Material.EYE_LEFT, Material.EYE_RIGHT))
    casts = np.isin(material, (Material.FACE, Material.HEAD, Material.SOCKET))
    part = np.array([1, 1, 3, 3, 3, 2, 2], np.uint8)
    return cull.astype(np.uint8), model.triangles[casts], occluder_proxy(model), part[material]


def _light_mouth(model: FaceModel, irradiance: np.ndarray) -> None:
    """Light inside the mouth, in place: teeth and lips throw some to each other, and less and redder light gets further back."""
    inside, share = _mouth_depth(model)
    around = irradiance[model.landmarks].mean(axis=0)
    irradiance[inside] = (0.55 * irradiance[inside] + 0.45 * around) * share


@functools.lru_cache(maxsize=2)
def _mouth_depth(model: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n,) of teeth and gums and the share (n, 3) of the light that reaches them."""
    inside = np.unique(model.triangles[np.isin(model.material, (Material.GUMS, Material.TEETH))])
    depth = np.clip((10.4 - model.neutral[inside, 2]) / 2.4, 0.0, 2.5)[:, None]
    return inside, (np.exp(-depth * np.array([1.0, 1.3, 1.4])) * np.array([1.0, 0.96, 0.92])).astype(np.float32)


def _assemble(person: Person, posed: np.ndarray, normals: np.ndarray, meshes: Sequence[Mesh]) -> _Drawing:
    model, look = person.model, person.skin
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
        lists["n"].append(_outward_normals(mesh))
        lists["t"].append(mesh.triangles + count)
        lists["m"].append(np.full(len(mesh.triangles), Material.PROP + j, np.int32))
        parts.append(np.full(len(mesh.triangles), _PART_OF_PROP[mesh.kind], np.uint8))
        count += len(mesh.vertices)
    added = sum(len(m.triangles) for m in meshes)
    prop_triangles = np.concatenate(lists["t"][1:]).astype(np.int32) if meshes else np.zeros((0, 3), np.int32)
    return _Drawing(
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


def _outward_normals(mesh: Mesh) -> np.ndarray:
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    outward = (normals * (mesh.vertices - mesh.vertices.mean(axis=0))).sum() >= 0
    return normals if outward else -normals


# --- camera -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _View:
    """A pinhole camera that looks along -z."""

    eye: np.ndarray
    focal: float
    resolution: int
    pixels_per_cm: float

    @classmethod
    def of(cls, scene: Scene, landmarks: np.ndarray, resolution: int) -> _View:
        fov = np.radians(scene.field_of_view)
        distance = scene.frame_height / 2 / np.tan(fov / 2)
        center = landmarks.mean(axis=0) + np.asarray(scene.offset, np.float32)
        focal = resolution / 2 / np.tan(fov / 2)
        eye = (center + np.array([0.0, 0.0, distance])).astype(np.float32)
        return cls(eye, float(focal), resolution, float(focal / distance))

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) cm -> (..., 3) x, y in pixels (corner of the top-left pixel is 0), distance."""
        z = np.maximum(self.eye[2] - points[..., 2], 0.5)
        x = self.resolution / 2 + self.focal * (points[..., 0] - self.eye[0]) / z
        y = self.resolution / 2 - self.focal * (points[..., 1] - self.eye[1]) / z
        return np.stack([x, y, z], axis=-1).astype(np.float32)

    def buffers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shape = (self.resolution, self.resolution)
        return np.empty(shape, np.float32), np.empty(shape, np.int32), np.empty((*shape, 2), np.float32)


def _visible(points: np.ndarray, depth: np.ndarray, tolerance: float = 0.7) -> np.ndarray:
    """(N,) bool: inside the picture and not behind something nearer than ``tolerance`` cm."""
    side = depth.shape[0]
    x, y = np.floor(points[:, 0]).astype(int), np.floor(points[:, 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < side) & (y < side)
    seen = depth[np.clip(y, 0, side - 1), np.clip(x, 0, side - 1)]
    return inside & (points[:, 2] < seen + tolerance)


# --- light ------------------------------------------------------------------------------------------------------------


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


@dataclass(frozen=True, eq=False)
class _Lighting:
    direction: np.ndarray
    colour: np.ndarray
    ambient_colour: np.ndarray
    ambient_gain: float
    lobes: np.ndarray
    lobe_colours: np.ndarray
    softness: float
    basis: np.ndarray

    @classmethod
    def of(cls, scene: Scene) -> _Lighting:
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

    def ambient(self, drawing: _Drawing, index: np.ndarray, scalp: Sequence[np.ndarray]) -> np.ndarray:
        """(V, 3) irradiance from the environment at the vertices in view; the others stay at the base level."""
        used = np.zeros(len(drawing.vertices), np.uint8)
        kernels.mark_vertices(index, drawing.triangles, used)
        rows = np.flatnonzero(used).astype(np.int32)
        irradiance = np.zeros_like(drawing.vertices)
        depth = np.empty((VISIBILITY_SIZE, VISIBILITY_SIZE), np.float32)
        scale, middle = np.float32(VISIBILITY_SIZE / MAP_SPAN), np.float32(VISIBILITY_SIZE / 2)
        sparse = np.concatenate([p[::13] for p in scalp]) if scalp else None
        corners, compact = _compact(drawing.vertices, drawing.proxy)
        for direction in AMBIENT_DIRECTIONS:
            basis = _light_basis(direction)
            kernels.rasterize_depth(_to_map(corners, basis, scale, middle), compact, depth)
            if sparse is not None:
                kernels.splat_depth(_to_map(sparse, basis, scale, middle), depth)
            lobes = (np.clip(self.lobes @ direction, 0, 1) ** 3) @ self.lobe_colours
            light = (self.ambient_colour * (0.55 + 0.45 * direction[1]) + lobes) * (
                self.ambient_gain * 4.2 / len(AMBIENT_DIRECTIONS)
            )
            kernels.accumulate_environment(
                *(rows, drawing.vertices, drawing.normals, basis, scale, middle, depth, np.float32(0.55)),
                *(direction, light.astype(np.float32), np.float32(0.15), irradiance),
            )
        return irradiance + np.float32(0.05 * self.ambient_gain) * self.ambient_colour

    def shadow_map(self, drawing: _Drawing, scalp: Sequence[np.ndarray]) -> np.ndarray:
        """(S, S) depth along the key light, hair included."""
        scale, middle = np.float32(SHADOW_SIZE / MAP_SPAN), np.float32(SHADOW_SIZE / 2)
        depth = np.empty((SHADOW_SIZE, SHADOW_SIZE), np.float32)
        kernels.rasterize_depth(_to_map(drawing.vertices, self.basis, scale, middle), drawing.casters, depth)
        if scalp:
            hairy = depth.copy()
            for points in scalp:
                kernels.splat_depth(_to_map(points, self.basis, scale, middle), hairy)
            depth = np.minimum(depth, hairy)
        return depth


def _compact(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the vertices that ``triangles`` use, and the triangles renumbered."""
    seen = np.zeros(len(vertices), bool)
    seen[triangles.ravel()] = True
    number = np.cumsum(seen, dtype=np.int32) - 1
    return vertices[seen], number[triangles]


def _to_map(points: np.ndarray, basis: np.ndarray, scale: np.float32, middle: np.float32) -> np.ndarray:
    mapped = points @ basis.T
    mapped[:, :2] *= scale
    mapped[:, :2] += middle
    return np.ascontiguousarray(mapped, np.float32)


# --- shading ----------------------------------------------------------------------------------------------------------


def _relief(person: Person, intensities: Intensities) -> np.ndarray:
    amounts = wrinkle_amounts(intensities.left, intensities.right, person.traits)
    return compose(wrinkle_maps(person.model), amounts, person.skin)


def _shade(
    person: Person,
    drawing: _Drawing,
    buffers: tuple[np.ndarray, np.ndarray],
    irradiance: np.ndarray,
    relief: np.ndarray,
    light: _Lighting,
    shadow: np.ndarray,
    view: _View,
    posed: np.ndarray,
    scene: Scene,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    model, look = person.model, person.skin
    shape = (view.resolution, view.resolution, 3)
    out = (np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32))
    scale = np.float32(SHADOW_SIZE / MAP_SPAN)
    matrix = light.basis * np.array([[scale], [scale], [1]], np.float32)
    origin = np.array([SHADOW_SIZE / 2, SHADOW_SIZE / 2, 0], np.float32)
    eyes, rotations = _eye_table(person, posed, scene)
    kernels.shade(
        *(*buffers, drawing.triangles, drawing.material, drawing.uv, drawing.vertices, drawing.normals, model.neutral),
        *(irradiance, look.face, look.head, relief, eyes, rotations, drawing.flat, shadow, matrix, origin),
        *(np.float32(light.softness), light.direction, light.colour, view.eye, np.float32(look.gloss), *out),
    )
    return out


def _eye_table(person: Person, posed: np.ndarray, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    look, rng = person.skin, scene.rng("eyes")
    pupil, redness = float(rng.uniform(0.16, 0.34)), float(person.traits.rng("eye redness").random())
    rows, rotations = [], []
    for eye in person.model.eyes:
        rows.append((*eye.center, look.iris_radius, pupil, *look.iris, *look.sclera, redness))
        rotations.append(fit_rotation(person.model.neutral[eye.vertices], posed[eye.vertices]))
    return np.array(rows, np.float32), np.stack(rotations)


def _skin_mask(index: np.ndarray, material: np.ndarray) -> np.ndarray:
    skin_triangle = np.append(material < 2, False)  # index -1 picks the last entry
    return skin_triangle[index].astype(np.float32)


def _compose(
    layers: tuple[np.ndarray, np.ndarray, np.ndarray],
    skin_mask: np.ndarray,
    index: np.ndarray,
    scene: Scene,
    size: int,
    view: _View,
) -> np.ndarray:
    """(R, R, 3) linear picture without strands: blurred light x albedo + highlights, over the background."""
    irradiance, albedo, specular = layers
    for channel, sigma in enumerate(SUBSURFACE_SIGMA):
        irradiance[..., channel] = _blur_inside(irradiance[..., channel], skin_mask, sigma * view.pixels_per_cm)
    picture = albedo
    picture *= irradiance
    picture *= np.float32(0.55)
    picture += specular
    rng = scene.rng("background")
    small = make_background(size, rng) * np.float32(rng.uniform(0.2, 1.1))
    backdrop = cv2.resize(small, (view.resolution, view.resolution), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(backdrop, (index < 0).astype(np.uint8), picture)
    return picture


def _blur_inside(channel: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of light on skin that takes nothing from outside the skin; wide blurs run at half size."""
    if sigma < 0.4:
        return channel
    masked = channel * mask
    if sigma > 2.0:
        half = (channel.shape[1] // 2, channel.shape[0] // 2)
        small = cv2.GaussianBlur(cv2.resize(masked, half, interpolation=cv2.INTER_AREA), (0, 0), sigma / 2)
        weight = cv2.GaussianBlur(cv2.resize(mask, half, interpolation=cv2.INTER_AREA), (0, 0), sigma / 2)
        blurred = cv2.resize(small / (weight + 1e-3), channel.shape[::-1], interpolation=cv2.INTER_LINEAR)
    else:
        blurred = cv2.GaussianBlur(masked, (0, 0), sigma) / (cv2.GaussianBlur(mask, (0, 0), sigma) + 1e-3)
    return np.where(mask > 0, blurred, channel)


def _draw_all_strands(
    picture: np.ndarray,
    coverage: np.ndarray,
    depth: np.ndarray,
    strands: Sequence[tuple[np.ndarray, Strands]],
    lashes: tuple[np.ndarray, float, tuple[float, float, float]],
    light: _Lighting,
    shadow: np.ndarray,
    view: _View,
    ambient: np.ndarray,
    angles: np.ndarray,
) -> None:
    center = turn(np.array([[0.0, 4.0, -1.0]], np.float32), rotation_matrix(angles))[0]
    items = [(p, s.colour, s.width, s.taper, s.specular, s.is_scalp) for p, s in strands]
    lash_strands, lash_width, lash_colour = lashes
    tint = np.tile(np.asarray(lash_colour, np.float32), (len(lash_strands), 1))
    items.append((lash_strands, tint, lash_width, 0.8, 0.0, False))
    for points, colour, width, taper, specular, scalp in items:
        if len(points) == 0:
            continue
        tangent = np.gradient(points, axis=1)
        tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + np.float32(1e-9)
        lit = _strand_light(points, light, shadow, center, scalp)
        projected = view.project(points)
        projected[..., 2] -= np.float32(0.04)
        pixels = float(np.clip(width * view.pixels_per_cm, 0.3, 3.0))
        kernels.draw_strands(
            *(projected, tangent.astype(np.float32), lit, colour.astype(np.float32), np.float32(pixels)),
            *(np.float32(taper), np.float32(specular), light.direction, np.array([0, 0, 1], np.float32)),
            *(light.colour, ambient, depth, picture, coverage),
        )


def _strand_light(points: np.ndarray, light: _Lighting, shadow: np.ndarray, center: np.ndarray, scalp: bool) -> np.ndarray:
    """(n, K) share of key light on strand points: depth under the shadow map, and for scalp hair the side of the head."""
    mapped = _to_map(points.reshape(-1, 3), light.basis, np.float32(SHADOW_SIZE / MAP_SPAN), np.float32(SHADOW_SIZE / 2))
    x = np.clip(mapped[:, 0].astype(np.int32), 0, SHADOW_SIZE - 1)
    y = np.clip(mapped[:, 1].astype(np.int32), 0, SHADOW_SIZE - 1)
    lit = np.exp(-0.9 * np.clip(mapped[:, 2] - shadow[y, x] - 0.15, 0, 4))
    if scalp:
        outward = points.reshape(-1, 3) - center
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        lit *= np.clip((outward @ light.direction + 0.35) / 1.1, 0, 1)
    return lit.reshape(points.shape[:2]).astype(np.float32)


def _draw_lens(picture: np.ndarray, depth: np.ndarray, lens: Mesh, view: _View, light: _Lighting, ambient: np.ndarray) -> None:
    """Blend a translucent mesh over what lies behind it, with a plain glare towards the light."""
    near, index, bary = view.buffers()
    cull = np.zeros(len(lens.triangles), np.uint8)
    kernels.rasterize(view.project(lens.vertices), lens.triangles.astype(np.int32), cull, near, index, bary)
    front = (index >= 0) & (near < depth)
    if not front.any():
        return
    normals = _outward_normals(lens)[lens.triangles[index[front]]].mean(axis=1)
    half = light.direction + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    shine = lens.specular * np.abs(normals @ half)[:, None] ** lens.exponent * light.colour
    glow = np.asarray(lens.colour, np.float32) * (ambient + 0.3 * light.colour) + shine + 0.04 * ambient
    picture[front] = picture[front] * np.float32(1 - lens.opacity) + np.float32(lens.opacity) * glow
    if lens.opacity > 0.6:
        depth[front] = near[front]


# --- picture ----------------------------------------------------------------------------------------------------------


def _shrink(picture: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def _part_map(index: np.ndarray, part_of_triangle: np.ndarray, coverage: np.ndarray, size: int) -> np.ndarray:
    parts = np.append(part_of_triangle, np.uint8(0))[index]
    parts[coverage > 0.5] = 4
    return cv2.resize(parts, (size, size), interpolation=cv2.INTER_NEAREST)


def _develop(picture: np.ndarray, skin_mask: np.ndarray, scene: Scene, traits: Traits) -> np.ndarray:
    """(S, S, 3) uint8: exposure for the skin in view, then the sensor's chain."""
    sensor, rng = scene.sensor, scene.rng("sensor")
    seen = skin_mask > 0.9
    level = float(picture[seen].mean()) if seen.any() else 0.3
    target = float(np.interp(traits.skin_tone, [0, 7], [0.34, 0.125]))
    exposure = target / max(level, 1e-3) * (sensor.exposure if sensor else 1.0)
    if sensor is None:
        sensor = Sensor(0, 0, 0, 0, 1.0, 0.95, (1, 1, 1), 1, False, 0, 1)
        noise = np.zeros(picture.shape, np.float32)
    else:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
    out = np.empty_like(picture)
    kernels.develop(
        *(picture, np.float32(exposure), np.array(sensor.balance, np.float32), noise, np.float32(sensor.shot_noise)),
        *(np.float32(sensor.read_noise), np.float32(sensor.contrast), np.float32(sensor.saturation), out),
    )
    return _degrade((out * 255 + 0.5).astype(np.uint8), sensor, rng)


def _degrade(image: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    size = image.shape[0]
    if sensor.blur > 0:
        image = cv2.GaussianBlur(image, (0, 0), sensor.blur)
    if sensor.motion > 0:
        image = cv2.filter2D(image, -1, _motion_kernel(sensor.motion, rng.uniform(0, np.pi)))
    if sensor.low_resolution > 1:
        small = round(size / sensor.low_resolution)
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if sensor.grey:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if sensor.jpeg_quality:
        _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, sensor.jpeg_quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]
    return np.ascontiguousarray(image)


def _motion_kernel(length: float, angle: float) -> np.ndarray:
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, stop = np.round(middle - reach).astype(int), np.round(middle + reach).astype(int)
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, stop)), 1.0)
    return kernel / kernel.sum()


def frame_labels(frame: Frame) -> dict[str, dict[int, float]]:
    """Labelled action units of a frame per side, zeros included."""
    return {
        name: {au: float(side.get(au, 0.0)) for au in LABELLED_ACTION_UNITS}
        for name, side in (("left", frame.intensities.left), ("right", frame.intensities.right))
    }

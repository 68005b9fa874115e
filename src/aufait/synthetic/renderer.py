"""From a person, an expression and a scene to a labelled picture: a deferred software renderer.

Order of work: geometry -> camera z-buffer -> ambient light by depth maps from a few directions (only for vertices in
view) -> shadow map of the key light -> shading -> subsurface blur -> strands -> lenses -> sensor. Pictures are drawn at
``supersample`` times the final size and box filtered.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aufait.synthetic.assembly import PARTS, assemble, light_mouth, moved
from aufait.synthetic.drawing import kernels, shading
from aufait.synthetic.drawing.background import make_background
from aufait.synthetic.drawing.camera import View, visible_points
from aufait.synthetic.drawing.lenses import draw_lens
from aufait.synthetic.drawing.lighting import MAP_SPAN, SHADOW_SIZE, Lighting
from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import Mesh, Strands, Triangles, vertex_normals
from aufait.synthetic.drawing.scene import Scene
from aufait.synthetic.drawing.sensor import degrade, develop, load_film, shrink
from aufait.synthetic.drawing.strands import draw_all_strands
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.expression import Intensities, shape_weights
from aufait.synthetic.head.geometry import (
    LEAST_APERTURE,
    blend_expression,
    fit_rotation,
    hold_lids,
    identity_vertices,
    lid_aperture,
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
from aufait.synthetic.opengl.order import Order

__all__ = ["PARTS", "Frame", "Person", "frame_labels", "make_person", "render", "undrawn_intensities"]

SUBSURFACE_SIGMA = (0.17, 0.075)
"""Blur of red and green skin light in cm; blue light hardly spreads at these sizes."""
_HAIR_CENTER = np.array([[0.0, 4.0, -1.0]], np.float32)
"""cm, from where scalp hair counts as outside."""


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
    """A rendered picture and what is known about it. Left and right are the subject's.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        alpha: (S, S) uint8, 255 where the person or a prop covers the pixel.
        parts: (S, S) uint8, index into ``PARTS``.
        landmarks: (68, 2) float32 pixels, centre of the top-left pixel is 0.
        visible: (68,) bool, the point is in the picture and nothing hides it.
        box: (4,) float32 x0, y0, x1, y1 around all 68 points.
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
    vertices = _own_vertices(model, traits)
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


def render(
    person: Person,
    intensities: Intensities,
    scene: Scene,
    *,
    size: int = 256,
    supersample: float = 2.0,
    renderer: str = "cpu",
) -> Frame:
    """Draw one labelled frame.

    Args:
        person: from ``make_person``.
        intensities: action units, 0-5 per side.
        scene: from ``sample_scene``.
        size: side of the square picture in pixels, 32-2048.
        supersample: the picture is drawn this much larger; 1.5 is quicker, 2 smoother.
        renderer: "cpu", or "opengl" for the graphics card (see ``opengl.context.choose_renderer``): much the same picture.

    Raises:
        ValueError: ``size`` is out of range.
        InputError, MissingExtraError: OpenGL cannot be opened.
    """
    if not 32 <= size <= 2048:
        raise ValueError(f"size must be 32-2048 pixels, got {size}")
    model, traits = person.model, person.traits
    angles = np.radians(scene.rotation)
    resting = _expressive_vertices(model, person.vertices, intensities, scene)
    posed = pose_head(model, resting, angles)
    normals = vertex_normals(posed, model.triangles)
    opaque, lenses = _props(person, scene, posed, normals, angles)
    drawing = assemble(model, person.skin, posed, normals, opaque)
    view = View.of(scene, posed[model.landmarks], round(size * supersample))
    head, points = rotation_matrix(angles), view.project(posed[model.landmarks])
    landmarks = (points[:, :2] / (view.resolution / size) - 0.5).astype(np.float32)
    labels = _labels(model, intensities, resting)
    if renderer == "opengl":
        order = _order(person, intensities, scene, (resting, posed, head), drawing, lenses, view, size)
        return _frame(_paint(order), landmarks, labels, scene, traits)

    depth, index, bary = view.buffers()
    kernels.rasterize(view.project(drawing.vertices), drawing.triangles, drawing.cull, depth, index, bary)

    strands = [(s.points(posed, model.triangles, head), s) for s in person.strands if not _under_mask(s, person, scene)]
    light = Lighting.of(scene)
    scalp = [points.reshape(-1, 3) for points, s in strands if s.is_scalp]
    irradiance = light.ambient(drawing, index, scalp)
    light_mouth(model, irradiance)
    shadow = light.shadow_map(drawing, scalp)
    relief = _relief(person, intensities)
    layers = _shade(person, drawing, (index, bary), irradiance, relief, light, shadow, view, posed, scene)
    skin_mask = _skin_mask(index, drawing.material)
    picture = _compose(layers, skin_mask, index, scene, size, view)

    coverage = np.zeros(depth.shape, np.float32)
    lashes = _lashes(person, resting, head)
    center = turn(_HAIR_CENTER, head)[0]
    ambient = (irradiance[model.landmarks].mean(axis=0) * 0.8 + 0.02).astype(np.float32)
    draw_all_strands(picture, coverage, depth, strands, lashes, light, shadow, view, ambient, center)
    for lens in lenses:
        draw_lens(picture, depth, lens, view, light, ambient)

    alpha = shrink(np.maximum(index >= 0, coverage).astype(np.float32), size)
    parts = _part_map(index, drawing.parts, coverage, size)
    image = develop(shrink(picture, size), shrink(skin_mask, size), scene, traits.skin_tone)
    drawn = image, (alpha * 255 + 0.5).astype(np.uint8), parts, visible_points(points, depth)
    return _frame(drawn, landmarks, labels, scene, traits)


def _frame(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    landmarks: np.ndarray,
    labels: Intensities,
    scene: Scene,
    traits: Traits,
) -> Frame:
    """``drawn``: image, alpha, parts, visible."""
    box = np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)])
    image, alpha, parts, visible = drawn
    return Frame(image, alpha, parts, landmarks, visible, box, labels, scene, traits)


def _order(
    person: Person,
    intensities: Intensities,
    scene: Scene,
    pose: tuple[np.ndarray, np.ndarray, np.ndarray],
    drawing: Triangles,
    lenses: list[Mesh],
    view: View,
    size: int,
) -> Order:
    """What the graphics card is to draw; ``pose``: vertices before and after the turn of the head, and the turn."""
    resting, posed, head = pose
    return Order(
        model=person.model,
        skin=person.skin,
        strands=[s for s in person.strands if not _under_mask(s, person, scene)],
        lashes=_lashes(person, resting, head),
        drawing=drawing,
        lenses=lenses,
        wrinkles=wrinkle_amounts(intensities.left, intensities.right, person.traits),
        eyes=_eye_table(person, posed, scene),
        head=head,
        head_center=turn(_HAIR_CENTER, head)[0],
        view=view,
        light=Lighting.of(scene),
        backdrop=_backdrop(scene, size),
        film=load_film(scene, person.traits.skin_tone, size),
        spread=SUBSURFACE_SIGMA,
        size=size,
    )


def _paint(order: Order) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from aufait.synthetic.opengl.context import painter

    painted = painter().paint(order)
    return degrade(painted.image, order.film), painted.alpha, painted.parts, painted.visible


def undrawn_intensities(model: FaceModel, seed: int, intensities: Intensities, scene: Scene) -> Intensities:
    """The labels of a frame of person ``seed``, without drawing it: a tenth of the time."""
    own = _own_vertices(model, sample_traits(seed))
    return _labels(model, intensities, _expressive_vertices(model, own, intensities, scene))


def _own_vertices(model: FaceModel, traits: Traits) -> np.ndarray:
    return push_lids_out(model, identity_vertices(model, traits))


def _expressive_vertices(model: FaceModel, own: np.ndarray, intensities: Intensities, scene: Scene) -> np.ndarray:
    weights = shape_weights(intensities, scene.rng("expression"))
    for name, value in (scene.mouth_drift | _gaze_weights(*scene.gaze)).items():
        weights[name] = weights.get(name, 0.0) + value
    closing = (intensities.left.get(43, 0.0) / 5.0, intensities.right.get(43, 0.0) / 5.0)
    hold_lids(model, own, weights, least=LEAST_APERTURE, closing=closing)
    vertices = blend_expression(model, own, weights)
    turn_eyes(model, vertices, scene.gaze)
    return push_lids_out(model, vertices)


def _lashes(person: Person, resting: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, float, tuple[float, float, float]]:
    left, right = (float(np.clip(1.0 - a / 0.75, 0.0, 1.0)) for a in lid_aperture(person.model, resting))
    points, width, colour = lash_points(person.model, resting, (left, right), person.traits.make_up)
    return turn(points, head), width, colour


def _gaze_weights(horizontal: float, vertical: float) -> dict[str, float]:
    aside = ("eyeLookOut_L", "eyeLookIn_R") if horizontal > 0 else ("eyeLookIn_L", "eyeLookOut_R")
    lift = "eyeLookUp" if vertical > 0 else "eyeLookDown"
    weights = {name: min(abs(horizontal), 1.0) for name in aside}
    return weights | {f"{lift}_{side}": min(abs(vertical), 1.0) for side in "LR"}


def _labels(model: FaceModel, intensities: Intensities, resting: np.ndarray) -> Intensities:
    """Labels of the frame.

    Whatever parts the lips, FACS codes AU 25, so its label follows the gap that is seen. A jaw that is stretched open
    (AU 27, not labelled) counts as AU 26: a picture does not show where one ends and the other begins.
    """
    parted = parted_intensity(lip_gap(model, resting))
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
    meshes = [moved(mesh, turn(mesh.vertices, head)) for mesh in person.head_props]
    meshes += [moved(mesh, turn(mesh.vertices, body)) for mesh in person.body_props]
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


def _relief(person: Person, intensities: Intensities) -> np.ndarray:
    amounts = wrinkle_amounts(intensities.left, intensities.right, person.traits)
    return compose(wrinkle_maps(person.model), amounts, person.skin)


def _shade(
    person: Person,
    drawing: Triangles,
    buffers: tuple[np.ndarray, np.ndarray],
    irradiance: np.ndarray,
    relief: np.ndarray,
    light: Lighting,
    shadow: np.ndarray,
    view: View,
    posed: np.ndarray,
    scene: Scene,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    model, look = person.model, person.skin
    shape = (view.resolution, view.resolution, 3)
    out = shading.Layers(np.zeros(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32))
    scale = np.float32(SHADOW_SIZE / MAP_SPAN)
    matrix = light.basis * np.array([[scale], [scale], [1]], np.float32)
    origin = np.array([SHADOW_SIZE / 2, SHADOW_SIZE / 2, 0], np.float32)
    eyes, rotations = _eye_table(person, posed, scene)
    shading.shade(
        shading.Seen(*buffers),
        shading.Surface(
            *(drawing.triangles, drawing.material, drawing.uv, drawing.vertices, drawing.normals),
            *(model.neutral, irradiance),
        ),
        shading.Looks(look.face, look.head, relief, drawing.flat, eyes, rotations, np.float32(look.gloss)),
        shading.KeyLight(light.direction, light.colour, shadow, matrix, origin, np.float32(light.softness)),
        view.eye,
        out,
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
    skin_triangle = np.append(material <= Material.HEAD, False).astype(np.float32)
    return np.take(skin_triangle, index, mode="wrap")  # index -1 picks the last entry


def _compose(
    layers: tuple[np.ndarray, np.ndarray, np.ndarray],
    skin_mask: np.ndarray,
    index: np.ndarray,
    scene: Scene,
    size: int,
    view: View,
) -> np.ndarray:
    """(R, R, 3) linear picture without strands: blurred light x albedo + highlights, over the background."""
    irradiance, albedo, specular = layers
    for channel, sigma in enumerate(SUBSURFACE_SIGMA):
        _blur_inside(irradiance[..., channel], skin_mask, sigma * view.pixels_per_cm)
    backdrop = cv2.resize(_backdrop(scene, size), (view.resolution, view.resolution), interpolation=cv2.INTER_LINEAR)
    shading.combine(shading.Layers(irradiance, albedo, specular), index, backdrop)
    return albedo


def _backdrop(scene: Scene, size: int) -> np.ndarray:
    """(size, size, 3) linear light behind the person."""
    rng = scene.rng("background")
    return make_background(size, rng) * np.float32(rng.uniform(0.2, 1.1))


def _blur_inside(channel: np.ndarray, mask: np.ndarray, sigma: float) -> None:
    """Gaussian blur of light on skin that takes nothing from outside the skin, in place; wide blurs run at half size."""
    if sigma < 0.4:
        return
    masked = channel * mask
    if sigma > 2.0:
        half = (channel.shape[1] // 2, channel.shape[0] // 2)
        small = cv2.GaussianBlur(cv2.resize(masked, half, interpolation=cv2.INTER_AREA), (0, 0), sigma / 2)
        weight = cv2.GaussianBlur(cv2.resize(mask, half, interpolation=cv2.INTER_AREA), (0, 0), sigma / 2)
        blurred = cv2.resize(small / (weight + 1e-3), channel.shape[::-1], interpolation=cv2.INTER_LINEAR)
    else:
        blurred = cv2.GaussianBlur(masked, (0, 0), sigma) / (cv2.GaussianBlur(mask, (0, 0), sigma) + 1e-3)
    np.copyto(channel, blurred, where=mask > 0)


def _part_map(index: np.ndarray, part_of_triangle: np.ndarray, coverage: np.ndarray, size: int) -> np.ndarray:
    index, coverage = (cv2.resize(a, (size, size), interpolation=cv2.INTER_NEAREST) for a in (index, coverage))
    parts = np.append(part_of_triangle, np.uint8(0))[index]
    parts[coverage > 0.5] = 4
    return parts


def frame_labels(frame: Frame) -> dict[str, dict[int, float]]:
    """Labelled action units of a frame per side, zeros included."""
    return {
        name: {au: float(side.get(au, 0.0)) for au in LABELLED_ACTION_UNITS}
        for name, side in (("left", frame.intensities.left), ("right", frame.intensities.right))
    }

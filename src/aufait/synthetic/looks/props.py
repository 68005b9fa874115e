"""Clothes, glasses and face masks; hats, hands and objects come from the other modules here."""

from __future__ import annotations

import functools

import numpy as np
from scipy.spatial import cKDTree

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import Mesh, smoothstep, vertex_normals
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.person import Traits
from aufait.synthetic.looks.props_hands import make_hand, make_object
from aufait.synthetic.looks.props_headwear import make_headwear
from aufait.synthetic.looks.props_shapes import Shape, disc, fabric_colour, grid, join, smooth_path, super_ellipse, tube

__all__ = ["COLLARS", "make_clothes", "make_eyewear", "make_face_mask", "make_hand", "make_headwear", "make_object"]

COLLARS = ("crew", "v_neck", "shirt", "hoodie", "scarf", "turtleneck")

# Rings of the torso from the neck down. At the sides: half width and height; before and behind: depth and height. cm.
_RINGS = np.array(
    [
        # side x, side y, front z, front y, back z, back y
        (6.5, -10.0, 5.6, -11.2, -7.0, -9.4),
        (7.6, -10.7, 6.2, -12.3, -7.7, -10.3),
        (10.0, -12.0, 7.2, -14.2, -8.6, -11.8),
        (13.5, -13.3, 8.4, -16.6, -9.4, -14.0),
        (17.0, -15.2, 9.3, -19.5, -9.9, -17.5),
        (19.2, -18.5, 9.9, -23.0, -10.2, -22.0),
        (20.2, -25.0, 10.3, -28.0, -10.4, -28.0),
        (20.8, -36.0, 10.5, -36.0, -10.5, -36.0),
    ]
)


def make_clothes(model: FaceModel, traits: Traits, vertices: np.ndarray) -> list[Mesh]:
    """A torso with one of ``COLLARS`` around the person's neck; follows the body.

    Args:
        model: the geometry.
        traits: sex and random streams.
        vertices: (V, 3) neutral vertices, cm.
    """
    rng = traits.rng("clothes")
    collar = str(rng.choice(COLLARS, p=(0.42, 0.16, 0.18, 0.10, 0.06, 0.08)))
    colour = fabric_colour(rng)
    rings = _fitted_rings(model, vertices) * [(1.04 if traits.is_man else 0.88), 1, 1, 1, 1, 1]
    rings[:2, 0] = _fitted_rings(model, vertices)[:2, 0]
    angle = np.linspace(0, 2 * np.pi, 56, endpoint=False)
    rows = np.linspace(0, len(rings) - 1, 20) ** 1.15 / (len(rings) - 1) ** 0.15
    torso = _ring_points(rings, rows, angle)
    fold = np.sin(angle * 3 + rng.uniform(0, 6))[None] * np.sin(np.arange(20)[:, None] * 0.9 + 4 * np.cos(angle)[None])
    torso[..., 2] += 0.25 * fold * smoothstep(3.0, 9.0, np.arange(20))[:, None]
    if collar == "v_neck":
        depth = rng.uniform(1.4, 2.4)
        front = np.exp(-((angle - np.pi / 2) ** 2) / 0.16)[None] * np.exp(-np.arange(20) / 2.0)[:, None]
        torso[..., 1] -= depth * front
    edge = torso[0]
    cloth = [grid(np.concatenate([_inset(edge, 0.7)[None], torso]), close_columns=True)]
    meshes = [Mesh(*join(cloth), colour, 0.012, 8.0, "body", "clothes")]
    for shape, shade in _collar(collar, edge, angle, colour, rng):
        meshes.append(Mesh(*shape, shade, 0.012, 8.0, "body", "clothes"))
    return meshes


def _fitted_rings(model: FaceModel, vertices: np.ndarray) -> np.ndarray:
    """``_RINGS`` with the neck opening widened or narrowed to this person's neck."""
    neck = _neck_vertices(model)
    change = vertices[neck] - model.neutral[neck]
    wider = float(np.mean(change[:, 0] * np.sign(model.neutral[neck, 0])))
    lift = float(change[:, 1].mean())
    rings = _RINGS.copy()
    fade = np.array([1, 0.8, 0.5, 0.2, 0, 0, 0, 0])
    front = float(change[model.neutral[neck, 2] > 2, 2].mean())
    rings[:, 0] += np.clip(wider, -1.0, 2.0) * fade
    rings[:, 2] += front * fade
    rings[:, 4] += float(change[model.neutral[neck, 2] < -3, 2].mean()) * fade
    rings[:, [1, 3, 5]] += np.clip(lift, -1.0, 1.0) * fade[:, None]
    return rings


@functools.lru_cache(maxsize=2)
def _neck_vertices(model: FaceModel) -> np.ndarray:
    skin = np.unique(model.triangles[model.material <= Material.HEAD])
    return skin[(model.neutral[skin, 1] < -9.3) & (model.neutral[skin, 1] > -11.5)]


def _ring_points(rings: np.ndarray, rows: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) points of the torso at fractional ring numbers ``rows``; angle 0 is the subject's left."""
    r = np.stack([np.interp(rows, np.arange(len(rings)), rings[:, k]) for k in range(6)], axis=1)[:, :, None]
    c, s = np.cos(angle), np.sin(angle)
    z = np.where(s >= 0, r[:, 2] + 0.7, -r[:, 4] - 0.7) * np.sign(s) * np.abs(s) ** 0.9 - 0.7
    y_end = np.where(s >= 0, r[:, 3], r[:, 5])
    y = r[:, 1] + (y_end - r[:, 1]) * np.abs(s) ** 1.6
    x = r[:, 0] * np.sign(c) * np.abs(c) ** 0.9
    return np.stack([x, y, z], axis=-1)


def _inset(edge: np.ndarray, by: float) -> np.ndarray:
    """The edge (n, 3) drawn in towards the axis of the neck and down, to close the gap to the skin."""
    middle = np.array([0.0, 0.0, -0.7])
    inward = (middle - edge) * [1, 0, 1]
    return edge + inward / np.linalg.norm(inward, axis=1, keepdims=True) * by - [0, 0.5 * by, 0]


def _collar(
    kind: str, edge: np.ndarray, angle: np.ndarray, colour: tuple[float, float, float], rng: np.random.Generator
) -> list[tuple[Shape, tuple[float, float, float]]]:
    """Shapes and colours of a collar along the neck opening ``edge`` (n, 3)."""
    darker = (0.85 * colour[0], 0.85 * colour[1], 0.85 * colour[2])
    if kind in ("crew", "v_neck"):
        return [(tube(edge, 0.45, sides=8, closed=True, flat=0.45), darker)]
    if kind == "turtleneck":
        rows = [
            _inset(edge, 0.1) + [0, h, 0] + (edge * [1, 0, 1]) * w
            for h, w in ((-0.8, 0.08), (0.3, 0.06), (1.2, 0.0), (2.0, -0.03), (2.1, -0.07), (1.2, -0.08))
        ]
        return [(grid(np.stack(rows), close_columns=True), darker)]
    if kind == "hoodie":
        back = smoothstep(0.75, -0.6, np.sin(angle))
        path = edge + (edge * [1, 0, 1]) * (0.03 + 0.16 * back)[:, None] + np.stack([0 * back, 0.9 * back - 0.2, -0.5 * back], 1)
        return [(tube(path, 0.6 + 1.5 * back, sides=12, closed=True, flat=0.8), colour)]
    if kind == "scarf":
        second = fabric_colour(rng)
        shapes = []
        for k in range(2):
            wave = 0.35 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.2 * np.sin(5 * angle + rng.uniform(0, 6))
            path = edge * [1.06 + 0.05 * k, 1, 1.06 + 0.05 * k] + np.stack([0 * wave, wave + 0.9 - 1.5 * k, 0 * wave], 1)
            shapes.append(tube(path, 1.25 + 0.2 * np.sin(4 * angle + k), sides=10, closed=True, flat=0.8))
        return [(join(shapes), second)]
    return [(_shirt_collar(edge, angle, rng), colour)]


def _shirt_collar(edge: np.ndarray, angle: np.ndarray, rng: np.random.Generator) -> Shape:
    """A stand and a turned-down leaf, open in front, with points."""
    gap = rng.uniform(0.10, 0.35)
    t = np.linspace(gap, 2 * np.pi - gap, 57)
    around = (t + np.pi / 2) % (2 * np.pi)
    base = np.stack([np.interp(around, np.append(angle, 2 * np.pi), np.append(edge[:, k], edge[0, k])) for k in range(3)], axis=1)
    out = (base - [0, 0, -0.7]) * [1, 0, 1]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    front = np.clip(np.cos(t), 0, 1)[:, None]
    stand = rng.uniform(1.2, 1.9)
    point = smoothstep(0.75, 1.0, np.cos(t))[:, None] * rng.uniform(1.2, 2.6)
    up = np.array([0.0, 1.0, 0.0])
    rows = [
        base - 0.3 * up - 0.2 * out,
        base + 0.6 * stand * up - 0.25 * out - 0.2 * front * up,
        base + stand * up - 0.15 * out - 0.5 * front * up,
        base + stand * up + 0.15 * out - 0.5 * front * up,
        base + (0.3 * stand) * up + 0.75 * out - 0.5 * point * up,
        base - 0.9 * up + 1.35 * out - point * up - front * 0.3 * up,
        base - 0.95 * up + 1.2 * out - point * up - front * 0.3 * up,
    ]
    return grid(np.stack(rows))


# ---- glasses -------------------------------------------------------------------------------------------------------


def make_eyewear(traits: Traits, vertices: np.ndarray, model: FaceModel) -> list[Mesh]:
    """Frame and lenses of ``traits.eyewear`` on neutral ``vertices`` (V, 3); follow the head; empty without eyewear."""
    if traits.eyewear == "none":
        return []
    rng = traits.rng("eyewear")
    at = vertices[model.landmarks].astype(np.float64)
    sun = traits.eyewear == "sunglasses"
    eyes = at[[36, 39, 42, 45]]
    center_x = float(np.abs(eyes[:, 0]).mean()) + rng.uniform(0.0, 0.2)
    center_y = float(eyes[:, 1].mean()) - rng.uniform(0.15, 0.55)
    half_width, half_height = rng.uniform(2.15, 2.6), rng.uniform(1.45, 2.1)
    half_width = min(half_width, center_x - 0.55)
    front = max(float(at[27, 2]) + 0.15, float(at[[37, 38, 43, 44], 2].max()) + 0.95)
    metal = rng.random() < 0.4
    thick = rng.uniform(0.06, 0.09) if metal else rng.uniform(0.12, 0.22)
    outline = _lens_outline(half_width, half_height, rng)
    frames: list[Shape] = []
    lenses: list[Shape] = []
    for side in (-1.0, 1.0):
        x = side * (center_x + outline[:, 0])
        points = np.stack([x, center_y + outline[:, 1], front - 0.028 * x**2], axis=1)
        frames.append(tube(points, thick, sides=8, closed=True, flat=1.0, up=(0, 0, 1)))
        lenses.append(disc(points, bulge=0.12))
        frames.append(_temple(points[np.argmax(np.abs(x) + 0.25 * outline[:, 1])], at, side, thick, metal))
    inner = center_x - half_width
    arc = np.linspace(-1, 1, 9)
    bridge = np.stack(
        [arc * (inner + thick), center_y + 0.35 * half_height + 0.28 * (1 - arc**2), front + 0.12 * (1 - arc**2)],
        axis=1,
    )
    frames.append(tube(bridge, thick * 1.15, sides=8, flat=1.0, up=(0, 0, 1)))
    frame_colour = _frame_colour(metal, rng)
    tint = float(rng.uniform(0.01, 0.04))
    kind = "sunglasses" if sun else "glasses"
    lens_colour = (tint, tint * rng.uniform(0.7, 1.0), tint * rng.uniform(0.5, 1.1)) if sun else (0.30, 0.33, 0.36)
    opacity = float(rng.uniform(0.85, 1.0)) if sun else float(rng.uniform(0.04, 0.13))
    gloss = (0.3, 90.0) if metal else (0.12, 50.0)
    return [
        Mesh(*join(frames), frame_colour, *gloss, "head", kind),
        Mesh(*join(lenses), lens_colour, 0.35, 150.0, "head", kind, opacity),
    ]


def _lens_outline(half_width: float, half_height: float, rng: np.random.Generator) -> np.ndarray:
    """(40, 2) outline of the subject's left lens: round, rectangular, aviator or winged."""
    style = rng.choice(4, p=(0.25, 0.45, 0.15, 0.15))
    power = (2.0, rng.uniform(2.8, 5.0), 2.4, 2.8)[style]
    if style == 0:
        half_height = min(half_width * rng.uniform(0.86, 1.0), 2.2)
    outline = super_ellipse(half_width, half_height, power)
    x, y = outline[:, 0] / half_width, outline[:, 1] / half_height
    if style == 2:
        outline[:, 1] -= 0.22 * half_height * (x > 0) * x * (y < 0) - 0.25 * half_height * np.clip(-x, 0, 1) * (y < 0)
    if style == 3:
        outline[:, 1] += 0.28 * half_height * np.clip(x, 0, 1) ** 2
    # Lenses narrow a little towards the nose and the cheek.
    outline[:, 0] *= 1.0 + 0.05 * y
    return outline


def _temple(hinge: np.ndarray, at: np.ndarray, side: float, thick: float, metal: bool) -> Shape:
    """From the frame's outer corner along the temple over the ear; ``at`` (68, 3) are the landmarks."""
    wide = float(np.abs(at[[0, 16], 0]).mean())
    depth, height = float(at[[0, 16], 2].mean()), float(at[[0, 16], 1].mean())
    ear = height + 1.15
    path = [
        hinge + [side * 0.02, 0, -0.02],
        hinge + [side * 0.22, 0.02, -0.35],
        [side * max(wide - 0.35, abs(hinge[0]) + 0.3), 0.6 * hinge[1] + 0.4 * ear, depth + 0.55 * (hinge[2] - depth)],
        [side * (wide + 0.3), 0.2 * hinge[1] + 0.8 * ear, depth],
        [side * (wide + 0.4), ear, depth - 3.6],
        [side * (wide + 0.2), ear - 1.1, depth - 6.0],
        [side * (wide - 0.1), ear - 3.0, depth - 7.0],
    ]
    tall = thick if metal else thick * 1.9
    return tube(smooth_path(np.array(path), 20), tall, sides=8, flat=1.0 if metal else 0.5, up=(0, 1, 0))


def _frame_colour(metal: bool, rng: np.random.Generator) -> tuple[float, float, float]:
    if metal:
        grey = rng.uniform(0.05, 0.5)
        return (grey, grey * rng.uniform(0.75, 1.0), grey * rng.uniform(0.5, 1.0))
    if rng.random() < 0.75:
        dark = rng.uniform(0.008, 0.03)
        return (dark * rng.uniform(1, 2.2), dark, dark * rng.uniform(0.5, 1.0))
    colour = fabric_colour(rng)
    return (0.5 * colour[0], 0.5 * colour[1], 0.5 * colour[2])


# ---- face mask -----------------------------------------------------------------------------------------------------

_MASK_ROWS, _MASK_COLUMNS = 22, 34


@functools.lru_cache(maxsize=2)
def _mask_plan(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skin vertices and weights of every node of the mask's grid, and the vertices that hold the straps (2, 2)."""
    skin = np.unique(model.triangles[model.material == Material.FACE])
    p = model.neutral[skin]
    azimuth, reach = np.arctan2(p[:, 0], p[:, 2] - 1.0), np.hypot(p[:, 0], p[:, 2] - 1.0)
    outer = (p[:, 2] > 2.0) & (reach > np.interp(p[:, 1], [-9, -6.5, -2, 3], [5.0, 6.8, 6.9, 7.2]))
    key = np.stack([azimuth * 9.0, p[:, 1]], axis=1)[outer]
    u, v = np.linspace(-1, 1, _MASK_COLUMNS)[None], np.linspace(0, 1, _MASK_ROWS)[:, None]
    spread = np.radians(np.interp(v, [0, 0.35, 0.75, 1], [54, 57, 52, 40]))
    top = 2.1 - 1.5 * smoothstep(0.05, 0.45, np.abs(u)) - 0.2 * np.abs(u)
    bottom = -7.7 + 3.4 * np.abs(u) ** 2.2
    want = np.stack([spread * u * 9.0, top + (bottom - top) * v], axis=-1).reshape(-1, 2)
    distance, index = cKDTree(key).query(want, k=10)
    # Among the near vertices prefer the outermost, otherwise nostrils and inner lips pull the cloth in.
    weight = np.exp(2.0 * (reach[outer][index] - reach[outer][index].max(axis=1, keepdims=True))) / (distance + 0.1)
    weight /= weight.sum(axis=1, keepdims=True)
    holds = np.array([[(s * 7.6, 4.3, 0.2), (s * 7.4, -1.4, -0.4)] for s in (-1.0, 1.0)])
    straps = cKDTree(p).query(holds)[1]
    return skin[outer][index], weight.astype(np.float32), skin[straps]


def make_face_mask(model: FaceModel, posed_vertices: np.ndarray, posed_normals: np.ndarray, rng: np.random.Generator) -> list[Mesh]:
    """A pleated mask from the nose to under the chin, with ear straps, in posed coordinates.

    Args:
        model: the geometry.
        posed_vertices, posed_normals: (V, 3) cm and unit normals of the posed face.
        rng: source of colour and pleats.
    """
    index, weight, straps = _mask_plan(model)
    points = (posed_vertices[index] * weight[..., None]).sum(axis=1).reshape(_MASK_ROWS, _MASK_COLUMNS, 3)
    normal = (posed_normals[index] * weight[..., None]).sum(axis=1).reshape(points.shape)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    points = points + 0.25 * normal
    skin = points
    for _ in range(25):
        points = _relax(points)
    normal = _facing(points, normal)
    # Cloth bridges hollows but never enters the skin: it stays before the foremost of the vertices near each node.
    near = np.einsum("nkc,nc->nk", posed_vertices[index], normal.reshape(-1, 3)).max(axis=1)
    least = np.maximum(near.reshape(points.shape[:2]) + 0.2, (skin * normal).sum(axis=-1))
    for _ in range(14):
        points = _relax(points)
        inward = np.minimum((points * normal).sum(axis=-1) - least, 0.0)
        points = points - inward[..., None] * normal
    points = _relax(_relax(points)) + 0.1 * normal
    facing = _facing(points, normal)
    v, u = np.linspace(0, 1, _MASK_ROWS)[:, None, None], np.linspace(-1, 1, _MASK_COLUMNS)[None, :, None]
    pleats = 0.13 * (1 - (v * 3.4 + 0.3) % 1.0) * smoothstep(0.12, 0.25, v) * smoothstep(0.9, 0.8, v) * (1 - u**4)
    wrinkle = 0.03 * np.sin(14 * u + rng.uniform(0, 6)) * np.sin(9 * v + rng.uniform(0, 6))
    points = points + facing * (0.12 + pleats * rng.uniform(0.4, 1.2) + wrinkle)
    colour = _MASK_COLOURS[int(rng.choice(len(_MASK_COLOURS), p=(0.45, 0.2, 0.2, 0.15)))] or fabric_colour(rng)
    meshes = [Mesh(*grid(points), colour, 0.01, 6.0, "skin", "mask")]
    for side, column in ((0, 0), (1, -1)):
        loops = [_strap(points[row, column], posed_vertices[straps[side, k]], normal[row, column]) for k, row in ((0, 1), (1, -2))]
        meshes.append(Mesh(*join(loops), (0.5, 0.5, 0.5), 0.01, 6.0, "skin", "mask"))
    return meshes


def _facing(points: np.ndarray, like: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) unit normals of a grid, on the side of ``like``."""
    normals = vertex_normals(points.reshape(-1, 3).astype(np.float32), grid(points)[1]).reshape(points.shape)
    return normals * np.sign((normals * like).sum())


_MASK_COLOURS: tuple[tuple[float, float, float] | None, ...] = (
    (0.22, 0.40, 0.50),
    (0.52, 0.53, 0.53),
    (0.02, 0.02, 0.022),
    None,
)


def _relax(points: np.ndarray) -> np.ndarray:
    """One smoothing step of a grid of points; the border is smoothed along itself, its corners stay."""
    out = points.copy()
    for edge, line in (
        (np.s_[0, 1:-1], points[0]),
        (np.s_[-1, 1:-1], points[-1]),
        (np.s_[1:-1, 0], points[:, 0]),
        (np.s_[1:-1, -1], points[:, -1]),
    ):
        out[edge] = 0.5 * line[1:-1] + 0.25 * (line[:-2] + line[2:])
    out[1:-1, 1:-1] = 0.5 * points[1:-1, 1:-1] + 0.125 * (
        points[:-2, 1:-1] + points[2:, 1:-1] + points[1:-1, :-2] + points[1:-1, 2:]
    )
    return out


def _strap(start: np.ndarray, end: np.ndarray, normal: np.ndarray) -> Shape:
    t = np.linspace(0, 1, 8)[:, None]
    path = start + (end - start) * t + normal * (0.8 * np.sin(np.pi * t))
    return tube(path, 0.10, sides=6, flat=0.6, up=(0, 1, 0.05))

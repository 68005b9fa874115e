"""Vertices of one frame: identity, sex and age, expression, lids kept outside the eyeballs, head pose."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numba import njit

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import gaussian, smoothstep
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.lips import CONTACT, lip_opening, lip_rims
from aufait.synthetic.head.own_shapes import own_shapes
from aufait.synthetic.head.person import Traits
from aufait.synthetic.head.resting import resting_face

IDENTITY_SIGMA = 0.85
"""Standard deviation of the identity modes' weights; they are clipped to +-2.2. The source samples with 1.0."""
HEAD_PIVOT = np.array([0.0, -5.0, -1.0], np.float32)

_RESTING_SHAPES = (
    *("browDown_", "browInnerUp_", "browOuterUp_", "eyeSquint_", "eyeWide_", "cheekSquint_", "mouthFrown_", "mouthSmile_"),
    *("mouthPress_", "noseSneer_", "mouthUpperUp_", "mouthShrugLower", "mouthRollLower", "mouthRollUpper"),
)


_LID_PAIRS = ((43, 47), (44, 46), (38, 40), (37, 41))
_NARROWING = ("eyeSquint", "cheekSquint", "eyeBlink", "eyeLookDown", "own_hood", "own_hoodOuter", "mouthSmile", "own_cheekBulge")
LINING_DEPTH = 0.3
"""How far the lining of the lids is set back, cm."""
TEETH_DEPTH = 0.1
"""The front teeth are at least this far behind the hindmost part of the rims of the lips, cm."""
LEAST_RESTING_APERTURE, LEAST_APERTURE = 0.42, 0.21
"""An open eye is at least this high, in cm, at rest and in expressions without AU 43; the mean face's measures 0.84."""


def identity_vertices(model: FaceModel, traits: Traits) -> np.ndarray:
    """(V, 3) float32 neutral face of a person: shape modes, then fields for sex and age, then a resting expression."""
    rng = traits.rng("shape")
    weights = np.clip(rng.standard_normal(len(model.identity_modes)) * IDENTITY_SIGMA, -2.2, 2.2).astype(np.float32)
    vertices = model.neutral + (weights @ model.identity_modes).reshape(-1, 3)
    vertices += sex_and_age_field(model, traits)
    resting = _resting_weights(traits)
    hold_lids(model, vertices, resting, least=LEAST_RESTING_APERTURE)
    vertices = _seat_teeth(model, _close_lips(model, blend_expression(model, vertices, resting)))
    vertices[_lid_lining(model), 2] -= np.float32(LINING_DEPTH)
    return vertices


def sex_and_age_field(model: FaceModel, traits: Traits) -> np.ndarray:
    """(V, 3) float32 cm: the shape modes have no label of sex or age, so these fields add their mean differences.

    Women: narrower jaw and neck, smaller nose, flatter brow ridge, fuller lips, shorter chin; men half as much the other
    way. Age: jowls, thinner lips, a lower nose tip. Judged by eye on contact sheets.
    """
    rng = traits.rng("sex and age shape")
    female = (1.0 if not traits.is_man else -0.55) * float(rng.uniform(0.7, 1.2))
    age = traits.age_fraction * float(rng.uniform(0.6, 1.3))
    x, _, z = model.neutral.T
    jaw, nose, lips, chin, ridge, jowl, cheek, neck = _ageing_regions(model)
    side = np.sign(x)
    field = np.zeros_like(model.neutral)
    field[:, 0] += female * (-0.055 * x * jaw - 0.10 * x * nose - 0.11 * x * neck) + age * 0.28 * side * jowl
    field[:, 1] += female * (0.28 * chin + 0.05 * nose) + age * (-0.30 * jowl - 0.22 * nose)
    field[:, 2] += female * (-0.24 * ridge - 0.30 * nose + 0.13 * lips - 0.10 * chin + 0.08 * cheek)
    field[:, 2] += age * (-0.16 * lips - 0.22 * cheek + 0.12 * jowl) - 0.05 * female * neck * z
    return field.astype(np.float32)


@functools.lru_cache(maxsize=2)
def _ageing_regions(model: FaceModel) -> tuple[np.ndarray, ...]:
    """(V,) float32 from 0 to 1 each: jaw, nose, lips, chin, brow ridge, jowl, cheek and neck."""
    x, y, z = model.neutral.T
    front = smoothstep(3.0, 7.0, z)
    jaw = smoothstep(0.5, -4.5, y) * smoothstep(-9.5, -6.5, y)
    nose = gaussian((x / 1.5) ** 2 + ((y - 0.3) / 1.8) ** 2, 1.0) * smoothstep(8.5, 10.5, z)
    lips = gaussian((x / 2.0) ** 4 + ((y + 3.4) / 0.9) ** 2, 1.0) * front
    chin = gaussian((x / 2.2) ** 2 + ((y + 7.0) / 1.2) ** 2, 1.0) * front
    ridge = gaussian((x / 4.0) ** 4 + ((y - 5.4) / 0.9) ** 2, 1.0) * front
    jowl = gaussian(((np.abs(x) - 4.6) / 1.5) ** 2 + ((y + 5.0) / 1.4) ** 2, 1.0) * smoothstep(1.0, 4.0, z)
    cheek = gaussian(((np.abs(x) - 4.5) / 1.6) ** 2 + ((y + 0.6) / 1.5) ** 2, 1.0) * front
    return jaw, nose, lips, chin, ridge, jowl, cheek, smoothstep(-7.5, -10.5, y)


def _resting_weights(traits: Traits) -> dict[str, float]:
    """No resting face is the average one: lasting weights that are part of the person, not of the labels."""
    rng = traits.rng("resting face")
    weights = dict(resting_face(traits).weights)
    for name in _RESTING_SHAPES:
        value = float(np.clip(rng.normal(0.0, 0.055), -0.13, 0.13))
        for full in (name + "L", name + "R") if name.endswith("_") else (name,):
            weights[full] = weights.get(full, 0.0) + value * float(rng.uniform(0.75, 1.25))
    return weights


def _close_lips(model: FaceModel, vertices: np.ndarray) -> np.ndarray:
    """Identity modes leave some mouths open; at rest the lips of everybody meet. In place; returns ``vertices``."""
    rows = lip_rims(model)[0]
    meeting, field = own_shapes(model)["own_lipsMeet"]
    strength = float(np.abs(field[:, 1]).max()) * 2.0
    for _ in range(3):
        opening = float(lip_opening(model, vertices[rows])[1:4].max())
        if opening <= CONTACT:
            break
        vertices[meeting] += field * np.float32(opening / strength)
    return vertices


def _seat_teeth(model: FaceModel, vertices: np.ndarray) -> np.ndarray:
    """Move teeth and gums back until they are behind the lips, in place; returns ``vertices``."""
    mouth, columns = _mouth_vertices(model)
    ahead = max(float(vertices[teeth, 2].max() - vertices[rims, 2].min()) for rims, teeth in columns) + TEETH_DEPTH
    if ahead > 0:
        vertices[mouth, 2] -= np.float32(ahead)
    return vertices


@functools.lru_cache(maxsize=2)
def _lid_lining(model: FaceModel) -> np.ndarray:
    """Vertices of the sockets that are not skin: the inside of the lids, which must not show through them."""
    lining = np.unique(model.triangles[model.material == Material.SOCKET])
    skin = np.unique(model.triangles[np.isin(model.material, (Material.FACE, Material.HEAD))])
    return np.setdiff1d(lining, skin)


@functools.lru_cache(maxsize=2)
def _mouth_vertices(model: FaceModel) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Vertices of teeth and gums, and column by column those of the lips' rims and of the teeth behind them."""
    rows, column, _ = lip_rims(model)
    mouth = np.unique(model.triangles[np.isin(model.material, (Material.TEETH, Material.GUMS))])
    teeth = np.unique(model.triangles[model.material == Material.TEETH])
    columns = []
    for k in range(5):
        rims = rows[column == k]
        low, high = model.neutral[rims, 0].min(), model.neutral[rims, 0].max()
        columns.append((rims, teeth[(model.neutral[teeth, 0] >= low) & (model.neutral[teeth, 0] <= high)]))
    return mouth, columns


def lid_aperture(model: FaceModel, vertices: np.ndarray) -> tuple[float, float]:
    """Height in cm of the opening of the left and right eye, mean over two places."""
    heights = [vertices[model.landmarks[[a, b]], 1] for a, b in _LID_PAIRS]
    gaps = [float(upper - lower) for upper, lower in heights]
    return (gaps[0] + gaps[1]) / 2, (gaps[2] + gaps[3]) / 2


def hold_lids(
    model: FaceModel,
    vertices: np.ndarray,
    weights: dict[str, float],
    *,
    least: float,
    closing: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Adjust the lid shapes in ``weights``, in place: only AU 43 closes an eye, and at full strength it closes any eye.

    Squinting, raised cheeks and a lowered gaze narrow a small eye as much as a large one and would shut it. Their weights
    shrink until ``least`` (cm) is left, or less as ``closing`` (AU 43 as share 0-1, left and right) grows.
    """
    moved = dict.fromkeys("LR", 0.0)
    narrowing: dict[str, dict[str, float]] = {side: {} for side in "LR"}
    table = _lid_table(model)
    for name, weight in weights.items():
        for side, change in zip("LR", table.get(name, (0.0, 0.0)), strict=True):
            moved[side] += weight * change
            if name[:-2] in _NARROWING and weight > 0:
                narrowing[side][name] = weight * change
    for side, rest, share in zip("LR", lid_aperture(model, vertices), closing, strict=True):
        aperture = rest + moved[side]
        blink = f"eyeBlink_{side}"
        if share > 0.9:
            step = table[blink]["LR".index(side)]
            weights[blink] = float(np.clip(weights.get(blink, 0.0) - (aperture + 0.12) / step, 0.0, 1.8))
            continue
        floor = min(least, 0.8 * rest) * (1.0 - share)
        total = sum(narrowing[side].values())
        if aperture < floor and total < -1e-3:
            keep = float(np.clip(1.0 + (floor - aperture) / total, 0.0, 1.0))
            for name in narrowing[side]:
                weights[name] *= keep


@functools.lru_cache(maxsize=2)
def _lid_table(model: FaceModel) -> dict[str, tuple[float, float]]:
    """Shape name -> change of the left and right aperture in cm at weight 1."""
    table = {name: lid_aperture(model, model.expression_shapes[row]) for name, row in model.expression_index.items()}
    for name, (rows, field) in own_shapes(model).items():
        moved = np.zeros((len(model.neutral), 3), np.float32)
        moved[rows] = field
        table[name] = lid_aperture(model, moved)
    return {name: change for name, change in table.items() if max(map(abs, change)) > 1e-3}


def blend_expression(model: FaceModel, vertices: np.ndarray, weights: Mapping[str, float]) -> np.ndarray:
    """``vertices`` (V, 3) plus the weighted expression shapes; a new array."""
    result = vertices.copy()
    shapes = _moving_parts(model)
    for name, weight in weights.items():
        rows, displacement = shapes[name]
        _add_rows(rows, np.float32(weight), displacement, result)
    return result


@functools.lru_cache(maxsize=2)
def _moving_parts(model: FaceModel) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of every shape, our own too, the vertices that it moves and by how much; on average a quarter of the head."""
    shapes = dict(own_shapes(model))
    for name, number in model.expression_index.items():
        rows = np.flatnonzero(model.expression_shapes[number].any(axis=1))
        shapes[name] = rows, model.expression_shapes[number][rows]
    return shapes


@njit(cache=True, nogil=True)
def _add_rows(rows, weight, displacement, out):  # type: ignore[no-untyped-def]
    """Add ``weight`` times displacement (n, 3) to the ``rows`` of ``out`` (V, 3)."""
    for i in range(len(rows)):
        for k in range(3):
            out[rows[i], k] += weight * displacement[i, k]


def push_lids_out(model: FaceModel, vertices: np.ndarray) -> np.ndarray:
    """Move lid vertices that blending left inside an eyeball onto its surface, in place; returns ``vertices``.

    The limit is the ball's radius plus 0.05 cm, and 0.14 cm more over the cornea (Gaussian, 28 degrees).
    """
    for eye in model.eyes:
        shell, rest = vertices[eye.vertices], model.neutral[eye.vertices] - eye.center
        center = (shell.min(axis=0) + shell.max(axis=0)) / 2
        radius = np.linalg.norm(shell[rest[:, 2] < 0.9] - center, axis=1).mean()
        axis = shell[rest[:, 2].argmax()] - center
        axis /= np.linalg.norm(axis)
        offset = vertices[eye.lid_vertices] - center
        distance = np.linalg.norm(offset, axis=1)
        direction = offset / distance[:, None]
        angle = np.degrees(np.arccos(np.clip(direction @ axis, -1.0, 1.0)))
        limit = radius + 0.05 + 0.14 * np.exp(-((angle / 28.0) ** 2))
        inside = (distance < limit) & (direction[:, 2] > 0.2)
        vertices[eye.lid_vertices[inside]] = center + direction[inside] * limit[inside, None]
    return vertices


def turn_eyes(model: FaceModel, vertices: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    """Turn both eyeballs of (V, 3) ``vertices`` to ``gaze`` (see ``Scene``), in place; returns ``vertices``.

    The expression shapes of the gaze move the lids only. 1 is 32 degrees aside, 24 up, 30 down.
    """
    aside, up = np.clip(gaze, -1.0, 1.0)
    angles = np.radians([-(24.0 if up > 0 else 30.0) * up, 32.0 * aside, 0.0])
    rotation = rotation_matrix(angles)
    for eye in model.eyes:
        shell = vertices[eye.vertices]
        center = (shell.min(axis=0) + shell.max(axis=0)) / 2
        vertices[eye.vertices] = (shell - center) @ rotation.T + center
    return vertices


def rotation_matrix(angles: np.ndarray) -> np.ndarray:
    """(3, 3) float32 Rz(roll) @ Ry(yaw) @ Rx(pitch) for (pitch, yaw, roll) in radians, axes of the model."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (rz @ ry @ rx).astype(np.float32)


def turn(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Rotate (..., 3) about the neck pivot."""
    return ((points - HEAD_PIVOT) @ rotation.T + HEAD_PIVOT).astype(np.float32)


def pose_head(model: FaceModel, vertices: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turn the head by ``angles`` (radians); the neck twists over y = -7.5 ... -15 and the shoulders stay."""
    turned = turn(vertices, rotation_matrix(angles))
    for step, rows in _neck_steps(model):
        turned[rows] = turn(vertices[rows], rotation_matrix(angles * (step / 16.0)))
    return turned


@functools.lru_cache(maxsize=2)
def _neck_steps(model: FaceModel) -> list[tuple[int, np.ndarray]]:
    """Sixteenths of the head's turn, and the vertices of neck and shoulders that take so much of it."""
    weight = smoothstep(-15.0, -7.5, model.neutral[:, 1])
    neck = np.flatnonzero(weight < 0.999)
    steps = np.round(weight[neck] * 16).astype(int)
    return [(int(step), neck[steps == step]) for step in np.unique(steps)]


def fit_rotation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3, 3) rotation that best maps ``source`` (n, 3) onto ``target`` (n, 3) about their means (Kabsch)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, _, vt = np.linalg.svd(b.T.astype(np.float64) @ a)
    sign = np.sign(np.linalg.det(u @ vt))
    return (u @ np.diag([1.0, 1.0, sign]) @ vt).astype(np.float32)


def occluder_proxy(model: FaceModel, cell: float = 0.8) -> np.ndarray:
    """(P, 3) int32 triangles over the full vertex list: the head coarsened by clustering neutral vertices in cells.

    Ambient visibility is smooth, so depth maps of this proxy (about a tenth of the triangles) serve it as well.
    """
    solid = np.isin(model.material, (Material.FACE, Material.HEAD, Material.SOCKET, Material.EYE_LEFT, Material.EYE_RIGHT))
    triangles = model.triangles[solid]
    keys = np.floor(model.neutral / cell).astype(np.int64)
    _, first, cluster = np.unique(keys @ np.array([1, 4096, 4096**2]), return_index=True, return_inverse=True)
    merged = first[cluster.ravel()[triangles]]
    distinct = (merged[:, 0] != merged[:, 1]) & (merged[:, 1] != merged[:, 2]) & (merged[:, 0] != merged[:, 2])
    return np.ascontiguousarray(np.unique(merged[distinct], axis=0), np.int32)

"""Objects in front of a face: a hand, a cup, a phone, a microphone, a card. All in posed coordinates."""

from __future__ import annotations

import numpy as np

from aufait.synthetic.drawing.primitives import Mesh
from aufait.synthetic.looks.props_shapes import Shape, fabric_colour, grid, join, rounded_box, tube, unit

HAND_PLACES = ("cheek", "chin", "mouth", "forehead", "eye")
HAND_POSES = ("flat", "relaxed", "pointing", "fist")
OBJECTS = ("cup", "phone", "microphone", "card")

# Across (thumb side positive) and along the hand: where the fingers start, how long and how thick they are, in cm.
_FINGERS = ((2.95, 8.7, 7.0, 0.80), (1.0, 9.2, 7.8, 0.84), (-0.95, 9.0, 7.3, 0.80), (-2.75, 8.2, 5.8, 0.70))
_CURL = {"flat": (4, 6, 4), "relaxed": (18, 30, 20), "fist": (70, 88, 50)}


def make_hand(
    rng: np.random.Generator,
    landmarks: np.ndarray,
    skin_colour: tuple[float, float, float] = (0.42, 0.25, 0.17),
    *,
    place: str | None = None,
    pose: str | None = None,
) -> list[Mesh]:
    """A hand with forearm that touches the face.

    Args:
        rng: source of every choice.
        landmarks: (68, 3) posed, cm.
        skin_colour: linear RGB.
        place: one of ``HAND_PLACES``; drawn when None.
        pose: one of ``HAND_POSES``; drawn when None.
    """
    place = place or str(rng.choice(HAND_PLACES, p=(0.32, 0.26, 0.24, 0.06, 0.12)))
    pose = pose or str(rng.choice(HAND_POSES, p=(0.3, 0.4, 0.15, 0.15)))
    side = float(rng.choice([-1.0, 1.0]))
    skin, nails = _hand_shape(rng, pose)
    scale = rng.uniform(0.9, 1.06)
    axes, touch, local = _placement(rng, landmarks, place, pose, side)
    mirror = np.array([side, 1.0, 1.0])
    flip = 1.0 if rng.random() < 0.75 else -1.0  # now and then the back of the hand is on the face

    def put(vertices: np.ndarray) -> np.ndarray:
        v = (vertices - local) * mirror * scale
        v[:, 2] = v[:, 2] * flip
        return (v @ axes + touch).astype(np.float32)

    colour = (float(skin_colour[0]), float(skin_colour[1]), float(skin_colour[2]))
    meshes = [Mesh(put(skin[0]), skin[1], colour, 0.03, 14.0, "skin", "hand")]
    nail = tuple(float(min(0.9, 1.18 * c + 0.03)) for c in colour) if rng.random() < 0.75 else fabric_colour(rng)
    meshes.append(Mesh(put(nails[0]), nails[1], (nail[0], nail[1], nail[2]), 0.12, 60.0, "skin", "hand"))
    if rng.random() < 0.7:
        sleeve = tube(_arm_path()[2:], np.array([3.4, 3.9, 4.3, 4.8]), sides=16, flat=1.15, up=(0, 0, 1))
        meshes.append(Mesh(put(sleeve[0]), sleeve[1], fabric_colour(rng), 0.01, 8.0, "skin", "hand"))
    return meshes


def _arm_path() -> np.ndarray:
    return np.array([(0, 1.2, 0), (0, -1.5, -0.05), (0, -5, -0.1), (0.1, -9, -0.2), (0.2, -14, -0.3), (0.3, -22, -0.4)])


def _hand_shape(rng: np.random.Generator, pose: str) -> tuple[Shape, Shape]:
    """Skin and nails in the hand's own frame: x to the thumb, y to the finger tips, z out of the palm."""
    palm = rounded_box((3.75, 4.9, 1.25), 3.2, rows=15, columns=28)
    p = palm[0] + [0, 4.6, 0]
    p[:, 0] *= 0.80 + 0.24 * np.clip(p[:, 1] / 8.0, 0, 1)
    ball = rounded_box((1.5, 2.6, 1.3), 2.2, rows=9, columns=14)
    shapes: list[Shape] = [(p.astype(np.float32), palm[1]), ((ball[0] + [2.3, 3.4, 0.55]).astype(np.float32), ball[1])]
    nails: list[Shape] = []
    spread = rng.uniform(-1.0, 5.0)
    for k, (x, y, length, radius) in enumerate(_FINGERS):
        straight = pose == "pointing" and k == 0
        curl = np.array(_CURL["flat"] if straight else _CURL["fist" if pose == "pointing" else pose], float)
        curl = np.radians(curl * rng.uniform(0.75, 1.2, 3) + rng.normal(0, 3, 3))
        lean = np.radians(spread * (1.2, 0.3, -0.6, -1.8)[k] + rng.normal(0, 1.5))
        path, tip_axes = _finger_path(np.array([x, y - 0.9, -0.1]), lean, curl, length + 0.9)
        radii = radius * np.interp(
            np.linspace(0, 1, len(path)), [0, 0.2, 0.42, 0.55, 0.72, 0.82, 1], [1.08, 1.0, 1.06, 0.93, 0.97, 0.86, 0.78]
        )
        shapes.append(tube(path, radii, sides=10, up=(1.0, 0.0, 0.0), round_ends=True))
        nails.append(_nail(path[-1], tip_axes, radii[-1]))
    curl = np.radians(np.array([12.0, 18.0, 12.0]) * rng.uniform(0.6, 1.5) + (18 if pose == "fist" else 0))
    path, tip_axes = _finger_path(np.array([2.3, 2.6, 0.5]), np.radians(rng.uniform(28, 48)), curl, 7.4)
    radii = 1.02 * np.interp(np.linspace(0, 1, len(path)), [0, 0.4, 0.6, 0.85, 1], [1.25, 1.0, 1.0, 0.9, 0.78])
    shapes.append(tube(path, radii, sides=10, up=(1.0, -0.6, 0.0), round_ends=True))
    nails.append(_nail(path[-1], tip_axes, radii[-1]))
    shapes.append(tube(_arm_path(), np.array([2.2, 2.35, 2.6, 3.1, 3.6, 4.0]), sides=16, flat=1.0, up=(1.0, 0.0, 0.0)))
    arm = shapes[-1][0]
    arm[:, 2] *= 0.8
    return join(shapes), join(nails)


def _finger_path(base: np.ndarray, lean: float, curl: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """(10, 3) centre line of three bent phalanges, and the axes (3, 3) of the tip: across, forward, palmward."""
    shares = np.array([0.48, 0.30, 0.22]) * length
    bend = np.cumsum(curl)
    joints = [base]
    for share, angle in zip(shares, bend, strict=True):
        step = np.array([np.sin(lean) * np.cos(angle), np.cos(lean) * np.cos(angle), np.sin(angle)])
        joints.append(joints[-1] + share * step)
    path = np.asarray(joints)
    # Rounded knuckles: denser points, averaged once.
    t = np.linspace(0, 3, 10)
    dense = np.stack([np.interp(t, np.arange(4), path[:, c]) for c in range(3)], axis=1)
    dense[1:-1] = 0.25 * dense[:-2] + 0.5 * dense[1:-1] + 0.25 * dense[2:]
    forward = unit(dense[-1] - dense[-2])
    across = unit(np.array([np.cos(lean), -np.sin(lean), 0.0]))
    return dense, np.stack([across, forward, np.cross(across, forward)])


def _nail(tip: np.ndarray, axes: np.ndarray, radius: float) -> Shape:
    """A curved plate on the back of a finger tip."""
    u, v = np.meshgrid(np.linspace(-0.85, 0.85, 5), np.linspace(-0.75, 0.75, 5), indexing="ij")
    width = 0.95 * np.sqrt(np.clip(1.1 - 0.5 * np.abs(v) ** 3, 0, 1))
    local = np.stack([np.sin(u) * width, v, -np.cos(u) * 1.0 - 0.03], axis=-1) * radius
    local[..., 2] += 0.25 * radius * np.clip(v, 0, 1) ** 2
    return grid(tip + local @ axes)


def _placement(
    rng: np.random.Generator, landmarks: np.ndarray, place: str, pose: str, side: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of world axes of the hand's frame, the point of the face it touches, and the hand's point that touches."""
    at = landmarks.astype(np.float64)
    across = unit(at[16] - at[0])
    up = unit(at[27] - at[8])
    out = unit(np.cross(across, up))
    s = side
    cheek, eye = (at[[13, 54, 35]], at[42:48]) if s > 0 else (at[[3, 48, 31]], at[36:42])
    target, normal, tilt = {
        "cheek": (cheek.mean(axis=0) + 0.6 * out + 1.2 * s * across, out + 0.75 * s * across, rng.normal(-6, 12)),
        "chin": (at[8] + 0.3 * out - 0.3 * up, out - 0.25 * up, rng.normal(14, 14)),
        "mouth": (at[[51, 57]].mean(axis=0) + 0.6 * out, out, rng.normal(28, 16)),
        "forehead": (at[[19, 24]].mean(axis=0) + 2.2 * up + 1.5 * s * across, out + 0.2 * up, rng.normal(26, 10)),
        "eye": (eye.mean(axis=0) + 1.6 * out, out + 0.25 * s * across, rng.normal(12, 12)),
    }[place]
    angle = np.radians(np.clip(tilt, -35, 65))
    along = unit(np.cos(angle) * up - np.sin(angle) * s * across - 0.12 * out)
    palm = -unit(normal)
    palm = unit(palm - along * (palm @ along))
    thumb = np.cross(along, palm) * s
    reach = {"flat": 10.5, "relaxed": 12.0, "pointing": 16.0, "fist": 8.5}[pose] + rng.uniform(-1.5, 1.5)
    depth = {"flat": 0.95, "relaxed": 2.2, "pointing": 1.2, "fist": 3.4}[pose]
    x_sign = np.sign(np.dot(thumb, np.cross(along, palm))) or 1.0
    axes = np.stack([thumb * x_sign, along, palm])
    return axes, target + 0.15 * out, np.array([0.0, reach, depth])


def make_object(rng: np.random.Generator, landmarks: np.ndarray, kind: str | None = None) -> list[Mesh]:
    """A cup, phone, microphone or card before the lower face.

    Args:
        rng: source of every choice.
        landmarks: (68, 3) posed, cm.
        kind: one of ``OBJECTS``; drawn when None.
    """
    kind = kind or str(rng.choice(OBJECTS))
    at = landmarks.astype(np.float64)
    across, up = unit(at[16] - at[0]), unit(at[27] - at[8])
    out = unit(np.cross(across, up))
    mouth = at[[51, 57]].mean(axis=0)
    roll = rng.normal(0, 0.25)
    x, y = np.cos(roll) * across + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * across
    # Flat objects stay in front of the tip of the nose.
    gap = out * (rng.uniform(0.6, 2.5) + (max((at[30] - mouth) @ out, 0.0) if kind != "cup" else 0.0))
    if kind == "microphone":
        lean = unit(-up + 0.55 * rng.normal() * across + rng.uniform(0.5, 1.4) * out)
        return _microphone(rng, mouth + out * rng.uniform(2.2, 5.0) - up * rng.uniform(0.5, 3.0), lean, across)
    build = {"cup": _cup, "phone": _phone, "card": _card}[kind]
    place = mouth + gap + across * rng.normal(0, 1.5) + up * rng.uniform(-4.5, -0.5)
    meshes = []
    for shape, colour, specular, exponent in build(rng):
        vertices = place + shape[0] @ np.stack([x, y, out])
        meshes.append(Mesh(vertices.astype(np.float32), shape[1], colour, specular, exponent, "skin", "object"))
    return meshes


_Part = tuple[Shape, tuple[float, float, float], float, float]


def _cup(rng: np.random.Generator) -> list[_Part]:
    height, radius, flare = rng.uniform(6.5, 10.5), rng.uniform(3.2, 4.4), rng.uniform(0.78, 1.0)
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    profile = [
        (0.01, -0.5),
        (flare * 0.97, -0.5),
        (flare, -0.47),
        (0.5 * (1 + flare), 0),
        (1.0, 0.5),
        (0.94, 0.49),
        (0.9, 0.0),
        (0.01, -0.4),
    ]
    rows = [
        np.stack([r * radius * np.cos(angle), np.full(36, h * height), r * radius * np.sin(angle) + radius], 1) for r, h in profile
    ]
    shapes = [grid(np.stack(rows), close_columns=True)]
    if rng.random() < 0.6:
        t = np.linspace(-1.25, 1.25, 12)
        side = rng.choice([-1.0, 1.0])
        path = np.stack([side * (radius * 0.86 + 2.6 * np.cos(t)), 0.3 * height * np.sin(t), np.full(12, radius)], axis=1)
        shapes.append(tube(path, 0.42, sides=8, up=(0, 0, 1)))
    return [(join(shapes), fabric_colour(rng), 0.18, 60.0)]


def _phone(rng: np.random.Generator) -> list[_Part]:
    body = rounded_box((3.6, 7.4, 0.4), 9.0)
    lens = rounded_box((1.1, 1.2, 0.15), 5.0, rows=7, columns=12)
    lens = ((lens[0] + [-1.9, 5.4, 0.42]).astype(np.float32), lens[1])
    return [(body, fabric_colour(rng), 0.2, 80.0), (lens, (0.02, 0.02, 0.025), 0.3, 120.0)]


def _card(rng: np.random.Generator) -> list[_Part]:
    half = (rng.uniform(4.0, 9.0), rng.uniform(2.8, 6.5), 0.06)
    return [(rounded_box(half, 14.0), fabric_colour(rng), 0.05, 20.0)]


def _microphone(rng: np.random.Generator, tip: np.ndarray, lean: np.ndarray, up: np.ndarray) -> list[Mesh]:
    head = tip[None] + lean * np.array([0.0, 1.2, 2.6])[:, None]
    ball = tube(head, np.array([2.1, 2.45, 2.2]), sides=18, up=tuple(up), round_ends=True)
    handle = tube(
        tip[None] + lean * np.array([3.6, 5.0, 16.0, 20.0])[:, None],
        np.array([2.1, 1.75, 1.3, 1.25]),
        sides=14,
        up=tuple(up),
    )
    grey = rng.uniform(0.03, 0.3)
    dark = float(rng.uniform(0.01, 0.05))
    return [
        Mesh(*ball, (grey, grey, grey), 0.12, 25.0, "skin", "object"),
        Mesh(*handle, (dark, dark, dark), 0.12, 40.0, "skin", "object"),
    ]

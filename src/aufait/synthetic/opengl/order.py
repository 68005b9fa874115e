"""What is to be drawn: everything about one frame that the graphics card is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.synthetic.drawing.camera import View
from aufait.synthetic.drawing.lighting import AMBIENT_BASES, AMBIENT_DIRECTIONS, Lighting
from aufait.synthetic.drawing.primitives import Mesh, Strands, Triangles
from aufait.synthetic.drawing.sensor import Film
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.looks.textures import SkinTextures
from aufait.synthetic.opengl.device import MOST_DIRECTIONS

_ROOM = (10.0, 30.0)
"""cm that hair and lenses may be before and behind all triangles."""


@dataclass(frozen=True, eq=False)
class Order:
    """One frame.

    Attributes:
        model, skin: of the person.
        strands: hair that shows, and ``lashes`` as ``draw_all_strands`` has them.
        drawing: all opaque triangles.
        lenses: translucent meshes.
        wrinkles: (L,) amounts of the wrinkle layers.
        eyes: table of the eyeballs and their rotations, see ``shading.Looks``.
        head: (3, 3) rotation of the head.
        head_center: (3,) cm.
        view, light: camera and light.
        backdrop: (S, S, 3) what is behind.
        film: what the sensor does.
        spread: cm by which red and green light spread under the skin.
        size: side of the picture in pixels.
    """

    model: FaceModel
    skin: SkinTextures
    strands: Sequence[Strands]
    lashes: tuple[np.ndarray, float, tuple[float, float, float]]
    drawing: Triangles
    lenses: Sequence[Mesh]
    wrinkles: np.ndarray
    eyes: tuple[np.ndarray, np.ndarray]
    head: np.ndarray
    head_center: np.ndarray
    view: View
    light: Lighting
    backdrop: np.ndarray
    film: Film
    spread: tuple[float, float]
    size: int


def constants(order: Order) -> np.ndarray:
    """(n, 4) float32: the block ``Frame`` of ``common.glsl``, row by row."""
    view, light, sensor = order.view, order.light, order.film.sensor
    distance = view.eye[2] - order.drawing.vertices[:, 2]
    nearest, farthest = max(float(distance.min()) - _ROOM[0], 0.5), float(distance.max()) + _ROOM[1]
    base = 0.05 * light.ambient_gain * light.ambient_colour
    table, rotations = order.eyes
    blur = [max(cm * view.pixels_per_cm, 1e-3) for cm in order.spread]
    rows = [
        [(*view.eye, view.focal), (view.resolution, order.size, nearest, farthest)],
        [(*light.direction, light.softness), (*light.colour, order.skin.gloss)],
        _wide(light.basis),
        [(*base, len(AMBIENT_DIRECTIONS)), (*order.head_center, 0)],
        _wide(order.head),
        table.reshape(6, 4),
        _wide(rotations.reshape(6, 3)),
        [(order.film.target * sensor.exposure, sensor.shot_noise, sensor.read_noise, sensor.contrast)],
        [(*sensor.balance, sensor.saturation), (*blur, 0, 0)],
        _wide(AMBIENT_DIRECTIONS, MOST_DIRECTIONS),
        _wide(np.stack([light.from_direction(direction) for direction in AMBIENT_DIRECTIONS]), MOST_DIRECTIONS),
        _wide(np.concatenate(AMBIENT_BASES), 3 * MOST_DIRECTIONS),
    ]
    return np.concatenate([np.asarray(block, np.float32) for block in rows])


def _wide(rows: np.ndarray, count: int | None = None) -> np.ndarray:
    """Rows of three numbers as rows of four, ``count`` of them."""
    out = np.zeros((count or len(rows), 4), np.float32)
    out[: len(rows), :3] = rows
    return out


def packed_triangles(drawing: Triangles) -> np.ndarray:
    """(T, 4) int32: corners; material, whether it is hidden from behind, and part in one number."""
    out = np.empty((len(drawing.triangles), 4), np.int32)
    out[:, :3] = drawing.triangles
    out[:, 3] = drawing.material | drawing.cull.astype(np.int32) << 16 | drawing.parts.astype(np.int32) << 20
    return out

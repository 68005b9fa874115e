"""Shapes that ICT-FaceKit lacks, as smooth fields over the neutral face.

Paired shapes (``_L``, ``_R``) act on one half of the face. Some serve action units, some describe how people look at rest
(brows that sit low, hooded lids, thin lips), and ``lipsMeet`` serves both: it brings the rims of the lips together or, with a
negative weight, a little apart.
"""

from __future__ import annotations

import functools

import numpy as np

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import gaussian, smoothstep
from aufait.synthetic.head.assets import FaceModel


@functools.lru_cache(maxsize=2)
def own_shapes(model: FaceModel) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Shapes built here: name -> (vertex rows (n,), displacement (n, 3) float32 cm at weight 1), skin only.

    Each is a smooth field over neutral positions; eyeballs and their sockets, teeth and gums never move with it.
    """
    skin = np.zeros(len(model.neutral), bool)
    skin[np.unique(model.triangles[np.isin(model.material, (Material.FACE, Material.HEAD))])] = True
    # 1 on what the jaw leaves in place, the upper lip among it; 0 on the lower lip.
    upper = smoothstep(-2.2, -0.5, model.expression_shapes[model.expression_index["jawOpen"]][:, 1])
    shapes = {**_paired_fields(model.neutral, upper), **_midline_fields(model.neutral, upper)}
    result = {}
    for name, field in shapes.items():
        rows = np.flatnonzero(skin & (np.abs(field).max(axis=1) > 2e-3))
        result[f"own_{name}"] = (rows, field[rows].astype(np.float32))
    return result


def _paired_fields(p: np.ndarray, upper_lip: np.ndarray) -> dict[str, np.ndarray]:
    x, y, z = p.T
    fields: dict[str, np.ndarray] = {}
    for side, s in (("L", 1.0), ("R", -1.0)):
        half = smoothstep(-0.5, 0.5, s * x)
        front = smoothstep(2.0, 5.0, z) * half

        def blob(cx: float, cy: float, rx: float, ry: float, s: float = s, front: np.ndarray = front) -> np.ndarray:
            return gaussian(((x - s * cx) / rx) ** 2 + ((y - cy) / ry) ** 2, 1.0) * front

        def push(where: np.ndarray, dx: float, dy: float, dz: float, s: float = s) -> np.ndarray:
            return where[:, None] * np.array([dx * s, dy, dz], np.float32)

        corner = blob(2.6, -3.55, 0.95, 0.75)
        # Brows move as a band, all of it or one end; the skin follows less and less towards lid and forehead.
        band = gaussian(((y - 5.4) / 0.85) ** 2, 1.0) * smoothstep(0.2, 1.4, s * x) * smoothstep(7.2, 5.6, s * x) * front
        fields |= {
            f"cheekBulge_{side}": push(blob(4.0, 0.7, 1.5, 0.95), 0.10, 0.22, 0.42),
            f"cornerTuck_{side}": push(corner, 0.20, 0.10, -0.34),
            f"cornerDown_{side}": push(corner, 0.06, -0.42, -0.02),
            f"cornerBack_{side}": push(corner, 0.30, 0.0, -0.16),
            f"browsTogether_{side}": push(blob(1.5, 5.3, 1.1, 0.9), -0.24, -0.14, 0.08),
            f"browBulge_{side}": push(blob(1.15, 5.35, 0.55, 0.6), -0.05, 0.0, 0.16),
            f"browLow_{side}": push(band, 0.0, -0.42, 0.04),
            f"browInnerLow_{side}": push(blob(1.7, 5.5, 1.0, 0.8), 0.0, -0.38, 0.03),
            f"browOuterLow_{side}": push(blob(4.9, 5.3, 1.1, 0.8), 0.0, -0.38, 0.03),
            f"browRidge_{side}": push(band, 0.0, -0.08, 0.26),
            f"hood_{side}": push(blob(3.4, 4.6, 1.6, 0.38), 0.03, -0.42, 0.13),
            f"hoodOuter_{side}": push(blob(4.4, 4.2, 0.75, 0.45), 0.05, -0.42, 0.10),
            f"alaUp_{side}": push(blob(1.35, -0.75, 0.75, 0.6) + 0.6 * blob(0.95, 1.0, 0.8, 1.2), 0.04, 0.34, 0.05),
            f"upperLipDown_{side}": push(upper_lip * blob(1.1, -2.95, 1.6, 0.75), 0.0, -0.5, 0.0),
            f"upperLipUp_{side}": push(upper_lip * blob(0.9, -2.8, 0.8, 0.7), 0.02, 0.30, 0.04),
            f"nasolabialFull_{side}": push(blob(2.9, -0.6, 0.8, 1.2), 0.0, 0.0, 0.20),
        }
    return fields


def _midline_fields(p: np.ndarray, upper_lip: np.ndarray) -> dict[str, np.ndarray]:
    x, y, z = p.T
    front = smoothstep(5.0, 8.0, z)
    lips = gaussian((x / 2.3) ** 4 + ((y + 3.4) / 1.05) ** 2, 1.0) * front
    chin = gaussian((x / 1.7) ** 2 + ((y + 5.9) / 1.0) ** 2, 1.0) * front
    upper = gaussian(((y + 2.75) / 0.42) ** 2 + (x / 1.9) ** 4, 1.0) * front
    lower = gaussian(((y + 4.05) / 0.45) ** 2 + (x / 1.7) ** 4, 1.0) * front
    rims = gaussian(((y + 3.36) / 0.42) ** 2 + (x / 1.75) ** 4, 1.0) * smoothstep(8.5, 10.5, z)
    upper_edge = gaussian(((y + 2.5) / 0.36) ** 2 + (x / 1.9) ** 4, 1.0) * front
    lower_edge = gaussian(((y + 4.35) / 0.40) ** 2 + (x / 1.6) ** 4, 1.0) * front
    zero = np.zeros_like(x)
    return {
        "lipsTight": np.stack([-0.13 * x * lips, (-0.17 * upper + 0.19 * lower), 0.10 * lips], axis=1),
        "lipsFlat": np.stack([0.03 * x * lips, (-0.20 * upper + 0.24 * lower), -0.16 * lips], axis=1),
        "lipsFull": np.stack([zero, 0.20 * upper_edge - 0.22 * lower_edge, 0.14 * lips], axis=1),
        "lipsMeet": np.stack([zero, (0.5 - upper_lip) * rims, zero], axis=1),
        "chinUp": np.stack([zero, 0.34 * chin, 0.16 * chin], axis=1),
    }

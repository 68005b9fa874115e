"""Lenses of glasses: translucent meshes over the picture."""

from __future__ import annotations

import numpy as np

from aufait.synthetic.drawing import kernels
from aufait.synthetic.drawing.camera import View
from aufait.synthetic.drawing.lighting import Lighting
from aufait.synthetic.drawing.primitives import Mesh, outward_normals

DARK = 0.6
"""Lenses more opaque than this hide what is behind them."""


def draw_lens(picture: np.ndarray, depth: np.ndarray, lens: Mesh, view: View, light: Lighting, ambient: np.ndarray) -> None:
    """Blend a translucent mesh over what is behind it, with a plain glare towards the light."""
    near, index, bary = view.buffers()
    cull = np.zeros(len(lens.triangles), np.uint8)
    kernels.rasterize(view.project(lens.vertices), lens.triangles.astype(np.int32), cull, near, index, bary)
    front = (index >= 0) & (near < depth)
    if not front.any():
        return
    normals = outward_normals(lens)[lens.triangles[index[front]]].mean(axis=1)
    half = light.direction + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    shine = lens.specular * np.abs(normals @ half)[:, None] ** lens.exponent * light.colour
    glow = np.asarray(lens.colour, np.float32) * (ambient + 0.3 * light.colour) + shine + 0.04 * ambient
    picture[front] = picture[front] * np.float32(1 - lens.opacity) + np.float32(lens.opacity) * glow
    if lens.opacity > DARK:
        depth[front] = near[front]

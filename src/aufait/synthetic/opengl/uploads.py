"""What is sent to the graphics card once: the face model's tables, a person's textures and hair."""

from __future__ import annotations

import numpy as np

from aufait.synthetic.assembly import mouth_depth
from aufait.synthetic.drawing.primitives import Strands
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.looks.textures import SkinTextures
from aufait.synthetic.looks.wrinkle_maps import wrinkle_maps
from aufait.synthetic.opengl.device import Device


class ModelOnDevice:
    """Tables of the face model: they are the same for all persons."""

    def __init__(self, device: Device, model: FaceModel) -> None:
        self.model = model
        inside, share = mouth_depth(model)
        maps = wrinkle_maps(model)
        places = np.column_stack([maps.boxes, maps.starts]).astype(np.int32)
        layers = np.zeros((len(maps.height) + len(maps.height) % 2, 2), np.float32)
        layers[: len(maps.height)] = np.column_stack([maps.height, maps.cavity])
        self.texture_places = device.store(model.triangle_uv.astype(np.float32))
        self.neutral = device.store(model.neutral)
        self.landmarks, self.inside = len(model.landmarks), len(inside)
        self.light_rows = device.store(np.concatenate([model.landmarks, inside]).astype(np.int32))
        self.light_share = device.store(np.column_stack([share, np.zeros(len(share))]).astype(np.float32))
        self.layer_places, self.layer_texels = places, device.store(layers)


class HairOnDevice:
    """One sort of a person's hair; ``points`` is filled frame by frame."""

    def __init__(self, device: Device, strands: Strands, model: FaceModel) -> None:
        self.strands = strands
        count, points = strands.offsets.shape[:2]
        self.count = count * points
        self.corners = device.store(model.triangles[strands.root_triangle].astype(np.int32))
        lines = np.zeros((count * (1 + points), 4), np.float32)
        lines[:count, :3] = strands.root_barycentric
        lines[count:, :3] = strands.offsets.reshape(-1, 3)
        self.weights_and_offsets = device.store(lines)
        self.colours = device.store(four(strands.colour))
        self.points = device.context.buffer(reserve=max(count * points * 16, 16))


class PersonOnDevice:
    """A person's skin, and the hair as it is first needed."""

    def __init__(self, device: Device, skin: SkinTextures, model: FaceModel) -> None:
        self.skin, self._device, self._model = skin, device, model
        self.face, self.head = device.texture(skin.face), device.texture(skin.head)
        self.rest = device.texture(np.dstack([skin.bump, skin.static_cavity]))
        self._hair: dict[int, HairOnDevice] = {}

    def hair(self, strands: Strands) -> HairOnDevice:
        """The strands on the device."""
        known = self._hair.get(id(strands))
        if known is None or known.strands is not strands:
            known = self._hair[id(strands)] = HairOnDevice(self._device, strands, self._model)
        return known


def four(colours: np.ndarray) -> np.ndarray:
    """(n, 3) as (n, 4) float32."""
    out = np.zeros((len(colours), 4), np.float32)
    out[:, :3] = colours
    return out

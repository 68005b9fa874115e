"""Faces as the mesh finder gives them, drawn and random."""

from __future__ import annotations

import numpy as np
import torch
from conftest import draw_landmarks

from aufait.faces.face import Face, MeshFeatures


def made_face(place: tuple[float, float], seed: int, *, features: bool = True) -> Face:
    rng = np.random.default_rng(seed)
    maps = MeshFeatures(np.eye(2, 3), torch.randn(128, 16, 16), torch.randn(128, 8, 8)) if features else None
    return Face(
        box=np.zeros(4, np.float32),
        confidence=1.0,
        landmarks=draw_landmarks(place),
        blendshapes=rng.random(52).astype(np.float32),
        features=maps,
    )

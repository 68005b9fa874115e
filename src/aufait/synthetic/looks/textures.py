"""What the renderer is given of one person's skin, mouth and eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SkinTextures:
    """What the renderer needs to shade one person's skin, mouth and eyes. Colours are linear reflectances.

    Attributes:
        face: (512, 512, 4) float32 albedo and strength of the highlight over the face part.
        head: (256, 256, 4) float32, the same over the head part.
        bump: (512, 512) float32 height in cm: pores, lip lines, what age has drawn.
        static_cavity: (512, 512) float32, darkening of the folds that age has drawn, 0-1.2.
        lip_mask: (512, 512) float32, 1 on the lips.
        gum, tongue, teeth, iris, sclera: (3,) float32.
        iris_radius: cm.
        gloss: factor on every skin highlight.
    """

    face: np.ndarray
    head: np.ndarray
    bump: np.ndarray
    static_cavity: np.ndarray
    lip_mask: np.ndarray
    gum: np.ndarray
    tongue: np.ndarray
    teeth: np.ndarray
    iris: np.ndarray
    sclera: np.ndarray
    iris_radius: float
    gloss: float

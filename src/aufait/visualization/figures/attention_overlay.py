"""Attention over faces: a map in [0, 1], enlarged smoothly, coloured, and laid over the network's window of the face.

As ARL's figures 1 and 4 to 8 show it, and its released program renders it: colours "jet" over [0, 1], bicubic enlargement, the
map with weight 0.4. "perceptual" is a colour map whose lightness follows the value, better for print and colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from aufait.errors import InputError
from aufait.visualization.figures.figure import colour_map
from aufait.visualization.figures.picture_grid import Scale, picture_grid

WEIGHT = 0.4
"""Weight of the map where it is laid over the face (ARL's released program)."""


def attention_overlay(face: np.ndarray, attention: np.ndarray, *, colours: str = "jet", weight: float = WEIGHT) -> np.ndarray:
    """Lay a map over a face.

    Args:
        face: (H, W, 3) uint8 RGB.
        attention: (h, w) in [0, 1]; clipped.
        colours: "jet" or "perceptual".
        weight: of the coloured map, in [0, 1]; the face has the rest.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: wrong shapes, or a map that is not finite.
        MissingExtraError: matplotlib is not installed.
    """
    face, attention = np.asarray(face), np.asarray(attention, np.float32)
    if face.ndim != 3 or face.shape[2] != 3 or face.dtype != np.uint8:
        raise InputError(f"a face must be (H, W, 3) uint8, got {face.shape} {face.dtype}")
    if attention.ndim != 2 or not np.isfinite(attention).all():
        raise InputError(f"an attention map must be (h, w) of finite numbers, got shape {attention.shape}")
    large = enlarge(attention, face.shape[:2])
    coloured = colour_map(colours)(np.clip(large, 0, 1))[..., :3]
    mixed = weight * 255 * coloured + (1 - weight) * face
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def enlarge(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) -> (H, W) float32 of ``size``, bicubic."""
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32), mode="F")
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def attention_figure(
    faces: Sequence[np.ndarray],
    attention: Sequence[np.ndarray],
    action_units: Sequence[int],
    *,
    title: str,
    subtitle: str = "",
    note: str = "",
    rows: Sequence[str] = (),
    colours: str = "jet",
    synthetic: bool = False,
) -> bytes:
    """One row per face: the face, then its attention for each action unit.

    Args:
        faces: F faces (H, W, 3) uint8; one may come twice, with maps of different networks.
        attention: F arrays (A, h, w) in [0, 1].
        action_units: A numbers.
        rows: F headings.

    Returns:
        PNG.
    """
    pictures = [
        [face, *(attention_overlay(face, one, colours=colours) for one in maps)]
        for face, maps in zip(faces, attention, strict=True)
    ]
    return picture_grid(
        pictures,
        title=title,
        subtitle=subtitle,
        note=note,
        columns=["face", *(f"AU{unit}" for unit in action_units)],
        rows=rows,
        scale=Scale(colours=colours, low="0", high="1", label="attention"),
        cell=0.92 if len(action_units) > 8 else 1.05,
        synthetic=synthetic,
    )

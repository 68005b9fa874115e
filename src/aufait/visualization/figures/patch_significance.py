"""Which patches of the face matter to each action unit, as coloured points on it (Deep Regions figure 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aufait.errors import InputError
from aufait.visualization.figures.figure import colour_map
from aufait.visualization.figures.picture_grid import Scale, picture_grid

_COLUMNS = 6
_SIDE = 440
_MARGIN = 0.16
"""Room around the outermost landmarks, as a share of their extent."""


def patch_ranks(effect: np.ndarray) -> np.ndarray:
    """(A, P) effects -> (A, P) ranks in [0, 1] per action unit: 1 the most significant patch, 0 the least; equals share one."""
    effect = np.asarray(effect, np.float64)
    below = (effect[:, None, :] < effect[:, :, None]).sum(-1)
    above = (effect[:, None, :] > effect[:, :, None]).sum(-1)
    return np.full_like(effect, 0.5) if effect.shape[1] < 2 else (1 + (below - above) / (effect.shape[1] - 1)) / 2


def significance_figure(
    face: np.ndarray,
    points: np.ndarray,
    effect: np.ndarray,
    action_units: Sequence[int],
    *,
    title: str,
    subtitle: str = "",
    note: str = "",
    colours: str = "jet",
    synthetic: bool = False,
) -> bytes:
    """One face per action unit, with a point at each patch.

    Args:
        face: (H, W, 3) uint8 RGB, drawn pale, cut to where the points are.
        points: (P, 2) x, y of the patches' landmarks in pixels of the face.
        effect: (A, P), as in ``aufait.models.deep_regions.PatchSignificance``.
        action_units: A numbers.
        colours: "jet", from dark red to dark blue as in the paper, or "perceptual".

    Returns:
        PNG.

    Raises:
        InputError: shapes that do not fit.
    """
    effect, points = np.asarray(effect), np.asarray(points, np.float64)
    if effect.shape != (len(action_units), len(points)):
        raise InputError(f"effects must be ({len(action_units)} AUs, {len(points)} patches), got {effect.shape}")
    ranks = patch_ranks(effect)
    faces = [_dotted(face, points, one, colours) for one in ranks]
    pictures = [faces[start : start + _COLUMNS] for start in range(0, len(faces), _COLUMNS)]
    names = [f"AU{unit}" for unit in action_units]
    captions = [names[start : start + _COLUMNS] for start in range(0, len(names), _COLUMNS)]
    scale = Scale(colours=colours, low="least", high="most", label="rank of the patch")
    return picture_grid(
        pictures, title=title, subtitle=subtitle, note=note, captions=captions, scale=scale, cell=1.45, synthetic=synthetic
    )


def _dotted(face: np.ndarray, points: np.ndarray, ranks: np.ndarray, colours: str) -> np.ndarray:
    """The face around the points, paler, with a coloured dot per patch; the significant ones larger and on top."""
    from PIL import Image

    from aufait.visualization.drawing import strokes

    left, top, side = _window(points, face.shape[:2])
    window = (left, top, left + side, top + side)
    grey = np.asarray(Image.fromarray(face).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, box=window))
    picture = np.repeat((90 + 0.6 * grey.astype(np.float32)).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    shades = np.rint(255 * colour_map(colours)(ranks)[:, :3]).astype(int)
    places = (points + 0.5 - (left, top)) * _SIDE / side - 0.5
    for place in np.argsort(ranks, kind="stable"):
        red, green, blue = (int(value) for value in shades[place])
        strokes(picture, [], 0.0, places[place][None], 3.6 + 4.2 * float(ranks[place]), (red, green, blue))
    return picture


def _window(points: np.ndarray, size: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square around the points, with a margin, inside the face."""
    low, high = points.min(0), points.max(0)
    side = min(float((high - low).max()) * (1 + 2 * _MARGIN), float(min(size)))
    left, top = np.clip((low + high + 1) / 2 - side / 2, 0, np.array([size[1], size[0]]) - side)
    return float(left), float(top), side

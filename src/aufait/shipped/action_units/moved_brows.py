"""Real portraits with their brows moved: the picture is bent as the face engine's geometry moves under AUs 1, 2 and 4.

Renders show oblique and raised brows on rendered skin only, and hardly any portrait shows them. Here the skin, the hair of the
brows and the light are a camera's; how far each point goes is the engine's, brought onto the portrait by its landmarks. Bending
draws no furrows: of a unit it shows the movement, not the wrinkles.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aufait.errors import InputError, MissingExtraError
from aufait.landmarks import inter_ocular_distance_outer
from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.expression import Intensities, shape_weights
from aufait.synthetic.head.geometry import blend_expression

MOVED_UNITS = (1, 2, 4)
"""Units that a moved portrait may show."""
TAUGHT_UNITS = (1, 2)
"""Those of them that moved portraits teach. AU 4 draws the brows together under AU 1, but is known by its furrows: a training that
took it for present there gave it to raised brows and missed frowns (ROC area of the compact model on the development faces 0.86 in
place of 0.89)."""

BROWS: tuple[dict[int, float], ...] = (
    {1: 0.9, 4: 0.8},
    {1: 0.6, 4: 0.9},
    {1: 0.9, 4: 0.4},
    {1: 0.9},
    {1: 0.9, 2: 0.6, 4: 0.6},
    {1: 0.8, 2: 0.8},
    {2: 0.8},
    {4: 0.9},
    {},
)
"""What the brows of a moved portrait may do: unit -> share of the full intensity. The empty one is bent by chance alone."""

CHANCE = 0.012
"""Spread of the slow bend that every picture gets, in outer eye-corner distances: a bent picture alone says nothing."""

_POINTS = 900
_GRID = 96


def draw_brows(rng: np.random.Generator) -> Intensities:
    """One entry of ``BROWS``, clearly there or, in one draw of five, as slight as brows at rest differ between people.

    On both sides alike or, in one draw of seven, on one side only.
    """
    gain = rng.uniform(0.55, 1.05) if rng.random() < 0.8 else rng.uniform(0.05, 0.22)
    mean = {au: float(np.clip(5 * w * gain * rng.uniform(0.75, 1.25), 0, 5)) for au, w in BROWS[rng.integers(len(BROWS))].items()}
    sides = [{au: float(np.clip(v * rng.uniform(0.92, 1.08), 0, 5)) for au, v in mean.items()} for _ in range(2)]
    if rng.random() < 1 / 7:
        sides[int(rng.integers(2))] = {}
    return Intensities(*sides)


def move_brows(
    image: np.ndarray, landmarks: np.ndarray, intensities: Intensities, model: FaceModel, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Bend a portrait as the engine's face moves.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) pixels of a face whose brows are at rest.
        intensities: what the face shall show, units of ``MOVED_UNITS``.
        model: the engine's geometry.
        rng: of the chance bend and of how far this person's brows go.

    Returns:
        (H, W, 3) uint8 RGB, and the (68, 2) landmarks in it.

    Raises:
        InputError: other units, or landmarks that are not (68, 2).
        MissingExtraError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("bending a portrait", "synth") from error
    points = np.asarray(landmarks, np.float64)
    if points.shape != (68, 2):
        raise InputError(f"landmarks must be (68, 2), got {points.shape}")
    if set(intensities.present) - set(MOVED_UNITS):
        raise InputError(f"only AUs {MOVED_UNITS} can be moved, got {intensities.present}")
    scale = float(inter_ocular_distance_outer(points[None])[0])
    rows, corrected, project = _placed(model, points)
    moved = blend_expression(model, model.neutral, shape_weights(intensities, rng))
    move = (moved - model.neutral) @ project * rng.uniform(0.85, 1.2)  # (V, 2) pixels
    way = move[rows]
    low, high = points.min(axis=0) - 0.9 * scale, points.max(axis=0) + 0.6 * scale
    grid = np.stack(np.meshgrid(*(np.linspace(low[k], high[k], _GRID) for k in (0, 1))), axis=-1)  # (G, G, 2)
    field = _field(corrected + way, way, grid) + _chance(rng, scale)
    step = (high - low) / (_GRID - 1)
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    place = ((x - low[0]) / step[0]).astype(np.float32), ((y - low[1]) / step[1]).astype(np.float32)
    field *= _edge()[..., None]
    shift = cv2.remap(field.astype(np.float32), *place, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0))
    bent = cv2.remap(image, x - shift[..., 0], y - shift[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, np.uint8), points + move[model.landmarks]


def cut_out(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of a picture around a face, with room for turned and shifted windows, and its corner (x, y)."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    room = (high - low).max()
    left, top = np.maximum(np.floor(low - room), 0).astype(int)
    right, bottom = np.ceil(high + room).astype(int)
    return np.ascontiguousarray(image[top:bottom, left:right]), np.array([left, top], np.float64)


@lru_cache(maxsize=2)
def _front(model: FaceModel) -> np.ndarray:
    """(P,) vertices of the skin of the face's front, evenly thinned out."""
    skin = np.unique(model.triangles[model.material == Material.FACE])
    ahead = skin[model.neutral[skin, 2] > np.quantile(model.neutral[skin, 2], 0.35)]
    return ahead[:: max(1, len(ahead) // _POINTS)]


def _placed(model: FaceModel, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The front's vertices, where they are in the picture (P, 2), and the projection (3, 2) of displacements, all in pixels."""
    from scipy.interpolate import RBFInterpolator

    rows = _front(model)
    source = np.c_[model.neutral[model.landmarks], np.ones(68)]
    fit, *_ = np.linalg.lstsq(source, points, rcond=None)  # (4, 2) affine camera
    flat = source @ fit
    rest = RBFInterpolator(flat, points - flat, kernel="thin_plate_spline", smoothing=1.0)
    start = np.c_[model.neutral[rows], np.ones(len(rows))] @ fit
    return rows, start + rest(start), fit[:3]


def _field(places: np.ndarray, way: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """(G, G, 2): displacements (P, 2) known at ``places`` (P, 2), on the grid; 0 outside."""
    from scipy.interpolate import LinearNDInterpolator
    from scipy.ndimage import gaussian_filter

    field = LinearNDInterpolator(places, way, fill_value=0.0)(grid)
    return np.asarray(gaussian_filter(field, (1.0, 1.0, 0.0)))


def _chance(rng: np.random.Generator, scale: float) -> np.ndarray:
    """(G, G, 2) slow random displacements in pixels."""
    from scipy.ndimage import zoom

    return np.asarray(zoom(rng.normal(0, CHANCE * scale, (5, 5, 2)), (_GRID / 5, _GRID / 5, 1), order=3))


@lru_cache(maxsize=1)
def _edge() -> np.ndarray:
    """(G, G) 1 inside, 0 at the border."""
    ramp = np.clip(np.minimum(np.arange(_GRID), np.arange(_GRID)[::-1]) / (0.12 * _GRID), 0, 1)
    return np.asarray(np.outer(ramp, ramp))

"""How a head looks, in a few numbers, to distinguish the people of one video.

``Looks`` holds two small descriptions, both read in a square that turns, moves and grows with the face: a colour sketch of
the head from hair to collar, and the directions of the edges in the face. The first changes with the light, the second
hardly; the second changes with expressions, the first hardly. Nothing in it is trained and it is no face recognition: it
is kept only while the video is read, and people who look alike and wear the same clothes are mistaken for each other.

Values of ``difference`` (``faces.md`` says on what this was measured): same person, other expression, place and light, 0.1 to
0.3; two people in one studio in front of the same wall 0.27 to 0.6; two people elsewhere 0.5 to 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SKETCH_CELLS, _SKETCH_SAMPLES = 8, 3
_GRID, _GRID_SAMPLES, _CELLS, _DIRECTIONS = 24, 2, 8, 8
_SKETCH_WEIGHT = 2.0
_HALF_WIDTH, _TOP, _BOTTOM = 1.15, -1.0, 1.25
"""The part of the face whose edges count: from brow to chin, in distances between eye centre and mouth from their middle."""

_PLACE = np.add.outer(np.arange(_GRID) * _CELLS // _GRID * _CELLS, np.arange(_GRID) * _CELLS // _GRID) * _DIRECTIONS
"""(24, 24): where the cell of each grid point begins among the (8, 8, 8) edges."""


@dataclass(frozen=True, eq=False)
class Looks:
    """What is remembered of a head.

    Attributes:
        head: (8, 8, 3) float32 in [0, 1], see ``sketch``.
        edges: (8, 8, 8) float32: strength of the edges by place and direction, each cell against its neighbourhood.
        sharpness: mean strength of the edges, in square roots of grey levels: it falls when the picture is blurred.
    """

    head: np.ndarray
    edges: np.ndarray
    sharpness: float


def looks_of(image: np.ndarray, landmarks: np.ndarray) -> Looks:
    """The looks of one face.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) pixels.
    """
    return face_looks(image, landmarks, sketch(image, landmarks))


def face_looks(image: np.ndarray, landmarks: np.ndarray, head: np.ndarray) -> Looks:
    """The same with a sketch ``head`` that is known already."""
    edges, sharpness = _edges(image, landmarks)
    return Looks(head, edges, sharpness)


def head_difference(first: Looks, second: Looks) -> float:
    """Mean difference of the sketches, in [0, 1]."""
    return float(np.abs(first.head - second.head).mean())


def face_difference(first: Looks, second: Looks) -> float:
    """1 minus the cosine of the edges of the upper or the lower half of the face, whichever are more similar, in [0, 1].

    Of two people both halves differ; a hand, a blink or a wide open mouth changes one.
    """
    half = _CELLS // 2
    return min(_cosine_distance(first.edges[:half], second.edges[:half]), _cosine_distance(first.edges[half:], second.edges[half:]))


def part_difference(first: Looks, second: Looks) -> float:
    """1 minus the cosine of the edges of the upper, lower, left or right three eighths, whichever are most similar, in [0, 1]."""
    part = 3 * _CELLS // 8
    places = (np.s_[:part], np.s_[-part:], np.s_[:, :part], np.s_[:, -part:])
    return min(_cosine_distance(first.edges[place], second.edges[place]) for place in places)


def difference(first: Looks, second: Looks) -> float:
    """Both differences as one number."""
    return face_difference(first, second) + _SKETCH_WEIGHT * head_difference(first, second)


def blended(old: Looks, new: Looks, share: float) -> Looks:
    """``old`` moved to ``new`` by ``share`` in [0, 1]."""
    return Looks(
        head=old.head + share * (new.head - old.head),
        edges=old.edges + share * (new.edges - old.edges),
        sharpness=old.sharpness + share * (new.sharpness - old.sharpness),
    )


def sketch(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A tiny picture of the head, turned upright: (8, 8, 3) float32 in [0, 1].

    The square reaches from above the hair to the collar, four distances between eye centre and mouth wide, so that
    hair and clothes count. Its mean brightness is moved halfway to a medium grey, so that light changes matter less.
    """
    cells = _sampled(image, landmarks, (2.0, -2.0, 2.0), _SKETCH_CELLS, _SKETCH_SAMPLES) / 255.0
    return np.clip(cells + 0.5 * (0.5 - cells.mean()), 0.0, 1.0)


def _edges(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    grey = _sampled(image, landmarks, (_HALF_WIDTH, _TOP, _BOTTOM), _GRID, _GRID_SAMPLES).mean(axis=2)
    root = np.sqrt(grey + 1.0)
    down, right = _slope(root.T).T, _slope(root)
    strength = np.sqrt(down * down + right * right)
    angle = np.arctan2(down, right) * (_DIRECTIONS / (2.0 * np.pi)) + _DIRECTIONS
    lower = angle.astype(np.intp)
    above = strength * (angle - lower)
    bins = np.concatenate([_PLACE + lower % _DIRECTIONS, _PLACE + (lower + 1) % _DIRECTIONS]).ravel()
    weights = np.concatenate([strength - above, above]).ravel()
    block = (_GRID // _CELLS) ** 2
    cells = (np.bincount(bins, weights, _CELLS * _CELLS * _DIRECTIONS) / block).reshape(_CELLS, _CELLS, _DIRECTIONS)
    energy = np.pad((cells * cells).sum(axis=2), 1, mode="edge")
    rows = energy[:-2] + energy[1:-1] + energy[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return (cells / np.sqrt(around + 1.0)[..., None]).astype(np.float32), float(strength.mean())


def _slope(values: np.ndarray) -> np.ndarray:
    """Change along the rows of (n, n), by central differences; one-sided at the ends."""
    slope = np.empty_like(values)
    slope[:, 1:-1] = (values[:, 2:] - values[:, :-2]) * 0.5
    slope[:, 0], slope[:, -1] = values[:, 1] - values[:, 0], values[:, -1] - values[:, -2]
    return slope


def _sampled(image: np.ndarray, landmarks: np.ndarray, extent: tuple[float, float, float], cells: int, samples: int) -> np.ndarray:
    """(cells, cells, 3) float32 means of ``samples`` x ``samples`` pixels in a rectangle that moves with the face.

    Args:
        extent: half of the width, top and bottom, in distances between eye centre and mouth from their middle.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    eyes, mouth = points[36:48].mean(axis=0), points[48:60].mean(axis=0)
    down, middle = mouth - eyes, (eyes + mouth) / 2.0
    half_width, top, bottom = extent
    steps = (np.arange(cells * samples) + 0.5) / (cells * samples)
    aside, along = (2.0 * steps - 1.0) * half_width, top + (bottom - top) * steps
    height, width = image.shape[:2]
    columns = _nearest(np.add.outer(middle[0] + along * down[0], aside * down[1]), width)
    rows = _nearest(np.add.outer(middle[1] + along * down[1], -aside * down[0]), height)
    pixels = image.reshape(-1, 3).take((rows * width + columns).ravel(), axis=0)
    return _means(pixels.reshape(cells * samples, cells * samples, 3).astype(np.float32), cells)


def _nearest(places: np.ndarray, length: int) -> np.ndarray:
    """The nearest of ``length`` pixels to each place, as whole numbers."""
    return np.asarray((np.minimum(np.maximum(places, 0.0), length - 1.0) + 0.5).astype(np.intp))


def _means(values: np.ndarray, cells: int) -> np.ndarray:
    """(n * cells, n * cells, C) -> (cells, cells, C): means of blocks."""
    block = len(values) // cells
    rows = values.reshape(cells, block, len(values), -1).sum(axis=1)
    return np.asarray(rows.reshape(cells, cells, block, -1).sum(axis=2) / np.float32(block * block))


def _cosine_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Parts without edges count as similar."""
    product, own, other = (float((a * b).sum()) + 1e-3 for a, b in ((first, second), (first, first), (second, second)))
    return 1.0 - product / float(np.sqrt(own * other))

"""Where on each face the scores of a picture come from: what the model's network says itself, else by covering parts of the face.

Covering works with any model: a square is moved over the face, and where it lowers an action unit's log-odds (which, unlike the
probability, also change for units that are almost certain), there was evidence for it. Other maps are the network's own
(``AUSystem.explain``): attention, class activation, patches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from aufait.alignment import apply_transform, invert, warp
from aufait.detection.predictors import WholeFacePredictor
from aufait.detection.scores import FaceScores
from aufait.detection.trained_network import NetworkPredictor
from aufait.errors import InputError
from aufait.models.default.crop import CROP_SIZE, photo_transforms
from aufait.models.default.mesh import MeshPredictor
from aufait.models.explanation import OCCLUSION

if TYPE_CHECKING:
    from aufait.detection.predictors import AnyPredictor
    from aufait.faces import FaceFinder
    from aufait.faces.face import Face

GRID = 10
"""Places of the square along each side of the crop."""

SQUARE = 0.24
"""Side of the square, as a share of the crop's."""

_AT_ONCE = 20  # covered pictures in memory
_STEP = 0.04  # seconds between them, for finders that follow
_MARGIN = 0.6  # of the face's size that is kept around it


@dataclass(frozen=True, eq=False)
class FaceExplanation:
    """Maps of one face.

    Attributes:
        face: its number in the picture, as in the results.
        kind: "occlusion", or the kind of the network's own explanation.
        meaning: one clause for captions.
        picture: (S, S, 3) uint8, the aligned face that the maps are drawn on.
        maps: (A, h, w) in [0, 1] of full colour.
        highest: value that is shown in full colour: the highest of all maps of this face, unless ``fixed``.
        action_units: A numbers.
        probability: (A,).
        fixed: whether maps of this kind have a fixed highest value, such as 1.
    """

    face: int
    kind: str
    meaning: str
    picture: np.ndarray
    maps: np.ndarray
    highest: float
    action_units: tuple[int, ...]
    probability: np.ndarray
    fixed: bool = False


def explain_faces(
    predictor: AnyPredictor, finder: FaceFinder, image: np.ndarray, faces: Sequence[Face], *, occlusion: bool = False
) -> list[FaceExplanation]:
    """Explain the scores of the faces of one picture.

    Args:
        predictor: of the detector.
        finder: for models that read what it saw.
        image: (H, W, 3) uint8 RGB.
        faces: those found in it.
        occlusion: cover parts of the face even if the network has its own maps.

    Returns:
        One per face.
    """
    found = []
    for number, face in enumerate(faces):
        own = None if occlusion else _own(predictor, number, image, face)
        found.append(own or _covered(predictor, finder, number, image, face))
    return found


def _own(predictor: AnyPredictor, number: int, image: np.ndarray, face: Face) -> FaceExplanation | None:
    """What the network says itself, if it is one of ours or follows the same contract."""
    if not isinstance(predictor, NetworkPredictor):
        return None
    stored = predictor.store(image, face.landmarks[None])
    explained = predictor.explain(stored)
    if explained is None:
        return None
    told, pictures = explained
    probability = predictor.predict_faces([image], [[face]]).probability[0]
    maps = told.maps[0].float().cpu().numpy()
    highest = told.highest or float(maps.max()) or 1.0
    alone = "; the frame by itself, as its own neighbour" if predictor.network.frames == 3 else ""
    return FaceExplanation(
        number, told.kind, told.meaning + alone, pictures[0], maps / highest, highest, predictor.action_units, probability,
        fixed=told.highest is not None,
    )  # fmt: skip


def _covered(predictor: AnyPredictor, finder: FaceFinder, number: int, image: np.ndarray, face: Face) -> FaceExplanation:
    """How far each action unit's log-odds fall where the face is covered."""
    part, moved = surroundings(image, face)
    matrix = photo_transforms(moved.landmarks[None])
    side = 2 * CROP_SIZE
    squares = _squares(invert(matrix)[0], side, part)
    finder.reset()
    times = count(0.0, _STEP)
    whole = _predict(predictor, finder, [part], moved, times)[0]
    if np.isnan(whole).any():
        finder.reset()
        raise InputError(
            f"the face finder does not find face {number} again in its surroundings, so it cannot be explained; use another finder "
            "or model"
        )
    covered = []
    for start in range(0, len(squares), _AT_ONCE):
        pictures = [_cover(part, square) for square in squares[start : start + _AT_ONCE]]
        covered.append(_predict(predictor, finder, pictures, moved, times))
    finder.reset()
    drops = (_log_odds(whole) - _log_odds(np.concatenate(covered))).T  # (A, places); NaN where the face was lost
    meaning = "how far the log-odds fall where a square covers the face"
    if lost := int(np.isnan(drops[0]).sum()):
        meaning += f" ({lost} of {len(squares)} places are blank: the face was not found there any more)"
    maps = np.nan_to_num(drops.clip(min=0)).reshape(len(whole), GRID, GRID)
    highest = float(maps.max()) or 1.0
    picture = warp(part, matrix, side)[0].permute(1, 2, 0).numpy()
    return FaceExplanation(
        number, OCCLUSION, meaning, picture, maps / highest, highest, tuple(predictor.action_units), whole
    )


def _log_odds(probability: np.ndarray) -> np.ndarray:
    sure = np.clip(np.asarray(probability, np.float64), 1e-4, 1 - 1e-4)
    return np.log(sure / (1 - sure))


def surroundings(image: np.ndarray, face: Face) -> tuple[np.ndarray, Face]:
    """A copy of the part of a picture around a face, and the face in it: large pictures then cost no more than small ones."""
    x0, y0, x1, y1 = face.box
    margin = _MARGIN * max(x1 - x0, y1 - y0)
    left, top = max(0, int(x0 - margin)), max(0, int(y0 - margin))
    part = image[top : int(y1 + margin) + 1, left : int(x1 + margin) + 1].copy()
    corner = np.array([left, top], np.float32)
    return part, replace(face, box=face.box - np.tile(corner, 2), landmarks=face.landmarks - corner)


def _squares(to_picture: np.ndarray, side: int, part: np.ndarray) -> list[np.ndarray]:
    """Masks (H, W) of the squares of the crop in the picture, row by row."""
    height, width = part.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(1, -1, 2).astype(np.float64)
    x, y = apply_transform(invert(to_picture[None]), grid)[0].T.reshape(2, height, width)
    centres = (np.arange(GRID) + 0.5) * side / GRID
    half = SQUARE * side / 2
    return [(np.abs(x - column) <= half) & (np.abs(y - row) <= half) for row in centres for column in centres]


def _cover(picture: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The picture with one square in the mean colour of what it covers: nothing new to see, no strange colour."""
    covered = picture.copy()
    if square.any():
        covered[square] = picture[square].mean(axis=0).astype(np.uint8)
    return covered


def _predict(
    predictor: AnyPredictor, finder: FaceFinder, pictures: Sequence[np.ndarray], face: Face, times: Iterator[float]
) -> np.ndarray:
    """Probabilities (pictures, A) of one face, NaN where it is lost. For models that read what their finder saw, the finder follows
    the face, which is where it was; searching each picture again would take many times as long."""
    if isinstance(predictor, WholeFacePredictor):
        groups = [[face]] * len(pictures)
        if isinstance(predictor, MeshPredictor):
            nearest = [_nearest(finder.track(picture, next(times)), face) for picture in pictures]
            groups = [[] if one is None else [one] for one in nearest]
        found = np.full((len(pictures), len(predictor.action_units)), np.nan, np.float32)
        found[[bool(group) for group in groups]] = FaceScores.of(predictor.predict_faces(pictures, groups)).probability
        return found
    scores = [FaceScores.of(predictor.predict(one, face.landmarks[None])).probability for one in pictures]
    return np.concatenate(scores)


def _nearest(faces: Sequence[Face], wanted: Face) -> Face | None:
    """The face whose points are nearest; None where none was found."""
    return min(faces, key=lambda one: float(np.abs(one.landmarks - wanted.landmarks).mean()), default=None)

"""What is known about faces (``FaceAnalysis``) as columns, one row per face or per frame without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aufait.errors import InputError
from aufait.views.score_columns import ScoreColumns

if TYPE_CHECKING:
    from aufait.results import FaceAnalysis, FrameAnalysis

_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")
_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
_LANDMARKS = (*(f"x_{point}" for point in range(68)), *(f"y_{point}" for point in range(68)))
_SCORES = (
    "intensity", "occurrence", "probability", "intensity_left", "intensity_right", "probability_left", "probability_right",
)  # fmt: skip
_ALWAYS = _SCORES[:3]


def columns_of_frames(frames: Sequence[FrameAnalysis], action_units: tuple[int, ...] = (), landmarks: bool = False) -> ScoreColumns:
    """Columns of frames: one row per face, and one of missing values for each frame without a face.

    Args:
        frames: of one model.
        action_units: what the model scores, for frames that are all without a face.
        landmarks: also 136 columns of landmarks.

    Raises:
        InputError: the faces score different action units.
    """
    rows: list[tuple[FrameAnalysis, FaceAnalysis | None]] = [(one, face) for one in frames for face in one.faces or (None,)]
    where = [frame for frame, _ in rows]
    table = columns_of_faces([face for _, face in rows], action_units, landmarks)
    before = {
        "source": _texts([frame.source for frame in where]),
        "frame": np.array([frame.frame for frame in where], np.int64),
        "timestamp": np.array([frame.timestamp for frame in where], np.float64),
    }
    sizes = np.array([frame.size for frame in where], np.int64).reshape(-1, 2)
    after = {"width": sizes[:, 0], "height": sizes[:, 1], "error": _texts([frame.error for frame in where])}
    return ScoreColumns(before | dict(table.index), table.action_units, table.scores, after)


def columns_of_faces(
    faces: Sequence[FaceAnalysis | None], action_units: tuple[int, ...] = (), landmarks: bool = False
) -> ScoreColumns:
    """Columns of faces; None for a row without one. Arguments and errors as above."""
    units = _common_units(faces, action_units)
    found = np.array([face is not None for face in faces], bool)
    ids = np.array([0 if face is None else face.face_id for face in faces], np.int64)
    names = ("confidence", "quality", *_BOX, *_POSE, *(_LANDMARKS if landmarks else ()))
    numbers = np.full((len(faces), len(names)), np.nan, np.float32)
    scores = {name: np.full((len(faces), len(units)), np.nan, np.float32) for name in _given(faces)}
    for row, face in enumerate(faces):
        if face is not None:
            numbers[row] = _numbers(face, landmarks)
            for name, values in scores.items():
                given = getattr(face, name)
                if given is not None:
                    values[row] = given
    index = {"face_id": np.ma.MaskedArray(ids, ~found), "success": found}
    return ScoreColumns(index | dict(zip(names, numbers.T, strict=True)), units, scores)


def _common_units(faces: Sequence[FaceAnalysis | None], action_units: tuple[int, ...]) -> tuple[int, ...]:
    found = {face.action_units for face in faces if face is not None} or {tuple(action_units)}
    if len(found) > 1:
        raise InputError(
            "these results come from models that score different action units; make a data frame of the results of each model"
        )
    return found.pop()


def _given(faces: Sequence[FaceAnalysis | None]) -> list[str]:
    """Scores that get columns: the three of the whole face always, those of sides where the model gives them."""
    return [
        name for name in _SCORES
        if name in _ALWAYS or any(face is not None and getattr(face, name) is not None for face in faces)
    ]  # fmt: skip


def _numbers(face: FaceAnalysis, landmarks: bool) -> np.ndarray:
    pose = np.full(6, np.nan)
    if face.pose is not None:
        pose = np.concatenate((face.pose.translation, face.pose.rotation))
    points = (face.landmarks.T.ravel(),) if landmarks else ()
    return np.concatenate(((face.confidence, face.quality), face.box, pose, *points))


def _texts(texts: Sequence[str | None]) -> np.ndarray:
    made = np.empty(len(texts), object)
    made[:] = texts
    return made

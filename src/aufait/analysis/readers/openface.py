"""Tables of OpenFace 0.x to 2.2: videos, several faces, pictures; with and without spaces after commas, ``face_id`` and gaze."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import MappingProxyType

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header
from aufait.analysis.readers.shared import (
    face_numbers,
    known_units,
    masked,
    recording_name,
    times_of_frames,
    whole_numbers,
)
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputWarning

TOOL = "openface"

_COLUMN = re.compile(r"AU(\d\d)_([rc])")
_INDEX = ("frame", "face_id", "face", "timestamp", "confidence", "success")
_ANGLE = re.compile(r"pose_[TR][xyz]|gaze_(?:[01]_[xyz]|angle_[xy])")
_MEANING = MappingProxyType(
    {
        "intensity": "OpenFace's regression, 0-5; not checked against FACS levels frame by frame",
        "occurrence": "OpenFace's classifier, made apart from the intensity: one may be 1 where the other is 0",
        "confidence": "how well OpenFace's landmarks fit, not how sure it is of the action units",
        "face_id": "OpenFace's number of the face; the same number later may be another person",
    }
)


def recognises(header: Header) -> bool:
    """Intensities or occurrences as OpenFace names them."""
    return any(_COLUMN.fullmatch(name) for name in header.columns) and header.kind != "json"


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read a table of OpenFace; rows with ``success`` 0, which hold zeros there, become rows without a face.

    Raises:
        InputError: damaged, or a video without times and without ``fps``.
    """
    matches = [match for name in header.columns if (match := _COLUMN.fullmatch(name))]
    units = known_units(path, (int(match[1]) for match in matches))
    others = [name for name in header.columns if _ANGLE.fullmatch(name)]
    scores = {name: [f"AU{unit:02d}_{suffix}" for unit in units] for name, suffix in (("intensity", "r"), ("occurrence", "c"))}
    columns = read_columns(path, header, [*_INDEX, *others], matrices=scores)
    rows = len(columns["intensity"])
    found = columns["success"] == 1 if "success" in columns else np.ones(rows, bool)
    frame = whole_numbers(path, "frame", columns["frame"]) if "frame" in columns else np.ones(rows, np.int64)
    face = columns.get("face_id", columns.get("face", np.zeros(rows)))
    values = {name: masked(columns.pop(name), found) for name in scores}
    return ScoreTable.made_of(
        recording_name(path),
        units,
        _times(path, columns, frame, fps),
        face_numbers(path, face, found),
        frame=frame,
        confidence=masked(columns["confidence"], found) if "confidence" in columns else None,
        **values,
        others={name: np.where(found, columns[name], np.nan) for name in others if name in columns},
        tool=TOOL,
        meaning=_MEANING,
        path=path,
    )


def _times(path: Path, columns: dict[str, np.ndarray], frame: np.ndarray, fps: float | None) -> np.ndarray:
    """Seconds; for a picture, or a folder of pictures without ``fps``, the number of the picture."""
    times = columns.get("timestamp")
    if "frame" not in columns and times is None:
        return np.ones(len(frame))  # a picture
    if times is None:
        return times_of_frames(path, TOOL, frame - 1, fps)
    if len(np.unique(frame)) > 1 and (times == times[0]).all():
        if fps is not None:
            return (frame - 1) / fps
        warnings.warn(
            f"{path}: all timestamps are {times[0]:g}, as OpenFace writes for folders of pictures; the numbers of the frames "
            "stand for the times; if they are frames of a video, give --fps",
            InputWarning,
            stacklevel=5,
        )
        return frame.astype(np.float64)
    return times

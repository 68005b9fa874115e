"""Tables of py-feat ("Fex"): of its first detector and of the second; frames count from 0, times are text in whole seconds."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header
from aufait.analysis.readers.shared import (
    known_units,
    masked,
    numbered,
    of_units,
    ranks,
    recording_name,
    times_of_frames,
    whole_numbers,
)
from aufait.analysis.score_table import NO_FACE, ScoreTable

TOOL = "py-feat"

_COLUMN = re.compile(r"AU(\d\d)")
_MARKS = ("FaceScore", "FaceRectX", "approx_time", "Identity", "input", "frame")
_POSE = ("Pitch", "Roll", "Yaw", "gaze_pitch", "gaze_yaw", "valence", "arousal")
_PERSON = re.compile(r".*?(\d+)")
_SECOND = ("mesh_x_0", "gaze_pitch", "valence")
_MEANING = MappingProxyType(
    {
        "probability": "py-feat's score, 0-1; with the SVM of its first detector only 0 and 1",
        "confidence": "FaceScore, that this is a face",
    }
)


def recognises(header: Header) -> bool:
    """Action units without a suffix, beside one of py-feat's own columns."""
    return any(_COLUMN.fullmatch(name) for name in header.columns) and any(name in header.columns for name in _MARKS)


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read a table of py-feat; rows of NaN become rows without a face.

    Raises:
        InputError: damaged, or a video without ``fps`` whose times are too coarse.
    """
    names = {int(match[1]): match[0] for name in header.columns if (match := _COLUMN.fullmatch(name))}
    units = known_units(path, names)
    columns = read_columns(path, header, ["frame", "FaceScore", *_POSE, *names.values()], ["approx_time", "Identity", "input"])
    rows = len(next(iter(columns.values())))
    scores = of_units(columns, names, units, rows)
    found = np.isfinite(scores).any(axis=1)
    inputs = columns.get("input", np.full(rows, "", object))
    pictures = len(set(inputs)) > 1
    frame = numbered(inputs) if pictures or "frame" not in columns else whole_numbers(path, "frame", columns["frame"])
    face, face_meaning = _faces(columns, frame, found)
    version = "second detector" if any(name in header.columns for name in _SECOND) else "first detector, or a cut table"
    return ScoreTable.made_of(
        recording_name(path),
        units,
        frame.astype(np.float64) if pictures else _times(path, columns, frame, fps),
        face,
        frame=frame,
        probability=masked(scores, found),
        confidence=masked(columns["FaceScore"], found) if "FaceScore" in columns else None,
        others={name: columns[name] for name in _POSE if name in columns},
        source=str(inputs[0]) if rows and not pictures else "",
        tool=TOOL,
        meaning=MappingProxyType({**_MEANING, "face_id": face_meaning, "version": version}),
        path=path,
        of_pictures=pictures,
    )


def _faces(columns: dict[str, np.ndarray], frame: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, str]:
    """Numbers of the faces by py-feat's identity, if it gives one that does not repeat within a frame; else their rank."""
    matches = [_PERSON.fullmatch(str(name)) for name in columns.get("Identity", ())]
    if matches and all(match or not face for match, face in zip(matches, found, strict=True)):
        numbers = np.array([int(match[1]) if match else NO_FACE for match in matches], np.int64)
        pairs = np.stack([frame, numbers], axis=1)[found]
        if len(np.unique(pairs, axis=0)) == len(pairs):
            return np.where(found, numbers, NO_FACE), "py-feat's identity, told by the looks of the face"
    return np.where(found, ranks(frame), NO_FACE), "rank within the frame: the same number later may be another person"


def _times(path: Path, columns: dict[str, np.ndarray], frame: np.ndarray, fps: float | None) -> np.ndarray:
    """Frame by ``fps``; without, the text, where every frame has its own second."""
    texts = columns.get("approx_time")
    if fps is None and texts is not None and len(set(texts)) == len(set(frame)):
        seconds = np.array([_seconds(text) for text in texts])
        if np.isfinite(seconds).all():
            return seconds
    return times_of_frames(path, TOOL, frame, fps)


def _seconds(text: str) -> float:
    """Seconds of "MM:SS" or "HH:MM:SS", NaN for anything else."""
    parts = str(text).split(":")
    try:
        return float(sum(float(part) * 60**power for power, part in enumerate(reversed(parts))))
    except ValueError:
        return float("nan")

"""Tables of OpenFace 3.0: boxes, landmarks and action units as lists, each inside one cell."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import MappingProxyType

import numpy as np

from aufait.action_units import AU_SETS
from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header
from aufait.analysis.readers.shared import face_numbers, masked, numbered, recording_name, times_of_frames, whole_numbers
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

TOOL = "openface3"
UNITS = AU_SETS["disfa"]
"""OpenFace 3 says nowhere which action units its eight numbers are; these are the ones it is trained on, in their usual order."""

_NOT_NUMBERS = re.compile(r"[^-+.\deE]+")
_PATHS = ("video_path", "image_path")
_LONGEST = 1e6  # seconds; larger ones are times of day
_MEANING = MappingProxyType(
    {
        "probability": "OpenFace 3's score, limited to 0-1; its documentation gives neither scale nor order of its eight numbers: "
        f"read as AU {', '.join(map(str, UNITS))}",
    }
)


def recognises(header: Header) -> bool:
    """All action units in one column."""
    return "action_units" in header.columns and any(name in header.columns for name in ("face_detection", "emotion", *_PATHS))


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read a table of OpenFace 3.

    Raises:
        InputError: damaged, or a video without ``fps`` whose times are not seconds of it.
    """
    texts = ("action_units", "face_detection", "timestamp", *_PATHS)
    columns = read_columns(path, header, ("frame_index", "face_id", "gaze_yaw", "gaze_pitch"), texts)
    scores = _lists(path, "action_units", columns["action_units"], len(UNITS))
    found = np.isfinite(scores).any(axis=1)
    if (np.abs(np.nan_to_num(scores) - 0.5) > 0.5).any():
        warnings.warn(f"{path}: scores outside 0-1 are limited to it", InputWarning, stacklevel=4)
    rows = len(scores)
    frame = whole_numbers(path, "frame_index", columns["frame_index"]) if "frame_index" in columns else _pictures(columns, rows)
    boxes = _boxes(columns, rows)
    return ScoreTable.made_of(
        recording_name(path),
        UNITS,
        _times(path, columns, frame, fps),
        face_numbers(path, columns.get("face_id", np.zeros(rows)), found),
        frame=frame,
        probability=masked(np.clip(scores, 0, 1), found),
        confidence=masked(boxes[:, 4], found),
        others={name: columns[name] for name in ("gaze_yaw", "gaze_pitch") if name in columns},
        source=_source(columns),
        tool=TOOL,
        meaning=_MEANING,
        path=path,
    )


def _lists(path: Path, name: str, cells: np.ndarray, length: int) -> np.ndarray:
    """(N, length) float64 of cells such as "[0.1, 0.2]"; empty ones are NaN."""
    values = np.full((len(cells), length), np.nan)
    for row, cell in enumerate(cells):
        numbers = _NOT_NUMBERS.sub(" ", cell.replace("tensor", " ")).split()
        if not numbers:
            continue
        try:
            values[row] = [float(number) for number in numbers]
        except ValueError:
            raise InputError(f"{path}, row {row + 1}: {name} should be a list of {length} numbers, got {cell[:60]!r}") from None
    return values


def _boxes(columns: dict[str, np.ndarray], rows: int) -> np.ndarray:
    """(N, 5) float64: corners and score of the face; NaN where the cell holds something else."""
    boxes = np.full((rows, 5), np.nan)
    for row, cell in enumerate(columns.get("face_detection", ())):
        numbers = _NOT_NUMBERS.sub(" ", cell).split()
        if len(numbers) >= 5:
            boxes[row] = [float(number) for number in numbers[:5]]
    boxes[~((boxes[:, 4] >= 0) & (boxes[:, 4] <= 1)), 4] = np.nan
    return boxes


def _pictures(columns: dict[str, np.ndarray], rows: int) -> np.ndarray:
    return numbered(columns["image_path"]) if "image_path" in columns else np.arange(1, rows + 1)


def _source(columns: dict[str, np.ndarray]) -> str:
    sources = {source for name in _PATHS for source in columns.get(name, ())}
    return str(sources.pop()) if len(sources) == 1 else ""


def _times(path: Path, columns: dict[str, np.ndarray], frame: np.ndarray, fps: float | None) -> np.ndarray:
    """By ``fps`` where it is given; else the table's, if they are seconds that grow with the frames."""
    if "frame_index" not in columns:
        return frame.astype(np.float64)
    try:
        times = columns["timestamp"].astype(np.float64)
    except (KeyError, ValueError):
        times = np.full(len(frame), np.nan)
    order = np.argsort(frame, kind="stable")
    grows = np.isfinite(times).all() and (np.diff(times[order]) >= 0).all() and (len(set(times)) == len(set(frame)))
    if fps is None and grows and len(times) and 0 <= times[order[0]] < _LONGEST:
        return times
    return times_of_frames(path, "OpenFace 3", frame, fps)

"""Tables of PyAFAR: probabilities and intensities by number of the frame; frames without a face are not in them."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header
from aufait.analysis.readers.shared import known_units, of_units, recording_name, times_of_frames, whole_numbers
from aufait.analysis.score_table import NO_FACE, ScoreTable
from aufait.errors import InputError

TOOL = "pyafar"

_COLUMN = re.compile(r"(Occ|Int)_au_(\d+)", re.IGNORECASE)
_POSE = ("Pitch", "Yaw", "Roll")
_MOST_FRAMES = 50_000_000  # nine days at 60 frames per second
_MEANING = MappingProxyType(
    {
        "probability": "PyAFAR's likelihood of the occurrence, 0-1",
        "intensity": "PyAFAR's regression, 0-5, for few action units",
        "time": "number of the frame by the frame rate that was given",
        "face_id": "PyAFAR's number of the person; frames that its table leaves out have no face here",
    }
)


def recognises(header: Header) -> bool:
    """Occurrences as PyAFAR names them."""
    return any(_COLUMN.fullmatch(name) for name in header.columns)


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read a CSV of PyAFAR.

    Raises:
        InputError: damaged, or ``fps`` is not given.
    """
    matches = [match for name in header.columns if (match := _COLUMN.fullmatch(name))]
    units = known_units(path, (int(match[2]) for match in matches))
    columns = read_columns(path, header, ["Frame", "frame", "Person_ID", *_POSE, *(match[0] for match in matches)])
    rows = len(next(iter(columns.values())))
    frame = whole_numbers(path, "Frame", columns.get("Frame", columns.get("frame", np.full(rows, np.nan))))
    person = whole_numbers(path, "Person_ID", columns["Person_ID"]) if "Person_ID" in columns else np.zeros(rows, np.int64)
    if rows and frame.max() - frame.min() > _MOST_FRAMES:
        raise InputError(f"{path}: numbers of frames run from {frame.min()} to {frame.max()}, which is no recording")
    absent = np.setdiff1d(np.arange(frame.min(), frame.max() + 1), frame) if rows else np.zeros(0, np.int64)

    def padded(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.full((len(absent), *values.shape[1:]), np.nan)]).astype(np.float32)

    scores = {
        name: padded(of_units(columns, {int(match[2]): match[0] for match in matches if match[1].lower() == kind}, units, rows))
        for name, kind in (("probability", "occ"), ("intensity", "int"))
    }
    frames = np.concatenate([frame, absent])
    return ScoreTable.made_of(
        recording_name(path),
        units,
        times_of_frames(path, "PyAFAR", frames, fps),
        np.concatenate([person, np.full(len(absent), NO_FACE)]),
        frame=frames,
        **scores,
        others={name: padded(columns[name]) for name in _POSE if name in columns},
        tool=TOOL,
        meaning=_MEANING,
        path=path,
    )

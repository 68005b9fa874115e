"""Tables of LibreFace: occurrences and intensities of partly different action units; its milliseconds are seconds."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header
from aufait.analysis.readers.shared import known_units, masked, of_units, recording_name, times_of_frames, whole_numbers
from aufait.analysis.score_table import NO_FACE, ScoreTable

TOOL = "libreface"

_COLUMN = re.compile(r"au_(\d+)(_intensity)?")
_MARKS = ("frame_idx", "frame_time_in_ms", "facial_expression", "lm_mp_0_x")
_ANGLES = ("pitch", "yaw", "roll", "gaze_yaw", "gaze_pitch")
_MEANING = {
    "occurrence": "LibreFace's classifier, made from other pictures than the intensity and for other action units",
    "intensity": "LibreFace's regression, 0-5",
    "face_id": "always 0: LibreFace reads one face",
}
_MILLISECONDS = 1.0  # time per frame above which the column means what its name says


def recognises(header: Header) -> bool:
    """Action units in small letters, beside one of LibreFace's own columns."""
    matches = [match for name in header.columns if (match := _COLUMN.fullmatch(name))]
    return bool(matches) and (any(match[2] for match in matches) or any(name in header.columns for name in _MARKS))


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read a table of LibreFace, of a video or of pictures.

    Raises:
        InputError: damaged, or a video without times and without ``fps``.
    """
    matches = [match for name in header.columns if (match := _COLUMN.fullmatch(name))]
    units = known_units(path, (int(match[1]) for match in matches))
    columns = read_columns(path, header, ["frame_idx", "frame_time_in_ms", *_ANGLES, *(match[0] for match in matches)])
    rows = len(next(iter(columns.values())))
    occurrence, intensity = (
        of_units(columns, {int(match[1]): match[0] for match in matches if bool(match[2]) is wanted}, units, rows)
        for wanted in (False, True)
    )
    found = np.isfinite(occurrence).any(axis=1) | np.isfinite(intensity).any(axis=1)
    video = "frame_idx" in columns
    frame = whole_numbers(path, "frame_idx", columns["frame_idx"]) if video else np.arange(1, rows + 1)
    times, said = _times(path, columns, frame, fps) if video else (frame.astype(np.float64), "number of the picture")
    return ScoreTable.made_of(
        recording_name(path),
        units,
        times,
        np.where(found, 0, NO_FACE),
        frame=frame,
        occurrence=masked(occurrence, found),
        intensity=masked(intensity, found),
        others={name: columns[name] for name in _ANGLES if name in columns},
        tool=TOOL,
        meaning=MappingProxyType({**_MEANING, "time": said}),
        path=path,
    )


def _times(path: Path, columns: dict[str, np.ndarray], frame: np.ndarray, fps: float | None) -> tuple[np.ndarray, str]:
    """Seconds, and how the column was understood."""
    times = columns.get("frame_time_in_ms")
    if times is None:
        return times_of_frames(path, TOOL, frame, fps), "number of the frame by the frame rate that was given"
    steps = np.diff(times) / np.maximum(np.diff(frame), 1)
    if len(steps) and np.median(steps) > _MILLISECONDS:
        return times / 1000, "frame_time_in_ms, in milliseconds"
    return times, "frame_time_in_ms, which LibreFace writes in seconds"

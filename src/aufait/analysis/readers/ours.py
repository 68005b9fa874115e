"""Tables of ``aufait detect``: CSV and Parquet, videos and pictures.

The rule of the CSV that a frame without a face holds OpenFace's zeros ends here: such rows have NaN.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header
from aufait.analysis.readers.shared import face_numbers, numbered, recording_name, whole_numbers
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError
from aufait.media.sources import IMAGE_EXTENSIONS

TOOL = "aufait"

_PROBABILITY = re.compile(r"AU(\d\d)_p")
_SUFFIXES = {
    "probability": "p", "intensity": "r", "occurrence": "c", "probability_left": "left_p", "probability_right": "right_p",
    "intensity_left": "left_r", "intensity_right": "right_r",
}  # fmt: skip
_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")
_INDEX = ("frame", "face_id", "face", "timestamp", "presentation_time", "success", "confidence", "quality")


def recognises(header: Header) -> bool:
    """Probabilities of action units beside a quality: no other tool writes both."""
    return "quality" in header.columns and any(_PROBABILITY.fullmatch(name) for name in header.columns)


def read(path: Path, header: Header, fps: float | None = None, scores_only: bool = False) -> ScoreTable:
    """Read a table of ours.

    Args:
        fps: not used, the table has times.
        scores_only: leave out the sides, the pose and the box.

    Raises:
        InputError: damaged, or pictures and times mixed.
    """
    units = tuple(int(match[1]) for name in header.columns if (match := _PROBABILITY.fullmatch(name)))
    scores = {name: [f"AU{unit:02d}_{suffix}" for unit in units] for name, suffix in _SUFFIXES.items()}
    sides = [name for name in scores if name.endswith(("left", "right"))]
    if scores_only or not any(name in header.columns for name in scores["intensity_left"]):
        scores = {name: columns for name, columns in scores.items() if name not in sides}
    others = () if scores_only else (*_POSE, *_BOX)
    columns = read_columns(path, header, [*_INDEX, *others], ["source"], matrices=scores)
    if "success" not in columns or "source" not in columns:
        raise InputError(f"{path}: a table of aufait has the columns success and source, this one has not; was it edited?")
    found = columns["success"] == 1
    sources = columns["source"]
    of_pictures = _are_pictures(columns, sources)
    if of_pictures:  # Parquet has a frame and a time for each of them too
        for name in ("frame", "timestamp", "presentation_time"):
            columns.pop(name, None)
    rows = len(found)
    absent = ~found

    for name in scores:
        columns[name][absent] = np.nan
    if "intensity_left" in scores and not np.isfinite(columns["intensity_left"]).any():
        scores = {name: units for name, units in scores.items() if name not in sides}

    def per_row(name: str) -> np.ndarray:
        values = columns.get(name, np.full(rows, np.nan)).astype(np.float32)
        return np.where(found, values, np.float32(np.nan))

    face = columns.get("face_id", columns.get("face", np.zeros(rows)))
    return ScoreTable.made_of(
        recording_name(path),
        units,
        _times(path, columns, sources),
        face_numbers(path, face, found),
        frame=whole_numbers(path, "frame", columns["frame"]) if "frame" in columns else numbered(sources),
        confidence=per_row("confidence"),
        quality=per_row("quality"),
        **{name: columns[name] for name in scores},
        others={name: np.where(found, columns[name], np.nan) for name in others if name in columns},
        source=str(sources[0]) if rows and len(set(sources)) == 1 else "",
        path=path,
        of_pictures=of_pictures,
    )


def _are_pictures(columns: dict[str, np.ndarray], sources: np.ndarray) -> bool:
    """CSVs of pictures have no times; in Parquet there are several pictures, or one."""
    if not {"presentation_time", "timestamp"} & set(columns) or len(set(sources)) > 1:
        return True
    frames = columns.get("frame", np.zeros(0))
    return bool(len(sources)) and len(np.unique(frames)) == 1 and Path(str(sources[0])).suffix.lower() in IMAGE_EXTENSIONS


def _times(path: Path, columns: dict[str, np.ndarray], sources: np.ndarray) -> np.ndarray:
    times = columns.get("presentation_time", columns.get("timestamp"))
    if times is None:
        return numbered(sources).astype(np.float64)
    if not np.isfinite(times).all():
        raise InputError(f"{path}: row {int(np.argmin(np.isfinite(times))) + 1} has no time; write the table again")
    return times

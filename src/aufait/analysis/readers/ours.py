"""Tables of ``aufait detect``: CSV and Parquet, videos and pictures.

The rule of the CSV that a frame without a face holds OpenFace's zeros ends here: such rows have NaN.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header
from aufait.analysis.score_table import NO_FACE, ScoreTable
from aufait.errors import InputError

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


def read(path: Path, header: Header, scores_only: bool = False) -> ScoreTable:
    """Read a table of ours.

    Args:
        scores_only: leave out the sides, the pose and the box.

    Raises:
        InputError: damaged, or pictures and times mixed.
    """
    units = tuple(int(match[1]) for name in header.columns if (match := _PROBABILITY.fullmatch(name)))
    scores = {name: [f"AU{unit:02d}_{suffix}" for unit in units] for name, suffix in _SUFFIXES.items()}
    if scores_only:
        scores = {name: [] if name.endswith(("left", "right")) else columns for name, columns in scores.items()}
    single = [column for columns in scores.values() for column in columns]
    others = () if scores_only else (*_POSE, *_BOX)
    columns = read_columns(path, header, [*_INDEX, *others, *single], ["source"], single=single)
    if "success" not in columns or "source" not in columns:
        raise InputError(f"{path}: a table of aufait has the columns success and source, this one has not; was it edited?")
    found = columns["success"] == 1
    rows = len(found)
    absent = ~found

    def of_units(name: str) -> np.ndarray:
        values = np.full((rows, len(units)), np.nan, np.float32)
        for place, column in enumerate(scores[name]):
            if column in columns:
                values[:, place] = columns.pop(column)
        values[absent] = np.nan
        return values

    def per_row(name: str) -> np.ndarray:
        values = columns.get(name, np.full(rows, np.nan)).astype(np.float32)
        return np.where(found, values, np.float32(np.nan))

    sided = any(column in columns and np.isfinite(columns[column]).any() for column in scores["intensity_left"])
    sides = {name: of_units(name) if sided else None for name in _SUFFIXES if name.endswith(("left", "right"))}
    face = columns.get("face_id", columns.get("face", np.zeros(rows)))
    sources = columns["source"]
    return ScoreTable.made_of(
        _recording(path),
        units,
        _times(columns, sources),
        np.where(found, np.nan_to_num(face, nan=NO_FACE), NO_FACE).astype(np.int64),
        frame=columns["frame"].astype(np.int64) if "frame" in columns else _picture_numbers(sources),
        confidence=per_row("confidence"),
        quality=per_row("quality"),
        **{name: of_units(name) for name in ("probability", "intensity", "occurrence")},
        **sides,
        others={name: np.where(found, columns[name], np.nan) for name in others if name in columns},
        source=str(sources[0]) if rows and len(set(sources)) == 1 else "",
        path=path,
    )


def _recording(path: Path) -> str:
    """clip.csv, clip.partial.csv and clip.parquet are recordings called "clip"."""
    return path.stem.removesuffix(".partial")


def _times(columns: dict[str, np.ndarray], sources: np.ndarray) -> np.ndarray:
    times = columns.get("presentation_time", columns.get("timestamp"))
    return _picture_numbers(sources).astype(np.float64) if times is None else times


def _picture_numbers(sources: np.ndarray) -> np.ndarray:
    """1, 2, ... for the pictures of a table in their order, the same for all faces of one."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(source, len(numbers) + 1) for source in sources], dtype=np.int64)

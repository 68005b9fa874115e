"""py-feat's table ("Fex"): its columns in its order, for its functions and its viewer. What the table has not is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import read_header
from aufait.analysis.score_table import NO_FACE, ScoreTable
from aufait.analysis.writers.names import one_line
from aufait.analysis.writers.picture_tables import of_pictures, picture_names
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.text_columns import lines
from aufait.errors import InputError
from aufait.files.atomic import write_text
from aufait.files.safe_text import encodable, plain_cell

SUFFIX = ".csv"
JOINT = False
WANTS = "scores"
MEANING = "py-feat: its Fex table, probabilities as AU01, AU02, ..."

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
"""Action units of py-feat, in its order; others of the table follow them."""

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
_POINTS = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))
_ROW = ("frame", "face_id", "face")
_WITH_POINTS = ("aufait", "openface")
_POSE = {"Pitch": "pose_Rx", "Roll": "pose_Rz", "Yaw": "pose_Ry"}


def write(recording: Recording, target: Path, choices: Choices) -> list[Path]:
    """Write one recording's table.

    Raises:
        InputError: only its events are known.
    """
    if recording.table is None:
        raise InputError(f"{recording.name}: py-feat's table holds scores of frames, and only events were given; give its table")
    columns = dict(_columns(recording.table, _landmarks(recording.table)))
    text = "".join(lines([*columns.values()]))
    return [write_text(target, ",".join(columns) + "\n" + text, overwrite=choices.overwrite)]


def _landmarks(table: ScoreTable) -> dict[str, np.ndarray]:
    """The 68 points from the file that the table was read from, where its rows are still the table's; else what it holds."""
    found = {name: table.others[name] for name in _POINTS if name in table.others}
    if len(found) == len(_POINTS) or table.path is None or table.tool not in _WITH_POINTS or not table.path.is_file():
        return found
    columns = read_columns(table.path, read_header(table.path), [*_POINTS, *_ROW])
    face = columns.get("face_id", columns.get("face"))
    same = face is not None and len(face) == len(table) and np.array_equal(face[table.found], table.face_id[table.found])
    if not same or not np.array_equal(columns.get("frame", table.frame), table.frame):
        return found
    return {name: np.where(table.found, columns[name], np.nan) for name in _POINTS if name in columns}


def _columns(table: ScoreTable, landmarks: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    nothing = np.full(len(table), "", dtype=object)
    for name, values in _box(table).items():
        yield name, values
    yield "FaceScore", table.confidence
    for name in _POINTS:
        yield name, landmarks.get(name, nothing)
    for name, ours in _POSE.items():
        yield name, table.others.get(ours, nothing)
    for unit in (*UNITS, *(unit for unit in table.action_units if unit not in UNITS)):
        known = unit in table.action_units
        yield f"AU{unit:02d}", table.probability[:, table.index(unit)] if known else nothing
    for name in EMOTIONS:
        yield name, nothing
    pictures = picture_names(table) if of_pictures(table) else None
    named = np.full(len(table), table.source or table.name, dtype=object) if pictures is None else pictures
    quoted = {name: _quoted(name) for name in dict.fromkeys(named)}
    yield "input", np.array([quoted[name] for name in named], dtype=object)
    first = int(table.frame.min()) if len(table) else 0
    yield "frame", table.frame - min(first, 1)
    yield "approx_time", _clock(table.time)
    names = {face: f"Person_{face}" if face != NO_FACE else "" for face in (NO_FACE, *table.faces)}
    yield "Identity", np.array([names[face] for face in table.face_id.tolist()], dtype=object)


def _box(table: ScoreTable) -> dict[str, np.ndarray]:
    sides = [table.others.get(f"box_{side}", np.full(len(table), np.nan)) for side in ("x0", "y0", "x1", "y1")]
    left, top, right, bottom = sides
    return {
        "FaceRectX": left, "FaceRectY": top, "FaceRectWidth": np.round(right - left, 4), "FaceRectHeight": np.round(bottom - top, 4)
    }  # fmt: skip


def _clock(seconds: np.ndarray) -> np.ndarray:
    """"MM:SS", as py-feat writes it: whole seconds."""
    whole, place = np.unique(np.floor(seconds).astype(np.int64), return_inverse=True)
    texts = np.array([f"{second // 60:02d}:{second % 60:02d}" for second in whole.tolist()], dtype=object)
    return texts[place] if len(texts) else np.empty(0, dtype=object)


def _quoted(text: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([plain_cell(encodable(one_line(text)))])
    return line.getvalue()

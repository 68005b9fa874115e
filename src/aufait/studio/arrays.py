"""What lanes and overlay need of a recording, as arrays on the disc that are mapped, not read: an hour answers at once.

Rows are those of the table, ordered by face, then time; the rows of frames without a face come first. Scores lie the other way
round, one line of the file per action unit, so that a lane reads only its own unit.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aufait.analysis import ScoreTable, read_table
from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import read_header
from aufait.analysis.score_table import NO_FACE, PER_ROW, PER_UNIT

_META = "meta.json"
_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")
_POINTS = tuple(f"{axis}_{number}" for number in range(68) for axis in "xy")
_LARGEST = 32_767
NOWHERE = -32_768
"""Stored in place of a landmark that is not known."""
_KEPT_OPEN = 6


@dataclass(frozen=True)
class FaceRows:
    """Where the rows of one face are.

    Attributes:
        face: its number.
        start, stop: its rows.
        first, last: seconds at which it is first and last seen.
        quality: mean quality of its pictures, None where it is not known.
    """

    face: int
    start: int
    stop: int
    first: float
    last: float
    quality: float | None

    @property
    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "face": self.face, "rows": self.stop - self.start, "first": round(self.first, 3), "last": round(self.last, 3),
            "quality": self.quality,
        }  # fmt: skip


class Arrays:
    """The arrays of one recording: N rows, A action units, F frames.

    Attributes:
        action_units: A FACS numbers.
        faces: FaceRows, ascending.
        scale: stored landmarks are pixels times this.
        time (N,) float64, frame (N,) int64, face_id (N,) int64, confidence, quality (N,) float32.
        probability, intensity, occurrence and, where they are given, those of the sides: (A, N) float32, by ``scores``.
        box (N, 4) float32; landmarks (N, 136) int16, x and y in turn.
        order (N,): the rows in the order of the table, by time, then face.
        frame_times (F,) float64: every frame once.
    """

    def __init__(self, folder: Path) -> None:
        meta = json.loads((folder / _META).read_text("utf-8"))
        self.action_units: tuple[int, ...] = tuple(meta["action_units"])
        self.faces = [FaceRows(**one) for one in meta["faces"]]
        self.scale: int = meta["scale"]
        self.of_pictures: bool = meta["of_pictures"]
        self._tool: str = meta["tool"]
        self._arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
        self.scores = {name: self._arrays[name] for name in PER_UNIT if name in self._arrays}
        for name in (*PER_ROW, "box", "landmarks", "order", "frame_times"):
            setattr(self, name, self._arrays[name])

    time: np.ndarray
    frame: np.ndarray
    face_id: np.ndarray
    confidence: np.ndarray
    quality: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    order: np.ndarray
    frame_times: np.ndarray

    def __len__(self) -> int:
        return len(self.time)

    def face(self, number: int) -> FaceRows | None:
        """The rows of a face, None where there is no such face."""
        return next((one for one in self.faces if one.face == number), None)

    @cached_property
    def frame_distance(self) -> float:
        """Median seconds from frame to frame; 0 for fewer than two."""
        return float(np.median(np.diff(self.frame_times))) if len(self.frame_times) > 1 else 0.0

    @cached_property
    def times_in_order(self) -> np.ndarray:
        """(N,) float64: times in the order of the table."""
        return np.asarray(self.time[self.order])

    @cached_property
    def has_intensity(self) -> bool:
        """Whether there is any intensity."""
        return bool(np.isfinite(self.scores["intensity"]).any())

    def table(self, name: str, source: str) -> ScoreTable:
        """The whole table, in its own order."""
        order = np.asarray(self.order)
        rows: dict[str, Any] = {one: np.asarray(getattr(self, one)[order]) for one in PER_ROW}
        scores: dict[str, Any] = {one: np.ascontiguousarray(values.T)[order] for one, values in self.scores.items()}
        others = {column: np.asarray(self.box[order, place]) for place, column in enumerate(_BOX)}
        return ScoreTable(
            name, self.action_units, **rows, **scores, others=others, source=source, tool=self._tool, of_pictures=self.of_pictures
        )


class ArraysCache:
    """Arrays that are open; the ones asked for longest ago are closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, Arrays] = OrderedDict()

    def open(self, folder: Path) -> Arrays:
        """The arrays in a folder."""
        with self._lock:
            found = self._open.pop(folder, None) or Arrays(folder)
            self._open[folder] = found
            while len(self._open) > _KEPT_OPEN:
                self._open.popitem(last=False)
            return found

    def drop(self, folder: Path) -> None:
        """Close those in a folder."""
        with self._lock:
            self._open.pop(folder, None)

    def clear(self) -> None:
        """Close all."""
        with self._lock:
            self._open.clear()


def write_arrays(table_path: Path, folder: Path) -> ScoreTable:
    """Make the arrays of a table that ``aufait detect`` wrote; what was in the folder is replaced. Returns the table."""
    table = read_table(table_path)
    box, landmarks = _places(table_path, table)
    order = np.lexsort((table.time, table.face_id))
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write(partial, table, order, box, landmarks)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return table


def _write(folder: Path, table: ScoreTable, order: np.ndarray, box: np.ndarray, landmarks: np.ndarray) -> None:
    def keep(name: str, values: np.ndarray) -> None:
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values), allow_pickle=False)

    for name in PER_ROW:
        keep(name, getattr(table, name)[order])
    for name in PER_UNIT:
        if (values := getattr(table, name)) is not None:
            keep(name, values.T[:, order])
    stored, scale = _scaled(landmarks)
    keep("box", box[order])
    keep("landmarks", stored[order])
    keep("order", np.argsort(order, kind="stable").astype(np.int32))
    keep("frame_times", table.frame_times)
    faces = [vars(one) for one in _faces(table.face_id[order], table.time[order], table.quality[order])]
    meta = {
        "action_units": table.action_units, "faces": faces, "scale": scale, "tool": table.tool, "of_pictures": table.of_pictures
    }  # fmt: skip
    (folder / _META).write_text(json.dumps(meta), "utf-8")


def _places(path: Path, table: ScoreTable) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) and landmarks (N, 136) in pixels, NaN where there is no face, in the order of the table's rows."""
    matrices = {"box": _BOX, "points": _POINTS}
    columns = read_columns(path, read_header(path), ["presentation_time", "face_id", "face"], matrices=matrices)
    box, points = columns["box"], columns["points"]
    if "presentation_time" in columns and (np.diff(columns["presentation_time"]) < 0).any():
        order = np.lexsort((columns["face_id"], columns["presentation_time"]))
        box, points = box[order], points[order]
    absent = table.face_id == NO_FACE
    box[absent], points[absent] = np.nan, np.nan
    return box, points


def _scaled(landmarks: np.ndarray) -> tuple[np.ndarray, int]:
    """Landmarks as whole numbers, in tenths of a pixel where they fit."""
    known = np.isfinite(landmarks)
    largest = float(np.abs(landmarks[known]).max()) if known.any() else 0.0
    scale = next((one for one in (10, 5, 2) if largest * one < _LARGEST), 1)
    whole = np.where(known, np.clip(np.rint(landmarks * scale), -_LARGEST, _LARGEST), NOWHERE)
    return whole.astype(np.int16), scale


def _faces(face_id: np.ndarray, time: np.ndarray, quality: np.ndarray) -> list[FaceRows]:
    numbers, starts = np.unique(face_id, return_index=True)
    stops = [*starts[1:].tolist(), len(face_id)]
    found = []
    for number, start, stop in zip(numbers.tolist(), starts.tolist(), stops, strict=True):
        if number == NO_FACE:
            continue
        some = quality[start:stop]
        mean = round(float(np.nanmean(some)), 3) if np.isfinite(some).any() else None
        found.append(FaceRows(number, start, stop, float(time[start]), float(time[stop - 1]), mean))
    return found

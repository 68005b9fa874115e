"""Boxes, landmarks and scores of every frame of a short window: what is drawn over the video."""

from __future__ import annotations

import numpy as np

from aufait.analysis.score_table import NO_FACE
from aufait.studio.arrays import Arrays
from aufait.studio.number_text import place_cells, score_cells, score_list

_SCORES = ("probability", "intensity")
_POINTS = 136


def rows_between(arrays: Arrays, start: float, end: float) -> np.ndarray:
    """The rows with start <= time <= end, in the order of the table."""
    times = arrays.times_in_order
    return np.asarray(arrays.order[np.searchsorted(times, start) : np.searchsorted(times, end, "right")])


def faces_json(arrays: Arrays, rows: np.ndarray) -> str:
    """The answer of the API for some rows, which are in the order of the table."""
    if not len(rows):
        return f'{{"frames":[],"action_units":{list(arrays.action_units)}}}'
    times, numbers = arrays.time[rows], arrays.face_id[rows]
    begins = np.flatnonzero(np.diff(times, prepend=np.nextafter(times[0], -np.inf)))
    faces = _faces(arrays, rows, numbers)
    ends = [*begins[1:].tolist(), len(rows)]
    frames = []
    for begin, stop, time in zip(begins.tolist(), ends, times[begins].tolist(), strict=True):
        own = ",".join(text for text in faces[begin:stop] if text)
        frames.append(f'{{"time":{time:.6f},"faces":[{own}]}}')
    return f'{{"frames":[{",".join(frames)}],"action_units":{list(arrays.action_units)}}}'


def _faces(arrays: Arrays, rows: np.ndarray, numbers: np.ndarray) -> list[str]:
    """The text of each row's face, empty where there is none."""
    boxes = _cut(_box_cells(arrays.box[rows]), 4)
    points = _cut(place_cells(arrays.landmarks[rows], arrays.scale), _POINTS)
    quality = score_cells(arrays.quality[rows])
    scores = [_scores(arrays, name, rows) for name in _SCORES]
    strength = "intensity" if arrays.has_intensity else "probability"
    sides = [_scores(arrays, f"{strength}_{side}", rows) for side in ("left", "right")]
    parts = zip(numbers.tolist(), boxes, points, quality, *scores, *sides, strict=True)
    return [
        ""
        if number == NO_FACE
        else f'{{"face":{number},"box":[{box}],"landmarks":[{place}],"quality":{own},"probability":{probability},'
        f'"intensity":{intensity},"left":{left},"right":{right}}}'
        for number, box, place, own, probability, intensity, left, right in parts
    ]


def _box_cells(boxes: np.ndarray) -> list[str]:
    return ["null" if value != value else f"{value:.1f}" for value in boxes.ravel().tolist()]


def _scores(arrays: Arrays, name: str, rows: np.ndarray) -> list[str]:
    """A JSON list for each row."""
    if name not in arrays.scores:
        return [score_list(np.full(len(arrays.action_units), np.nan))] * len(rows)
    values = np.ascontiguousarray(arrays.scores[name][:, rows].T)
    return [f"[{text}]" for text in _cut(score_cells(values), len(arrays.action_units))]


def _cut(cells: list[str], size: int) -> list[str]:
    """Cells, so many at a time, joined by commas."""
    return [",".join(cells[start : start + size]) for start in range(0, len(cells), size)]

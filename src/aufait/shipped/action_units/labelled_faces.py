"""Real faces with action-unit labels, for calibration and for figures: reading the list.

A folder holds ``labels.json``, a list of ``{id, file, group, box [x, y, w, h], occluded, labels {"AU1": 1, 0 or null}}``, and the
pictures that it names. ``group`` is the person or clip: figures are split and resampled by it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.errors import InputError
from aufait.faces.boxes import overlap

MIN_OVERLAP = 0.25
"""Intersection over union from which a found face is the labelled one: boxes from the forehead and from the brows overlap by
about 0.6."""


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """One face of the set. box: x, y, w, h in pixels, forehead to chin. labels: AU name -> 1, 0 or None (cannot be said)."""

    name: str
    path: Path
    group: str
    box: tuple[float, float, float, float]
    occluded: bool
    labels: dict[str, int | None]


def read_labelled_faces(folder: Path) -> list[LabelledFace]:
    """The faces of ``labels.json``.

    Raises:
        InputError: the file is absent or is not such a list.
    """
    path = folder / "labels.json"
    if not path.is_file():
        raise InputError(f"{path} does not exist; expected a folder with labels.json and images/")
    try:
        return [
            LabelledFace(
                item["id"], folder / item["file"], item["group"], tuple(item["box"]), bool(item["occluded"]), item["labels"]
            )
            for item in json.loads(path.read_text())
        ]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a list of faces with id, file, group, box, occluded and labels: {error!r}") from error


def label_table(faces: Sequence[LabelledFace], action_units: Sequence[int]) -> np.ndarray:
    """(N, A) float labels 1, 0 or nan (unknown, or a unit that nobody coded)."""
    rows = [[face.labels.get(f"AU{au}") for au in action_units] for face in faces]
    return np.array([[np.nan if value is None else float(value) for value in row] for row in rows]).reshape(-1, len(action_units))


def best_match(boxes: Sequence[np.ndarray], wanted: Sequence[float]) -> int | None:
    """Which of the boxes (x0, y0, x1, y1) overlaps a labelled box (x, y, w, h) most; None where none does by ``MIN_OVERLAP``."""
    target = np.array([wanted[0], wanted[1], wanted[0] + wanted[2], wanted[1] + wanted[3]])
    if not len(boxes):
        return None
    shared = overlap(np.stack(list(boxes)), target[None])[:, 0]
    best = int(np.argmax(shared))
    return best if shared[best] >= MIN_OVERLAP else None

"""A studio with recordings whose results are there, made without any network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from fakes import FakeFinder, textured, write_clip

from aufait.analysis.events import find_events
from aufait.studio.arrays import write_arrays
from aufait.studio.events import keep_found
from aufait.studio.settings import StudioSettings
from aufait.studio.studio import Studio

RATE = 25
UNITS = (1, 12)


def open_studio(folder: Path) -> Studio:
    """A studio that analyses nothing by itself."""
    return Studio(folder, StudioSettings(finder="fake", model="fake-model"))


def add_recording(
    studio: Studio,
    number: int,
    faces: Mapping[int, np.ndarray],
    *,
    name: str = "",
    quality: np.ndarray | None = None,
    frames: int = 12,
) -> str:
    """A finished recording.

    Args:
        number: becomes its id.
        faces: number of each face -> (N,) intensity of AU12, 25 a second; AU1 is 1.
        quality: (N,) of all faces.
        frames: of its video.

    Returns:
        Its id.
    """
    identity = f"{number:012x}"
    folder = studio.folder / "recordings" / identity
    folder.mkdir(parents=True)
    clip = write_clip(folder / "clip.mp4", frames)
    (folder / "original").write_bytes(clip.read_bytes())
    studio.store.add(identity, {"name": name or f"recording {number}", "kind": "video"})
    table = write_arrays(_write_table(folder / "result.csv", faces, quality), folder / "arrays")
    names = ("label", "face_id", "onset", "apex", "offset", "peak", "mean", "kind")
    keep_found(studio.store, identity, [tuple(getattr(event, one) for one in names) for event in find_events(table)])
    studio.store.update(identity, state="done", settings={"finder": "fake", "model": "fake-model"})
    return identity


def _write_table(path: Path, faces: Mapping[int, np.ndarray], quality: np.ndarray | None) -> Path:
    (face,) = FakeFinder().find(textured())
    places = [*face.box.tolist(), *face.landmarks.ravel().tolist()]
    columns = ["frame", "face_id", "timestamp", "confidence", "success", "presentation_time", "quality"]
    columns += ["box_x0", "box_y0", "box_x1", "box_y1", *(f"{axis}_{point}" for point in range(68) for axis in "xy")]
    columns += [f"AU{unit:02d}_{kind}" for kind in "pr" for unit in UNITS] + ["source"]
    lines = [",".join(columns)]
    for row in range(max(map(len, faces.values()))):
        for number, values in faces.items():
            if row < len(values):
                good = 0.9 if quality is None else quality[row]
                scores = [0.3, min(values[row] / 3, 1.0), 1.0, values[row]]
                cells = [row + 1, number, row / RATE, 0.9, 1, row / RATE, good, *places, *scores, "clip.mp4"]
                lines.append(",".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path

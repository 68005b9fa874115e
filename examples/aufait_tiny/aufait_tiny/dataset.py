"""Pictures named PERSON_NUMBER_UNITS.png, such as ann_01_1-12.png: the action units that show are in the name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.pictures import ImageFolder
from aufait.data.recording import Recording
from aufait.errors import InputError

UNITS = (1, 12)


def open_tiny_faces(root: Path) -> AUDataset:
    """Pictures whose names say what they show"""
    files: dict[str, dict[int, Path]] = {}
    for path in sorted(Path(root).glob("*_*_*.png")):
        person, number, _ = path.stem.split("_")
        files.setdefault(person, {})[int(number)] = path
    if not files:
        raise InputError(f"{root} holds no picture named PERSON_NUMBER_UNITS.png")
    recordings = tuple(_recording(person, pictures) for person, pictures in files.items())
    return AUDataset("tiny_faces", UNITS, recordings, AnomalyLog())


def _recording(person: str, pictures: dict[int, Path]) -> Recording:
    frames = np.array(sorted(pictures), np.int64)
    shown = [pictures[int(frame)].stem.split("_")[2].split("-") for frame in frames]
    occurrence = np.array([[str(unit) in units for unit in UNITS] for units in shown], np.int8)
    known = np.ones_like(occurrence, bool)
    return Recording(
        dataset="tiny_faces", subject=person, task="", frames=frames, action_units=UNITS, occurrence=occurrence,
        intensity=np.zeros_like(occurrence), occurrence_known=known, intensity_known=np.zeros_like(known),
        media=ImageFolder(next(iter(pictures.values())).parent, frames, [pictures[int(frame)].name for frame in frames]),
    )  # fmt: skip

"""Tiny prepared faces to train on, and what runs on them are compared by."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from aufait.action_units import AU_SETS
from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.preparation import FaceCache, write_cache
from aufait.data.protocols import get_protocol
from aufait.data.recording import Recording
from aufait.inputs.alignments import ALIGNMENTS
from aufait.models.system import _MEAN_FACE_49

SMALL = ["model_settings.unit=4", "model_settings.image_size=48", "batch_size=4", "epochs=2", "hold_out=0.15"]
CONVNET = ["model=convnet", "model_settings.image_size=60", "model_settings.fc7_width=16", "model_settings.dropout=0"]


def tiny_cache(path: Path, name: str, alignment: str = "jaa_net", *, frames: int = 6, each: int = 2, units: str = "") -> FaceCache:
    """Noise with landmarks and labels, for each recording ``frames`` faces: ``each`` subjects of every part of the protocol."""
    random = np.random.default_rng(len(name))
    protocol = get_protocol(name)
    parts = {part for fold in protocol.folds for part in (*fold.train, *fold.test)}
    subjects = sorted({subject for part in parts for subject in sorted(part.subjects or ())[:each]})
    action_units = AU_SETS[units or name]
    recordings = []
    for subject in subjects:
        labels = random.integers(0, 6, (frames, len(action_units))).astype(np.int8)
        known = np.ones(labels.shape, bool)
        recordings.append(
            Recording(
                dataset=name, subject=subject, task="T1", frames=np.arange(1, frames + 1), action_units=action_units,
                occurrence=(labels >= 2).astype(np.int8), intensity=labels, occurrence_known=known, intensity_known=known,
                occurrence_coded=name == "bp4d",
            )
        )  # fmt: skip
    dataset = AUDataset(name, action_units, tuple(recordings), AnomalyLog())
    side, window = ALIGNMENTS[alignment].side, ALIGNMENTS[alignment].window
    faces = random.integers(0, 256, (len(dataset), side, side, 3), dtype=np.uint8)
    points = (side - window) / 2 + np.array(_MEAN_FACE_49) * window
    landmarks = points + random.normal(size=(len(dataset), 49, 2))
    return write_cache(path, dataset, faces, landmarks.astype(np.float32), alignment=alignment, synthetic=True)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


def assert_same_weights(first: Path, second: Path, **tolerance: float) -> None:
    ours, theirs = weights(first), weights(second)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], **(tolerance or {"rtol": 0, "atol": 0}))

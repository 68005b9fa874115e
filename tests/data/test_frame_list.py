"""Lists of frames as released: which frames of which recording, and mistakes that are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.frame_list import keep_frames, read_frame_list
from aufait.data.recording import Recording
from aufait.errors import InputError


def recording(subject: str, task: str) -> Recording:
    known = np.ones((5, 2), bool)
    labels = np.arange(10).reshape(5, 2).astype(np.int8) % 2
    return Recording(
        dataset="bp4d", subject=subject, task=task, frames=np.arange(10, 15), action_units=(1, 2), occurrence=labels,
        intensity=labels, occurrence_known=known, intensity_known=known, frame_attributes={"clear": np.arange(5)},
    )  # fmt: skip


DATA = AUDataset("bp4d", (1, 2), (recording("F001", "T1"), recording("F001", "T2"), recording("F002", "T1")), AnomalyLog())


def listed(folder: Path, text: str) -> Path:
    path = folder / "list.txt"
    path.write_text(text)
    return path


def test_a_list_keeps_its_frames_with_their_labels(tmp_path: Path) -> None:
    path = listed(tmp_path, "F001/T1/0012.jpg 0 1\n\nF001/T1/10.png\nF002\\T1\\14\nF001/T1/12.jpg\n")
    data = keep_frames(DATA, read_frame_list(path))
    assert {one.name: one.frames.tolist() for one in data.recordings} == {"bp4d/F001/T1": [10, 12], "bp4d/F002/T1": [14]}
    first = data.recordings[0]
    assert np.array_equal(first.occurrence, DATA.recordings[0].occurrence[[0, 2]])
    assert first.frame_attributes["clear"].tolist() == [0, 2]
    assert len(data) == 3 and data.fingerprint() != DATA.fingerprint()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("F001/T1/19.jpg\n", r"1 frames of F001/T1 that bp4d/F001/T1 has no labels for: 19"),
        ("F009/T1/10\n", "'F009/T1', which is no recording of bp4d; recordings are named like F001/T1"),
        ("F001/10\n", "no recording of bp4d"),
        ("F001/T1/face\n", "line 1: expected RECORDING/FRAME"),
        ("\n", "names no frame"),
    ],
)
def test_mistakes_in_a_list_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        keep_frames(DATA, read_frame_list(listed(tmp_path, text)))
    with pytest.raises(InputError, match="no list of frames"):
        read_frame_list(tmp_path / "absent.txt")

"""Provenance: complete, true, without personal traces, present even when a run is stopped."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import pytest

from aufait.detection.provenance import ProvenanceWriter
from aufait.files.hashes import file_sha256
from aufait.files.versions import software_versions
from aufait.results import FrameAnalysis


def frame(number: int = 1, error: str | None = None) -> FrameAnalysis:
    return FrameAnalysis("/home/someone/clip.mp4", number, 0.0, (4, 4), error=error)


def test_record_of_a_complete_run(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"film" * 1000)
    with ProvenanceWriter(
        tmp_path / "a.provenance.json",
        model={"name": "default", "sha256": "0" * 64},
        finder="builtin",
        settings={"threshold": np.float32(0.5), "folder": Path("out"), "units": {12, 1}},
        command=["/usr/local/bin/aufait", "detect", "clip.mp4"],
    ) as provenance:
        provenance.add_input(tmp_path / "clip.mp4", "video", size=[640, 360])
        provenance.count(frame(1))
        provenance.count(frame(2, "damaged"), corrupt=True)
        provenance.add_output(tmp_path / "a.csv")
        provenance.update(finder="mesh")
    record = json.loads((tmp_path / "a.provenance.json").read_text())
    assert record["completed"] is True and record["started"] <= record["ended"] and record["finder"] == "mesh"
    digest = hashlib.sha256(b"film" * 1000).hexdigest()
    expected = {"name": "clip.mp4", "kind": "video", "bytes": 4000, "sha256": digest, "size": [640, 360]}
    assert record["inputs"] == [expected]
    assert record["counts"] == {"frames": 2, "faces": 0, "frames_without_face": 2, "frames_with_error": 1, "corrupt": 1}
    assert record["errors"] == ["clip.mp4, frame 2: damaged"] and record["outputs"] == ["a.csv"]
    assert record["command"] == ["aufait", "detect", "clip.mp4"]
    assert record["settings"] == {"threshold": 0.5, "folder": "out", "units": [1, 12]}
    assert {"aufait", "python", "torch", "numpy"} <= set(record["software"])


def test_nothing_personal_is_recorded(tmp_path):
    with ProvenanceWriter(tmp_path / "a.json") as provenance:
        provenance.add_input(tmp_path / "clip.mp4", "video")
        provenance.count(frame(1, "x"))
    text = (tmp_path / "a.json").read_text()
    assert str(tmp_path) not in text and "/home/someone" not in text
    assert platform.node() not in text
    assert f'"{getpass.getuser()}"' not in text


def test_record_exists_before_the_end_and_says_so(tmp_path):
    ProvenanceWriter(tmp_path / "a.provenance.json")
    record = json.loads((tmp_path / "a.provenance.partial.json").read_text())
    assert record["completed"] is False and record["ended"] is None


def test_interrupted_run_is_marked(tmp_path):
    with pytest.raises(KeyboardInterrupt), ProvenanceWriter(tmp_path / "a.provenance.json") as provenance:
        provenance.count(frame())
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.provenance.partial.json"]
    record = json.loads((tmp_path / "a.provenance.partial.json").read_text())
    assert (
        record["completed"] is False and record["errors"] == ["KeyboardInterrupt"] and record["counts"]["frames"] == 1
    )


def test_missing_input_is_noted_not_raised(tmp_path):
    with ProvenanceWriter(tmp_path / "a.json") as provenance:
        provenance.add_input(tmp_path / "gone.png", "image")
        provenance.add_input("camera 0", "camera")
    inputs = json.loads((tmp_path / "a.json").read_text())["inputs"]
    assert inputs[0]["error"] == "No such file or directory" and inputs[1]["sha256"] is None


def test_errors_are_bounded(tmp_path):
    with ProvenanceWriter(tmp_path / "a.json") as provenance:
        for number in range(1, 500):
            provenance.count(frame(number, "bad"))
    record = json.loads((tmp_path / "a.json").read_text())
    assert len(record["errors"]) == 100 and record["counts"]["frames_with_error"] == 499


def test_hash_is_streamed_and_right(tmp_path):
    data = np.random.default_rng(0).bytes(3_000_000)
    (tmp_path / "a").write_bytes(data)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_versions_do_not_import_the_packages():
    assert software_versions()["python"].startswith("3.")

"""Preparation of data sets and the cache of aligned faces."""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_trees import make_affwild2, make_bp4d, make_disfa, write_picture, write_text
from face_caches import (
    HeadFinder,
    end_process,
    face_landmarks,
    file_hashes,
    labelled_dataset,
    lack_package,
    make_head_finder,
    make_slow_head_finder,
    make_test_cache,
)
from typer.testing import CliRunner

from aufait.alignment import apply_transform, box_transform, warp
from aufait.cli.app import app
from aufait.data import get_protocol, open_dataset
from aufait.data.preparation import FaceCache, prepare, write_cache
from aufait.data.preparation.finding import Detected, is_tracked
from aufait.data.preparation.sources import mark_synthetic
from aufait.errors import AufaitError, InputError, MissingExtraError, OutputError
from aufait.faces.face import Face
from aufait.inputs.alignments import ALIGNMENTS, alignment_of, detector_boxes, get_alignment
from aufait.landmarks import convert

# ---------------------------------------------------------------------------------------------------------------------
# Alignments
# ---------------------------------------------------------------------------------------------------------------------


def test_every_network_has_an_alignment() -> None:
    import aufait

    assert {name: alignment_of(name) for name in ("arl", "wc-net", "aunet", "au-fan", "resnet18", "mgrr-net", "drml")} == {
        "arl": "arl", "wc-net": "arl", "aunet": "aunet", "au-fan": "aunet", "resnet18": "aunet", "mgrr-net": "jaa_net",
        "drml": "jaa_net",
    }  # fmt: skip
    assert all(alignment_of(name) in ALIGNMENTS for name in aufait.list_models())
    assert alignment_of(aufait.create_model("drml", au_set="disfa")) == "jaa_net"
    with pytest.raises(InputError, match="did you mean 'jaa_net'"):
        get_alignment("jaa_nett")


def test_aunet_frame_has_the_released_crop_in_its_middle() -> None:
    landmarks = face_landmarks(2, 300) + np.array([40.0, 25.0])
    matrix = ALIGNMENTS["aunet"].transforms(landmarks)
    crop = box_transform(detector_boxes(landmarks), 256)
    assert np.allclose(matrix[:, :, :2], crop[:, :, :2]) and np.allclose(matrix[:, :, 2], crop[:, :, 2] + 64)


def test_the_eye_corner_frame_is_that_of_jaa_net_with_the_corner_at_one_place() -> None:
    from aufait.landmarks import indices

    landmarks = face_landmarks(3, 300) * np.array([[[1.0, 1.0]], [[1.1, 0.95]], [[0.9, 1.2]]]) + np.array([40.0, 25.0])
    frame, plain = ALIGNMENTS["deep_regions"], ALIGNMENTS["jaa_net"]
    for points in (landmarks, convert(landmarks, 49)):
        matrix = frame.transforms(points)
        corner = points[:, indices("right_eye_inner", points.shape[1])]
        assert np.allclose(apply_transform(matrix, corner), frame.corner)
        assert np.allclose(matrix[:, :, :2], plain.transforms(points)[:, :, :2])
    assert np.abs(apply_transform(plain.transforms(landmarks), landmarks[:, [39]])[:, 0] - frame.corner).max() < 25
    assert frame.to_dict() == {**plain.to_dict(), "corner": [84.0, 80.0]}


def test_boxes_of_49_points_are_near_those_of_68() -> None:
    landmarks = face_landmarks(1, 300)
    whole, inner = detector_boxes(landmarks), detector_boxes(convert(landmarks, 49))
    assert np.abs(whole - inner).max() < 0.01 * (whole[0, 2] - whole[0, 0])
    assert 0.75 < (whole[0, 2] - whole[0, 0]) / (whole[0, 3] - whole[0, 1]) < 0.85


# ---------------------------------------------------------------------------------------------------------------------
# Cache
# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_test_cache(tmp_path_factory.mktemp("cache") / "faces").path


def test_cache_returns_what_was_written(tmp_path: Path) -> None:
    data = labelled_dataset(frames=3)
    faces = np.random.default_rng(1).integers(0, 256, (9, 200, 200, 3), dtype=np.uint8)
    landmarks = np.random.default_rng(2).random((9, 49, 2)).astype(np.float32)
    cache = write_cache(tmp_path / "faces", data, faces, landmarks, alignment="arl")
    rows = np.array([8, 0, 4, 4])
    assert len(cache) == 9 and cache.side == 200 and cache.points == 49 and not cache.synthetic and cache.alignment == "arl"
    assert (cache.faces(rows) == faces[rows]).all() and (cache.landmarks(rows) == landmarks[rows]).all()
    assert np.isnan(cache.pose(rows)).all() and cache.frames(rows).tolist() == [3, 1, 2, 2]
    assert cache.recordings(rows).tolist() == ["disfa/SN003", "disfa/SN001", "disfa/SN002", "disfa/SN002"]
    buffer = np.zeros((4, 200, 200, 3), np.uint8)
    assert cache.faces(rows, out=buffer) is buffer and (buffer == faces[rows]).all()


def test_cache_data_set_has_the_labels_and_rows_find_them_again(folder: Path) -> None:
    cache, data = FaceCache.open(folder, verify=True), labelled_dataset()
    got = cache.dataset()
    assert got.fingerprint() == data.fingerprint() and got.occurrence_threshold == 2 and got.subjects == data.subjects
    assert (cache.rows_of(got) == np.arange(12)).all()
    part = got.select(["SN003", "SN001"]).with_action_units((12, 5)).with_threshold(3)
    assert cache.rows_of(part).tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert (part.label_table().frame == cache.frames(cache.rows_of(part))).all()
    every_second = replace(got, recordings=tuple(one.rows(np.arange(len(one)) % 2 == 1) for one in got.recordings))
    assert cache.rows_of(every_second).tolist() == [1, 3, 5, 7, 9, 11]
    assert cache.rows_of(got.select([])).tolist() == []


def test_protocols_split_a_cache(tmp_path: Path) -> None:
    names = ("SN001", "SN002", "SN009", "SN003", "SN010", "SN004")
    cache = make_test_cache(tmp_path / "faces", labelled_dataset(subjects=names, frames=1))
    split = get_protocol("disfa").split(cache.dataset(), 1, strict=False)
    rows = np.concatenate([cache.rows_of(split.train), cache.rows_of(split.test)])
    assert sorted(rows.tolist()) == list(range(len(cache)))


def test_rows_of_another_data_set_are_refused(folder: Path) -> None:
    cache = FaceCache.open(folder)
    with pytest.raises(InputError, match="no recording disfa/SN077"):
        cache.rows_of(labelled_dataset(subjects=("SN077",)))
    with pytest.raises(InputError, match=r"no face for frame 5 of disfa/SN001 \(2 such frames\)"):
        cache.rows_of(labelled_dataset(subjects=("SN001",), frames=6))
    with pytest.raises(InputError, match=r"rows must be in 0..11, got 3..12"):
        cache.faces([3, 12])


def test_neighbours_stay_in_their_recording(tmp_path: Path) -> None:
    data = labelled_dataset(subjects=("SN001", "SN002"), frames=4)
    gap = data.recordings[1].rows(np.array([True, True, False, True]))
    cache = make_test_cache(tmp_path / "faces", replace(data, recordings=(data.recordings[0], gap)))
    assert cache.neighbours(range(7), 1).tolist() == [[0, 1], [0, 2], [1, 3], [2, 3], [4, 5], [4, 5], [6, 6]]
    assert cache.neighbours([1, 4, 6], 2).tolist() == [[1, 3], [4, 4], [5, 6]]
    for interval in (0, 4, 9, 12, 1000):
        assert cache.neighbours(range(7), interval).tolist() == [[row, row] for row in range(7)]
    with pytest.raises(InputError, match="interval"):
        cache.neighbours([0], -1)


def test_cache_travels_to_other_processes(folder: Path) -> None:
    cache = FaceCache.open(folder)
    cache.faces([0])
    copy = pickle.loads(pickle.dumps(cache))
    assert (copy.faces([5]) == cache.faces([5])).all() and copy.fingerprint == cache.fingerprint


def test_attributes_of_frames_and_recordings_come_back(tmp_path: Path) -> None:
    data = labelled_dataset(subjects=("SN001", "SN002"), frames=2)
    first = replace(
        data.recordings[0],
        attributes={"skin_tone": 0.4, "partition": "train"},
        frame_attributes={"occlusion": np.array(["hand", ""]), "blur": np.array([1.0, 2.0])},
        pose=np.ones((2, 3), np.float32),
        view=3,
    )
    cache = make_test_cache(tmp_path / "faces", replace(data, recordings=(first, data.recordings[1])))
    one, other = cache.dataset().recordings
    assert one.name == "disfa/SN001/3" and dict(one.attributes) == {"skin_tone": 0.4, "partition": "train"}
    assert one.frame_attributes["occlusion"].tolist() == ["hand", ""] and one.frame_attributes["blur"].tolist() == [1.0, 2.0]
    assert (one.pose == 1).all() and other.pose is None and not other.frame_attributes and other.frame_rate == 20.0


def test_more_recordings_than_files_may_be_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aufait.data.preparation.cache._OPEN_FILES", 1)
    cache, rows = FaceCache.open(folder), np.array([0, 5, 9, 1, 4, 8])
    assert (cache.faces(rows) == np.concatenate([FaceCache.open(folder).faces([row]) for row in rows])).all()
    assert len(cache._maps) == 1


def test_damage_is_named(tmp_path: Path) -> None:
    cache = make_test_cache(tmp_path / "faces")
    shard = cache.path / cache.manifest["recordings"][1]["file"]
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content)
    FaceCache.open(cache.path)
    with pytest.raises(InputError, match=r"damaged: shards/00001-disfa_SN002.u8 changed"):
        FaceCache.open(cache.path, verify=True)
    shard.write_bytes(content[:-1])
    with pytest.raises(InputError, match="of another size"):
        FaceCache.open(cache.path)
    (cache.path / "manifest.json").unlink()
    with pytest.raises(InputError, match="unfinished"):
        FaceCache.open(cache.path)
    with pytest.raises(InputError, match="aufait prepare DATASET ROOT"):
        FaceCache.open(tmp_path)


def test_writing_refuses_what_does_not_fit(tmp_path: Path) -> None:
    data = labelled_dataset(frames=1)
    faces, landmarks = np.zeros((3, 200, 200, 3), np.uint8), face_landmarks(3, 200)
    with pytest.raises(InputError, match="3 frames, but there are 2 faces"):
        write_cache(tmp_path / "a", data, faces[:2], landmarks)
    with pytest.raises(InputError, match=r"must be \(n, 384, 384, 3\)"):
        write_cache(tmp_path / "b", data, faces, landmarks, alignment="aunet")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="not empty"):
        write_cache(tmp_path / "c", data, faces, landmarks)


# ---------------------------------------------------------------------------------------------------------------------
# Preparation
# ---------------------------------------------------------------------------------------------------------------------


def prepared(dataset: Any, out: Path, **options: Any) -> FaceCache:
    return prepare(dataset, out, **{"finder": make_head_finder, "workers": 1, **options})


def test_prepared_faces_are_the_aligned_pictures(tmp_path: Path) -> None:
    data = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d", subjects=["F001"], tasks=["T1"]))
    cache = prepared(data, tmp_path / "faces", alignment="arl")
    assert cache.alignment == "arl" and cache.points == 68 and cache.manifest["finder"] == "head" and not cache.synthetic
    assert cache.dataset().fingerprint() == data.fingerprint() and len(cache) == len(data) == 4
    for row, _, image in data.recordings[0].images():
        points = HeadFinder().find(image)[0].landmarks[None].astype(np.float64)
        matrix = ALIGNMENTS["arl"].transforms(points)
        assert (cache.faces([row])[0] == warp(image, matrix, 200)[0].permute(1, 2, 0).numpy()).all()
        assert np.allclose(cache.landmarks([row]), apply_transform(matrix, points), atol=1e-4)
    assert np.allclose(cache.pose(range(4)), [1, 2, 3], atol=1e-5)


def test_frames_without_a_face_are_listed_with_the_reason(tmp_path: Path) -> None:
    data = open_dataset("disfa", make_disfa(tmp_path / "disfa", subjects=[1], frames=8, video_frames=8))
    shown = open_dataset("affwild2", make_affwild2(tmp_path / "wild"), max_missing=0.5)
    cache = prepared(data, tmp_path / "faces")
    entry = cache.manifest["recordings"][0]
    assert entry["frames"] == 8 and entry["missing"] == {"no face found": [[1, 1]]} and len(cache) == 7
    assert cache.dataset().recordings[0].frames.tolist() == list(range(2, 9)) and cache.dataset().recordings[0].frame_rate == 20
    assert cache.neighbours([0, 6], 2).tolist() == [[0, 2], [4, 6]]
    broken = tmp_path / "wild/cropped_aligned/v1/00004.jpg"
    broken.write_bytes(broken.read_bytes()[:100])
    entry = prepared(shown, tmp_path / "wild-faces").manifest["recordings"][0]
    assert entry["missing"]["picture cannot be read"] == [[4, 4]]
    short = open_dataset("disfa", make_disfa(tmp_path / "short", subjects=[1], frames=8, video_frames=5), frame_offset=-1)
    entry = prepared(short, tmp_path / "short-faces").manifest["recordings"][0]
    assert entry["missing"] == {"no picture": [[1, 1]], "no face found": [[2, 2]], "video ends before": [[7, 8]]}


def test_distributed_landmarks_are_used_where_every_recording_has_them(tmp_path: Path) -> None:
    data = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d"))
    points = face_landmarks(4, 32, 49)
    points[2] = np.nan
    points[3] += 500
    own = [replace(one, load_landmarks=lambda frames: points[: len(frames)]) for one in data.recordings]
    cache = prepared(replace(data, recordings=tuple(own)), tmp_path / "a", finder="never asked for")
    assert cache.points == 49 and cache.manifest["landmarks"] == "distributed" and cache.manifest["finder"] is None
    missing = {"no landmarks distributed": [[12, 12]], "landmarks are outside the picture": [[13, 13]]}
    assert len(cache) == 8 and cache.manifest["recordings"][0]["missing"] == missing
    some = replace(data, recordings=(own[0], *data.recordings[1:]))
    assert prepared(some, tmp_path / "b").manifest["landmarks"] == "detect"
    partly = prepared(some, tmp_path / "c", landmarks="distributed")
    assert [one["name"] for one in partly.manifest["failed"]] == ["bp4d/F001/T2", "bp4d/M001/T1", "bp4d/M001/T2"]
    assert "landmarks='detect'" in partly.manifest["failed"][0]["error"] and len(partly) == 2
    with pytest.raises(InputError, match="distributes no landmarks"):
        prepared(data, tmp_path / "d", landmarks="distributed")


class Crowd(HeadFinder):
    """Two faces per picture; the second one grows and is the larger from the third picture on."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def find(self, image: np.ndarray) -> list[Face]:
        self.calls.append("find")
        return self._faces(image)

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        self.calls.append("track")
        return self._faces(image)

    def _faces(self, image: np.ndarray) -> list[Face]:
        count = len(self.calls)
        small, large = face_landmarks(2, 20)
        large = large * (0.8 + 0.1 * count)
        boxes = [np.concatenate([points.min(0), points.max(0)]) for points in (small, large)]
        faces = [Face(boxes[0], 0.9, small, None, track_id=5), Face(boxes[1], 0.9, large, None, track_id=6)]
        return faces[1:] if count == 5 else faces


def test_the_subject_is_followed_and_photographs_are_looked_at_one_by_one() -> None:
    picture, crowd = np.zeros((32, 32, 3), np.uint8), Crowd()
    source = Detected(crowd, tracked=True)
    sizes = [float(np.ptp(source.find(row, row / 25, picture)[0])) for row in range(6)]  # type: ignore[arg-type]
    first = float(np.ptp(face_landmarks(1, 20)))
    assert np.allclose(sizes, [first] * 4 + [1.3 * first, 1.4 * first]) and set(crowd.calls) == {"track"}
    single = Crowd()
    source = Detected(single, tracked=False)
    sizes = [float(np.ptp(source.find(row, row / 25, picture)[0])) for row in range(4)]  # type: ignore[arg-type]
    assert np.allclose(sizes, [first, first, 1.1 * first, 1.2 * first]) and set(single.calls) == {"find"}


def test_pictures_without_a_frame_rate_are_no_video(tmp_path: Path) -> None:
    recording = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d")).recordings[0]
    assert is_tracked(recording) and not is_tracked(replace(recording, nominal_rate=None))


def test_a_recording_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    root = make_disfa(tmp_path / "disfa", subjects=[1, 2], frames=4)
    data = open_dataset("disfa", root)
    (root / "Videos_LeftCamera/LeftVideoSN001_comp.avi").write_bytes(b"no video")
    cache = prepared(data, tmp_path / "faces")
    assert [one["name"] for one in cache.manifest["failed"]] == ["disfa/SN001"] and cache.dataset().subjects == ("SN002",)
    assert "cannot be" in cache.manifest["failed"][0]["error"]
    (root / "Videos_LeftCamera/LeftVideoSN002_comp.avi").write_bytes(b"no video")
    with pytest.raises(InputError, match="nothing could be prepared; disfa/SN001"):
        prepared(data, tmp_path / "faces", overwrite=True)
    assert not (tmp_path / "faces").exists()


def test_second_run_keeps_finished_shards_and_mends_damaged_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d")), tmp_path / "faces"
    prepared(data, out)
    before = file_hashes(out)
    (out / "shards/00001-bp4d_F001_T2.u8").write_bytes(b"damaged")
    (out / "shards/00009-old.partial.u8").write_bytes(b"half")
    looked = []
    monkeypatch.setattr(HeadFinder, "reset", lambda self: looked.append(1))
    done = []
    prepared(data, out, progress=lambda *counts: done.append(counts))
    assert file_hashes(out) == before and len(looked) == 1 and done[-1] == (16, 16)


def test_other_settings_in_the_same_folder_are_refused_by_name(tmp_path: Path) -> None:
    root, out = make_bp4d(tmp_path / "bp4d"), tmp_path / "faces"
    data = open_dataset("bp4d", root)
    prepared(data, out)
    with pytest.raises(OutputError, match=r'differently: alignment was "jaa_net", now "arl"\. Choose'):
        prepared(data, out, alignment="arl")
    with pytest.raises(OutputError, match="no longer there: bp4d/M001/T1, bp4d/M001/T2"):
        prepared(data.select(["F001"]), out)
    write_picture(root / "Sequences(2D+3D)/F001/T2/0011.jpg", 3).write_bytes(b"x")
    with pytest.raises(OutputError, match="labels or pictures changed in bp4d/F001/T2"):
        prepared(data, out)
    assert prepared(data, out, alignment="arl", overwrite=True).alignment == "arl"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match=r"holds no prepared faces \(thesis.txt\)"):
        prepared(data, tmp_path / "mine", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["thesis.txt"]


def test_interrupted_at_every_write_it_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d", subjects=["F001"], frames=range(10, 12)))
    prepared(data, tmp_path / "whole")
    wanted, rename, writes = file_hashes(tmp_path / "whole"), Path.replace, 0
    for limit in range(100):
        left = limit

        def stop_at(self: Path, target: Path) -> Path:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return rename(self, target)

        monkeypatch.setattr(Path, "replace", stop_at)
        try:
            prepared(data, tmp_path / f"{limit}")
        except KeyboardInterrupt:
            writes += 1
        monkeypatch.setattr(Path, "replace", rename)
        prepared(data, tmp_path / f"{limit}")
        assert file_hashes(tmp_path / f"{limit}") == wanted
        if writes <= limit:
            break
    assert writes == len(wanted)


_RUN = """
import sys
from pathlib import Path
from aufait.data import open_dataset
from aufait.data.preparation import prepare
from face_caches import make_slow_head_finder

prepare(open_dataset("bp4d", sys.argv[1]), sys.argv[2], finder=make_slow_head_finder, workers=2)
"""


def comes_to_rest(folder: Path) -> bool:
    """Whether nothing in a folder changes any more."""
    before, sizes = None, None
    for _ in range(50):
        with suppress(FileNotFoundError):  # renamed while we look
            before, sizes = sizes, {path.name: path.stat().st_size for path in folder.iterdir()}
            if before == sizes:
                return True
        time.sleep(0.3)
    return False


def test_killed_and_started_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    root, out = make_bp4d(tmp_path / "bp4d", frames=range(10, 50)), tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen([sys.executable, "-c", _RUN, str(root), str(out)], env=environment)
    shards = out / "shards"
    deadline = time.monotonic() + 240
    while not (any(shards.glob("*.json")) and any(shards.glob("*.partial.*"))):
        assert run.poll() is None and time.monotonic() < deadline, "the preparation ended before it could be killed"
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (out / "manifest.json").exists()
    assert comes_to_rest(shards), "a process of the pool keeps writing after its parent was killed"
    data = open_dataset("bp4d", root)
    prepared(data, out, finder=make_slow_head_finder)
    prepared(data, tmp_path / "whole", finder=make_head_finder, workers=1)
    assert file_hashes(out) == file_hashes(tmp_path / "whole")


def test_full_disc_says_what_to_free_and_leaves_no_half_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aufait.data.preparation.shards import ShardWriter

    data, out = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d")), tmp_path / "faces"
    write, count = ShardWriter.write, 0

    def fill(self: ShardWriter, faces: np.ndarray) -> None:
        nonlocal count
        count += 1
        if count == 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, faces)

    monkeypatch.setattr(ShardWriter, "write", fill)
    with pytest.raises(OutputError, match=r"is full: about 1.4 MB more are needed for 12 frames.*1 of 4 recordings are finished"):
        prepared(data, out)
    names = sorted(path.name for path in out.rglob("*") if path.is_file())
    assert names == ["00000-bp4d_F001_T1.json", "00000-bp4d_F001_T1.safetensors", "00000-bp4d_F001_T1.u8", "settings.json"]
    with pytest.raises(InputError, match="unfinished"):
        FaceCache.open(out)
    assert len(prepared(data, out)) == 16


def test_two_runs_into_one_folder_are_refused(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    data, out = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d", subjects=["F001"])), tmp_path / "faces"
    prepared(data, out)
    with (out / "settings.json").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another process prepares faces"):
            prepared(data, out)
    prepared(data, out)


@pytest.mark.slow
@pytest.mark.parametrize(("factory", "kind", "words"), [
    (end_process, AufaitError, "fewer workers"),
    (lack_package, MissingExtraError, r"needs the 'synth' extra"),
])  # fmt: skip
def test_trouble_of_all_recordings_ends_a_parallel_run(tmp_path: Path, factory: Any, kind: type, words: str) -> None:
    data = open_dataset("bp4d", make_bp4d(tmp_path / "bp4d"))
    with pytest.raises(kind, match=words):
        prepare(data, tmp_path / "faces", finder=factory, workers=2)
    assert not [path for path in (tmp_path / "faces").rglob("*.partial.*") if factory is lack_package]
    assert len(prepared(data, tmp_path / "faces")) == 16


def test_marker_of_rendered_data_brings_attributes(tmp_path: Path) -> None:
    root = make_bp4d(tmp_path / "bp4d", tasks=["T1"])
    marker = {
        "synthetic": True,
        "subjects": {"F001": {"skin_tone": 0.4}},
        "recordings": {
            "F001/T1": {"frames": [13, 10, 11], "occlusion": ["hand", None, "mask"], "pose": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]},
            "M001/T1": {"frames": [1], "occlusion": "wrong"},
        },
    }
    (root / "SYNTHETIC.json").write_text(json.dumps(marker))
    cache = prepared(open_dataset("bp4d", root), tmp_path / "faces")
    first, second = cache.dataset().recordings
    assert cache.synthetic and first.attributes["skin_tone"] == 0.4 and "skin_tone" not in second.attributes
    assert first.frame_attributes["occlusion"].tolist() == ["", "mask", "", "hand"]
    assert first.pose is not None and first.pose[[0, 1, 3]].tolist() == [[4, 5, 6], [7, 8, 9], [1, 2, 3]]
    assert np.isnan(first.pose[2]).all() and not second.frame_attributes


def test_rendered_pictures_are_known_through_links_and_tables(tmp_path: Path) -> None:
    root = make_disfa(tmp_path / "twin", subjects=[1])
    picture = write_picture(root / "pictures" / "a.png")
    (root / "SYNTHETIC.json").write_text('{"synthetic": true}')
    (tmp_path / "linked").mkdir()
    for folder in root.iterdir():
        if folder.is_dir():
            (tmp_path / "linked" / folder.name).symlink_to(folder)
    write_text(tmp_path / "mine" / "labels.csv", f"path,subject,AU1\n{picture},ann,1\n")
    for name, place in (("disfa", tmp_path / "linked"), ("csv", tmp_path / "mine")):
        marked = mark_synthetic(open_dataset(name, place).recordings, place)
        assert marked[1], f"{name}: rendered pictures pass for photographs"
    (root / "SYNTHETIC.json").write_text('{"synthetic": true, "complete": false}')
    with pytest.raises(InputError, match="is not finished; run the same aufait twin command again"):
        prepared(open_dataset("disfa", root), tmp_path / "faces")
    write_picture(tmp_path / "mine" / "b.png")
    write_text(tmp_path / "mine" / "labels.csv", "path,subject,AU1\nb.png,ann,1\n")
    assert not mark_synthetic(open_dataset("csv", tmp_path / "mine").recordings, tmp_path / "mine")[1]


def test_bad_requests_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    root = make_bp4d(tmp_path / "bp4d", subjects=["F001"], tasks=["T1"])
    data, out = open_dataset("bp4d", root), tmp_path / "faces"
    for options, words in (
        ({"alignment": "jaa"}, "unknown alignment"),
        ({"landmarks": "magic"}, "landmarks must be one of"),
        ({"finder": "buildin"}, "did you mean builtin"),
    ):
        with pytest.raises(InputError, match=words):
            prepared(data, out, **options)
    with pytest.raises(InputError, match="need_media=True"):
        prepared(open_dataset("bp4d", root, need_media=False), out)
    assert not out.exists()


def test_command_prepares_verifies_and_answers_errors_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aufait.data.preparation.workers.create_finder", lambda name: HeadFinder())
    monkeypatch.setattr("aufait.data.preparation.preparing.create_finder", lambda name: HeadFinder())
    root, out = make_bp4d(tmp_path / "bp4d"), tmp_path / "faces"
    run = CliRunner().invoke(app, ["prepare", "bp4d", str(root), "-o", str(out), "--workers", "1", "--alignment", "aunet"])
    assert run.exit_code == 0 and "bp4d: 16 faces of 16 labelled frames, 4 recordings" in run.output, run.output
    assert "alignment aunet, 384 px; 68 landmarks, found by head" in run.output
    run = CliRunner().invoke(app, ["prepare", "--output", str(out), "--verify"])
    assert run.exit_code == 0 and "all checksums right" in run.output
    (out / "table.safetensors").write_bytes(b"x" * (out / "table.safetensors").stat().st_size)
    for arguments, code, words in (
        (["prepare", "--output", str(out), "--verify"], 2, "damaged"),
        (["prepare", "bp4d", str(root)], 2, "--output FOLDER"),
        (["prepare", "--output", str(out)], 2, "DATASET ROOT"),
        (["prepare", "bp4d", str(root), "-o", str(out), "--alignment", "arl"], 3, "alignment was"),
        (["prepare", "bp4d", str(root), "-o", str(out), "--alignment", "nothing"], 2, "--alignment must be one of"),
        (["prepare", "bp4d", str(tmp_path / "none"), "-o", str(out)], 2, "BP4D needs"),
    ):
        run = CliRunner().invoke(app, arguments)
        assert run.exit_code == code and words in run.output.replace("\n", " ") and "Traceback" not in run.output, run.output

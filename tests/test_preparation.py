"""Preparation of data sets and the cache of aligned faces."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from face_caches import face_landmarks, labelled_dataset, make_test_cache

from aufait.alignment import box_transform
from aufait.data import get_protocol
from aufait.data.preparation import ALIGNMENTS, FaceCache, alignment_of, get_alignment, write_cache
from aufait.data.preparation.alignments import detector_boxes
from aufait.errors import InputError, OutputError
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
    with pytest.raises(InputError, match="did you mean jaa_net"):
        get_alignment("jaa_nett")


def test_aunet_frame_has_the_released_crop_in_its_middle() -> None:
    landmarks = face_landmarks(2, 300) + np.array([40.0, 25.0])
    matrix = ALIGNMENTS["aunet"].transforms(landmarks)
    crop = box_transform(detector_boxes(landmarks), 256)
    assert np.allclose(matrix[:, :, :2], crop[:, :, :2]) and np.allclose(matrix[:, :, 2], crop[:, :, 2] + 64)


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
    with pytest.raises(InputError, match=r"rows must lie in 0..11, got 3..12"):
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

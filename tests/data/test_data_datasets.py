"""Readers of the data sets: official layouts, their variants, and what is odd."""

from __future__ import annotations

import errno
import io
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_trees import (
    DISFA_UNITS,
    make_affwild2,
    make_bp4d,
    make_disfa,
    make_disfa_plus,
    make_fera2017,
    occurrence_csv,
    pairs,
    write_picture,
    write_text,
    write_video,
)
from PIL import Image

from aufait.data import list_datasets, open_dataset
from aufait.data.datasets.fera2017 import view_pose
from aufait.data.pictures import ImageArchive, ImageFolder, Video
from aufait.errors import InputError, MissingExtraError


def kinds(dataset) -> set[str]:  # type: ignore[no-untyped-def]
    """Kinds of anomalies, less the subjects that a tiny data set lacks."""
    return set(dataset.anomalies.counts()) - {"missing-subject"}


# --- registry


def test_names_are_forgiving_and_wrong_names_get_a_hint(tmp_path: Path) -> None:
    assert list_datasets() == ["bp4d", "bp4d_plus", "disfa", "disfa_plus", "fera2015", "fera2017", "affwild2", "csv"]
    assert len(open_dataset("DISFA+", make_disfa_plus(tmp_path))) == 12
    with pytest.raises(InputError, match="did you mean 'disfa'"):
        open_dataset("disfaa", tmp_path)
    with pytest.raises(InputError, match="no option 'frame_ofset'; did you mean 'frame_offset'"):
        open_dataset("bp4d", tmp_path, frame_ofset=1)
    with pytest.raises(InputError, match="frame_offset needs a number"):
        open_dataset("bp4d", tmp_path, frame_offset="one")


@pytest.mark.parametrize("name", ["bp4d", "bp4d_plus", "disfa", "disfa_plus", "fera2015", "fera2017", "affwild2"])
def test_wrong_roots_show_the_expected_tree_and_what_was_found(name: str, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("x")
    with pytest.raises(InputError, match=r"ROOT/") as error:
        open_dataset(name, tmp_path)
    assert "holiday.txt" in str(error.value)
    with pytest.raises(InputError, match="does not exist") as error:
        open_dataset(name, tmp_path / "nowhere")
    assert "ROOT/" in str(error.value)


def test_labels_without_pictures_are_an_error_unless_asked_for(tmp_path: Path) -> None:
    make_disfa(tmp_path, media=False)
    with pytest.raises(InputError, match="no video of the left camera"):
        open_dataset("disfa", tmp_path)
    dataset = open_dataset("disfa", tmp_path, need_media="false")
    assert len(dataset) == 18 and dataset.recordings[0].media is None
    with pytest.raises(InputError, match="without pictures"):
        next(iter(dataset)).image()


# --- BP4D


@pytest.fixture(scope="module")
def bp4d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bp4d(tmp_path_factory.mktemp("bp4d"))


def test_bp4d_reads_labels_masks_and_pictures(bp4d: Path) -> None:
    dataset = open_dataset("bp4d", bp4d)
    assert dataset.subjects == ("F001", "M001") and len(dataset.recordings) == 4 and len(dataset) == 16
    assert 12 in dataset.action_units and max(dataset.action_units) < 40
    assert kinds(dataset) == set()
    one = dataset.recordings[0]
    assert one.name == "bp4d/F001/T1" and one.person == "bp4d:F001" and one.frames.tolist() == [10, 11, 12, 13]
    au12, au1 = one.action_units.index(12), one.action_units.index(1)
    assert one.occurrence[:, au12].tolist() == [0, 1, 0, 1]
    assert one.intensity[:, au12].tolist() == [0, 3, 0, 3] and one.intensity_known[:, au12].all()
    assert not one.intensity_known[:, au1].any() and one.occurrence_known.all()
    sample = one.sample(1)
    assert sample.frame == 11 and sample.image().shape == (32, 32, 3) and abs(int(sample.image()[0, 0, 0]) - 110) < 6
    assert sample.time == pytest.approx(10 / 25) and sample.landmarks is None


@pytest.mark.parametrize(
    "spelling",
    [
        {"images": "sequences", "picture": "{:d}.PNG"},
        {"images": "BP4D/Sequences (2D+3D)", "picture": "{:03d}.jpeg"},
        {"intensity": "BP4D-AUIntensityCodes3.0"},
        {"occurrence": "aucoding", "intensity": "AU-Intensity-Codes3.0"},
        {"columns": 45},
    ],
)
def test_bp4d_spellings(spelling: dict[str, str], tmp_path: Path) -> None:
    dataset = open_dataset("bp4d", make_bp4d(tmp_path, subjects=["F001"], tasks=["T1"], **spelling))  # type: ignore[arg-type]
    assert len(dataset) == 4 and kinds(dataset) == set()
    assert dataset.recordings[0].intensity_known.any()


def test_bp4d_old_intensity_release_with_short_names(tmp_path: Path) -> None:
    make_bp4d(tmp_path, subjects=["F001"], tasks=["T1"])
    shutil.rmtree(tmp_path / "AUCoding" / "AU_INT")
    write_text(tmp_path / "Project" / "AU6" / "F01_T1.csv", pairs({frame: 2 * (frame % 2) for frame in range(10, 14)}))
    one = open_dataset("bp4d", tmp_path).recordings[0]
    assert one.intensity[:, one.action_units.index(6)].tolist() == [0, 2, 0, 2]


def test_bp4d_as_videos(tmp_path: Path) -> None:
    make_bp4d(tmp_path, subjects=["F001"], tasks=["T1"], frames=range(2, 5))
    shutil.rmtree(tmp_path / "Sequences(2D+3D)")
    write_video(tmp_path / "Sequences(2D+3D)" / "F001" / "T1.mp4", 6)
    one = open_dataset("bp4d", tmp_path).recordings[0]
    assert isinstance(one.media, Video)
    found = [(row, round(time, 3), int(image[0, 0, 0])) for row, time, image in one.images()]
    assert [row for row, _, _ in found] == [0, 1, 2] and [time for _, time, _ in found] == [0.05, 0.1, 0.15]
    assert [round((grey - 20) / 10) for _, _, grey in found] == [1, 2, 3]  # label frame 2 = second decoded frame


def test_bp4d_codes_anomalies_and_missing_pictures(tmp_path: Path) -> None:
    make_bp4d(tmp_path, subjects=["F001"], tasks=["T1", "T2"], frames=range(10, 40))
    coding = tmp_path / "AUCoding" / "AU_OCC"
    write_text(coding / "F001_T1.csv", occurrence_csv([1, 2, 12], {
        12: [1, 999, 0], 10: [1, 9, 7], 11: [0, 1, 1], 13: [0, 1, 1], 14: [1, 1, 1],
    }) + "13,1,1,1\n15,x,,1\n")  # fmt: skip
    write_text(tmp_path / "AUCoding" / "AU_INT" / "AU12" / "F001_T1_AU12.csv", pairs({10: 2, 11: 8, 12: 0}))
    (tmp_path / "AUCoding" / "AU_INT" / "AU17" / "F001_T1_AU17.csv").unlink()
    (tmp_path / "Sequences(2D+3D)" / "F001" / "T2" / "0020.jpg").unlink()
    write_picture(tmp_path / "Sequences(2D+3D)" / "F001" / "T2" / "21.png")
    dataset = open_dataset("bp4d", tmp_path)
    one = dataset.recordings[0].with_action_units([1, 2, 12])
    assert one.frames.tolist()[:6] == [10, 11, 12, 13, 14, 15]
    assert one.occurrence_known[:6].tolist() == [
        [True, False, False], [True, True, True], [True, False, True], [False, True, True], [True, True, True],
        [False, False, True],
    ]  # fmt: skip
    assert one.intensity_known[:4, 2].tolist() == [True, False, True, False]
    assert {"value-out-of-range", "duplicate-rows", "unsorted-rows", "bad-cell", "missing-label-file", "missing-pictures",
            "duplicate-pictures", "length-disagrees"} <= kinds(dataset)  # fmt: skip
    assert "frame 10, AU12: 7" in str(dataset.anomalies.of("value-out-of-range")[0])
    assert "line 8, column 2: 'x'" in str(dataset.anomalies.of("bad-cell")[0])
    assert "frames 20" in str(dataset.anomalies.of("missing-pictures")[0])
    assert 20 not in dataset.recordings[1].frames


def test_a_wrong_frame_base_stops_the_reading(tmp_path: Path) -> None:
    make_bp4d(tmp_path, subjects=["F001"], tasks=["T1"])
    with pytest.raises(InputError, match=r"have no picture.*frame_offset"):
        open_dataset("bp4d", tmp_path, frame_offset=4)
    assert len(open_dataset("bp4d", tmp_path, frame_offset=4, max_missing=1)) == 2
    assert open_dataset("bp4d", tmp_path, frame_offset="-1").recordings[0].sample(0).image() is not None


def test_picture_zero_is_noted_where_frames_pair_one_to_one(tmp_path: Path) -> None:
    make_bp4d(tmp_path, subjects=["F001"], tasks=["T1"], frames=range(2, 5))
    assert "frame-base" in kinds(open_dataset("bp4d", tmp_path))


def test_damaged_files_and_lonely_recordings_are_reported(tmp_path: Path) -> None:
    make_bp4d(tmp_path, tasks=["T1", "T2"])
    write_text(tmp_path / "AUCoding" / "AU_OCC" / "F001_T1.csv", "")
    shutil.rmtree(tmp_path / "Sequences(2D+3D)" / "M001" / "T1")
    write_picture(tmp_path / "Sequences(2D+3D)" / "F002" / "T1" / "1.jpg")
    write_text(tmp_path / "other" / "AU_OCC" / "M001_T2.csv", "0,1\n1,1\n")
    dataset = open_dataset("bp4d", tmp_path)
    found = kinds(dataset)
    assert {"unreadable-file", "recording-without-media", "recording-without-labels", "duplicate-recordings"} <= found
    assert "mixed-versions" not in found
    write_text(tmp_path / "AUCoding" / "AU_OCC" / "M001_T2.csv", "0,1,2\n10,1,0\n")
    assert "mixed-versions" in kinds(open_dataset("bp4d", tmp_path))
    assert [one.name for one in dataset.recordings] == ["bp4d/F001/T1", "bp4d/F001/T2", "bp4d/M001/T2"]
    assert not dataset.recordings[0].occurrence_known.any()  # intensities alone remain


def test_cut_archives_are_named(tmp_path: Path) -> None:
    make_bp4d(tmp_path, tasks=["T1"], images="2D+3D", columns=39)
    for subject in ("F001", "M001"):
        packed = tmp_path / "2D+3D" / f"{subject}.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted((packed.with_suffix("") / "T1").iterdir()):
                archive.write(path, f"{subject}/T1/{path.name}")
        shutil.rmtree(packed.with_suffix(""))
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    found = open_dataset("bp4d_plus", tmp_path).anomalies.of("unreadable-file")
    assert [entry.where for entry in found] == [str(packed)] and "copy or download it again" in found[0].detail
    shutil.copy(packed, packed.with_name("F001.zip"))
    with pytest.raises(InputError, match=r"F001\.zip: .* cut off or damaged"):
        open_dataset("bp4d_plus", tmp_path)


def test_what_may_not_be_read_is_named_and_the_rest_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_disfa(tmp_path)
    closed, scandir = tmp_path / "ActionUnit_Labels" / "SN002", os.scandir

    def refuse(path: Path) -> Any:
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    dataset = open_dataset("disfa", tmp_path)
    assert dataset.subjects == ("SN001", "SN003")
    assert [str(entry) for entry in dataset.anomalies.of("unreadable-file")] == [
        f"{closed}: Permission denied; check its permissions"
    ]


@pytest.mark.parametrize(
    ("mark", "encoding", "separator", "end"),
    [
        ("", "utf-8-sig", ",", "\r\n"),
        ("", "utf-8", ";", "\n"),
        ("\ufeff", "utf-16-le", ",", "\n"),
        ("\ufeff", "utf-16-be", ",", "\r\n"),
    ],
)
def test_label_files_that_went_through_a_spreadsheet_are_read(
    mark: str, encoding: str, separator: str, end: str, tmp_path: Path
) -> None:
    make_disfa(tmp_path, subjects=[1])
    wanted = open_dataset("disfa", tmp_path).recordings[0].intensity
    for path in (tmp_path / "ActionUnit_Labels").rglob("*.txt"):
        lines = path.read_text().replace(",", separator).splitlines()
        path.write_bytes((mark + end.join(lines) + end).encode(encoding))
    dataset = open_dataset("disfa", tmp_path)
    assert np.array_equal(dataset.recordings[0].intensity, wanted) and kinds(dataset) == set()


def test_label_files_of_other_lengths_are_named(tmp_path: Path) -> None:
    make_disfa(tmp_path, subjects=[1])
    write_text(tmp_path / "ActionUnit_Labels/SN001/SN001_au12.txt", pairs({1: 0, 2: 3}))
    (entry,) = open_dataset("disfa", tmp_path).anomalies.of("length-disagrees")
    assert entry.detail.startswith("SN001_au12.txt has 2 frames, 11 other files 6")


def test_folders_named_by_options_must_exist(tmp_path: Path) -> None:
    make_disfa(tmp_path / "disfa")
    with pytest.raises(InputError, match=r"images=.*nowhere does not exist"):
        open_dataset("disfa", tmp_path / "disfa", images=str(tmp_path / "nowhere"))


def test_bp4d_landmark_tracks(bp4d: Path, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    root = tmp_path / "copy"
    shutil.copytree(bp4d, root)
    (root / "2DFeatures").mkdir()
    with h5py.File(root / "2DFeatures" / "F001_T1.mat", "w") as file:
        cells = file.create_group("#refs#")
        references = file.create_dataset("fit/pred", (8, 1), dtype=h5py.ref_dtype)
        for row in range(8):  # the sequence has pictures 8 to 15
            shape = np.array([0, 0], dtype=np.uint64) if row == 3 else np.full((2, 49), 1.0 + row)
            references[row, 0] = cells.create_dataset(f"c{row}", data=shape).ref
    with h5py.File(root / "2DFeatures" / "F001_T2.mat", "w") as file:
        file["fit/pred"] = np.arange(20 * 98, dtype=np.float64).reshape(20, 2, 49)
    dataset = open_dataset("bp4d", root)
    points = dataset.recordings[0].landmarks
    assert points is not None and points.shape == (4, 49, 2)
    assert points[0, 0, 0] == 2.0 and np.isnan(points[1]).all() and points[3, 5, 1] == 5.0  # 1-based pixels become 0-based
    other = dataset.recordings[1].landmarks
    assert other is not None and other[0, 0].tolist() == [9 * 98 - 1, 9 * 98 + 49 - 1]  # frame 10 = row 9
    assert "missing-landmarks" in kinds(dataset)  # M001 has none
    write_text(root / "2DFeatures" / "M001_T1.mat", "no HDF5")
    with pytest.raises(InputError, match="fit/pred"):
        open_dataset("bp4d", root).recordings[2].sample(0).landmarks


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from aufait.data.datasets.disfa import read_points
    from aufait.data.datasets.hdf5_landmarks import read_track

    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"aufait\[train\]"):
        read_track(tmp_path / "a.mat")
    with pytest.raises(MissingExtraError, match=r"aufait\[train\]"):
        read_points(tmp_path / "a.mat")


# --- BP4D+


def test_bp4d_plus_pairs_frame_with_the_picture_before_and_reads_archives(tmp_path: Path) -> None:
    make_bp4d(tmp_path, subjects=["F001", "F002"], tasks=["T1"], frames=range(3, 7), images="2D+3D", columns=39)
    home = tmp_path / "2D+3D"
    with zipfile.ZipFile(home / "F002.zip", "w") as archive:
        for path in sorted((home / "F002" / "T1").iterdir(), reverse=True):
            archive.write(path, f"F002/T1/{path.name}")
    shutil.rmtree(home / "F002")
    write_text(tmp_path / "Physiology" / "F001" / "T1" / "BP.txt", "1")
    write_text(tmp_path / "Thermal" / "F001" / "T1.wmv", "no texture")
    dataset = open_dataset("bp4d_plus", tmp_path)
    assert kinds(dataset) == set() and len(dataset) == 8
    folder, archive = dataset.recordings
    assert isinstance(folder.media, ImageFolder) and isinstance(archive.media, ImageArchive)
    assert Path(folder.media.where(4)).name == "0003.jpg"
    for one in (folder, archive):
        assert [round(int(image[0, 0, 0]) / 10) for _, _, image in one.images()] == [2, 3, 4, 5]
    assert archive.sample(0).image().shape == (32, 32, 3)
    assert dataset.persons == ("bp4d_plus:F001", "bp4d_plus:F002")
    make_bp4d(tmp_path, subjects=["F001"], tasks=["T2"], frames=range(3, 7), images="2D+3D", columns=39)
    assert "mixed-versions" in kinds(open_dataset("bp4d_plus", tmp_path))  # T2 is coded in BP4D alone


def test_bp4d_plus_as_video_begins_with_label_frame_one(tmp_path: Path) -> None:
    make_bp4d(tmp_path, subjects=["F001"], tasks=["T1"], frames=range(2, 5), images="x", columns=39)
    shutil.rmtree(tmp_path / "x")
    write_video(tmp_path / "F001_T1.mp4", 6)
    one = open_dataset("bp4d_plus", tmp_path).recordings[0]
    assert [round((int(image[0, 0, 0]) - 20) / 10) for _, _, image in one.images()] == [1, 2, 3]


# --- DISFA


@pytest.fixture(scope="module")
def disfa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_disfa(tmp_path_factory.mktemp("disfa"))


def test_disfa_reads_videos_and_derives_occurrence(disfa: Path) -> None:
    dataset = open_dataset("disfa", disfa)
    assert dataset.action_units == DISFA_UNITS and dataset.subjects == ("SN001", "SN002", "SN003") and len(dataset) == 18
    one = dataset.recordings[0]
    assert one.intensity[:, 0].tolist() == [1, 2, 3, 4, 5, 0] and one.occurrence[:, 0].tolist() == [0, 1, 1, 1, 1, 0]
    assert one.occurrence_known.all() and not one.occurrence_coded and one.frame_rate == 20
    assert dataset.with_threshold(4).recordings[0].occurrence[:, 0].tolist() == [0, 0, 0, 1, 1, 0]
    assert open_dataset("disfa", disfa, threshold="1").recordings[0].occurrence[:, 0].sum() == 5
    grey = [round((int(image[0, 0, 0]) - 20) / 10) for _, _, image in one.images([0, 5])]
    assert grey == [0, 5]  # label frame 1 is the first decoded frame
    assert one.times().tolist() == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25])
    with pytest.raises(InputError, match="1 to 5"):
        dataset.with_threshold(0)


@pytest.mark.parametrize("base", [0, 1])
def test_disfa_pictures_may_count_from_zero_or_one(base: int, tmp_path: Path) -> None:
    make_disfa(tmp_path, subjects=[1], media=False)
    for frame in range(6):
        write_picture(tmp_path / "frames" / "sn001" / f"{frame + base}.png", 40 * frame)
    one = open_dataset("disfa", tmp_path).recordings[0]
    assert len(one) == 6
    assert [round(int(image[0, 0, 0]) / 40) for _, _, image in one.images()] == list(range(6))


def test_disfa_labels_that_begin_at_zero_and_folders_of_other_things(tmp_path: Path) -> None:
    make_disfa(tmp_path, subjects=[1])
    for unit in DISFA_UNITS:  # labels in a folder that does not say so
        path = tmp_path / "ActionUnit_Labels" / "SN001" / f"SN001_au{unit}.txt"
        write_text(tmp_path / "AU" / "SN001" / path.name, pairs({frame: frame for frame in range(6)}))
    shutil.rmtree(tmp_path / "ActionUnit_Labels")
    dataset = open_dataset("disfa", tmp_path)
    assert kinds(dataset) == {"frame-base"}
    grey = [round((int(image[0, 0, 0]) - 20) / 10) for _, _, image in dataset.recordings[0].images()]
    assert grey == [0, 1, 2, 3, 4, 5] == dataset.recordings[0].intensity[:, 0].tolist()


def test_disfa_spellings_cameras_and_missing_files(tmp_path: Path) -> None:
    make_disfa(tmp_path, subjects=[1, 2], video="Video_LeftCamera/leftvideosn{:03d}_COMP.avi")
    write_video(tmp_path / "Video_RightCamera" / "RightVideoSN001_Comp.avi", 6)
    labels = tmp_path / "ActionUnit_Labels"
    (labels / "SN002" / "SN002_au26.txt").unlink()
    write_text(labels / "SN001" / "SN001_au1.txt", pairs({1: 1, 2: 2, 3: 3}) + "4,-3\n")
    (labels / "SN001" / "SN001_au2.txt").rename(labels / "SN001" / "sn001_AU02.TXT")
    dataset = open_dataset("disfa", tmp_path)
    assert len(dataset.subjects) == 2
    assert {"missing-label-file", "length-disagrees", "value-out-of-range"} == kinds(dataset)
    assert dataset.recordings[0].intensity_known[:, 0].tolist() == [True] * 3 + [False] * 3
    assert not dataset.recordings[1].intensity_known[:, -1].any()
    right = open_dataset("disfa", tmp_path, camera="right")
    assert right.subjects == ("SN001",) and "recording-without-media" in kinds(right)
    with pytest.raises(InputError, match="'left' or 'right'"):
        open_dataset("disfa", tmp_path, camera="top")


def test_disfa_landmarks_in_both_forms_of_names(disfa: Path, tmp_path: Path) -> None:
    io = pytest.importorskip("scipy.io")
    root = tmp_path / "copy"
    shutil.copytree(disfa, root)
    first = root / "Landmark_Points" / "Landmark_Points" / "SN001" / "tmp_frame_lm"
    second = root / "Landmark_Points" / "Landmark_Points" / "SN002" / "anything"
    for folder, form, base in ((first, "SN001_{:04d}_lm.mat", 0), (second, "l{:05d}_lm.mat", 1)):
        folder.mkdir(parents=True)
        for frame in range(1, 6):  # that of frame 6 is missing
            io.savemat(folder / form.format(frame - 1 + base), {"pts": np.full((66, 2), 10.0 * frame)})
    dataset = open_dataset("disfa", root)
    for one in dataset.recordings[:2]:
        points = one.landmarks
        assert points is not None and points.shape == (6, 66, 2)
        assert points[:5, 0, 0].tolist() == [9, 19, 29, 39, 49] and np.isnan(points[5]).all()
    assert dataset.recordings[2].landmarks is None and "missing-landmarks" in kinds(dataset)
    io.savemat(first / "SN001_0000_lm.mat", {"points": np.zeros(3)})
    with pytest.raises(InputError, match="pts"):
        open_dataset("disfa", root).recordings[0].landmarks


# --- DISFA+


def test_disfa_plus_counts_from_zero_and_skips_headers(tmp_path: Path) -> None:
    make_disfa_plus(tmp_path, trials=["A1_AU1_TrailNo_1", "Y_HappyDescribed_TrailNo_1"])
    trial = tmp_path / "Labels" / "SN001" / "A1_AU1_TrailNo_1"
    (trial / "AU9.txt").unlink()
    write_text(trial / "AU4.txt", "# comment\n# more\n000.jpg  3\n001.jpg  x\n002.JPG\t7\nnonsense\n")
    shutil.copytree(tmp_path / "Images", tmp_path / "Aligned")
    dataset = open_dataset("disfa_plus", tmp_path)
    assert len(dataset.recordings) == 4 and dataset.persons == ("disfa:SN001", "disfa:SN003")
    one = dataset.recordings[0]
    assert one.frames.tolist() == list(range(6)) and one.times()[0] == 0
    assert one.occurrence[:, one.action_units.index(1)].tolist() == [0, 0, 1, 1, 1, 1]
    assert one.intensity_known[:, one.action_units.index(4)].tolist() == [True] + [False] * 5
    assert not one.intensity_known[:, one.action_units.index(9)].any()
    assert {"missing-label-file", "bad-cell", "value-out-of-range", "length-disagrees", "duplicate-recordings"} == kinds(dataset)
    write_video(tmp_path / "clips" / "SN001" / "A1_AU1_TrailNo_1" / "clip.mp4", 6)
    clip = open_dataset("disfa_plus", tmp_path, images=tmp_path / "clips").recordings[0]
    assert [round((int(image[0, 0, 0]) - 20) / 10) for _, _, image in clip.images()] == [0, 1, 2, 3, 4, 5]
    assert isinstance(one.media, ImageFolder) and "Images" in str(one.media.folder)


# --- FERA


def test_fera2015_partitions_and_intensity_folder(tmp_path: Path) -> None:
    make_bp4d(tmp_path / "a", subjects=["F001", "M002"], tasks=["T1"], images="BP4D-training", occurrence="AUCoding",
              intensity="AU Intensity Codes3.0", columns=27)  # fmt: skip
    dataset = open_dataset("fera2015", tmp_path / "a")
    assert [one.attributes["partition"] for one in dataset.recordings] == ["train", "development"]
    assert dataset.persons == ("bp4d:F001", "bp4d:M002") and kinds(dataset) == set()


@pytest.mark.parametrize("flat", [True, False])
def test_fera2017_views_share_labels_and_partitions_keep_people_apart(flat: bool, tmp_path: Path) -> None:
    dataset = open_dataset("fera2017", make_fera2017(tmp_path, flat=flat), views="5,6")
    assert [one.name for one in dataset.recordings] == [
        "fera2017/F001/T1/5", "fera2017/F001/T1/6", "fera2017/VA_F001/T1/5", "fera2017/VA_F001/T1/6",
    ]  # fmt: skip
    assert dataset.persons == ("bp4d:F001", "bp4d_plus:F001")
    assert [one.attributes["partition"] for one in dataset.recordings] == ["train", "train", "validation", "validation"]
    frontal = dataset.select(views=[6]).recordings[0]
    assert frontal.pose is not None and frontal.pose[0].tolist() == [0, 0, 0] and view_pose(1) == (-40, -40, 0)
    assert len(list(frontal.images())) == 4
    assert "recording-without-media" in kinds(open_dataset("fera2017", tmp_path))  # seven views are absent
    with pytest.raises(InputError, match="views are digits"):
        open_dataset("fera2017", tmp_path, views="0")


# --- AffWild2


@pytest.mark.parametrize("labels", ["AU_Set", "annotations/AU_Set", "ABAW Annotations/AU_Detection_Challenge"])
def test_affwild2_reads_header_partitions_and_gaps(labels: str, tmp_path: Path) -> None:
    dataset = open_dataset("affwild2", make_affwild2(tmp_path, labels=labels))
    assert dataset.action_units == (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
    assert [(one.subject, one.attributes["partition"], one.attributes["video"]) for one in dataset.recordings] == [
        ("v1", "train", "v1"), ("v2_left", "validation", "v2"),
    ]  # fmt: skip
    one = dataset.recordings[0]
    assert one.frames.tolist() == [1, 2, 4, 5] and one.occurrence_known[:, 0].tolist() == [True, False, True, True]
    assert one.occurrence[:, 0].tolist() == [1, 0, 0, 1] and kinds(dataset) == {"missing-pictures"}


def test_affwild2_mixed_editions_videos_and_bad_lines(tmp_path: Path) -> None:
    make_affwild2(tmp_path)
    train = tmp_path / "annotations" / "annotations" / "AU_Detection_Challenge" / "Train_Set"
    write_text(train / "v3.txt", "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n" + "1,0,1,0,1,0,1,0\n\n2,0,0,0,0,0,0,0\n1,0\n")
    write_text(tmp_path / "annotations" / "stray.txt", "AU1,AU2\n1,1\n")
    write_video(tmp_path / "batch1" / "v3.mp4", 4, 30.0)
    write_picture(tmp_path / "cropped_aligned" / "v1" / "00009.jpg")
    dataset = open_dataset("affwild2", tmp_path)
    assert {"mixed-versions", "bad-cell", "value-out-of-range", "length-disagrees", "missing-pictures"} == kinds(dataset)
    one = dataset.recordings[-1]
    assert isinstance(one.media, Video) and len(one) == 4
    assert one.occurrence_known[:, dataset.action_units.index(2)].tolist() == [True, False, True, False]
    assert not one.occurrence_known[:, dataset.action_units.index(26)].any()


# --- the column store


def test_selection_other_columns_and_label_table(disfa: Path) -> None:
    dataset = open_dataset("disfa", disfa)
    assert dataset.select(["SN002", "disfa:SN003"]).subjects == ("SN002", "SN003")
    with pytest.raises(InputError, match="no subject SN009"):
        dataset.select(["SN009"])
    other = dataset.with_action_units([25, 7])
    assert other.recordings[0].intensity[:, 0].tolist() == [1, 2, 3, 4, 5, 0]
    assert not other.recordings[0].occurrence_known[:, 1].any() and not other.recordings[0].occurrence[:, 1].any()
    table = dataset.label_table()
    assert len(table) == 18 and table.person[7] == "disfa:SN002" and table.row[7] == 1 and table.frame[7] == 2
    assert table.occurrence_rate()[0] == pytest.approx(4 / 6) and np.isnan(other.label_table().occurrence_rate()[1])
    assert len(dataset.select([]).label_table()) == 0
    samples = list(dataset)
    assert len(samples) == 18 and samples[7].subject == "SN002" and samples[7].intensity[0] == 2


def test_reading_twice_gives_the_same_and_samples_do_not_alias(disfa: Path) -> None:
    first, second = open_dataset("disfa", disfa), open_dataset("disfa", disfa)
    assert np.array_equal(first.label_table().intensity, second.label_table().intensity)
    assert first.fingerprint() == second.fingerprint() != first.with_threshold(3).fingerprint()
    again = pickle.loads(pickle.dumps(first))  # worker processes get copies
    assert again.fingerprint() == first.fingerprint() and again.recordings[0].sample(0).image().shape == (32, 32, 3)
    pickle.dumps(first.recordings[0].sample(0))
    changed = first.with_action_units([1, 7]).recordings[0]
    changed.occurrence[:] = 1
    assert first.recordings[0].occurrence[0, 0] == 0


def test_what_an_archive_holds_is_read_like_any_picture(tmp_path, monkeypatch):
    deep = io.BytesIO()
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(deep, format="PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.jpg", deep.getvalue())
        archive.writestr("2.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
        archive.writestr("3.jpg", bytes(2000))
    pictures = ImageArchive(tmp_path / "a.zip", np.array([1, 2, 3]), ["1.jpg", "2.jpg", "3.jpg"])
    assert pictures.read(1).min() == round(1000 * 255 / 1023)
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(InputError, match="PostScript"):
        pictures.read(2)
    monkeypatch.setattr("aufait.data.pictures._MOST_BYTES", 1000)
    with pytest.raises(InputError, match="unpacks to more than"):
        pictures.read(3)

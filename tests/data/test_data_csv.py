"""A user's own table of labels: what it may look like, and how its mistakes are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_trees import write_picture, write_text, write_video

from aufait.data import k_fold, leave_one_subject_out, open_dataset
from aufait.errors import InputError


def table(root: Path, *lines: str, name: str = "labels.csv") -> Path:
    return write_text(root / name, "\n".join(lines) + "\n")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for person in ("ann", "bob"):
        for number in range(3):
            write_picture(tmp_path / person / f"p{number}.png", 50 * number)
    return tmp_path


def test_pictures_with_occurrence_and_empty_cells(pictures: Path) -> None:
    table(pictures, "path,Subject,AU01,AU12,skin_tone,site",
          "ann/p0.png,ann,1,0,III,x", "ann/p1.png,ann,,1,III,x", "ann/p2.png,ann,9,1,III,y", "bob/p0.png,bob,0,-1,I,x")  # fmt: skip
    dataset = open_dataset("csv", pictures)
    assert dataset.subjects == ("ann", "bob") and dataset.action_units == (1, 12) and len(dataset) == 4
    one = dataset.recordings[0]
    assert one.occurrence_known.tolist() == [[True, True], [False, True], [False, True]]
    assert one.sample(0).attributes == {"skin_tone": "III", "site": "x"} and one.sample(2).attributes["site"] == "y"
    assert [round(int(image[0, 0, 0]) / 50) for _, _, image in one.images()] == [0, 1, 2]
    assert not one.intensity_known.any() and dataset.anomalies.counts() == {}


def test_plain_columns_are_intensities_if_any_value_says_so(pictures: Path) -> None:
    table(pictures, "path;subject;AU1;AU12", "ann/p0.png;ann;1;0", "ann/p1.png;ann;0;4")
    one = open_dataset("csv", pictures, threshold=2).recordings[0]
    assert one.intensity.tolist() == [[1, 0], [0, 4]] and one.occurrence.tolist() == [[0, 0], [0, 1]]
    with pytest.raises(InputError, match=r"labels.csv, line 3, column AU12: 4 is not an occurrence"):
        open_dataset("csv", pictures, plain="occurrence")


def test_openface_columns_videos_landmarks_and_pose(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 5, 10.0)
    points = [f"x_{k}" for k in range(68)] + [f"y_{k}" for k in range(68)]
    head = "video,frame,timestamp,confidence,subject,AU04_c,AU04_r,AU45_r,pitch,yaw,roll," + ",".join(points)
    rows = [f"clip.mp4,{frame},{frame / 10},0.9,s1,1,2.6,0.2,1,2,3," + ",".join(["7.5"] * 136) for frame in (2, 4)]
    one = open_dataset("csv", table(tmp_path, head, *rows)).recordings[0]
    assert one.task == "clip" and one.frames.tolist() == [2, 4] and one.action_units == (4, 45)
    assert one.intensity.tolist() == [[3, 0], [3, 0]] and one.occurrence_known.tolist() == [[True, False]] * 2
    assert one.pose is not None and one.pose[0].tolist() == [1, 2, 3]
    assert one.landmarks is not None and one.landmarks.shape == (2, 68, 2) and one.sample(1).landmarks is not None
    grey = [round((int(image[0, 0, 0]) - 20) / 10) for _, _, image in one.images()]
    assert grey == [1, 3] and one.attributes == {}


def test_videos_by_time_and_from_frame_zero(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 5, 10.0)
    table(tmp_path, "video,time,subject,AU12", "a.mp4,0.2,s1,1", "a.mp4,0.4,s1,0")
    one = open_dataset("csv", tmp_path).recordings[0]
    assert one.frames.tolist() == [3, 5] and [round(time, 3) for _, time, _ in one.images()] == [0.2, 0.4]
    table(tmp_path, "video,frame,subject,task,AU12", "a.mp4,0,s1,x,1", "a.mp4,4,s1,x,0")
    one = open_dataset("csv", tmp_path, first_frame="0").recordings[0]
    assert [round((int(image[0, 0, 0]) - 20) / 10) for _, _, image in one.images()] == [0, 4] and one.task == "x"


def test_two_videos_under_one_task_stay_two_recordings(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_video(tmp_path / f"{name}.mp4", 3)
    table(tmp_path, "video,frame,subject,task,AU12", "a.mp4,1,s1,smile,1", "b.mp4,1,s1,smile,0")
    dataset = open_dataset("csv", tmp_path)
    assert len(dataset.recordings) == 2 and len(dataset) == 2 and dataset.anomalies.counts() == {}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path,AU12", "a.png,1"], "no column 'subject'"),
        (["path,subjekt,AU12", "a.png,s,1"], "is 'subjekt' meant"),
        (["file,subject,AU12", "a.png,s,1"], "neither a column 'path'"),
        (["video,subject,AU12", "a.mp4,s,1"], "neither 'frame' nor 'time'"),
        (["path,subject", "a.png,s"], "no column of an action unit"),
        (["path,subject,AU99", "a.png,s,1"], r"line 1, column AU99: AU99 is not an action unit"),
        (["path,subject,AU1,AU01", "a.png,s,1,1"], "AU1 has two columns"),
        (["path,subject,AU1,AU1", "a.png,s,1,1"], "occurs more than once"),
        (["path,subject,AU1_r", "a.png,s,6"], r"labels.csv, line 2, column AU01: 6 is not an intensity from 0 to 5"),
        (["path,subject,AU1", "a.png,s,1", "b.png,s,yes"], r"line 3, column AU01: 'yes' is not a number"),
        (["path,subject,AU1_c", "a.png,s,0.5"], "not an occurrence"),
        (["path,subject,AU1", "a.png,,1"], r"line 2, column subject: empty"),
        (["path,subject,AU1", "a.png,s"], r"line 2: 2 cells, but the header has 3"),
        (["path,subject,frame,AU1", "a.png,s,1.5,1"], r"line 2, column frame: '1.5' is not a whole number"),
        (["path,subject,AU1,x_0,y_0", "a.png,s,1,2,3"], "68, 66, 49 points"),
        (["path,subject,AU1"], "no rows"),
        ([""], "is empty or begins with an empty line"),
        (["path;subject;AU1_r", "a.png;s;1,5"], "'1,5' is not a number; write a decimal point"),
        (["path,subject,AU1", "a.png,Ann,1", "b.png,ann,1"], "line 3, column subject: 'ann' and 'Ann' .line 2. differ in case"),
        (["path,subject,AU1", "a.png,s,1", "a.png,t,1"], "line 3: a.png is listed for t, and for s in line 2"),
        (["video,frame,subject,AU1", "v.mp4,1,s,1", "v.mp4,1,t,1"], "line 3: v.mp4, frame 1 is listed for t"),
        (["video,frame,subject,AU1", "a.png,0,s,1"], "line 2, column frame: 0 is before .* set first_frame=0"),
        (["path,subject,AU1", "a.png,s,9"], "no label: every cell is marked as unknown"),
    ],
)
def test_mistakes_are_named(lines: list[str], message: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "b.png")
    with pytest.raises(InputError, match=message):
        open_dataset("csv", table(tmp_path, *lines))


def test_many_mistakes_are_counted(tmp_path: Path) -> None:
    path = table(tmp_path, "path,subject,AU1", *["a.png,s,7"] * 9)
    with pytest.raises(InputError, match="and 4 more") as error:
        open_dataset("csv", path, plain="intensity")
    assert "line 6" in str(error.value) and "line 7" not in str(error.value)


def test_missing_pictures_and_duplicates_are_reported(pictures: Path) -> None:
    table(pictures, "path,subject,AU1", "ann/p0.png,ann,1", "ann/gone.png,ann,1", "ann/p0.png,ann,1", "cid/p0.png,cid,1")
    dataset = open_dataset("csv", pictures)
    found = {"missing-pictures": 1, "missing-files": 2, "recording-without-media": 1, "duplicate-rows": 1}
    assert dataset.anomalies.counts() == found
    assert "lines 2, 4" in str(dataset.anomalies.of("duplicate-rows")[0])
    assert [str(one).split(": ")[1] for one in dataset.anomalies.of("missing-files")] == [
        f"there is no {pictures / 'ann/gone.png'}", f"there is no {pictures / 'cid/p0.png'}"
    ]  # fmt: skip
    assert len(dataset) == 1 and dataset.recordings[0].occurrence[0, 0] == 1
    table(pictures, "path,subject,AU1,AU2", "ann/p0.png,ann,1,1", "ann/p0.png,ann,0,1", "ann/p1.png,ann,1,0")
    known = open_dataset("csv", pictures).recordings[0].occurrence_known
    assert known.tolist() == [[False, True], [True, True]]  # rows of the first picture disagree on AU 1
    table(pictures, "path,subject,AU1", "gone.png,ann,1")
    with pytest.raises(InputError, match="no pictures for any of them"):
        open_dataset("csv", pictures)
    assert len(open_dataset("csv", pictures, need_media=False)) == 1


def test_the_table_is_found_or_asked_for(pictures: Path) -> None:
    with pytest.raises(InputError, match="no table"):
        open_dataset("csv", pictures)
    with pytest.raises(InputError, match="does not exist"):
        open_dataset("csv", pictures / "nothing.csv")
    table(pictures, "path\tsubject\tAU1", "p0.png\tann\t1", name="mine.tsv")
    assert len(open_dataset("csv", pictures, images=str(pictures / "ann"))) == 1
    table(pictures, "path,subject,AU1", "ann/p0.png,ann,1", name="second.csv")
    with pytest.raises(InputError, match="2 tables"):
        open_dataset("csv", pictures)
    (pictures / "latin.csv").write_bytes("path,subject,AU1\nann/p0.png,Zoë,1\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        open_dataset("csv", pictures / "latin.csv")


def test_own_protocols_test_every_subject_once(tmp_path: Path) -> None:
    subjects = [f"s{number}" for number in range(7)]
    for subject in subjects:
        write_picture(tmp_path / f"{subject}.png")
    dataset = open_dataset("csv", table(tmp_path, "path,subject,AU1", *[f"{s}.png,{s},1" for s in subjects]))
    for protocol in (leave_one_subject_out(dataset), k_fold(dataset, 3, seed=4)):
        tested = [subject for fold in protocol.folds for subject in protocol.split(dataset, fold.number).test.subjects]
        assert sorted(tested) == subjects
        for fold in protocol.folds:
            split = protocol.split(dataset, fold.number)
            assert set(split.train.subjects) == set(subjects) - set(split.test.subjects)
    sizes = [len(fold.test[0].subjects or ()) for fold in k_fold(dataset, 3).folds]
    assert sorted(sizes) == [2, 2, 3]
    assert k_fold(dataset, 3, seed=1).folds == k_fold(dataset, 3, seed=1).folds
    assert k_fold(dataset, 3, seed=1).folds != k_fold(dataset, 3, seed=2).folds
    with pytest.raises(InputError, match="number of folds"):
        k_fold(dataset, 8)
    with pytest.raises(InputError, match="at least 2"):
        leave_one_subject_out(dataset.select(["s1"]))
    assert np.isnan(dataset.recordings[0].times()[0])

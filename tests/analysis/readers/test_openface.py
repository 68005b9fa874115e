"""OpenFace's tables: today's header, older ones, pictures, and what spreadsheets make of them."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from aufait.analysis import read_table
from aufait.analysis.score_table import NO_FACE
from aufait.errors import InputError, InputWarning

INDEX = ["frame", "face_id", "timestamp", "confidence", "success"]
GAZE = ["gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x", "gaze_1_y", "gaze_1_z", "gaze_angle_x", "gaze_angle_y"]
POSE = ["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"]
POINTS = [*(f"x_{number}" for number in range(68)), *(f"y_{number}" for number in range(68))]
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
SCORES = [*(f"AU{unit:02d}_r" for unit in UNITS), *(f"AU{unit:02d}_c" for unit in sorted((*UNITS, 28)))]
FULL = [*INDEX, *GAZE, *POSE, *POINTS, *SCORES]


def row(header: list[str], frame: int, face: int, found: bool, time: float) -> list[str]:
    """Numbers that tell their column and frame apart; zeros where OpenFace found nothing."""
    fixed = {"frame": f"{frame}", "face": f"{face}", "face_id": f"{face}", "timestamp": f"{time:.3f}", "success": f"{int(found)}"}
    fixed["confidence"] = "0.98" if found else "0.00"
    fixed |= {name: f"{(frame + place) % 5 + 0.25:.2f}" for place, name in enumerate(SCORES) if name.endswith("_r")}
    fixed |= {name: f"{(frame + place) % 2:.1f}" for place, name in enumerate(SCORES) if name.endswith("_c")}
    if not found:
        fixed |= dict.fromkeys(SCORES, "0.00")
    return [fixed.get(name, "0.5" if found else "0") for name in header]


def written(folder: Path, header: list[str], *, separator: str = ",", decimal: str = ".", times: bool = True) -> Path:
    """Frames 1 to 4 at 25 per second; nobody in the third."""
    lines = [separator.join(header)]
    for frame in range(1, 5):
        cells = row(header, frame, 0, frame != 3, (frame - 1) / 25 if times else 0)
        lines.append(separator.join(cell.replace(".", decimal) for cell in cells))
    path = folder / "clip.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(params=["pyarrow", "without pyarrow"], autouse=True)
def columns_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which a CSV is read."""
    if request.param == "pyarrow":
        pytest.importorskip("pyarrow")
    else:
        monkeypatch.setitem(sys.modules, "pyarrow", None)


def without(*names: str) -> list[str]:
    return [name for name in FULL if name not in names]


@pytest.mark.parametrize(
    ("header", "form"),
    [
        (FULL, {}),
        (FULL, {"separator": ", "}),
        (FULL, {"separator": ";", "decimal": ","}),
        (FULL, {"separator": "\t"}),
        (without("face_id"), {}),
        (without("face_id", "gaze_angle_x", "gaze_angle_y"), {"separator": ", "}),
        (without("face_id", *GAZE), {}),
        (without(*GAZE, *POSE, *POINTS), {}),
        ([*INDEX, *reversed(SCORES)], {}),
    ],
    ids=["2.2", "spaces after commas", "German spreadsheet", "tabs", "no face_id", "0.x", "no gaze", "-aus", "other order"],
)
def test_every_header_gives_the_same_table(tmp_path: Path, header: list[str], form: dict[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_table(written(tmp_path, header, **form))
    assert (table.tool, table.action_units) == ("openface", tuple(sorted((*UNITS, 28))))
    assert table.time.tolist() == [0, 0.04, 0.08, 0.12]
    assert table.frame.tolist() == [1, 2, 3, 4]
    assert table.face_id.tolist() == [0, 0, NO_FACE, 0]
    for place, name in enumerate(SCORES):
        values = table.intensity if name.endswith("_r") else table.occurrence
        expected = [(frame + place) % 5 + 0.25 if name.endswith("_r") else (frame + place) % 2 for frame in (1, 2, 4)]
        column = values[:, table.index(int(name[2:4]))]
        np.testing.assert_allclose(column, [*expected[:2], np.nan, expected[2]], err_msg=name)
    assert np.isnan(table.intensity[:, table.index(28)]).all(), "OpenFace has no AU28_r"
    np.testing.assert_allclose(table.confidence, [0.98, 0.98, np.nan, 0.98], rtol=1e-6)
    assert np.isnan(table.probability).all()


def test_pose_and_gaze_are_kept_and_landmarks_are_not(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, FULL))
    assert set(table.others) == {*POSE, *GAZE}
    np.testing.assert_allclose(table.others["pose_Rx"], [0.5, 0.5, np.nan, 0.5])


def test_missing_columns_are_nan_and_missing_units_are_not_there(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, ["frame", "timestamp", "AU12_r", "AU04_c"]))
    assert table.action_units == (4, 12)
    assert np.isnan(table.intensity[:, 0]).all() and np.isnan(table.occurrence[:, 1]).all()
    assert table.found.all(), "without the column success every row is a face"
    assert np.isnan(table.confidence).all()


def test_several_faces_of_a_frame_stay_together(tmp_path: Path) -> None:
    lines = [",".join(FULL)]
    lines += [",".join(row(FULL, frame, face, True, frame / 25)) for frame in (1, 2) for face in (1, 0)]
    (tmp_path / "clip.csv").write_text("\n".join(lines))
    assert read_table(tmp_path / "clip.csv").face_id.tolist() == [0, 1, 0, 1]


def test_faces_of_one_picture_share_its_number(tmp_path: Path) -> None:
    header = ["face", "confidence", *POSE, *SCORES]
    lines = [",".join(header), *(",".join(row(header, 1, face, True, 0)) for face in range(3))]
    (tmp_path / "picture.csv").write_text("\n".join(lines))
    table = read_table(tmp_path / "picture.csv")
    assert (table.time.tolist(), table.face_id.tolist()) == ([1, 1, 1], [0, 1, 2])


def test_a_folder_of_pictures_has_no_times_unless_the_rate_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, FULL, times=False)
    with pytest.warns(InputWarning, match=r"all timestamps are 0, as OpenFace writes for folders of pictures"):
        assert read_table(path).time.tolist() == [1, 2, 3, 4]
    assert read_table(path, fps=50).time.tolist() == [0, 0.02, 0.04, 0.06]


def test_a_table_without_times_asks_for_the_rate(tmp_path: Path) -> None:
    path = written(tmp_path, without("timestamp"))
    with pytest.raises(InputError, match=r"this table of openface has no exact times; .* --fps 30"):
        read_table(path)
    assert read_table(path, fps=25).time.tolist() == [0, 0.04, 0.08, 0.12]


def test_what_differs_in_meaning_is_said(tmp_path: Path) -> None:
    meaning = read_table(written(tmp_path, FULL)).meaning
    assert {"intensity", "occurrence", "confidence", "face_id"} <= set(meaning)


def test_columns_that_are_no_action_units_are_reported(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match="left out: AU99"):
        assert read_table(written(tmp_path, [*INDEX, "AU12_r", "AU99_r"])).action_units == (12,)


def test_rows_that_are_cut_or_no_numbers_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    text = path.read_text()
    path.write_text(text[: len(text) - 40])
    with pytest.raises(InputError, match=r"line 5: .* cells where the header has"):
        read_table(path)
    path.write_text(text.replace("0.98", "good", 1))
    with pytest.raises(InputError, match="line 2: the column confidence should hold numbers, got 'good'"):
        read_table(path)

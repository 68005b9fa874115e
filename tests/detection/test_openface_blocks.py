"""OpenFace's blocks of columns: its order and formats, chosen by name, empty where nothing is given."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.detection.openface_blocks import BLOCKS, USUAL, available_blocks, describe_column, needs_space, parts_of, read_blocks
from aufait.detection.tables import OpenFaceCsvWriter, ParquetWriter, openface_columns
from aufait.errors import InputError
from aufait.faces.face import HeadPose
from aufait.results import FaceAnalysis, FrameAnalysis

ORDER = [
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
    *("gaze_angle_x", "gaze_angle_y"),
    *(f"eye_lmk_{axis}_{point}" for axis in "xyXYZ" for point in range(56)),
    *(f"pose_{name}" for name in ("Tx", "Ty", "Tz", "Rx", "Ry", "Rz")),
    *(f"{axis}_{point}" for axis in "xy" for point in range(68)),
    *(f"{axis}_{point}" for axis in "XYZ" for point in range(68)),
]


def made_face(face_id: int = 0) -> FaceAnalysis:
    rng = np.random.default_rng(face_id)
    intensity = rng.uniform(0, 5, len(DEFAULT_ACTION_UNITS))
    eye = rng.uniform(-300, 300, (56, 5))
    eye[20:28] = eye[48:] = np.nan
    gaze = np.array([[0.6, 0.0, -0.8], [0.0, 0.28, -0.96]])
    return FaceAnalysis(
        face_id=face_id, box=[0, 0, 10, 10], confidence=0.9, landmarks=rng.uniform(0, 300, (68, 2)),
        pose=HeadPose(np.array([1.26, -2.0, 600.0]), np.array([0.1234, -0.2, 0.0])), action_units=DEFAULT_ACTION_UNITS,
        probability=intensity / 5, intensity=intensity, gaze=gaze, eye_landmarks=eye, landmarks_3d=rng.uniform(-90, 900, (68, 3)),
    )  # fmt: skip


def rows_of(path: Path, faces: list[FaceAnalysis], blocks: tuple[str, ...] | None, kind: str = "video") -> list[dict[str, str]]:
    with OpenFaceCsvWriter(path, DEFAULT_ACTION_UNITS, kind=kind, blocks=blocks) as writer:  # type: ignore[arg-type]
        writer.write(FrameAnalysis("a.mp4", 1, 0.5, (640, 480), tuple(faces)))
        writer.write(FrameAnalysis("a.mp4", 2, 0.54, (640, 480)))
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_blocks_stand_in_openface_s_order() -> None:
    columns = openface_columns("video", BLOCKS)
    assert list(columns[: len(ORDER)]) == ORDER
    assert len(columns) == 5 + 8 + 280 + 6 + 136 + 204 + 17 + 18 and len(set(columns)) == len(columns)


def test_blocks_keep_their_order_whatever_the_order_of_their_names() -> None:
    assert openface_columns("image", ["3Dfp", "gaze"])[:3] == ("face", "confidence", "gaze_0_x")
    assert openface_columns("video", ["3Dfp", "gaze"])[-1] == "Z_67"


def test_numbers_stand_under_their_names_in_openface_s_formats(tmp_path: Path) -> None:
    face = made_face()
    row, _ = rows_of(tmp_path / "a.csv", [face], BLOCKS)
    assert face.eye_landmarks is not None and face.landmarks_3d is not None
    assert (row["gaze_0_x"], row["gaze_0_z"], row["gaze_1_y"]) == ("0.600000", "-0.800000", "0.280000")
    assert (row["gaze_angle_x"], row["gaze_angle_y"]) == (f"{np.arctan2(0.3, 0.88):.3f}", f"{np.arctan2(0.14, 0.88):.3f}")
    for column, name in enumerate(("x", "y", "X", "Y", "Z")):
        assert row[f"eye_lmk_{name}_3"] == f"{face.eye_landmarks[3, column]:.1f}"
        assert row[f"eye_lmk_{name}_47"] == f"{face.eye_landmarks[47, column]:.1f}"
        assert row[f"eye_lmk_{name}_20"] == row[f"eye_lmk_{name}_55"] == ""  # pupils
    assert (row["X_5"], row["Z_67"]) == (f"{face.landmarks_3d[5, 0]:.1f}", f"{face.landmarks_3d[67, 2]:.1f}")
    assert (row["pose_Tx"], row["pose_Rx"], row["x_9"]) == ("1.3", "0.123", f"{face.landmarks[9, 0]:.1f}")
    assert row["AU12_r"] == f"{face.intensity[face.index(12)]:.2f}"  # type: ignore[index]
    assert float(row["AU12_p"]) == pytest.approx(face.probability[face.index(12)], abs=1e-4) and row["source"] == "a.mp4"


def test_the_usual_blocks_by_name_are_the_table_without_names(tmp_path: Path) -> None:
    for kind in ("video", "image"):
        plain, named = (rows_of(tmp_path / f"{kind}{n}.csv", [made_face()], blocks, kind) for n, blocks in enumerate((None, USUAL)))
        assert plain == named
        together, *_ = rows_of(tmp_path / f"{kind}all.csv", [made_face()], BLOCKS, kind)
        assert plain[0] == {name: together[name] for name in plain[0]}


def test_a_table_without_action_units_has_no_column_of_them(tmp_path: Path) -> None:
    row, empty = rows_of(tmp_path / "a.csv", [made_face()], ("gaze", "pose"))
    assert not [name for name in row if name.startswith("AU")] and row["quality"] == "1.000" and row["width"] == "640"
    assert len(row) == len(empty) and None not in row and None not in empty


def test_a_frame_without_face_has_zeros(tmp_path: Path) -> None:
    _, empty = rows_of(tmp_path / "a.csv", [made_face()], BLOCKS)
    assert empty["success"] == "0" and all(float(empty[name]) == 0 for name in ORDER[5:])
    assert empty["AU12_p"] == "" and empty["source"] == "a.mp4"


def test_what_a_face_does_not_have_is_empty(tmp_path: Path) -> None:
    bare = replace(made_face(), gaze=None, eye_landmarks=None, landmarks_3d=None, pose=None)
    row, _ = rows_of(tmp_path / "a.csv", [bare], BLOCKS)
    assert {row[name] for name in ("gaze_0_x", "gaze_angle_y", "eye_lmk_x_0", "eye_lmk_Z_55", "X_0", "Z_67", "pose_Rz")} == {""}
    assert row["x_0"] and row["AU12_r"]


def test_parquet_has_the_same_blocks_typed_and_null_where_nothing_is_given(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    face, bare = made_face(), replace(made_face(1), gaze=None, eye_landmarks=None, landmarks_3d=None)
    with ParquetWriter(tmp_path / "a.parquet", DEFAULT_ACTION_UNITS, blocks=BLOCKS) as writer:
        writer.write(FrameAnalysis("a.mp4", 1, 0.5, (640, 480), (face, bare)))
    table = parquet.read_table(tmp_path / "a.parquet")
    assert face.gaze is not None and face.landmarks_3d is not None
    assert table["gaze_0_x"].to_pylist() == [float(face.gaze[0, 0]), None]
    assert table["Z_67"].to_pylist() == [float(face.landmarks_3d[67, 2]), None]
    assert table["eye_lmk_X_20"].to_pylist() == [None, None]
    assert table["AU12_p"].to_pylist()[0] == pytest.approx(float(face.probability[face.index(12)]))
    names = ("gaze_0_x", "gaze_angle_x", "eye_lmk_x_1", "eye_lmk_Z_1", "X_3")
    assert [table.schema.field(name).metadata[b"unit"] for name in names] == [b"1", b"rad", b"px", b"mm", b"mm"]


def test_names_are_read_as_people_write_them() -> None:
    assert read_blocks("AUS, gaze") == ("gaze", "aus") and read_blocks("2dfp") == ("2Dfp",) and read_blocks("all") == BLOCKS
    for wrong in ("", "hog", "gaze;pose", " , "):
        with pytest.raises(InputError, match="blocks of columns"):
            read_blocks(wrong)


def test_what_a_finder_gives_and_what_must_be_computed() -> None:
    assert available_blocks("mesh") == BLOCKS and available_blocks("builtin") == ("pose", "2Dfp", "3Dfp", "aus")
    assert needs_space(("3Dfp",)) and needs_space(("gaze",)) and not needs_space(USUAL) and not needs_space(None)
    assert all(describe_column(name) for part in parts_of(BLOCKS) for name in part.columns)
    assert describe_column("pose_Rx")[0] == "rad" and describe_column("y_3")[0] == "px"


def test_faces_come_back_from_plain_numbers_with_unknown_points() -> None:
    import json

    face = made_face()
    again = FaceAnalysis.from_dict(json.loads(json.dumps(face.to_dict(), allow_nan=False)))
    for name in ("gaze", "eye_landmarks", "landmarks_3d"):
        np.testing.assert_array_equal(getattr(again, name), getattr(face, name))
    assert again.gaze_angles == face.gaze_angles and replace(face, gaze=None).gaze_angles is None
    wrongs = {"gaze": np.zeros((3, 2)), "landmarks_3d": np.full((68, 3), np.nan), "eye_landmarks": np.zeros((55, 5))}
    for name, wrong in wrongs.items():
        with pytest.raises(ValueError, match=name):
            replace(face, **{name: wrong})

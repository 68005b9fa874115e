"""Tables: OpenFace's header and formats to the letter, our columns to the right, whole rows whatever happens."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.detection.tables import OpenFaceCsvWriter, ParquetWriter, openface_columns, read_openface_csv
from aufait.errors import InputError, MissingExtraError, OutputError
from aufait.faces.face import HeadPose
from aufait.results import FaceAnalysis, FrameAnalysis

OPENFACE_R = """AU01_r,AU02_r,AU04_r,AU05_r,AU06_r,AU07_r,AU09_r,AU10_r,AU12_r,
AU14_r,AU15_r,AU17_r,AU20_r,AU23_r,AU25_r,AU26_r,AU45_r""".replace("\n", "")
OPENFACE_C = OPENFACE_R.replace("_r", "_c").replace("AU45_c", "AU28_c,AU45_c")
OPENFACE = [
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
    *[f"x_{i}" for i in range(68)],
    *[f"y_{i}" for i in range(68)],
    *OPENFACE_R.split(","),
    *OPENFACE_C.split(","),
]


def make_face(face_id: int = 0, units=DEFAULT_ACTION_UNITS, *, pose: bool = True) -> FaceAnalysis:
    rng = np.random.default_rng(face_id)
    intensity = rng.uniform(0, 5, len(units)).round(2)
    probability = 1 / (1 + np.exp(1.5 - intensity))
    return FaceAnalysis(
        face_id=face_id,
        box=[10.26, 20, 110, 140],
        confidence=0.987,
        landmarks=np.arange(136).reshape(68, 2) + 0.26,
        pose=HeadPose(np.array([1.26, -2.0, 600.0]), np.array([0.1234, -0.2, 0.0])) if pose else None,
        action_units=units,
        probability=probability,
        intensity=intensity,
        probability_left=probability,
        probability_right=probability / 2,
        intensity_left=intensity,
        intensity_right=intensity / 2,
        quality=0.5,
    )


def make_frame(number: int = 1, faces=None, source: str = "clip.mp4") -> FrameAnalysis:
    faces = (make_face(),) if faces is None else faces
    return FrameAnalysis(source, number, (number - 1) / 23.976, (640, 360), tuple(faces))


def write_rows(path, frames, **options) -> list[dict[str, str]]:
    with OpenFaceCsvWriter(path, DEFAULT_ACTION_UNITS, **options) as writer:
        for frame in frames:
            writer.write(frame)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_header_starts_with_openface_s(tmp_path):
    write_rows(tmp_path / "a.csv", [make_frame()])
    header = (tmp_path / "a.csv").read_text().split("\n")[0].split(",")
    assert header[: len(OPENFACE)] == OPENFACE
    assert len(OPENFACE) == 5 + 6 + 136 + 17 + 18 and list(openface_columns()) == OPENFACE
    assert len(set(header)) == len(header)


def test_our_columns_follow(tmp_path):
    write_rows(tmp_path / "a.csv", [make_frame()])
    ours = (tmp_path / "a.csv").read_text().split("\n")[0].split(",")[len(OPENFACE) :]
    assert ours[:6] == ["presentation_time", "box_x0", "box_y0", "box_x1", "box_y1", "quality"]
    assert ours[6 : 6 + 19] == [f"AU{unit:02d}_p" for unit in DEFAULT_ACTION_UNITS]
    assert ours[25:28] == ["AU24_r", "AU28_r", "AU43_r"] and ours[28:30] == ["AU24_c", "AU43_c"]
    assert ours[30:34] == ["AU01_left_r", "AU01_right_r", "AU01_left_p", "AU01_right_p"]
    assert ours[-3:] == ["width", "height", "source"] and "AU25_left_r" not in ours


def test_units_and_number_formats_are_openface_s(tmp_path):
    (row,) = write_rows(tmp_path / "a.csv", [make_frame(2)])
    assert (row["frame"], row["face_id"], row["timestamp"], row["confidence"], row["success"]) == (
        "2",
        "0",
        "0.042",
        "0.99",
        "1",
    )
    assert (row["pose_Tx"], row["pose_Tz"], row["pose_Rx"]) == ("1.3", "600.0", "0.123")
    assert (row["x_0"], row["y_0"], row["x_67"]) == ("0.3", "1.3", "134.3")
    assert len(row["AU01_r"]) == 4 and row["AU01_c"] in {"0.0", "1.0"}
    assert float(row["presentation_time"]) == 1 / 23.976


def test_values_land_under_their_names(tmp_path):
    face = make_face(3)
    (row,) = write_rows(tmp_path / "a.csv", [make_frame(1, [face])])
    for unit in DEFAULT_ACTION_UNITS:
        at = face.index(unit)
        assert float(row[f"AU{unit:02d}_r"]) == pytest.approx(face.intensity[at], abs=0.006)
        assert float(row[f"AU{unit:02d}_c"]) == float(face.occurrence[at])
        assert float(row[f"AU{unit:02d}_p"]) == pytest.approx(face.probability[at], abs=1e-4)
    assert float(row["AU12_right_r"]) == pytest.approx(face.intensity_right[face.index(12)], abs=0.006)
    assert float(row["AU43_left_p"]) == pytest.approx(face.probability_left[face.index(43)], abs=1e-4)
    assert row["AU45_r"] == row["AU43_r"] and row["AU45_c"] == row["AU43_c"]


def test_frame_without_face_has_one_row_of_zeros(tmp_path):
    rows = write_rows(tmp_path / "a.csv", [make_frame(1, []), make_frame(2)])
    assert len(rows) == 2
    empty = rows[0]
    assert (empty["frame"], empty["success"], empty["confidence"]) == ("1", "0", "0.00")
    assert all(float(empty[name]) == 0 for name in OPENFACE[6:])
    assert [empty[name] for name in ("quality", "AU01_p", "box_x0", "AU12_left_r")] == [""] * 4
    assert empty["source"] == "clip.mp4" and float(empty["presentation_time"]) == 0
    assert (int(empty["width"]), int(empty["height"])) == make_frame().size


def test_faces_of_a_frame_follow_each_other(tmp_path):
    rows = write_rows(tmp_path / "a.csv", [make_frame(1, [make_face(4), make_face(1)])])
    assert [row["face_id"] for row in rows] == ["1", "4"]


def test_unknown_pose_is_empty(tmp_path):
    (row,) = write_rows(tmp_path / "a.csv", [make_frame(1, [make_face(pose=False)])])
    assert row["pose_Tx"] == row["pose_Rz"] == "" and row["x_0"] == "0.3"


def test_units_that_the_model_lacks_are_empty(tmp_path):
    with OpenFaceCsvWriter(tmp_path / "a.csv", (6, 12)) as writer:
        writer.write(make_frame(1, [make_face(0, (6, 12))]))
    table = read_openface_csv(tmp_path / "a.csv")
    assert np.isnan(table["AU01_r"][0]) and np.isnan(table["AU45_c"][0]) and table["AU12_r"][0] >= 0


def test_pictures_share_a_table(tmp_path):
    frames = [make_frame(1, [make_face(0), make_face(1)], 'a, "b".png'), make_frame(1, [], "c.png")]
    rows = write_rows(tmp_path / "a.csv", frames, kind="image")
    header = (tmp_path / "a.csv").read_text().split("\n")[0].split(",")
    assert header[: len(OPENFACE) - 3] == ["face", "confidence", *OPENFACE[5:]]
    assert [(row["face"], row["success"], row["source"]) for row in rows] == [
        ("0", "1", 'a, "b".png'), ("1", "1", 'a, "b".png'), ("0", "0", "c.png"),
    ]  # fmt: skip


def test_other_action_units_are_refused(tmp_path):
    with pytest.raises(ValueError, match="the frame has"), OpenFaceCsvWriter(tmp_path / "a.csv", (1, 2)) as writer:
        writer.write(make_frame())


def test_existing_table_is_refused_unless_told_otherwise(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with pytest.raises(OutputError, match="--overwrite"):
        OpenFaceCsvWriter(path, DEFAULT_ACTION_UNITS)
    assert path.read_text() == "precious" and len(list(tmp_path.iterdir())) == 1
    assert len(write_rows(path, [make_frame()], overwrite=True)) == 1


def test_interruption_keeps_whole_rows_under_a_partial_name(tmp_path):
    with pytest.raises(KeyboardInterrupt), OpenFaceCsvWriter(tmp_path / "a.csv", DEFAULT_ACTION_UNITS) as writer:
        for number in range(1, 101):
            writer.write(make_frame(number))
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial.csv"]
    assert len(read_openface_csv(tmp_path / "a.partial.csv")["frame"]) == 100


def test_old_table_survives_an_interrupted_overwrite(tmp_path):
    (tmp_path / "a.csv").write_text("precious")
    with (
        pytest.raises(KeyboardInterrupt),
        OpenFaceCsvWriter(tmp_path / "a.csv", DEFAULT_ACTION_UNITS, overwrite=True) as writer,
    ):
        writer.write(make_frame())
        raise KeyboardInterrupt
    assert (tmp_path / "a.csv").read_text() == "precious"


def test_nothing_is_left_of_a_table_without_rows(tmp_path):
    with pytest.raises(KeyboardInterrupt), OpenFaceCsvWriter(tmp_path / "a.csv", DEFAULT_ACTION_UNITS):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_rows_reach_the_disc_whole(tmp_path):
    writer = OpenFaceCsvWriter(tmp_path / "a.csv", DEFAULT_ACTION_UNITS)
    for number in range(1, 200):
        writer.write(make_frame(number))
    on_disc = (tmp_path / "a.partial.csv").read_text()  # what a killed process would leave
    assert on_disc.endswith("\n") and on_disc.count("\n") > 50
    writer.close()


def test_full_disc_leaves_whole_rows(tmp_path):
    resource = pytest.importorskip("resource")  # stands in for a full disc: a limit on the size of files
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
    try:
        with (
            pytest.raises(OutputError, match="free some space"),
            OpenFaceCsvWriter(tmp_path / "a.csv", DEFAULT_ACTION_UNITS) as writer,
        ):
            for number in range(1, 2000):
                writer.write(make_frame(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial.csv"]
    frames = read_openface_csv(tmp_path / "a.partial.csv")["frame"]
    assert len(frames) > 20 and frames.tolist() == list(range(1, len(frames) + 1))


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        OpenFaceCsvWriter(tmp_path / "file" / "a.csv", DEFAULT_ACTION_UNITS)


@pytest.mark.parametrize("gap", ["", " "])
def test_both_header_spellings_are_read(tmp_path, gap):
    path = tmp_path / "a.csv"
    path.write_text(
        f"frame,{gap}timestamp,{gap}AU01_r,{gap}source\n1,{gap}0.033,{gap}1.5,{gap}x\n2,{gap}0.067,{gap},{gap}y\n"
    )
    table = read_openface_csv(path)
    assert list(table) == ["frame", "timestamp", "AU01_r", "source"]
    assert table["timestamp"].tolist() == [0.033, 0.067] and np.isnan(table["AU01_r"][1])
    assert table["source"].tolist() == ["x", "y"]


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("hello\n")
    with pytest.raises(InputError, match="not a table"):
        read_openface_csv(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("frame,AU01_r\n1,2\n3\n")
    with pytest.raises(InputError, match="line 3"):
        read_openface_csv(tmp_path / "b.csv")
    with pytest.raises(InputError, match="does not exist"):
        read_openface_csv(tmp_path / "c.csv")


def test_pandas_reads_the_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    write_rows(tmp_path / "a.csv", [make_frame(1), make_frame(2, [])])
    table = pandas.read_csv(tmp_path / "a.csv")
    assert table["success"].tolist() == [1, 0] and table["AU12_r"].dtype == float


def test_parquet_is_typed_and_says_its_units(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    face = make_face(2)
    with ParquetWriter(tmp_path / "a.parquet", DEFAULT_ACTION_UNITS, metadata={"model": "default"}) as writer:
        for number in range(1, 3001):  # more than one row group
            writer.write(make_frame(number, [face] if number != 2 else []))
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.num_rows == 3000 and parquet.ParquetFile(tmp_path / "a.parquet").num_row_groups == 2
    rows = table.slice(0, 2).to_pylist()
    assert rows[0]["AU12_r"] == pytest.approx(float(face.intensity[face.index(12)]))
    assert rows[0]["AU12_c"] is bool(face.occurrence[face.index(12)])
    assert rows[0]["x_67"] == pytest.approx(134.26, abs=1e-4) and rows[1]["timestamp"] == 1 / 23.976
    assert rows[1]["success"] is False and rows[1]["face_id"] is None and rows[1]["AU12_r"] is None
    assert table.schema.field("pose_Rx").metadata[b"unit"] == b"rad"
    assert table.schema.metadata[b"aufait.model"] == b"default"
    assert "AU25_left_r" not in table.column_names and "AU12_left_r" in table.column_names


def test_interrupted_parquet_can_be_read(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    with pytest.raises(KeyboardInterrupt), ParquetWriter(tmp_path / "a.parquet", DEFAULT_ACTION_UNITS) as writer:
        writer.write(make_frame())
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial.parquet"]
    assert parquet.read_table(tmp_path / "a.partial.parquet").num_rows == 1


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"aufait\[parquet\]"):
        ParquetWriter(tmp_path / "a.parquet", DEFAULT_ACTION_UNITS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["=1+1.jpg", "+1.jpg", "-1.jpg", "@SUM(1).jpg", " =1.jpg", "=cmd|'/c calc'!A0.jpg"])
@pytest.mark.parametrize("kind", ["video", "image"])
@pytest.mark.parametrize("faces", [None, []])
def test_names_are_no_formulas_and_still_name_their_file(tmp_path, name, kind, faces):
    (row,) = write_rows(tmp_path / "t.csv", [make_frame(source=name, faces=faces)], kind=kind)
    assert row["source"].lstrip()[0] not in "=+-@"
    assert Path(row["source"]) == Path(name)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_spreadsheet_that_divides_at_other_marks_sees_one_cell(tmp_path, mark):
    write_rows(tmp_path / "t.csv", [make_frame(source=f"a{mark}=1+1.jpg")])
    assert f'"a{mark}=1+1.jpg"' in (tmp_path / "t.csv").read_text()

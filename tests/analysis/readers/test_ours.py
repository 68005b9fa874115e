"""Our own tables: CSV with and without pyarrow, Parquet, pictures, damaged ones, and long ones."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aufait.analysis import ScoreTable, read_table
from aufait.analysis.score_table import NO_FACE
from aufait.detection.tables import OpenFaceCsvWriter, ParquetWriter
from aufait.errors import InputError, MissingExtraError
from aufait.results import FaceAnalysis, FrameAnalysis

HEADER = (
    "frame,face_id,timestamp,confidence,success,AU04_r,AU12_r,AU12_c,presentation_time,quality,AU04_p,AU12_p,"
    "AU12_left_r,AU12_right_r,AU12_left_p,AU12_right_p,source"
)
ROWS = (
    "1,0,0.000,0.98,1,0.50,2.00,1,0.0001,0.9,0.1,0.8,2.0,1.0,0.8,0.4,clip.mp4",
    "1,1,0.000,0.97,1,0.10,0.00,0,0.0001,0.8,0.2,0.1,0.0,0.0,0.1,0.1,clip.mp4",
    "2,0,0.033,0.00,0,0.00,0.00,0,0.0334,,,,,,,,clip.mp4",
)


@pytest.fixture(params=["pyarrow", "without pyarrow"])
def columns_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which a CSV is read."""
    if request.param == "pyarrow":
        pytest.importorskip("pyarrow")
    else:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    return str(request.param)


def written(folder: Path, *rows: str, header: str = HEADER, name: str = "clip.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((header, *rows, "")), "utf-8")
    return path


def face(units: tuple[int, ...], number: int) -> FaceAnalysis:
    intensity = np.random.default_rng(number).uniform(0, 5, len(units))
    return FaceAnalysis(
        face_id=number,
        box=np.array([1.0, 2, 30, 40]),
        confidence=0.9,
        landmarks=np.zeros((68, 2)),
        pose=None,
        action_units=units,
        probability=intensity / 5,
        intensity=intensity,
        probability_left=intensity / 5,
        probability_right=intensity / 10,
        intensity_left=intensity,
        intensity_right=intensity / 2,
        quality=0.5,
    )


def same(one: ScoreTable, other: ScoreTable, tolerance: float = 1e-6) -> bool:
    arrays = ("time", "frame", "face_id", "confidence", "quality", "probability", "intensity", "occurrence", "intensity_left")
    return all(np.allclose(getattr(one, name), getattr(other, name), equal_nan=True, atol=tolerance) for name in arrays)


@pytest.mark.usefixtures("columns_by")
def test_a_video_is_read_with_exact_times_and_without_zeros_where_no_face_is(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, *ROWS))
    assert (table.name, table.tool, table.action_units, table.source) == ("clip", "aufait", (4, 12), "clip.mp4")
    assert table.time.tolist() == [0.0001, 0.0001, 0.0334]
    assert table.face_id.tolist() == [0, 1, NO_FACE]
    assert table.frame.tolist() == [1, 1, 2]
    np.testing.assert_allclose(table.intensity, [[0.5, 2], [0.1, 0], [np.nan, np.nan]], atol=1e-6)
    np.testing.assert_allclose(table.probability, [[0.1, 0.8], [0.2, 0.1], [np.nan, np.nan]], atol=1e-6)
    np.testing.assert_allclose(table.occurrence[:, 1], [1, 0, np.nan])
    assert table.intensity_left is not None
    np.testing.assert_allclose(table.intensity_left[:, 1], [2, 0, np.nan])
    assert np.isnan(table.intensity_left[:, 0]).all()
    assert np.isnan(table.confidence[2])


@pytest.mark.usefixtures("columns_by")
def test_pictures_are_numbered_in_their_order(tmp_path: Path) -> None:
    header = "face,confidence,AU12_r,AU12_c,success,quality,AU12_p,source"
    rows = ("0,0.9,1,0,1,0.9,0.3,b.jpg", "1,0.8,2,1,1,0.8,0.6,b.jpg", "0,0,0,0,0,,,a.jpg", "0,0.9,3,1,1,0.7,0.9,c.jpg")
    table = read_table(written(tmp_path, *rows, header=header, name="images.csv"))
    assert table.time.tolist() == [1, 1, 2, 3]
    assert table.face_id.tolist() == [0, 1, NO_FACE, 0]
    assert table.source == ""


def test_pictures_in_parquet_are_numbered_the_same_although_each_has_a_frame_and_a_time(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    columns = {
        "source": ["b.jpg", "b.jpg", "a.jpg", "c.jpg"], "frame": [1, 1, 1, 1], "timestamp": [0.0, 0.0, 0.0, 0.0],
        "face_id": [0, 1, None, 0], "success": [True, True, False, True], "confidence": [0.9, 0.8, None, 0.9],
        "quality": [0.9, 0.8, None, 0.7], "AU12_r": [1.0, 2.0, None, 3.0], "AU12_c": [False, True, None, True],
        "AU12_p": [0.3, 0.6, None, 0.9],
    }  # fmt: skip
    pytest.importorskip("pyarrow.parquet").write_table(arrow.table(columns), tmp_path / "images.parquet")
    table = read_table(tmp_path / "images.parquet")
    assert table.time.tolist() == [1, 1, 2, 3]
    assert table.face_id.tolist() == [0, 1, NO_FACE, 0]
    np.testing.assert_allclose(table.occurrence[:, 0], [0, 1, np.nan, 1])


def test_csv_and_parquet_that_detection_writes_hold_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    units = (4, 12, 25)
    frames = [
        FrameAnalysis("clip.mp4", 1, 0.0, (64, 48), (face(units, 0), face(units, 1))),
        FrameAnalysis("clip.mp4", 2, 0.04, (64, 48), ()),
    ]
    for writer in (OpenFaceCsvWriter(tmp_path / "clip.csv", units), ParquetWriter(tmp_path / "clip.parquet", units)):
        with writer:
            for frame in frames:
                writer.write(frame)
    csv, parquet = read_table(tmp_path / "clip.csv"), read_table(tmp_path / "clip.parquet")
    assert csv.action_units == parquet.action_units == units
    assert csv.face_id.tolist() == parquet.face_id.tolist() == [0, 1, NO_FACE]
    assert same(csv, parquet, tolerance=0.006)  # the CSV has two decimals
    np.testing.assert_allclose(parquet.intensity[0], frames[0].faces[0].intensity, rtol=1e-6)


def test_semicolons_with_decimal_commas_hold_the_same(tmp_path: Path) -> None:
    usual = read_table(written(tmp_path, *ROWS))
    rows = [row.replace(",", ";").replace("0.", "0,").replace("2.", "2,").replace("1.", "1,") for row in ROWS]
    assert same(usual, read_table(written(tmp_path, *rows, header=HEADER.replace(",", ";"), name="german.csv")))


def test_a_partial_table_is_called_like_the_whole(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, *ROWS, name="clip.partial.csv")).name == "clip"


@pytest.mark.usefixtures("columns_by")
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((ROWS[0], ROWS[1][:40]), r"line 3: \d+ cells where the header has 17"),
        ((ROWS[0].replace("0.50", "much"),), "line 2: the column AU04_r should hold numbers, got 'much'"),
        ((ROWS[0].replace("0.0001", ""),), "row 1 has no time"),
        (("x" + ROWS[0],), "the column frame should hold numbers, got 'x1'"),
        (("1.5" + ROWS[0][1:],), r"row 1 of the table: frame should be a whole number, got 1\.5"),
        ((ROWS[0].replace("1,0,", "1,,", 1),), "row 1 of the table: the number of the face should be a whole number"),
    ],
)
def test_a_damaged_table_is_named_with_its_place(tmp_path: Path, rows: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, *rows))


@pytest.mark.usefixtures("columns_by")
def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    table = read_table(written(tmp_path))
    assert (len(table), table.action_units, table.faces) == (0, (4, 12), ())


def test_columns_twice_and_columns_cut_away_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the column AU12_p stands there 2 times"):
        read_table(written(tmp_path, ROWS[0], header=HEADER.replace("AU04_p", "AU12_p")))
    with pytest.raises(InputError, match="was it edited"):
        read_table(written(tmp_path, ROWS[0], header=HEADER.replace("success", "ok")))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "first columns are: a, b"),
        (b"\x00\x01", "bytes that are no text"),
        (b"PAR1xx", "not a whole Parquet"),
    ],
)
def test_files_that_are_no_tables_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    if data.startswith(b"PAR1"):
        pytest.importorskip("pyarrow")
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "x.csv")


def test_no_file_an_unknown_tool_and_an_impossible_rate_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "x.csv")
    path = written(tmp_path, *ROWS)
    with pytest.raises(InputError, match="no reader for tables of 'excel'; known: aufait, openface"):
        read_table(path, "excel")
    for fps in (0, -1, float("nan")):
        with pytest.raises(InputError, match="fps must be frames per second"):
            read_table(path, fps=fps)


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + bytes(20))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="parquet"):
        read_table(tmp_path / "x.parquet")


def test_an_hour_of_five_faces_is_read_quickly(tmp_path: Path) -> None:
    """540,000 rows: one at a time they would take minutes."""
    pytest.importorskip("pyarrow")
    frames, faces = 108_000, 5
    block = "".join(f"@,{face},#,0.98,1,0.5,2.0,1,#,0.9,0.1,0.8,2.0,1.0,0.8,0.4,clip.mp4\n" for face in range(faces))
    path = tmp_path / "hour.csv"
    with path.open("w") as file:
        file.write(HEADER + "\n")
        file.writelines(block.replace("@", str(frame + 1)).replace("#", f"{frame / 30:.6f}") for frame in range(frames))
    start = time.process_time()
    table = read_table(path)
    assert time.process_time() - start < 30
    assert len(table) == frames * faces
    assert table.faces == (0, 1, 2, 3, 4)
    assert table.frame_distance == pytest.approx(1 / 30, abs=1e-5)

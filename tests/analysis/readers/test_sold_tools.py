"""Text exports of FaceReader, of Affectiva's SDK and of iMotions, with their facts before the table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from aufait.analysis import read_table
from aufait.analysis.score_table import NO_FACE
from aufait.errors import InputError, InputWarning

FACTS = (
    "FaceReader 9.0", "Video analysis detailed log", "", "Face Model:\tGeneral", "Start time:\t01/02/2024 10:00:00.000",
    'Filename:\tC:\\study\\clip 1.mp4', "Frame rate:\t25", "",
)  # fmt: skip
COLUMNS = ("Video Time", "Neutral", "Happy", "Action Unit 04 - Brow Lowerer", "Action Unit 12 - Lip Corner Puller")


@pytest.fixture(params=["pyarrow", "without pyarrow"], autouse=True)
def columns_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which a table is read."""
    if request.param == "pyarrow":
        pytest.importorskip("pyarrow")
    else:
        monkeypatch.setitem(sys.modules, "pyarrow", None)


def log(
    folder: Path, *rows: tuple[str, ...], columns: tuple[str, ...] = COLUMNS, separator: str = "\t", encoding: str = "utf-8"
) -> Path:
    path = folder / "clip_detailed.txt"
    lines = [*FACTS, separator.join(columns), *(separator.join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding)
    return path


LETTERS = (
    ("00:00:00.000", "0.9", "0.1", "NotActive", "C"),
    ("00:00:00.040", "FIT_FAILED", "FIT_FAILED", "FIT_FAILED", "FIT_FAILED"),
    ("00:01:00.080", "0.9", "0.1", "A", "E"),
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_letters_of_facereader_become_levels(tmp_path: Path, encoding: str) -> None:
    table = read_table(log(tmp_path, *LETTERS, encoding=encoding))
    assert (table.tool, table.action_units, table.source) == ("facereader", (4, 12), "clip 1.mp4")
    assert table.time.tolist() == [0, 0.04, pytest.approx(60.08)]
    assert table.face_id.tolist() == [0, NO_FACE, 0]
    np.testing.assert_allclose(table.intensity, [[0, 3], [np.nan, np.nan], [1, 5]])
    assert table.meaning["intensity"].startswith("FaceReader's letters")


def test_numbers_of_facereader_also_with_decimal_commas(tmp_path: Path) -> None:
    rows = (("00:00:00,000", "0,9", "0,1", "0,2", "0,5"), ("00:00:00,040", "0,9", "0,1", "0", "1"))
    for separator in ";\t":
        table = read_table(log(tmp_path, *rows, separator=separator))
        np.testing.assert_allclose(table.intensity, [[1, 2.5], [0, 5]], rtol=1e-6)
        assert "0-1, times 5" in table.meaning["intensity"]
        assert table.time.tolist() == [0, 0.04]


def test_sides_of_facereader(tmp_path: Path) -> None:
    columns = (
        *COLUMNS[:1],
        "Action Unit 12 - Lip Corner Puller",
        "Left Action Unit 12 - Lip Corner Puller",
        "Action Unit 12 - Right",
    )
    table = read_table(log(tmp_path, ("00:00:01.000", "D", "D", "B"), columns=columns))
    assert table.intensity_left is not None and table.intensity_right is not None
    assert [table.intensity[0, 0], table.intensity_left[0, 0], table.intensity_right[0, 0]] == [4, 4, 2]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("00:00:00.000", "0.9", "0.1", "F", "C"), "should hold NotActive, A to E or numbers, got 'F'"),
        (("soon", "0.9", "0.1", "A", "C"), "row 1: Video Time should be like 00:01:02.345, got 'soon'"),
    ],
)
def test_cells_that_mean_nothing_are_named(tmp_path: Path, row: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(log(tmp_path, row))


def test_a_log_without_action_units_asks_for_them(tmp_path: Path) -> None:
    path = log(tmp_path, ("00:00:00.000", "0.9", "0.1"), columns=COLUMNS[:3])
    with pytest.raises(InputError, match="export the detailed log with action units"):
        read_table(path, "facereader")
    with pytest.raises(InputError, match="no table of action units that is known"):
        read_table(path)


SDK = "TimeStamp,faceId,interocularDistance,pitch,joy,smile,innerBrowRaise,browRaise,browFurrow,smirk,jawDrop,"


def test_the_sdk_of_affectiva_counts_seconds_and_ends_lines_with_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    path.write_text(f"{SDK}\n0.0000,0,61,1,99,80.0,5,10,0,3,20,\n0.0400,nan,nan,nan,nan,nan,nan,nan,nan,nan,nan,\n")
    table = read_table(path)
    assert (table.tool, table.action_units) == ("affectiva", (1, 2, 4, 12, 26))
    assert table.time.tolist() == [0, 0.04]
    assert table.face_id.tolist() == [0, NO_FACE]
    np.testing.assert_allclose(table.probability[0], [0.05, 0.1, 0, 0.8, 0.2], rtol=1e-6)
    assert table.meaning["AU12"] == "AFFDEX's smile"


IMOTIONS = ("#INFO", "#Study name,Interview", "#Respondent Name,P01", "#Recording time,x", "", "#DATA")
NAMES = "Row,Timestamp,EventSource,SampleNumber,Respondent Name,Brow Raise,Inner Brow Raise,Brow Furrow,Smile,Eye Closure,GSR"


def export(folder: Path, *rows: str) -> Path:
    path = folder / "P01.csv"
    path.write_text("\n".join((*IMOTIONS, NAMES, *rows)) + "\n")
    return path


def test_imotions_counts_milliseconds_and_mixes_sensors(tmp_path: Path) -> None:
    path = export(tmp_path, "1,0,1,1,P01,10,20,0,50,0,", "2,20,2,1,P01,,,,,,0.5", "3,40,1,2,P01,10,20,0,60,0,")
    with pytest.warns(InputWarning, match="1 of 3 rows hold no expression"):
        table = read_table(path)
    assert table.time.tolist() == [0, 0.04]
    assert table.action_units == (1, 2, 4, 12, 43)
    np.testing.assert_allclose(table.probability[:, 3], [0.5, 0.6], rtol=1e-6)


def test_several_respondents_in_one_export_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 respondents in one table \(P01, P02\)"):
        read_table(export(tmp_path, "1,0,1,1,P01,10,20,0,50,0,", "2,20,2,1,P02,10,20,0,50,0,"))


def test_evidence_of_facet_becomes_probability(tmp_path: Path) -> None:
    path = tmp_path / "P01.txt"
    names = "\t".join(("Name", "Timestamp", *(f"AU{unit} Evidence" for unit in (1, 2, 4, 12))))
    path.write_text(f"{names}\nP01\t1000\t0\t1\t-1\t2\n")
    table = read_table(path)
    np.testing.assert_allclose(table.probability[0], [0.5, 10 / 11, 1 / 11, 100 / 101], rtol=1e-6)
    assert table.time.tolist() == [1.0]


def test_an_export_without_times_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    path.write_text(SDK.replace("TimeStamp", "when") + "\n0,0,61,1,99,80.0,5,10,0,3,20,\n")
    with pytest.raises(InputError, match="no column Timestamp"):
        read_table(path)

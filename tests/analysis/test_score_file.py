"""Files of scores hold what was given, with empty cells for what is unknown, whatever a recording is called."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from aufait.analysis.baseline import BaselineRule, correct
from aufait.analysis.score_file import score_columns, write_scores
from aufait.analysis.score_table import ScoreTable
from aufait.errors import OutputError


def table(name: str) -> ScoreTable:
    values = np.array([[0.5, np.nan], [1.25, np.nan], [np.nan, np.nan]], np.float32)
    return ScoreTable.made_of(name, (4, 12), np.arange(3) / 2, np.array([0, 0, -1]), intensity=values)


@pytest.mark.parametrize("name", ["clip", "a,nan,100%", 'say "so"', "=1+1"])
def test_rows_come_back(tmp_path: Path, name: str) -> None:
    one = table(name)
    path = write_scores(tmp_path / "scores.csv", [(one, score_columns(one, None, {"4 & !12": one.intensity[:, 0]}))])
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["recording"] for row in rows] == [f"'{name}" if name.startswith("=") else name] * 3
    assert list(rows[0]) == ["recording", "face_id", "frame", "time", "AU04_r", "4 & !12"]  # nothing is known of AU12
    assert [row["AU04_r"] for row in rows] == ["0.5000", "1.2500", ""]
    assert [row["time"] for row in rows] == ["0.000000", "0.500000", "1.000000"]


def test_recordings_share_a_file_and_columns_of_one_are_empty_in_the_other(tmp_path: Path) -> None:
    one, other = table("one"), table("other")
    corrected = correct(other, BaselineRule("given", 0, 1))
    columns = [(one, score_columns(one, None, {})), (other, score_columns(other, corrected, {}))]
    with write_scores(tmp_path / "scores.csv", columns).open(newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [(row["recording"], row["AU04_r"], row["AU04_r_baseline"], row["AU04_r_corrected"]) for row in rows]
    assert shown[0] == ("one", "0.5000", "", "")
    assert shown[4] == ("other", "1.2500", "0.8750", "0.3750")


def test_an_existing_file_stays(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_scores(tmp_path / "scores.csv", [])
    assert (tmp_path / "scores.csv").read_text() == "mine"

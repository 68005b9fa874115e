"""The practice set: it unpacks whole, is read as any other table of labels, and a small network learns it in minutes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.data import open_dataset
from aufait.data.practice import write_practice_set
from aufait.data.preparation.sources import is_rendered
from aufait.data.protocols import protocol_for
from aufait.errors import OutputError

runner = CliRunner()


def test_it_is_a_data_set_like_any_other(tmp_path: Path) -> None:
    result = runner.invoke(app, ["data", "practice", str(tmp_path / "practice")])
    assert result.exit_code == 0 and "Nobody on them is real" in result.output
    data = open_dataset("csv", tmp_path / "practice" / "labels.csv")
    assert (len(data), len(data.subjects), data.action_units) == (240, 24, (1, 2, 4, 12, 25, 43))
    assert is_rendered(data.recordings)
    table = data.label_table()
    assert table.occurrence_known.all()
    rates = table.occurrence.mean(axis=0)
    assert ((rates > 0.2) & (rates < 0.6)).all()
    tested = [subject for fold in (1, 2, 3) for subject in protocol_for(data, "3_fold").split(data, fold=fold).test.subjects]
    assert sorted(tested) == sorted(data.subjects)


def test_again_in_the_same_folder_but_not_among_other_files(tmp_path: Path) -> None:
    assert write_practice_set(tmp_path) == write_practice_set(tmp_path)
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"^\S+ holds other files \(mine.txt\)"):
        write_practice_set(tmp_path)
    (tmp_path / "a_file").touch()
    with pytest.raises(OutputError, match="cannot write the practice set"):
        write_practice_set(tmp_path / "a_file")


@pytest.mark.slow
def test_a_small_network_learns_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page for researchers has it."""
    monkeypatch.chdir(tmp_path)
    for line in (
        "data practice practice",
        "prepare csv practice/labels.csv --output faces",
        "crossval practice --cache faces --output result",
    ):
        result = runner.invoke(app, line.split())
        assert result.exit_code == 0, result.output
    page = (tmp_path / "result" / "report.md").read_text("utf-8")
    assert "SYNTHETIC" in page
    better = re.search(r"Clearly better than guessing: (\d) of 6 action units by ROC area", page)
    assert better and int(better[1]) >= 5

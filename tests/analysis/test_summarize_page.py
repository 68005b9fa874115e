"""The page on summaries: its commands and its Python run on files as it describes them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from score_files import cells, smile, write_table
from typer.testing import CliRunner

from aufait.cli.app import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "summarize.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for _, text in BLOCKS for line in text.splitlines() if line.startswith("aufait ")]


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three recordings, and the markers and persons of the page."""
    for name, during in (("anna", 50), ("ben", 100), ("cleo", 20)):
        write_table(tmp_path / "tables" / f"{name}.csv", smile(100, during, 150 - during))
    for _, text in BLOCKS:
        if text.startswith("recording,start"):
            (tmp_path / "markers.csv").write_text(text)
        if text.startswith("recording,face_id"):
            (tmp_path / "persons.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_runs(described: Path, command: str) -> None:
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    folder = described / shlex.split(command)[-1]
    assert {row["recording"] for row in cells(folder / "summary_long.csv") if row["level"] == "recording"} == {
        "anna",
        "ben",
        "cleo",
    }


def test_the_python_of_the_page_runs(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = [text for language, text in BLOCKS if language == "python"]
    exec(compile(code, "summarize.md", "exec"), {})
    assert "anna Anna talk 0.25" in capsys.readouterr().out  # two seconds of smile, of which one after the fifth second
    assert (described / "from_python" / "index.html").is_file()


def test_every_file_is_named_on_the_page() -> None:
    from aufait.analysis.summary.files import NAMES

    assert all(f"`{name}`" in PAGE for name in NAMES)

"""The page on agreement: its commands run, one after the other, on files as it describes them, and so does its code."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from score_files import smile, write_table
from typer.testing import CliRunner

from aufait.analysis.agreement.files import NAMES
from aufait.cli.app import app

PAGE = Path(__file__).resolve().parents[3] / "docs" / "agreement.md"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the page speaks of: two smiles, at 4 and 8 s, and coders who see them."""
    pympi = pytest.importorskip("pympi")
    for name in ("anna", "ben", "cleo"):
        write_table(tmp_path / "tables" / f"{name}.csv", np.concatenate([smile(100, 50, 50), smile(0, 50, 50)]))
        coder = pympi.Eaf(author="coder")
        coder.add_tier("AU12")
        coder.add_annotation("AU12", 4100, 6000, "C")
        coder.add_annotation("AU12", 8000, 9900, "C")
        (tmp_path / "coder").mkdir(exist_ok=True)
        coder.to_file(str(tmp_path / "coder" / f"{name}.eaf"))
    grid = pympi.TextGrid(xmax=12.0)
    tier = grid.add_tier("AU12")
    tier.add_interval(4.0, 5.9, "C")
    tier.add_interval(8.1, 10.0, "B")
    (tmp_path / "second").mkdir()
    grid.to_file(str(tmp_path / "second" / "anna.TextGrid"))
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "anna.csv").write_text("start,end,label\n6.5,8.5,AU12C\n10.5,12.5,AU12C\n")
    (tmp_path / "people.csv").write_text("recording,face_id,person\nanna,0,Anna\nben,0,Ben\ncleo,0,Cleo\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(language: str) -> list[str]:
    if not PAGE.is_file():
        pytest.skip("the pages are not part of this source archive")
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [block for kind, block in found if kind == language]


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_commands_of_the_page_run(here: Path) -> None:
    commands = [line for block in blocks("") for line in block.splitlines()]
    assert len(commands) == 5
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}\n{result.output}"
    assert {path.name for path in (here / "agreement").iterdir()} == set(NAMES)
    assert {row["level"] for row in rows("persons/agreement.csv")} == {"recording", "person", "all"}
    assert "Fleiss' kappa" in {row["measure"] for row in rows("three/agreement.csv")}
    moved = {row["measure"]: row["value"] for row in rows("moved_agreement/agreement.csv")}
    assert moved["event F1, onset within 0.2 s"] == moved["Cohen's kappa"] == "1.0"


def test_the_code_of_the_page_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "agreement.md", "exec"), {})
    assert "12 Cohen's kappa 0.9" in capsys.readouterr().out


def test_every_file_and_every_measure_is_on_the_page(here: Path) -> None:
    page = PAGE.read_text("utf-8")
    assert all(f"| `{name}` |" in page for name in NAMES)
    words = "tables/anna.csv coder/anna.eaf second/anna.TextGrid -o out"
    assert CliRunner().invoke(app, ["compare", *words.split()]).exit_code == 0
    families = {re.split(r",| difference| bias| agreement$", row["measure"])[0] for row in rows("out/agreement.csv")}
    told = page.split("## What the measures mean")[1].lower()
    left = {name for name in families if name.lower() not in told and not name.startswith(("frames", "events", "share present"))}
    assert left <= {"limit of agreement", "event precision of second", "event recall of second", "median offset"}, left

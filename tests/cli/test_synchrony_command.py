"""``aufait synchrony``: from a table of two faces to tables and a picture; what cannot be compared is refused by name."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aufait.cli.app import app


@pytest.fixture
def talk(tmp_path):
    """A table of a video with two faces; face 1 does what face 0 did half a second before."""
    return write_talk(tmp_path / "talk.csv", 1000, (12,))


def write_talk(path, frames, units):
    random = np.random.default_rng(5)
    course = np.convolve(random.normal(size=frames + 200), np.exp(-np.arange(60) / 10), "valid")
    course = np.clip(1.5 + 1.2 * course / course.std(), 0, 5)
    scores = "".join(f"AU{unit:02d}_r,AU{unit:02d}_p," for unit in units)
    lines = [f"frame,face_id,timestamp,confidence,success,quality,{scores}source"]
    for frame in range(frames):
        for face, place in ((0, frame + 20), (1, frame + 5)):
            scores = f"{course[place]:.3f},{min(1, course[place] / 3):.3f}," * len(units)
            lines.append(f"{frame + 1},{face},{frame / 30:.3f},0.99,1,0.9,{scores}talk.mp4")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_two_faces_of_a_recording(talk, tmp_path):
    out = tmp_path / "together"
    arguments = ["synchrony", f"{talk}:0", f"{talk}:1", "--window", "5", "--max-lag", "1", "-o", str(out)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (row,) = csv.DictReader((out / "synchrony.csv").open())
    assert float(row["best_lag"]) == pytest.approx(0.5, abs=0.04) and float(row["p_lag"]) <= 0.01
    assert float(row["first_leads"]) > 0.9
    assert (out / "synchrony_AU12.png").read_bytes().startswith(b"\x89PNG")
    assert {line["of"] for line in csv.DictReader((out / "event_cooccurrence.csv").open())} == {"A", "B"}


def test_the_command_of_the_page_runs(tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[2] / "docs" / "two_people.md"
    if not page.is_file():
        pytest.skip("the pages are not part of this source archive")
    (tmp_path / "results").mkdir()
    write_talk(tmp_path / "results" / "talk.csv", 2700, (6, 12))
    monkeypatch.chdir(tmp_path)
    (command,) = [line for line in page.read_text("utf-8").splitlines() if line.startswith("aufait synchrony")]
    result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert {row["label"] for row in csv.DictReader((tmp_path / "together" / "synchrony.csv").open())} == {"AU6", "AU12"}


@pytest.mark.parametrize(("first", "second", "message"), [("", ":1", "has the faces 0, 1"), (":0", ":7", "has no face 7"),
                                                          (":0", ":0", "same face twice")])  # fmt: skip
def test_faces_that_are_not_there_are_named(talk, tmp_path, first, second, message):
    arguments = ["synchrony", f"{talk}{first}", f"{talk}{second}", "-o", str(tmp_path / "x")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and message in " ".join(result.output.split())
    assert not (tmp_path / "x").exists()

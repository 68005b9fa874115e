"""``aufait events`` from tables to files: what is written, printed and refused."""

from __future__ import annotations

import csv
import math
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from aufait.analysis.event_file import read_events
from aufait.cli.app import app

UNITS = (4, 6, 7, 9, 10, 12, 14, 43)
FPS = 25.0


def write_table(
    path: Path, *, video: bool = True, first_face: float = 0.0, seconds: float = 20.0, resting: float = 0.2, sides: bool = False
) -> Path:
    """A table in the columns of ours: a smile with raised cheeks from 5 to 9 s, blinks at 2, 12 and 15 s."""
    time = np.arange(round(seconds * FPS)) / FPS
    scores = np.full((len(time), len(UNITS)), resting)
    smile = (time >= 5) & (time < 9)
    scores[smile, UNITS.index(12)], scores[smile, UNITS.index(6)] = 4, 3
    for start in (2, 12, 15):
        scores[(time >= start) & (time < start + 0.2), UNITS.index(43)] = 5
    header = [*(["frame", "face_id", "timestamp"] if video else ["face"]), "confidence", "success", "quality", "source"]
    header += [f"AU{unit:02d}_{letter}" for letter in "rp" for unit in UNITS]
    header += ["AU12_left_r", "AU12_right_r"] * sides
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for place, moment in enumerate(time):
            seen = moment >= first_face
            start = [place + 1, 0, f"{moment:.3f}"] if video else [0]
            values = [f"{value:.2f}" for value in scores[place]] + [f"{min(value / 3, 1):.2f}" for value in scores[place]]
            values += [values[UNITS.index(12)], "0.00"] * sides
            writer.writerow([*start, 0.9, int(seen), 0.9 if seen else "", f"clip{'' if video else place}.mp4", *values])
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "clip.csv")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["events", *map(str, words)], env={"COLUMNS": "200"})


def test_a_file_of_all_events_is_written_and_summed_up(table: Path, tmp_path: Path) -> None:
    result = run(table, "-o", tmp_path / "events.csv")
    assert result.exit_code == 0, result.output
    found = {(event.label, round(event.onset, 2), round(event.offset, 2)) for event in read_events(tmp_path / "events.csv")}
    assert found == {("AU6", 5, 9), ("AU12", 5, 9), ("AU43", 2, 2.2), ("AU43", 12, 12.2), ("AU43", 15, 15.2)}
    assert "AU12" in result.stdout and "events.csv" in result.stdout


def test_combinations_and_blinks_are_asked_for_together(table: Path, tmp_path: Path) -> None:
    result = run(table, "-e", "6 & 12", "-e", "12 & !6", "--blinks", "--au", "12", "-o", tmp_path / "events.csv", "--quiet")
    assert result.exit_code == 0 and result.stdout == ""
    labels = [event.label for event in read_events(tmp_path / "events.csv")]
    assert labels == ["blink", "AU12", "6 & 12", "blink", "blink"]


def test_the_rate_of_blinks_is_printed(table: Path) -> None:
    result = run(table, "--blinks")
    (line,) = [line.split() for line in result.stdout.splitlines() if "20.0" in line]
    assert line == ["clip", "0", "20.0", "3", "9.0", "0.20", "0", "0"]


def test_sets_come_with_their_warning_and_literature(table: Path) -> None:
    result = run(table, "--set", "emfacs", "--set", "pain")
    assert "happiness prototype" in result.stdout and "PSPI" in result.stdout
    assert "not what a person feels" in result.stderr and "Friesen and Ekman (1983)" in result.stderr
    assert "Pain 139(2), 267-274" in result.stderr
    assert "sadness prototype (1 & 4 & 15) is left out" in result.stderr


def test_corrected_columns_stand_beside_the_raw_ones(tmp_path: Path) -> None:
    table = write_table(tmp_path / "clip.csv", resting=1.0)
    scores = tmp_path / "scores.csv"
    result = run(table, "--baseline", "quiet", "-e", "6 & 12", "--scores", scores, "-o", tmp_path / "events.csv")
    assert result.exit_code == 0, result.output
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 500
    smile = next(row for row in rows if row["time"] == "6.000000")
    shown = {name: float(smile[name]) for name in ("AU12_r", "AU12_r_baseline", "AU12_r_corrected", "6 & 12")}
    assert shown == {"AU12_r": 4.0, "AU12_r_baseline": 1.0, "AU12_r_corrected": 3.0, "6 & 12": 2.0}
    (event,) = [event for event in read_events(tmp_path / "events.csv") if event.label == "6 & 12"]
    assert event.peak == 2.0


def test_rows_without_a_face_have_empty_cells(tmp_path: Path) -> None:
    table = write_table(tmp_path / "clip.csv", first_face=1.0)
    run(table, "-e", "6 & 12", "--scores", tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        first, *_ = rows = list(csv.DictReader(file))
    assert first["face_id"] == "-1" and first["AU12_r"] == "" and first["6 & 12"] == ""
    assert "nan" not in (tmp_path / "scores.csv").read_text()
    assert sum(row["AU12_r"] == "" for row in rows) == 25


def test_a_baseline_from_another_recording_or_segment(table: Path, tmp_path: Path) -> None:
    rest = write_table(tmp_path / "rest.csv", seconds=4.0, resting=1.2)
    for given in (rest, f"{rest}:0-2", "10-20"):
        result = run(table, "--baseline", given, "--au", "12", "-o", tmp_path / "events.csv", "--overwrite")
        assert result.exit_code == 0, result.output
        (event,) = read_events(tmp_path / "events.csv")
        assert math.isclose(event.peak, 4 - (0.2 if given == "10-20" else 1.2), abs_tol=1e-3)


def test_rules_are_options(table: Path, tmp_path: Path) -> None:
    assert "no events" in run(table, "--au", "12", "--on", "4.5").stdout
    assert "no events" in run(table, "--au", "12", "--min-duration", "5").stdout
    result = run(table, "--au", "12", "--kind", "probability", "-o", tmp_path / "events.csv")
    assert result.exit_code == 0 and read_events(tmp_path / "events.csv")[0].kind == "probability"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-e", "6 & & 12"], "'6 & & 12', at character 5: expected an action unit"),
        (["--au", "smile"], "'smile' names no action unit"),
        (["--au", "1"], "AU1 is not among the action units of the table: 4, 6, 7"),
        (["--set", "emfac"], "did you mean 'emfacs'"),
        (["--baseline", "calm"], "is neither none, quiet or running"),
        (["--baseline", "30-40"], "the baseline segment of clip, 30 to 40 s, holds no frame"),
        (["--baseline", "quiet", "--baseline-face", "0=0"], "--baseline-face goes with a table"),
        (["--baseline", "0-5", "--baseline-face", "left"], "write FACE=FACE OF THE BASELINE"),
        (["--on", "1", "--off", "2"], "0 < off <= on"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(table: Path, words: list[str], message: str) -> None:
    result = run(table, *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_a_baseline_segment_without_a_face_is_named(tmp_path: Path) -> None:
    result = run(write_table(tmp_path / "clip.csv", first_face=4.0), "--baseline", "0-3")
    assert result.exit_code == 2
    assert "the baseline segment of clip, 0 to 3 s, shows no face in any of its 75 frames" in " ".join(result.stderr.split())


def test_pictures_have_no_events(tmp_path: Path) -> None:
    result = run(write_table(tmp_path / "images.csv", video=False))
    assert result.exit_code == 2 and "table of pictures, which have no time" in " ".join(result.stderr.split())


@pytest.mark.parametrize("sources", [["a.png"], ["a.png", "b.png"]])
def test_pictures_in_parquet_have_no_events(tmp_path: Path, sources: list[str]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = {"source": sources, "frame": 1, "timestamp": 0.0, "presentation_time": 0.0, "success": 1, "face": 0, "quality": 1.0}
    pandas.DataFrame({**frame, "AU12_p": 0.9, "AU12_r": 3.0}).to_parquet(tmp_path / "images.parquet")
    result = run(tmp_path / "images.parquet")
    assert result.exit_code == 2 and "table of pictures, which have no time" in " ".join(result.stderr.split())


def test_two_tables_of_one_name_are_refused(table: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    result = run(table, write_table(tmp_path / "other" / "clip.csv"))
    assert result.exit_code == 2 and "would both be the recording 'clip'" in " ".join(result.stderr.split())


def test_existing_files_stay(table: Path, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("mine")
    assert run(table, "-o", tmp_path / "events.csv").exit_code == 3
    assert (tmp_path / "events.csv").read_text() == "mine"


DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_commands_and_the_code_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = DOCS / "events.md"
    if not page.is_file():
        pytest.skip("the pages are not part of this source archive")
    write_table(tmp_path / "clip.csv", sides=True)
    write_table(tmp_path / "rest.csv", seconds=4.0)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    commands = [shlex.split(line) for kind, block in blocks if not kind for line in block.splitlines()]
    assert len(commands) >= 7
    for program, command, *words in commands:
        assert (program, command) == ("aufait", "events")
        result = run(*words)
        assert result.exit_code == 0, result.output
    (code,) = (block for kind, block in blocks if kind == "python")
    exec(compile(code, "events.md", "exec"), {})
    assert read_events(tmp_path / "python_events.csv")

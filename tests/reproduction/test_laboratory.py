"""From nothing to a table on the command line, as the README has it: twin, check, faces, training, test, a paper's table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for _package in ("numba", "h5py", "lightning"):
    pytest.importorskip(_package)

TINY = ["--quick", "--set", "epochs=1", "--set", "max_faces=16", "--set", "batch_size=8", "--device", "cpu"]


def aufait(folder: Path, *words: str) -> str:
    """Run a command in a folder; what it printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "aufait.cli.app", *words], cwd=folder, env={**os.environ, "COLUMNS": "200"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a twin of DISFA of six subjects, and its prepared faces."""
    found = tmp_path_factory.mktemp("laboratory")
    words = ["twin", "disfa", "twin", "--subjects", "6", "--frames", "10", "--workers", "1"]
    assert "synthetic twin of disfa" in aufait(found, *words, "--assets", str(shared / "assets"))
    told = aufait(found, "prepare", "disfa", "twin", "--output", "faces", "--workers", "1")
    assert "60 rendered faces of 60 labelled frames" in told
    return found


def test_the_check_counts_the_twin(folder: Path) -> None:
    told = aufait(folder, "data", "check", "disfa", "twin", "--protocol", "disfa")
    assert "6 subjects (published: 27), 6 recordings" in told and "protocol disfa" in told


def test_a_run_is_trained_and_tested_on_other_people(folder: Path) -> None:
    aufait(folder, "train", "abrnet_disfa", "--set", "start_from=none", "--cache", "faces", "--fold", "2", "--output", "run", *TINY)
    aufait(folder, "evaluate", "run", "--cache", "faces", "--output", "result", "--per", "subject", "--occlusion", "lower",
           "--draws", "20", "--device", "cpu")  # fmt: skip
    persons = json.loads((folder / "run" / "run.json").read_text())["persons"]
    report = json.loads((folder / "result" / "report.json").read_text())
    assert report["synthetic"] and report["protocol"] == "disfa" and report["about"]["fold"] == "2"
    assert {f"disfa:{name}" for name in report["groups"]["subject"]} <= set(persons["test"])
    assert not set(persons["test"]) & {*persons["train"], *persons["held_out"]}
    for name in ("report.md", "report.html", "report.tex", "report.csv"):
        assert "synthetic" in (folder / "result" / name).read_text().lower(), name


def test_folds_are_crossed(folder: Path) -> None:
    words = ["--cache", "faces", "--output", "crossed", "--fold", "1", "--fold", "3", "--draws", "20"]
    aufait(folder, "crossval", "abrnet_disfa", "--set", "start_from=none", *words, *TINY)
    assert {path.name for path in (folder / "crossed").glob("fold_*")} == {"fold_1", "fold_3"}
    assert "mean of folds" in (folder / "crossed" / "report.md").read_text()


def test_what_is_given_beside_the_recipe_is_recorded_with_the_folds(folder: Path) -> None:
    words = ["--protocol", "3_fold", "--limit", "8", "--fold", "2", "--cache", "faces", "--output", "own", "--draws", "5"]
    aufait(folder, "crossval", "abrnet_disfa", "--set", "start_from=none", *words, *TINY)
    changed = json.loads((folder / "own" / "report.json").read_text())["about"]["changes"]
    assert changed["protocol"] == "3_fold" and changed["max_faces"] == 8
    # Tested again by its folder alone: on the people of the fold that was drawn for it.
    aufait(folder, "evaluate", "own/fold_2", "--cache", "faces", "--output", "again", "--draws", "5", "--device", "cpu")
    reports = [json.loads((folder / name / "report.json").read_text()) for name in ("own", "again")]
    assert reports[0]["scores"] == reports[1]["scores"] and reports[1]["about"]["changes"] == changed


def test_a_table_of_a_paper_is_made(folder: Path) -> None:
    words = ["--data", "disfa=twin", "--quick", "--set", "epochs=1", "--set", "max_faces=16", "--output", "reproduced"]
    aufait(folder, "reproduce", "arl", "--table", "7", *words)
    table = (folder / "reproduced" / "arl" / "table-7" / "table.md").read_text()
    assert "SYNTHETIC" in table and "iARL" in table and "(ours)" in table and "(printed)" in table

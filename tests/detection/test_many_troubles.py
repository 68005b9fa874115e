"""What goes wrong while many inputs are analysed: a second try, other processes, dead workers, others' tables, a full disc."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from deadly_finders import DeadlyFinder
from fakes import FakeFinder, FakePredictor, write_clip
from typer.testing import CliRunner, Result
from workers.sending import Sending

from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.detection import jobs, many
from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome
from aufait.detection.many import run_tasks
from aufait.detection.plan import OutputOptions, Task, plan_tasks
from aufait.detection.resume import work_digest
from aufait.files import claims
from aufait.files.claims import Claim, Claimed
from aufait.media.sources import expand_inputs
from aufait.workers import ray_cluster
from aufait.workers.processes import Processes

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return [write_clip(tmp_path / f"{name}.mp4", 3, brightness=40 + 60 * number) for number, name in enumerate("abc")]


def detect(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["detect", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def flat(result: Result) -> str:
    return " ".join(result.output.split())


def tasks_of(out: Path, clips: list[Path]) -> list[Task]:
    return plan_tasks(expand_inputs(clips), out)


def run(out: Path, clips: list[Path], **options: object) -> list[Outcome]:
    with Detector(device="cpu") as detector:
        return run_tasks(tasks_of(out, clips), detector, **options)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------------
# What is there
# ---------------------------------------------------------------------------------------------------------------------


def test_existing_tables_are_left_alone_whoever_made_them(clips: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.csv").write_text("made by another program")
    assert detect(*clips, "-o", out).exit_code == 3
    assert detect(clips[1], "-o", out, "--min-confidence", "0.7").exit_code == 0  # with other settings
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    result = detect(*clips, "-o", out, "--skip-existing")
    assert result.exit_code == 0 and "2 of 3 left alone: their tables exist" in flat(result)
    assert before.items() <= {path.name: path.read_bytes() for path in out.iterdir()}.items() and (out / "c.csv").exists()
    assert detect(*clips, "-o", out, "--skip-existing").exit_code == 0
    both = detect(*clips, "-o", out, "--skip-existing", "--overwrite")
    assert both.exit_code == 2 and "give one of them" in flat(both)


def test_another_version_or_other_settings_are_refused_with_the_difference(clips: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert detect(*clips, "-o", out).exit_code == 0
    other = detect(*clips, "-o", out, "--max-faces", "3")
    assert other.exit_code == 3 and "max faces was not set, now 3" in flat(other) and "(and 2 more)" in flat(other)
    path = out / "a.provenance.json"
    record = json.loads(path.read_text())
    record["software"]["aufait"] = "0.0.1"
    path.write_text(json.dumps(record))
    old = detect(*clips, "-o", out)
    assert old.exit_code == 3 and "version of aufait was 0.0.1, now" in flat(old)


def test_a_shard_out_of_range_is_refused_in_a_line_before_any_work(clips: list[Path], tmp_path: Path) -> None:
    result = detect(*clips, "-o", tmp_path / "out", "--shard", "9/8")
    assert result.exit_code == 2 and "a shard is I/N with I from 1 to N" in flat(result) and "got '9/8'" in flat(result)
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_nobody_runs_is_told_in_a_line_before_any_work(
    clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "_library", lambda starts: SimpleNamespace(is_initialized=lambda: False))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # but it does not listen
        address, start = f"ray://127.0.0.1:{taken.getsockname()[1]}", time.monotonic()
        result = detect(*clips, "-o", tmp_path / "out", "--workers", address)
    assert result.exit_code == 1 and time.monotonic() - start < 30
    assert f"no Ray cluster answers at {address}" in flat(result) and "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------------------------------------------------------------
# A second try
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "failures", "tries"), [(errno.EIO, 1, 2), (errno.EIO, 9, 2), (errno.EACCES, 9, 1)])
def test_what_may_pass_is_tried_again_at_the_end_and_then_told(
    number: int, failures: int, tries: int, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    settle = jobs._settle

    def failing(task: Task, *rest: object) -> object:
        begun.append(task.stem)
        if task.stem == "a" and begun.count("a") <= failures:
            raise OSError(number, os.strerror(number))
        return settle(task, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "_settle", failing)
    outcomes = run(tmp_path / "out", clips)
    assert begun == ["a", "b", "c"] + ["a"] * (tries - 1)
    assert [one.status for one in outcomes] == ["ok" if failures < tries else "failed", "ok", "ok"]
    assert sum("; tried twice" in str(problem) for problem in outcomes[0].problems) == (failures >= tries == 2)


def test_a_worker_that_dies_is_replaced_and_its_claim_taken_over(clips: list[Path], tmp_path: Path) -> None:
    (graves := tmp_path / "graves").mkdir()
    given = {"finder": DeadlyFinder(graves=graves), "model": FakePredictor(), "device": "cpu"}
    with Detector(**given) as detector:  # type: ignore[arg-type]
        outcomes = run_tasks(tasks_of(tmp_path / "out", clips), detector, executor=Processes(1), arguments=given)
    assert [one.status for one in outcomes] == ["ok"] * 3 and len(list(graves.iterdir())) == 1
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix not in (".csv", ".json")]


def test_an_input_over_which_all_workers_die_is_listed(clips: list[Path], tmp_path: Path) -> None:
    outcomes = run(tmp_path / "out", clips, executor=Sending(dying=0), arguments={"device": "cpu"})
    assert [one.status for one in outcomes] == ["failed", "ok", "ok"]
    assert "a.mp4: the worker process ended by signal 9" in str(outcomes[0].problems[0])


# ---------------------------------------------------------------------------------------------------------------------
# Other processes and machines
# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(clips: list[Path], tmp_path: Path) -> Iterator[Claim]:
    """Another process is making the first clip's table."""
    task = tasks_of(tmp_path / "out", clips)[0]
    with Detector(device="cpu") as detector:
        claim = Claim(task.claim, work_digest(task, OutputOptions(), detector.settings))
    with claim:
        yield claim


@pytest.mark.parametrize("finishes", [True, False])
def test_what_another_process_makes_is_waited_for_and_done_here_if_that_dies(
    finishes: bool, other: Claim, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "theirs", clips[:1])
    waits: list[int] = []

    def meanwhile(seconds: float) -> None:
        waits.append(1)
        if len(waits) == 2:
            for path in (tmp_path / "theirs").iterdir() if finishes else ():
                shutil.copy2(path, tmp_path / "out")
            other.__exit__()

    monkeypatch.setattr(many.time, "sleep", meanwhile)
    told: list[int] = []
    outcomes = run(tmp_path / "out", clips, wait=told.append)
    assert [one.status for one in outcomes] == ["ok"] * 3 and [one.kept for one in outcomes] == [finishes, False, False]
    assert len(waits) == 2 and set(told) == {1}


def test_without_waiting_the_command_says_what_is_missing(other: Claim, clips: list[Path], tmp_path: Path) -> None:
    result = detect(*clips, "-o", tmp_path / "out", "--no-wait")
    assert result.exit_code == 7 and "is being made by process" in flat(result)


def test_claims_age_by_the_clock_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's clock is a day behind; what it wrote ten seconds ago looks a day old to this machine."""
    day, path, touch = 86_400.0, tmp_path / "a.claim", Path.touch

    def touched_there(self: Path, *rest: object, **named: object) -> None:
        touch(self)
        os.utime(self, (time.time() - day, time.time() - day))

    with Claim(path, "work"):
        facts = json.loads(path.read_text())
    monkeypatch.setattr(claims.Path, "touch", touched_there)
    for age, alive in ((10.0, True), (600.0, False)):
        path.write_text(json.dumps({**facts, "host": "elsewhere"}))
        os.utime(path, (time.time() - day - age, time.time() - day - age))
        if alive:
            with pytest.raises(Claimed, match="elsewhere"), Claim(path, "work"):
                pass
        else:
            with Claim(path, "work"):
                pass


# ---------------------------------------------------------------------------------------------------------------------
# A full disc
# ---------------------------------------------------------------------------------------------------------------------


def test_a_full_disc_ends_the_run_and_the_same_command_goes_on(small_disc: Path, tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", 60) for name in "abc"]
    out = small_disc / "out"
    outcomes = run(out, clips)
    assert outcomes[0].status == "failed" and outcomes[0].disc_full and "No space left" in str(outcomes[0].problems[0])
    assert [one.status for one in outcomes[1:]] == ["not started"] * 2
    assert not [path for path in out.iterdir() if ".partial" not in path.name]
    (small_disc / "filler").unlink()
    assert [one.status for one in run(out, clips)] == ["ok"] * 3
    run(tmp_path / "roomy", clips)
    for clip in clips:
        assert (out / f"{clip.stem}.csv").read_bytes() == (tmp_path / "roomy" / f"{clip.stem}.csv").read_bytes()


# ---------------------------------------------------------------------------------------------------------------------
# Kills
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
@pytest.mark.parametrize(
    "options",
    [
        "--clips 8 --processes 2 --kills 2",
        pytest.param("--clips 200 --processes 1 --kills 20", marks=pytest.mark.slow),
        pytest.param("--clips 200 --processes 4 --kills 0", marks=pytest.mark.slow),
        pytest.param("--clips 40 --processes 1 --workers 2 --kills 5", marks=pytest.mark.slow),
    ],
)
def test_killed_and_uncoordinated_processes_share_the_work_and_do_nothing_twice(options: str, tmp_path: Path) -> None:
    command = [sys.executable, str(TESTS / "kill_many.py"), str(tmp_path / "work"), *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["broken"] == [] and found["kills"] == int(options.split()[-1]), found

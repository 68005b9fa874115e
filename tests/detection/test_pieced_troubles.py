"""What goes wrong while a long video is analysed in pieces: kills, other processes, dead workers, a full disc."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from deadly_finders import DeadlyColourFinder
from fakes import FakePredictor
from films import ColourFinder, write_film

from aufait.detection import many, pieced
from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome, run_segment
from aufait.detection.many import run_tasks
from aufait.detection.pieced import PieceFolder, Segment, tell_pieces
from aufait.detection.plan import OutputOptions, Task, plan_tasks
from aufait.detection.resume import work_digest
from aufait.files.claims import Claim
from aufait.media.pieces import PieceRule
from aufait.media.sources import expand_inputs
from aufait.workers.processes import Processes

TESTS = Path(__file__).resolve().parents[1]
RULE = PieceRule(frames=50, warm_frames=20, warm_seconds=0.4)
GIVEN = {"finder": ColourFinder(), "model": FakePredictor(), "device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pieces."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", 200)


@pytest.fixture(scope="module")
def table(film: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole")
    assert run(film, out).status == "ok"
    return (out / "film.csv").read_bytes()


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the pieces that are begun in this process."""
    numbers: list[int] = []
    follow = PieceFolder._follow

    def noted(self: PieceFolder, piece: Any, *rest: Any) -> None:
        numbers.append(piece.number)
        follow(self, piece, *rest)

    monkeypatch.setattr(PieceFolder, "_follow", noted)
    return numbers


def task_of(film: Path, out: Path) -> Task:
    (task,) = tell_pieces(plan_tasks(expand_inputs([film]), out), RULE)
    assert len(task.pieces) == 4
    return task


def run(film: Path, out: Path, finder: ColourFinder | None = None, **more: Any) -> Outcome:
    given = {**GIVEN, "finder": finder or ColourFinder()}
    with Detector(**given) as detector:  # type: ignore[arg-type]
        (outcome,) = run_tasks([task_of(film, out)], detector, segments=2, arguments=given, **more)
    return outcome


def work_of(task: Task) -> str:
    with Detector(**GIVEN) as detector:  # type: ignore[arg-type]
        return work_digest(task, OutputOptions(), detector.settings)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
@pytest.mark.parametrize(
    ("options", "kills"),
    [
        ("--frames 200 --piece 50 --kills 2 --processes 2", 2),
        pytest.param("--kills 20", 20, marks=pytest.mark.slow),
        pytest.param("--kills 20 --processes 2", 20, marks=pytest.mark.slow),
        pytest.param("--kills 10 --processes 2 --workers 2", 10, marks=pytest.mark.slow),
        pytest.param("--kills 0 --processes 4", 0, marks=pytest.mark.slow),
        pytest.param("--frames 100 --piece 50 --steps", None, marks=pytest.mark.slow),
    ],
)
def test_killed_and_uncoordinated_processes_make_each_piece_once(options: str, kills: int | None, tmp_path: Path) -> None:
    command = [sys.executable, str(TESTS / "kill_pieces.py"), str(tmp_path / "work"), *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["broken"] == [] and (found["kills"] > 20 if kills is None else found["kills"] == kills), found


def test_a_video_that_another_process_has_joined_by_now_is_not_analysed_again(
    film: Path, table: bytes, begun: list[int], tmp_path: Path
) -> None:
    run(film, tmp_path)
    begun.clear()
    task = task_of(film, tmp_path)
    with Detector(**GIVEN) as detector:  # type: ignore[arg-type]
        segment = run_segment(Segment(task, task.pieces), detector, OutputOptions())
        assert segment.status == "ok" and begun == []
        assert run_segment(Segment(task, task.pieces[:1]), detector, OutputOptions(overwrite=True)).status == "ok" and begun == [0]
    assert run(film, tmp_path).kept and (tmp_path / "film.csv").read_bytes() == table
    assert not (tmp_path / "film.pieces").exists()


@pytest.mark.parametrize("finishes", [True, False])
def test_pieces_of_others_are_waited_for_and_made_here_if_these_die(
    finishes: bool, film: Path, table: bytes, begun: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of(film, tmp_path)
    folder, waits = PieceFolder(task, work_of(task)), []
    others = {number: Claim(folder.path / f"{number:05d}.claim", folder.work) for number in (1, 3)}
    with ExitStack() as stack, Detector(**GIVEN) as detector:  # type: ignore[arg-type]
        for claim in others.values():
            stack.enter_context(claim)

        def meanwhile(seconds: float) -> None:
            waits.append(list(begun))
            if len(waits) in (2, 3):
                number = 2 * len(waits) - 3
                others[number].__exit__()
                if finishes:
                    folder.make(task.pieces[number], detector, lambda frames: None)

        monkeypatch.setattr(many.time, "sleep", meanwhile)
        told: list[int] = []
        outcome = run(film, tmp_path, wait=told.append)
    assert outcome.status == "ok" and (tmp_path / "film.csv").read_bytes() == table
    assert begun == [0, 2, 1, 3] and waits == [[0, 2], [0, 2], [0, 2, 1]], "nothing twice, and no turn without a pause"


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_full_disc_ends_the_run_with_whole_pieces_and_the_same_command_goes_on(
    workers: int, film: Path, table: bytes, begun: list[int], small_disc: Path
) -> None:
    executor = Processes(workers) if workers > 1 else None
    (small_disc / "filler").write_bytes(bytes(8 * 2**20 - 1_200_000))
    outcome = run(film, small_disc / "out", executor=executor)
    assert outcome.status == "failed" and outcome.disc_full and "No space left" in str(outcome.problems[0])
    left = sorted(path.name for path in (small_disc / "out" / "film.pieces").iterdir())
    whole = [int(name[:5]) for name in left if name.endswith(".json")]
    assert 1 <= len(whole) < 4 and {name.partition(".")[2] for name in left} <= {"json", "jsonl"}, "nothing half-written, no claim"
    (small_disc / "filler").unlink()
    begun.clear()
    assert run(film, small_disc / "out").status == "ok" and (small_disc / "out" / "film.csv").read_bytes() == table
    assert sorted(begun + whole) == [0, 1, 2, 3]


def test_a_worker_that_dies_over_a_piece_is_replaced(film: Path, table: bytes, tmp_path: Path) -> None:
    (graves := tmp_path / "graves").mkdir()
    outcome = run(film, tmp_path / "out", DeadlyColourFinder(graves), executor=Processes(1))
    assert outcome.status == "ok" and (tmp_path / "out" / "film.csv").read_bytes() == table
    assert len(list(graves.iterdir())) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["film.csv", "film.provenance.json"]


def test_memory_that_runs_out_over_a_piece_is_another_try(
    film: Path, table: bytes, begun: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, left = pieced.looks_of, iter([True])

    def starving(*rest: Any) -> Any:
        if next(left, False):
            bytearray(1 << 60)
        return looks(*rest)

    monkeypatch.setattr(pieced, "looks_of", starving)
    assert run(film, tmp_path).status == "ok" and (tmp_path / "film.csv").read_bytes() == table
    assert begun == [0, 2, 3, 0, 1], "the first segment ended with its first piece"


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[str]:
    """What a claim says whose process has ended."""
    with Claim(tmp_path / "any.claim", "work"):
        facts = json.loads((tmp_path / "any.claim").read_text())
    return json.dumps({**facts, "began": "17"})


def test_what_takers_of_claims_left_that_were_killed_is_cleared_away(film: Path, table: bytes, dead: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "film.pieces").mkdir(parents=True)
    for name in ("film.claim", "film.pieces/00001.claim"):
        (out / f"{name}.0123456789ab").write_text(dead)  # between two renames
        (out / f"{name}.ba9876543210").touch()  # while it asked for the time of the disc
    (out / "notes.claim.txt").write_text("of somebody")
    assert run(film, out).status == "ok" and (out / "film.csv").read_bytes() == table
    assert sorted(path.name for path in out.iterdir()) == ["film.csv", "film.provenance.json", "notes.claim.txt"]

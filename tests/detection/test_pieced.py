"""Long videos piece by piece: the same rows for any number of segments and workers, face numbers too, and after a kill."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fakes import FakePredictor
from films import ColourFinder, write_film
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome, Progress
from aufait.detection.many import run_tasks
from aufait.detection.piece_numbers import FaceNumbers, PieceEnd, SharedFrame
from aufait.detection.pieced import segments_of, tell_pieces
from aufait.detection.plan import OutputOptions, Task, plan_tasks
from aufait.faces.appearance import Looks
from aufait.files.claims import Claim
from aufait.media.pieces import PIECE_RULE, InexactSearch, PieceRule
from aufait.media.sources import demo_clip, expand_inputs
from aufait.workers.processes import Processes

RULE = PieceRule(frames=75, warm_frames=20, warm_seconds=0.8)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", 300)


def run(film: Path, out: Path, segments: int | None = None, options: OutputOptions | None = None, **more: Any) -> Outcome:
    return run_task_of(tasks_of(film, out, segments), segments, options, **more)


def tasks_of(film: Path, out: Path, segments: int | None) -> list[Task]:
    tasks = plan_tasks(expand_inputs([film]), out)
    return tasks if segments is None else tell_pieces(tasks, RULE)


def run_task_of(tasks: list[Task], segments: int | None, options: OutputOptions | None = None, **more: Any) -> Outcome:
    with Detector(finder=ColourFinder(), model=FakePredictor(), device="cpu", threads=1) as detector:
        (outcome,) = run_tasks(tasks, detector, options or OutputOptions(), segments=segments or 1, **more)
    return outcome


def rows(out: Path) -> list[str]:
    return (out / "film.csv").read_text().splitlines()


@pytest.fixture(scope="module")
def split(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one segment, with all its pieces."""
    out = tmp_path_factory.mktemp("split")
    outcome = run(film, out, 1)
    assert outcome.status == "ok" and outcome.frames == 300 and not outcome.problems
    return out


def test_any_number_of_segments_gives_the_same_rows(film: Path, split: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    assert run(film, tmp_path, 4, on_frame=told.append).status == "ok"
    assert rows(tmp_path) == rows(split)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.csv", "film.provenance.json"]
    assert [one.done for one in told] == sorted(one.done for one in told) and told[-1].done == told[-1].total == 300
    record = json.loads((tmp_path / "film.provenance.json").read_text())
    assert record["settings"]["input"]["pieces"] == {"frames": 75, "warm_frames": 20, "warm_seconds": 0.8}
    assert run(film, tmp_path, 2).kept, "a result in other segments is the same result"


def test_people_keep_their_numbers_over_the_borders_of_pieces(split: Path) -> None:
    numbers: dict[int, list[str]] = {}
    for line in rows(split)[1:]:
        frame, number = line.split(",")[:2]
        numbers.setdefault(int(frame), []).append(number.strip())
    assert numbers[1] == numbers[50] == ["0", "1"] and numbers[100] == ["0"] and numbers[180] == ["0", "2"]
    assert numbers[181] == numbers[250] == ["3"], "after a cut, over the border at 225"
    assert numbers[251] == numbers[300] == ["0", "2"], "back after a cut that is in a later piece than the one before it"


def seen(picture: int, **places: float) -> SharedFrame:
    """A frame with faces by number (``_4=10.0`` is face 4 at x = 10)."""
    return SharedFrame(picture, {int(name[1:]): [x, 0.0, x + 10, 10.0] for name, x in places.items()})


def looks(level: float) -> Looks:
    return Looks(np.full((8, 8, 3), level, np.float32), np.zeros((8, 8, 8), np.float32), 1.0)


def test_numbers_of_pieces_become_those_of_the_video() -> None:
    numbers = FaceNumbers()
    first = PieceEnd(
        tail=[seen(7, _0=10, _1=50), seen(8, _0=12, _1=50)],
        arrivals=[(0, looks(0.1)), (1, looks(0.5)), (2, looks(0.9))],
        away=[(2, (looks(0.9),))],
    )
    assert numbers.add(first) == {0: 0, 1: 1, 2: 2}
    second = PieceEnd(
        head=[seen(7, _0=51, _1=11), seen(8, _0=50, _1=90)],  # counted the other way round; the second moved away at once
        arrivals=[(0, looks(0.5)), (1, looks(0.1)), (2, looks(0.3)), (3, looks(0.88))],
        tail=[seen(9, _2=0)],
    )
    assert numbers.add(PieceEnd.from_dict(json.loads(json.dumps(second.to_dict())))) == {0: 1, 1: 0, 2: 3, 3: 2}
    with pytest.raises(InexactSearch, match="not found by its index"):
        numbers.add(PieceEnd(head=[seen(10, _0=0)]))


def test_a_run_that_was_stopped_makes_only_what_is_missing(film: Path, split: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done > 170:
            raise KeyboardInterrupt

    assert run(film, tmp_path, 2, on_frame=stop).status == "interrupted"
    there = sorted(path.name for path in (tmp_path / "film.pieces").iterdir())
    assert there == ["00000.json", "00000.jsonl", "00001.json", "00001.jsonl"]
    told: list[Progress] = []
    assert run(film, tmp_path, 2, on_frame=told.append).status == "ok"
    assert rows(tmp_path) == rows(split) and not (tmp_path / "film.pieces").exists()
    assert len({one.done for one in told}) < 160, "the first 150 frames were there"


def test_pieces_of_another_film_or_other_settings_are_made_again(film: Path, split: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film.pieces"
    folder.mkdir()
    (folder / "00001.json").write_text(json.dumps({"work": "other", "head": [], "tail": []}))
    (folder / "00001.jsonl").write_text("nonsense")
    assert run(film, tmp_path, 1).status == "ok" and rows(tmp_path) == rows(split)


def test_a_piece_that_another_process_makes_is_left_to_it(film: Path, split: Path, tmp_path: Path) -> None:
    with Claim(tmp_path / "film.pieces" / "00001.claim", "work"):
        outcome = run(film, tmp_path, 2)
    assert outcome.status in ("elsewhere", "failed") and not (tmp_path / "film.csv").exists()
    assert (tmp_path / "film.pieces" / "00002.json").exists(), "the others are made"
    assert run(film, tmp_path, 2).status == "ok" and rows(tmp_path) == rows(split)


@pytest.mark.parametrize("change", [{"times": 0}, {"head": True}])
def test_a_film_whose_frames_are_not_found_is_analysed_whole(
    film: Path, tmp_path: Path, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(film, tmp_path / "whole")
    tasks = tasks_of(film, tmp_path / "pieces", 1)
    if "times" in change:
        (task,) = tasks
        tasks = [replace(task, pieces=(*task.pieces[:2], replace(task.pieces[2], times=0), *task.pieces[3:]))]
    else:
        checks = iter(range(10**6))
        monkeypatch.setattr("aufait.detection.pieced.zlib.crc32", lambda data: next(checks))  # no two pictures are the same
    outcome = run_task_of(tasks, 1)
    assert outcome.status == "ok" and [problem.exit_code for problem in outcome.problems] == [0]
    assert "analysed whole, not in segments" in str(outcome.problems[0])
    assert rows(tmp_path / "whole") == rows(tmp_path / "pieces") and not (tmp_path / "pieces" / "film.pieces").exists()


def test_drawings_show_the_rows_of_the_pieces(film: Path, split: Path, tmp_path: Path) -> None:
    outcome = run(film, tmp_path, 2, OutputOptions(annotate=True))
    assert outcome.status == "ok" and rows(tmp_path) == rows(split)
    with av.open(str(tmp_path / "film_annotated.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 300


def test_segments_are_of_about_the_same_length(film: Path, tmp_path: Path) -> None:
    (task,) = tasks_of(film, tmp_path, 1)
    assert [len(segment.pieces) for segment in segments_of(task, 3)] == [1, 2, 1]
    assert len(segments_of(task, 100)) == len(task.pieces) == 4
    assert tell_pieces(plan_tasks(expand_inputs([film]), tmp_path), PIECE_RULE)[0].pieces == (), "it is too short for two"


@pytest.mark.slow
def test_four_segments_of_twenty_thousand_frames_on_four_workers(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 20_000)
    arguments = {"finder": ColourFinder(), "model": FakePredictor(), "device": "cpu", "threads": 1}
    for name, segments, executor in (("one", 1, None), ("four", 4, Processes(4))):
        tasks = tell_pieces(plan_tasks(expand_inputs([film]), tmp_path / name))
        assert len(tasks[0].pieces) == 7
        with Detector(**arguments) as detector:  # type: ignore[arg-type]
            (outcome,) = run_tasks(tasks, detector, executor=executor, arguments=arguments, segments=segments)
        assert outcome.status == "ok" and outcome.frames == 20_000
    assert (tmp_path / "one" / "film.csv").read_bytes() == (tmp_path / "four" / "film.csv").read_bytes()


@pytest.mark.slow
def test_the_command_of_the_page_gives_the_same_rows_in_one_segment_and_in_four(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "long.mp4"
    with av.open(str(demo_clip())) as source, av.open(str(clip), "w") as target:
        stream: Any = None
        for number, frame in zip(range(60), source.decode(video=0), strict=False):
            if stream is None:
                stream = target.add_stream("libx264", 25, width=frame.width, height=frame.height, pix_fmt="yuv420p")
                stream.options = {"x264-params": "keyint=8:bframes=2"}
            again = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), "rgb24")
            again.pts, again.time_base = number, Fraction(1, 25)
            target.mux(stream.encode(again))
        target.mux(stream.encode())
    page = (Path(__file__).resolve().parents[2] / "docs" / "many_videos.md").read_text("utf-8")
    (command,) = [line for line in page.splitlines() if line.startswith("aufait detect long.mp4")]
    rule = PieceRule(20, 8, 0.3)
    monkeypatch.setattr("aufait.detection.pieced.tell_pieces", lambda tasks: tell_pieces(tasks, rule))
    monkeypatch.chdir(tmp_path)
    tables = []
    for words in (shlex.split(command)[1:], ["detect", "long.mp4", "-o", "one", "--segments", "1"]):
        result = CliRunner().invoke(app, [*words, "--finder", "builtin", "--threads", "1"])
        assert result.exit_code == 0, result.output
        folder = tmp_path / words[words.index("-o") + 1]
        tables.append((folder / "long.csv").read_bytes())
        assert json.loads((folder / "long.provenance.json").read_text())["settings"]["input"]["pieces"]["frames"] == 20
    assert tables[0] == tables[1] and tables[0].count(b"\n") > 50

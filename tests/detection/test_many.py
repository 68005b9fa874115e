"""Many inputs: in one process or several the same tables, and whatever ends a part of the work leaves the rest whole."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

import aufait
from aufait.cli.app import app
from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome, Progress
from aufait.detection.many import run_tasks
from aufait.detection.plan import OutputOptions, plan_tasks
from aufait.detection.shards import read_shard, shard_of
from aufait.errors import InputError
from aufait.media.sources import Source, expand_inputs
from aufait.workers.processes import Processes

DEMO = Path(aufait.__file__).parent / "assets" / "demo.mp4"
ARGUMENTS = {"finder": "builtin", "device": "cpu", "threads": 1}
PARQUET = OutputOptions(formats=("csv",), overwrite=False)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four short pieces of the example clip."""
    folder = tmp_path_factory.mktemp("clips")
    with av.open(str(DEMO)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(32), strict=False)]
    paths = [folder / f"piece{number}.mp4" for number in range(4)]
    for number, path in enumerate(paths):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", 25, width=frames[0].shape[1], height=frames[0].shape[0], pix_fmt="yuv420p")
            for pixels in frames[8 * number : 8 * number + 8]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(stream.encode())
    return paths


def run(out: Path, clips: list[Path], workers: int, on_frame=None) -> list[Outcome]:  # type: ignore[no-untyped-def]
    tasks = plan_tasks(expand_inputs(clips), out)
    with Detector(**ARGUMENTS) as detector:  # type: ignore[arg-type]
        executor = Processes(workers) if workers > 1 else None
        return run_tasks(tasks, detector, on_frame=on_frame, executor=executor, arguments=ARGUMENTS)


def test_two_workers_write_what_one_writes_and_keep_what_is_there(clips: list[Path], tmp_path: Path) -> None:
    frames: list[Progress] = []
    alone, together = run(tmp_path / "one", clips, 1), run(tmp_path / "two", clips, 2, frames.append)
    assert [outcome.status for outcome in together] == [outcome.status for outcome in alone] == ["ok"] * 4
    assert [outcome.faces for outcome in together] == [outcome.faces for outcome in alone] and alone[0].faces >= 8
    for clip in clips:
        name = f"{clip.stem}.csv"
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert {progress.task.title for progress in frames} <= {str(clip) for clip in clips} and frames
    assert all(outcome.kept for outcome in run(tmp_path / "two", clips, 2))


def test_an_interrupt_leaves_whole_results_and_the_next_run_does_the_rest(clips: list[Path], tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    outcomes = run(tmp_path / "out", clips, 2, interrupt)
    assert "interrupted" in {outcome.status for outcome in outcomes}
    assert {outcome.status for outcome in outcomes} <= {"ok", "interrupted", "not started"}
    assert not list((tmp_path / "out").glob("*.claim")), "workers had the time to tidy up"
    assert all(outcome.status == "ok" for outcome in run(tmp_path / "out", clips, 2))
    assert all(outcome.status == "ok" for outcome in run(tmp_path / "whole", clips, 1))
    for clip in clips:
        name = f"{clip.stem}.csv"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_command_shares_inputs_among_workers_and_shards(clips: list[Path], tmp_path: Path) -> None:
    common = [*map(str, clips), "--finder", "builtin", "--threads", "1", "--json-progress"]
    first = CliRunner().invoke(app, ["detect", *common, "-o", str(tmp_path / "all"), "--workers", "2"])
    assert first.exit_code == 0, first.output
    done = [json.loads(line) for line in first.stderr.splitlines()]
    assert {Path(one["item"]).name for one in done if one["event"] == "done"} == {clip.name for clip in clips}
    for part in (1, 2, 3, 4, 5):
        result = CliRunner().invoke(app, ["detect", *common, "-o", str(tmp_path / "parts"), "--shard", f"{part}/5"])
        assert result.exit_code == 0, result.output
    assert "shard 5/5 is empty" in result.output
    for clip in clips:
        name = f"{clip.stem}.csv"
        assert (tmp_path / "all" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_the_commands_of_the_page_run(clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "many_videos.md"
    if not page.is_file():
        pytest.skip("the pages are not part of this source archive")
    (tmp_path / "interviews").mkdir()
    for clip in clips[:2]:
        shutil.copy(clip, tmp_path / "interviews")
    monkeypatch.chdir(tmp_path)
    commands = [line for line in page.read_text("utf-8").splitlines() if line.startswith("aufait detect interviews")]
    assert len(commands) == 7
    for number, command in enumerate(commands):
        words = shlex.split(command)[1:]
        words[words.index("-o") + 1] = f"tables{number}"
        result = CliRunner().invoke(app, [*words, "--finder", "builtin", "--allow-no-face"])
        assert result.exit_code == 0, f"{command}\n{result.output}"
    tables = [sorted(path.read_bytes() for path in tmp_path.glob(f"tables{number}/*.csv")) for number in range(7)]
    assert all(one == tables[0] for one in tables[1:5]) and tables[0] == sorted(tables[5] + tables[6])


def test_shards_are_everything_once(tmp_path: Path) -> None:
    sources = [Source("video", tmp_path / f"{name}.mp4") for name in "abcde"]
    sources += [Source("image", tmp_path / f"{number}.png") for number in range(7)]
    parts = [shard_of(plan_tasks(sources, tmp_path), number, 3) for number in (1, 2, 3)]
    inputs = [path for part in parts for task in part for path in task.inputs]
    assert len(inputs) == 12 and set(inputs) == {source.path for source in sources}
    assert [task.stem for task in parts[1]] == ["b", "e", "images_2of3"]
    assert len({path for part in parts for task in part for path in task.outputs(PARQUET)}) == 2 * (5 + 3)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/3/5"])
def test_shards_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="a shard is I/N"):
        read_shard(text)

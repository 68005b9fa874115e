"""``aufait detect`` goes on after any end, keeps what is whole, never mixes two runs, and takes names of any kind."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeFinder, FakePredictor, textured, write_clip, write_picture
from typer.testing import CliRunner, Result

from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome, Progress
from aufait.detection.many import run_tasks
from aufait.detection.plan import OutputOptions, Task, plan_tasks
from aufait.errors import OutputError
from aufait.files.atomic import partial_path
from aufait.files.claims import Claim, Claimed
from aufait.files.safe_text import encodable, file_name, original_name, valid_text
from aufait.machine import end_with_parent
from aufait.media.sources import expand_inputs

TESTS = Path(__file__).resolve().parents[1]
ALL = OutputOptions(formats=("csv", "parquet"), annotate=True, report=True)


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stand-ins; one entry for each picture or batch that was scored."""
    seen: list[float] = []

    class Counting(FakePredictor):
        def predict(self, image, landmarks):  # type: ignore[no-untyped-def]
            seen.append(float(image.mean()))
            return super().predict(image, landmarks)

    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: Counting())
    return seen


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        write_picture(folder / f"p{number}.png", textured(brightness=50 + 20 * number))
    return folder


def detect(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["detect", *map(str, arguments)])
    assert "unexpected" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def flat(result: Result) -> str:
    return " ".join(result.output.split())


def tasks_of(out: Path, *inputs: Path) -> list[Task]:
    return plan_tasks(expand_inputs(inputs), out)


def run(out: Path, *inputs: Path, options: OutputOptions = ALL, stop_at: int | None = None) -> list[Outcome]:
    def stop(progress: Progress) -> None:
        if progress.done == stop_at:
            raise KeyboardInterrupt

    with Detector(device="cpu") as detector:
        return run_tasks(tasks_of(out, *inputs), detector, options, on_frame=stop)


def contents(folder: Path) -> dict[str, bytes]:
    """The files whose bytes do not hold times."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix not in (".json", ".html")}


# ---------------------------------------------------------------------------------------------------------------------
# What is whole is kept, what differs is refused
# ---------------------------------------------------------------------------------------------------------------------


def test_same_command_again_keeps_what_is_whole_and_says_so(tmp_path: Path, pictures: Path, networks: list[float]) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    assert detect(clip, pictures, "-o", out).exit_code == 0
    before, scored = contents(out), len(networks)
    (tmp_path / "clip.mp4").touch()  # another time: its hash decides
    again = detect(clip, pictures, "-o", out)
    assert again.exit_code == 0 and "2 of 2 were there already" in flat(again)
    assert contents(out) == before and len(networks) == scored
    other = write_clip(tmp_path / "other.mp4", 3)
    assert "2 of 3 were there already" in flat(detect(clip, pictures, other, "-o", out))


def test_kept_results_have_the_status_that_they_had(tmp_path: Path, pictures: Path) -> None:
    blank, out = write_clip(tmp_path / "blank.mp4", 3, face=False), tmp_path / "out"
    (pictures / "p3.png").write_bytes((pictures / "p3.png").read_bytes()[:80])
    first, second = (detect(blank, pictures, "-o", out) for _ in range(2))
    assert first.exit_code == second.exit_code == 1
    for words in ("p3.png", "no face was found"):
        assert words in flat(first) and words in flat(second)
    record = json.loads((out / "images.provenance.json").read_text())
    assert [entry["name"] for entry in record["inputs"]] == [f"p{number}.png" for number in range(6)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--min-confidence", "0.7"], "min confidence was 0.5, now 0.7"),
        (["--parquet"], "formats was csv, now csv, parquet"),
        (["--max-faces", "1"], "max faces was not set, now 1"),
        (["--stream", "0"], "stream was not set, now 0"),
    ],
)
def test_other_settings_are_refused_with_what_differs(options: list[str], words: str, tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    assert detect(clip, "-o", out).exit_code == 0
    before = contents(out)
    result = detect(clip, write_clip(tmp_path / "new.mp4", 3), "-o", out, *options)
    assert result.exit_code == 3
    assert words in flat(result) and "--overwrite" in flat(result)
    assert contents(out) == before  # nothing of the new one either
    assert detect(clip, "-o", out, *options, "--overwrite").exit_code == 0


def test_other_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    assert detect(clip, "-o", out).exit_code == 0
    monkeypatch.setattr(FakePredictor, "sha256", "1" * 64)
    result = detect(clip, "-o", out)
    assert result.exit_code == 3 and "model sha256 was 000000000000" in flat(result)


def test_other_inputs_of_the_same_names_are_refused(tmp_path: Path, pictures: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    assert detect(clip, pictures, "-o", out).exit_code == 0
    write_clip(tmp_path / "other.mp4", 4).replace(clip)
    result = detect(clip, pictures, "-o", out)
    assert result.exit_code == 3 and "clip.mp4 has changed since" in flat(result)
    write_picture(pictures / "p9.png")
    result = detect(pictures, "-o", out)
    assert result.exit_code == 3 and "6 then, 7 now, without p9.png" in flat(result)


def test_changed_table_is_not_replaced_and_a_missing_one_is_made_again(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    assert detect(clip, "-o", out, "--parquet").exit_code == 0
    before = contents(out)
    (out / "clip.csv").write_text("edited by hand")
    result = detect(clip, "-o", out, "--parquet")
    assert result.exit_code == 3 and "was changed after it was made" in flat(result)
    (out / "clip.csv").unlink()
    assert detect(clip, "-o", out, "--parquet").exit_code == 0
    assert contents(out) == before


def test_record_of_an_earlier_layout_is_not_taken_for_whole(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    assert detect(clip, "-o", out).exit_code == 0
    record = json.loads((out / "clip.provenance.json").read_text())
    without = {key: value for key, value in record.items() if key != "files"}
    for broken in (without, [], {**record, "files": 3}, {**record, "files": {"clip.csv": 1}}, {**record, "settings": 1}):
        (out / "clip.provenance.json").write_text(json.dumps(broken))
        assert detect(clip, "-o", out).exit_code == 3


# ---------------------------------------------------------------------------------------------------------------------
# Stopped and killed
# ---------------------------------------------------------------------------------------------------------------------


def test_pictures_go_on_where_the_run_was_stopped(tmp_path: Path, pictures: Path, networks: list[float]) -> None:
    (whole,) = run(tmp_path / "whole", pictures)
    (stopped,) = run(tmp_path / "out", pictures, stop_at=4)
    assert whole.status == "ok" and stopped.status == "interrupted"
    assert not [path.name for path in (tmp_path / "out").iterdir() if ".partial" not in path.name]
    networks.clear()
    (done,) = run(tmp_path / "out", pictures)
    assert done.status == "ok" and done.resumed == 4 and len(networks) == 2
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    records = [json.loads((tmp_path / name / "images.provenance.json").read_text()) for name in ("out", "whole")]
    for key in ("inputs", "outputs", "counts", "errors", "notes", "settings", "outcome"):
        assert records[0][key] == records[1][key]


def test_only_pictures_that_changed_are_scored_again(tmp_path: Path, pictures: Path, networks: list[float]) -> None:
    run(tmp_path / "out", pictures, stop_at=4)
    write_picture(pictures / "p1.png", textured(brightness=200))
    networks.clear()
    (done,) = run(tmp_path / "out", pictures)
    assert done.resumed == 3 and len(networks) == 3
    run(tmp_path / "whole", pictures)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_other_settings_begin_anew_and_leave_nothing_of_the_old(tmp_path: Path, pictures: Path, networks: list[float]) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 6)
    run(tmp_path / "out", pictures, stop_at=4)
    run(tmp_path / "out", clip, stop_at=3)
    networks.clear()
    done = run(tmp_path / "out", pictures, clip, options=OutputOptions(formats=("parquet",)))
    assert [outcome.resumed for outcome in done] == [0, 0]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"images.parquet", "images.provenance.json", "clip.parquet", "clip.provenance.json"}


@pytest.mark.parametrize("cut", [1, 40, 4000])
def test_half_a_line_of_the_kept_results_is_cut_off(cut: int, tmp_path: Path, pictures: Path) -> None:
    run(tmp_path / "out", pictures, stop_at=4)
    kept = tmp_path / "out" / "images.partial.jsonl"
    kept.write_bytes(kept.read_bytes()[:-cut])
    (done,) = run(tmp_path / "out", pictures)
    assert done.status == "ok" and done.resumed < 4
    run(tmp_path / "whole", pictures)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_what_a_kill_left_next_to_whole_results_is_cleared_away(tmp_path: Path, pictures: Path, networks: list[float]) -> None:
    out = tmp_path / "out"
    run(out, pictures)
    run(out, pictures, options=replace(ALL, overwrite=True), stop_at=4)
    names = {path.name for path in out.iterdir() if ".partial" not in path.name}
    assert names < {path.name for path in out.iterdir()}
    (out / "images.claim").write_text("")
    os.utime(out / "images.claim", (0, 0))
    networks.clear()
    (kept,) = run(out, pictures)
    assert kept.kept and not networks
    assert {path.name for path in out.iterdir()} == names


@pytest.mark.parametrize("renamed", [0, 1, 3])
def test_renames_that_a_kill_cut_short_are_finished(renamed: int, tmp_path: Path, networks: list[float]) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    run(out, clip)
    before = contents(out)
    record = out / "clip.provenance.json"
    for path in [record, *(out / name for name in list(json.loads(record.read_text())["files"])[renamed:])]:
        path.replace(partial_path(path))
    networks.clear()
    (done,) = run(out, clip)
    assert done.kept and contents(out) == before
    assert not networks  # nothing was analysed again


def test_interruption_between_renames_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    real, left = Path.replace, [3]

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "clip.partial.parquet":
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        (stopped,) = run(out, clip)
    assert stopped.status == "interrupted" and left
    assert not (out / "clip.provenance.json").exists() and (out / "clip.csv").exists()
    (done,) = run(out, clip)
    assert done.status == "ok" and not list(out.glob("*partial*"))
    run(tmp_path / "whole", clip)
    assert contents(out) == contents(tmp_path / "whole")


def test_full_disc_while_the_page_is_written_leaves_no_record_that_says_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("aufait.visualization.results.report.Report.write", full)
        (failed,) = run(out, clip)
    assert failed.status == "failed" and failed.disc_full
    assert all(".partial" in path.name for path in out.iterdir())
    assert json.loads((out / "clip.provenance.partial.json").read_text())["completed"] is False
    (done,) = run(out, clip)
    assert done.status == "ok" and not list(out.glob("*partial*"))


def kill_detect(work: Path, *options: str) -> dict[str, object]:
    command = [sys.executable, str(TESTS / "kill_detect.py"), str(work), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_results_are_the_same_however_often_the_run_is_killed(kills: int, tmp_path: Path) -> None:
    found = kill_detect(tmp_path / "work", "--kills", str(kills), "--seed", str(kills))
    assert found["broken"] == [] and found["hits"] == kills and found["status"] == 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
def test_a_kill_before_any_change_of_a_name_does_no_harm(tmp_path: Path) -> None:
    found = kill_detect(tmp_path / "work", "--steps")
    assert found["broken"] == [] and int(str(found["hits"])) > 20


# ---------------------------------------------------------------------------------------------------------------------
# Several processes
# ---------------------------------------------------------------------------------------------------------------------


def test_result_that_another_process_makes_is_passed_over(tmp_path: Path) -> None:
    clips, out = [write_clip(tmp_path / f"{name}.mp4", 3) for name in "ab"], tmp_path / "out"
    digests: list[str] = []

    class Watched(Claim):
        def __init__(self, path: Path, work: str) -> None:
            digests.append(work)
            super().__init__(path, work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aufait.detection.jobs.Claim", Watched)
        assert detect(clips[0], "-o", tmp_path / "other").exit_code == 0
    (task, _) = tasks_of(out, *clips)
    with Claim(task.claim, digests[0]):
        result = detect(*clips, "-o", out, "--no-wait")
    assert result.exit_code == 7
    assert f"is being made by process {os.getpid()}" in flat(result)
    assert {path.stem for path in out.glob("*.csv")} == {"b"}
    assert detect(*clips, "-o", out).exit_code == 0
    assert not list(out.glob("*.claim"))


def test_other_work_under_the_same_name_is_refused_while_one_is_at_it(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out"
    with Claim(out / "images.claim", "other pictures"):
        result = detect(pictures, "-o", out)
    assert result.exit_code == 3 and "other inputs or with other settings" in flat(result)
    assert not list(out.iterdir())


def test_claims_of_the_dead_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "a.claim"
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    with Claim(path, "work"):
        alive = json.loads(path.read_text())
        with pytest.raises(Claimed, match="is being made by"), Claim(path, "work"):
            pass
    for dead in ({"pid": ended.pid}, {"began": "17"}, {"boot": "an earlier one", "age": 3600}, {"host": "elsewhere", "age": 3600}):
        path.write_text(json.dumps({**alive, **dead}))
        old = time.time() - dead.get("age", 0)  # type: ignore[operator]
        os.utime(path, (old, old))
        with Claim(path, "work") as claim:
            assert claim.is_held()
        assert not list(tmp_path.iterdir())
    path.write_text(json.dumps({**alive, "host": "elsewhere"}))  # just touched: it lives
    with pytest.raises(Claimed, match="elsewhere"), Claim(path, "work"):
        pass
    for nonsense in ("", "{", "[]", "3", '{"pid": "x", "host": 1}'):
        path.write_text(nonsense)
        os.utime(path, (0, 0))
        with Claim(path, "work"):
            pass


def test_who_has_lost_the_claim_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"

    def stolen(progress: Progress) -> None:
        (out / "clip.claim").write_text(json.dumps({"token": "of another", "pid": 1, "host": "elsewhere"}))

    with Detector(device="cpu") as detector:
        (outcome,) = run_tasks(tasks_of(out, clip), detector, on_frame=stolen)
    assert outcome.status == "failed" and "belongs to another process" in str(outcome.problems[0])
    assert not (out / "clip.csv").exists() and not (out / "clip.provenance.json").exists()
    assert (out / "clip.claim").exists()  # it is not ours to remove


def test_foreign_file_that_turns_up_during_the_work_is_kept(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"

    def put(progress: Progress) -> None:
        (out / "clip.csv").write_text("precious")

    with Detector(device="cpu") as detector:
        (outcome,) = run_tasks(tasks_of(out, clip), detector, on_frame=put)
    assert outcome.status == "failed"
    assert (out / "clip.csv").read_text() == "precious" and not (out / "clip.provenance.json").exists()


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"c{number}.mp4", 8) for number in range(6)]
    code = """
import sys, time, fakes
fakes.use_fakes()
follow, log = None, open(sys.argv[1], "a", buffering=1)
from aufait.detection.detector import Detector
real = Detector.follow
def follow(self, frames, *, source):
    log.write(source + "\\n")
    for frame in real(self, frames, source=source):
        time.sleep(0.03)
        yield frame
Detector.follow = follow
sys.argv[1:2] = []
from aufait.cli.app import main
main()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, str(tmp_path / "log"), "detect", *map(str, clips), "-o", str(tmp_path / "out")]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    said = [process.communicate(timeout=300)[0].decode() for process in both]
    assert {process.returncode for process in both} <= {0, 7}, said
    assert sorted((tmp_path / "log").read_text().split()) == sorted(map(str, clips)), said  # each once
    assert len(list((tmp_path / "out").glob("*.provenance.json"))) == 6
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix not in (".csv", ".json")]


def _worker(pids: multiprocessing.Queue[int]) -> None:
    end_with_parent()
    pids.put(os.getpid())
    time.sleep(300)


def _parent(pids: multiprocessing.Queue[int]) -> None:
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_worker, args=(pids,))
    worker.start()
    worker.join()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills")
def test_workers_end_when_their_parent_is_killed() -> None:
    context = multiprocessing.get_context("spawn")
    pids = context.Queue()
    parent = context.Process(target=_parent, args=(pids,))
    parent.start()
    worker = pids.get(timeout=120)
    parent.kill()
    parent.join()
    deadline = time.monotonic() + 30
    while _is_running(worker):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_rendering_ends_at_once_when_it_is_asked_to_end() -> None:
    pytest.importorskip("cv2")
    code = """
import signal, time
from aufait.synthetic.parallel import run_jobs
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for done in run_jobs(time.sleep, [0.0, 600.0, 600.0], 2):
        print("begun", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(getattr(signal, "SIGHUP", signal.SIGTERM), marks=pytest.mark.slow),
    ],
)
def test_every_command_ends_with_130_when_it_is_asked_to_end(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setattr("aufait.cli.models.print_table", asked)
    before = [signal.getsignal(one) for one in (signal.SIGTERM, number)]
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        result = CliRunner().invoke(app, ["models"])
    finally:
        signal.signal(number, before[1])
    assert result.exit_code == 130, result.output
    assert signal.getsignal(signal.SIGTERM) is before[0]


# ---------------------------------------------------------------------------------------------------------------------
# Names
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_names_that_are_no_text_are_written_as_text_and_can_be_turned_back(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    names = [b"a\xff.png", b"b\\xff.png", "c\u00e9.png".encode(), b"d\xed\xa0\x80.png"]
    for name in names:
        write_picture(folder / "new.png").rename(folder / os.fsdecode(name))
    write_clip(folder / "v.mp4", 3).rename(folder / os.fsdecode(b"v\xfe$x$.mp4"))
    words = ("--parquet", "--annotate", "--report", "--plot")
    assert detect(folder, "-o", out, *words).exit_code == 0
    for path in out.iterdir():
        str(path).encode()  # valid names
        if path.suffix in (".csv", ".json", ".html"):
            path.read_bytes().decode()
    with (out / "images.csv").open(newline="") as file:
        found = {os.fsencode(Path(original_name(row["source"])).name) for row in csv.DictReader(file)}
    assert found == set(names)
    recorded = json.loads((out / "images.provenance.json").read_text())["inputs"]
    assert {os.fsencode(original_name(entry["name"])) for entry in recorded} == set(names)
    parquet = pytest.importorskip("pyarrow.parquet").read_table(out / "images.parquet")
    assert {os.fsencode(Path(original_name(source)).name) for source in parquet["source"].to_pylist()} == set(names)
    assert "2 of 2 were there already" in flat(detect(folder, "-o", out, *words))


@pytest.mark.parametrize("name", ["plain", "a\udcffb", r"a\xffb", r"\\x5cx", "\udc80\udc81\\x", r"C:\data", "\u00fc\u4e2d"])
def test_valid_text_can_be_turned_back(name: str) -> None:
    if os.sep == "\\" and "\\" in name:
        pytest.skip("a backslash is no part of a name there")
    text = valid_text(name)
    text.encode()
    assert original_name(text) == name
    assert (text == name) == (name in ("plain", "\u00fc\u4e2d", r"C:\data"))
    file_name(name).encode()
    encodable(name + "\ud83d").encode()


def test_long_names_are_cut_and_stay_apart(tmp_path: Path) -> None:
    out = tmp_path / "out"
    clips = [write_clip(tmp_path / "new.mp4", 3).rename(tmp_path / ("\u00fc" * 118 + f"{letter}.mp4")) for letter in "ab"]
    assert detect(*clips, "-o", out, "--annotate", "--report").exit_code == 0
    assert len(list(out.glob("*_annotated.mp4"))) == 2


@pytest.mark.parametrize(("option", "status"), [("--out", 3), ("--finder-model", 2), ("input", 2)])
def test_names_that_no_file_can_have_are_told_so(
    option: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    long = str(tmp_path / ("n" * 300))
    clip = write_clip(tmp_path / "clip.mp4", 3)
    words = [long] if option == "input" else [clip, option, long]
    if option == "--finder-model":
        words += ["--finder", "mesh"]
    result = detect(*words, *([] if option == "--out" else ["-o", tmp_path / "out"]))
    assert result.exit_code == status
    assert "too long" in flat(result) or "more than the file system takes" in flat(result)


def test_an_input_is_never_cleared_away_as_unfinished(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    unfinished = write_clip(tmp_path / "clip_annotated.partial.mp4", 3)
    result = detect(clip, unfinished, "-o", tmp_path)
    assert result.exit_code == 3 and "is an input" in flat(result)
    assert unfinished.exists()


def test_record_lists_what_belongs_together(tmp_path: Path) -> None:
    import hashlib

    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    run(out, clip, options=replace(ALL, formats=("csv",)))
    record = json.loads((out / "clip.provenance.json").read_text())
    assert set(record["files"]) == {path.name for path in out.iterdir()} - {"clip.provenance.json"} == set(record["outputs"])
    for name, facts in record["files"].items():
        data = (out / name).read_bytes()
        assert facts["bytes"] == len(data) and facts["sha256"] == hashlib.sha256(data).hexdigest()


def test_claim_in_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError), Claim(tmp_path / "file" / "a.claim", "work"):
        pass

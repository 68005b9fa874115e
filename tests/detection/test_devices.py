"""Workers spread over devices: names that are there, each worker its own, the same tables; contradictions are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import FakeFinder, FakePredictor, write_clip
from typer.testing import CliRunner

from aufait import machine
from aufait.cli.app import app
from aufait.cli.spreading import spread
from aufait.detection import detector as detector_module
from aufait.detection.detector import Detector
from aufait.detection.many import run_tasks
from aufait.detection.plan import OutputOptions, plan_tasks
from aufait.errors import InputError
from aufait.machine import resolve_devices
from aufait.media.sources import demo_clip, expand_inputs
from aufait.workers.contract import Done, placed

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with three CUDA devices, in name."""
    monkeypatch.setattr(machine, "available_devices", lambda: ["cuda:0", "cuda:1", "cuda:2", "cpu"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", ("cuda:0", "cuda:1", "cuda:2")), ("2", ("cuda:0", "cuda:1")), ("cuda:2, cuda:0", ("cuda:2", "cuda:0")),
        ("cuda", ("cuda:0",)), ("cpu", ("cpu",)),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("three_gpus")
def test_devices_are_named_counted_or_all(text: str, expected: tuple[str, ...]) -> None:
    assert resolve_devices(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4", "4 CUDA devices were asked for, this machine has 3"), ("0", "0 CUDA devices"), ("cuda:3", "got 'cuda:3'"),
        ("cuda:0,cuda:0", "named once"), ("cuda,cuda:0", "named once"), ("cuda:0,cpu", "of one kind"), ("mps", "one mps device"),
        ("cuda:0,auto", "devices are auto"), ("", "devices are auto"), ("-1", "device must be"), ("gpu", "device must be"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("three_gpus")
def test_devices_that_are_not_there_or_make_no_sense_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve_devices(text)


def test_without_a_gpu_all_devices_are_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_devices", lambda: ["mps", "cpu"])
    assert resolve_devices("auto") == ("cpu",)
    with pytest.raises(InputError, match="this machine has 0; there are: mps, cpu"):
        resolve_devices("1")


@pytest.mark.usefixtures("three_gpus")
def test_each_device_has_a_worker_unless_more_are_asked_for() -> None:
    alone, usual, more = spread(None, None, "1", "auto"), spread(None, None, "auto", "auto"), spread("5", "7", "2", "auto")
    assert (alone.executor.workers, usual.executor.workers, more.executor.workers) == (1, 3, 5)
    assert (usual.device, usual.devices) == ("cuda:0", ("cuda:0", "cuda:1", "cuda:2"))
    assert (more.segments, spread(None, None, None, "cuda:1").device) == (7, "cuda:1")


@pytest.mark.parametrize(
    ("workers", "devices", "device", "said"),
    [
        (None, "2", "cuda:1", "contradict each other"), (None, "2", "cpu", "contradict each other"),
        ("2", "3", "auto", "3 devices need as many workers at least, got --workers 2"),
        ("ray", "2", "auto", "a cluster has its own"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("three_gpus")
def test_options_that_contradict_each_other_are_refused(workers: str | None, devices: str, device: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        spread(workers, None, devices, device)


def test_the_command_says_what_is_wrong_before_any_work(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    result = CliRunner().invoke(app, ["detect", str(clip), "-o", str(tmp_path / "out"), "--devices", "cuda:77"])
    assert result.exit_code == 2 and "device must be auto or one of" in result.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()


class Turns:
    """Two workers in this process that take turns."""

    workers = 2

    def map(
        self, work: Any, items: Sequence[Any], on_message: Callable[[int, Any], None] | None = None
    ) -> Generator[Done[Any], None, None]:
        works = [placed(work, number) for number in range(self.workers)]
        tools = [one.begin() for one in works]
        for index, item in enumerate(items):
            number = index % self.workers
            yield Done(index, works[number].do(tools[number], item, lambda message: None))


@pytest.mark.usefixtures("three_gpus")
def test_tables_are_the_same_whichever_device_a_worker_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())
    clips = [write_clip(tmp_path / f"{name}.mp4", 6) for name in "abc"]

    def run(out: str, executor: Turns | None, devices: tuple[str, ...] = ()) -> list[str]:
        tasks = plan_tasks(expand_inputs(clips), tmp_path / out)
        with Detector(device="cuda:1" if devices else "cpu") as detector:
            outcomes = run_tasks(tasks, detector, executor=executor, arguments={"device": "cpu"}, devices=devices)
        assert [outcome.status for outcome in outcomes] == ["ok"] * 3
        return [json.loads(task.provenance.read_text())["settings"]["device"] for task in tasks]

    assert run("one", None) == ["cpu"] * 3
    assert run("many", Turns(), ("cuda:1", "cuda:2")) == ["cuda:1", "cuda:2", "cuda:1"]
    assert run("without", Turns()) == ["cpu"] * 3
    for name in "abc":
        first, second = (tmp_path / out / f"{name}.csv" for out in ("one", "many"))
        assert first.read_bytes() == second.read_bytes()
    assert run("many", Turns(), ("cuda:2", "cuda:0")) == ["cuda:1", "cuda:2", "cuda:1"], "what is there is kept"


def test_segments_have_their_workers_device() -> None:
    from aufait.detection.many import _SegmentWork, _Work

    work = _SegmentWork(_Work(None, {"device": "cpu", "threads": 1}, OutputOptions(), {}, None, devices=("cuda:0", "cuda:1")))
    assert [work.placed(number).work.arguments["device"] for number in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert work.work.arguments["device"] == "cpu"


@on_gpu
def test_a_gpu_gives_nearly_the_scores_of_the_processor_and_its_workers_the_same(tmp_path: Path) -> None:
    def seen(device: str) -> np.ndarray:
        with Detector(finder="builtin", device=device) as detector:
            return np.stack([face.probability for frame in list(detector.stream(demo_clip()))[:40] for face in frame.faces])

    np.testing.assert_allclose(seen("cuda"), seen("cpu"), atol=0.05)
    for workers in ("1", "2"):
        words = f"detect {demo_clip()} -o {tmp_path / workers} --devices 1 --workers {workers} --finder builtin"
        assert CliRunner().invoke(app, words.split()).exit_code == 0
    one, two = (next((tmp_path / workers).glob("*.csv")).read_bytes() for workers in ("1", "2"))
    assert one == two

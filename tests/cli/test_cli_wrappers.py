"""aufait demo, synth, train-default, train-faces and bench: they pass on what they are told and say what came out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, write_clip
from typer.testing import CliRunner

from aufait.bench import detection as benchmark_module
from aufait.bench.detection import BenchmarkReport, BenchmarkSettings, DetectionRun, prepare_video
from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.errors import AufaitError, InputError, MissingModelError
from aufait.media import sources
from aufait.media.video import open_video

runner = CliRunner()


@pytest.fixture
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())


@pytest.fixture
def shipped_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    clip = write_clip(tmp_path / "shipped" / "demo.mp4", 6)
    monkeypatch.setattr(sources, "demo_clip", lambda: clip)
    return clip


@pytest.mark.usefixtures("fake_networks")
def test_demo_writes_everything_and_says_where(
    shipped_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # the default folder may be replaced
        result = runner.invoke(app, ["demo"])
        assert result.exit_code == 0, result.output
    assert "synthetic" in result.output
    for name in ("demo.csv", "demo_annotated.mp4", "demo_timeline.png", "demo_report.html"):
        assert (tmp_path / "aufait-demo" / name).is_file()
        assert name in result.output


@pytest.mark.usefixtures("fake_networks")
def test_demo_on_ones_own_file_replaces_only_when_told(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "mine.mp4", 3), tmp_path / "out"
    assert runner.invoke(app, ["demo", str(clip), "-o", str(out)]).exit_code == 0
    assert runner.invoke(app, ["demo", str(clip), "-o", str(out)]).exit_code == 0  # the same again: it is there, whole
    clip.unlink()
    write_clip(clip, 4)
    assert runner.invoke(app, ["demo", str(clip), "-o", str(out)]).exit_code == 3
    result = runner.invoke(app, ["demo", str(clip), "-o", str(out), "--overwrite"])
    assert result.exit_code == 0
    assert "synthetic" not in result.output


def test_demo_without_the_shipped_clip_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Path:
        raise InputError("the shipped clip demo.mp4 is missing; name your own video, or install aufait again")

    monkeypatch.setattr(sources, "demo_clip", absent)
    result = runner.invoke(app, ["demo"])
    assert result.exit_code == 2
    assert "name your own video" in " ".join(result.output.split())


def test_synth_passes_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pytest.importorskip("aufait.synthetic.dataset")
    seen: dict[str, Any] = {}

    def generate(out: Path, config: object, **options: Any) -> Path:
        seen.update(options, config=config)
        options["progress"](7)
        return out

    monkeypatch.setattr(dataset, "generate_dataset", generate)
    words = ["synth", str(tmp_path), "--frames", "7", "--seed", "3", "--size", "128", "--sequences", "--workers", "2"]
    result = runner.invoke(app, words)
    assert result.exit_code == 0, result.output
    config = seen["config"]
    assert (config.frames, config.seed, config.size, config.sequences) == (7, 3, 128, True)
    assert seen["workers"] == 2 and seen["overwrite"] is False


@pytest.mark.parametrize("package", ["cv2", "numba"])
def test_missing_extra_is_named_with_the_command_that_brings_it(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(pytest.importorskip("aufait.synthetic.dataset"), "generate_dataset", absent)
    result = runner.invoke(app, ["synth", str(tmp_path)])
    assert result.exit_code == 5
    assert "pip install 'aufait[synth]'" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("recipe", "large"), [("cpu", False), ("full", True), ("auto", False)])
def test_train_default_chooses_the_recipe(
    recipe: str, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = pytest.importorskip("aufait.shipped.action_units.train")
    seen: dict[str, Any] = {}

    def train(out: Path, data: object, **options: Any) -> Path:
        seen.update(options, data=data)
        options["report"]("epoch 1")
        return out / "au_default.safetensors"

    monkeypatch.setattr(training, "train_default", train)
    words = ["train-default", "renders", "-o", str(tmp_path), "--recipe", recipe, "--epochs", "2", "--device", "cpu"]
    result = runner.invoke(app, words)
    assert result.exit_code == 0, result.output
    assert seen["data"] == [Path("renders")] and seen["config"].epochs == 2
    assert (seen["config"].frames > 100_000) is large
    assert "au_default.safetensors" in result.output


def test_train_faces_prints_what_came_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = pytest.importorskip("aufait.shipped.faces.train")
    seen: dict[str, Any] = {}

    def train(data: Path, out: Path, **options: Any) -> object:
        seen.update(options)
        return SimpleNamespace(detector=out / "d", landmarks=out / "l", figures={"nme": 0.0345})

    monkeypatch.setattr(training, "train_faces", train)
    words = ["train-faces", "renders", "-o", str(tmp_path), "--resume", "--device", "cpu"]
    result = runner.invoke(app, [*words, "--real-faces", "portraits", "--init", "before"])
    assert result.exit_code == 0, result.output
    assert seen == {
        "device": "cpu",
        "epochs": None,
        "seed": None,
        "resume": True,
        "real_faces": Path("portraits"),
        "task_file": None,
        "init": Path("before"),
    }
    assert "nme: 0.0345" in result.output


def test_benchmark_video_has_the_size_and_length_asked_for(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 5)
    settings = BenchmarkSettings(video=str(clip), size=(128, 64), frames=23)
    with open_video(prepare_video(settings, tmp_path / "bench.mp4")) as reader:
        frames = list(reader)
    assert len(frames) == 23
    assert frames[0].image.shape == (64, 128, 3)


def test_benchmark_report_gives_machine_command_median_and_spread() -> None:
    runs = tuple(DetectionRun(300, 300, fps, 2.0, 500.0, "builtin", "cpu") for fps in (20.0, 30.0, 31.0))
    report = BenchmarkReport("some machine", "aufait bench detect", BenchmarkSettings(), runs)
    text = report.to_text()
    assert "some machine" in text and "aufait bench detect" in text
    assert "30.0 frames/s (median of 3; 20.0 to 31.0)" in text
    assert report.to_dict()["fps_median"] == 30.0


def test_bench_without_the_task_file_gives_one_line_and_its_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUFAIT_MEDIAPIPE_MODEL", str(tmp_path / "nowhere.task"))
    clip = write_clip(tmp_path / "clip.mp4", 10)
    result = runner.invoke(app, ["bench", "detect", str(clip), "--frames", "10", "--size", "64x64", "--finder", "mesh"])
    assert result.exit_code == MissingModelError.exit_code
    message = result.stderr.strip()
    assert message.startswith("error: ") and "nowhere.task" in message
    assert "Traceback" not in message and "\n" not in message


def test_bench_names_an_unexpected_error_of_the_measured_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUFAIT_DEBUG", raising=False)
    monkeypatch.setattr(benchmark_module.sys, "executable", "false")
    with pytest.raises(AufaitError, match="the measured run failed: exit status 1; set AUFAIT_DEBUG=1"):
        benchmark_module._run_in_process(BenchmarkSettings(), tmp_path / "clip.mp4", tmp_path)


def test_bench_prints_json_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    run = DetectionRun(10, 10, 25.0, 2.0, 500.0, "builtin", "cpu")
    monkeypatch.setattr(
        benchmark_module, "benchmark_detect", lambda settings: BenchmarkReport("m", "c", settings, (run,))
    )
    result = runner.invoke(app, ["bench", "detect", "--json", "--size", "original", "--frames", "10"])
    assert json.loads(result.output)["fps_median"] == 25.0
    assert np.isfinite(json.loads(result.output)["runs"][0]["peak_mebibytes"])

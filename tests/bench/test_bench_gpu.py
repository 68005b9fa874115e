"""What a GPU does for detection, measured on the processor: every network and way has a figure or a reason, pages are filled."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from aufait.bench import gpu as bench
from aufait.bench.gpu import GpuBenchmark, GpuReport, PassRow
from aufait.bench.networks import Timing
from aufait.bench.streams import Difference, StreamRow, Watch, compare
from aufait.cli.app import app
from aufait.errors import AufaitError, InputError

QUICK = GpuBenchmark("cpu", batches=(1, 2), streams=(1,), frames=10, repeats=1, finder="builtin")


def passes(settings: GpuBenchmark) -> dict[tuple[str, int], PassRow]:
    return {(row.network, row.batch): row for row in bench._pass_rows(settings, lambda _: None)}


def report(rows: tuple[PassRow, ...]) -> GpuReport:
    difference = Difference("torch-bf16", "torch", 40, 1, 760, 2, (0.001, 0.02), (0.01, 0.3))
    streams = (StreamRow(1, 100.0, 400.0), StreamRow(4, 250.0, 400.0))
    return GpuReport("a machine", QUICK, {"float32": 1e12, "bf16": 4e12}, rows, (difference,), streams)


def test_the_action_unit_model_is_measured_in_both_precisions_and_landmarks_in_one() -> None:
    rows = passes(QUICK)
    assert set(rows) == {(name, batch) for name in ("builtin landmarks", "compact") for batch in (1, 2)}
    assert all(isinstance(timing, Timing) for timing in rows["compact", 2].passes.values())
    assert rows["builtin landmarks", 1].passes["bf16"] == "places in pixels stay in single precision"
    assert 200e6 < rows["compact", 1].macs < 230e6


def test_a_way_that_fails_is_told_and_the_others_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: Any, **_: Any) -> Any:
        def fail(*inputs: Any) -> Any:
            raise RuntimeError("no compiler\nat all")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    found = passes(GpuBenchmark("cpu", (1,), (1,), 10, 1, "builtin", compiled=True))["compact", 1].passes
    assert found["bf16, compiled"] == found["float32, compiled"] == "RuntimeError: no compiler"
    assert isinstance(found["float32"], Timing) and isinstance(found["bf16"], Timing)


@pytest.mark.slow
def test_compiled_networks_are_measured() -> None:
    found = passes(GpuBenchmark("cpu", (2,), (1,), 10, 1, "builtin", compiled=True))["compact", 2].passes
    said = found["float32, compiled"]
    if isinstance(said, str):
        pytest.skip(f"torch.compile does not work here: {said}")
    assert min(said.seconds) > 0


def test_the_best_product_is_a_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_SIDES", {"cpu": 128})
    assert all(1e7 < bench.best_product("cpu", dtype) < 1e14 for dtype in bench.DTYPES.values())


def test_a_gpu_is_asked_for_more_than_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    small = GpuBenchmark("cpu", streams=(3,)).filled()
    assert (small.batches, small.streams, small.frames) == ((1, 4, 16), (3,), 100)
    monkeypatch.setattr(bench, "resolve_device", lambda name: "cuda:0")
    large = GpuBenchmark().filled()
    assert (large.device, large.batches[-1], large.streams, large.frames) == ("cuda:0", 512, (1, 2, 4, 8), 600)
    assert large.command == (
        "aufait bench gpu --device cuda:0 --repeats 5 --finder auto --batches 1,8,32,128,512 --streams 1,2,4,8 --frames 600"
    )


@pytest.mark.parametrize("wrong", [{"batches": (0,)}, {"streams": (1, 0)}, {"repeats": 0}, {"frames": 3}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        GpuBenchmark("cpu", **wrong)


def test_the_command_reads_lists_of_numbers() -> None:
    result = CliRunner().invoke(app, ["bench", "gpu", "--batches", "1,many"])
    assert result.exit_code == 2 and "1,8,32" in result.output


def test_shares_are_of_the_best_product_of_their_precision(tmp_path: Path) -> None:
    row = PassRow(
        "compact", 100, 200_000_000, {"float32": Timing((0.1, 0.3, 0.2)), "bf16": Timing((0.05,)), "bf16, compiled": "no"}
    )
    made = report((row,))
    (_, cells), (_, apart), (_, *streams) = made.tables()
    assert cells == ("compact", "100", "200", "500 (20.0 %)", "2,000 (20.0 %)", "-")
    assert apart[2:4] == ("40; 1 frames with other numbers of faces", "2 of 760")
    assert streams[1] == ("4", "250.0", "2.50", "400.0")
    assert made.footnotes() == ["Not measured: compact, bf16, compiled: no."]
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench gpu: cpu -->\nold\n<!-- end -->\nafter\n")
    made.write(page)
    text = page.read_text()
    assert "old" not in text and "| compact | 100 | 200 | 500 (20.0 %) |" in text and text.endswith("<!-- end -->\nafter\n")


def frame(*probabilities: float) -> Any:
    return SimpleNamespace(
        faces=[SimpleNamespace(probability=np.array([p, 0.2]), intensity=np.array([p, 0.0])) for p in probabilities]
    )


def test_scores_are_compared_face_by_face() -> None:
    found = compare("ours", [frame(0.4, 0.9), frame(0.1)], "theirs", [frame(0.6, 0.9), frame(0.1, 0.1)])  # type: ignore[list-item]
    assert (found.faces, found.frames_apart, found.decisions, found.decided_otherwise) == (2, 1, 4, 1)
    assert found.probability == pytest.approx((0.05, 0.2))
    with pytest.raises(AufaitError, match="no faces in common"):
        compare("ours", [frame()], "theirs", [frame()])  # type: ignore[list-item]


def watched(told: list[tuple[float, str, int]]) -> Watch:
    watch = Watch(clock=iter([when for when, _, _ in told]).__next__)
    for _, title, done in told:
        watch.frame(SimpleNamespace(task=SimpleNamespace(title=title), done=done))  # type: ignore[arg-type]
    return watch


def test_speed_is_that_of_the_time_in_which_all_streams_are_at_work() -> None:
    told = [(0.0, "a", 1), (5.0, "a", 501), (6.0, "b", 1), (7.0, "a", 521), (8.0, "b", 31), (9.0, "a", 541), (10.0, "b", 61)]
    assert watched([*told, (11.0, "a", 561), (20.0, "b", 62)]).speed() == pytest.approx(10 + 15), (
        "neither before 6 s nor after 11 s"
    )


def test_streams_that_are_too_short_are_refused() -> None:
    with pytest.raises(InputError, match="more --frames"):
        watched([(0.0, "a", 1), (1.0, "a", 9), (2.0, "b", 1), (3.0, "b", 9)]).speed()


@pytest.mark.slow
def test_the_whole_is_measured_on_the_processor(tmp_path: Path) -> None:
    words = ["bench", "gpu", "--device", "cpu", "--batches", "1", "--streams", "1,2", "--frames", "60", "--repeats", "1"]
    page = tmp_path / "page.md"
    result = CliRunner().invoke(app, [*words, "--finder", "builtin", "--json", "--output", str(page)])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert [row["streams"] for row in found["streams"]] == [1, 2] and all(row["speed"] > 0 for row in found["streams"])
    assert found["differences"][0]["probability"][1] < 0.05 < found["differences"][0]["faces"]
    assert page.read_text().startswith("<!-- bench gpu: cpu -->\nMachine: ")

"""The comparison of runtimes: pictures as asked, rows in pairs, a table for a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aufait.bench import runtimes as bench
from aufait.bench.page import replace_section
from aufait.bench.runtimes import PICTURES, RuntimeBenchmark, RuntimeReport, RuntimeRow, Turn, benchmark_runtimes
from aufait.errors import InputError


def test_a_picture_is_repeated_whole() -> None:
    image = np.full((100, 80, 3), 250, np.uint8)
    for count in (1, 5):
        shown = bench._repeated(image, count)
        assert shown.shape == (720, 1280, 3)
        assert set(np.unique(shown)) == {110, 250}
        columns = shown[20].mean(axis=1) > 200
        assert np.diff(columns.astype(int)).clip(0).sum() == min(count, 3)


def rows() -> tuple[RuntimeRow, ...]:
    work = {"torch": 0.04, "onnx": 0.02}
    return tuple(
        RuntimeRow("builtin", scene, name, tuple(Turn(times / used, used * times, 1.0) for times in (1.0 * factor, 3.0 * factor)))
        for scene, factor in (("one face", 1.0), ("five faces", 2.0), *((name, 4.0) for name in PICTURES))
        for name, used in work.items()
    )


def test_ratios_are_taken_turn_by_turn() -> None:
    lines = RuntimeReport("a machine", "a command", rows()).table()
    assert lines[0] == ("builtin", "one face", "torch", "1.00", "50.0 (25.0-75.0)", "80.0", "1.00", "")
    assert [line[6] for line in lines] == ["1.00", "0.50"] * 4
    assert [line[7] for line in lines] == ["", "", "", "", "4.00", "4.00", "4.00", "4.00"]


def test_a_page_gets_the_table_in_place_of_the_old_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench runtimes -->\nold\n<!-- end -->\nafter\n")
    replace_section("runtimes", RuntimeReport("a machine", "a command", rows()).to_markdown(), page)
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before\n<!-- bench runtimes -->\nMachine: a machine.\nCommand: `a command`.\n\n| finder |")
    assert text.endswith("|\n<!-- end -->\nafter\n")


def test_the_command_repeats_the_settings() -> None:
    assert bench._command(RuntimeBenchmark("v.mp4", frames=20, finders=("mesh",))) == (
        "aufait bench runtimes v.mp4 --frames 20 --pictures 6 --rounds 2 --finder mesh"
    )
    assert bench._command(RuntimeBenchmark(runtimes=("torch", "openvino"))).endswith(
        "--rounds 2 --runtime torch --runtime openvino"
    )


def test_a_runtime_is_named_once() -> None:
    with pytest.raises(InputError, match="measured once, got torch, onnx, torch"):
        benchmark_runtimes(RuntimeBenchmark(runtimes=("torch", "onnx", "torch")))


@pytest.mark.slow
def test_runtimes_are_measured_on_the_shipped_clip() -> None:
    settings = RuntimeBenchmark(frames=10, pictures=1, rounds=1, threads=1, finders=("builtin",), runtimes=("torch",))
    report = benchmark_runtimes(settings)
    faces = {row.scene: round(row.middle("faces")) for row in report.rows}
    assert faces == {"one face": 1, "five faces": 5, **dict.fromkeys(PICTURES, 1)}
    assert all(turn.work > 0 for row in report.rows for turn in row.turns)

"""The list of networks and the measurement of their speed: what is shown, what is refused, where it is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import bench_against_loops as comparisons
import pytest
import torch
from typer.testing import CliRunner

from aufait import InputError, list_models
from aufait.bench import networks as bench
from aufait.bench.networks import Comparison, ModelBenchmark, ModelReport, ModelRow, Timing
from aufait.cli.app import app

runner = CliRunner()
QUICK = ModelBenchmark(pattern="deep-regions", batch=1, repeats=2, threads=1)


@pytest.fixture(scope="module")
def report() -> ModelReport:
    return bench.benchmark_models(QUICK)


def test_measured_systems_are_registered() -> None:
    assert set(bench.SYSTEMS) <= set(list_models())


def test_facts_are_those_of_the_network() -> None:
    facts = bench.model_facts("jaa-net-v2", "disfa")
    assert facts.action_units == (1, 2, 4, 6, 9, 12, 25, 26)
    assert (facts.frames, facts.landmarks, facts.image_size) == (1, 0, 176)
    assert bench.model_facts("jaa-net-v2").parameters == 25_237_182


def test_report_names_machine_command_and_spread(report: ModelReport) -> None:
    text = report.to_markdown()
    assert f"torch {torch.__version__}" in text
    assert "`aufait bench models --model 'deep-regions' --batch 1 --threads 1 --repeats 2`" in text
    assert "Median of 2 (smallest-largest), eager, float32, batch 1, 1 threads" in text
    (row,) = report.rows
    assert len(row.timing.seconds) == 2
    assert f"| deep-regions | {row.facts.parameters:,} |" in text


def test_report_is_json(report: ModelReport) -> None:
    values = json.loads(json.dumps(report.to_dict()))
    assert values["rows"][0]["facts"]["name"] == "deep-regions"
    assert values["command"].startswith("aufait bench models")


def test_measuring_leaves_the_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    with bench.torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_figures_follow_from_the_times() -> None:
    facts = bench.model_facts("deep-regions")
    row = ModelRow(facts, 8, Timing((0.2, 0.4, 0.1)), None)
    assert row.faces_per_second == pytest.approx(40)
    assert row.timing.milliseconds() == "200 (100-400)"
    assert Timing((0.0125, 0.0131, 0.0122)).milliseconds() == "12.5 (12.2-13.1)"
    compared = Comparison("ours", "loop", Timing((0.1, 0.2, 0.1)), Timing((0.3, 0.4, 0.3)), bar=2)
    assert compared.ratio == pytest.approx(3)


def test_two_works_take_turns_and_the_first_turn_does_not_count() -> None:
    calls: list[str] = []
    times = bench.time_in_turns(lambda: calls.append("a"), lambda: calls.append("b"), 2)
    assert calls == ["a", "b"] * 3
    assert [len(timing.seconds) for timing in times] == [2, 2]


def test_share_of_the_peak_is_told_for_known_devices_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100 PCIe")
    assert bench.peak_flops("cuda", "bf16") == 756e12
    assert bench.peak_flops("cuda", "float32") is None
    assert bench.peak_flops("cpu", "bf16") is None
    assert bench.peak_flops("cpu", "float32") > 1e8  # type: ignore[operator]
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Unknown 9000")
    assert bench.peak_flops("cuda", "bf16") is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dtype": "int8"}, "the dtype must be one of float32, bf16, fp16; got 'int8'"),
        ({"device": "tpu9"}, "unknown device 'tpu9'"),
        ({"device": "meta"}, "there is no meta device here"),
        ({"device": "cpu:3"}, "there is no device cpu:3 here; cpu has 1"),
        ({"batch": 0}, "must be at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(QUICK, **values)


def test_patterns_without_a_model_are_refused() -> None:
    with pytest.raises(InputError, match=r"no model matches 'vgg\*'; known models: abrnet"):
        _ = ModelBenchmark(pattern="vgg*").names


def test_a_page_keeps_all_but_its_section(report: ModelReport, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    before = "# Title\n<!-- bench models: cuda -->\nold gpu\n<!-- end -->\ntext\n<!-- bench models: cpu -->\n"
    page.write_text(f"{before}old cpu\n<!-- end -->\nend\n")
    for _ in range(2):
        bench.write_section(report, page)
        text = page.read_text()
        assert "old cpu" not in text
        assert text.startswith(f"{before}Machine: ")
        assert text.endswith("|\n<!-- end -->\nend\n")


def test_a_new_page_is_written_and_a_page_without_a_section_refused(report: ModelReport, tmp_path: Path) -> None:
    bench.write_section(report, tmp_path / "new.md")
    bench.write_section(report, tmp_path / "new.md")
    assert (tmp_path / "new.md").read_text().count("<!-- bench models: cpu -->") == 1
    other = tmp_path / "other.md"
    other.write_text("# Other")
    with pytest.raises(InputError, match="has no section"):
        bench.write_section(report, other)
    assert other.read_text() == "# Other"


def test_loops_are_found_in_a_clone_and_missed_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert hasattr(comparisons.load_oracles(), "JAANetLoop")
    monkeypatch.setattr(comparisons, "ORACLES", tmp_path / "oracles.py")
    with pytest.raises(InputError, match="not of the installed package"):
        comparisons.load_oracles()


@pytest.mark.slow
def test_comparisons_report_both_ways() -> None:
    settings = ModelBenchmark(batch=1, repeats=1, threads=1)
    found = list(comparisons.compare_all(settings, lambda name: None))
    assert [row.bar for row in found] == [3.0, 2.0, 1.5, 1.5, 2.0, 1.0]
    assert "8 FAN passes against 24" in found[4].remark


# --- commands --------------------------------------------------------------------------------------------------------


def test_models_are_listed_with_paper_size_and_needs() -> None:
    result = runner.invoke(app, ["models", "jaa-net-v*"])
    assert result.exit_code == 0, result.output
    assert "Shao et al., IJCV 2021" in result.output
    assert "25,237,182" in result.output
    assert "8.76" in result.output
    assert "176 px" in result.output


def test_models_are_listed_as_json_for_other_action_units() -> None:
    result = runner.invoke(app, ["models", "aunet", "--au-set", "AU1, AU2", "--json"])
    (facts,) = json.loads(result.output)
    assert (facts["frames"], facts["action_units"]) == (3, [1, 2])


def test_unknown_patterns_are_explained() -> None:
    result = runner.invoke(app, ["models", "nothing*"])
    assert result.exit_code == 2
    assert "no model matches 'nothing*'" in result.output


def test_bench_prints_a_table_and_writes_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    arguments = ["bench", "models", "--model", "deep-regions", "--batch", "1", "--repeats", "1", "--output", str(page)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "faces/s" in result.output
    assert "deep-regions" in page.read_text()

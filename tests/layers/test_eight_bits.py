"""Networks in 8 bits: ranges decide, shipped ranges fit the shipped weights, what does not fit runs in 32 bits or says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aufait.errors import AufaitError, InputWarning, MissingModelError
from aufait.files.hashes import file_sha256
from aufait.layers.runtimes import Call, eight_bits, open_runtime
from aufait.layers.runtimes.eight_bits import Int8Runtime, in_eight_bits, ranges_file, rounded_layers, shipped_ranges
from aufait.layers.runtimes.graphs import traced, weights_digest
from aufait.layers.runtimes.recording import RecordingRuntime

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


class Small(nn.Module):
    """Two convolutions with a sum between them, and a layer at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU())
        self.second = nn.Conv2d(16, 16, 3, padding=1)
        self.last = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.first(x)
        return self.last((self.second(seen) + seen).relu())


CALL = Call("small", ((2, 3, 16, 16),))


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    torch.manual_seed(0)
    small = Small().eval().requires_grad_(False)
    small.last.weight.mul_(20.0)  # outputs beyond 1, so that differences are shares of the largest
    return small


@pytest.fixture
def measured(network: Small) -> dict[str, dict[str, Any]]:
    runtime = RecordingRuntime()
    recorded = runtime.ready(network, "cpu", CALL)
    for x in pictures():
        assert torch.allclose(recorded(x), network(x), atol=1e-5)
    return runtime.measured(["small"])


def pictures() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand((2, 3, 16, 16), generator=generator) for _ in range(5)]


def kinds(file: Path) -> set[str]:
    return {node.op_type for node in onnx.load(file).graph.node}


def test_rounded_results_are_near_those_in_32_bits(network: Small, measured: dict[str, Any], tmp_path: Path) -> None:
    ready = Int8Runtime(measured=measured).ready(network, "cpu", CALL)
    (file,) = (tmp_path / "onnx").iterdir()
    assert "DequantizeLinear" in kinds(file)
    for x in pictures():
        wanted, found = network(x), ready(x)
        error = float((wanted - found).abs().mean() / wanted.std())
        assert 0 < error < 0.03


def test_sums_are_exact_whatever_the_processor_has(
    network: Small, measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower way is asked for where the processor needs it, and only there; both give the same results where both are exact."""
    asked, found = [], []
    for cut_off in (False, True):
        monkeypatch.setattr(eight_bits, "sums_are_cut_off", lambda cut_off=cut_off: cut_off)
        ready = Int8Runtime(measured=measured).ready(network, "cpu", CALL)
        try:
            asked.append(ready.session.get_session_options().get_session_config_entry("session.x64quantprecision"))
        except RuntimeError:  # nothing was said
            asked.append("")
        found.append([ready(x) for x in pictures()])
    assert asked == ["", "1"]
    monkeypatch.undo()
    if eight_bits.sums_are_cut_off():
        pytest.skip("this processor has no exact sums of 8-bit products but the slower ones")
    for usual, slower in zip(*found, strict=True):
        assert torch.allclose(usual, slower, atol=1e-6)


def test_the_ranges_are_part_of_the_file_name(network: Small, measured: dict[str, Any], tmp_path: Path) -> None:
    wider = {"small": {**measured["small"], "ranges": {k: (2 * a, 2 * b) for k, (a, b) in measured["small"]["ranges"].items()}}}
    for one in (measured, wider, {}):
        Int8Runtime(measured=one).ready(network, "cpu", CALL)
    assert len(list((tmp_path / "onnx").iterdir())) == 3


def test_other_weights_run_in_32_bits_and_say_so(network: Small, measured: dict[str, Any]) -> None:
    network.last.bias.add_(1.0)
    with pytest.warns(InputWarning, match="small runs in 32 bits.*these are others"):
        ready = Int8Runtime(measured=measured).ready(network, "cpu", CALL)
    x = pictures()[0]
    assert torch.allclose(ready(x), network(x), atol=1e-4)


def test_a_network_without_ranges_runs_in_32_bits(network: Small) -> None:
    ready = Int8Runtime(measured={}).ready(network, "cpu", CALL)
    x = pictures()[0]
    assert torch.allclose(ready(x), network(x), atol=1e-4)


def test_a_graph_that_was_not_measured_is_refused(network: Small, measured: dict[str, Any]) -> None:
    ranges = dict(measured["small"]["ranges"])
    lost = sorted(ranges)[0]
    del ranges[lost]
    with pytest.raises(AufaitError, match=r"no range for 1 tensors of network small.*runtime onnx"):
        in_eight_bits(traced(network, CALL), ranges, "small")


def test_useless_ranges_are_not_believed(network: Small, measured: dict[str, Any]) -> None:
    """As of a damaged file: everything would be rounded to nothing."""
    flat = {"small": {**measured["small"], "ranges": dict.fromkeys(measured["small"]["ranges"], (0.0, 1e-3))}}
    with pytest.raises(AufaitError, match="gives other results"):
        Int8Runtime(measured=flat).ready(network, "cpu", CALL)


def test_the_last_layer_stays_in_32_bits(network: Small) -> None:
    graph = onnx.load_from_string(traced(network, CALL))
    rounded = [node.op_type for node in rounded_layers(graph)]
    assert rounded.count("Conv") == 2
    assert "Add" in rounded
    assert [node.op_type for node in graph.graph.node].count("Conv") == 3


def test_rare_values_do_not_widen_a_range(network: Small) -> None:
    runtime = RecordingRuntime()
    recorded = runtime.ready(network, "cpu", CALL)
    for _ in range(200):
        recorded(torch.rand((1, 3, 16, 16)))
    recorded(torch.full((1, 3, 16, 16), 1000.0))
    low, high = runtime.measured(["small"])["small"]["ranges"]["input0"]
    assert -0.01 <= low < 0.05
    assert 0.9 < high < 1.5


def test_the_shipped_ranges_are_of_the_shipped_weights() -> None:
    from aufait.faces.builtin import detector_network
    from aufait.models.default.predictor import AUPredictor

    networks = {"face-boxes": detector_network(), "action-units": AUPredictor.load().network}
    told = {name: entry["weights"] for name, entry in shipped_ranges().items()}
    assert told == {name: weights_digest(one) for name, one in networks.items()}, "new weights: run tools/quantize.py"


def test_the_model_card_is_of_the_ranges_that_ship() -> None:
    card = Path(__file__).parents[2] / "docs" / "model_card.md"
    assert f"SHA-256 `{file_sha256(ranges_file())}`" in card.read_text("utf-8")


def test_a_damaged_file_of_ranges_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torn = tmp_path / "ranges.json"
    torn.write_text(ranges_file().read_text("utf-8")[:100], encoding="utf-8")
    monkeypatch.setattr(eight_bits, "ranges_file", lambda: torn)
    shipped_ranges.cache_clear()
    try:
        with pytest.raises(MissingModelError, match="install aufait again"):
            open_runtime("onnx-int8")
    finally:
        shipped_ranges.cache_clear()


def test_ranges_hold_numbers_alone() -> None:
    content = json.loads(ranges_file().read_text("utf-8"))
    assert content["notes"]["measured_on"]["real portraits"] > 0
    limits = np.array([pair for entry in content["networks"].values() for pair in entry["ranges"].values()])
    assert np.isfinite(limits).all()
    assert (limits[:, 0] < limits[:, 1]).all()

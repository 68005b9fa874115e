"""OpenVINO as a runtime: it tells nobody of its use, and every shipped network gives torch's results in 32 bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from aufait.layers.runtimes import TORCH, Call, open_runtime
from aufait.layers.runtimes.graphs import difference

pytestmark = [
    pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed"),
    pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is not installed"),
]

WATCHED = """
import json
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event in ("os.fork", "socket.connect", "socket.getaddrinfo") else None)
{work}
import time
time.sleep(1)
print(json.dumps(sorted(set(seen))))
"""


def watched(work: str, home: Path) -> tuple[list[str], list[str]]:
    """What a program does that could tell somebody, and what it leaves in an empty home folder."""
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment |= {"HOME": str(home), "LOCALAPPDATA": str(home), "AUFAIT_CACHE": str(home.parent / "cache")}
    words = [sys.executable, "-c", WATCHED.format(work=work)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]), [path.name for path in home.rglob("*")]


RUNS = """
import torch
from aufait.layers.runtimes import Call, open_runtime
network = open_runtime("openvino").ready(torch.nn.Conv2d(3, 4, 3), "cpu", Call("one", ((2, 3, 8, 8),)))
network(torch.rand(1, 3, 8, 8))
import openvino
openvino.convert_model(torch.nn.Linear(2, 2), example_input=torch.rand(1, 2))  # the part that reports most, had a caller used it
"""


def test_nothing_is_sent_and_nobody_is_numbered(tmp_path: Path) -> None:
    assert watched(RUNS, tmp_path / "home") == ([], [])


class Recorder:
    """A runtime that notes which networks are made ready, and runs them in torch."""

    name = "recorder"

    def __init__(self) -> None:
        self.found: list[tuple[nn.Module, Call]] = []

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> Any:
        self.found.append((network, call))
        return TORCH.ready(network, device, call)


def networks(finder: str, model: Path | None) -> list[tuple[nn.Module, Call]]:
    from aufait.faces.finder import create_finder
    from aufait.models.default.shipped import model_path, open_model

    recorder = Recorder()
    create_finder(finder, model_path=model, runtime=recorder)
    open_model(model_path("default", finder=finder), finder=finder, runtime=recorder)
    return recorder.found


@pytest.mark.parametrize("finder", ["builtin", "mesh"])
def test_every_network_gives_torchs_results(
    finder: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    found = networks(finder, request.getfixturevalue("task_file") if finder == "mesh" else None)
    assert len({call.name for _, call in found}) == (6 if finder == "mesh" else 3)
    runtime = open_runtime("openvino")
    for network, call in found:
        ready, plain = runtime.ready(network, "cpu", call), TORCH.ready(network, "cpu", call)
        for inputs in (call.examples(), call.longer_examples()):
            with torch.inference_mode():
                assert difference(plain(*inputs), ready(*inputs)) < 2e-5, call.name


def test_sums_stay_in_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the processor is quicker in 16, OpenVINO would take those."""
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    ready: Any = open_runtime("openvino").ready(nn.Conv2d(3, 4, 3), "cpu", Call("one", ((2, 3, 8, 8),)))
    assert str(ready.session.get_property("INFERENCE_PRECISION_HINT").to_string()) == "f32"

"""Networks by ONNX Runtime and by OpenVINO give torch's results, survive a damaged cache and a fork, and say what they need."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aufait.errors import InputError, MissingExtraError
from aufait.layers.runtimes import TORCH, Call, open_runtime

needs_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")


class Small(nn.Module):
    """A network with two outputs, one of them nested, and a normalisation that differs in training."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        seen = self.first(x)
        return self.last(seen), [seen.mean(dim=(2, 3))]


CALL = Call("small", ((2, 3, 16, 16),))


PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
"""Name of a runtime -> the package that runs its graphs."""


@pytest.fixture(params=PACKAGES)
def runtime(request: pytest.FixtureRequest) -> str:
    if find_spec(PACKAGES[request.param]) is None:  # an import would do more than look, see tests/layers/test_openvino.py
        pytest.skip(f"{PACKAGES[request.param]} is not installed")
    return str(request.param)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("onnx")
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    return tmp_path / "onnx"


def small(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small().eval()


def run(network: Any, batch: int = 3) -> list[np.ndarray]:
    x = torch.rand((batch, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        first, (second,) = network(x.contiguous(memory_format=torch.channels_last))
    return [first.numpy(), second.numpy()]


def check_same(found: Any, network: nn.Module) -> None:
    for batch in (1, 3):
        for got, expected in zip(run(found, batch), run(network, batch), strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_graph_is_kept_and_found_again(cache: Path, runtime: str) -> None:
    network = small()
    check_same(open_runtime(runtime).ready(network, "cpu", CALL), network)
    (file,) = cache.iterdir()
    written = file.stat().st_mtime_ns
    check_same(open_runtime(runtime).ready(network, "cpu", CALL), network)
    assert [one.stat().st_mtime_ns for one in cache.iterdir()] == [written]


def test_a_batch_may_go_through_face_by_face(cache: Path) -> None:
    pytest.importorskip("onnxruntime")
    network = small()
    found = open_runtime("onnx").ready(network, "cpu", Call("mesh-landmarks", CALL.shapes))
    lengths: list[int] = []

    class Watched:
        def run(self, names: None, arrays: dict[str, np.ndarray]) -> Any:
            lengths.extend(len(one) for one in arrays.values())
            return session.run(names, arrays)

    session, found.session = found.session, Watched()
    check_same(found, network)
    assert lengths == [1, 1, 1, 1]  # batches of one and of three


def test_other_weights_have_another_file(cache: Path, runtime: str) -> None:
    for seed in (0, 1):
        check_same(open_runtime(runtime).ready(small(seed), "cpu", CALL), small(seed))
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("how", ["torn", "another network"])
def test_what_the_cache_holds_is_not_believed(cache: Path, runtime: str, how: str) -> None:
    open_runtime(runtime).ready(small(0), "cpu", CALL)
    (mine,) = cache.iterdir()
    content = mine.read_bytes()
    if how == "another network":
        open_runtime(runtime).ready(small(1), "cpu", CALL)
        content = next(one for one in cache.iterdir() if one != mine).read_bytes()
    else:
        content = content[: len(content) // 2]
    mine.write_bytes(content)
    check_same(open_runtime(runtime).ready(small(0), "cpu", CALL), small(0))
    assert mine.read_bytes() != content


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path, runtime: str) -> None:
    cache.write_text("a file in the way of the folder", encoding="utf-8")
    check_same(open_runtime(runtime).ready(small(), "cpu", CALL), small())
    assert cache.is_file()


def test_a_network_in_training_stays_in_training(cache: Path, runtime: str) -> None:
    network = small()
    network.train()
    check_same(open_runtime(runtime).ready(network, "cpu", CALL), small())
    assert all(module.training for module in network.modules())


def test_one_session_serves_many_threads(cache: Path, runtime: str) -> None:
    network = small()
    found, wrong = open_runtime(runtime, threads=2).ready(network, "cpu", CALL), []
    expected = run(network)

    def work() -> None:
        pairs = [pair for _ in range(20) for pair in zip(run(found), expected, strict=True)]
        wrong.extend(1 for a, b in pairs if not np.allclose(a, b, atol=1e-5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert not any(one.is_alive() for one in threads)
    assert not wrong


def _in_child(found: Any, answers: Any) -> None:
    answers.put(run(found)[1])


@needs_fork
def test_a_session_works_in_a_forked_process(cache: Path, runtime: str) -> None:
    network = small()
    found = open_runtime(runtime, threads=2).ready(network, "cpu", CALL)
    run(found)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_in_child, args=(found, answers))
    child.start()
    try:
        np.testing.assert_allclose(answers.get(timeout=60), run(network)[1], atol=1e-5)
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("onnx", "onnxruntime", "fast"),
        ("onnx", "onnx", "fast"),
        ("openvino", "openvino", "openvino"),
        ("openvino", "onnx", "openvino"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, name: str, package: str, extra: str) -> None:
    if name == "openvino" and package == "onnx":
        pytest.importorskip("openvino")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"aufait\[{extra}\]"):
        open_runtime(name)


def test_names_and_devices_are_checked() -> None:
    assert open_runtime("auto") is open_runtime("torch") is TORCH
    assert open_runtime("auto", device="cuda") is TORCH
    with pytest.raises(InputError, match="auto, torch, torch-bf16, onnx"):
        open_runtime("tensorrt")
    for name in PACKAGES:
        with pytest.raises(InputError, match="runs on the processor"):
            open_runtime(name, device="cuda")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    from aufait.media.video import open_video

    clip = Path(__file__).parents[2] / "src" / "aufait" / "assets" / "demo.mp4"
    with open_video(clip) as frames:
        return next(iter(frames)).image


def scores(picture: np.ndarray, finder: str, runtime: str, model: Path | None = None) -> np.ndarray:
    """Landmarks, probabilities and intensities of all faces of a picture, in a row."""
    from aufait.detection.detector import Detector

    with Detector(finder=finder, finder_model=model, device="auto", runtime=runtime, threads=1) as detector:
        assert detector.settings["runtime"] == runtime
        assert runtime == "torch" or detector.device == "cpu"
        faces = detector.analyze_image(picture).faces
    assert faces
    return np.concatenate([np.concatenate([f.landmarks.ravel() / 100, f.probability, f.intensity]) for f in faces])


@pytest.mark.parametrize("finder", ["builtin", "mesh"])
def test_whole_results_agree_with_those_of_torch(cache: Path, picture: np.ndarray, runtime: str, finder: str, request: Any) -> None:
    """As far as the rounding of crops to bytes lets them, which makes more of the last digit of a point; each network is compared
    with torch's to 0.0001 when it is made ready."""
    model = request.getfixturevalue("task_file") if finder == "mesh" else None
    first, second = (scores(picture, finder, name, model) for name in ("torch", runtime))
    np.testing.assert_allclose(second, first, atol=5e-2)
    assert np.median(np.abs(second - first)) < 2e-3
    assert len(list(cache.iterdir())) == (6 if finder == "mesh" else 3)


def test_runs_of_two_runtimes_are_not_mixed(cache: Path, runtime: str) -> None:
    from aufait.detection.detector import Detector

    told = []
    for name in ("auto", runtime):
        with Detector(finder="builtin", runtime=name, device="cpu") as detector:
            told.append(detector.settings)
    assert {key for key in told[0] if told[0][key] != told[1][key]} == {"runtime"}
    assert [one["runtime"] for one in told] == ["torch", runtime]


def test_threads_are_as_many_as_asked(cache: Path, runtime: str) -> None:
    def told(session: Any) -> int:
        if runtime == "openvino":
            return int(session.get_property("INFERENCE_NUM_THREADS"))
        return int(session.get_session_options().intra_op_num_threads)

    for threads in (1, 2):
        ready: Any = open_runtime(runtime, threads=threads).ready(small(), "cpu", CALL)
        assert told(ready.session) == threads

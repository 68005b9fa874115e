"""The same results by two ways, timed in turns: batched layers against plain loops, a stream against three passes per frame.

The plain loops are the oracles of the tests, ``tests/oracles.py``; they are not part of the installed package, so that these
comparisons need a copy of the repository.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import torch

from aufait.bench.networks import Comparison, ModelBenchmark, benchmark_models, time_in_turns, write_section
from aufait.errors import AufaitError, InputError
from aufait.layers.region_learning import RegionLearning
from aufait.models.arl.pixel_relation import PixelRelation
from aufait.models.aunet import AUNet
from aufait.models.aunet.streaming import AUNetStream
from aufait.models.registry import create_model

ORACLES = Path(__file__).resolve().parents[1] / "tests" / "oracles.py"
"""The loops, where the package is in its repository."""

_MAP, _CRF_FEATURES = 44, 16  # ARL's maps and the channels that its pixels are compared by
_TRACK, _STREAM_INTERVAL = 8, 2  # frames of the video, frames to the neighbours; the speed does not depend on the latter


def compare_all(settings: ModelBenchmark, tell: Callable[[str], None]) -> Iterator[Comparison]:
    """All comparisons one after the other, on the CPU in float32.

    Args:
        settings: batch, threads and repeats are used.
        tell: called with the name of what is measured next.

    Raises:
        InputError: this is not a copy of the repository.
    """
    oracles = load_oracles()
    with torch.inference_mode():
        tell("region module against loops")
        yield _region_module(oracles, settings)
        tell("JAA-Net v2 against loops")
        yield _jaa_net(oracles, settings)
        tell("Deep Regions against loops")
        yield _deep_regions(oracles, settings)
        tell("DRML against a loop")
        yield _drml(oracles, settings)
        tell("AUNet stream against three passes per frame")
        yield _stream(settings)
        tell("CRF: attention against dense")
        yield _crf(settings)


def load_oracles() -> ModuleType:
    """The module with the plain loops.

    Raises:
        InputError: this is not a copy of the repository.
    """
    if not ORACLES.is_file():
        raise InputError(f"the plain loops are part of the tests, not of the installed package: no {ORACLES}; run this in a clone")
    spec = importlib.util.spec_from_file_location("aufait_oracles", ORACLES)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _region_module(oracles: ModuleType, settings: ModelBenchmark) -> Comparison:
    ours = RegionLearning().eval()
    loop = oracles.loop_of(ours, oracles.RegionLearningLoop())
    images = torch.rand(settings.batch, 3, 176, 176)
    times = time_in_turns(lambda: ours(images), lambda: loop(images), settings.repeats)
    return Comparison("region module", "loop over 168 patches", *times, bar=3.0)


def _jaa_net(oracles: ModuleType, settings: ModelBenchmark) -> Comparison:
    ours = create_model("jaa-net-v2").eval()
    _put_landmarks_on_the_face(ours)
    loop = oracles.JAANetLoop(ours).eval()
    images = ours.example_inputs(settings.batch)["images"]
    times = time_in_turns(lambda: ours(images), lambda: loop(images), settings.repeats)
    return Comparison("JAA-Net v2", "loops over patches, AUs and pixels", *times, bar=2.0)


def _deep_regions(oracles: ModuleType, settings: ModelBenchmark) -> Comparison:
    ours = create_model("deep-regions").eval()
    loop = oracles.DeepRegionsLoop(ours).eval()
    inputs = ours.example_inputs(settings.batch)
    times = time_in_turns(lambda: ours(**inputs), lambda: loop(**inputs), settings.repeats)
    return Comparison("Deep Regions", "loops over faces and patches", *times, bar=1.5)


def _drml(oracles: ModuleType, settings: ModelBenchmark) -> Comparison:
    ours = create_model("drml").eval()
    loop = oracles.DRMLLoop(ours).eval()
    images = ours.example_inputs(settings.batch)["images"]
    times = time_in_turns(lambda: ours(images), lambda: loop(images), settings.repeats)
    return Comparison("DRML", "loop over 64 regions", *times, bar=1.5)


def _put_landmarks_on_the_face(model: torch.nn.Module) -> None:
    """Random weights locate all landmarks at the corner, where loops have few pixels to paint."""
    bias = model.get_parameter("face_alignment.output.bias")
    bias.copy_(torch.linspace(0.2, 0.8, len(bias)) * 176)


def _stream(settings: ModelBenchmark) -> Comparison:
    model = create_model("aunet").eval()
    assert isinstance(model, AUNet)
    video = torch.rand(_TRACK, 3, model.config.image_size, model.config.image_size)
    passes = 0

    def streamed() -> None:
        nonlocal passes
        stream = AUNetStream(model, interval=_STREAM_INTERVAL)
        for frame in video:
            stream.push(frame)
        passes = stream.fan_passes
        stream.finish()

    def three_passes() -> None:
        last = _TRACK - 1
        for frame in range(_TRACK):
            earlier, later = max(frame - _STREAM_INTERVAL, 0), min(frame + _STREAM_INTERVAL, last)
            model(video[[frame, earlier, later]][None])

    times = time_in_turns(streamed, three_passes, settings.repeats)
    remark = f"{passes} FAN passes for {_TRACK} frames against {3 * _TRACK}, {3 * _TRACK / passes:.2f} times fewer (bar 2.5)"
    return Comparison("AUNet on a stream", "three FAN passes per frame", *times, bar=2.0, remark=remark)


def _crf(settings: ModelBenchmark) -> Comparison:
    times = time_in_turns(_crf_job("attention"), _crf_job("dense"), settings.repeats)
    attention, dense = (_crf_memory(backend, settings.threads) for backend in ("attention", "dense"))
    memory = f"the peak of memory grows by {attention:.0f} MiB against {dense:.0f} MiB"
    remark = f"12 maps of {_MAP} x {_MAP} pixels of one face; {memory}"
    return Comparison("ARL's CRF, attention", "dense", *times, bar=1.0, remark=remark)


def _crf_job(backend: str) -> Callable[[], object]:
    """One forward pass of the field for one face, 12 action units and maps of 44 x 44 pixels."""
    generator = torch.Generator().manual_seed(0)
    field = PixelRelation(12, backend=backend).eval()
    unary = torch.randn(1, 12, _MAP, _MAP, generator=generator)
    features = torch.randn(1, 12, _CRF_FEATURES, _MAP, _MAP, generator=generator).tanh()
    return lambda: field(unary, features)


def _crf_memory(backend: str, threads: int) -> float:
    """MiB by which the peak of a fresh process's memory grows while it runs the field."""
    command = [sys.executable, __file__, "--field", backend, "--threads", str(threads)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise AufaitError(f"the measured run failed: {finished.stderr.strip()[-2000:]}")
    return float(json.loads(finished.stdout)["mebibytes"])


def _child(backend: str, threads: int) -> None:
    from aufait.machine import peak_mebibytes

    torch.set_num_threads(threads)
    job = _crf_job(backend)
    with torch.inference_mode():
        torch.randn(64, 64) @ torch.randn(64, 64)  # starts the libraries
        with suppress(OSError):  # Linux: forget the peak of the imports
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = peak_mebibytes()
        job()
    sys.stdout.write(json.dumps({"mebibytes": peak_mebibytes() - before}))


def main() -> None:
    """Time the networks and the comparisons; with ``--output`` into the section of a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = ModelBenchmark()
    for name in ("batch", "threads", "repeats"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    parser.add_argument("--output", type=Path, help="page to write the tables to")
    parser.add_argument("--field", choices=("attention", "dense"), help="run ARL's field once and print the growth of memory")
    given = parser.parse_args()
    if given.field:
        _child(given.field, given.threads)
        return
    program = "python benchmarks/bench_against_loops.py"
    settings = ModelBenchmark(batch=given.batch, threads=given.threads, repeats=given.repeats, program=program)
    report = benchmark_models(settings, lambda name: print(f"measuring {name}", file=sys.stderr), compare_all)
    if given.output is not None:
        write_section(report, given.output)
    print(report.to_markdown())


if __name__ == "__main__":
    main()

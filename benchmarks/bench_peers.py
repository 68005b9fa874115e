"""Whole pipelines of aufait beside MediaPipe's face landmarker alone, on the same video, in turn.

    python benchmarks/bench_peers.py --task face_landmarker.task --mediapipe-python ENVIRONMENT/bin/python

ENVIRONMENT is one of its own (``python -m venv ENVIRONMENT``, ``ENVIRONMENT/bin/pip install mediapipe av``): aufait does not need
MediaPipe. The video is one face at 1280 x 720, made from the shipped clip unless ``--video`` names another. aufait decodes, finds,
scores 19 action units and writes the table; MediaPipe decodes and finds points and blend shapes. Every run is a process of its
own; a round runs each way once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from aufait.bench.detection import BenchmarkSettings, benchmark_detect, prepare_video
from aufait.errors import AufaitError
from aufait.machine import describe_machine

WAYS = (("builtin", "torch"), ("builtin", "onnx"), ("builtin", "onnx-int8"), ("mesh", "torch"), ("mesh", "onnx"))
"""Finders and runtimes of aufait."""


def main() -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", required=True, help="face_landmarker.task, which both read")
    parser.add_argument("--mediapipe-python", required=True, help="a Python that has mediapipe and av")
    parser.add_argument("--video", help="one face; the shipped clip when left out")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["AUFAIT_MEDIAPIPE_MODEL"] = options.task
    try:
        with tempfile.TemporaryDirectory(prefix="aufait-bench-") as folder:
            settings = BenchmarkSettings(video=options.video, frames=options.frames, repeats=1)
            video = prepare_video(settings, Path(folder) / "peers.mp4")
            speeds = _measured(options, video)
    except AufaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"Machine: {describe_machine()}. {options.frames} frames, {options.rounds} rounds.\n")
    print("| what runs | frames/s, median (range) | of MediaPipe alone |\n|---|---|---|")
    alone = statistics.median(speeds["MediaPipe's face landmarker alone"])
    for name, found in speeds.items():
        middle = statistics.median(found)
        print(f"| {name} | {middle:.1f} ({min(found):.1f}-{max(found):.1f}) | {middle / alone:.2f} |")
    return 0


def _measured(options: argparse.Namespace, video: Path) -> dict[str, list[float]]:
    """Name of a way -> frames per second of its runs."""
    speeds: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for finder, runtime in WAYS:
            settings = BenchmarkSettings(str(video), None, options.frames, 1, finder, runtime=runtime)
            speeds.setdefault(f"aufait, `{finder}`, `{runtime}`", []).append(benchmark_detect(settings).median("fps"))
        version, speed = _mediapipe(options, video)
        speeds.setdefault("MediaPipe's face landmarker alone", []).append(speed)
    print(f"mediapipe {version}")
    return speeds


def _mediapipe(options: argparse.Namespace, video: Path) -> tuple[str, float]:
    """Version and frames per second of one run.

    Raises:
        AufaitError: it failed.
    """
    script = Path(__file__).with_name("mediapipe_alone.py")
    words = [options.mediapipe_python, str(script), str(video), options.task]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        last = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        raise AufaitError(f"MediaPipe's run failed: {last}")
    found = json.loads(run.stdout.splitlines()[-1])
    return found["version"], found["fps"]


if __name__ == "__main__":
    sys.exit(main())

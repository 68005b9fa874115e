"""Frames per second of ``--runtime torch`` and ``--runtime onnx`` on one clip, in one run, in turn: torch, onnx, onnx, torch.

    python benchmarks/bench_runtime.py CLIP.mp4 [--frames 150] [--rounds 3] [--threads N] [--finder builtin]

What a load from outside does to one of the two, it does to the other in the next turn; so the ratio can be trusted where the
frames per second cannot. Processor time says how much of the cores a frame takes.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from statistics import median

from aufait.detection.detector import Detector
from aufait.doctor import mesh_problem
from aufait.errors import AufaitError
from aufait.machine import describe_machine

RUNTIMES = ("torch", "onnx")
WARM_UP = 5  # frames


def measure(detector: Detector, clip: str, frames: int) -> tuple[float, float]:
    """Frames per second, and processor seconds per frame."""
    video = detector.stream(clip)
    for _ in islice(video, WARM_UP):
        pass
    wall, used = time.perf_counter(), time.process_time()
    count = sum(1 for _ in islice(video, frames))
    if count == 0:
        raise AufaitError(f"{clip} has only {WARM_UP} frames or fewer; give a longer one")
    wall, used = time.perf_counter() - wall, time.process_time() - used
    video.close()  # type: ignore[attr-defined]  # a generator
    return count / wall, used / count


def compare(finder: str, clip: str, frames: int, rounds: int, threads: int | None) -> str:
    """A few lines on one face finder."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in RUNTIMES}
    detectors = {name: Detector(finder=finder, runtime=name, device="cpu", threads=threads) for name in RUNTIMES}
    try:
        for _ in range(rounds):
            for name in (*RUNTIMES, *reversed(RUNTIMES)):
                found[name].append(measure(detectors[name], clip, frames))
    finally:
        for detector in detectors.values():
            detector.close()
    lines = []
    for name, rows in found.items():
        speeds, used = [row[0] for row in rows], [1e3 * row[1] for row in rows]
        lines.append(
            f"{finder:8s} {name:6s} {median(speeds):6.1f} frames/s ({min(speeds):.1f} to {max(speeds):.1f}), "
            f"{median(used):6.1f} ms of processor time per frame ({min(used):.1f} to {max(used):.1f})"
        )
    first, second = (found[name] for name in RUNTIMES)
    wall = [b[0] / a[0] for a, b in zip(first, second, strict=True)]
    work = [a[1] / b[1] for a, b in zip(first, second, strict=True)]
    lines.append(
        f"{finder:8s} onnx over torch: {median(wall):.2f} times the frames/s ({min(wall):.2f} to {max(wall):.2f}), "
        f"{median(work):.2f} times less processor time ({min(work):.2f} to {max(work):.2f})"
    )
    return "\n".join(lines)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3, help="of four turns each")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--finder", choices=("builtin", "mesh"), default=None, help="only this one")
    options = parser.parse_args()
    finders = [options.finder] if options.finder else ["builtin"] + ([] if mesh_problem() else ["mesh"])
    print(describe_machine(), flush=True)
    for finder in finders:
        print(compare(finder, options.clip, options.frames, options.rounds, options.threads), flush=True)


if __name__ == "__main__":
    main()

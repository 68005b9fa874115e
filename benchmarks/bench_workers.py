"""How much quicker two workers are than one, and a local Ray cluster of two compared with two processes.

    python benchmarks/bench_workers.py [--clips 8] [--frames 150] [--rounds 2] [--workers 2] [--free] [--no-ray]

Clips are cut from the shipped example clip. Ways take turns in each round:

- one: ONE worker process, one thread per network, kept on the first processor core (decoding and writing included);
- two: TWO such processes on the first two cores; the same code, clips and settings;
- ray: the same two workers in a Ray cluster of this machine, on the same two cores (skipped where Ray is not installed);
- with --free also ``one`` that may use both cores, which its threads for decoding and writing then do.

Two figures for each way: frames per second of the whole run, and of the time after all workers have analysed their first frame,
which is what counts for hours of work. The bars are for the second: two at least 1.8 times one, Ray within 10 % of processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av

from aufait.detection.detector import Detector
from aufait.detection.jobs import Progress
from aufait.detection.many import run_tasks
from aufait.detection.plan import plan_tasks
from aufait.errors import MissingExtraError
from aufait.machine import describe_machine
from aufait.media.sources import demo_clip, expand_inputs
from aufait.workers.contract import Executor
from aufait.workers.executor import executor_for
from aufait.workers.processes import Processes

ARGUMENTS = {"finder": "builtin", "device": "cpu", "threads": 1}


@dataclass
class Way:
    """One way to spread the work, and what was measured of it."""

    name: str
    cores: int
    workers: int
    executor: Callable[[], Executor]
    frames: int = 0
    seconds: float = 0.0
    frames_when_up: int = 0
    seconds_when_up: float = 0.0
    rounds: list[float] = field(default_factory=list)

    @property
    def whole(self) -> float:
        """Frames per second, start included."""
        return self.frames / self.seconds

    @property
    def up(self) -> float:
        """Frames per second when all workers are at work."""
        return self.frames_when_up / self.seconds_when_up


class Watch:
    """Notes when every worker has analysed a frame, and how many frames are done by then."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._done: dict[str, int] = {}
        self.at, self.frames = 0.0, 0

    def frame(self, progress: Progress) -> None:
        """A worker is so far with a clip."""
        self._done[progress.task.title] = progress.done
        if not self.at and len(self._done) >= self._workers:
            self.at, self.frames = time.perf_counter(), sum(self._done.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in {"clips": 8, "frames": 150, "rounds": 2, "workers": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--free", action="store_true")
    parser.add_argument("--no-ray", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        clips = cut_clips(work / "clips", asked.clips, asked.frames)
        ways = list(chosen(asked.workers, free=asked.free, ray=not asked.no_ray))
        for number in range(asked.rounds):
            for way in ways if number % 2 == 0 else reversed(ways):
                measure(way, clips, work / f"{way.name}{number}".replace(" ", "_"))
                sys.stderr.write(f"round {number + 1}: {way.name} {way.rounds[-1]:.1f} frames/s when up\n")
    report(ways, asked.clips, asked.frames)


def chosen(workers: int, *, free: bool, ray: bool) -> Iterator[Way]:
    """The ways of this call."""
    yield Way("one", 1, 1, lambda: Processes(1))
    yield Way("two" if workers == 2 else f"{workers}", workers, workers, lambda: Processes(workers))
    if free:
        yield Way("one free", workers, 1, lambda: Processes(1))
    if ray:
        try:
            import ray as _  # noqa: F401
        except ImportError:
            sys.stderr.write(f"{MissingExtraError('the comparison with Ray', 'cluster')}\n")
        else:
            yield Way("ray", workers, workers, lambda: executor_for(f"ray:{workers}"))


def cut_clips(folder: Path, count: int, frames: int) -> list[Path]:
    """Clips of so many frames of the example clip, over and over; the first is encoded, the others are copies."""
    folder.mkdir()
    with av.open(str(demo_clip())) as source:
        pictures = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    paths = [folder / f"clip{number:03}.mp4" for number in range(count)]
    height, width = pictures[0].shape[:2]
    with av.open(str(paths[0]), "w") as target:
        stream = target.add_stream("libx264", 25, width=width, height=height, pix_fmt="yuv420p")
        for number in range(frames):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(pictures[number % len(pictures)], "rgb24")))
        target.mux(stream.encode())
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    return paths


@contextmanager
def kept_on(cores: int) -> Iterator[None]:
    """Inside, this process and those that it starts use the first so many cores, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(way: Way, clips: list[Path], out: Path) -> None:
    """One run of one way."""
    watch, tasks = Watch(way.workers), plan_tasks(expand_inputs(clips), out)
    with Detector(**ARGUMENTS) as detector, kept_on(way.cores):  # type: ignore[arg-type]
        start = time.perf_counter()
        executor = way.executor()
        outcomes = run_tasks(tasks, detector, on_frame=watch.frame, executor=executor, arguments=ARGUMENTS)
        end = time.perf_counter()
    if way.name == "ray":
        import ray

        ray.shutdown()
    assert all(outcome.status == "ok" for outcome in outcomes), [str(one) for outcome in outcomes for one in outcome.problems]
    frames = sum(outcome.frames for outcome in outcomes)
    way.frames, way.seconds = way.frames + frames, way.seconds + end - start
    way.frames_when_up, way.seconds_when_up = way.frames_when_up + frames - watch.frames, way.seconds_when_up + end - watch.at
    way.rounds.append((frames - watch.frames) / (end - watch.at))


def report(ways: list[Way], clips: int, frames: int) -> None:
    """Prints what was measured and the ratios that the bars are about."""
    by_name = {way.name: way for way in ways}
    one, two = ways[0], ways[1]
    lines = [describe_machine(), f"{' '.join(sys.argv)}: {clips} clips of {frames} frames, default model, builtin finder"]
    for way in ways:
        spread = ", ".join(f"{rate:.1f}" for rate in way.rounds)
        lines.append(f"{way.name:<9} {way.up:6.1f} frames/s when all workers are up ({spread}); {way.whole:6.1f} with their start")
    lines.append(f"two / one: {two.up / one.up:.2f} (bar 1.8); {two.whole / one.whole:.2f} with the start")
    if "ray" in by_name:
        ray = by_name["ray"]
        lines.append(f"ray / two: {ray.up / two.up:.2f} (bar 0.9); {ray.whole / two.whole:.2f} with the start")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

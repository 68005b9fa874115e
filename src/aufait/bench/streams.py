"""Whole streams on a device: how many frames per second several workers analyse together, and how far their numbers are apart."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aufait.bench.detection import BenchmarkSettings, prepare_video
from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome, Progress
from aufait.detection.many import run_tasks
from aufait.detection.plan import OutputOptions, plan_tasks
from aufait.errors import AufaitError, InputError
from aufait.media.sources import demo_clip, expand_inputs
from aufait.workers.processes import Processes

if TYPE_CHECKING:
    from aufait.bench.gpu import GpuBenchmark
    from aufait.detection.detected import DetectedFrame

DIFFERENCE_HEADING = (
    "compared", "with", "faces", "decisions that differ", "probability: mean, largest difference", "intensity: mean, largest",
)  # fmt: skip
STREAM_HEADING = ("streams", "frames/s together", "times the first", "reading alone, frames/s")
SIZE = (1280, 720)
"""Width and height of the streams, in pixels."""


@dataclass(frozen=True)
class Difference:
    """Scores of the same faces by two ways.

    Attributes:
        compared, reference: what the ways are.
        faces: that both found, in frames in which both found as many.
        frames_apart: in which they did not.
        decisions: probabilities in all.
        decided_otherwise: of which one way is at 0.5 or above and the other below.
        probability, intensity: mean and largest difference.
    """

    compared: str
    reference: str
    faces: int
    frames_apart: int
    decisions: int
    decided_otherwise: int
    probability: tuple[float, float]
    intensity: tuple[float, float]

    def cells(self) -> tuple[str, ...]:
        """As ``DIFFERENCE_HEADING`` names them."""
        apart = f"; {self.frames_apart} frames with other numbers of faces" if self.frames_apart else ""
        return (
            self.compared, self.reference, f"{self.faces}{apart}", f"{self.decided_otherwise} of {self.decisions:,}",
            *(f"{mean:.5f}, {largest:.3f}" for mean, largest in (self.probability, self.intensity)),
        )  # fmt: skip


@dataclass(frozen=True)
class StreamRow:
    """So many streams at once: frames per second together while all are at work, and of one that is only read."""

    streams: int
    speed: float
    reading: float

    def cells(self, first: StreamRow) -> tuple[str, ...]:
        """As ``STREAM_HEADING`` names them."""
        return str(self.streams), f"{self.speed:,.1f}", f"{self.speed / first.speed:.2f}", f"{self.reading:,.1f}"


def differences(settings: GpuBenchmark) -> Iterator[Difference]:
    """Half precision against single on the device, and the device against the processor, on the faces of the shipped clip."""
    device = settings.device

    def seen(runtime: str, place: str) -> list[DetectedFrame]:
        with Detector(finder=settings.finder, runtime=runtime, device=place) as detector:
            return list(islice(detector.stream(demo_clip()), settings.frames))

    single = seen("torch", device)
    yield compare("torch-bf16", seen("torch-bf16", device), "torch", single)
    if device != "cpu":
        yield compare(f"torch on {device}", single, "torch on cpu", seen("torch", "cpu"))


def compare(name: str, ours: list[DetectedFrame], reference: str, theirs: list[DetectedFrame]) -> Difference:
    """How far two analyses of the same frames are apart.

    Raises:
        AufaitError: no frame has the same number of faces, and any, in both.
    """
    pairs = [(one, two) for one, two in zip(ours, theirs, strict=True) if len(one.faces) == len(two.faces)]
    faces = [(a, b) for one, two in pairs for a, b in zip(one.faces, two.faces, strict=True)]
    if not faces:
        raise AufaitError(f"{name} and {reference} found no faces in common")
    chances = [np.stack([face.probability for face in side]) for side in zip(*faces, strict=True)]
    strengths = [np.stack([np.asarray(face.intensity) for face in side]) for side in zip(*faces, strict=True)]
    otherwise = int(((chances[0] >= 0.5) != (chances[1] >= 0.5)).sum())
    apart = [np.abs(one - two) for one, two in (chances, strengths)]
    spread = [(float(one.mean()), float(one.max())) for one in apart]
    return Difference(name, reference, len(faces), len(ours) - len(pairs), chances[0].size, otherwise, spread[0], spread[1])


def measure_streams(settings: GpuBenchmark, on_step: Callable[[str], None]) -> Iterator[StreamRow]:
    """One row for each number of streams."""
    assert settings.frames is not None
    with tempfile.TemporaryDirectory(prefix="aufait-bench-") as name:
        folder = Path(name)
        clip = prepare_video(BenchmarkSettings(size=SIZE, frames=settings.frames), folder / "stream.mp4")
        reading = _reading_speed(clip)
        for count in settings.streams:
            on_step(f"{count} streams")
            yield StreamRow(count, _together(clip, count, settings, folder / str(count)), reading)


class Watch:
    """Notes how far each stream is, and when, to tell the speed of the time in which all of them are at work."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._told: dict[str, list[tuple[float, int]]] = {}

    def frame(self, progress: Progress) -> None:
        """A stream is so far."""
        self._told.setdefault(progress.task.title, []).append((self._clock(), progress.done))

    def speed(self) -> float:
        """Frames per second of all streams together.

        Raises:
            InputError: they were not at work at the same time for long enough.
        """
        start, end = max(told[0][0] for told in self._told.values()), min(told[-1][0] for told in self._told.values())
        inside = [[one for one in told if start <= one[0] <= end] for told in self._told.values()]
        if min(map(len, inside)) < 2 or any(told[-1][0] <= told[0][0] for told in inside):
            raise InputError("the streams are too short to be measured at the same time; give more --frames")
        return sum((told[-1][1] - told[0][1]) / (told[-1][0] - told[0][0]) for told in inside)


def _together(clip: Path, count: int, settings: GpuBenchmark, folder: Path) -> float:
    """Frames per second of so many workers, each with its own copy of a clip, tables written."""
    folder.mkdir()
    copies = [Path(shutil.copy(clip, folder / f"stream{number}.mp4")) for number in range(count)]
    arguments = {"finder": settings.finder, "device": settings.device}
    watch, tasks = Watch(), plan_tasks(expand_inputs(copies), folder / "tables")
    with Detector(**arguments) as detector:  # type: ignore[arg-type]
        outcomes = run_tasks(
            tasks, detector, OutputOptions(), on_frame=watch.frame, executor=Processes(count), arguments=arguments
        )  # fmt: skip
    _require_whole(outcomes)
    return watch.speed()


def _require_whole(outcomes: list[Outcome]) -> None:
    problems = [str(problem) for outcome in outcomes if outcome.status != "ok" for problem in outcome.problems]
    if problems:
        raise AufaitError(f"a stream could not be analysed: {problems[0]}")


def _reading_speed(clip: Path) -> float:
    """Frames per second of one stream that is read and nothing else."""
    from aufait.media.video import open_video

    with open_video(clip) as frames:
        next(iter(frames))
        start = time.perf_counter()
        count = sum(1 for _ in frames)
    return count / (time.perf_counter() - start)

"""The runtimes of the shipped networks against each other: a stream with one face, one with five, single pictures.

All are measured in one process and in turn (torch, onnx, onnx-int8, onnx-int8, onnx, torch): what a load from outside does to one,
it does to the next, so that ratios can be trusted where frames per second cannot. Processor time says how much work a frame is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.errors import InputError
from aufait.machine import describe_machine
from aufait.media.sources import demo_clip

if TYPE_CHECKING:
    from aufait.detection.detector import Detector

RUNTIMES = ("torch", "onnx", "onnx-int8")
"""What is compared where nothing else is asked for."""
SIZE = (1280, 720)
"""Width and height of all pictures, in pixels."""
SCENES = {"one face": 1, "five faces": 5}
"""Name -> pictures of the video beside each other."""
PICTURES: dict[str, int | None] = {"single picture": None, "of one person": 1}
"""Name -> how many faces of single pictures are wanted; where they are large, those who say so need not wait for small ones."""
_WARM_UP = 5  # frames, and pictures
_SOURCE_FRAMES = 100


@dataclass(frozen=True)
class RuntimeBenchmark:
    """What to measure."""

    video: str | None = None
    """A video with one face; None for the left half of the shipped clip."""
    frames: int = 60
    """Of a stream, per turn."""
    pictures: int = 6
    """Single pictures per turn."""
    rounds: int = 2
    """Of two turns each, one in each direction."""
    threads: int | None = None
    """Threads of the networks; None for the detector's own choice."""
    finders: tuple[str, ...] = ("builtin", "mesh")
    """Names of the face finders."""
    runtimes: tuple[str, ...] = RUNTIMES
    """Names of the runtimes; the first is what the others are compared with."""


@dataclass(frozen=True)
class Turn:
    """One measurement: pictures per second, seconds of processor time per picture, faces per picture."""

    speed: float
    work: float
    faces: float


@dataclass(frozen=True)
class RuntimeRow:
    """One finder, scene and runtime."""

    finder: str
    scene: str
    runtime: str
    turns: tuple[Turn, ...]

    def middle(self, field: str) -> float:
        """Median of a field of ``Turn``."""
        return median(getattr(turn, field) for turn in self.turns)


@dataclass(frozen=True)
class RuntimeReport:
    """All rows, the machine and the command that repeats them."""

    machine: str
    command: str
    rows: tuple[RuntimeRow, ...]

    heading = ("finder", "pictures", "runtime", "faces", "per second (range)", "processor time, ms", "of the first", "of a frame")

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON."""
        return asdict(self)

    def table(self) -> list[tuple[str, ...]]:
        """One line of cells per row, as ``heading`` names them."""
        return [self._line(row) for row in self.rows]

    def to_markdown(self) -> str:
        """Machine, command and table for a page."""
        lines = [f"Machine: {self.machine}.", f"Command: `{self.command}`.", "", _cells(self.heading)]
        lines.append("|" + "---|" * len(self.heading))
        return "\n".join([*lines, *map(_cells, self.table())]) + "\n"

    def _line(self, row: RuntimeRow) -> tuple[str, ...]:
        speeds = [turn.speed for turn in row.turns]
        first, frame = self._other(row, runtime=self.rows[0].runtime), self._other(row, scene=next(iter(SCENES)))
        return (
            row.finder, row.scene, row.runtime, f"{row.middle('faces'):.2f}",
            f"{row.middle('speed'):.1f} ({min(speeds):.1f}-{max(speeds):.1f})", f"{1e3 * row.middle('work'):.1f}",
            f"{_ratio(row, first):.2f}", f"{_ratio(row, frame):.2f}" if row.scene in PICTURES else "",
        )  # fmt: skip

    def _other(self, row: RuntimeRow, **fields: str) -> RuntimeRow:
        """The row of the same finder, scene and runtime but for ``fields``."""
        wanted = {"finder": row.finder, "scene": row.scene, "runtime": row.runtime} | fields
        return next(one for one in self.rows if all(getattr(one, name) == value for name, value in wanted.items()))


def benchmark_runtimes(settings: RuntimeBenchmark, on_step: Callable[[str], None] = lambda _: None) -> RuntimeReport:
    """Measure.

    Args:
        settings: what.
        on_step: is told what is measured now.

    Raises:
        InputError: the video is absent, unreadable or has no frames; a runtime is unknown or named twice.
        MissingExtraError: the packages that a runtime needs are not installed.
    """
    if len(set(settings.runtimes)) < len(settings.runtimes):
        raise InputError(f"every runtime is measured once, got {', '.join(settings.runtimes)}")
    rows: list[RuntimeRow] = []
    with tempfile.TemporaryDirectory(prefix="aufait-bench-") as folder:
        clips = {scene: _clip(settings, count, Path(folder) / f"{count}.mp4") for scene, count in SCENES.items()}
        for finder in settings.finders:
            rows += _rows(finder, clips, settings, on_step)
    return RuntimeReport(describe_machine(), _command(settings), tuple(rows))


def _rows(finder: str, clips: dict[str, Path], settings: RuntimeBenchmark, on_step: Callable[[str], None]) -> Iterator[RuntimeRow]:
    on_step(f"{finder}: networks")
    with _detectors(finder, settings) as detectors:
        for scene, clip in clips.items():
            on_step(f"{finder}: {scene}")
            yield from _compared(finder, scene, detectors, settings, partial(_stream, clip=clip, frames=settings.frames))
    pictures = list(islice(_frames(clips[next(iter(clips))]), settings.pictures))
    for name, wanted in PICTURES.items():
        on_step(f"{finder}: {name}")
        with _detectors(finder, settings, wanted) as detectors:
            yield from _compared(finder, name, detectors, settings, partial(_single, pictures=pictures))


@contextmanager
def _detectors(finder: str, settings: RuntimeBenchmark, max_faces: int | None = None) -> Iterator[dict[str, Detector]]:
    """One for each runtime."""
    from aufait.detection.detector import Detector

    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                Detector(finder=finder, runtime=name, device="cpu", threads=settings.threads, max_faces=max_faces)
            )
            for name in settings.runtimes
        }


def _compared(
    finder: str, scene: str, detectors: dict[str, Detector], settings: RuntimeBenchmark, measure: Callable[[Detector], Turn]
) -> Iterator[RuntimeRow]:
    """A row for each runtime, measured in turn."""
    turns: dict[str, list[Turn]] = {name: [] for name in detectors}
    for _ in range(settings.rounds):
        for name in (*detectors, *reversed(detectors)):
            turns[name].append(measure(detectors[name]))
    return (RuntimeRow(finder, scene, name, tuple(found)) for name, found in turns.items())


def _stream(detector: Detector, clip: Path, frames: int) -> Turn:
    """Frames of a stream, after the first few."""
    video = detector.stream(str(clip))
    for _ in islice(video, _WARM_UP):
        pass
    wall, used = time.perf_counter(), time.process_time()
    faces = [len(frame.faces) for frame in islice(video, frames)]
    wall, used = time.perf_counter() - wall, time.process_time() - used
    video.close()  # type: ignore[attr-defined]  # a generator
    return Turn(len(faces) / wall, used / len(faces), sum(faces) / len(faces))


def _single(detector: Detector, pictures: Sequence[np.ndarray]) -> Turn:
    """Pictures one by one, with networks that have run before."""
    detector.analyze_image(pictures[0])
    wall, used = time.perf_counter(), time.process_time()
    faces = [len(detector.analyze_image(picture).faces) for picture in pictures]
    wall, used = time.perf_counter() - wall, time.process_time() - used
    return Turn(len(faces) / wall, used / len(faces), sum(faces) / len(faces))


def _clip(settings: RuntimeBenchmark, count: int, target: Path) -> Path:
    """A video whose every frame shows that of the source ``count`` times."""
    from aufait.media.video_writer import VideoWriter

    source = Path(settings.video) if settings.video else demo_clip()
    images = list(islice(_frames(source), min(_SOURCE_FRAMES, settings.frames)))
    if not images:
        raise InputError(f"{source} has no frames")
    if settings.video is None:  # one of its two people
        images = [image[:, : image.shape[1] // 2] for image in images]
    shown = [_repeated(image, count) for image in images]
    with VideoWriter(target, SIZE, frame_rate=25.0) as writer:  # forwards and backwards: a jump would be a cut
        for number, image in enumerate(islice(cycle(shown + shown[-2:0:-1]), settings.frames + _WARM_UP)):
            writer.write(image, number / 25.0)
    return target


def _repeated(image: np.ndarray, count: int) -> np.ndarray:
    """A picture of ``SIZE`` in which ``image`` is seen ``count`` times, in rows of up to three, whole and on grey."""
    from PIL import Image, ImageOps

    columns = min(count, 3)
    width, height = SIZE[0] // columns, SIZE[1] // -(-count // columns)
    part = ImageOps.contain(Image.fromarray(image), (width, height), method=Image.Resampling.BICUBIC)
    result = Image.new("RGB", SIZE, (110, 110, 110))
    for number in range(count):
        row, column = divmod(number, columns)
        result.paste(part, (column * width + (width - part.width) // 2, row * height + (height - part.height) // 2))
    return np.asarray(result)


def _frames(path: Path) -> Iterator[np.ndarray]:
    from aufait.media.video import open_video

    with open_video(path) as video:
        for frame in video:
            yield frame.image


def _ratio(row: RuntimeRow, other: RuntimeRow) -> float:
    """Processor time as a share of that of another row: the median over the turns, which were measured in pairs."""
    return median(one.work / two.work for one, two in zip(row.turns, other.turns, strict=True))


def _cells(words: Sequence[str]) -> str:
    return f"| {' | '.join(words)} |"


def _command(settings: RuntimeBenchmark) -> str:
    words = ["aufait bench runtimes", *([settings.video] if settings.video else [])]
    words += [f"--frames {settings.frames}", f"--pictures {settings.pictures}", f"--rounds {settings.rounds}"]
    words += [f"--threads {settings.threads}"] if settings.threads else []
    words += [f"--finder {settings.finders[0]}"] if len(settings.finders) == 1 else []
    words += [f"--runtime {name}" for name in settings.runtimes if settings.runtimes != RUNTIMES]
    return " ".join(words)

"""Speed and memory of the whole of ``aufait detect``, each run in a fresh process.

Frames per second are those of the steady state: from the second result to the last, so that loading does not blur
them. Loading is reported separately: start-up is the time from starting Python to the first result.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from aufait.errors import AufaitError, InputError
from aufait.machine import describe_machine, peak_mebibytes
from aufait.media.sources import demo_clip

_ERROR = "error: "
_SOURCE_FRAMES = 150  # of the source video are used, which bounds the memory of the preparation


@dataclass(frozen=True)
class BenchmarkSettings:
    """What to measure."""

    video: str | None = None
    """Video to analyse; None for the shipped clip."""
    size: tuple[int, int] | None = (1280, 720)
    """Width and height in pixels to which the video is scaled first; None leaves it as it is."""
    frames: int = 300
    """Frames per run; the video is repeated as needed."""
    repeats: int = 3
    """Number of runs."""
    finder: str = "auto"
    """Name of the face finder."""
    model: str = "default"
    """Name or weights file of the action unit model."""
    device: str = "auto"
    """Device of the networks."""
    runtime: str = "auto"
    """What runs the shipped networks."""
    threads: int | None = None
    """Torch threads; None for the detector's own choice."""
    annotate: bool = False
    """Write the annotated video too."""


@dataclass(frozen=True)
class DetectionRun:
    """One run in one process."""

    frames: int
    faces: int
    fps: float
    startup_seconds: float
    peak_mebibytes: float
    finder: str
    device: str


@dataclass(frozen=True)
class BenchmarkReport:
    """All runs, the machine they ran on and the command that repeats them."""

    machine: str
    command: str
    settings: BenchmarkSettings
    runs: tuple[DetectionRun, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON."""
        return asdict(self) | {"fps_median": self.median("fps")}

    def median(self, field: str) -> float:
        """Median over the runs of one field of ``DetectionRun``."""
        return statistics.median(getattr(run, field) for run in self.runs)

    def spread(self, field: str) -> str:
        """Smallest and largest value over the runs."""
        values = [getattr(run, field) for run in self.runs]
        return f"{min(values):.1f} to {max(values):.1f}"

    def to_text(self) -> str:
        """Some lines for a terminal."""
        run = self.runs[0]
        faces = run.faces / max(run.frames, 1)
        return "\n".join(
            [
                f"machine   {self.machine}",
                f"command   {self.command}",
                f"setting   finder {run.finder}, device {run.device}, {run.frames} frames, {faces:.2f} faces per frame",
                f"speed     {self.median('fps'):.1f} frames/s (median of {len(self.runs)}; {self.spread('fps')})",
                f"start-up  {self.median('startup_seconds'):.1f} s to the first result "
                f"({self.spread('startup_seconds')})",
                f"memory    {self.median('peak_mebibytes'):.0f} MiB at the peak ({self.spread('peak_mebibytes')})",
            ]
        )


def benchmark_detect(settings: BenchmarkSettings) -> BenchmarkReport:
    """Runs the benchmark.

    Raises:
        InputError: the video is absent or unreadable.
        AufaitError: a run failed; the message is that of the run.
    """
    with tempfile.TemporaryDirectory(prefix="aufait-bench-") as folder:
        video = prepare_video(settings, Path(folder) / "bench.mp4")
        runs = tuple(
            _run_in_process(settings, video, Path(folder) / f"run{number}") for number in range(settings.repeats)
        )
    return BenchmarkReport(describe_machine(), _command(settings), settings, runs)


def prepare_video(settings: BenchmarkSettings, target: Path) -> Path:
    """The video to measure: scaled, repeated or cut to the wanted size and number of frames, written to ``target``."""
    from aufait.media.video import open_video
    from aufait.media.video_writer import VideoWriter

    source = Path(settings.video) if settings.video else demo_clip()
    with open_video(source) as reader:
        images = [_scaled(frame.image, settings.size) for frame in islice(reader, min(settings.frames, _SOURCE_FRAMES))]
    if not images:
        raise InputError(f"{source} has no frames")
    height, width = images[0].shape[:2]
    # Forwards and backwards in turn: a jump from the last frame to the first would be a cut.
    with VideoWriter(target, (width, height), frame_rate=25.0) as writer:
        for number, image in enumerate(islice(cycle(images + images[-2:0:-1]), settings.frames)):
            writer.write(image, number / 25.0)
    return target


def _command(settings: BenchmarkSettings) -> str:
    size = "original" if settings.size is None else f"{settings.size[0]}x{settings.size[1]}"
    words = ["aufait bench detect", *([settings.video] if settings.video else []), f"--size {size}"]
    words += [f"--frames {settings.frames}", f"--repeats {settings.repeats}", f"--finder {settings.finder}"]
    words += [f"--model {settings.model}"] if settings.model != "default" else []
    words += [f"--device {settings.device}"] if settings.device != "auto" else []
    words += [f"--runtime {settings.runtime}"] if settings.runtime != "auto" else []
    words += [f"--threads {settings.threads}"] if settings.threads else []
    return " ".join([*words, *(["--annotate"] if settings.annotate else [])])


def _scaled(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """The picture (H, W, 3) cut to the wanted aspect and scaled, so that faces keep their shape."""
    from PIL import Image, ImageOps

    if size is None:
        return image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    return np.asarray(ImageOps.fit(Image.fromarray(image), size, method=Image.Resampling.BICUBIC))


def _run_in_process(settings: BenchmarkSettings, video: Path, out: Path) -> DetectionRun:
    job = json.dumps({"video": str(video), "out": str(out), "started": time.time(), "settings": asdict(settings)})
    finished = subprocess.run(
        [sys.executable, "-m", "aufait.bench.detection"], input=job, capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        raise _failure(finished)
    return DetectionRun(**json.loads(finished.stdout.splitlines()[-1]))


def _failure(finished: subprocess.CompletedProcess[str]) -> AufaitError:
    """The error that a measured run ended with, and its exit status."""
    lines = finished.stdout.splitlines()
    if lines and lines[-1].startswith(_ERROR):
        error = AufaitError(lines[-1].removeprefix(_ERROR))
        error.exit_code = finished.returncode
        return error
    if os.environ.get("AUFAIT_DEBUG", "0") not in ("", "0"):
        return AufaitError(f"the measured run failed: {finished.stderr.strip()}")
    last = (finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"])[-1]
    return AufaitError(f"the measured run failed: {last}; set AUFAIT_DEBUG=1 for a full report")


def _child() -> None:
    """What the measured process does; an error that a user can act on is its last line."""
    try:
        run = _measure(json.loads(sys.stdin.read()))
    except AufaitError as error:
        sys.stdout.write(_ERROR + " ".join(str(error).split()) + "\n")
        raise SystemExit(error.exit_code) from None
    sys.stdout.write(json.dumps(asdict(run)) + "\n")


def _measure(job: dict[str, Any]) -> DetectionRun:
    """One run: the same calls as ``aufait detect``."""
    settings = job["settings"]
    from aufait.detection.detector import Detector
    from aufait.detection.jobs import Progress, run_task
    from aufait.detection.plan import OutputOptions, plan_tasks
    from aufait.media.sources import expand_inputs

    times: list[float] = []

    def note(progress: Progress) -> None:
        times.append(time.time())

    (task,) = plan_tasks(expand_inputs([job["video"]]), Path(job["out"]))
    names = ("finder", "model", "device", "runtime", "threads")
    with Detector(**{name: settings[name] for name in names}) as detector:
        outcome = run_task(task, detector, OutputOptions(annotate=settings["annotate"]), on_frame=note)
        finder, device = detector.finder_name, detector.device
    if outcome.status == "failed":
        raise AufaitError("; ".join(map(str, outcome.problems)))
    return DetectionRun(
        frames=outcome.frames,
        faces=outcome.faces,
        fps=(len(times) - 1) / max(time.time() - times[0], 1e-9),
        startup_seconds=times[0] - job["started"],
        peak_mebibytes=peak_mebibytes(),
        finder=finder,
        device=device,
    )


if __name__ == "__main__":
    _child()

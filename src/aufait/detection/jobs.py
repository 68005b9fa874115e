"""Detection over many files: each task is a table, one that fails does not stop the others.

The calls are ``expand_inputs`` (of ``aufait.media``), ``plan_tasks``, ``check_outputs``, ``run_tasks``. The command
line is a thin layer over them.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aufait.detection.detector import AnalyzedFrame, Detector
from aufait.detection.outputs import StreamInfo, TaskOutputs
from aufait.detection.plan import OutputOptions, Task
from aufait.detection.threads import BackgroundSink, Prefetch
from aufait.errors import AufaitError, InputError

if TYPE_CHECKING:
    from aufait.media.images import Picture

Status = Literal["ok", "no face", "incomplete", "failed", "interrupted", "not started"]

_WHOLE_SHARE = 0.9  # of the duration in the header, below which a video counts as broken off
_WAITING_FRAMES = 4  # frames that may wait to be written


@dataclass(frozen=True)
class Problem:
    """Something the user should know about an input.

    Attributes:
        message: what is wrong and what to do, naming the file.
        exit_code: exit status that the problem alone would give; 0 for a note on a result that is whole.
        no_face: the input was analysed but shows no face.
    """

    message: str
    exit_code: int = 1
    no_face: bool = False

    def __str__(self) -> str:
        return self.message

    @property
    def is_failure(self) -> bool:
        """Whether something could not be analysed."""
        return self.exit_code != 0 and not self.no_face


@dataclass(frozen=True)
class Progress:
    """Where a task stands. ``total`` is an estimate, None where unknown."""

    task: Task
    done: int
    total: int | None
    frames_per_second: float


@dataclass
class Outcome:
    """How a task went.

    Attributes:
        task: the task.
        status: "ok"; "no face" (analysed, but none found); "incomplete" (a result, but not of everything); "failed";
            "interrupted" (results so far are in files named .partial); "not started".
        frames: frames or pictures analysed.
        faces: faces analysed, over all frames.
        frames_with_face: frames or pictures with at least one face.
        seconds: time taken.
        outputs: files that were written, the table first.
        problems: what the user should know.
        disc_full: the task failed because there was no space left.
        last_timestamp: presentation time of the last frame in seconds.
    """

    task: Task
    status: Status = "ok"
    frames: int = 0
    faces: int = 0
    frames_with_face: int = 0
    seconds: float = 0.0
    outputs: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    disc_full: bool = False
    last_timestamp: float = 0.0

    @property
    def frames_per_second(self) -> float:
        """Frames per second of wall clock, without the loading of the models."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def exit_code(self) -> int:
        """Exit status of the first problem that is more than a missing face; 0 without one."""
        return next((problem.exit_code for problem in self.problems if problem.is_failure), 0)


def run_tasks(
    tasks: Sequence[Task],
    detector: Detector,
    options: OutputOptions = OutputOptions(),  # noqa: B008 (frozen)
    *,
    on_frame: Callable[[Progress], None] | None = None,
    on_done: Callable[[Outcome], None] | None = None,
    command: Sequence[str] | None = None,
) -> list[Outcome]:
    """Runs tasks one after the other; an interruption or a full disc ends the run, other errors only their task.

    Args:
        tasks: from ``plan_tasks``, checked by ``check_outputs``.
        detector: does the work.
        options: what to write.
        on_frame: called after each frame.
        on_done: called after each task.
        command: the command line, for the provenance records.

    Returns:
        One outcome per task.
    """
    outcomes: list[Outcome] = []
    reason = None
    for task in tasks:
        if reason is None:
            outcome = run_task(task, detector, options, on_frame=on_frame, command=command)
            reason = _reason_to_stop(outcome)
        else:
            outcome = Outcome(task, "not started", problems=[Problem(f"{task.title}: not started, {reason}")])
        outcomes.append(outcome)
        if on_done is not None:
            on_done(outcome)
    return outcomes


def run_task(
    task: Task,
    detector: Detector,
    options: OutputOptions = OutputOptions(),  # noqa: B008 (frozen)
    *,
    on_frame: Callable[[Progress], None] | None = None,
    command: Sequence[str] | None = None,
) -> Outcome:
    """Runs one task. Never raises for a bad input or output: the outcome tells.

    Arguments are those of ``run_tasks``.
    """
    outcome = Outcome(task)
    start = time.perf_counter()
    try:
        _analyze(task, detector, options, outcome, on_frame, command)
    except KeyboardInterrupt:
        outcome.status = "interrupted"
    except Exception as error:
        if not isinstance(error, AufaitError) and os.environ.get("AUFAIT_DEBUG", "0") not in ("", "0"):
            raise
        outcome.status = "failed"
        outcome.problems.append(_as_problem(task, error))
        outcome.disc_full = _is_full(error)
    outcome.seconds = time.perf_counter() - start
    return outcome


def _analyze(
    task: Task,
    detector: Detector,
    options: OutputOptions,
    outcome: Outcome,
    on_frame: Callable[[Progress], None] | None,
    command: Sequence[str] | None,
) -> None:
    """The loop: frames from the source through the detector to the outputs."""
    start = time.perf_counter()
    with _open_source(task, detector, outcome) as (info, frames):
        outputs = TaskOutputs(task, options, info, detector.action_units, detector.settings, command)
        try:
            with outputs:
                # A camera has no end of its own: there Ctrl-C is the regular end, wherever in the loop it comes.
                stopped = suppress(KeyboardInterrupt) if task.live else nullcontext()
                with BackgroundSink(outputs.write, depth=_WAITING_FRAMES) as sink, stopped:
                    for frame in frames:
                        sink.put(frame)
                        _count(outcome, frame)
                        if on_frame is not None:
                            rate = outcome.frames / max(time.perf_counter() - start, 1e-9)
                            on_frame(Progress(task, outcome.frames, info.frame_count, rate))
                _judge(outcome, info)
                outcome.problems += [Problem(f"{task.title}: {note}", 0) for note in outputs.notes]
                notes = [str(problem) for problem in outcome.problems if problem.exit_code == 0]
                outputs.note_problems([str(problem) for problem in outcome.problems if problem.exit_code], notes)
                if options.explain:
                    frames.close()  # type: ignore[attr-defined]  # until then the detector follows a camera
                    outputs.explain(detector)
        finally:
            outcome.outputs = outputs.paths


@contextmanager
def _open_source(
    task: Task, detector: Detector, outcome: Outcome
) -> Iterator[tuple[StreamInfo, Iterator[AnalyzedFrame]]]:
    if task.kind == "image":
        paths = [place for place in task.inputs if isinstance(place, Path)]  # addresses name videos only
        with Prefetch(_read_pictures(paths), depth=2) as pictures:
            yield StreamInfo(frame_count=len(task.inputs)), _analyze_pictures(pictures, detector, outcome)
        return
    from aufait.media.video import Camera, open_video

    with Camera(task.camera or 0) if task.kind == "camera" else open_video(task.inputs[0], stream=task.stream) as reader:
        facts = reader.info
        info = StreamInfo(
            facts.frame_count, facts.size, facts.frame_rate, facts.duration, reader, facts.stream, facts.start, facts.first_frame
        )
        frames = detector.follow(reader, source=task.title)
        try:
            yield info, frames
        finally:
            frames.close()  # type: ignore[attr-defined] # before the reader, which its threads use


def _read_pictures(paths: Sequence[Path]) -> Iterator[tuple[Path, Picture | InputError]]:
    from aufait.media.images import read_picture

    for path in paths:
        try:
            yield path, read_picture(path)
        except InputError as error:
            yield path, error


def _analyze_pictures(
    pictures: Prefetch[tuple[Path, Picture | InputError]], detector: Detector, outcome: Outcome
) -> Iterator[AnalyzedFrame]:
    for path, picture in pictures:
        if isinstance(picture, InputError):
            outcome.problems.append(Problem(str(picture), picture.exit_code))
            continue
        outcome.problems += [Problem(note, 0) for note in picture.notes]
        frame = AnalyzedFrame(detector.analyze_image(picture.image, source=str(path)), picture.image)
        if not frame.analysis.has_face:
            outcome.problems.append(Problem(f"{path}: no face was found", no_face=True))
        yield frame


def _count(outcome: Outcome, frame: AnalyzedFrame) -> None:
    faces = len(frame.analysis.faces)
    outcome.frames += 1
    outcome.last_timestamp = frame.analysis.timestamp
    outcome.faces += faces
    outcome.frames_with_face += faces > 0


def _judge(outcome: Outcome, info: StreamInfo) -> None:
    """Status and problems of a task whose source has ended."""
    task, reader = outcome.task, info.reader
    outcome.problems += [Problem(note, 0) for note in (reader.notes if reader is not None else ())]
    end = _early_end(info, outcome) if reader is not None else None
    if end is not None:
        message = f"{task.title}: {end}; the results cover the part that can be read"
        outcome.problems.append(Problem(message, InputError.exit_code))
    elif reader is not None and reader.corrupt:
        message = f"{task.title}: {reader.corrupt} frames or packets are damaged; trust the frames round them less"
        outcome.problems.append(Problem(message, InputError.exit_code))
    for doubt in reader.doubts if reader is not None else ():
        outcome.problems.append(Problem(f"{task.title}: {doubt}", InputError.exit_code))
    if outcome.frames and task.kind != "image" and not outcome.frames_with_face:
        outcome.problems.append(Problem(f"{task.title}: no face was found in {outcome.frames} frames", no_face=True))
    if not outcome.frames:
        outcome.status = "failed"
    elif any(problem.is_failure for problem in outcome.problems):
        outcome.status = "incomplete"
    elif not outcome.frames_with_face:
        outcome.status = "no face"


def _early_end(info: StreamInfo, outcome: Outcome) -> str | None:
    """Why a video counts as broken off, or None."""
    if info.reader is not None and info.reader.error:
        return info.reader.error
    # Some containers end without complaint where they were cut. A sound track that runs on a little is no sign of that.
    clocked = not getattr(info.reader, "shifts", [0.0])[1:]  # of joined recordings a header knows nothing
    if info.duration is not None and clocked and outcome.last_timestamp < _WHOLE_SHARE * info.duration - 1.0:
        return f"the video ends after {outcome.last_timestamp:.2f} s, its header says {info.duration:.2f} s"
    return None


def _as_problem(task: Task, error: Exception) -> Problem:
    if isinstance(error, AufaitError):
        return Problem(str(error), error.exit_code)
    if _is_full(error):
        return Problem(f"{task.title}: the disc is full; free some space or choose another folder with -o", 3)
    if isinstance(error, MemoryError):
        return Problem(f"{task.title}: does not fit into memory; shrink it first", InputError.exit_code)
    hint = "please report it; AUFAIT_DEBUG=1 shows where it happened"
    return Problem(f"{task.title}: unexpected {type(error).__name__}: {error}; {hint}")


def _reason_to_stop(outcome: Outcome) -> str | None:
    if outcome.status == "interrupted":
        return "because the run was interrupted"
    return "because the disc is full" if outcome.disc_full else None


def _is_full(error: BaseException) -> bool:
    """Whether an error, or the one behind it, says that there is no space left."""
    return any(isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT) for e in (error, error.__cause__))

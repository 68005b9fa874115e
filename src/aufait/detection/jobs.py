"""One task of detection, from its inputs to its whole outputs. ``aufait.detection.many`` runs several."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aufait.detection.detector import AnalyzedFrame, Detector
from aufait.detection.finished_pictures import FinishedPicture, FinishedPictures
from aufait.detection.outputs import StreamInfo, TaskOutputs
from aufait.detection.pieced import PiecedVideo, Segment, clear_pieces, join_pieces, make_segment, open_pieced
from aufait.detection.plan import OutputOptions, Task, everything
from aufait.detection.resume import (
    Earlier,
    clear_unfinished,
    file_state,
    finish_renames,
    look,
    manner_digest,
    refusal,
    work_digest,
)
from aufait.detection.threads import BackgroundSink, Prefetch, Room, frames_that_fit
from aufait.errors import AufaitError, InputError
from aufait.files.atomic import partial_path
from aufait.files.claims import Claim, Claimed
from aufait.media.pieces import InexactSearch

if TYPE_CHECKING:
    from aufait.detection.outputs import EventsOf
    from aufait.media.images import Picture

Status = Literal["ok", "no face", "incomplete", "failed", "interrupted", "not started", "elsewhere"]

_WHOLE_SHARE = 0.9  # of the duration in the header, below which a video counts as broken off
_PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.ECONNRESET, errno.EINTR, errno.ENOMEM}
_PICTURE_BYTES = 800_000_000  # that the pictures on their way may take; a larger one is alone on its way
_WAITING_FRAMES = 4  # frames that may wait to be written
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)  # of a picture whose result and drawing an earlier run left


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
    """How far a task is. ``total`` is an estimate, None where unknown."""

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
            "interrupted" (results so far are in files named .partial); "not started"; "elsewhere" (another process makes it).
        kept: the result was there already, complete and made in the same way; the numbers are those of its record.
        resumed: pictures whose results an earlier run left that was stopped.
        unread: pictures that could not be read.
        frames: frames or pictures analysed.
        faces: faces analysed, over all frames.
        frames_with_face: frames or pictures with at least one face.
        seconds: time taken.
        outputs: files that were written, the table first.
        problems: what the user should know.
        disc_full: the task failed because there was no space left.
        may_pass: the task failed in a way that may not happen again: an unexpected error, or one of a disc or network.
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
    may_pass: bool = False
    last_timestamp: float = 0.0
    kept: bool = False
    resumed: int = 0
    unread: list[Path] = field(default_factory=list)

    @property
    def frames_per_second(self) -> float:
        """Frames per second of wall clock, without the loading of the models."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def exit_code(self) -> int:
        """Exit status of the first problem that is more than a missing face; 0 without one."""
        return next((problem.exit_code for problem in self.problems if problem.is_failure), 0)


def run_task(
    task: Task,
    detector: Detector,
    options: OutputOptions = OutputOptions(),  # noqa: B008 (frozen)
    *,
    on_frame: Callable[[Progress], None] | None = None,
    command: Sequence[str] | None = None,
    settings: dict[str, Any] | None = None,
    find_events: EventsOf | None = None,
) -> Outcome:
    """Runs one task. Never raises for a bad input or output: the outcome says what happened.

    Args:
        task: from ``plan_tasks``, checked by ``check_outputs``.
        detector: does the work.
        options: what to write.
        on_frame: called after each frame.
        command: the command line, for the provenance record.
        settings: those of the detector, where they are known.
        find_events: of the table of a video, for its page; None leaves events out.
    """
    outcome = Outcome(task)
    settings = settings or detector.settings
    with _told(outcome), Claim(task.claim, work_digest(task, options, settings)) as claim:
        found = _settle(task, options, settings)
        if found.record is not None:
            kept(outcome, found.record)
        else:
            job = _Job(task, detector, options, settings, command, claim, found.ours or options.overwrite, find_events)
            _analyze_in_pieces(job, outcome, on_frame) if task.pieces else _analyze(job, outcome, on_frame)
    return outcome


def run_segment(
    segment: Segment,
    detector: Detector,
    options: OutputOptions,
    *,
    on_frame: Callable[[Progress], None] | None = None,
    settings: dict[str, Any] | None = None,
) -> Outcome:
    """Makes some pieces of a long video; ``run_task`` puts all together. Arguments as there; never raises either."""
    task, settings = segment.task, settings or detector.settings
    tell, outcome = _teller(task, on_frame, sum(one.end - one.first for one in segment.pieces)), Outcome(task)

    def is_joined() -> bool:
        return not options.overwrite and look(task, options, settings).record is not None

    with _told(outcome):
        make_segment(segment, detector, work_digest(task, options, settings), tell, is_joined)
    return outcome


@contextmanager
def _told(outcome: Outcome) -> Iterator[None]:
    """What happens in the block becomes part of the outcome: no error comes out of it."""
    task, start = outcome.task, time.perf_counter()
    try:
        yield
    except KeyboardInterrupt:
        outcome.status = "interrupted"
    except Claimed as taken:
        outcome.status = "elsewhere" if taken.same_work else "failed"
        outcome.problems.append(Problem(str(taken), 0 if taken.same_work else taken.exit_code))
    except Exception as error:
        if not isinstance(error, AufaitError) and os.environ.get("AUFAIT_DEBUG", "0") not in ("", "0"):
            raise
        outcome.status = "failed"
        outcome.problems.append(_as_problem(task, error))
        outcome.disc_full = _is_full(error)
        outcome.may_pass = not outcome.disc_full and _may_pass(error)
    outcome.seconds = time.perf_counter() - start


def _teller(task: Task, on_frame: Callable[[Progress], None] | None, total: int) -> Callable[[int], None]:
    """Tells how many frames are done as ``Progress``."""
    start = time.perf_counter()

    def tell(done: int) -> None:
        if on_frame is not None:
            on_frame(Progress(task, done, total, done / max(time.perf_counter() - start, 1e-9)))

    return tell


@dataclass(frozen=True, eq=False)
class _Job:
    """A task with all that it needs."""

    task: Task
    detector: Detector
    options: OutputOptions
    settings: dict[str, Any]
    command: Sequence[str] | None
    claim: Claim
    replace: bool
    find_events: EventsOf | None
    pieced: PiecedVideo | None = None


def _settle(task: Task, options: OutputOptions, settings: dict[str, Any]) -> Earlier:
    """Completes what an earlier run left half done, removes what it left unfinished, and says what is there then.

    Raises:
        OutputError: it was made in another way.
    """
    found = Earlier()
    if not options.overwrite:
        finish_renames(task)
        found = look(task, options, settings)
        if error := refusal([found]):
            raise error
    clear_unfinished(task, everything(), keep_pictures=found.record is None)
    if found.record is not None:
        task.finished_pictures.unlink(missing_ok=True)
    if found.record is not None or not task.pieces:
        clear_pieces(task)
    return found


def kept(outcome: Outcome, record: dict[str, Any]) -> Outcome:
    """Fills in what the record of an earlier run says."""
    told, counts = record.get("outcome") or {}, record.get("counts") or {}
    outcome.kept = True
    outcome.status = told.get("status", "ok")
    outcome.problems = [Problem(**problem) for problem in told.get("problems", ())]
    outcome.frames, outcome.faces = counts.get("frames", 0), counts.get("faces", 0)
    outcome.frames_with_face = outcome.frames - counts.get("frames_without_face", 0)
    outcome.outputs = [*(outcome.task.folder / name for name in record["files"]), outcome.task.provenance]
    return outcome


def _analyze_in_pieces(job: _Job, outcome: Outcome, on_frame: Callable[[Progress], None] | None) -> None:
    """A long video from its pieces; whole where these turn out not to fit to each other."""
    task, work = job.task, work_digest(job.task, job.options, job.settings)
    try:
        pieced = join_pieces(task, job.detector, work, _teller(task, on_frame, task.pieces[-1].end))
    except InexactSearch as reason:
        outcome.problems.append(Problem(f"{task.title}: analysed whole, not in segments: {reason}", 0))
        _analyze(job, outcome, on_frame)
    else:
        _analyze(replace(job, pieced=pieced), outcome, None)
    clear_pieces(task)


def _analyze(job: _Job, outcome: Outcome, on_frame: Callable[[Progress], None] | None) -> None:
    """The loop: frames from the source through the detector to the outputs."""
    task, detector, start = job.task, job.detector, time.perf_counter()
    room = Room(_PICTURE_BYTES)
    with _finished_pictures(job) as finished, _open_source(job, outcome, finished, room) as (info, frames):
        outputs = TaskOutputs(
            task, job.options, info, detector.action_units, job.settings, job.command,
            replace=job.replace, before_final=job.claim.check, find_events=job.find_events,
        )  # fmt: skip
        try:
            with outputs:
                # A camera does not end by itself: there Ctrl-C is the regular end, wherever in the loop it comes.
                stopped = suppress(KeyboardInterrupt) if task.live else nullcontext()
                depth = frames_that_fit(_WAITING_FRAMES, info.size)
                with BackgroundSink(partial(_write, outputs, room), depth=depth) as sink, stopped:
                    for frame in frames:
                        sink.put(frame)
                        _count(outcome, frame)
                        if on_frame is not None:
                            rate = outcome.frames / max(time.perf_counter() - start, 1e-9)
                            on_frame(Progress(task, outcome.frames, info.frame_count, rate))
                        del frame  # or its picture would be held while the next one is read
                _judge(outcome, info)
                outcome.problems += [Problem(f"{task.title}: {note}", 0) for note in outputs.notes]
                outputs.note_problems(outcome.problems, outcome.unread, outcome.status)
                if job.options.explain:
                    frames.close()  # type: ignore[attr-defined]  # until then the detector follows a camera
                    outputs.explain(detector)
            if finished is not None:
                finished.remove()
        finally:
            outcome.outputs = outputs.paths


@contextmanager
def _finished_pictures(job: _Job) -> Iterator[FinishedPictures | None]:
    """What an earlier run left of the pictures of a table, and where this one keeps them; None where it is not worth while."""
    task = job.task
    if task.kind != "image" or len(task.inputs) < 2:
        clear_unfinished(task, everything())
        yield None
        return
    digests = [digest(task, job.options, job.settings) for digest in (manner_digest, work_digest)]
    with FinishedPictures(task.finished_pictures, *digests) as finished:
        if not finished.goes_on:
            clear_unfinished(task, everything())
        try:
            yield finished
        finally:
            finished.remove_if_empty()


def _write(outputs: TaskOutputs, room: Room, frame: AnalyzedFrame) -> None:
    try:
        outputs.write(frame)
    except BaseException:
        room.close()  # nothing more will be written, so nobody may wait for it
        raise
    room.leave(frame.analysis.source)


@contextmanager
def _open_source(
    job: _Job, outcome: Outcome, finished: FinishedPictures | None, room: Room
) -> Iterator[tuple[StreamInfo, Iterator[AnalyzedFrame]]]:
    task, detector = job.task, job.detector
    if task.kind == "image":
        with Prefetch(_read_pictures(job, finished, room), depth=2) as pictures:
            try:
                yield StreamInfo(frame_count=len(task.inputs)), _analyze_pictures(pictures, detector, outcome, finished)
            finally:
                room.close()
        return
    if job.pieced is not None:
        drawn = job.options.annotate or job.options.report
        with open_pieced(job.pieced, pictures=drawn) as (facts, told, joined):
            yield _stream_info(facts, told), joined
        return
    with _open_reader(task) as reader:
        frames = detector.follow(reader, source=task.title)
        try:
            yield _stream_info(reader.info, reader), frames
        finally:
            frames.close()  # type: ignore[attr-defined] # before the reader, which its threads use


def _stream_info(facts: Any, reader: Any) -> StreamInfo:
    """What ``VideoInfo`` says before the first frame, and who tells the rest after the last."""
    return StreamInfo(
        facts.frame_count, facts.size, facts.frame_rate, facts.duration, reader, facts.stream, facts.start, facts.first_frame
    )


def _open_reader(task: Task) -> Any:
    """The camera, the video, or the folder of frames that stands for one."""
    from aufait.media.video import Camera, open_video

    if task.kind == "camera":
        return Camera(task.camera or 0)
    if task.sequence is not None:
        from aufait.media.frame_folder import OPENFACE_RATE, FrameFolder

        return FrameFolder([path for path in task.inputs if isinstance(path, Path)], task.frame_rate or OPENFACE_RATE)
    return open_video(task.inputs[0], stream=task.stream)


@dataclass(frozen=True, eq=False)
class _ReadPicture:
    """A picture on its way to the detector.

    Attributes:
        path: its file.
        state: of the file before it was read.
        picture: what was read, why it could not be, or None where nothing of it is needed.
        earlier: its result, where an earlier run left it.
    """

    path: Path
    state: str
    picture: Picture | InputError | None
    earlier: FinishedPicture | None


def _read_pictures(job: _Job, finished: FinishedPictures | None, room: Room) -> Iterator[_ReadPicture]:
    from aufait.media.images import read_picture

    task, options = job.task, job.options
    for number, path in enumerate(task.inputs):
        if not isinstance(path, Path):
            continue  # addresses name videos only
        earlier = None if finished is None else finished.find(path)
        goes_on = finished is not None and finished.goes_on
        drawn = not options.annotate or (goes_on and partial_path(task.annotated(number)).exists())
        state = _state_of(path)
        picture: Picture | InputError | None = None
        if earlier is None or options.report or not drawn:
            try:
                picture = read_picture(path, admit=partial(room.enter, str(path)))
            except InputError as error:
                room.leave(str(path))
                picture, earlier = error, None
        yield _ReadPicture(path, state, picture, earlier)
        del picture


def _state_of(path: Path) -> str:
    try:
        return file_state(path)
    except OSError:
        return ""


def _analyze_pictures(
    pictures: Prefetch[_ReadPicture], detector: Detector, outcome: Outcome, finished: FinishedPictures | None
) -> Iterator[AnalyzedFrame]:
    for read in pictures:
        picture, earlier, path = read.picture, read.earlier, read.path
        if isinstance(picture, InputError):
            outcome.problems.append(Problem(str(picture), picture.exit_code))
            outcome.unread.append(path)
            continue
        image = _NO_PIXELS if picture is None else picture.image
        if earlier is not None:
            analysis, notes = earlier.analysis, earlier.notes
            outcome.resumed += 1
        else:
            assert picture is not None
            analysis, notes = detector.analyze_image(image, source=str(path)), tuple(picture.notes)
            if finished is not None:
                finished.add(path, read.state, analysis, notes)
        outcome.problems += [Problem(note, 0) for note in notes]
        if not analysis.has_face:
            outcome.problems.append(Problem(f"{path}: no face was found", no_face=True))
        yield AnalyzedFrame(analysis, image)
        del read, picture, image


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
    if task.unsplit:
        outcome.problems.append(Problem(f"{task.title}: analysed whole, not in segments: {task.unsplit}", 0))
    end = _early_end(info, outcome) if reader is not None else None
    if end is not None:
        message = f"{task.title}: {end}; the results cover the part that can be read"
        outcome.problems.append(Problem(message, InputError.exit_code))
    elif reader is not None and reader.corrupt:
        message = f"{task.title}: {reader.corrupt} frames or packets are damaged; trust the frames around them less"
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
    clocked = not getattr(info.reader, "shifts", [0.0])[1:]  # a header says nothing about joined recordings
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


def _may_pass(error: BaseException) -> bool:
    """Whether the same may go well a second time."""
    cause = error.__cause__ if isinstance(error, AufaitError) else error
    if isinstance(cause, OSError):
        return cause.errno in _PASSING
    return not isinstance(error, AufaitError)


def _is_full(error: BaseException) -> bool:
    """Whether an error, or the one that caused it, says that there is no space left."""
    return any(isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT) for e in (error, error.__cause__))

"""Makes shards from recordings, one per process at a time.

Every process works on one thread, so that N of them fill N cores and results do not depend on their number. A process ends
with its parent: after a kill nothing keeps writing.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aufait.data.preparation.finding import (
    Detected,
    Distributed,
    FinderFactory,
    FoundFace,
    LandmarkSource,
    found_faces,
    is_tracked,
)
from aufait.data.preparation.shards import ShardWriter, read_record
from aufait.data.preparation.storage import MANIFEST
from aufait.data.recording import Recording
from aufait.errors import AufaitError, InputError, MissingExtraError, MissingModelError, OutputError
from aufait.faces.finder import FaceFinder, create_finder
from aufait.inputs.alignments import Alignment
from aufait.machine import end_with_parent, torch_threads

_REPORT_EVERY = 16  # frames between two messages to the parent
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Plan:
    """What is common to all recordings.

    Attributes:
        shards: folder of the shards.
        alignment: standard frame.
        landmarks: "distributed" or "detect".
        finder: name of a finder or what makes one; None where none is needed.
    """

    shards: Path
    alignment: Alignment
    landmarks: str
    finder: str | FinderFactory | None


@dataclass(frozen=True, eq=False)
class Job:
    """One recording to prepare.

    Attributes:
        index: place in the data set.
        stem: common part of its file names.
        key: digest of everything the shard depends on.
        recording: labels and pictures.
    """

    index: int
    stem: str
    key: str
    recording: Recording


@dataclass(frozen=True)
class Outcome:
    """What became of a job: the record of the shard, or why there is none."""

    index: int
    record: dict[str, Any] | None
    error: str = ""


class _Stopped(Exception):
    """The parent wants no more results."""


def run_jobs(plan: Plan, jobs: Sequence[Job], workers: int, report: Callable[[int], None]) -> Iterator[Outcome]:
    """Outcomes in the order in which they are ready.

    Args:
        plan, jobs: what to do.
        workers: number of processes; 1 works in this one.
        report: called with numbers of frames that have been dealt with.

    Raises:
        OutputError: a shard cannot be written.
        MissingModelError, MissingExtraError: something is not installed.
        AufaitError: a process died.
    """
    if workers == 1:
        with torch_threads(1):  # as in the processes of a pool, so that results are the same
            maker = _Maker(plan, report, lambda: False)
            for job in jobs:
                yield maker.make(job)
        return
    yield from _run_pool(plan, jobs, workers, report)


def _run_pool(plan: Plan, jobs: Sequence[Job], workers: int, report: Callable[[int], None]) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    counts, stop = context.Queue(), context.Event()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(plan, counts, stop)) as pool:
        pending: set[Future[Any]] = {pool.submit(_make, job) for job in jobs}
        try:
            while pending:
                done, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                _drain(counts, report)
                for future in done:
                    yield _result(future)
            _drain(counts, report)
        except BrokenProcessPool as error:
            raise AufaitError(
                "a process of the preparation was ended from outside, as happens when memory runs out; "
                "run again with fewer workers (--workers), it resumes where it stopped"
            ) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[Any]) -> Outcome:
    result = future.result()
    if isinstance(result, tuple):
        raise MissingExtraError(*result)
    outcome: Outcome = result
    return outcome


def _drain(counts: Any, report: Callable[[int], None]) -> None:
    with suppress(queue.Empty):
        while True:
            report(counts.get_nowait())


# ---------------------------------------------------------------------------------------------------------------------
# In the process that does the work
# ---------------------------------------------------------------------------------------------------------------------

_maker: _Maker | None = None


def _start(plan: Plan, counts: Any, stop: Any) -> None:
    """First thing in every process of the pool."""
    import torch

    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent, which then says stop
    counts.cancel_join_thread()  # counts that nobody reads any more must not hold up the end
    torch.set_num_threads(1)
    end_with_parent()
    _maker = _Maker(plan, counts.put, stop.is_set)


def _make(job: Job) -> Outcome | tuple[str, str]:
    if _maker is None:
        raise RuntimeError("the process was not started by run_jobs")
    try:
        return _maker.make(job)
    except MissingExtraError as error:  # cannot be sent as it is: its arguments are not its message
        return error.feature, error.extra


class _Maker:
    """Makes shards one after the other; the finder is loaded once."""

    def __init__(self, plan: Plan, report: Callable[[int], None], stopped: Callable[[], bool]) -> None:
        self.plan = plan
        self._report = report
        self._stopped = stopped
        self._finder: FaceFinder | None = None
        self._reported = 0

    def make(self, job: Job) -> Outcome:
        """Keep the shard of a job where it is finished, else make it.

        Raises:
            OutputError, MissingModelError, MissingExtraError: these concern all recordings.
        """
        kept = read_record(self.plan.shards, job.stem, job.key)
        if kept is not None:
            self._report(len(job.recording))
            return Outcome(job.index, kept)
        # While shards change, no manifest may vouch for them.
        (self.plan.shards.parent / MANIFEST).unlink(missing_ok=True)
        self._reported = 0
        try:
            return Outcome(job.index, self._write(job))
        except (OutputError, MissingModelError, MissingExtraError, _Stopped):
            raise
        except Exception as error:  # whatever one damaged recording makes a decoder do, the others must continue
            text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            return Outcome(job.index, None, text)
        finally:
            self._report(max(len(job.recording) - self._reported, 0))

    def _write(self, job: Job) -> dict[str, Any]:
        recording, missing = job.recording, dict[str, list[int]]()
        rows, landmarks, pose = [], [], []
        faces = _reading(lambda: found_faces(recording, self._source(recording), self.plan.alignment, missing))
        with ShardWriter(self.plan.shards, job.stem, self.plan.alignment.side) as writer:
            for count, face in enumerate(faces, start=1):
                if face is not None:
                    writer.write(face.pixels[None])
                    rows.append(face.row)
                    landmarks.append(face.landmarks)
                    pose.append(face.pose)
                if count % _REPORT_EVERY == 0:
                    self._tell(_REPORT_EVERY)
            return writer.finish(
                recording,
                np.array(rows, dtype=np.int64),
                np.stack(landmarks) if landmarks else np.zeros((0, 68, 2), np.float32),
                _known_pose(recording, rows, pose),
                missing,
                job.key,
            )

    def _tell(self, frames: int) -> None:
        if self._stopped():
            raise _Stopped
        self._reported += frames
        self._report(frames)

    def _source(self, recording: Recording) -> LandmarkSource:
        if self.plan.landmarks == "distributed":
            return Distributed(recording)
        if self._finder is None:
            finder = self.plan.finder
            self._finder = create_finder(finder) if isinstance(finder, str) else finder()  # type: ignore[misc]
        return Detected(self._finder, tracked=is_tracked(recording))


def _reading(faces: Callable[[], Iterator[FoundFace | None]]) -> Iterator[FoundFace | None]:
    """The same faces; errors of the system while reading become ``InputError``, so that none passes for one of writing."""
    try:
        yield from faces()
    except AufaitError:
        raise
    except OSError as error:
        raise InputError(f"it cannot be read: {error}") from error


def _known_pose(recording: Recording, rows: Sequence[int], found: Sequence[np.ndarray]) -> np.ndarray:
    """Pose that the data set states, else that of the finder: (n, 3) float32 degrees."""
    angles = np.stack(found) if found else np.zeros((0, 3), np.float32)
    return angles if recording.pose is None else recording.pose[np.asarray(rows, np.int64)].astype(np.float32)

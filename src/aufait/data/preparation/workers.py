"""Makes shards from recordings, one per process at a time.

Every process works on one thread, so that N of them fill N cores and results do not depend on their number. A process ends
with its parent: after a kill nothing keeps writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
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
from aufait.machine import torch_threads
from aufait.workers.executor import executor_for

_REPORT_EVERY = 16  # frames between two messages to the parent


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


def run_jobs(plan: Plan, jobs: Sequence[Job], workers: int, report: Callable[[int], None]) -> Iterator[Outcome]:
    """Outcomes in the order in which they are ready.

    Args:
        plan, jobs: what to do.
        workers: number of processes; 1 works in this one.
        report: called with numbers of frames that have been dealt with.

    Raises:
        OutputError: a shard cannot be written.
        MissingModelError, MissingExtraError: something is not installed.
        AufaitError: processes died over a recording.
    """
    # One thread here too, as in the processes of a pool, so that results are the same.
    with torch_threads(1), closing(executor_for(workers).map(_Making(plan), jobs, lambda _, count: report(count))) as results:
        for done in results:
            if done.value is None:
                raise AufaitError(f"{done.died}; run again with --workers, it resumes where it stopped")
            yield done.value


@dataclass(frozen=True)
class _Making:
    """Recordings as work."""

    plan: Plan

    def begin(self) -> _Maker:
        """What makes shards; it keeps its finder."""
        import torch

        torch.set_num_threads(1)
        return _Maker(self.plan)

    def do(self, tools: _Maker, item: Job, tell: Callable[[Any], None]) -> Outcome:
        """One recording; tells numbers of frames."""
        return tools.make(item, tell)


class _Maker:
    """Makes shards one after the other; the finder is loaded once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._report: Callable[[int], None] = lambda count: None
        self._finder: FaceFinder | None = None
        self._reported = 0

    def make(self, job: Job, report: Callable[[int], None]) -> Outcome:
        """Keep the shard of a job where it is finished, else make it; report numbers of frames.

        Raises:
            OutputError, MissingModelError, MissingExtraError: these concern all recordings.
        """
        self._report = report
        kept = read_record(self.plan.shards, job.stem, job.key)
        if kept is not None:
            self._report(len(job.recording))
            return Outcome(job.index, kept)
        # While shards change, no manifest may vouch for them.
        (self.plan.shards.parent / MANIFEST).unlink(missing_ok=True)
        self._reported = 0
        try:
            return Outcome(job.index, self._write(job))
        except (OutputError, MissingModelError, MissingExtraError):
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

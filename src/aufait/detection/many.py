"""Detection over many files: each task is a table, one that fails does not stop the others.

The calls are ``expand_inputs`` (of ``aufait.media``), ``plan_tasks``, ``check_outputs``, ``run_tasks``. The command
line is a thin layer over them. Repeating the same calls finishes what a stopped or killed run left, and keeps complete results;
several processes may work on the same tasks, and each result is made by one of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aufait.detection.detector import Detector
from aufait.detection.jobs import Outcome, Problem, Progress, kept, run_segment, run_task
from aufait.detection.pieced import Segment, pieces_left, segments_of
from aufait.detection.plan import OutputOptions, Task
from aufait.detection.resume import Earlier, has_leftovers, look, refusal, work_digest
from aufait.detection.worker_detector import WorkerDetector
from aufait.files.claims import is_claimed, sweep_claims
from aufait.workers.contract import Done, Executor
from aufait.workers.serial import Serial
from aufait.workers.sharing import at_intervals, is_spread, threads_each

if TYPE_CHECKING:
    from aufait.detection.outputs import EventsOf

_LOOK_SECONDS = 0.5  # between two looks at what other processes make

_INTERRUPTED = "because the run was interrupted"
_FULL = "because the disc is full"


def run_tasks(
    tasks: Sequence[Task],
    detector: Detector,
    options: OutputOptions = OutputOptions(),  # noqa: B008 (frozen)
    *,
    on_frame: Callable[[Progress], None] | None = None,
    on_done: Callable[[Outcome], None] | None = None,
    command: Sequence[str] | None = None,
    executor: Executor | None = None,
    arguments: Mapping[str, Any] | None = None,
    find_events: EventsOf | None = None,
    segments: int = 1,
    devices: Sequence[str] = (),
    wait: Callable[[int], None] | None = None,
) -> list[Outcome]:
    """Runs tasks; an interruption or a full disc ends the run, other errors only their task.

    Results that are there, complete and made from the same input in the same way, are kept. What another process is making is
    skipped, and looked at again at the end. A task that fails in a way that may not happen again is tried once more at the end.

    Args:
        tasks: from ``plan_tasks``, checked by ``check_outputs``.
        detector: does the work where that is done in this process; its settings are those of the results in any case.
        options: what to write.
        on_frame: called after each frame, a few times per second where other processes do the work.
        on_done: called after each task.
        command: the command line, for the provenance records.
        executor: how to spread the tasks; None: one after the other, in this process.
        arguments: of the ``Detector`` that each of several workers makes; the same as made ``detector``.
        find_events: of the table of a video, for its page; None leaves events out. A function of a module, for workers.
        segments: into how many a video that has pieces is divided, for as many workers; the results are the same for any number.
        devices: over which other processes are spread, in turn, all of one kind; empty for the one in ``arguments``.
        wait: what other processes make is waited for, and done here should they die; called with how many these are. None: such
            tasks are "elsewhere".

    Returns:
        One outcome per task.

    Raises:
        OutputError: results are there that were made in another way, and may not be replaced; nothing has been done.
    """
    settings = detector.settings
    for folder in {task.folder for task in tasks}:
        sweep_claims(folder)
    found = [Earlier() if options.overwrite else look(task, options, settings) for task in tasks]
    if error := refusal(found):
        raise error
    given = dict(arguments or {})
    given["threads"] = threads_each(executor, given.get("threads"))
    work = _Work(None if is_spread(executor) else detector, given, options, settings, command, find_events, tuple(devices))
    run = _Run(tasks, work, executor or Serial(), segments, on_frame, on_done)
    for number, earlier in enumerate(found):
        if earlier.record is not None and not has_leftovers(tasks[number]):
            run.note(number, kept(Outcome(tasks[number]), earlier.record))
    left = [number for number in range(len(tasks)) if number not in run.outcomes]
    run.go_in_segments(left)
    run.go(left, last=False)
    run.go(run.to_try_again(), last=False)
    if wait is None:
        run.go(run.elsewhere(), last=True)
    else:
        run.wait(wait)
    return [run.outcomes[number] for number in range(len(tasks))]


@dataclass(frozen=True)
class _Work:
    """What is done to a task."""

    lent: Detector | None
    """The detector of this process; None in others, which make their own."""
    arguments: dict[str, Any]
    options: OutputOptions
    settings: dict[str, Any]
    command: Sequence[str] | None
    find_events: EventsOf | None = None
    devices: tuple[str, ...] = ()

    def placed(self, number: int) -> _Work:
        """For the process of this number: with its device."""
        if not self.devices:
            return self
        return replace(self, arguments=self.arguments | {"device": self.devices[number % len(self.devices)]})

    def begin(self) -> WorkerDetector:
        """The detector."""
        return WorkerDetector.make(self.lent, self.arguments)

    def do(self, tools: WorkerDetector, item: Task, tell: Callable[[Any], None]) -> Outcome:
        """One task; tells its ``Progress``."""
        report = tell if self.lent is not None else at_intervals(tell)
        return run_task(
            item, tools.detector, self.options, on_frame=report, command=self.command,
            settings=self.settings | {"device": tools.detector.device}, find_events=self.find_events,
        )  # fmt: skip


@dataclass(frozen=True)
class _SegmentWork:
    """What is done to a segment of a video, before the video itself is."""

    work: _Work

    def placed(self, number: int) -> _SegmentWork:
        """For the process of this number."""
        return _SegmentWork(self.work.placed(number))

    def begin(self) -> WorkerDetector:
        """The detector."""
        return self.work.begin()

    def do(self, tools: WorkerDetector, item: Segment, tell: Callable[[Any], None]) -> Outcome:
        """One segment; tells its ``Progress``."""
        report = tell if self.work.lent is not None else at_intervals(tell)
        return run_segment(item, tools.detector, self.work.options, on_frame=report, settings=self.work.settings)


class _Run:
    """One call of ``run_tasks``: outcomes by the number of their task."""

    def __init__(
        self,
        tasks: Sequence[Task],
        work: _Work,
        executor: Executor,
        segments: int,
        on_frame: Callable[[Progress], None] | None,
        on_done: Callable[[Outcome], None] | None,
    ) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._tasks, self._work, self._executor = tasks, work, executor
        self._segments, self._on_frame, self._on_done = segments, on_frame, on_done
        self._begun: set[int] = set()
        self._seconds: dict[int, float] = {}
        self._tried: set[int] = set()
        self._failed: dict[int, Outcome] = {}
        self._reason = ""

    def note(self, number: int, outcome: Outcome) -> None:
        """A task has ended."""
        outcome.seconds += self._seconds.get(number, 0.0)
        self.outcomes[number] = outcome
        if self._on_done is not None:
            self._on_done(outcome)

    def elsewhere(self) -> list[int]:
        """Tasks that another process was at when they were last looked at."""
        return [number for number, outcome in self.outcomes.items() if outcome.status == "elsewhere"]

    def to_try_again(self) -> list[int]:
        """Tasks that failed, but may go well a second time."""
        return sorted(self._failed)

    def wait(self, tell: Callable[[int], None]) -> None:
        """Until no other process makes any of the tasks: what it has made is kept, what it has left is done here."""
        try:
            while not self._reason and (waiting := self.elsewhere()):
                tell(len(waiting))
                free = [number for number in waiting if not self._is_made_elsewhere(number)]
                left = [number for number in free if not self._note_made(number)]
                self.go_in_segments(left)
                self.go(left, last=False)
                if not free:
                    time.sleep(_LOOK_SECONDS)
        except KeyboardInterrupt:
            self._reason = _INTERRUPTED
            self._note_rest(self.elsewhere())

    def _is_made_elsewhere(self, number: int) -> bool:
        """Whether other processes are at all that is left of a task."""
        if is_claimed(self._tasks[number].claim):
            return True
        missing, free = self._pieces_left(number)
        return missing > 0 and free == 0

    def _pieces_left(self, number: int) -> tuple[int, int]:
        """See ``pieces_left``; none of a video that has no pieces, or is gone."""
        task = self._tasks[number]
        with suppress(OSError):
            if task.pieces:
                return pieces_left(task, work_digest(task, self._work.options, self._work.settings))
        return 0, 0

    def _note_made(self, number: int) -> bool:
        """Whether another process has made a task; it is noted then."""
        task = self._tasks[number]
        earlier = look(task, self._work.options, self._work.settings)
        made = earlier.record is not None and not has_leftovers(task)
        if made and earlier.record is not None:
            self.note(number, kept(Outcome(task), earlier.record))
        return made

    def go(self, numbers: Sequence[int], last: bool) -> None:
        """Do these tasks, unless the run is at its end.

        Args:
            last: what another process still makes is told as such; else it is only kept for later.
        """
        items = [self._tasks[number] for number in numbers]
        try:
            if not self._reason:
                with closing(self._executor.map(self._work, items, self._hear(numbers))) as results:
                    for done in results:
                        number = numbers[done.index]
                        outcome = _outcome(items[done.index], done)
                        self._take(number, outcome, last)
                        self._reason = _reason_to_stop(outcome)
                        if self._reason:
                            break
        except KeyboardInterrupt:
            self._reason = _INTERRUPTED
        self._note_rest(numbers)

    def _take(self, number: int, outcome: Outcome, last: bool) -> None:
        """Note a task, or keep it for later: what is elsewhere, and what failed for the first time but may go well the second."""
        if outcome.status == "elsewhere" and not last:
            self.outcomes[number] = outcome
        elif outcome.may_pass and number not in self._tried:
            self._tried.add(number)
            self._failed[number] = outcome
        else:
            self._failed.pop(number, None)
            if outcome.status == "failed" and number in self._tried:
                outcome.problems = [Problem(f"{one.message}; tried twice", one.exit_code) for one in outcome.problems]
            self.note(number, outcome)

    def go_in_segments(self, numbers: Sequence[int]) -> None:
        """Make the pieces of these tasks that are missing and free, as many workers to a video as it has segments at most.

        What goes wrong is told when the tasks are done; a full disc at once.
        """
        wanted = [number for number in numbers if self._pieces_left(number)[1] > 0]
        found = [(number, segment) for number in wanted for segment in segments_of(self._tasks[number], self._segments)]
        if not found:
            return
        segments, start, done = [segment for _, segment in found], time.perf_counter(), [0] * len(found)

        def hear(index: int, progress: Progress) -> None:
            number, done[index] = found[index][0], progress.done
            self._begun.add(number)
            if self._on_frame is not None:
                task, frames = self._tasks[number], sum(one for one, (other, _) in zip(done, found, strict=True) if other == number)
                rate = frames / max(time.perf_counter() - start, 1e-9)
                self._on_frame(Progress(task, frames, task.pieces[-1].end, rate))

        try:
            with closing(self._executor.map(_SegmentWork(self._work), segments, hear)) as results:
                for ended in results:
                    number = found[ended.index][0]
                    self._seconds[number] = time.perf_counter() - start
                    self._reason = "" if ended.value is None else _reason_to_stop(ended.value)
                    if self._reason == _FULL and ended.value is not None:
                        self.note(number, ended.value)
                    if self._reason:
                        break
        except KeyboardInterrupt:
            self._reason = _INTERRUPTED

    def _hear(self, numbers: Sequence[int]) -> Callable[[int, Any], None]:
        def hear(index: int, progress: Progress) -> None:
            number = numbers[index]
            self._begun.add(number)
            if self._on_frame is not None:
                self._on_frame(Progress(self._tasks[number], progress.done, progress.total, progress.frames_per_second))

        return hear

    def _note_rest(self, numbers: Sequence[int]) -> None:
        """Tasks of a run that was ended before them, or while workers were at them."""
        for number in numbers:
            if number in self.outcomes and self.outcomes[number].status != "elsewhere":
                continue
            task = self._tasks[number]
            if (number in self.outcomes or number in self._failed) and not self._reason:
                continue
            if number in self._failed:
                self.note(number, self._failed.pop(number))
            elif number in self._begun:
                self.note(number, Outcome(task, "interrupted"))
            else:
                self.note(number, Outcome(task, "not started", problems=[Problem(f"{task.title}: not started, {self._reason}")]))


def _outcome(task: Task, done: Done[Outcome]) -> Outcome:
    if done.value is None:
        return Outcome(task, "failed", problems=[Problem(f"{task.title}: {done.died}")])
    return done.value


def _reason_to_stop(outcome: Outcome) -> str:
    if outcome.status == "interrupted":
        return _INTERRUPTED
    return _FULL if outcome.disc_full else ""

"""How commands show that they are working: a moving bar, for ``aufait detect`` also JSON lines, or nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Protocol, Self

import typer

from aufait.cli.console import is_terminal, stderr
from aufait.errors import printable
from aufait.machine import is_first_process

if TYPE_CHECKING:
    from rich.console import Console

    from aufait.detection.jobs import Outcome, Progress

_JSON_SECONDS = 0.5


class Bar:
    """A bar on standard error with the time that is left; silent where nobody watches.

    Args:
        quiet: whether to be silent in any case.
        what: text of a bar whose reports bring none.
    """

    def __init__(self, *, quiet: bool, what: str = "") -> None:
        self._bar: Any = None
        self._task: Any = None
        self._total: int | None = 0
        self._done, self._what = 0, what
        if quiet or not is_terminal() or not is_first_process():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=stderr(),
            transient=True,
            refresh_per_second=4,
        )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def report(self, done: int, total: int | None, text: str | None = None) -> None:
        """Steps done, steps in all (None where nobody knows), a line about the state."""
        if self._bar is None:
            return
        from rich.markup import escape

        line = escape(printable(self._what if text is None else text))
        if self._task is None or total != self._total or done < self._done:  # another part of the work: its own time
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(line, total=total, completed=done)
        self._total, self._done = total, done
        self._bar.update(self._task, completed=done, description=line)

    def say(self, console: Console, text: str, **look: Any) -> None:
        """Write a line to a console, above the bar."""
        if self._bar is not None:
            self._bar.stop()
        console.print(text, markup=False, soft_wrap=True, **look)
        if self._bar is not None:
            self._bar.start()


class Reporter(Protocol):
    """Receives every frame and every finished task."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def frame(self, progress: Progress) -> None:
        """One more frame or picture is done."""

    def done(self, outcome: Outcome) -> None:
        """A task has ended, well or not."""


class SilentReporter:
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def frame(self, progress: Progress) -> None:
        """Ignored."""

    def done(self, outcome: Outcome) -> None:
        """Ignored."""


class JsonReporter(SilentReporter):
    """Writes one JSON object per line to standard output, at most two per second and task, and one per finished task."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def frame(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last.get(progress.task.title, 0.0) >= _JSON_SECONDS:
            self._last[progress.task.title] = now
            _print_json(
                event="progress",
                input=progress.task.title,
                done=progress.done,
                total=progress.total,
                frames_per_second=round(progress.frames_per_second, 2),
            )

    def done(self, outcome: Outcome) -> None:
        _print_json(
            event="done",
            input=outcome.task.title,
            status=outcome.status,
            frames=outcome.frames,
            faces=outcome.faces,
            seconds=round(outcome.seconds, 3),
            outputs=[str(path) for path in outcome.outputs],
            problems=[str(problem) for problem in outcome.problems],
        )


class BarReporter(SilentReporter):
    """A bar per task that runs, on standard error, with frames per second and the time left; one over all, where there are several.

    Args:
        tasks: how many there are.
    """

    def __init__(self, tasks: int = 1) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=stderr(),
            transient=True,
            refresh_per_second=5,
        )
        self._all = self._bars.add_task("all inputs", total=tasks, rate="") if tasks > 1 else None
        self._running: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def frame(self, progress: Progress) -> None:
        rate, title = f"{progress.frames_per_second:.1f}/s", progress.task.title
        # The number of frames in the header is an estimate; never show more done than there are.
        total = None if progress.total is None else max(progress.total, progress.done)
        if title not in self._running:
            from rich.markup import escape

            self._running[title] = self._bars.add_task(escape(_shortened(printable(title))), total=total, rate=rate)
        self._bars.update(self._running[title], completed=progress.done, total=total, rate=rate)

    def done(self, outcome: Outcome) -> None:
        if (bar := self._running.pop(outcome.task.title, None)) is not None:
            self._bars.remove_task(bar)
        if self._all is not None:
            self._bars.advance(self._all)


def make_reporter(*, quiet: bool, json_lines: bool, tasks: int = 1) -> Reporter:
    """The reporter that suits the options and the terminal: no bar where nobody watches."""
    if json_lines:
        return JsonReporter()
    return SilentReporter() if quiet or not is_terminal() else BarReporter(tasks)


def _print_json(**values: object) -> None:
    typer.echo(json.dumps(values))


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else f"...{text[3 - length :]}"

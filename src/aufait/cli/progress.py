"""How ``aufait detect`` shows that it is working: a moving bar, JSON lines, or nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Protocol, Self

import typer

from aufait.cli.console import is_terminal, stderr
from aufait.errors import printable

if TYPE_CHECKING:
    from aufait.detection.jobs import Outcome, Progress

_JSON_SECONDS = 0.5


class Reporter(Protocol):
    """Told about every frame and every finished task."""

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
    """Writes one JSON object per line to standard output, at most two per second and one per finished task."""

    def __init__(self) -> None:
        self._last = 0.0

    def frame(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= _JSON_SECONDS:
            self._last = now
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
    """A bar per task on standard error, with frames per second and the time that is left."""

    def __init__(self) -> None:
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
        self._current: tuple[object, int] | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def frame(self, progress: Progress) -> None:
        rate = f"{progress.frames_per_second:.1f}/s"
        # The number of frames in the header is an estimate; never show more done than there are.
        total = None if progress.total is None else max(progress.total, progress.done)
        if self._current is None or self._current[0] is not progress.task:
            from rich.markup import escape

            description = escape(_shortened(printable(progress.task.title)))
            self._current = progress.task, self._bars.add_task(description, total=total, rate=rate)
        self._bars.update(self._current[1], completed=progress.done, total=total, rate=rate)  # type: ignore[arg-type]

    def done(self, outcome: Outcome) -> None:
        if self._current is not None:
            self._bars.remove_task(self._current[1])  # type: ignore[arg-type]
            self._current = None


def make_reporter(*, quiet: bool, json_lines: bool) -> Reporter:
    """The reporter that suits the options and the terminal: no bar where nobody watches."""
    if json_lines:
        return JsonReporter()
    return SilentReporter() if quiet or not is_terminal() else BarReporter()


def _print_json(**values: object) -> None:
    typer.echo(json.dumps(values))


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else f"...{text[3 - length :]}"

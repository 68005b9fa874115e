"""How commands show that they are working: a moving bar, a table of all workers, JSON lines, or nothing."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import typer

from aufait.cli.console import is_terminal, stderr
from aufait.errors import printable
from aufait.machine import is_first_process
from aufait.workers.overview import Overview

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from aufait.detection.jobs import Outcome, Progress

_JSON_SECONDS, _TABLE_SECONDS = 0.5, 0.2
_BAR_WIDTH = 24


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


class Board:
    """How far all workers are, on standard error: a table that is kept up to date where somebody watches, JSON lines, or nothing.

    Args:
        quiet: neither.
        json_lines: one JSON object per line, at most two per second and item and one for each that ends.
        items: how many there are; None where ``ended`` will tell.
        unit: what is counted of an item, such as frames.
    """

    def __init__(self, *, quiet: bool = False, json_lines: bool = False, items: int | None = None, unit: str = "frames") -> None:
        self._overview, self._unit, self._json = Overview(items), unit, json_lines
        self._last: dict[str, float] = {}
        self._quiet, self._told_to_wait = quiet, False
        self._live: Any = None
        if quiet or json_lines or not is_terminal() or not is_first_process():
            return
        from rich.live import Live

        self._live = Live(console=stderr(), transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def report(self, done: int, total: int | None, text: str) -> None:
        """Parts done, parts in all, and of what: "fold 2: training" is of the item "fold 2"; without a colon, of the only item."""
        item, colon, detail = text.partition(": ")
        self.at(item if colon else "", done, total, detail if colon else text)

    def at(self, item: str, done: int, total: int | None, text: str = "", rate: float | None = None) -> None:
        """An item is so far; ``rate`` in parts per second, where it is known."""
        running = self._overview.at(item, done, total, text, rate)
        if self._json and self._is_time(item):
            rates = {f"{self._unit}_per_second": None if rate is None else round(rate, 2)}
            self._print("progress", item, text=text, done=running.done, total=running.total, **rates)
        elif self._live is not None and self._is_time(""):
            self._show()

    def ended(self, item: str, count: int, of: int) -> None:
        """An item has ended, the ``count``-th of ``of``."""
        self._overview.items = of
        self.end(item)

    def end(self, item: str, *, kept: bool = False, parts: int | None = None, **facts: object) -> None:
        """An item has ended; see ``Overview.end``. The facts are for those who read JSON."""
        self._overview.end(item, kept=kept, parts=parts)
        if self._json:
            self._print("done", item, **facts)
        elif self._live is not None:
            self._show()

    def say(self, console: Console, text: str, **look: Any) -> None:
        """Write a line to a console, above the table."""
        if self._live is not None:
            self._live.stop()
        console.print(text, markup=False, soft_wrap=True, **look)
        if self._live is not None:
            self._live.start()

    def _is_time(self, what: str) -> bool:
        now = time.monotonic()
        if now - self._last.get(what, 0.0) < (_JSON_SECONDS if self._json else _TABLE_SECONDS):
            return False
        self._last[what] = now
        return True

    def _print(self, event: str, item: str, **facts: object) -> None:
        seen = self._overview
        left = None if seen.seconds_left is None else round(seen.seconds_left, 1)
        facts |= {"items_done": seen.ended, "items": seen.items, f"all_{self._unit}_per_second": round(seen.rate, 2)}
        typer.echo(json.dumps({"event": event, "item": item, **facts, "seconds_left": left}), err=True)

    def _show(self) -> None:
        self._live.update(overview_table(self._overview, self._unit), refresh=True)


def overview_table(seen: Overview, unit: str) -> Table:
    """A line over all items, and one for each that a worker is at."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    left = "" if seen.seconds_left is None else f"{timedelta(seconds=round(seen.seconds_left))} left"
    count = f"{seen.ended}/{'?' if seen.items is None else seen.items}"
    bar = ProgressBar(seen.items, seen.ended, width=_BAR_WIDTH, pulse=seen.items is None)
    table.add_row("all", bar, count, f"{seen.rate:.1f} {unit}/s", left)
    for name, one in seen.running.items():
        count = f"{one.done}/{'?' if one.total is None else one.total}"
        rate = "" if one.rate is None else f"{one.rate:.1f}/s"
        bar = ProgressBar(one.total, one.done, width=_BAR_WIDTH, pulse=one.total is None)
        table.add_row(Text(_shortened(printable(name))), bar, count, rate, Text(_shortened(printable(one.text))))
    return table


class DetectionBoard(Board):
    """The same for tasks of detection."""

    def frame(self, progress: Progress) -> None:
        """One more frame or picture is done."""
        self.at(progress.task.title, progress.done, progress.total, rate=progress.frames_per_second)

    def waiting(self, count: int) -> None:
        """All that is left are so many tasks that other processes are at; said once, also where nobody watches."""
        self.at("waiting", 0, None, f"{count} that other processes make")
        if not (self._told_to_wait or self._json or self._quiet):
            self._told_to_wait = True
            self.say(stderr(), f"waiting for {count} that other processes make; Ctrl-C ends this")

    def done(self, outcome: Outcome) -> None:
        """A task has ended, well or not."""
        self.end(
            outcome.task.title, kept=outcome.kept, parts=outcome.frames, status=outcome.status, frames=outcome.frames,
            faces=outcome.faces, seconds=round(outcome.seconds, 3), outputs=[str(path) for path in outcome.outputs],
            problems=[str(problem) for problem in outcome.problems],
        )  # fmt: skip


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else f"...{text[3 - length :]}"

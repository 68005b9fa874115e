"""Make items, by one worker or several; a failed item does not stop the rest, and finished items are not made again.

Workers share the folder of the laboratory. What two items need, such as a training, one of them makes; the other waits for it.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aufait.errors import AufaitError
from aufait.files.atomic import write_text
from aufait.reproduction.laboratory import Laboratory, code_digest
from aufait.reproduction.makers import get_maker
from aufait.reproduction.outputs import QUICK_BADGE, write_item
from aufait.reproduction.registry import Item
from aufait.visualization.figures.figure import badge
from aufait.workers.contract import Done, Executor
from aufait.workers.serial import Serial
from aufait.workers.sharing import at_intervals, is_spread, limited_threads, threads_each

STATE = "state.json"


@dataclass(frozen=True)
class Outcome:
    """How an item went: "made", "failed" or "cannot"; the message of what went wrong; seconds; where its files are."""

    item: str
    status: str
    message: str = ""
    seconds: float = 0.0
    folder: str = ""
    made_by: str = ""


def make_item(item: Item, laboratory: Laboratory, output: Path) -> list[Path]:
    """Make one item and write its files to ``output/<paper>/<kind>-<number>``.

    Raises:
        InputError: data that are needed were not given, are incomplete, or do not fit.
        OutputError: the folder cannot be written.
    """
    for protocol in item.needed_protocols:
        laboratory.check_complete(protocol)
    with badge(QUICK_BADGE) if laboratory.quick else nullcontext():
        made = get_maker(item.maker)(laboratory, item)
    return write_item(item, made, laboratory, output / item.id)


def check(
    items: Sequence[Item],
    laboratory: Laboratory,
    output: Path,
    *,
    fresh: bool = False,
    report: Callable[[Outcome, int, int], None] = lambda *_: None,
    executor: Executor | None = None,
    threads: int | None = None,
) -> list[Outcome]:
    """Make items, with a state file and a log per item in ``output``.

    Args:
        items: in the order to make them.
        laboratory: shared by all.
        output: folder of all items.
        fresh: also make what an earlier call with the same program and settings has made.
        report: called with each outcome, how many there are by then and how many there will be.
        executor: how to spread the items; None: one after the other, in this process.
        threads: processor threads of each worker, and of this process where it works alone; None shares the cores.

    Returns:
        One outcome per item.
    """
    stamp = _stamp(laboratory)
    run = _Run(items, {} if fresh else _read_state(output), output, report)
    waiting = [item for item in items if not run.note_earlier(item, stamp)]
    if is_spread(executor):
        _prepare_common(waiting, laboratory)
    work = _Making(laboratory, output, stamp, threads_each(executor, threads), spread=is_spread(executor))
    if work.spread:
        work = replace(work, laboratory=laboratory.for_worker())
    with closing((executor or Serial()).map(work, waiting, _hear(waiting, laboratory))) as results:
        for done in results:
            run.note(_outcome(waiting[done.index], done, laboratory, stamp))
    return [run.outcomes[item.id] for item in items]


def _outcome(item: Item, done: Done[tuple[Outcome, dict[str, float]]], laboratory: Laboratory, stamp: str) -> Outcome:
    if done.value is None:
        return Outcome(item.id, "failed", done.died, made_by=stamp)
    outcome, seconds = done.value
    for kind, spent in seconds.items():
        laboratory.seconds[kind] = laboratory.seconds.get(kind, 0.0) + spent
    return outcome


def _hear(items: Sequence[Item], laboratory: Laboratory) -> Callable[[int, Any], None]:
    """Passes on what workers say: lines, and how far an item is."""

    def hear(index: int, told: str | tuple[int, int, str]) -> None:
        if isinstance(told, str):
            laboratory.report(f"{items[index].id}: {told}")
        else:
            laboratory.progress(told[0], told[1], f"{items[index].id}: {told[2]}")

    return hear


def _prepare_common(items: Sequence[Item], laboratory: Laboratory) -> None:
    """Draws twins by all processes, before each item is made by one. What is not given is told by the items that need it."""
    for dataset in dict.fromkeys(name for item in items for name in item.datasets if not item.cannot):
        with suppress(AufaitError):
            laboratory.root(dataset)


class _Run:
    """Outcomes by item; what is noted is kept in the state file."""

    def __init__(
        self, items: Sequence[Item], state: dict[str, Outcome], output: Path, report: Callable[[Outcome, int, int], None]
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._count, self._state, self._output, self._report = len(items), state, output, report

    def note_earlier(self, item: Item, stamp: str) -> bool:
        """Whether an earlier call has made an item in the same way; it is noted then."""
        before = self._state.get(item.id)
        made = before is not None and before.status == "made" and before.made_by == stamp and (self._output / item.id).is_dir()
        if made and before is not None:
            self.note(before)
        return made

    def note(self, outcome: Outcome) -> None:
        """An item has ended."""
        self.outcomes[outcome.item] = self._state[outcome.item] = outcome
        text = json.dumps([asdict(one) for one in self._state.values()], indent=1) + "\n"
        write_text(self._output / STATE, text, overwrite=True)
        self._report(outcome, len(self.outcomes), self._count)


@dataclass(frozen=True, eq=False)
class _Bench:
    """A laboratory with the threads it may use."""

    laboratory: Laboratory
    threads: ExitStack

    def close(self) -> None:
        """Other work has its threads again."""
        self.threads.close()


@dataclass(frozen=True, eq=False)
class _Making:
    """What is done to an item."""

    laboratory: Laboratory
    output: Path
    stamp: str
    threads: int | None
    spread: bool

    def begin(self) -> _Bench:
        """The laboratory; in another process it keeps faces and networks for the next item."""
        return _Bench(self.laboratory, limited_threads(self.threads))

    def do(self, tools: _Bench, item: Item, tell: Callable[[Any], None]) -> tuple[Outcome, dict[str, float]]:
        """One item, and the time that it took by kind where that is not counted already; tells lines and how far it is."""
        if not self.spread:
            return _attempt(item, tools.laboratory, self.output, self.stamp), {}
        telling, tools.laboratory.seconds = at_intervals(tell), {}
        tools.laboratory.report, tools.laboratory.progress = tell, lambda *told: telling(told)
        return _attempt(item, tools.laboratory, self.output, self.stamp), tools.laboratory.seconds


def _attempt(item: Item, laboratory: Laboratory, output: Path, stamp: str) -> Outcome:
    begun = time.perf_counter()
    if item.cannot:
        return Outcome(item.id, "cannot", item.cannot, made_by=stamp)
    log = output / "logs" / f"{item.id.replace('/', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with _logged(log):
        try:
            make_item(item, laboratory, output)
        except Exception as error:  # one item's fault must not stop the others
            logging.getLogger("aufait.reproduction").error("%s", traceback.format_exc())
            kind = "" if isinstance(error, AufaitError) else f"{type(error).__name__}: "
            return Outcome(item.id, "failed", f"{kind}{error}", time.perf_counter() - begun, made_by=stamp)
    return Outcome(item.id, "made", "", time.perf_counter() - begun, str(Path(item.id)), stamp)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """What is logged meanwhile goes to a file too."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _read_state(output: Path) -> dict[str, Outcome]:
    path = output / STATE
    if not path.is_file():
        return {}
    try:
        found = [Outcome(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (json.JSONDecodeError, TypeError):
        return {}
    return {one.item: one for one in found}


def _stamp(laboratory: Laboratory) -> str:
    """What a made item was made by: the program and the settings that all items share."""
    sources = {name: [str(path) for path in paths] for name, paths in laboratory.sources.items()}
    shared = [laboratory.quick, laboratory.twins, dict(laboratory.twin_size), dict(laboratory.settings), laboratory.aligner,
              laboratory.imagenet, laboratory.colours]  # fmt: skip
    settings = json.dumps([*shared, sources])
    return f"{code_digest()[:12]} {settings}"

"""Several processes of this machine, one item each at a time. A process that dies takes only its item with it.

What is unpickled here comes through a pipe from a process that this one started, never from a file.

Processes are spawned: forked ones would inherit the threads of numerical libraries in whatever state they are.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from aufait.workers.contract import Done, Item, Value, Work, placed
from aufait.workers.worker import ERROR, MESSAGE, NO_MEMORY, Sent, serve

_GRACE_SECONDS = 30.0
"""That workers have, after an interrupt, to end what they are writing."""


class Processes:
    """So many processes.

    Args:
        workers: how many; fewer are started if there are fewer items.
        tries: how often an item is begun whose worker dies.
    """

    def __init__(self, workers: int, tries: int = 2) -> None:
        self.workers, self.tries = workers, tries

    def map(
        self, work: Work[Item, Value], items: Sequence[Item], on_message: Callable[[int, Any], None] | None = None
    ) -> Generator[Done[Value], None, None]:
        """See ``Executor``."""
        run = _Run(work, items, min(self.workers, len(items)), self.tries, on_message or (lambda index, message: None))
        try:
            yield from run.results()
        finally:
            run.end()


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    number: int
    """From 0; who takes its place has it too."""
    index: int | None = None
    """The item it is at."""


class _Run:
    """One call of ``map``."""

    def __init__(
        self, work: Work[Any, Any], items: Sequence[Any], workers: int, tries: int, on_message: Callable[[int, Any], None]
    ) -> None:
        self._work, self._items, self._tries, self._on_message = work, items, tries, on_message
        self._waiting = deque(range(len(items)))
        self._begun = [0] * len(items)
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._wanted = workers

    def results(self) -> Iterator[Done[Any]]:
        """Items as they end."""
        for number in range(self._wanted):
            self._start(number)
        while any(worker.index is not None for worker in self._workers):
            by_pipe = {worker.pipe: worker for worker in self._workers}
            for ready in wait(list(by_pipe)):
                if (done := self._hear(by_pipe[ready])) is not None:  # type: ignore[index]
                    yield done

    def end(self) -> None:
        """Workers without an item go at once; others are interrupted and get some time for what they are writing."""
        for worker in self._workers:
            if worker.index is None:
                _tell_to_go(worker)
            else:
                worker.process.terminate()
            worker.pipe.close()  # or it could wait for ever to be heard
        until = time.monotonic() + _GRACE_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _start(self, number: int) -> None:
        """One more worker, if there is something to do."""
        if not self._waiting:
            return
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, placed(self._work, number)), name="aufait-worker", daemon=True)
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours, number))
        self._give(self._workers[-1])

    def _give(self, worker: _Worker) -> None:
        if not self._waiting:
            worker.index = None
            return
        worker.index = self._waiting.popleft()
        self._begun[worker.index] += 1
        try:
            worker.pipe.send(Sent(self._items[worker.index]))
        except OSError:  # it has died; what it was given is read from the closed pipe, as of any other
            return

    def _hear(self, worker: _Worker) -> Done[Any] | None:
        assert worker.index is not None
        index = worker.index
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker, index)
        if kind == MESSAGE:
            self._on_message(index, content)
            return None
        if kind == ERROR:
            worker.index = None
            raise content
        self._give(worker)
        return Done(index, content)

    def _bury(self, worker: _Worker, index: int) -> Done[Any] | None:
        """A worker has died: another takes its place, and its item once more."""
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        again = self._begun[index] < self._tries
        if again:
            self._waiting.append(index)
        self._start(worker.number)
        return None if again else Done(index, None, _cause(worker.process.exitcode, self._begun[index]))


def _tell_to_go(worker: _Worker) -> None:
    try:
        worker.pipe.send(None)
    except OSError:
        return


def ending(code: int | None) -> str:
    """How a process with this exit code ended, in words."""
    if code == NO_MEMORY:
        return "as its memory ran out"
    return f"by signal {-code}, as happens when memory runs out" if code is not None and code < 0 else f"with status {code}"


def _cause(code: int | None, tries: int) -> str:
    return f"the worker process ended {ending(code)}; tried {tries} times. Fewer workers need less memory"

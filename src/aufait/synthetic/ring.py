"""Pictures that worker processes draw into shared memory, each into a ring of places, and that are taken out in a given order.

What is drawn depends on its number alone, so that the order and the pictures are the same with any number of workers. Memory is
bounded: a worker that has filled its places waits until one is taken. The memory has no name that could outlive the processes, and
workers end with the process that started them, however it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, Self

import numpy as np

from aufait.errors import AufaitError
from aufait.workers.processes import ending
from aufait.workers.worker import ERROR, Sent, serve

PLACES = 4
"""Of each worker: how far it may be ahead."""
_END_SECONDS = 10.0


class Drawing(Protocol):
    """What a number looks like. It is sent to other processes: a dataclass of a module, which names files and holds none.

    Attributes:
        shape: of the uint8 array that each number fills.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def begin(self) -> Any:
        """What a worker makes once and uses for all numbers."""

    def draw(self, tools: Any, number: int, out: np.ndarray) -> Any:
        """Fill ``out``; what is returned comes along, and is to be small."""


def drawn_here(drawing: Drawing, numbers: Iterable[int]) -> Iterator[tuple[np.ndarray, Any]]:
    """As ``Ring.pictures``, drawn in this process."""
    tools, out = drawing.begin(), np.empty(drawing.shape, np.uint8)
    for number in numbers:
        yield out, drawing.draw(tools, number, out)


class Ring:
    """Worker processes with their memory; to be closed, or used as a context.

    Args:
        drawing: what they draw.
        workers: how many, at least 1.
    """

    def __init__(self, drawing: Drawing, workers: int) -> None:
        self._workers = [_Worker.start(drawing, f"{place} of {workers}") for place in range(1, workers + 1)]

    def pictures(self, numbers: Iterable[int]) -> Iterator[tuple[np.ndarray, Any]]:
        """For each number, in order, its array, to be copied before the next is asked for, and what came along.

        Raises:
            AufaitError: a worker died; the message names it.
            Exception: what a drawing raised.
        """
        for worker in self._workers:
            worker.forget()  # what an earlier call, left before its end, had asked for
        coming, turn = iter(numbers), 0
        for place in range(PLACES * len(self._workers)):
            self._workers[place % len(self._workers)].ask(coming)
        while (worker := self._workers[turn % len(self._workers)]).asked:
            yield worker.take()
            worker.ask(coming)
            turn += 1

    def close(self) -> None:
        """End the workers: each complete the picture that they are at, or are killed if that takes long."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(_END_SECONDS)
            worker.process.kill()
            worker.process.join()
        self._workers = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(eq=False)
class _Worker:
    name: str
    process: BaseProcess
    pipe: Connection
    places: np.ndarray
    asked: deque[tuple[int, int]] = field(default_factory=deque)
    """Places and numbers that it has not given yet."""
    _next: int = 0

    @classmethod
    def start(cls, drawing: Drawing, name: str) -> Self:
        context = multiprocessing.get_context("spawn")
        memory = context.RawArray(ctypes.c_uint8, PLACES * math.prod(drawing.shape))
        ours, theirs = context.Pipe()
        work = _Filling(drawing, memory)
        process = context.Process(target=serve, args=(theirs, work), name="aufait-drawing", daemon=True)
        process.start()
        theirs.close()
        return cls(name, process, ours, work.places)

    def ask(self, numbers: Iterator[int]) -> None:
        """For the next number, if there is one."""
        for number in numbers:
            self.asked.append((self._next, number))
            self._next = (self._next + 1) % PLACES
            with contextlib.suppress(OSError):  # it has died, which is said when its turn comes
                self.pipe.send(Sent(self.asked[-1]))
            return

    def take(self) -> tuple[np.ndarray, Any]:
        """The first of what was asked for."""
        place, number = self.asked.popleft()
        try:
            kind, content = self.pipe.recv()
        except (EOFError, OSError) as error:
            self.process.join(_END_SECONDS)
            raise AufaitError(
                f"drawing worker {self.name} (process {self.process.pid}) ended {ending(self.process.exitcode)} at picture "
                f"{number}; fewer workers need less memory"
            ) from error
        if kind == ERROR:
            raise content
        return self.places[place], content

    def forget(self) -> None:
        """Wait for what is on its way, and drop it."""
        while self.asked:
            self.take()


@dataclass(frozen=True)
class _Filling:
    """A drawing into shared memory, as work; items are a place and a number."""

    drawing: Drawing
    memory: Any

    @property
    def places(self) -> np.ndarray:
        """(PLACES, *shape), the shared memory itself."""
        return np.frombuffer(self.memory, np.uint8).reshape(PLACES, *self.drawing.shape)

    def begin(self) -> tuple[Any, np.ndarray]:
        """OpenCV keeps to one thread, so that N workers fill N cores."""
        import cv2

        cv2.setNumThreads(1)
        return self.drawing.begin(), self.places

    def do(self, tools: tuple[Any, np.ndarray], item: tuple[int, int], tell: Callable[[Any], None]) -> Any:
        """Fill a place."""
        made, places = tools
        return self.drawing.draw(made, item[1], places[item[0]])

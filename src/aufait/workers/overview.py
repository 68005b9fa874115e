"""How far the items of all workers are: what has ended, what each worker is at, parts per second, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

_LEAST_SHARE = 1e-3  # of the work that must be done before anything is said about the rest


@dataclass
class Running:
    """An item that a worker is at.

    Attributes:
        done: parts of it, such as frames.
        total: parts in all, None where nobody knows.
        text: what is being done.
        rate: parts per second; None where the worker does not say.
    """

    done: int = 0
    total: int | None = None
    text: str = ""
    rate: float | None = None

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


class Overview:
    """Takes notes of items as they go and end. Time is counted from when it is made.

    Args:
        items: how many there are; None until it is known.
        clock: gives seconds.
    """

    def __init__(self, items: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.items, self.ended, self.kept = items, 0, 0
        self.running: dict[str, Running] = {}
        self._clock, self._start, self._parts = clock, clock(), 0

    def at(self, item: str, done: int, total: int | None, text: str = "", rate: float | None = None) -> Running:
        """An item is so far. Fewer parts than before are those of its next step. The total is an estimate: more may be done."""
        known = self.running.get(item, Running())
        self._parts += done if done < known.done else done - known.done
        whole = None if total is None else max(total, done)
        self.running[item] = Running(done, whole, text, rate)
        return self.running[item]

    def end(self, item: str, *, kept: bool = False, parts: int | None = None) -> None:
        """An item has ended.

        Args:
            kept: it was there already, which says nothing about the time that others take.
            parts: that it had; None: as many as were told.
        """
        before = self.running.pop(item, Running())
        self.ended += 1
        self.kept += kept
        if parts is not None and not kept:
            self._parts += parts - before.done

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._start

    @property
    def rate(self) -> float:
        """Parts per second of all workers together, since the beginning."""
        return self._parts / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """By the share of items that is done, each counting the same; None where nothing can be said."""
        if self.items is None:
            return None
        wanted = self.items - self.kept
        done = self.ended - self.kept + sum(one.share for one in self.running.values())
        if wanted <= 0 or self.ended >= self.items:
            return 0.0
        return None if done / wanted < _LEAST_SHARE else self.seconds * (wanted - done) / done

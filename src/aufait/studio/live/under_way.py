"""Frames that are worked on, some at a time and answered in order; of those that come meanwhile the newest waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class UnderWay(Generic[Item, Answer]):
    """Begins work on items as they come; belongs to one event loop.

    Args:
        most: items that are worked on at a time.
        work: begins in the order of the items.

    Attributes:
        dropped: items that were replaced before their work began.
    """

    def __init__(self, most: int, work: Callable[[Item], Awaitable[Answer]]) -> None:
        self.dropped = 0
        self._most, self._work = most, work
        self._begun: asyncio.Queue[tuple[Item, asyncio.Future[Answer]] | None] = asyncio.Queue()
        self._count = 0
        self._waiting: list[Item] = []
        self._closed = False

    def put(self, item: Item) -> None:
        """Begin work on an item, or let it wait in the place of the one that waits."""
        self.dropped += len(self._waiting)
        self._waiting = [item]
        self._next()

    def close(self) -> None:
        """No more items come."""
        self._closed = True
        self._next()

    async def __aiter__(self) -> AsyncIterator[tuple[Item, asyncio.Future[Answer]]]:
        """Each item whose work has begun, in order, with the answer to wait for; once it is there the next item begins."""
        while (begun := await self._begun.get()) is not None:
            await asyncio.wait([begun[1]])
            self._count -= 1
            self._next()
            yield begun

    async def end(self) -> None:
        """Wait no longer for answers."""
        while not self._begun.empty():
            begun = self._begun.get_nowait()
            if begun is not None:
                begun[1].cancel()
                await asyncio.gather(begun[1], return_exceptions=True)

    def _next(self) -> None:
        if self._waiting and self._count < self._most:
            item = self._waiting.pop()
            self._count += 1
            self._begun.put_nowait((item, asyncio.ensure_future(self._work(item))))
        if self._closed and not self._waiting:
            self._begun.put_nowait(None)

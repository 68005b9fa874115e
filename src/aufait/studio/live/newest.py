"""A slot that holds the newest item: whoever is too slow gets what is new, not what has waited."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """One item at most; belongs to one event loop.

    Attributes:
        dropped: items that were replaced before anybody took them.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._item: T | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, item: T) -> None:
        """Put an item in the slot, in the place of one that still waits there."""
        self.dropped += self._item is not None
        self._item = item
        self._changed.set()

    def close(self) -> None:
        """No more items come."""
        self._closed = True
        self._changed.set()

    async def take(self) -> T | None:
        """The newest item as soon as there is one; None after the end."""
        await self._changed.wait()
        item, self._item = self._item, None
        if not self._closed:
            self._changed.clear()
        return item

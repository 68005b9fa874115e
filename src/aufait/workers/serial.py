"""All items one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from aufait.workers.contract import Done, Item, Value, Work, close


class Serial:
    """One item at a time, here."""

    workers = 1

    def map(
        self, work: Work[Item, Value], items: Sequence[Item], on_message: Callable[[int, Any], None] | None = None
    ) -> Generator[Done[Value], None, None]:
        """See ``Executor``."""
        if not items:
            return
        tools = work.begin()
        try:
            for index, item in enumerate(items):
                yield Done(index, work.do(tools, item, _telling(index, on_message)))
        finally:
            close(tools)


def _telling(index: int, on_message: Callable[[int, Any], None] | None) -> Callable[[Any], None]:
    return (lambda message: None) if on_message is None else (lambda message: on_message(index, message))

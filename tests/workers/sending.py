"""An executor that sends work, items, messages and values as workers do, last item first, without other processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

from aufait.workers.contract import Done, close


def sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def _pass_on(on_message: Callable[[int, Any], None] | None, index: int, message: Any) -> None:
    if on_message is not None:
        on_message(index, sent(message))


class Sending:
    workers = 2

    def __init__(self, dying: int | None = None) -> None:
        self.dying = dying
        """Place of an item over which every worker dies."""

    def map(
        self, work: Any, items: Sequence[Any], on_message: Callable[[int, Any], None] | None = None
    ) -> Generator[Done[Any], None, None]:
        for index in reversed(range(len(items))):
            if index == self.dying:
                yield Done(index, None, "the worker process ended by signal 9; tried 2 times")
                continue
            there = sent(work)
            tools = there.begin()
            value = there.do(tools, sent(items[index]), partial(_pass_on, on_message, index))
            close(tools)
            yield Done(index, sent(value))

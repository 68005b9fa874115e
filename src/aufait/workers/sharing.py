"""What kinds of work have in common: shares of the processor, messages now and then, values in the order of their items."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from typing import Any, cast

from aufait.errors import AufaitError
from aufait.machine import cores, torch_threads
from aufait.workers.contract import Executor, Item, Value, Work
from aufait.workers.serial import Serial

_PAUSE = 0.25  # seconds between two messages of a worker

Ended = Callable[[str, int, int], None]
"""Called with the name of an item that has ended, how many have, and how many there are."""


def is_spread(executor: Executor | None) -> bool:
    """Whether other processes do the work."""
    return executor is not None and not isinstance(executor, Serial)


def threads_each(executor: Executor | None, threads: int | None = None) -> int | None:
    """Processor threads of a worker: as many as were asked for, else a share of the cores; None in one process: its own choice."""
    if threads is not None or executor is None or not is_spread(executor):
        return threads
    return max(1, cores() // executor.workers)


def limited_threads(count: int | None) -> ExitStack:
    """Torch uses so many threads until this is closed; None leaves it as it is. What work without other tools begins with."""
    stack = ExitStack()
    if count is not None:
        stack.enter_context(torch_threads(count))
    return stack


def at_intervals(tell: Callable[[Any], None]) -> Callable[[Any], None]:
    """Passes on a few messages per second and drops the others."""
    last = 0.0

    def report(message: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= _PAUSE:
            last = time.monotonic()
            tell(message)

    return report


def each_value(
    executor: Executor | None,
    work: Work[Item, Value],
    items: Sequence[Item],
    *,
    names: Sequence[str],
    on_message: Callable[[int, Any], None] | None = None,
) -> Generator[tuple[int, Value], None, None]:
    """Place and value of each item, as they end.

    Args:
        executor: how to spread the work; None does it here.
        work, items, on_message: see ``Executor.map``.
        names: of the items, for messages.

    Raises:
        AufaitError: every worker that tried an item died; those that have not begun are dropped.
    """
    with closing((executor or Serial()).map(work, items, on_message)) as results:
        for done in results:
            if done.died:
                raise AufaitError(f"{names[done.index]}: {done.died}; the same command again does what is missing")
            yield done.index, cast(Value, done.value)


def all_values(
    executor: Executor | None,
    work: Work[Item, Value],
    items: Sequence[Item],
    *,
    names: Sequence[str],
    on_message: Callable[[int, Any], None] | None = None,
    ended: Ended | None = None,
) -> list[Value]:
    """Values of all items, in the order of the items; see ``each_value``.

    Args:
        ended: called after each item.
    """
    found: dict[int, Value] = {}
    with closing(each_value(executor, work, items, names=names, on_message=on_message)) as values:
        for index, value in values:
            found[index] = value
            if ended is not None:
                ended(names[index], len(found), len(items))
    return [found[index] for index in range(len(items))]

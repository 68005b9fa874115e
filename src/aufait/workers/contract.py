"""What is done to many items, and what comes of each: the same for every way to spread the work."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
TakenItem = TypeVar("TakenItem", contravariant=True)
GivenValue = TypeVar("GivenValue", covariant=True)
Tell = Callable[[Any], None]


class Work(Protocol[TakenItem, GivenValue]):
    """What is done to an item. It is sent to other processes: a dataclass of a module, which names files and holds none.

    A work that differs between processes, such as in the device that it uses, also has ``placed(number)``: the work of the process
    of that number, from 0.
    """

    def begin(self) -> Any:
        """What a worker makes once and uses for all its items, such as a detector. If it can be closed, it is in the end."""

    def do(self, tools: Any, item: TakenItem, tell: Tell) -> GivenValue:
        """Do one item.

        Args:
            tools: what ``begin`` gave.
            item: the item.
            tell: sends a message on the way; to be called a few times per second at most.

        Raises:
            KeyboardInterrupt: inside, when the work is to end early; what is returned then still arrives.
            Exception: whatever is raised ends the whole work; what concerns one item alone belongs into the value.
        """


@dataclass(frozen=True)
class Done(Generic[GivenValue]):
    """One item that has ended.

    Attributes:
        index: its place among the items.
        value: what ``do`` gave; None where every worker that tried it died.
        died: why there is no value, as a sentence; empty otherwise.
    """

    index: int
    value: GivenValue | None
    died: str = ""


class Executor(Protocol):
    """A way to spread work."""

    workers: int

    def map(
        self, work: Work[Item, Value], items: Sequence[Item], on_message: Callable[[int, Any], None] | None = None
    ) -> Generator[Done[Value], None, None]:
        """Does all items; they come in the order in which they end.

        Closing the iterator, or an exception in it, ends the work early: workers are interrupted, and items that have not begun
        are dropped.

        Args:
            work: what to do.
            items: to what.
            on_message: called with the index of an item and what its worker tells.
        """
        ...


def placed(work: Any, number: int) -> Any:
    """The work as the process of this number does it."""
    place = getattr(work, "placed", None)
    return place(number) if callable(place) else work


def close(tools: Any) -> None:
    """Release what ``begin`` made, if it can be released."""
    release = getattr(tools, "close", None)
    if callable(release):
        release()

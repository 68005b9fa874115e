"""Two small helpers that let reading, finding, scoring and writing overlap without changing any result.

``Prefetch`` runs an iterator in a separate thread, ``BackgroundSink`` a consumer. Both hold a bounded number of
items, so memory stays constant; both keep the order and hand an error of their thread to the caller; both end their
thread when they are closed, also half-way. Decoding, encoding and torch release the interpreter's lock
while they work, which is why threads are enough.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

WAITING_PIXELS = 60_000_000
"""Of frames that wait between two stages, together: of very large ones fewer wait."""

_POLL_SECONDS = 0.2  # how long a waiting thread may take to notice that it is no longer wanted
_END = object()


def frames_that_fit(most: int, size: tuple[int, int] | None) -> int:
    """How many frames of this width and height may wait: ``most``, but at least one of very large ones."""
    pixels = size[0] * size[1] if size else 0
    return max(1, min(most, WAITING_PIXELS // pixels)) if pixels else most


class Room:
    """Memory that the items between two threads may take together; the thread that makes one waits until there is room for it.

    An item that needs more than all of it is let in alone.

    Args:
        size: bytes, or whatever is counted.
    """

    def __init__(self, size: int) -> None:
        self._size, self._open = size, True
        self._held: dict[str, int] = {}
        self._changed = threading.Condition()

    def enter(self, name: str, needed: int) -> None:
        """Waits until there is room for the item of this name, and takes it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or not self._held or sum(self._held.values()) + needed <= self._size)
            self._held[name] = needed

    def leave(self, name: str) -> None:
        """Gives back what the item of this name took, if it took anything."""
        with self._changed:
            self._held.pop(name, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Lets everybody in: nothing is waited for any more."""
        with self._changed:
            self._open = False
            self._changed.notify_all()


class _Failure:
    """Carries an exception from a thread to its consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Prefetch(Generic[T]):
    """Iterates over ``source`` in a background thread, at most ``depth`` items ahead of the consumer.

    Use it in a ``with`` statement: leaving ends the thread and closes the source if it can be closed.

    Args:
        source: any iterable; it is only touched by the background thread.
        depth: number of finished items that may wait.
    """

    def __init__(self, source: Iterable[T], *, depth: int = 3) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self._source = source
        self._items: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._produce, name="aufait-prefetch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        while not self._stop.is_set():
            item = self._next()
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
            del item

    def groups(self, size: int, *, wait: bool = True) -> Iterator[list[T]]:
        """Consecutive groups of ``size`` items; the last one, also that before an error, may be smaller.

        The first item comes alone, so that results begin as early as they can.

        Args:
            size: of a group.
            wait: False to wait for the first item of a group only, and take those that are there already.
        """
        items = iter(self)
        end: Exception | None = None
        wanted = 1
        while end is None:
            group: list[T] = []
            try:
                while len(group) < wanted and (wait or not group or not self._items.empty()):
                    group.append(next(items))
            except Exception as error:  # the end of the items, or an error of their thread
                end = error
            if group:
                yield group
            wanted = size
        if not isinstance(end, StopIteration):
            raise end

    def close(self) -> None:
        """Ends the thread. Items that wait are dropped. Harmless when called twice."""
        self._stop.set()
        _drain(self._items)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _next(self) -> object:
        # A wait without end cannot be interrupted by Ctrl-C on every platform, so wait in slices.
        while True:
            try:
                return self._items.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._stop.is_set() or (not self._thread.is_alive() and self._items.empty()):
                    return _END

    def _produce(self) -> None:
        iterator = iter(self._source)
        try:
            for item in iterator:
                if not self._put(item):
                    break
                del item  # or it would be held while the next one is made
            else:
                self._put(_END)
        except BaseException as error:  # every error belongs to the consumer
            self._put(_Failure(error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def _put(self, item: object) -> bool:
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False


class BackgroundSink(Generic[T]):
    """Hands items to ``consume`` in a background thread, in order, with at most ``depth`` waiting.

    Leaving the ``with`` block waits until everything is consumed; after an error in the block, items that still wait
    are consumed too, so that what was computed is also written. An error in ``consume`` is raised by the next ``put``
    or on leaving.
    """

    def __init__(self, consume: Callable[[T], object], *, depth: int = 3) -> None:
        self._consume = consume
        self._items: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="aufait-sink", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._send(_END)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def put(self, item: T) -> None:
        """Queues one item; waits while the queue is full. Raises the error of ``consume``, if there was one."""
        if self._error is not None:
            raise self._error
        self._send(item)

    def _send(self, item: object) -> None:
        while self._thread.is_alive():
            try:
                self._items.put(item, timeout=_POLL_SECONDS)
                return
            except queue.Full:
                continue

    def _work(self) -> None:
        while (item := self._items.get()) is not _END:
            try:
                self._consume(item)  # type: ignore[arg-type]
            except BaseException as error:  # every error belongs to the caller
                self._error = error
                return
            del item


def _drain(items: queue.Queue[object]) -> None:
    while True:
        try:
            items.get_nowait()
        except queue.Empty:
            return

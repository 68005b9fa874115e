"""What a process that analyses says, in order: while a thread of its own scores a frame, another finds the faces of the next."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from aufait.errors import AufaitError
from aufait.studio.errors import as_studio_error

UNDER_WAY = 2
"""Frames that a process works on at a time: the faces of one are found while the one before is scored."""

Message = tuple[Any, ...]


class Line:
    """Does the second half of the work in a thread, and sends what comes of it in the order in which it was put.

    Args:
        connection: to the server; nobody else sends there.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, "aufait-line")
        self._room = threading.Semaphore(UNDER_WAY - 1)
        self._last: Future[None] | None = None

    def put(self, work: Callable[..., Message], *details: Any) -> None:
        """Send the message that some work gives; waits first until there is room.

        An ``AufaitError`` of the work is sent as such. Any other fault ends the process, which the server notices.
        """
        self._room.acquire()
        self._last = self._thread.submit(self._do, work, details)

    def say(self, *message: Any) -> None:
        """Send a message."""
        self.put(lambda: message)

    def fail(self, error: AufaitError) -> None:
        """Send what is wrong."""
        self.say(*_told(error))

    def wait(self) -> None:
        """Wait until everything is sent."""
        if self._last is not None:
            self._last.result()

    def _do(self, work: Callable[..., Message], details: tuple[Any, ...]) -> None:
        try:
            self._send(work(*details))
        except AufaitError as error:
            self._send(_told(error))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        finally:
            self._room.release()

    def _send(self, message: Message) -> None:
        try:
            self._connection.send(message)
        except OSError:  # the server is gone, which whoever reads what it asks notices too
            return


def _told(error: AufaitError) -> Message:
    known = as_studio_error(error)
    return "error", (known.status, known.message, known.code)

"""A process that analyses live videos, and the server's end of it: neither a fault nor a slow network stops the server."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from aufait.errors import AufaitError
from aufait.studio.errors import StudioError, as_studio_error
from aufait.studio.live.follower import Follower, LiveOptions

START_SECONDS = 120.0
"""How long a process may take until it can analyse."""

ANSWER_SECONDS = 30.0
"""How long a frame may take."""

_GONE = "The process that analyses live pictures ended unexpectedly; connect again."


def serve(connection: Connection, options: LiveOptions) -> None:
    """What the process does: open a detector, say so, then answer what comes until nobody holds the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes the connection
    warnings.simplefilter("ignore")
    try:
        follower = Follower(options.open())
        follower.warm_up()
    except AufaitError as error:
        connection.send(("error", _told(error)))
        return
    connection.send(("ready", follower.about))
    try:
        while True:
            _answer(connection, follower, connection.recv())
    except (EOFError, OSError):
        return


def _answer(connection: Connection, follower: Follower, asked: tuple[Any, ...]) -> None:
    kind, *details = asked
    if kind == "begin":
        follower.begin()
        connection.send(("ready", follower.about))
    elif kind == "watch":
        from aufait.studio.live.watching import watch

        watch(connection, follower, *details)
    else:
        work: Callable[..., dict[str, Any]] = {"frame": follower.step, "explain": follower.explain}[kind]  # type: ignore[assignment]
        try:
            connection.send((kind, work(*details)))
        except AufaitError as error:
            connection.send(("error", _told(error)))


def _told(error: AufaitError) -> tuple[int, str, str]:
    known = as_studio_error(error)
    return known.status, known.message, known.code


class Worker:
    """The server's end of one process; asked by one session or source at a time, without holding up the event loop.

    Attributes:
        options: what it analyses with.
        about: what clients are told first; there once ``start`` is over.
    """

    def __init__(self, options: LiveOptions, target: Callable[[Connection, LiveOptions], None] = serve) -> None:
        self.options = options
        self.about: dict[str, Any] = {}
        context = multiprocessing.get_context("spawn")  # threads and torch do not survive a fork
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=target, args=(theirs, options), name="aufait-live", daemon=True)
        self._thread = ThreadPoolExecutor(1, "aufait-live")
        self._theirs: Connection | None = theirs

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    async def start(self) -> None:
        """Start the process and wait until it can analyse.

        Raises:
            StudioError: there is no such finder or model; the process ended.
        """
        self.about = await self._in_thread(self._started)

    def _started(self) -> dict[str, Any]:
        self._process.start()
        assert self._theirs is not None
        self._theirs.close()  # so that the end of the process is seen here
        self._theirs = None
        return self._read(START_SECONDS)[1]  # type: ignore[no-any-return]

    async def ask(self, *asked: Any, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Send something and wait for its answer, for so long at most.

        Raises:
            StudioError: what the process says is wrong with it; 500, the process ended or does not answer.
        """
        return await self._in_thread(self._asked, asked, seconds)

    def _asked(self, asked: tuple[Any, ...], seconds: float) -> dict[str, Any]:
        self._send(asked)
        return self._read(seconds)[1]  # type: ignore[no-any-return]

    def tell(self, *asked: Any) -> None:
        """Send something that has no answer."""
        self._send(asked)

    async def next_message(self, seconds: float) -> tuple[Any, ...] | None:
        """What the process says by itself; None where it says nothing within a time."""
        return await self._in_thread(self._next, seconds)

    def _next(self, seconds: float) -> tuple[Any, ...] | None:
        try:
            return self._read(seconds) if self._ours.poll(seconds) else None
        except (EOFError, OSError) as error:
            raise StudioError(500, _GONE, "worker_gone") from error

    def _send(self, asked: tuple[Any, ...]) -> None:
        try:
            self._ours.send(asked)
        except (OSError, ValueError) as error:
            raise StudioError(500, _GONE, "worker_gone") from error

    def _read(self, seconds: float) -> tuple[Any, ...]:
        try:
            if not self._ours.poll(seconds):
                self._process.kill()
                raise StudioError(500, f"The process that analyses live pictures gave no answer for {seconds:g} s.", "worker_gone")
            kind, *details = self._ours.recv()
        except (EOFError, OSError) as error:
            raise StudioError(500, _GONE, "worker_gone") from error
        if kind == "error":
            raise StudioError(*details[0])
        return kind, *details

    async def _in_thread(self, work: Callable[..., Any], *details: Any) -> Any:
        """A result of the worker's thread; a caller that is cancelled leaves the thread to finish, in order."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *details))

    def stop(self) -> None:
        """End the process."""
        if self._process.pid is not None:  # first, so that a thread that waits for it sees its end
            self._process.terminate()
            self._process.join(1.0)
            if self._process.is_alive():
                self._process.kill()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._ours.close()

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
from aufait.studio.errors import StudioError
from aufait.studio.live.follower import Follower, LiveOptions
from aufait.studio.live.line import Line

START_SECONDS = 120.0
"""How long a process may take until it can analyse."""

ANSWER_SECONDS = 30.0
"""How long a frame may take."""

_GONE = "The process that analyses live pictures ended unexpectedly; connect again."


def serve(connection: Connection, options: LiveOptions) -> None:
    """What the process does: open a detector, say so, then answer what comes until nobody holds the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes the connection
    warnings.simplefilter("ignore")
    line = Line(connection)
    try:
        follower = Follower(options.open())
        follower.warm_up()
    except AufaitError as error:
        line.fail(error)
        line.wait()
        return
    line.say("ready", follower.about)
    try:
        while True:
            _answer(connection, line, follower, connection.recv())
    except (EOFError, OSError):
        return


def _answer(connection: Connection, line: Line, follower: Follower, asked: tuple[Any, ...]) -> None:
    """Do what is asked; of a frame the first half, while the frame before has its second half in the line's thread."""
    kind, *details = asked
    if kind == "frame":
        try:
            found = follower.find(*details)
        except AufaitError as error:
            line.fail(error)
        else:
            line.put(lambda: ("frame", follower.tell(found)))
        return
    line.wait()  # what follows begins another video
    if kind == "begin":
        follower.begin()
        line.say("ready", follower.about)
    elif kind == "watch":
        from aufait.studio.live.watching import watch

        watch(connection, line, follower, *details)
    else:
        line.put(lambda: ("explain", follower.explain(*details)))
        line.wait()


class Worker:
    """The server's end of one process, for one session or source at a time; none of it holds up the event loop.

    Several things may be asked at a time: they are answered in their order.

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
        self._sending, self._reading = (ThreadPoolExecutor(1, f"aufait-live-{name}") for name in ("out", "in"))
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
        self.about = await _done(self._reading, self._started)

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
        sent = _done(self._sending, self._send, asked)
        answer = _done(self._reading, self._read, seconds)  # asked for now, so that answers are read in order
        _, (_, told) = await asyncio.gather(sent, answer)
        return told  # type: ignore[no-any-return]

    def tell(self, *asked: Any) -> None:
        """Send something that has no answer."""
        self._send(asked)

    async def next_message(self, seconds: float) -> tuple[Any, ...] | None:
        """What the process says by itself; None where it says nothing within a time."""
        return await _done(self._reading, self._next, seconds)

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

    def stop(self) -> None:
        """End the process."""
        if self._process.pid is not None:  # first, so that a thread that waits for it sees its end
            self._process.terminate()
            self._process.join(1.0)
            if self._process.is_alive():
                self._process.kill()
        for thread in (self._sending, self._reading):
            thread.shutdown(wait=False, cancel_futures=True)
        self._ours.close()


def _done(thread: ThreadPoolExecutor, work: Callable[..., Any], *details: Any) -> asyncio.Future[Any]:
    """A result of a worker's thread; a caller that is cancelled leaves the thread to finish, in order."""
    return asyncio.shield(asyncio.get_running_loop().run_in_executor(thread, work, *details))

"""The processes that analyse live videos: as many as the machine bears, one of them kept warm between two sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aufait.machine import cores
from aufait.studio.errors import StudioError
from aufait.studio.live.follower import LiveOptions
from aufait.studio.live.worker import Worker

WARM_SECONDS = 600.0
"""How long a process is kept that nobody uses."""

MOMENT = 0.5
"""Seconds that a new video waits for one that is ending: a page that is loaded again leaves its place a moment later."""


def usual_limit() -> int:
    """Live videos at a time: each keeps two cores busy, and a second tab should not be sent away."""
    return max(2, cores() // 2)


class Pool:
    """Hands out workers.

    Args:
        limit: live videos at a time.
        make: makes a worker of some options.
    """

    def __init__(self, limit: int | None = None, make: Callable[[LiveOptions], Worker] = Worker) -> None:
        self.limit = limit or usual_limit()
        self._make = make
        self._used: set[Worker] = set()
        self._starting = 0
        self._warm: Worker | None = None
        self._cooling: asyncio.TimerHandle | None = None
        self._given = asyncio.Event()

    async def take(self, options: LiveOptions) -> Worker:
        """A worker for one video, to be given back.

        Raises:
            StudioError: 503, all are used; what is wrong with the options.
        """
        if self._warm is None and self._used:
            self._given.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._given.wait(), MOMENT)
        if len(self._used) + self._starting >= self.limit:
            raise StudioError(
                503, f"{self.limit} live videos are analysed already, more would make all of them slow; end one of them first."
            )
        warm = self._take_warm(options)
        if warm is not None:
            self._used.add(warm)
            try:
                warm.about = await warm.ask("begin")
                return warm
            except StudioError:
                self._discard(warm)
        return await self._started(options)

    async def _started(self, options: LiveOptions) -> Worker:
        worker = self._make(options)
        self._starting += 1
        try:
            await worker.start()
        except BaseException:
            worker.stop()
            raise
        finally:
            self._starting -= 1
        self._used.add(worker)
        return worker

    def give(self, worker: Worker) -> None:
        """Give a worker back; the last one that is given back stays warm."""
        if worker not in self._used:
            return
        self._used.discard(worker)
        self._given.set()
        self._drop_warm()
        if not worker.alive:
            worker.stop()
            return
        self._warm = worker
        self._cooling = asyncio.get_running_loop().call_later(WARM_SECONDS, self._drop_warm)

    def _take_warm(self, options: LiveOptions) -> Worker | None:
        worker = self._warm
        if worker is not None and worker.options == options and worker.alive:
            self._warm = None
            return worker
        if len(self._used) + 1 >= self.limit:  # a warm process beyond the limit would cost its memory
            self._drop_warm()
        return None

    def _discard(self, worker: Worker) -> None:
        self._used.discard(worker)
        worker.stop()

    def _drop_warm(self) -> None:
        if self._cooling is not None:
            self._cooling.cancel()
        worker, self._warm, self._cooling = self._warm, None, None
        if worker is not None:
            worker.stop()

    def close(self) -> None:
        """End all processes."""
        self._drop_warm()
        for worker in list(self._used):
            self._discard(worker)

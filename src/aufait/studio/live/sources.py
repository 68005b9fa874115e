"""Cameras and addresses that this machine itself watches, and who looks at them."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aufait.errors import InputError
from aufait.media.addresses import shown
from aufait.studio.errors import StudioError
from aufait.studio.live.message import Rate
from aufait.studio.live.newest import Newest
from aufait.studio.live.watching import place_of
from aufait.studio.live.worker import Worker

if TYPE_CHECKING:
    from aufait.studio.live.follower import LiveOptions
    from aufait.studio.live.pool import Pool

_WAIT = 1.0
_STOP_SECONDS = 3.0


@dataclass(eq=False)
class View:
    """What one viewer has not been sent yet: the newest frame, and the newest state before it."""

    news: Newest[None] = field(default_factory=Newest)
    frame: tuple[bytes, dict[str, Any]] | None = None
    states: list[dict[str, Any]] = field(default_factory=list)
    dropped: int = 0

    def put_state(self, state: dict[str, Any]) -> None:
        """States are few; none is lost."""
        self.states.append(state)
        self.news.put(None)

    def put_frame(self, frame: tuple[bytes, dict[str, Any]]) -> None:
        """A frame in the place of one that still waits."""
        self.dropped += self.frame is not None
        self.frame = frame
        self.news.put(None)


class Source:
    """One camera or address with the process that watches it.

    Attributes:
        identity: in the API.
        name: shown to people, without passwords.
        state: "connecting", "running", "broken" or "ended".
        message: a sentence on it.
    """

    def __init__(self, source: str | int, worker: Worker) -> None:
        self.identity = secrets.token_hex(6)
        self.name = f"camera {source}" if isinstance(source, int) else shown(source)
        self.worker = worker
        self.state, self.message = "connecting", f"Connecting to {self.name}."
        self._views: set[View] = set()
        self._rate = Rate()
        self._stopping = False
        worker.tell("watch", source)
        self.listening = asyncio.create_task(self._listen())

    @property
    def shown(self) -> dict[str, str]:
        """As the API lists it."""
        return {"id": self.identity, "name": self.name, "state": self.state, "message": self.message}

    def open_view(self) -> View:
        """A new viewer, who is told the state first."""
        view = View()
        view.put_state(self._state)
        self._views.add(view)
        self._tell_viewers()
        return view

    def close_view(self, view: View) -> None:
        """The viewer has left; without any, frames are read but not analysed."""
        self._views.discard(view)
        view.news.close()
        self._tell_viewers()

    def _tell_viewers(self) -> None:
        if not self.listening.done():
            self.worker.tell("viewers", len(self._views))

    @property
    def _state(self) -> dict[str, Any]:
        return {"type": "state", "state": self.state, "message": self.message, **self.worker.about}

    async def _listen(self) -> None:
        """Hand on what the process says until it stops."""
        try:
            while (message := await self.worker.next_message(_WAIT)) is None or message[0] != "stopped":
                if message is not None:
                    self._publish(*message)
        except StudioError as error:
            self._publish("state", "broken", error.message)
        finally:
            for view in self._views:
                view.news.close()

    def _publish(self, kind: str, *details: Any) -> None:
        if kind == "state":
            if (self.state, self.message) == details:
                return
            self.state, self.message = details
            for view in self._views:
                view.put_state(self._state)
            return
        picture, told = details
        told = {"type": "scores", "sent": None, "frames_per_second": self._rate.step(time.monotonic()), **told}
        for view in self._views:
            view.put_frame((picture, told))

    async def stop(self) -> bool:
        """Stop watching; whether the process can be used again."""
        try:
            self.worker.tell("stop")
            await asyncio.wait_for(self.listening, _STOP_SECONDS)
        except (TimeoutError, StudioError):
            return False
        return self.worker.alive


class Sources:
    """All sources of a studio."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sources: dict[str, Source] = {}

    @property
    def shown(self) -> list[dict[str, str]]:
        """As the API lists them."""
        return [one.shown for one in self._sources.values()]

    async def add(self, asked: dict[str, Any], options: LiveOptions) -> Source:
        """Begin to watch.

        Args:
            asked: with ``url`` or ``camera``.

        Raises:
            StudioError: neither of them; 503, the machine does enough already; what is wrong with the options.
            InputError: an address that is not opened.
        """
        source = source_of(asked)
        place_of(source)
        added = Source(source, await self._pool.take(options))
        self._sources[added.identity] = added
        return added

    def get(self, identity: str) -> Source:
        """A source.

        Raises:
            StudioError: 404, there is none.
        """
        if identity not in self._sources:
            raise StudioError(404, "There is no such source; it may have been removed.", "unknown_source")
        return self._sources[identity]

    async def remove(self, identity: str) -> None:
        """Stop watching and forget it.

        Raises:
            StudioError: 404.
        """
        source = self.get(identity)
        del self._sources[identity]
        if not await source.stop():
            source.worker.stop()
        self._pool.give(source.worker)


def source_of(asked: dict[str, Any]) -> str | int:
    """The address or the number of a camera that somebody asks for.

    Raises:
        StudioError: something else.
    """
    url, camera = asked.get("url"), asked.get("camera")
    if isinstance(url, str) and camera is None:
        if "://" not in url:
            raise InputError("an address begins with rtsp://, rtsps://, http:// or https://; files are uploaded as recordings")
        return url
    if isinstance(camera, int) and not isinstance(camera, bool) and 0 <= camera < 100 and url is None:
        return camera
    raise StudioError(422, 'Name a source as {"url": "rtsp://..."} or {"camera": 0}.')

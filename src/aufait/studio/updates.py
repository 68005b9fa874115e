"""What has changed, for everybody who listens: server-sent events, at most four a second for each recording."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

_BETWEEN = 0.25
_QUIET = 15.0
_MOST_WAITING = 1000


class Updates:
    """The listeners of a studio; ``tell`` may be called from any thread, the rest belongs to the event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[Listener] = set()

    def bind(self) -> None:
        """Belong to the event loop that runs."""
        self._loop = asyncio.get_running_loop()

    def unbind(self) -> None:
        """The loop ends; every stream ends with it."""
        self._loop = None
        for listener in self._listeners:
            listener.end()

    def tell(self, identity: str, recording: dict[str, Any] | None) -> None:
        """A recording has changed, or has gone (None)."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._spread, identity, recording)

    def tell_events(self, identity: str) -> None:
        """The events or markers of a recording have changed."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._spread, f"{identity} events", {"id": identity})

    def _spread(self, key: str, facts: dict[str, Any] | None) -> None:
        for listener in self._listeners:
            listener.add(key, facts)

    async def stream(self) -> AsyncIterator[str]:
        """The text of the stream, until the listener goes."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield ": the studio listens\n\n"
            while True:
                for text in await listener.next():
                    yield text
                if listener.ended:
                    return
                await asyncio.sleep(_BETWEEN)
        finally:
            self._listeners.discard(listener)


class Listener:
    """One stream: the newest state of each recording that it has not been told."""

    def __init__(self) -> None:
        self._news: dict[str, dict[str, Any] | None] = {}
        self._awake = asyncio.Event()
        self.ended = False

    def add(self, key: str, facts: dict[str, Any] | None) -> None:
        """Something to be told; what was not told yet of the same thing is replaced."""
        self._news.pop(key, None)
        if len(self._news) < _MOST_WAITING:
            self._news[key] = facts
        self._awake.set()

    def end(self) -> None:
        """Tell no more."""
        self.ended = True
        self._awake.set()

    async def next(self) -> list[str]:
        """What is to be sent; a comment after some quiet seconds, which shows that the line is alive."""
        try:
            await asyncio.wait_for(self._awake.wait(), _QUIET)
        except TimeoutError:
            return [": quiet\n\n"]
        self._awake.clear()
        news, self._news = self._news, {}
        return [_event(key, facts) for key, facts in news.items()]


def _event(key: str, facts: dict[str, Any] | None) -> str:
    identity, _, what = key.partition(" ")
    if facts is None:
        return f"event: gone\ndata: {json.dumps({'id': identity})}\n\n"
    return f"event: {what or 'recording'}\ndata: {json.dumps(facts)}\n\n"

"""Paths of the API for live scores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from aufait.studio.errors import StudioError
from aufait.studio.live.follower import LiveOptions, options_of
from aufait.studio.live.pool import Pool
from aufait.studio.live.session import FAULT, TRY_AGAIN, run_session, send_error
from aufait.studio.live.sources import Source, Sources, View

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.websockets import WebSocket

    from aufait.studio.settings import StudioSettings
    from aufait.studio.studio import Studio

_BAD = 1008


def router(studio: Studio, pool: Pool | None = None) -> APIRouter:
    """``/api/live`` and ``/api/sources``; the processes end with the app.

    Args:
        studio: whose settings are the usual ones.
        pool: of the processes that analyse; None for the usual one.
    """
    from fastapi import APIRouter

    pool = pool or Pool()
    sources = Sources(pool)
    settings = studio.settings

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        pool.close()

    found = APIRouter(tags=["live"], lifespan=lifespan)

    async def live(socket: WebSocket) -> None:
        options = live_options(settings, socket.query_params)
        await serve_live(socket, pool, options)

    async def view(socket: WebSocket) -> None:
        await serve_view(socket, sources, socket.path_params["identity"])

    # Of Starlette itself: their arguments need no reading.
    found.add_websocket_route("/api/live", live)
    found.add_websocket_route("/api/sources/{identity}", view)

    @found.get("/api/sources")
    async def list_sources() -> dict[str, Any]:
        """Cameras and addresses that are watched: ``{"sources": [{"id", "name", "state", "message"}]}``."""
        return {"sources": sources.shown}

    @found.post("/api/sources", status_code=201)
    async def add_source(asked: dict[str, Any]) -> dict[str, str]:
        """Watch an address, ``{"url": "rtsp://..."}``, or a camera of this machine, ``{"camera": 0}``."""
        return (await sources.add(asked, live_options(settings, asked))).shown

    @found.delete("/api/sources/{identity}", status_code=204)
    async def remove_source(identity: str) -> None:
        """Stop watching."""
        await sources.remove(identity)

    return found


def live_options(settings: StudioSettings, asked: Mapping[str, Any]) -> LiveOptions:
    """How a client wants its frames analysed."""
    return options_of(settings, *(str(asked.get(name) or "") for name in ("finder", "model")))


async def serve_live(socket: WebSocket, pool: Pool, options: LiveOptions) -> None:
    """One client that sends frames. It is accepted before it is refused: browsers show no other refusal."""
    await socket.accept()
    with suppress(*_left()):
        try:
            worker = await pool.take(options)
        except StudioError as error:
            await send_error(socket, error)
            await socket.close({503: TRY_AGAIN, 500: FAULT}.get(error.status, _BAD))
            return
        try:
            await run_session(socket, worker)
        finally:
            pool.give(worker)


async def serve_view(socket: WebSocket, sources: Sources, identity: str) -> None:
    """One client that looks at a source."""
    await socket.accept()
    with suppress(*_left()):
        try:
            source = sources.get(identity)
        except StudioError as error:
            await send_error(socket, error)
            await socket.close(_BAD)
            return
        view = source.open_view()
        leaving = asyncio.create_task(_until_left(socket, source, view))
        try:
            await _show(socket, view)
        finally:
            leaving.cancel()
            source.close_view(view)


async def _until_left(socket: WebSocket, source: Source, view: View) -> None:
    """Viewers send nothing that counts; when they leave, nothing more is shown."""
    with suppress(*_left()):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    source.close_view(view)


async def _show(socket: WebSocket, view: View) -> None:
    """Send states and frames as they come."""
    while True:
        await view.news.take()
        states, view.states = view.states, []
        for state in states:
            await socket.send_json(state)
        frame, view.frame = view.frame, None
        if frame is not None:
            picture, told = frame
            await socket.send_bytes(picture)
            await socket.send_json({**told, "dropped": told["dropped"] + view.dropped})
        elif not states:
            await socket.close()
            return


def _left() -> tuple[type[BaseException], ...]:
    """How it shows that a client has left, wherever that is noticed."""
    from starlette.websockets import WebSocketDisconnect

    return WebSocketDisconnect, RuntimeError

"""A client that sends its camera's frames: one is analysed at a time, the newest wins, a broken one is answered and forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aufait.studio.errors import StudioError
from aufait.studio.live.message import Rate, SentFrame, parse_frame
from aufait.studio.live.newest import Newest

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from aufait.studio.live.worker import Worker

IDLE_SECONDS = 300.0
"""A client that sends nothing for so long is sent away: others may want its place."""

TRY_AGAIN, FAULT, GOING = 1013, 1011, 1001
"""Codes with which the server closes: busy; something failed; the client was silent."""

Sent = SentFrame | StudioError


async def run_session(socket: WebSocket, worker: Worker) -> None:
    """Serve one client that was accepted, until it leaves, is silent for too long, or the process fails."""
    frames: Newest[Sent] = Newest()
    reading = asyncio.create_task(_read(socket, frames))
    try:
        await socket.send_json({"type": "ready", **worker.about})
        await _answer(socket, worker, frames)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(socket: WebSocket, frames: Newest[Sent]) -> None:
    """Put what the client sends into the slot until it leaves."""
    try:
        while True:
            message = await asyncio.wait_for(socket.receive(), IDLE_SECONDS)
            if message["type"] == "websocket.disconnect":
                return
            frames.put(_frame(message))
    except TimeoutError:
        frames.put(StudioError(408, f"No frame came for {IDLE_SECONDS:g} s; connect again.", "idle"))
    finally:
        frames.close()


def _frame(message: Mapping[str, Any]) -> Sent:
    data = message.get("bytes")
    if data is None:
        return StudioError(422, "A frame is a binary message: 8 bytes of time, then a picture; this one is text.", "bad_frame")
    try:
        return parse_frame(data, time.monotonic())
    except StudioError as error:
        return error


async def _answer(socket: WebSocket, worker: Worker, frames: Newest[Sent]) -> None:
    """Answer what is in the slot until the end."""
    rate, begin = Rate(), None
    while (frame := await frames.take()) is not None:
        if isinstance(frame, StudioError):
            await send_error(socket, frame)
            if frame.code == "idle":
                await socket.close(GOING)
                return
            continue
        begin = frame.sent if begin is None else begin
        try:
            told = await worker.ask("frame", frame.picture, (frame.sent - begin) / 1000)
        except StudioError as error:
            await send_error(socket, error, frame.sent)
            if error.code == "worker_gone":
                await socket.close(FAULT)
                return
            continue
        now = time.monotonic()
        took = {"server_ms": round(1000 * (now - frame.arrived), 1), "frames_per_second": rate.step(now)}
        await socket.send_json({"type": "scores", "sent": frame.sent, "dropped": frames.dropped, **took, **told})


async def send_error(socket: WebSocket, error: StudioError, sent: float | None = None) -> None:
    """What is wrong, as a message; ``sent`` says with which frame."""
    await socket.send_json({"type": "error", "sent": sent, **error.body})

"""A client that sends its camera's frames: the newest wins, a broken one is answered and forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aufait.studio.errors import StudioError
from aufait.studio.live.line import UNDER_WAY
from aufait.studio.live.message import BadFrame, Rate, SentFrame, read_frame
from aufait.studio.live.under_way import UnderWay

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from aufait.studio.live.worker import Worker

IDLE_SECONDS = 300.0
"""A client that sends nothing for so long is sent away: others may want its place."""

TRY_AGAIN, FAULT, GOING = 1013, 1011, 1001
"""Codes with which the server closes: busy; something failed; the client was silent."""

_NO_FRAME = "A frame is a binary message: 8 bytes of time, then a picture; this one is text."
_LAST = {"idle": GOING, "worker_gone": FAULT}

Sent = SentFrame | BadFrame


async def run_session(socket: WebSocket, worker: Worker) -> None:
    """Serve one client that was accepted, until it leaves, is silent for too long, or the process fails."""
    frames: UnderWay[Sent, dict[str, Any]] = UnderWay(UNDER_WAY, _Asking(worker))
    reading = asyncio.create_task(_read(socket, frames))
    try:
        await socket.send_json({"type": "ready", **worker.about, "in_flight": UNDER_WAY})
        await _answer(socket, frames)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await frames.end()


class _Asking:
    """Hands the frames of one client to a process, with their time since its first."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._begin: float | None = None

    async def __call__(self, frame: Sent) -> dict[str, Any]:
        if isinstance(frame, BadFrame):
            raise frame.error
        self._begin = frame.sent if self._begin is None else self._begin
        return await self._worker.ask("frame", frame.picture, (frame.sent - self._begin) / 1000)


async def _read(socket: WebSocket, frames: UnderWay[Sent, dict[str, Any]]) -> None:
    """Hand on what the client sends until it leaves."""
    try:
        while True:
            message = await asyncio.wait_for(socket.receive(), IDLE_SECONDS)
            if message["type"] == "websocket.disconnect":
                return
            frames.put(_frame(message))
    except TimeoutError:
        frames.put(BadFrame(StudioError(408, f"No frame came for {IDLE_SECONDS:g} s; connect again.", "idle")))
    finally:
        frames.close()


def _frame(message: Mapping[str, Any]) -> Sent:
    data = message.get("bytes")
    return BadFrame(StudioError(422, _NO_FRAME, "bad_frame")) if data is None else read_frame(data, time.monotonic())


async def _answer(socket: WebSocket, frames: UnderWay[Sent, dict[str, Any]]) -> None:
    """Send the answers, in the order of the frames, until the end."""
    rate = Rate()
    async for frame, answer in frames:
        try:
            told = await answer
        except StudioError as error:
            await send_error(socket, error, frame.sent)
            if error.code in _LAST:
                await socket.close(_LAST[error.code])
                return
            continue
        assert isinstance(frame, SentFrame)
        now = time.monotonic()
        took = {"server_ms": round(1000 * (now - frame.arrived), 1), "frames_per_second": rate.step(now)}
        await socket.send_json({"type": "scores", "sent": frame.sent, "dropped": frames.dropped, **took, **told})


async def send_error(socket: WebSocket, error: StudioError, sent: float | None = None) -> None:
    """What is wrong, as a message; ``sent`` says with which frame."""
    await socket.send_json({"type": "error", "sent": sent, **error.body})

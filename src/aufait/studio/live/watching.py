"""Following a camera or an address inside a process that analyses, and coming back to it when it breaks off."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from aufait.errors import AufaitError
from aufait.media.addresses import Address, shown
from aufait.studio.live.follower import Follower
from aufait.studio.live.line import Line

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before the next try; the last one for all further."""

STEADY_SECONDS = 10.0
"""After so long without a break the pauses are short again."""

QUIET_SECONDS = 15.0
"""A source that sends no frame for so long counts as broken."""

_WIDEST = 1280  # pixels of the picture that viewers get
_QUALITY = 80
_SHORTEST = 0.001  # seconds between two frames
_LOOK = 0.25  # seconds between two looks at what the server wants


def place_of(source: str | int) -> Address | int:
    """The address or the number of a camera.

    Raises:
        InputError: neither, or an address of a kind that is not opened.
    """
    return source if isinstance(source, int) else Address(source)


def open_frames(place: Address | int) -> Any:
    """The frames of a camera or an address.

    Raises:
        InputError: it cannot be opened.
    """
    from aufait.media.video import Camera, VideoReader

    return Camera(place) if isinstance(place, int) else VideoReader(place, threads=1)  # several would hold frames back


class Latest:
    """Reads a source in a thread of its own, in its own time, and keeps the newest frame.

    Args:
        open_source: opens it.
        pause: how to wait, for tests.

    Attributes:
        dropped: frames that were replaced before anybody took them.
        ended: None while it runs; then why it is over.
        finished: whether it is over because it was a film that is now at its end.
    """

    def __init__(self, open_source: Callable[[], Any], pause: Callable[[float], None] = time.sleep) -> None:
        self.dropped = 0
        self.ended: str | None = None
        self.finished = False
        self._open, self._pause = open_source, pause
        self._item: tuple[np.ndarray, float, float] | None = None
        self._stopped = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="aufait-source", daemon=True).start()

    def take(self, seconds: float) -> tuple[np.ndarray, float, float] | None:
        """The newest frame, its time in the source and when it came (``time.monotonic``); None where none comes within a time."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self.ended is not None, seconds)
            item, self._item = self._item, None
            return item

    def stop(self) -> None:
        """Read no more; the thread ends with the frame that it reads."""
        self._stopped = True

    def _run(self) -> None:
        try:
            with closing(self._open()) as frames:
                self._read(frames)
                self.finished = frames.error is None and not getattr(frames, "live", True) and frames.info.duration is not None
                ended = frames.error or "it sends no more frames"
        except AufaitError as error:
            ended = str(error)
        except Exception as error:  # a decoder may raise what it likes; the source is then broken, not the studio
            ended = f"it cannot be read ({error})"
        with self._changed:
            self.ended = ended
            self._changed.notify_all()

    def _read(self, frames: Any) -> None:
        own_pace = getattr(frames, "live", True)
        begin: tuple[float, float] | None = None
        for frame in frames:
            now = time.monotonic()
            begin = begin or (now, frame.timestamp)
            early = frame.timestamp - begin[1] - (now - begin[0])
            if not own_pace and early > 0:  # a film comes as fast as the network is
                self._pause(min(early, QUIET_SECONDS / 2))
            if self._stopped:
                return
            self._put((frame.image, frame.timestamp, time.monotonic()))

    def _put(self, item: tuple[np.ndarray, float, float]) -> None:
        with self._changed:
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify_all()


@dataclass
class Patience:
    """How long to wait before the next try."""

    tries: int = 0

    def failed(self, after: float) -> float:
        """Seconds to wait now.

        Args:
            after: seconds for which it had run.
        """
        self.tries = 1 if after >= STEADY_SECONDS else self.tries + 1
        return PAUSES[min(self.tries, len(PAUSES)) - 1]


@dataclass
class SourceClock:
    """Seconds since a source was asked for, by the source's own clock; they only grow, also over breaks.

    Attributes:
        begun: ``time.monotonic`` then.
    """

    begun: float
    _offset: float = 0.0
    _last: float = 0.0

    def begin(self, timestamp: float, came: float) -> None:
        """The source begins, again: this is the time of its first frame, and when it came."""
        self._offset = came - self.begun - timestamp

    def __call__(self, timestamp: float) -> float:
        """Seconds of a frame."""
        if timestamp + self._offset <= self._last:  # its clock went back, or had run ahead before the break
            self._offset = self._last + _SHORTEST - timestamp
        self._last = timestamp + self._offset
        return self._last


@dataclass
class _Watch:
    """One source while it is watched."""

    connection: Connection
    line: Line
    follower: Follower
    name: str
    clock: SourceClock = field(default_factory=lambda: SourceClock(time.monotonic()))
    viewers: int = 1
    stopped: bool = False

    def state(self, state: str, message: str) -> None:
        self.line.say("state", state, message)

    def listen(self, seconds: float) -> None:
        """Hear what the server wants, for at most so long."""
        until = time.monotonic() + seconds
        while not self.stopped and self.connection.poll(max(0.0, until - time.monotonic())):
            kind, *details = self.connection.recv()
            if kind == "stop":
                self.stopped = True
            elif kind == "viewers":
                self.viewers = details[0]


def watch(connection: Connection, line: Line, follower: Follower, source: str | int) -> None:
    """Follow a source until the server says stop or is gone; what is seen is sent without being asked for."""
    name = f"camera {source}" if isinstance(source, int) else shown(source)
    watched = _Watch(connection, line, follower, name)
    follower.begin()
    patience = Patience()
    while not watched.stopped:
        watched.state("connecting", f"Connecting to {name}.")
        latest = Latest(lambda: open_frames(place_of(source)))
        begun = time.monotonic()
        try:
            ran = _follow(watched, latest)
        finally:
            latest.stop()
        if watched.stopped:
            break
        if latest.finished:
            watched.state("ended", f"{name} is at its end.")
            while not watched.stopped:
                watched.listen(QUIET_SECONDS)
            break
        wait = patience.failed(time.monotonic() - begun if ran else 0.0)
        why = _sentence(latest.ended or f"no frame came for {QUIET_SECONDS:g} s")
        watched.state("broken", f"{why} Next try in {wait:g} s.")
        watched.listen(wait)
    line.say("stopped")
    line.wait()


def _sentence(text: str) -> str:
    begin = text if "://" in text.split()[0] else text[:1].upper() + text[1:]
    return f"{begin.rstrip('.')}."


def _follow(watched: _Watch, latest: Latest) -> bool:
    """Analyse frames until the source breaks off; whether there was one."""
    running, last_frame = False, time.monotonic()
    while True:
        watched.listen(0)
        if watched.stopped:
            return running
        item = latest.take(_LOOK)
        if item is None:
            if latest.ended is not None or time.monotonic() - last_frame > QUIET_SECONDS:
                return running
            continue
        image, timestamp, came = item
        last_frame = came
        if not running:
            running = True
            watched.clock.begin(timestamp, came)
            watched.state("running", f"Frames come from {watched.name}.")
        seconds = watched.clock(timestamp)
        if watched.viewers:
            _send(watched, latest, image, seconds, came)


def _send(watched: _Watch, latest: Latest, image: np.ndarray, seconds: float, came: float) -> None:
    """Find the faces of a frame; the line does the rest, while the next frame is looked at."""
    found = watched.follower.find(image, seconds)

    def told() -> tuple[str, bytes, dict[str, Any]]:
        told = watched.follower.tell(found)
        server_ms = round(1000 * (time.monotonic() - came), 1)
        return "frame", jpeg_of(image), {**told, "server_ms": server_ms, "dropped": latest.dropped}

    watched.line.put(told)


def jpeg_of(image: np.ndarray) -> bytes:
    """A frame (H, W, 3) uint8 RGB as viewers get it: JPEG, 1280 pixels wide at most."""
    from PIL import Image

    picture = Image.fromarray(image)
    if picture.width > _WIDEST:
        picture = picture.resize((_WIDEST, max(1, round(picture.height * _WIDEST / picture.width))), Image.Resampling.BILINEAR)
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=_QUALITY)
    return kept.getvalue()

"""Which drawings are being made: one at a time, kept until the events or the recording change."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.studio.drawings import PROGRESS, draw, watch
from aufait.studio.errors import StudioError
from aufait.studio.exports import Export, standing_events
from aufait.studio.provenance import record_of

if TYPE_CHECKING:
    from aufait.studio.studio import Studio

log = logging.getLogger("aufait.studio")


@dataclass(frozen=True)
class Drawing:
    """One that is being made.

    Attributes:
        future: of the process.
        stamp: what it shows; another one makes it out of date.
    """

    future: Future[None]
    stamp: str


class DrawingJobs:
    """The process that draws, started when it is needed."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[tuple[str, str], Drawing] = {}

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._pool is not None:
            for process in list((getattr(self._pool, "_processes", None) or {}).values()):
                process.kill()
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None

    def drop(self, identity: str) -> None:
        """Give up what is drawn of a recording, which is about to go."""
        with self._lock:
            mine = [one for (recording, _), one in self._running.items() if recording == identity]
            if any(one.future.running() for one in mine):
                self._end()
            for key in [key for key in self._running if key[0] == identity]:
                self._running.pop(key).future.cancel()

    def ask(self, identity: str, export: Export) -> tuple[Path | None, float]:
        """The drawing, or None and how far it is, in [0, 1]; begun where it is not there.

        Raises:
            StudioError: 500, it could not be made.
        """
        folder = self._studio.place(identity) / "drawings" / export.format
        target, stamp = folder / f"drawing{export.extension}", self._stamp(identity, export)
        with self._lock:
            known = self._running.get((identity, export.format))
            if known is not None and not known.future.done() and known.stamp == stamp:
                return None, _progress(folder)
            if known is not None and known.future.done():
                del self._running[identity, export.format]
                _check(known.future)
            if target.is_file() and _read(folder / "stamp") == stamp:
                return target, 1.0
            folder.mkdir(parents=True, exist_ok=True)
            (folder / PROGRESS).unlink(missing_ok=True)
            (folder / "stamp").write_text(stamp, "utf-8")
            target.unlink(missing_ok=True)
            future = self._submit(self._order(identity, export, target))
            self._running[identity, export.format] = Drawing(future, stamp)
        return None, 0.0

    def _submit(self, job: dict[str, Any]) -> Future[None]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=watch, initargs=(os.getpid(),))
        try:
            return self._pool.submit(draw, job)
        except BrokenProcessPool:
            self._end()
            return self._submit(job)

    def _order(self, identity: str, export: Export, target: Path) -> dict[str, Any]:
        studio = self._studio
        recording, place = studio.done(identity), studio.place(identity)
        return {
            "format": export.format, "path": str(studio.video_path(identity)), "kind": recording["kind"], "name": recording["name"],
            "arrays": str(place / "arrays"), "target": str(target), "progress": str(target.parent / PROGRESS),
            "size": (recording["width"], recording["height"]), "events": standing_events(studio, identity),
            "record": record_of(place),
        }  # fmt: skip

    def _stamp(self, identity: str, export: Export) -> str:
        """What the drawing shows that may change."""
        recording = self._studio.done(identity)
        if export.format != "report":
            return str(recording["name"])
        events = self._studio.store.rows(
            "SELECT COUNT(*), MAX(id), TOTAL(onset + offset), TOTAL(LENGTH(status)), TOTAL(level), TOTAL(unit)"
            " FROM events WHERE recording = ?", (identity,)
        )  # fmt: skip
        return json.dumps([recording["name"], *events[0]])


def _check(future: Future[None]) -> None:
    """Tell why a drawing failed; it may be asked for again."""
    from aufait.errors import AufaitError

    error = None if future.cancelled() else future.exception()
    if error is None:
        return
    log.error("a drawing failed", exc_info=error)
    if isinstance(error, BrokenProcessPool):
        raise StudioError(500, "The process that drew it ended before it was done: perhaps memory ran out. Ask again.", "fault")
    told = f": {error}" if isinstance(error, AufaitError) else "; the log says why"
    raise StudioError(500, f"It could not be drawn{told}.", "fault")


def _progress(folder: Path) -> float:
    with suppress(OSError, ValueError):
        return float(json.loads((folder / PROGRESS).read_text("utf-8"))["progress"])
    return 0.0


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text("utf-8")
    return ""

"""Jobs: which recording is analysed next, by which process, and what becomes of it.

Each slot is a thread with a worker process of its own. A worker that dies takes its job with it, which is said to have failed; the
next job gets a new worker.
"""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.studio.events import keep_found
from aufait.studio.worker import work

if TYPE_CHECKING:
    from aufait.studio.studio import Studio

log = logging.getLogger("aufait.studio")

BROKEN_OFF = "The studio ended while this was analysed; it was begun again."
_PATIENCE = 3.0
"""Seconds after which a worker that does not heed a cancelled job is ended."""
_NICE = 5


class Jobs:
    """All slots of a studio.

    Args:
        studio: whose recordings.
        work: what a worker process does.

    Attributes:
        told: what a worker says of its models: ``finder``, ``finder_reason``, ``model``, ``networks``, or ``problem``.
    """

    def __init__(self, studio: Studio, work: Callable[..., None] = work) -> None:
        self._studio = studio
        self.work = work
        self._news = threading.Condition()
        self._closing = False
        self.told: dict[str, Any] = {}
        self._slots = [_Slot(self, number) for number in range(studio.settings.workers)]

    def start(self) -> None:
        """Begin; what ran when the studio ended the last time is queued again."""
        store = self._studio.store
        for row in store.rows("SELECT id FROM recordings WHERE state IN ('running', 'interrupted')"):
            store.update(row["id"], state="interrupted", problem=BROKEN_OFF)
            store.update(row["id"], state="waiting")
        for slot in self._slots:
            slot.thread.start()

    def close(self) -> None:
        """End all workers; their jobs are queued again at the next start."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        for slot in self._slots:
            if slot.thread.ident is not None:
                slot.thread.join(10)

    def wake(self) -> None:
        """There may be something to do."""
        with self._news:
            self._news.notify_all()

    def cancel(self, identity: str) -> bool:
        """End the job of a recording, or take it out of the queue; False where it neither runs nor waits."""
        store = self._studio.store
        if store.update(identity, only=("waiting",), state="cancelled", progress=None):
            return True
        with self._news:
            slot = next((one for one in self._slots if one.job == identity), None)
            if slot is None:
                return False
            slot.cancelled = slot.cancelled or time.monotonic()
            self._news.notify_all()
        return True

    def wait_until_left(self, identity: str, seconds: float = 15.0) -> bool:
        """Wait until no worker is at a recording any more; whether that is so."""
        end = time.monotonic() + seconds
        with self._news:
            while any(slot.job == identity for slot in self._slots):
                if (left := end - time.monotonic()) <= 0:
                    return False
                self._news.wait(left)
        return True

    def worker_ids(self) -> list[int]:
        """Process ids of the workers that live."""
        return [slot.process.pid for slot in self._slots if slot.process is not None and slot.process.pid is not None]

    def take(self, slot: _Slot) -> tuple[str, dict[str, Any]] | None:
        """The next job for a slot; waits for one; None: the studio closes."""
        while True:
            with self._news:
                if self._closing:
                    return None
                try:
                    taken = self._studio.store.take_next()
                except sqlite3.OperationalError:  # the disc is full, for instance; that may change
                    log.exception("the list of recordings cannot be written")
                    taken = None
                    self._news.wait(_PATIENCE)
                if taken is not None:
                    slot.job, slot.cancelled = taken[0], None
                    return taken
                self._news.wait(0.5)
            slot.listen()

    def leave(self, slot: _Slot) -> None:
        """A slot is done with its job."""
        with self._news:
            slot.job = None
            self._news.notify_all()

    @property
    def closing(self) -> bool:
        """Whether the studio ends."""
        return self._closing

    @property
    def studio(self) -> Studio:
        """Whose jobs these are."""
        return self._studio


class _Slot:
    """One worker and the thread that minds it."""

    def __init__(self, jobs: Jobs, number: int) -> None:
        self.jobs = jobs
        self.job: str | None = None
        self.cancelled: float | None = None
        self.process: Any = None
        self._line: Any = None
        self.thread = threading.Thread(target=self._mind, name=f"aufait-slot-{number}", daemon=True)

    def _mind(self) -> None:
        try:
            self._hire()
            while (taken := self.jobs.take(self)) is not None:
                try:
                    self._run(*taken)
                except Exception:
                    log.exception("a job was lost")
                    with suppress(Exception):  # the list itself may be what cannot be written
                        self._failed("It could not be analysed; the log says why.")
                finally:
                    self.jobs.leave(self)
        finally:
            self._dismiss()

    def listen(self) -> None:
        """Take in what the worker says while it has no job."""
        with suppress(EOFError, OSError):
            while self._line is not None and self._line.poll():
                kind, facts = self._line.recv()
                if kind == "ready":
                    self.jobs.told = facts

    def _hire(self) -> None:
        """A living worker."""
        if self.process is not None and self.process.is_alive():
            return
        self._dismiss()
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        orders = (theirs, self._detector({}), _NICE)
        self.process = context.Process(target=self.jobs.work, args=orders, name="aufait-worker", daemon=True)
        self.process.start()
        theirs.close()

    def _dismiss(self) -> None:
        if self._line is not None:
            self._line.close()
        if self.process is not None:
            self.process.kill()
            self.process.join(5)
        self.process = self._line = None

    def _run(self, identity: str, facts: dict[str, Any]) -> None:
        self._hire()
        job = self._order(identity, facts)
        try:
            self._line.send(("job", job))
            self._follow(identity)
        except (EOFError, OSError):
            if not self.jobs.closing:
                self._mourn()

    def _order(self, identity: str, facts: dict[str, Any]) -> dict[str, Any]:
        """What the worker is told."""
        studio = self.jobs.studio
        folder = studio.folder / "recordings" / identity
        return {
            "folder": str(folder), "path": str(studio.store.original(identity, studio.folder)), "name": facts["name"],
            "kind": facts["kind"], "needs_preview": facts.get("media_type") is None,
            "detector": self._detector(facts.get("asked", {})),
        }  # fmt: skip

    def _detector(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Settings of the detector of a job."""
        settings = self.jobs.studio.settings
        return {
            "finder": asked.get("finder") or settings.finder, "model": asked.get("model") or settings.model,
            "device": settings.device, "finder_model": settings.finder_model, "base_rates": asked.get("base_rate"),
            "min_confidence": asked.get("min_confidence", 0.5), "runtime": settings.runtime,
        }  # fmt: skip

    def _follow(self, identity: str) -> None:
        """Listen until the job has ended; returns early where the studio closes.

        Raises:
            EOFError: the worker has died.
        """
        asked = False
        while not self.jobs.closing:
            if self.cancelled is not None and not asked:
                asked = True
                self._line.send(("cancel", {}))
            if self.cancelled is not None and time.monotonic() > self.cancelled + _PATIENCE:
                self._dismiss()
                self._end("cancelled", progress=None)
                return
            if self._line.poll(0.1) and self._hear(identity, *self._line.recv()):
                return

    def _hear(self, identity: str, kind: str, facts: dict[str, Any]) -> bool:
        """Take in a message; whether the job has ended."""
        if kind == "ready":
            self.jobs.told = facts
        elif kind == "progress":
            self._progress(identity, **facts)
        elif kind == "cancelled":
            self._end("cancelled", progress=None)
        elif kind == "failed":
            self._failed(facts["message"])
        elif kind == "done":
            self._done(identity, facts)
        return kind in ("cancelled", "failed", "done")

    def _progress(self, identity: str, frames: int, total: int | None, fps: float) -> None:
        left = None if not total or fps <= 0 else round(max(0.0, (total - frames) / fps), 1)
        progress = {"frames": frames, "total": total, "fps": round(fps, 1) if fps > 0 else None, "seconds_left": left}
        self.jobs.studio.store.update(identity, only=("running",), progress=progress)

    def _done(self, identity: str, facts: dict[str, Any]) -> None:
        store = self.jobs.studio.store
        if store.facts(identity) is None:
            return
        keep_found(store, identity, facts.pop("events"))
        frames = facts.pop("frames")
        progress = {"frames": frames, "total": frames, "fps": None, "seconds_left": 0.0}
        folder = self.jobs.studio.folder / "recordings" / identity
        self._end("done", progress=progress, problem=None, size_bytes=size_of(folder), **facts)

    def _failed(self, message: str) -> None:
        self._end("failed", problem=message)

    def _mourn(self) -> None:
        """The worker has died."""
        self.process.join(2)
        code = self.process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
        self._dismiss()
        if self.cancelled is not None:
            self._end("cancelled", progress=None)
            return
        more = "perhaps memory ran out; make the file smaller, or try it again"
        self._failed(f"The process that analysed it ended {how} before it was done: {more}.")

    def _end(self, state: str, **facts: Any) -> None:
        if self.job is not None:
            self.jobs.studio.store.update(self.job, state=state, only=("running",), **facts)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total

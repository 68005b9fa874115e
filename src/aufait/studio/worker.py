"""A process that analyses recordings, one after the other, told what to do through a pipe.

It keeps its models between jobs. It ends itself when the pipe closes: then the server is gone.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from aufait.detection.detector import Detector

_BETWEEN = 0.25
"""Seconds from one word on the progress to the next."""


class Line:
    """The worker's end of the pipe; a thread listens, so that a job can be cancelled and a dead server is noticed.

    Attributes:
        cancelled: set when the job that runs is to end.
        jobs: what is to be done.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.cancelled = threading.Event()
        self.jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="aufait-line", daemon=True).start()

    def tell(self, kind: str, **facts: Any) -> None:
        """Send a message to the server."""
        with self._lock, suppress(OSError):
            self._connection.send((kind, facts))

    def _listen(self) -> None:
        while True:
            try:
                kind, facts = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            if kind == "cancel":
                self.cancelled.set()
            else:
                self.cancelled.clear()
                self.jobs.put(facts)


class Detectors:
    """The detector that was used last; another replaces it where settings differ."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] | None = None
        self._detector: Detector | None = None

    def get(self, settings: dict[str, Any]) -> Detector:
        """A detector with these settings."""
        from aufait.detection.detector import Detector

        if self._detector is None or settings != self._settings:
            if self._detector is not None:
                self._detector.close()
            self._detector, self._settings = None, None
            self._detector, self._settings = Detector(**settings), settings
        return self._detector


def work(connection: Connection, usual: dict[str, Any], nice: int = 0) -> None:
    """What the process does: jobs as they come, until the pipe closes.

    Args:
        usual: settings of the detector of most jobs, which is made at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server decides
    with suppress(OSError, AttributeError):
        os.nice(nice)
    line, detectors = Line(connection), Detectors()
    import aufait.detection.jobs  # noqa: F401  (takes seconds: before the first job)

    line.tell("ready", **_warm(detectors, usual))
    while True:
        job = line.jobs.get()
        _do(line, detectors, job)


def _warm(detectors: Detectors, usual: dict[str, Any]) -> dict[str, Any]:
    """What the page says of the models; or why there are none, as every job would say too."""
    from aufait.errors import AufaitError
    from aufait.models.registry import list_models

    try:
        detector = detectors.get(usual)
    except AufaitError as error:
        return {"problem": str(error), "networks": list_models()}
    facts = {"finder": detector.finder_name, "finder_reason": detector.finder_reason, "model": detector.settings["model"]}
    return {**facts, "networks": list_models()}


def _do(line: Line, detectors: Detectors, job: dict[str, Any]) -> None:
    from aufait.errors import AufaitError
    from aufait.studio.analysis import Cancelled, analyze

    told = 0.0

    def on_frame(frames: int, total: int | None, fps: float) -> None:
        nonlocal told
        if line.cancelled.is_set():
            raise KeyboardInterrupt
        if (now := time.monotonic()) >= told + _BETWEEN:
            told = now
            line.tell("progress", frames=frames, total=total, fps=fps)

    try:
        line.tell("done", **analyze(detectors.get(job["detector"]), job, on_frame))
    except (KeyboardInterrupt, Cancelled):
        line.tell("cancelled")
    except AufaitError as error:
        line.tell("failed", message=str(error))
    except MemoryError:
        line.tell("failed", message="It does not fit into memory; make it smaller first.")
    except OSError as error:
        line.tell("failed", message=f"A file could not be written or read: {error.strerror or error}.")
    except Exception as error:
        import logging

        logging.getLogger("aufait.studio").exception("a job failed")
        line.tell("failed", message=f"Unexpected {type(error).__name__}: {error}. Please report it.")

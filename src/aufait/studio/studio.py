"""The studio itself: its folder, its list of recordings and what is known of each. Routes and workers ask this object."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from aufait.analysis import ScoreTable
from aufait.studio.arrays import Arrays, ArraysCache
from aufait.studio.drawing_jobs import DrawingJobs
from aufait.studio.errors import StudioError
from aufait.studio.frames import frame_at
from aufait.studio.jobs import Jobs
from aufait.studio.settings import StudioSettings
from aufait.studio.store import Store
from aufait.studio.updates import Updates
from aufait.studio.worker import work

_ID = re.compile(r"[0-9a-f]{12}")


class Studio:
    """A folder with recordings.

    Args:
        work: what a worker process does; see ``aufait.studio.worker``.

    Attributes:
        folder: what the user named; ``studio.sqlite`` and ``recordings/ID`` are in it.
        settings: of the command line.
        store: the list in SQLite.
        jobs: what analyses.
        drawings: what draws.
        updates: what tells browsers of changes.
    """

    def __init__(self, folder: Path, settings: StudioSettings, work: Callable[..., None] = work) -> None:
        self.folder = folder
        self.settings = settings
        self.store = Store(folder / "studio.sqlite")
        self.updates = Updates()
        self.store.on_change = self.updates.tell
        self.jobs = Jobs(self, work)
        self.drawings = DrawingJobs(self)
        self._arrays = ArraysCache()

    def start(self) -> None:
        """Begin to analyse; what an earlier run of the studio left is tidied up first."""
        known = {row["id"] for row in self.store.rows("SELECT id FROM recordings")}
        with suppress(FileNotFoundError):
            for place in (self.folder / "recordings").iterdir():
                if _ID.fullmatch(place.name) and place.name not in known:  # an upload or a deletion that was broken off
                    shutil.rmtree(place, ignore_errors=True)
        for pattern in ("recordings/*/export-*", "markers-*"):
            for place in self.folder.glob(pattern):
                shutil.rmtree(place, ignore_errors=True)
        self.jobs.start()

    def close(self) -> None:
        """End the workers and release files."""
        self.jobs.close()
        self.drawings.close()
        self._arrays.clear()
        self.store.close()

    def recording(self, identity: str) -> dict[str, Any]:
        """A recording in the form of the API.

        Raises:
            StudioError: 404, no such recording.
        """
        found = self.store.recording(identity) if _ID.fullmatch(identity) else None
        if found is None:
            raise StudioError(404, "There is no such recording; it may have been deleted.", "unknown_recording")
        return found

    def done(self, identity: str) -> dict[str, Any]:
        """A recording whose results are there.

        Raises:
            StudioError: 404; 409, it is not analysed.
        """
        found = self.recording(identity)
        if found["state"] != "done":
            raise StudioError(409, f"This recording has no results yet, it is {found['state']}; wait until it is done.")
        return found

    def place(self, identity: str) -> Path:
        """Folder of a recording that exists."""
        self.recording(identity)
        return self.folder / "recordings" / identity

    def arrays(self, identity: str) -> Arrays:
        """Scores, boxes and landmarks of a recording that is done, memory-mapped.

        Raises:
            StudioError: 404; 409.
        """
        self.done(identity)
        return self._arrays.open(self.place(identity) / "arrays")

    def table(self, identity: str) -> ScoreTable:
        """Scores of a recording that is done; the arrays are kept and must not be changed.

        Raises:
            StudioError: 404; 409.
        """
        name = self.recording(identity)["name"]
        return self.arrays(identity).table(name, str(self.video_path(identity)))

    def video_path(self, identity: str) -> Path:
        """The file that was submitted, a video or a picture.

        Raises:
            StudioError: 404; 409, a file that was submitted by its path is gone.
        """
        self.recording(identity)
        path = self.store.original(identity, self.folder)
        if not path.is_file():
            raise StudioError(409, "The file of this recording is gone: it was moved or deleted.", "file_gone")
        return path

    def frame(self, identity: str, time: float) -> tuple[np.ndarray, float]:
        """The frame that is shown at a time: (H, W, 3) uint8 RGB, upright, and its own time in seconds.

        Raises:
            StudioError: 404; 409.
            InputError: it cannot be read.
        """
        recording = self.recording(identity)
        return frame_at(self.video_path(identity), recording["kind"], time)

    def delete(self, identity: str) -> None:
        """Remove a recording for good: its files, rows, events and markers. A job that runs is cancelled first.

        Raises:
            StudioError: 404; 503, its worker does not let go of it.
        """
        place = self.place(identity)
        self.jobs.cancel(identity)
        if not self.jobs.wait_until_left(identity):
            raise StudioError(503, "This recording is still being analysed and cannot be deleted now; try again.")
        self.drawings.drop(identity)
        self._arrays.drop(place / "arrays")
        shutil.rmtree(place, ignore_errors=True)
        if place.exists():
            raise StudioError(500, "Some files cannot be removed; the folder of the studio may not be writable.", "cannot_write")
        self.store.delete(identity)

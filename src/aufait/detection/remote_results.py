"""Results that go into a bucket: made whole in a folder of this machine, then sent, the record last.

A record in the bucket thus vouches for the files next to it. Results that are there are fetched before the work begins, so that
what is whole is kept; what a run that was stopped left unfinished or unsent stays in the folder for the next one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.detection.plan import OutputOptions, Task
from aufait.detection.resume import read_record
from aufait.errors import AufaitError, OutputError
from aufait.files.atomic import is_partial, output_errors
from aufait.files.buckets import BucketPath, bucket_path, open_storage, storage_errors
from aufait.files.cache import cache_folder

if TYPE_CHECKING:
    from aufait.detection.jobs import Outcome


class RemoteResults:
    """The results of one run.

    Args:
        place: the folder in the bucket.

    Attributes:
        folder: where they are until they are sent.

    Raises:
        MissingExtraError: s3fs is not installed.
    """

    def __init__(self, place: BucketPath) -> None:
        self.place = place
        self.folder = cache_folder() / "unsent" / hashlib.sha256(str(place).encode()).hexdigest()[:16]
        self._storage = open_storage()
        self._fetched: set[str] = set()

    def fetch(self, tasks: Sequence[Task], options: OutputOptions) -> None:
        """Bring the results that are in the bucket already, unless they are to be replaced.

        Raises:
            OutputError: no such bucket, not allowed, not reachable; or a file is there without a record.
        """
        there = self._names()
        for task in tasks:
            if options.overwrite or task.provenance.exists():
                continue
            if task.provenance.name in there:
                self._bring(task, there)
            elif taken := [path.name for path in task.outputs(options) if path.name in there]:
                raise OutputError(
                    f"{self.place / taken[0]} exists, and no record says how it was made; "
                    "give --overwrite to replace it, or another folder with -o"
                )

    def send(self, outcome: Outcome) -> None:
        """Put a result that is whole into the bucket; what goes wrong becomes a problem of the outcome."""
        from aufait.detection.jobs import Problem

        paths = [path for path in outcome.outputs if path.exists() and not is_partial(path)]
        if len(paths) < len(outcome.outputs) or not paths:
            return
        try:
            if not (outcome.kept and outcome.task.stem in self._fetched):  # what is in the bucket already, and stayed as it was
                with storage_errors(self.place, OutputError):
                    for path in paths:  # the record is the last of them
                        self._storage.put_file(str(path), (self.place / path.name).path)
        except AufaitError as error:
            outcome.status = "failed"
            outcome.problems.append(Problem(f"{outcome.task.title}: {error}; the result waits in {self.folder}", error.exit_code))
            return
        outcome.outputs = [self.place / path.name for path in paths]  # type: ignore[misc]  # they are only shown
        for path in paths:
            path.unlink(missing_ok=True)

    def _names(self) -> set[str]:
        """Names of the files in the folder."""
        with storage_errors(BucketPath(self.place.bucket), OutputError):
            try:
                return {str(key).rpartition("/")[2] for key in self._storage.ls(self.place.path, detail=False)}
            except FileNotFoundError:
                if self._storage.exists(self.place.bucket):  # which says no, too, where nothing can be reached
                    return set()
                raise OutputError(f"there is no bucket {self.place.bucket}; make it first, or check its name") from None

    def _bring(self, task: Task, there: set[str]) -> None:
        self._get(task.provenance)
        record: dict[str, Any] = read_record(task.provenance) or {"files": {}}
        for name, facts in record["files"].items():
            if name in there:
                self._get(path := task.folder / name)
                when = facts.get("modified_ns")
                if isinstance(when, int) and path.stat().st_size == facts.get("bytes"):
                    os.utime(path, ns=(when, when))
        self._fetched.add(task.stem)

    def _get(self, path: Path) -> None:
        with storage_errors(self.place / path.name, OutputError), output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._storage.get_file((self.place / path.name).path, str(path))


def remote_results(out: Path) -> RemoteResults | None:
    """Where results go whose folder is named s3://BUCKET/PATH; None for a folder of this machine."""
    place = bucket_path(out)
    return None if place is None else RemoteResults(place)

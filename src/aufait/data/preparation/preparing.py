"""Preparation of a data set: every recording becomes a shard of aligned faces, in parallel, resumable at any point.

One process works on one recording at a time and writes its shard: faces, then table, then the record with checksums. A
shard counts only with its record. After a kill the records say what is finished; everything else is made again, and as each
recording is processed alone, on one thread, the result has the same bytes as without the kill.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aufait.data.dataset import AUDataset
from aufait.data.preparation.cache import FaceCache
from aufait.data.preparation.finding import FinderFactory
from aufait.data.preparation.shards import shard_stem
from aufait.data.preparation.sources import mark_synthetic, recording_digest
from aufait.data.preparation.storage import FORMAT, MANIFEST, SETTINGS, SHARDS, TABLE, read_json, write_json
from aufait.data.preparation.workers import Job, Outcome, Plan, run_jobs
from aufait.data.preparation.writing import assemble
from aufait.data.recording import Recording
from aufait.errors import InputError, OutputError
from aufait.faces.finder import create_finder
from aufait.files.atomic import is_partial, output_errors
from aufait.inputs.alignments import Alignment, get_alignment
from aufait.machine import cores

LANDMARKS = ("auto", "distributed", "detect")
"""Where landmarks may come from; auto takes distributed ones where every recording has them, else detects them all."""

ProgressCallback = Callable[[int, int], None]
"""Called with the frames done so far and all frames."""

_SHARD_SUFFIXES = (".u8", ".safetensors", ".json")


def prepare(
    dataset: AUDataset,
    out: str | os.PathLike[str],
    *,
    alignment: str | Alignment = "jaa_net",
    landmarks: str = "auto",
    finder: str | FinderFactory = "auto",
    workers: int | None = None,
    progress: ProgressCallback | None = None,
    overwrite: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> FaceCache:
    """Aligned faces of every labelled frame of a data set.

    A second call with the same arguments keeps what is finished and intact. Recordings that cannot be read, and frames
    without a face, are listed in the manifest and do not stop the rest.

    Args:
        dataset: opened with pictures.
        out: folder of the cache: new, empty, or of an earlier run with the same settings.
        alignment: standard frame, a key of ``ALIGNMENTS``.
        landmarks: one of ``LANDMARKS``.
        finder: name of a face finder, or a function that makes one (it must be importable in other processes).
        workers: processes; one per core if None. The result does not depend on it.
        progress: called with the numbers of frames done and of all frames.
        overwrite: remove a cache of other settings in ``out`` and start again.
        root: folder of the data set, to look for the marker of rendered data; above the pictures it is found in any case.

    Returns:
        The finished cache.

    Raises:
        InputError: no pictures, unknown names, or nothing could be prepared.
        OutputError: ``out`` holds something else, cannot be written, is being written by another process, or is full.
        MissingModelError, MissingExtraError: the finder or the landmark files need something that is not installed.
    """
    frame, folder = get_alignment(alignment), Path(out)
    source, recordings = _chosen_source(landmarks, dataset.recordings), list(dataset.recordings)
    if not recordings or any(one.media is None for one in recordings):
        raise InputError(f"{dataset.name} has no recordings with pictures; open it with need_media=True and check its folder")
    recordings, synthetic = mark_synthetic(recordings, None if root is None else Path(root))
    settings: dict[str, Any] = {
        "format": FORMAT,
        "dataset": dataset.name,
        "action_units": list(dataset.action_units),
        "occurrence_threshold": dataset.occurrence_threshold,
        "alignment": frame.name,
        "frame": frame.to_dict(),
        "landmarks": source,
        "finder": _finder_name(finder) if source == "detect" else None,
        "synthetic": synthetic,
    }
    digests = {one.name: recording_digest(one) for one in recordings}
    _enter_folder(folder, settings, digests, overwrite)
    with _locked(folder):
        plan = Plan(folder / SHARDS, frame, source, settings["finder"] if isinstance(finder, str) else finder)
        jobs = [_job(index, one, settings, digests) for index, one in enumerate(recordings)]
        outcomes = _run(folder, plan, jobs, workers or cores(), progress)
        return _finish(folder, settings, digests, jobs, outcomes)


def _chosen_source(landmarks: str, recordings: Sequence[Recording]) -> str:
    if landmarks not in LANDMARKS:
        raise InputError(f"landmarks must be one of {', '.join(LANDMARKS)}, got {landmarks!r}")
    if landmarks == "distributed" and not any(one.load_landmarks for one in recordings):
        raise InputError("the data set distributes no landmarks (or they are not in its folder); use landmarks='detect'")
    if landmarks == "auto":
        return "distributed" if recordings and all(one.load_landmarks for one in recordings) else "detect"
    return landmarks


def _finder_name(finder: str | FinderFactory) -> str:
    """What a finder is in the end; fails here, and not in every process, where it cannot be made."""
    made = create_finder(finder) if isinstance(finder, str) else finder()
    try:
        return made.name
    finally:
        made.close()


def _job(index: int, recording: Recording, settings: Mapping[str, Any], digests: Mapping[str, str]) -> Job:
    key = hashlib.sha256(json.dumps([settings, digests[recording.name]], sort_keys=True).encode()).hexdigest()
    # Read-only mappings do not travel to other processes.
    plain = replace(recording, attributes=dict(recording.attributes), frame_attributes=dict(recording.frame_attributes))
    return Job(index, shard_stem(index, recording.name), key, plain)


# ---------------------------------------------------------------------------------------------------------------------
# The folder
# ---------------------------------------------------------------------------------------------------------------------


def _enter_folder(folder: Path, settings: Mapping[str, Any], digests: Mapping[str, str], overwrite: bool) -> None:
    """Make the folder, or see that it belongs to the same settings; leftovers of a kill are removed."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; choose a folder")
    wanted = {**settings, "source": _joint(digests), "recordings": dict(digests)}
    with output_errors(folder):
        if (folder / SETTINGS).is_file():
            differences = _differences(read_json(folder / SETTINGS), wanted)
            if not differences:
                (folder / SHARDS).mkdir(exist_ok=True)
                return
            if not overwrite:
                raise OutputError(
                    f"{folder} holds faces prepared differently: {'; '.join(differences)}. "
                    "Choose another folder, or start again with overwrite (--overwrite)"
                )
            with _locked(folder):
                _clear(folder)
        strangers = _strangers(folder)
        if strangers:
            raise OutputError(
                f"{folder} is not empty and holds no prepared faces ({', '.join(strangers[:3])}); choose another folder"
            )
        (folder / SHARDS).mkdir(parents=True, exist_ok=True)
        write_json(folder / SETTINGS, wanted)


def _strangers(folder: Path) -> list[str]:
    """Names in a folder that no unfinished or cleared cache leaves behind."""
    if not folder.exists():
        return []
    return sorted(
        path.name
        for path in folder.iterdir()
        if not is_partial(path) and not (path.name == SHARDS and path.is_dir() and not any(path.iterdir()))
    )


def _joint(digests: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(list(digests.items())).encode()).hexdigest()


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two settings, as phrases."""
    found = [
        f"{name} was {_short(old.get(name))}, now {_short(new[name])}"
        for name in new
        if name not in ("source", "recordings") and old.get(name) != new[name]
        and not (name == "frame" and old.get("alignment") != new["alignment"])
    ]
    kept, now = old.get("recordings"), new["recordings"]
    before = kept if isinstance(kept, dict) else {}
    changed = [name for name in now if name in before and before[name] != now[name]]
    for what, names in (
        ("labels or pictures changed in", changed),
        ("new:", [name for name in now if name not in before]),
        ("no longer there:", [name for name in before if name not in now]),
    ):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            found.append(f"{what} {', '.join(names[:3])}{more}")
    return found or (["the order of the recordings"] if old.get("source") != new["source"] else [])


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _clear(folder: Path) -> None:
    """Remove a cache; files of other names stay."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in (folder / SHARDS).glob("*"):
        if path.name.endswith(_SHARD_SUFFIXES):
            path.unlink()
    for name in (TABLE, SETTINGS):
        (folder / name).unlink(missing_ok=True)


def _sweep(folder: Path, stems: set[str]) -> None:
    """Remove what a killed run left half-written, and shards that belong to no recording."""
    for path in filter(is_partial, folder.iterdir()):
        path.unlink()
    for path in (folder / SHARDS).iterdir():
        if is_partial(path) or (path.name.endswith(_SHARD_SUFFIXES) and path.stem not in stems):
            path.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder against other processes; the lock goes when the process does, however that ends.

    Raises:
        OutputError: another process has it.
    """
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    with (folder / SETTINGS).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise OutputError(f"another process prepares faces in {folder}; wait for it or choose another folder") from error
        yield


# ---------------------------------------------------------------------------------------------------------------------
# The work
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class _Counter:
    """Adds up frames for the caller's display."""

    total: int
    callback: ProgressCallback | None
    done: int = 0

    def add(self, frames: int) -> None:
        self.done += frames
        if self.callback:
            self.callback(min(self.done, self.total), self.total)


def _run(
    folder: Path, plan: Plan, jobs: Sequence[Job], workers: int, progress: ProgressCallback | None
) -> dict[int, Outcome]:
    """All jobs, the longest first; index -> outcome."""
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    with output_errors(folder):
        _sweep(folder, {job.stem for job in jobs})
    counter = _Counter(sum(len(job.recording) for job in jobs), progress)
    outcomes: dict[int, Outcome] = {}
    order = sorted(jobs, key=lambda job: (-len(job.recording), job.index))
    try:
        for outcome in run_jobs(plan, order, min(workers, len(jobs)), counter.add):
            outcomes[outcome.index] = outcome
    except OutputError as error:
        raise _full(folder, plan.alignment, jobs, outcomes, error) or error from error
    return outcomes


def _full(
    folder: Path, alignment: Alignment, jobs: Sequence[Job], outcomes: Mapping[int, Outcome], error: OutputError
) -> OutputError | None:
    """An error that says how much room is needed, where a full disc was the reason."""
    # An error of another process has lost its cause on the way; the system's words are still in its text.
    if not any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT)):
        return None
    left = sum(len(job.recording) for job in jobs if job.index not in outcomes)
    free = ""
    with suppress(OSError):
        import shutil

        free = f", {size_text(shutil.disk_usage(folder).free)} are free"
    return OutputError(
        f"the disc of {folder} is full: about {size_text(left * alignment.side**2 * 3)} more are needed for {left:,} frames{free}. "
        f"Free that much (or choose another disc) and run the same command again: {len(outcomes)} of {len(jobs)} recordings "
        "are finished and kept"
    )


def size_text(count: int) -> str:
    """Bytes as text for people: "2.4 GB", "31.0 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _finish(
    folder: Path,
    settings: Mapping[str, Any],
    digests: Mapping[str, str],
    jobs: Sequence[Job],
    outcomes: Mapping[int, Outcome],
) -> FaceCache:
    """The manifest over all shards.

    Raises:
        InputError: there is not one face; nothing stays in the folder.
    """
    shards, failed = [], []
    for job in jobs:
        outcome = outcomes[job.index]
        if outcome.record is None:
            failed.append({"name": job.recording.name, "error": outcome.error})
        else:
            shards.append((job.stem, outcome.record))
    if not any(record["faces"] for _, record in shards):
        _clear(folder)
        for empty in (folder / SHARDS, folder):
            with suppress(OSError):  # other files of the user may be there
                empty.rmdir()
        if failed:
            raise InputError(f"nothing could be prepared; {failed[0]['name']}: {failed[0]['error']}")
        reasons = sorted({reason for _, record in shards for reason in record["missing"]})
        raise InputError(f"nothing could be prepared: no frame of {len(shards)} recordings has a face ({', '.join(reasons)})")
    assemble(folder, {**settings, "source": _joint(digests)}, shards, failed)
    return FaceCache.open(folder)


def missing_frames(cache: FaceCache) -> dict[str, dict[str, int]]:
    """Reason -> recording -> number of its labelled frames that have no face for that reason."""
    found: dict[str, dict[str, int]] = {}
    for entry in cache.manifest["recordings"]:
        for reason, ranges in entry["missing"].items():
            pairs = np.array(ranges, dtype=np.int64).reshape(-1, 2)
            found.setdefault(reason, {})[entry["name"]] = int((pairs[:, 1] - pairs[:, 0] + 1).sum())
    return dict(sorted(found.items()))

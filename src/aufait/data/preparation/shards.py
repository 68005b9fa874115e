"""One recording of a cache: written face by face, finished with checksums, found again if the process was killed."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from aufait.data.preparation.storage import checksum_of, read_json, write_json, write_tensors
from aufait.data.recording import Recording
from aufait.errors import InputError
from aufait.files.atomic import whole_file
from aufait.files.hashes import file_sha256

ATTRIBUTE = "attribute:"
"""Prefix of per-frame attributes among the arrays of a table."""

_LONGEST_NAME = 100


def shard_stem(index: int, name: str) -> str:
    """Common part of the file names of a recording: its place in the data set and its name, in safe characters."""
    return f"{index:05d}-{re.sub(r'[^A-Za-z0-9._+-]+', '_', name)[:_LONGEST_NAME]}"


def recording_facts(recording: Recording) -> dict[str, Any]:
    """Everything about a recording that is not per frame, ready for JSON."""
    rate = recording.frame_rate
    return {
        "name": recording.name,
        "dataset": recording.dataset,
        "subject": recording.subject,
        "task": recording.task,
        "view": recording.view,
        "person": recording.person,
        "nominal_rate": rate,
        "first_frame": recording.first_frame,
        "occurrence_coded": recording.occurrence_coded,
        "attributes": {str(key): _plain(value) for key, value in recording.attributes.items()},
    }


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; what it cannot becomes text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def label_columns(recording: Recording) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Per-frame columns of a recording.

    Returns:
        Arrays of F rows by name, and the texts for the columns of codes (per-frame attributes that are text).
    """
    columns: dict[str, np.ndarray] = {
        "frame": recording.frames.astype(np.int64),
        "occurrence": recording.occurrence.astype(np.int8),
        "intensity": recording.intensity.astype(np.int8),
        "occurrence_known": recording.occurrence_known.astype(bool),
        "intensity_known": recording.intensity_known.astype(bool),
    }
    categories: dict[str, list[str]] = {}
    for name, values in sorted(recording.frame_attributes.items()):
        values = np.asarray(values)
        if values.dtype.kind in "biuf":
            columns[ATTRIBUTE + name] = values.astype(np.float64)
        else:
            texts, codes = np.unique(values.astype(str), return_inverse=True)
            columns[ATTRIBUTE + name] = codes.reshape(len(values)).astype(np.int32)
            categories[name] = texts.tolist()
    return columns, categories


class ShardWriter:
    """Takes the faces of one recording in order and closes them with landmarks, labels and checksums.

    Use it in a ``with`` block and call ``finish`` at its end; after an error nothing of the shard stays.

    Args:
        folder: of the shards; must exist.
        stem: common part of the file names.
        side: side of the faces in pixels.
    """

    def __init__(self, folder: Path, stem: str, side: int) -> None:
        self.folder = folder
        self.stem = stem
        self.side = side
        self.count = 0
        self._digest = hashlib.sha256()
        self._stack = ExitStack()
        self._file: Any = None

    def __enter__(self) -> Self:
        # A record of an earlier run would vouch for faces that are about to be replaced.
        record_path(self.folder, self.stem).unlink(missing_ok=True)
        partial = self._stack.enter_context(whole_file(faces_path(self.folder, self.stem)))
        self._file = self._stack.enter_context(partial.open("wb"))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._stack.__exit__(kind, value, trace)
        finally:
            if not record_path(self.folder, self.stem).is_file():
                faces_path(self.folder, self.stem).unlink(missing_ok=True)
                table_path(self.folder, self.stem).unlink(missing_ok=True)

    def write(self, faces: np.ndarray) -> None:
        """Append faces (n, side, side, 3) uint8 RGB.

        Raises:
            OSError: the disc is full; leaving the block turns it into an ``OutputError``.
        """
        if faces.shape[1:] != (self.side, self.side, 3) or faces.dtype != np.uint8:
            raise InputError(f"faces must be (n, {self.side}, {self.side}, 3) uint8, got {faces.shape} {faces.dtype}")
        content = np.ascontiguousarray(faces).reshape(-1).data
        self._file.write(content)
        self._digest.update(content)
        self.count += len(faces)

    def close(self) -> dict[str, Any]:
        """Give the file of faces its name: ``{"bytes": size, "sha256": digest}``."""
        self._stack.close()
        return {"bytes": self.count * self.side * self.side * 3, "sha256": self._digest.hexdigest()}

    def finish(
        self,
        recording: Recording,
        rows: np.ndarray,
        landmarks: np.ndarray,
        pose: np.ndarray,
        missing: Mapping[str, Sequence[int]],
        key: str = "",
    ) -> dict[str, Any]:
        """Write the table and the record; afterwards the shard counts as finished.

        Args:
            recording: with all its frames.
            rows: (n,) rows of the recording that the faces belong to, increasing.
            landmarks: (n, N, 2) float32 in face pixels.
            pose: (n, 3) float32 pitch, yaw, roll in degrees, nan where unknown.
            missing: reason -> frame numbers that have no face for that reason.
            key: says what the shard was made from; a shard with another key is made again.

        Returns:
            The record, as ``read_record`` gives it.

        Raises:
            OutputError: a file cannot be written.
        """
        if not len(rows) == len(landmarks) == len(pose) == self.count:
            raise ValueError(f"{self.count} faces, but {len(rows)} rows, {len(landmarks)} landmarks, {len(pose)} poses")
        faces = self.close()
        columns, categories = label_columns(recording)
        table = {name: values[rows] for name, values in columns.items()}
        table |= {"landmarks": landmarks.astype(np.float32), "pose": pose.astype(np.float32)}
        record = {
            "key": key,
            "recording": recording_facts(recording),
            "frames": len(recording),
            "faces": self.count,
            "missing": {reason: frame_ranges(frames) for reason, frames in sorted(missing.items()) if len(frames)},
            "categories": categories,
            "files": {"faces": faces, "table": write_tensors(table_path(self.folder, self.stem), table)},
        }
        write_json(record_path(self.folder, self.stem), {**record, "checksum": checksum_of(record)})
        return record


def frame_ranges(frames: Sequence[int]) -> list[list[int]]:
    """Frame numbers as [first, last] pairs of runs without gap."""
    values = np.unique(np.asarray(frames, dtype=np.int64))
    cuts = np.flatnonzero(np.diff(values) != 1) + 1
    return [[int(run[0]), int(run[-1])] for run in np.split(values, cuts) if len(run)]


def faces_path(folder: Path, stem: str) -> Path:
    """File of the faces."""
    return folder / f"{stem}.u8"


def table_path(folder: Path, stem: str) -> Path:
    """File of frames, labels, landmarks and pose."""
    return folder / f"{stem}.safetensors"


def record_path(folder: Path, stem: str) -> Path:
    """File that vouches for the two others."""
    return folder / f"{stem}.json"


def read_record(folder: Path, stem: str, key: str = "", *, verify: bool = True) -> dict[str, Any] | None:
    """The record of a finished shard, or None where it is absent, of another key, or does not match its files.

    Args:
        folder, stem, key: as for ``ShardWriter``.
        verify: compare checksums too, not sizes alone.
    """
    path = record_path(folder, stem)
    if not path.is_file():
        return None
    try:
        record = read_json(path)
        if record["key"] != key or record.pop("checksum", None) not in (None, checksum_of(record)):
            return None
        for name, home in (("faces", faces_path(folder, stem)), ("table", table_path(folder, stem))):
            wanted = record["files"][name]
            if home.stat().st_size != wanted["bytes"] or (verify and file_sha256(home) != wanted["sha256"]):
                return None
    except (InputError, OSError, KeyError, TypeError, AttributeError):
        return None
    return record


def read_table(folder: Path, stem: str) -> dict[str, np.ndarray]:
    """Columns of a finished shard, in memory: data sets have more recordings than a process may map files."""
    from safetensors.numpy import load_file

    table: dict[str, np.ndarray] = load_file(table_path(folder, stem))
    return table

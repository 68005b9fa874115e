"""Aligned faces on the disc, read at random: what training and evaluation see of a data set.

    >>> cache = FaceCache.open("/data/disfa-faces")  # doctest: +SKIP
    >>> split = get_protocol("disfa").split(cache.dataset(), fold=1)  # doctest: +SKIP
    >>> rows = cache.rows_of(split.train)  # doctest: +SKIP
    >>> cache.faces(rows[:32]).shape  # doctest: +SKIP
    (32, 200, 200, 3)

Rows are numbered through the whole cache: recordings in the order of the data set, frames in order within each. Frames
without a face have no row. Faces, landmarks and labels are mapped into memory and never loaded as a whole; a cache can be
sent to other processes, which open the files for themselves.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.preparation.manifest import check_manifest, check_table
from aufait.data.preparation.shards import ATTRIBUTE
from aufait.data.preparation.storage import MANIFEST, SETTINGS, map_tensors, read_json
from aufait.data.recording import Recording
from aufait.errors import InputError
from aufait.files.hashes import file_sha256

_OPEN_FILES = 256
"""Recordings whose faces stay mapped at a time; each holds a file handle, and systems often allow 1,024."""


class _MappedFaces:
    """The faces of one recording, mapped into memory: ``pixels`` (n, side, side, 3) uint8."""

    def __init__(self, path: Path, count: int, side: int) -> None:
        with path.open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.pixels = np.frombuffer(self._memory, np.uint8).reshape(count, side, side, 3)
        self._size = side * side * 3

    def announce(self, row: int) -> None:
        """Tell the system that a face will be read soon, so that a disc fetches all faces of a batch at once."""
        if hasattr(mmap, "MADV_WILLNEED"):
            start = row * self._size // mmap.PAGESIZE * mmap.PAGESIZE
            self._memory.madvise(mmap.MADV_WILLNEED, start, (row + 1) * self._size - start)


class FaceCache:
    """A folder of aligned faces; make it with ``FaceCache.open``.

    Attributes:
        path: folder.
        manifest: content of its ``manifest.json``.
        name: name of the data set.
        alignment: name of the standard frame, a key of ``ALIGNMENTS``.
        side: side of the faces in pixels.
        points: number of landmarks N: 68, 66 or 49.
        action_units: FACS numbers of the label columns.
        synthetic: whether the faces are rendered; results on them must say so.
        fingerprint: hash of everything that training reads (pixels, landmarks, labels); copies have the same.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.name: str = manifest["dataset"]
        self.alignment: str = manifest["alignment"]
        self.side: int = manifest["frame"]["side"]
        self.points: int = manifest["points"]
        self.action_units: tuple[int, ...] = tuple(manifest["action_units"])
        self.synthetic: bool = manifest["synthetic"]
        self.fingerprint: str = manifest["fingerprint"]
        self._table = map_tensors(path / manifest["table"]["file"])
        check_table(self._table, manifest, path / manifest["table"]["file"])
        self._entries: list[dict[str, Any]] = manifest["recordings"]
        self._starts = np.array([one["start"] for one in self._entries] + [manifest["faces"]], dtype=np.int64)
        self._maps: OrderedDict[int, _MappedFaces] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str], verify: bool = False) -> FaceCache:
        """Open a finished cache.

        Args:
            path: its folder.
            verify: read everything and compare checksums, that of the manifest and its names too.

        Raises:
            InputError: no cache, an unfinished or damaged one, or one of another format.
        """
        folder = Path(path)
        manifest = _read_manifest(folder, sealed=verify)
        _check_sizes(folder, manifest)
        if verify:
            damaged = damaged_files(folder, manifest)
            if damaged:
                raise InputError(f"{folder} is damaged: {_some(damaged)} changed since they were written; run aufait prepare again")
        return cls(folder, manifest)

    def __len__(self) -> int:
        """Number of faces S."""
        return int(self._starts[-1])

    def __repr__(self) -> str:
        return f"FaceCache({str(self.path)!r}: {len(self):,} faces of {self.name}, {self.alignment}, {self.side} px)"

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "manifest": self.manifest}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], state["manifest"])  # type: ignore[misc]

    @cached_property
    def _dataset(self) -> AUDataset:
        threshold = self.manifest["occurrence_threshold"]
        recordings = tuple(self._recording(entry) for entry in self._entries if entry["faces"])
        return AUDataset(self.name, self.action_units, recordings, AnomalyLog(), threshold)

    def dataset(self) -> AUDataset:
        """Labels of the S faces, without pictures: the same recordings, subjects, tasks, views and attributes.

        Frames without a face are left out; so are recordings without any.
        """
        return self._dataset

    def _recording(self, entry: dict[str, Any]) -> Recording:
        own = slice(entry["start"], entry["start"] + entry["faces"])
        pose = self._table["pose"][own]
        return Recording(
            dataset=entry["dataset"],
            subject=entry["subject"],
            task=entry["task"],
            frames=self._table["frame"][own],
            action_units=self.action_units,
            occurrence=self._table["occurrence"][own],
            intensity=self._table["intensity"][own],
            occurrence_known=self._table["occurrence_known"][own],
            intensity_known=self._table["intensity_known"][own],
            nominal_rate=entry["nominal_rate"],
            first_frame=entry["first_frame"],
            view=entry["view"],
            person=entry["person"],
            pose=None if np.isnan(pose).all() else pose,
            attributes=MappingProxyType(dict(entry["attributes"])),
            frame_attributes=MappingProxyType({name: self._attribute(name, own) for name in entry["frame_attributes"]}),
            occurrence_coded=entry["occurrence_coded"],
        )

    def _attribute(self, name: str, own: slice) -> np.ndarray:
        values = self._table[ATTRIBUTE + name][own]
        texts = self.manifest["categories"].get(name)
        if texts is None:
            return values
        if len(values) and not (values.min() >= -1 and values.max() < len(texts)):
            raise InputError(f"{self.path} is damaged: {name} of some frames is no text of the manifest; run aufait prepare again")
        return np.array([*texts, ""], dtype=str)[values]

    def rows_of(self, dataset: AUDataset) -> np.ndarray:
        """Where the frames of a data set are in this cache.

        Args:
            dataset: made from ``dataset()`` by protocols or selections.

        Returns:
            (S',) int64 rows, in the order of ``dataset.label_table()``.

        Raises:
            InputError: a recording or frame that this cache does not have.
        """
        parts = [self._rows_of(recording) for recording in dataset.recordings]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {entry["name"]: number for number, entry in enumerate(self._entries)}

    def _rows_of(self, recording: Recording) -> np.ndarray:
        if recording.name not in self._places:
            raise InputError(f"{self.path} has no recording {recording.name}; split the data set that cache.dataset() gives")
        number = self._places[recording.name]
        start, end = int(self._starts[number]), int(self._starts[number + 1])
        frames = self._table["frame"][start:end]
        place = np.searchsorted(frames, recording.frames)
        absent = place == len(frames)
        absent[~absent] = frames[place[~absent]] != recording.frames[~absent]
        if absent.any():
            first = int(recording.frames[absent][0])
            raise InputError(
                f"{self.path} has no face for frame {first} of {recording.name} ({int(absent.sum())} such frames); "
                "split the data set that cache.dataset() gives"
            )
        return start + place.astype(np.int64)

    def faces(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Aligned faces.

        Args:
            rows: (n,) rows in any order, also repeated.
            out: (n, side, side, 3) uint8 array to fill; a new one if None.

        Returns:
            (n, side, side, 3) uint8 RGB.

        Raises:
            InputError: a row that does not exist.
        """
        wanted = self._checked(rows)
        faces = np.empty((len(wanted), self.side, self.side, 3), np.uint8) if out is None else out
        number = np.searchsorted(self._starts, wanted, side="right") - 1
        places = list(zip(number.tolist(), (wanted - self._starts[number]).tolist(), strict=True))
        for shard, row in places:
            self._faces_of(shard).announce(row)
        for place, (shard, row) in enumerate(places):
            faces[place] = self._faces_of(shard).pixels[row]
        return faces

    def _faces_of(self, shard: int) -> _MappedFaces:
        """Faces of one recording, mapped; the ones used longest ago are let go."""
        with self._lock:
            if (faces := self._maps.get(shard)) is not None:
                self._maps.move_to_end(shard)
                return faces
            entry = self._entries[shard]
            faces = self._maps[shard] = _MappedFaces(self.path / entry["file"], entry["faces"], self.side)
            if len(self._maps) > _OPEN_FILES:
                self._maps.popitem(last=False)
            return faces

    def landmarks(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n, N, 2) float32 landmarks in face pixels, N = ``points``."""
        return self._table["landmarks"][self._checked(rows)]

    def pose(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n, 3) float32 pitch, yaw, roll in degrees; nan where unknown."""
        return self._table["pose"][self._checked(rows)]

    def frames(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n,) int64 frame numbers as the label files count them."""
        return self._table["frame"][self._checked(rows)]

    def recordings(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n,) str names of the recordings."""
        names = np.array([entry["name"] for entry in self._entries] or [""], dtype=str)
        return names[np.searchsorted(self._starts, self._checked(rows), side="right") - 1]

    def neighbours(self, rows: Sequence[int] | np.ndarray, interval: int) -> np.ndarray:
        """Rows of the frames ``interval`` before and after, in the same recording.

        Args:
            rows: (n,) rows.
            interval: distance in frames, at least 0 (AUNet: 10).

        Returns:
            (n, 2) int64: earlier and later; the row itself where that frame has no face or no label.
        """
        if interval < 0:
            raise InputError(f"interval must be at least 0 frames, got {interval}")
        wanted = self._checked(rows)
        number = np.searchsorted(self._starts, wanted, side="right") - 1
        order, span, low = self._order
        own = number * span + self._table["frame"][wanted] - low
        reach = min(interval, span // 3)  # no two frames of the cache are further apart
        found = np.stack([own - reach, own + reach], axis=1)  # (n, 2)
        place = np.minimum(np.searchsorted(order, found), max(len(order) - 1, 0))
        return np.where(order[place] == found, place, wanted[:, None]) if len(order) else np.zeros((0, 2), np.int64)

    @cached_property
    def _order(self) -> tuple[np.ndarray, int, int]:
        """(S,) increasing numbers made of recording and frame, room per recording, and the lowest frame number.

        Each recording has three times the room its frames need, so that a neighbour beyond its end never meets another one.
        """
        frames = self._table["frame"]
        low, high = (int(frames.min()), int(frames.max())) if len(frames) else (0, 0)
        span = 3 * (high - low + 1)
        number = np.repeat(np.arange(len(self._entries), dtype=np.int64), np.diff(self._starts))
        return number * span + (frames - low), span, low

    def _checked(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        wanted = np.asarray(rows, dtype=np.int64).reshape(-1)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise InputError(f"rows must be in 0..{len(self) - 1}, got {int(wanted.min())}..{int(wanted.max())}")
        return wanted


def _read_manifest(folder: Path, *, sealed: bool) -> dict[str, Any]:
    """The manifest of a folder.

    Raises:
        InputError: there is none, or it is damaged or of another format; with ``sealed`` also where no checksum vouches for it.
    """
    path = folder / MANIFEST
    if not path.is_file():
        if (folder / SETTINGS).is_file():
            raise InputError(f"{folder} is unfinished; run the same aufait prepare again to resume")
        raise InputError(f"{folder} holds no prepared faces; make them with: aufait prepare DATASET ROOT --output {folder}")
    manifest = read_json(path)
    check_manifest(manifest, path, sealed=sealed)
    return manifest


def cache_files(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every file that a manifest vouches for: {"file": ..., "bytes": ..., "sha256": ...}."""
    return [manifest["table"], *manifest["recordings"], *(one["table"] for one in manifest["recordings"])]


def _check_sizes(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raises where a file of the cache is missing or has another size."""
    wrong = [one["file"] for one in cache_files(manifest) if _size(folder / one["file"]) != one["bytes"]]
    if wrong:
        raise InputError(f"{folder} is damaged: {_some(wrong)} missing or of another size; run aufait prepare again")


def damaged_files(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Files of a cache whose checksum is not that of the manifest, or that are missing."""
    return [
        one["file"]
        for one in cache_files(manifest)
        if _size(folder / one["file"]) != one["bytes"] or file_sha256(folder / one["file"]) != one["sha256"]
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more

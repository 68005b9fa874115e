"""Batches of stored faces by row number: labels as one table in memory, pixels from the caches while the network is busy.

Which faces make up a batch, and the random numbers of their augmentation, depend only on the seed and the number of the epoch.
Several processes share each batch: every one takes each n-th face of it, so that together they see what a single one would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from aufait.data.dataset import AUDataset
from aufait.data.preparation.cache import FaceCache
from aufait.errors import InputError
from aufait.inputs.network_inputs import draw_faces
from aufait.losses.labels import AULabels
from aufait.machine import cores

_READERS = min(4, cores())
"""Threads that read batches before they are needed; copying pixels leaves the interpreter to others."""


@dataclass(frozen=True)
class FaceBatch:
    """Stored faces with labels, before any augmentation.

    Attributes:
        faces: (B, S, S, 3) uint8.
        landmarks: (B, N, 2) float32 pixels of the faces.
        occurrence, intensity: (B, A) float32.
        known: (B, A) bool, of the label that is learned.
        dataset: (B,) int64 index of the data set, in the order of the table's names.
        row: (B,) int64 row of the table.
        draws: (B, n) uniform numbers for the augmentation, on the CPU; None outside training.
        neighbour_faces: (B, 2, S, S, 3) uint8 of the earlier and later frame, or None.
        neighbour_landmarks: (B, 2, N, 2) float32, or None.
    """

    faces: Tensor
    landmarks: Tensor
    occurrence: Tensor
    intensity: Tensor
    known: Tensor
    dataset: Tensor
    row: Tensor
    draws: Tensor | None = None
    neighbour_faces: Tensor | None = None
    neighbour_landmarks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.faces)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Faces and labels on a device; what geometry is computed from stays on the CPU."""
        stay = ("draws", "landmarks", "neighbour_landmarks", "row")
        moved = {
            one.name: getattr(self, one.name).to(device, non_blocking=non_blocking)
            for one in fields(self)
            if one.name not in stay and getattr(self, one.name) is not None
        }
        return replace(self, **moved)

    @property
    def neighbours(self) -> tuple[Tensor, Tensor] | None:
        """Faces and landmarks of the neighbouring frames, as ``network_inputs`` takes them."""
        if self.neighbour_faces is None or self.neighbour_landmarks is None:
            return None
        return self.neighbour_faces, self.neighbour_landmarks

    def labels(self, landmarks: Tensor | None) -> AULabels:
        """Labels for a criterion; ``landmarks`` in pixels of the network's input."""
        finite = None if landmarks is None else landmarks.isfinite().all(-1).all(-1)
        return AULabels(
            occurrence=self.occurrence,
            intensity=self.intensity,
            known=self.known,
            landmarks=landmarks,
            landmarks_known=finite,
            dataset=self.dataset,
        )


@dataclass(frozen=True, eq=False)
class FaceTable:
    """Labels of R faces and where their pixels are.

    Attributes:
        names: data sets.
        source: (R,) index of the data set.
        cache_row: (R,) row in that data set's cache.
        occurrence, intensity: (R, A) float32.
        known: (R, A) bool, of the label that is learned.
        recording: (R,) number of the recording.
        persons: identities of the people in it.
    """

    names: tuple[str, ...]
    source: np.ndarray
    cache_row: np.ndarray
    occurrence: np.ndarray
    intensity: np.ndarray
    known: np.ndarray
    recording: np.ndarray
    persons: tuple[str, ...]

    @classmethod
    def of(cls, dataset: AUDataset, caches: Mapping[str, FaceCache], target: str) -> FaceTable:
        """Faces of a data set (or union) with at least one known label.

        Args:
            dataset: part of what the caches' ``dataset()`` give, with the action units of the protocol.
            caches: name of the data set -> cache.
            target: "occurrence" or "intensity", which label must be known.

        Raises:
            InputError: no cache for a data set, or not a single known label.
        """
        names = tuple(dict.fromkeys(one.dataset for one in dataset.recordings))
        missing = [name for name in names if name not in caches]
        if missing:
            raise InputError(f"no cache was given for {', '.join(missing)}; given: {', '.join(caches) or 'none'}")
        labels = dataset.label_table()
        of_recording = np.array([names.index(one.dataset) for one in dataset.recordings], dtype=np.int64)
        source = of_recording[labels.recording] if len(of_recording) else np.zeros(0, np.int64)
        rows = np.zeros(len(labels), dtype=np.int64)
        for index, name in enumerate(names):
            own = replace(dataset, recordings=tuple(one for one in dataset.recordings if one.dataset == name))
            rows[source == index] = caches[name].rows_of(own)
        known = labels.intensity_known if target == "intensity" else labels.occurrence_known
        kept = known.any(axis=1)
        if not kept.any():
            raise InputError(f"none of the {len(labels)} faces has a known {target} of AUs {dataset.action_units}")
        return cls(
            names=names,
            source=source[kept],
            cache_row=rows[kept],
            occurrence=labels.occurrence[kept].astype(np.float32),
            intensity=labels.intensity[kept].astype(np.float32),
            known=known[kept],
            recording=labels.recording[kept],
            persons=tuple(sorted(set(labels.person[kept].tolist()))),
        )

    def __len__(self) -> int:
        return len(self.source)

    def thinned(self, most: int) -> FaceTable:
        """At most that many faces, evenly spread over the table; 0 keeps all."""
        if not most or len(self) <= most:
            return self
        return self._rows(np.unique(np.linspace(0, len(self) - 1, most).round().astype(np.int64)))

    def drawn(self, positives: int, negatives: int, seed: int) -> FaceTable:
        """So many frames with and without each action unit from every recording, as DRML draws them.

        Every action unit has its own draw; in frames that are not drawn for it, its label counts as unknown. Recordings with
        fewer give all they have, and faces that are drawn for no action unit are left out.

        Args:
            positives: frames with the action unit at most, per recording and action unit; 0 takes all.
            negatives: frames without it at most; 0 takes all.
            seed: of the draw.
        """
        if not positives and not negatives:
            return self
        rows, units = np.nonzero(self.known)
        present = self.occurrence[rows, units] > 0
        groups = np.stack((self.recording[rows], units, present))
        chance = np.random.default_rng(seed).random(len(rows))
        order = np.lexsort((chance, *groups))
        first = np.r_[True, (np.diff(groups[:, order]) != 0).any(axis=0)]  # where a group begins
        place = np.arange(len(order)) - np.flatnonzero(first)[first.cumsum() - 1]  # within its group
        limit = np.where(present[order], positives, negatives)
        kept = order[(limit == 0) | (place < limit)]
        known = np.zeros_like(self.known)
        known[rows[kept], units[kept]] = True
        return replace(self, known=known)._rows(np.flatnonzero(known.any(axis=1)))

    def share(self, rank: int, world: int) -> FaceTable:
        """Every ``world``-th face."""
        return self if world == 1 else self._rows(np.arange(rank, len(self), world))

    def _rows(self, kept: np.ndarray) -> FaceTable:
        arrays = {one.name: getattr(self, one.name)[kept] for one in fields(self) if one.name not in ("names", "persons")}
        return replace(self, **arrays)


class Batches(ABC):
    """Iterates over batches of one process; Lightning takes it in place of a data loader.

    Args:
        faces: in an epoch, numbered from 0.
        batch_size: faces per batch of all processes together.
        seed: of order and augmentation; ``None`` reads the faces in their order, without random numbers, to the last one.
        drop_last: leave a smaller last batch out.
        rank, world: this process and how many there are.
        pin: put pixels in memory that a GPU can fetch by itself.

    Raises:
        InputError: the processes cannot share a batch, or there is none.
    """

    readers = _READERS
    """Threads that read batches at the same time."""

    def __init__(self, faces: int, *, batch_size: int, seed: int | None, drop_last: bool, rank: int, world: int, pin: bool) -> None:
        if batch_size % world:
            raise InputError(f"batch_size is that of all {world} processes and must be a multiple of {world}, got {batch_size}")
        self.count, self.batch_size, self.seed, self.drop_last = faces, batch_size, seed, drop_last
        self.rank, self.world, self.pin = rank, world, pin
        self.epoch = 0
        self._first = self._done = 0  # batches of the coming epoch to leave out, and those handed out in this one
        self.sampler, self.batch_sampler = self, None  # Lightning tells samplers the number of the epoch
        if not len(self):
            raise InputError(f"{faces} faces make no whole batch of {batch_size}; choose a smaller batch_size")

    @abstractmethod
    def read(self, rows: np.ndarray, draws: Tensor | None) -> FaceBatch:
        """This process's share of a batch.

        Args:
            rows: (n,) numbers of the faces.
            draws: (n, m) uniform numbers of their augmentation, or None.
        """

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next pass is; the order of faces depends on it."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self._groups(np.arange(self.count)))

    def __iter__(self) -> Iterator[FaceBatch]:
        first, self._done, self._first = self._first, self._first, 0
        groups, waiting = self._groups(self._order()), deque[Future[FaceBatch]]()
        pool = ThreadPoolExecutor(self.readers, thread_name_prefix="aufait-faces")
        try:
            for number in range(first, len(groups) + self.readers):
                if number < len(groups):
                    waiting.append(pool.submit(self._batch, self.epoch, number, groups[number]))
                if waiting and (len(waiting) > self.readers or number >= len(groups)):
                    batch = waiting.popleft().result()
                    self._done += 1
                    yield batch
        finally:
            pool.shutdown(cancel_futures=True)

    def shares(self) -> list[np.ndarray]:
        """Rows of this process in each batch of the coming pass."""
        return [one[self.rank :: self.world] for one in self._groups(self._order())[self._first :]]

    def _batch(self, epoch: int, number: int, chosen: np.ndarray) -> FaceBatch:
        """This process's share of a batch."""
        draws = None
        if self.seed is not None:  # for the whole batch, so that sharing it changes nothing
            draws = draw_faces(len(chosen), _generator(self.seed, epoch, number + 1))[self.rank :: self.world]
        return self.read(chosen[self.rank :: self.world], draws)

    def _order(self) -> np.ndarray:
        if self.seed is None:
            return np.arange(self.count)
        return torch.randperm(self.count, generator=_generator(self.seed, self.epoch, 0)).numpy()

    def _groups(self, order: np.ndarray) -> list[np.ndarray]:
        groups = np.split(order, np.arange(self.batch_size, len(order), self.batch_size)) if len(order) else []
        if self.seed is None or not groups or len(groups[-1]) == self.batch_size:
            return groups
        # In training all processes take as many faces, and a single face has no statistics to normalise by.
        rest = len(groups[-1]) // self.world * self.world
        keep = not self.drop_last and rest > 1
        return [*groups[:-1], groups[-1][:rest]] if keep else groups[:-1]

    def state_dict(self) -> dict[str, Any]:
        """Batches of this epoch that were handed out; Lightning keeps it with a checkpoint and gives it back on resuming."""
        return {"done": self._done % len(self)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Start the coming epoch after the batches that were seen before the run was stopped."""
        self._first = int(state["done"])


class FaceBatches(Batches):
    """Batches of prepared faces.

    Args:
        table: labels and places.
        caches: name of the data set -> cache.
        interval: distance of the neighbouring frames; 0 reads none.
        batch_size, seed, drop_last, rank, world, pin: see ``Batches``.
    """

    def __init__(
        self,
        table: FaceTable,
        caches: Mapping[str, FaceCache],
        *,
        batch_size: int,
        seed: int | None = None,
        drop_last: bool = False,
        interval: int = 0,
        rank: int = 0,
        world: int = 1,
        pin: bool = False,
    ) -> None:
        self.table, self.caches, self.interval = table, caches, interval
        super().__init__(len(table), batch_size=batch_size, seed=seed, drop_last=drop_last, rank=rank, world=world, pin=pin)

    def read(self, rows: np.ndarray, draws: Tensor | None) -> FaceBatch:
        """See ``Batches``."""
        table = self.table
        faces, landmarks = self._pixels(table.source[rows], table.cache_row[rows])
        around: tuple[Tensor, Tensor] | None = None
        if self.interval:
            around = self._neighbours(table.source[rows], table.cache_row[rows])
        return FaceBatch(
            faces=faces,
            landmarks=landmarks,
            occurrence=torch.from_numpy(table.occurrence[rows]),
            intensity=torch.from_numpy(table.intensity[rows]),
            known=torch.from_numpy(table.known[rows]),
            dataset=torch.from_numpy(table.source[rows]),
            row=torch.from_numpy(rows.astype(np.int64)),
            draws=draws,
            neighbour_faces=None if around is None else around[0],
            neighbour_landmarks=None if around is None else around[1],
        )

    def _pixels(self, source: np.ndarray, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """(n, S, S, 3) faces and (n, 49 or more, 2) landmarks from one cache or several."""
        from aufait.landmarks import convert

        parts = [(np.flatnonzero(source == index), self.caches[name]) for index, name in enumerate(self.table.names)]
        parts = [(places, cache) for places, cache in parts if len(places)]
        points = min(cache.points for cache in self.caches.values())
        side = parts[0][1].side if parts else 0
        # Pinned memory is kept for the next batch; other memory is new each time, which costs more than the copying.
        faces = torch.empty((len(rows), side, side, 3), dtype=torch.uint8, pin_memory=self.pin)
        landmarks = np.empty((len(rows), points, 2), np.float32)
        for places, cache in parts:
            if len(parts) == 1:
                cache.faces(rows, out=faces.numpy())
            else:
                faces.numpy()[places] = cache.faces(rows[places])
            landmarks[places] = convert(np.array(cache.landmarks(rows[places])), points)
        return faces, torch.from_numpy(landmarks)

    def _neighbours(self, source: np.ndarray, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        around = np.empty((len(rows), 2), np.int64)
        for index, name in enumerate(self.table.names):
            own = source == index
            if own.any():
                around[own] = self.caches[name].neighbours(rows[own], self.interval)
        faces, landmarks = self._pixels(np.repeat(source, 2), around.reshape(-1))
        return faces.unflatten(0, (-1, 2)), landmarks.unflatten(0, (-1, 2))


def _generator(seed: int, epoch: int, batch: int) -> torch.Generator:
    """Random numbers that depend on three numbers only; 0 as ``batch`` is the order of the epoch."""
    words = np.random.SeedSequence([seed, epoch, batch]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))

"""Rendered faces as an endless source of training data: nothing is written to disk, no face is seen twice.

    source = RenderedFaces(seed=3, persons_per_batch=8, workers=4)
    for batch in source:
        loss = criterion(network(batch.images), batch.left, batch.right)

The unit of work is a person: person n always looks the same, whoever renders it, and batches hold persons in the order of their
numbers. So training sees the same faces with any number of workers, and continues at batch n with ``first=n``. Pictures travel
through memory that is shared with the workers (``aufait.synthetic.ring``). Every face is synthetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aufait.errors import InputError
from aufait.synthetic.dataset import MAX_IDENTITIES, DatasetConfig, identity_frames
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS
from aufait.synthetic.head.assets import FaceModel, find_assets, load_face_model
from aufait.synthetic.renderer import Frame, frame_labels
from aufait.synthetic.ring import Ring, drawn_here


@dataclass(frozen=True, eq=False)
class RenderedBatch:
    """B rendered faces with labels; left and right are the subject's.

    Attributes:
        number: of the batch.
        images: (B, S, S, 3) uint8 RGB.
        left, right: (B, 19) float32 intensities 0-5, units in the order of ``RenderedFaces.action_units``.
        landmarks: (B, 68, 2) float32 pixels.
        visible: (B, 68) bool, the point is in the picture and nothing hides it.
        identity: (B,) int64 number of the person.
    """

    number: int
    images: Tensor
    left: Tensor
    right: Tensor
    landmarks: Tensor
    visible: Tensor
    identity: Tensor


class RenderedFaces(Iterable[RenderedBatch]):
    """Batches of rendered faces until the persons of a seed are used up: ``MAX_IDENTITIES``.

    Args:
        seed: seeds share no person, nor with data sets of ``aufait synth`` of other seeds.
        persons_per_batch: each with ``frames_per_person`` frames.
        frames_per_person: pictures of one person in a batch, each in another scene.
        size: side of the square pictures in pixels, 32-2048.
        first: number of the first batch, to continue where a training stopped.
        rank, world: of ``world`` processes that train together, this is number ``rank``; it gets every ``world``-th batch.
        occluder_odds: share of frames with a hand, object or mask in front of the face.
        workers: processes that render; 0 renders in this one.
        assets: ICT-FaceKit file, see ``assets.find_assets``.
        renderer: "cpu" or "opengl", see ``DatasetConfig``; every worker opens the graphics card for itself.

    Raises:
        InputError: a number out of its range.
        MissingModelError: the geometry is absent.
    """

    action_units: tuple[int, ...] = LABELLED_ACTION_UNITS

    def __init__(
        self,
        *,
        seed: int = 0,
        persons_per_batch: int = 8,
        frames_per_person: int = 1,
        size: int = 256,
        first: int = 0,
        rank: int = 0,
        world: int = 1,
        occluder_odds: float = 0.08,
        workers: int = 0,
        assets: str | Path | None = None,
        renderer: str = "cpu",
    ) -> None:
        if not 0 <= rank < world:
            raise InputError(f"rank must be 0 to world - 1, got rank {rank} of {world}")
        if first < 0 or persons_per_batch < 1 or workers < 0:
            raise InputError(
                f"first and workers must be 0 or more, persons_per_batch 1 or more; got {first}, {workers} and {persons_per_batch}"
            )
        self.persons_per_batch, self.first, self.rank, self.world, self.workers = persons_per_batch, first, rank, world, workers
        self.config = DatasetConfig(
            frames=MAX_IDENTITIES * frames_per_person, seed=seed, size=size, frames_per_identity=frames_per_person,
            occluder_odds=occluder_odds, renderer=renderer,
        )  # fmt: skip
        self.batches = MAX_IDENTITIES // persons_per_batch
        self._drawing = _Persons(self.config, find_assets(assets))

    def __iter__(self) -> Iterator[RenderedBatch]:
        """Batches; workers end when the iterator is closed or at its end."""
        start = self.first + (self.rank - self.first) % self.world  # the first that belongs to this rank
        numbers = range(start, self.batches, self.world)
        persons = chain.from_iterable(map(self._persons, numbers))
        if not self.workers:
            yield from self._batched(numbers, drawn_here(self._drawing, persons))
            return
        with Ring(self._drawing, self.workers) as ring:
            yield from self._batched(numbers, ring.pictures(persons))

    def _persons(self, number: int) -> range:
        first = self.config.identities.start + number * self.persons_per_batch
        return range(first, first + self.persons_per_batch)

    def _batched(self, numbers: range, pictures: Iterator[tuple[np.ndarray, Any]]) -> Iterator[RenderedBatch]:
        each = self.config.frames_per_identity
        for number in numbers:
            images = np.empty((self.persons_per_batch, *self._drawing.shape), np.uint8)
            facts = []
            for place in range(self.persons_per_batch):
                images[place], fact = next(pictures)
                facts.append(fact)
            left, right, landmarks, visible = (torch.from_numpy(np.concatenate(one)) for one in zip(*facts, strict=True))
            persons = torch.from_numpy(np.repeat(np.array(self._persons(number), np.int64), each))
            yield RenderedBatch(number, torch.from_numpy(images).flatten(0, 1), left, right, landmarks, visible, persons)


@dataclass(frozen=True)
class _Persons:
    """All frames of one person as a drawing: (F, S, S, 3), with left (F, 19), right, landmarks (F, 68, 2) and visible (F, 68)."""

    config: DatasetConfig
    assets: Path

    @property
    def shape(self) -> tuple[int, ...]:
        return self.config.frames_per_identity, self.config.size, self.config.size, 3

    def begin(self) -> FaceModel:
        """The geometry."""
        return load_face_model(self.assets)

    def draw(self, tools: FaceModel, number: int, out: np.ndarray) -> tuple[np.ndarray, ...]:
        """Person ``number``."""
        frames = list(identity_frames(tools, self.config, number))
        out[:] = [frame.image for frame in frames]
        points = np.stack([frame.landmarks for frame in frames]), np.stack([frame.visible for frame in frames])
        return _levels(frames, "left"), _levels(frames, "right"), *points


def _levels(frames: list[Frame], side: str) -> np.ndarray:
    labels = [frame_labels(frame)[side] for frame in frames]
    return np.array([[one[unit] for unit in LABELLED_ACTION_UNITS] for one in labels], np.float32)

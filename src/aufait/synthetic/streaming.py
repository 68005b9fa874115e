"""Rendered faces as an endless source of training data: nothing is written to disk, no face is seen twice.

    from torch.utils.data import DataLoader

    source = RenderedFaces(seed=3, persons_per_batch=8)
    for batch in DataLoader(source, batch_size=None, num_workers=4, multiprocessing_context="spawn"):
        loss = criterion(network(batch.images), batch.left, batch.right)

The unit of work is a batch: batch number n always holds the same persons, whoever renders it, and a ``DataLoader`` hands batches on
in the order of their numbers. So training sees the same faces with any number of workers, and continues at batch n with
``first=n``. Tensors travel from the workers through shared memory. Every face is synthetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from aufait.errors import InputError
from aufait.synthetic.dataset import MAX_IDENTITIES, DatasetConfig, identity_frames
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS
from aufait.synthetic.head.assets import FaceModel, find_assets, load_face_model
from aufait.synthetic.renderer import Frame, frame_labels


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


class RenderedFaces(IterableDataset[RenderedBatch]):
    """Batches of rendered faces until the persons of a seed are used up: ``MAX_IDENTITIES``.

    Args:
        seed: seeds share no person, nor with data sets of ``aufait synth`` of other seeds.
        persons_per_batch: each with ``frames_per_person`` frames.
        frames_per_person: pictures of one person in a batch, each in another scene.
        size: side of the square pictures in pixels, 32-2048.
        first: number of the first batch, to continue where a training stopped.
        rank, world: of ``world`` processes that train together, this is number ``rank``; it gets every ``world``-th batch.
        occluder_odds: share of frames with a hand, object or mask in front of the face.
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
        assets: str | Path | None = None,
        renderer: str = "cpu",
    ) -> None:
        if not 0 <= rank < world:
            raise InputError(f"rank must be 0 to world - 1, got rank {rank} of {world}")
        if first < 0 or persons_per_batch < 1:
            raise InputError(f"first must be 0 or more and persons_per_batch 1 or more, got {first} and {persons_per_batch}")
        self.persons_per_batch, self.first, self.rank, self.world = persons_per_batch, first, rank, world
        self.config = DatasetConfig(
            frames=MAX_IDENTITIES * frames_per_person, seed=seed, size=size, frames_per_identity=frames_per_person,
            occluder_odds=occluder_odds, renderer=renderer,
        )  # fmt: skip
        self.batches = MAX_IDENTITIES // persons_per_batch
        self._assets = find_assets(assets)

    def __iter__(self) -> Iterator[RenderedBatch]:
        worker = get_worker_info()
        place, count = (worker.id, worker.num_workers) if worker else (0, 1)
        model = load_face_model(self._assets)
        start = self.first + (self.rank - self.first) % self.world  # the first that belongs to this rank
        for number in range(start + self.world * place, self.batches, self.world * count):
            yield self._render(model, number)

    def _render(self, model: FaceModel, number: int) -> RenderedBatch:
        first = self.config.identities.start + number * self.persons_per_batch
        persons = range(first, first + self.persons_per_batch)
        made = [(person, frame) for person in persons for frame in identity_frames(model, self.config, person)]
        frames = [frame for _, frame in made]
        return RenderedBatch(
            number=number,
            images=_stacked([frame.image for frame in frames]),
            left=_levels(frames, "left"),
            right=_levels(frames, "right"),
            landmarks=_stacked([frame.landmarks for frame in frames]),
            visible=_stacked([frame.visible for frame in frames]),
            identity=torch.tensor([person for person, _ in made]),
        )


def _levels(frames: list[Frame], side: str) -> Tensor:
    labels = [frame_labels(frame)[side] for frame in frames]
    return torch.tensor([[one[unit] for unit in LABELLED_ACTION_UNITS] for one in labels], dtype=torch.float32)


def _stacked(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))

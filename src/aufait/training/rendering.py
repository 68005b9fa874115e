"""Faces of the face engine that are rendered while a network trains, in the standard frame of its data, with its action units.

Face n of a recipe's seed always looks the same, and epochs use up the numbers in turn: nobody is seen twice. So a training sees the
same faces with any number of workers and processes, and one that was stopped goes on with those that it would have seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from aufait.data.protocols import Protocol
from aufait.errors import InputError
from aufait.files.hashes import file_sha256
from aufait.inputs.alignments import get_alignment
from aufait.synthetic.dataset import FORMAT_VERSION, MAX_IDENTITIES, DatasetConfig, identity_frames, identity_intensities
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS
from aufait.synthetic.head.assets import FaceModel, find_assets, load_face_model
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.ring import Ring
from aufait.training.batches import Batches, FaceBatch, FaceTable
from aufait.training.recipe import Recipe
from aufait.training.run_folder import RENDERED

_SIZE = 256
"""Side of the pictures, pixels: faces then have about as many as in the standard frames, 0.65 to 1.3 times their side."""

_SEED = 10_000
"""Added to the recipe's, so that these persons are not those of ``aufait synth`` with a usual seed."""

_SAMPLE = 300
"""Faces whose labels, without pictures, stand for all when losses are weighed: some five seconds."""


@dataclass(frozen=True)
class AlignedFaces:
    """Faces of one size in a standard frame, each of another person, as a drawing.

    Attributes:
        config: persons and pictures.
        assets: file of the geometry.
        alignment: name of the standard frame.
        action_units: A numbers, of the labels.
    """

    config: DatasetConfig
    assets: Path
    alignment: str
    action_units: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(S, S, 3)."""
        side = get_alignment(self.alignment).side
        return side, side, 3

    def begin(self) -> FaceModel:
        """The geometry."""
        torch.set_num_threads(1)
        return load_face_model(self.assets)

    def draw(self, tools: FaceModel, number: int, out: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        """Face ``number``, with landmarks (68, 2) float32 in face pixels and intensities (A,) float32."""
        frame = next(identity_frames(tools, self.config, self.config.identities[number]))
        out[:], landmarks = get_alignment(self.alignment).aligned(frame.image, frame.landmarks)
        return number, landmarks, self.levels(frame.intensities)

    def undrawn(self, numbers: range) -> np.ndarray:
        """Intensities alone of some faces, (n, A) float32."""
        model, persons = load_face_model(self.assets), self.config.identities
        return np.stack([self.levels(next(identity_intensities(model, self.config, persons[number]))) for number in numbers])

    def levels(self, intensities: Intensities) -> np.ndarray:
        """(A,) float32 of the stronger side, whole numbers as people code them."""
        sides = (intensities.left, intensities.right)
        return np.array([round(max(side.get(unit, 0.0) for side in sides)) for unit in self.action_units], np.float32)


@dataclass(eq=False)
class Rendering:
    """What a recipe has rendered; to be closed after training.

    Attributes:
        drawing: the faces.
        faces: per epoch.
        threshold: intensity from which an action unit is present.
        workers: processes that render.
    """

    drawing: AlignedFaces
    faces: int
    threshold: int
    workers: int = 1
    _ring: Ring | None = field(default=None, init=False)

    @classmethod
    def of(cls, recipe: Recipe, protocol: Protocol, alignment: str) -> Self:
        """As a recipe asks for.

        Raises:
            InputError: more persons than one seed has, or none of the action units is one that the engine labels.
            MissingModelError: the geometry is absent.
        """
        if not set(protocol.action_units) & set(LABELLED_ACTION_UNITS):
            raise InputError(f"rendered faces have no label of {protocol.action_units}; known: {LABELLED_ACTION_UNITS}")
        faces = min(recipe.rendered, recipe.max_faces or recipe.rendered)
        if faces * recipe.epochs > MAX_IDENTITIES:
            raise InputError(
                f"rendered={faces} in {recipe.epochs} epochs are {faces * recipe.epochs:,} persons, and one seed has "
                f"{MAX_IDENTITIES:,}; choose fewer faces or epochs"
            )
        config = DatasetConfig(frames=MAX_IDENTITIES, seed=_SEED + recipe.seed, size=_SIZE, frames_per_identity=1)
        drawing = AlignedFaces(config, find_assets(None), alignment, protocol.action_units)
        return cls(drawing, faces, protocol.occurrence_threshold or 1)

    @cached_property
    def known(self) -> np.ndarray:
        """(A,) bool, the action units that the engine labels."""
        return np.isin(self.drawing.action_units, LABELLED_ACTION_UNITS)

    def facts(self) -> dict[str, Any]:
        """What run.json says, as of a cache."""
        drawing = self.drawing
        told = [FORMAT_VERSION, asdict(drawing.config), drawing.alignment, drawing.action_units, file_sha256(drawing.assets)]
        fingerprint = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        return {"fingerprint": fingerprint, "alignment": drawing.alignment, "faces": self.faces, "synthetic": True}

    def table(self) -> FaceTable:
        """Labels of the first faces, which stand for all; their pixels are nowhere."""
        intensity, rows = _sampled(self.drawing), np.arange(_SAMPLE)
        return FaceTable(
            names=(RENDERED,), source=np.zeros(_SAMPLE, np.int64), cache_row=rows, occurrence=self.occurrence(intensity),
            intensity=intensity, known=np.tile(self.known, (_SAMPLE, 1)), recording=rows, persons=(),
        )  # fmt: skip

    def occurrence(self, intensity: np.ndarray) -> np.ndarray:
        """Float32 labels of the same shape."""
        return (intensity >= self.threshold).astype(np.float32)

    def pictures(self, numbers: np.ndarray) -> Iterator[tuple[np.ndarray, Any]]:
        """See ``Ring.pictures``; workers are started when first needed."""
        if self._ring is None:
            self._ring = Ring(self.drawing, self.workers)
        return self._ring.pictures(numbers.tolist())

    def close(self) -> None:
        """End the workers."""
        if self._ring is not None:
            self._ring.close()
        self._ring = None


@lru_cache(maxsize=1)
def _sampled(drawing: AlignedFaces) -> np.ndarray:
    return drawing.undrawn(range(_SAMPLE))


class RenderedBatches(Batches):
    """Batches of faces that are rendered for them.

    Args:
        rendering: where they come from.
        options: see ``Batches``.
    """

    readers = 1

    def __init__(self, rendering: Rendering, **options: Any) -> None:
        self.rendering = rendering
        super().__init__(rendering.faces, **options)

    def __iter__(self) -> Iterator[FaceBatch]:
        """One epoch, or what is left of it."""
        numbers = np.concatenate([np.zeros(0, np.int64), *self.shares()]) + self.epoch * self.count
        self._pictures = self.rendering.pictures(numbers)
        yield from super().__iter__()

    def read(self, rows: np.ndarray, draws: Tensor | None) -> FaceBatch:
        """See ``Batches``; the next faces are those of the rows, as this is called for one batch after the other."""
        faces = torch.empty((len(rows), *self.rendering.drawing.shape), dtype=torch.uint8, pin_memory=self.pin)
        pixels, facts = faces.numpy(), []
        for place in range(len(rows)):
            pixels[place], fact = next(self._pictures)
            facts.append(fact)
        intensity = np.stack([levels for _, _, levels in facts])
        return FaceBatch(
            faces=faces,
            landmarks=torch.from_numpy(np.stack([landmarks for _, landmarks, _ in facts])),
            occurrence=torch.from_numpy(self.rendering.occurrence(intensity)),
            intensity=torch.from_numpy(intensity),
            known=torch.from_numpy(np.tile(self.rendering.known, (len(rows), 1))),
            dataset=torch.zeros(len(rows), dtype=torch.int64),
            row=torch.tensor([number for number, _, _ in facts]),
            draws=draws,
        )

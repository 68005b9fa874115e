"""Faces for figures: which frames are shown, as pictures and as a network's input. The choice is fixed by the labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from aufait.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from aufait.data.dataset import AUDataset, LabelTable
    from aufait.data.preparation import FaceCache
    from aufait.models.outputs import AUOutput
    from aufait.models.system import AUSystem
    from aufait.reproduction.laboratory import Laboratory


@dataclass(frozen=True, eq=False)
class TestFaces:
    """Test part of a run's first fold.

    Attributes:
        dataset: its recordings.
        cache: the faces they are in.
        labels: one row per frame.
        rows: (S,) rows in the cache.
        strength: (S, A) intensity where it is known, else 0 or 1 (times 2.5) by occurrence.
    """

    dataset: AUDataset
    cache: FaceCache
    labels: LabelTable
    rows: np.ndarray
    strength: np.ndarray

    @classmethod
    def of(cls, laboratory: Laboratory, run: str, dataset: str = "") -> TestFaces:
        """Test faces of a run."""
        chosen, cache = laboratory.test_set(run, dataset=dataset)
        return cls.whole(chosen, cache)

    @classmethod
    def whole(cls, dataset: AUDataset, cache: FaceCache) -> TestFaces:
        """All faces of a data set made from the cache's."""
        labels = dataset.label_table()
        graded = np.where(labels.intensity_known, labels.intensity, 0).astype(np.float32)
        occurs = np.where(labels.occurrence_known, labels.occurrence, 0) * np.float32(2.5)
        return cls(dataset, cache, labels, cache.rows_of(dataset), np.where(graded > 0, graded, occurs))

    def strongest(self, count: int, *, per_person: bool = True) -> np.ndarray:
        """Positions of the frames with the most expression, the sum of the strengths.

        With ``per_person`` each person comes once before anybody comes again, and then each recording once.

        Raises:
            InputError: fewer frames than requested.
        """
        if len(self.rows) < count:
            raise InputError(f"{count} faces are to be drawn, the test part has {len(self.rows)}")
        order = np.argsort(-self.strength.sum(1) + 100.0 * self.hidden, kind="stable")
        if per_person:
            order = first_of_each(order, self.labels.recording)
            order = first_of_each(order, self.labels.person)
        return order[:count]

    @property
    def hidden(self) -> np.ndarray:
        """(S,) bool: something is known to cover the face; such frames are shown last."""
        names = [one.frame_attributes.get("occlusion", np.full(len(one), "")) for one in self.dataset.recordings]
        texts = np.concatenate([values.astype(str) for values in names])
        return ~np.isin(np.char.lower(texts), ("", "none", "nan", "false", "0", "0.0"))

    def pictures(self, positions: np.ndarray, window: int | None = None) -> list[np.ndarray]:
        """Faces (side, side, 3) uint8 at some positions, cut to the central window that networks see (176 of 200 pixels)."""
        faces = self.cache.faces(self.rows[positions])
        side = faces.shape[1]
        wanted = window or window_of(side)
        start = (side - wanted) // 2
        return [face[start : start + wanted, start : start + wanted] for face in faces]

    def points(self, position: int) -> np.ndarray:
        """(49, 2) landmarks in pixels of the stored face."""
        from aufait.landmarks import convert

        return convert(torch.from_numpy(self.cache.landmarks(self.rows[[position]])), 49)[0].numpy()

    def inputs(self, model: AUSystem, positions: np.ndarray) -> dict[str, Tensor]:
        """What a network takes for some positions, on its device."""
        from aufait.inputs.network_inputs import network_inputs

        device = next(model.parameters()).device
        rows = self.rows[positions]
        faces, points = self._stored(rows)
        neighbours = None
        if model.frames > 1:
            near = self.cache.neighbours(rows, model.config.interval)
            around, theirs = self._stored(near.ravel())
            neighbours = (around.unflatten(0, near.shape).to(device), theirs.unflatten(0, near.shape))
        return network_inputs(model, faces.to(device), points.to(device), training=False, neighbours=neighbours)

    def look(self, model: AUSystem, positions: np.ndarray) -> AUOutput:
        """A network's output for some positions."""
        with torch.no_grad():
            return model.eval()(**self.inputs(model, positions))

    def name(self, position: int) -> str:
        """Recording and frame, for texts."""
        return f"{self.dataset.recordings[self.labels.recording[position]].name} frame {self.labels.frame[position]}"

    def names(self, positions: np.ndarray) -> str:
        """Recordings and frames of several faces, for notes: "bp4d: F001/T1 frame 2, M001/T1 frame 316"."""
        before = f"{self.dataset.name}/"
        found = dict.fromkeys(self.name(int(position)).removeprefix(before) for position in positions)
        return f"{self.dataset.name}: " + ", ".join(found)

    def _stored(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.cache.faces(rows)), torch.from_numpy(self.cache.landmarks(rows))


def first_of_each(order: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The same positions, the first of each group before all others; both parts keep their order."""
    _, first = np.unique(groups[order], return_index=True)
    ahead = np.zeros(len(order), bool)
    ahead[first] = True
    return np.concatenate([order[ahead], order[~ahead]])


def window_of(side: int) -> int:
    """Side of the window that networks see of a stored face."""
    return {200: 176, 384: 256}.get(side, side)


def numpy(values: Tensor | None) -> np.ndarray:
    """A tensor's values on the CPU as float32.

    Raises:
        InputError: the network has no such output.
    """
    if values is None:
        raise InputError("the network has no such output; take one whose settings leave that part in")
    return values.detach().float().cpu().numpy()

"""Run a network over prepared faces: the same inputs as in training, without random changes, one prediction per frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from aufait.errors import InputError
from aufait.evaluation.occlusion import occlude
from aufait.evaluation.predictions import Predictions
from aufait.inputs.alignments import alignment_of
from aufait.landmarks import convert, inter_ocular_distance_centers
from aufait.models.contract import check_shapes

if TYPE_CHECKING:
    from aufait.data.dataset import AUDataset, LabelTable
    from aufait.data.preparation.cache import FaceCache
    from aufait.models.outputs import AUOutput
    from aufait.models.system import AUSystem

_SWAPPED = {"left": "right", "right": "left"}  # of a mirrored face, so that the same half of it stays hidden
_POINTS = 49  # every landmark scheme of a cache contains these, and the networks that locate landmarks locate them


def predict(
    model: AUSystem,
    cache: FaceCache,
    dataset: AUDataset | None = None,
    *,
    action_units: Sequence[int] | None = None,
    batch: int = 32,
    device: str | torch.device = "cpu",
    visible: str = "full",
    alignment: str | None = None,
    mirror: bool | None = None,
    interval: int | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """What a network says about every frame of a data set.

    Args:
        model: network of A action units; it is put into evaluation mode.
        cache: prepared faces, in the alignment of the network.
        dataset: frames to predict, made from ``cache.dataset()`` by protocols or selections; all of them if None.
        action_units: those to score, each of which the network must predict. If None, all of ``dataset``; without a data set
            those that network and cache share.
        batch: faces at a time.
        device: where the network runs.
        visible: part of the face that is not hidden, a key of ``occlusion.CONDITIONS``.
        alignment: of the faces that the network was trained on, where it is not the one it was designed for.
        mirror: add a second pass over mirrored faces and average the logits; None does so for networks that declare it, those
            of the AUNet paper, whose released test program does (the paper does not say so).
        interval: distance in frames of the earlier and the later picture, for networks that see three; None takes the
            network's own setting (AUNet: 10).
        about: facts to keep with the predictions.
        progress: called with the number of frames done, and of how many.

    Raises:
        InputError: no frame, faces of another alignment, action units that the network does not predict, or a network that
            returns values that are not finite.
    """
    if dataset is None:
        dataset = cache.dataset()
        action_units = action_units or [unit for unit in dataset.action_units if unit in model.action_units]
    units = tuple(dataset.action_units if action_units is None else action_units)
    columns = _columns(model, units)
    _check_alignment(model, cache, alignment or alignment_of(model))
    if not len(dataset):
        raise InputError(f"{dataset.name} has no frame to evaluate")
    labels, rows = dataset.with_action_units(units).label_table(), cache.rows_of(dataset)
    model = model.to(device).eval()
    passes = (False, True) if (model.mirrored_test if mirror is None else mirror) else (False,)
    apart = model.interval if interval is None else interval
    look = _Look(model, cache, columns, visible, passes, apart, torch.device(device))
    chunks = []
    with torch.inference_mode(), ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(look.read, rows[:batch])
        for start in range(0, len(rows), batch):  # one batch is read while the previous one is predicted
            stored, following = ahead.result(), rows[start + batch : start + 2 * batch]
            if len(following):
                ahead = reader.submit(look.read, following)
            chunks.append(look(stored))
            if progress is not None:
                progress(min(start + batch, len(rows)), len(rows))
    joined = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    facts: dict[str, Any] = {"dataset": dataset.name, "alignment": cache.alignment, "cache": cache.fingerprint}
    facts |= {"visible": visible, "mirrored_pass": len(passes) > 1, **(about or {})}
    return labelled_predictions(joined, labels, dataset, cache.pose(rows), facts, synthetic=cache.synthetic)


def _columns(model: AUSystem, units: tuple[int, ...]) -> list[int]:
    missing = [unit for unit in units if unit not in model.action_units]
    if missing or not units:
        shared = [unit for unit in units if unit in model.action_units]
        raise InputError(
            f"the network predicts AUs {_listed(model.action_units)}, not AU {_listed(missing)} of the {len(units)} to be scored; "
            f"take a network of that AU set, or score the shared ones only (--shared: AUs {_listed(shared) or 'none'})"
        )
    return [model.action_units.index(unit) for unit in units]


def _check_alignment(model: AUSystem, cache: FaceCache, wanted: str) -> None:
    if cache.alignment != wanted:
        raise InputError(
            f"{type(model).__name__} needs faces of the alignment {wanted!r}, the cache has {cache.alignment!r}; "
            f"prepare the data set again with: aufait prepare DATASET ROOT --alignment {wanted}"
        )


@dataclass(frozen=True)
class _Look:
    """How one batch is predicted."""

    model: AUSystem
    cache: FaceCache
    columns: list[int]
    visible: str
    passes: tuple[bool, ...]
    interval: int
    device: torch.device

    def read(self, rows: np.ndarray) -> _Stored:
        """Stored faces of some rows, with their neighbours if the network reads three frames."""
        faces, landmarks = self._faces(rows)
        if self.model.frames == 1:
            return _Stored(faces, landmarks, None)
        near = self.cache.neighbours(rows, self.interval)  # (B, 2)
        around, theirs = self._faces(near.ravel())
        return _Stored(faces, landmarks, (around.unflatten(0, near.shape), theirs.unflatten(0, near.shape)))

    def _faces(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.cache.faces(rows)), torch.from_numpy(self.cache.landmarks(rows))

    def __call__(self, stored: _Stored) -> dict[str, np.ndarray]:
        """Columns of ``Predictions`` for one batch."""
        stored = stored.to(self.device)
        both = [self._run(stored, mirrored) for mirrored in self.passes]
        output, points = both[0]
        logits = torch.stack([one.logits.float() for one, _ in both]).mean(dim=0)[:, self.columns]
        if not bool(logits.isfinite().all()):
            raise InputError("the network returns values that are not finite; it has diverged in training, or its file is damaged")
        found = {"probability": logits.sigmoid().cpu().numpy()}
        if output.intensity is not None:
            levels = torch.stack([one.intensity.float() for one, _ in both if one.intensity is not None]).mean(dim=0)
            found["intensity"] = levels[:, self.columns].cpu().numpy()
        if output.landmarks is not None and points is not None:
            found["landmark_error"] = _landmark_error(output.landmarks, points)
        return found

    def _run(self, stored: _Stored, mirrored: bool) -> tuple[AUOutput, torch.Tensor | None]:
        from aufait.inputs.network_inputs import network_inputs

        inputs = network_inputs(
            self.model, stored.faces, stored.landmarks, training=False, neighbours=stored.neighbours, mirrored=mirrored,
            alignment=self.cache.alignment,
        )  # fmt: skip
        visible = _SWAPPED.get(self.visible, self.visible) if mirrored else self.visible
        inputs["images"] = occlude(inputs["images"], visible)
        output = self.model(**inputs)
        check_shapes(self.model, output, len(stored.faces))
        return output, inputs.get("landmarks")


@dataclass(frozen=True)
class _Stored:
    """A batch as the cache keeps it: faces (B, S, S, 3), landmarks (B, N, 2), and both of the neighbours (B, 2, ...)."""

    faces: torch.Tensor
    landmarks: torch.Tensor
    neighbours: tuple[torch.Tensor, torch.Tensor] | None

    def to(self, device: torch.device) -> _Stored:
        near = None if self.neighbours is None else (self.neighbours[0].to(device), self.neighbours[1].to(device))
        return _Stored(self.faces.to(device), self.landmarks.to(device), near)


def _landmark_error(located: torch.Tensor, points: torch.Tensor) -> np.ndarray:
    """(B,) mean distance of the located points from the given ones, as a share of the distance of the eye centres."""
    truth = convert(points.float(), _POINTS)
    distance = inter_ocular_distance_centers(truth)
    return ((convert(located.float(), _POINTS) - truth).norm(dim=-1).mean(dim=-1) / distance).cpu().numpy()


def labelled_predictions(
    found: Mapping[str, np.ndarray],
    labels: LabelTable,
    dataset: AUDataset,
    pose: np.ndarray,
    about: Mapping[str, Any],
    *,
    synthetic: bool,
) -> Predictions:
    """Predictions with the truth next to them.

    Args:
        found: "probability" (N, A) and, where there are any, "intensity" (N, A) and "landmark_error" (N,).
        labels: of the same N frames and A action units.
        dataset: that the labels are of.
        pose: (N, 3) degrees, nan where unknown.
        about: facts to keep.
        synthetic: whether the faces are rendered.
    """
    return Predictions(
        action_units=labels.action_units,
        person=labels.person,
        recording=np.array([one.name for one in dataset.recordings], dtype=str)[labels.recording],
        frame=labels.frame,
        probability=found["probability"],
        occurrence=np.where(labels.occurrence_known, labels.occurrence, 0).astype(np.int8),
        occurrence_known=labels.occurrence_known,
        true_intensity=np.where(labels.intensity_known, labels.intensity, 0).astype(np.int8),
        intensity_known=labels.intensity_known,
        intensity=found.get("intensity"),
        landmark_error=found.get("landmark_error"),
        pose=None if np.isnan(pose).all() else pose,
        attributes=_attributes(dataset),
        about=about,
        synthetic=synthetic,
    )


def _attributes(dataset: AUDataset) -> dict[str, np.ndarray]:
    """Facts per frame in the order of ``label_table``: subject, dataset, task, view, and the attributes of the recordings."""
    sizes = [len(one) for one in dataset.recordings]
    facts = [
        {"subject": one.subject, "dataset": one.dataset, "task": one.task, "view": "" if one.view is None else str(one.view)}
        | {name: str(value) for name, value in one.attributes.items()}
        for one in dataset.recordings
    ]
    names = dict.fromkeys(name for one in facts for name in one)
    columns = {name: np.repeat(np.array([one.get(name, "") for one in facts], dtype=str), sizes) for name in names}
    for name in dict.fromkeys(name for one in dataset.recordings for name in one.frame_attributes):
        columns[name] = _frame_attribute(dataset, name)
    return {name: values for name, values in columns.items() if values.dtype.kind != "U" or (values != "").any()}


def _frame_attribute(dataset: AUDataset, name: str) -> np.ndarray:
    parts = [one.frame_attributes.get(name) for one in dataset.recordings]
    if all(part is not None and part.dtype.kind in "biuf" for part in parts):
        return np.concatenate([part for part in parts if part is not None])
    filled = [np.full(len(one), "") if part is None else part.astype(str)
              for one, part in zip(dataset.recordings, parts, strict=True)]  # fmt: skip
    return np.concatenate(filled)


def _listed(units: Sequence[int]) -> str:
    return ", ".join(map(str, units))

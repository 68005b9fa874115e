"""Training data of the default AU model: aligned crops of rendered faces and their intensities per side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.errors import InputError
from aufait.media.images import read_image
from aufait.models.au_crop import TEMPLATE_SIZE, crop_faces
from aufait.synthetic.dataset import FrameRecord, read_records

MAX_YAW = 55.0
"""Frames that turn further are left out: half of the face's labels cannot be seen there (degrees)."""


@dataclass(frozen=True, eq=False)
class CropSet:
    """N aligned crops.

    Attributes:
        crops: (N, 3, 128, 128) uint8 RGB.
        intensity: (N, A, 2) float32, 0-5, side 0 = the subject's left.
        identity: (N,) int64 person numbers; split by these.
        yaw, skin_tone, age: (N,) float32. is_man: (N,) bool.
    """

    crops: np.ndarray
    intensity: np.ndarray
    identity: np.ndarray
    yaw: np.ndarray
    skin_tone: np.ndarray
    age: np.ndarray
    is_man: np.ndarray

    def __len__(self) -> int:
        return len(self.crops)

    def select(self, rows: np.ndarray) -> CropSet:
        return CropSet(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def split(self, held_out: float, seed: int) -> tuple[CropSet, CropSet]:
        """Two sets without a common person; the second holds about the share ``held_out`` of the persons."""
        people = np.unique(self.identity)
        np.random.default_rng(seed).shuffle(people)
        held = np.isin(self.identity, people[: max(1, round(len(people) * held_out))])
        return self.select(np.flatnonzero(~held)), self.select(np.flatnonzero(held))


def load_crops(
    folder: str | Path,
    action_units: tuple[int, ...],
    *,
    cache: str | Path | None = None,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> CropSet:
    """Crops of a rendered data set, read once and kept in ``cache`` (an .npz) when given.

    Raises:
        InputError: the folder is no data set, holds no usable frame, or the cache belongs to other data.
    """
    records = [r for r in read_records(folder) if abs(float(r.rotation[1])) <= MAX_YAW]
    if not records:
        raise InputError(f"{folder} holds no frame with |yaw| <= {MAX_YAW} degrees")
    store = Path(cache) if cache else None
    if store and store.is_file():
        return _read_cache(store, len(records), action_units)
    with ThreadPoolExecutor(workers) as pool:
        crops = np.empty((len(records), 3, TEMPLATE_SIZE, TEMPLATE_SIZE), np.uint8)
        for row, crop in enumerate(pool.map(_crop, records, chunksize=64)):
            crops[row] = crop
            if progress:
                progress(1)
    result = CropSet(
        crops=crops,
        intensity=np.stack([_intensity(r, action_units) for r in records]),
        identity=np.array([r.identity for r in records]),
        yaw=np.array([r.rotation[1] for r in records], np.float32),
        skin_tone=np.array([r.skin_tone for r in records], np.float32),
        age=np.array([r.age for r in records], np.float32),
        is_man=np.array([r.sex == "man" for r in records]),
    )
    if store:
        temporary = store.with_suffix(".part.npz")
        np.savez(temporary, action_units=np.array(action_units), **{k: getattr(result, k) for k in _FIELDS})
        temporary.replace(store)
    return result


_FIELDS = tuple(CropSet.__dataclass_fields__)


def _read_cache(store: Path, count: int, action_units: tuple[int, ...]) -> CropSet:
    with np.load(store, allow_pickle=False) as arrays:
        if tuple(arrays["action_units"]) != tuple(action_units) or len(arrays["crops"]) != count:
            raise InputError(f"{store} was made from other data; delete it and run again")
        return CropSet(*(arrays[k] for k in _FIELDS))


def _crop(record: FrameRecord) -> np.ndarray:
    image = read_image(record.image_path)
    return crop_faces(image, record.landmarks[None], size=TEMPLATE_SIZE)[0].numpy()


def _intensity(record: FrameRecord, action_units: tuple[int, ...]) -> np.ndarray:
    sides = (record.intensity_left, record.intensity_right)
    return np.array([[side.get(au, 0.0) for side in sides] for au in action_units], np.float32)

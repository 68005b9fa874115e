"""Training data of the default AU model: aligned crops of rendered faces and their intensities per side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.errors import InputError
from aufait.faces.template import TEMPLATE_SIZE
from aufait.files.atomic import whole_file
from aufait.media.images import read_image
from aufait.models.default.crop import crop_faces
from aufait.synthetic.dataset import FrameRecord, read_records

MAX_YAW = 55.0
"""Frames that turn further are left out: half of the face's labels cannot be seen there (degrees)."""


@dataclass(frozen=True, eq=False)
class CropSet:
    """N aligned crops.

    Attributes:
        crops: (N, 3, 128, 128) uint8 RGB.
        intensity: (N, A, 2) float32, 0-5, side 0 = the subject's left.
        known: (N, A, 2) bool, False where a mask, a hand or dark glasses hide what the label says.
        identity: (N,) int64 person numbers; split by these.
        yaw, skin_tone, age: (N,) float32. is_man: (N,) bool.
    """

    crops: np.ndarray
    intensity: np.ndarray
    known: np.ndarray
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


def load_all_crops(
    folders: Sequence[str | Path],
    action_units: tuple[int, ...],
    *,
    cache_folder: str | Path | None = None,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> CropSet:
    """``load_crops`` of several data sets, joined; their persons must differ (other seeds).

    Raises:
        InputError: two data sets share persons.
    """
    sets = []
    for number, folder in enumerate(folders):
        cache = Path(cache_folder) / f"crops_{number}.npz" if cache_folder else None
        sets.append(load_crops(folder, action_units, cache=cache, workers=workers, progress=progress))
    people = [np.unique(s.identity) for s in sets]
    if len(np.unique(np.concatenate(people))) < sum(map(len, people)):
        raise InputError("the data folders share persons; render them with different seeds")
    return CropSet(*(np.concatenate([getattr(s, name) for s in sets]) for name in _FIELDS))


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
        InputError: the folder is not a data set, holds no usable frame, or the cache belongs to other data.
    """
    records = [r for r in read_records(folder) if abs(float(r.rotation[1])) <= MAX_YAW]
    if not records:
        raise InputError(f"{folder} holds no frame with |yaw| <= {MAX_YAW} degrees")
    store = Path(cache) if cache else None
    if store and store.is_file():
        return _read_cache(store, records, action_units)
    with ThreadPoolExecutor(workers) as pool:
        crops = np.empty((len(records), 3, TEMPLATE_SIZE, TEMPLATE_SIZE), np.uint8)
        for row, crop in enumerate(pool.map(_crop, records, chunksize=64)):
            crops[row] = crop
            if progress:
                progress(1)
    result = CropSet(
        crops=crops,
        intensity=np.stack([frame_intensity(r, action_units) for r in records]),
        known=np.stack([frame_known(r, action_units) for r in records]),
        identity=np.array([r.identity for r in records]),
        yaw=np.array([r.rotation[1] for r in records], np.float32),
        skin_tone=np.array([r.skin_tone for r in records], np.float32),
        age=np.array([r.age for r in records], np.float32),
        is_man=np.array([r.sex == "man" for r in records]),
    )
    if store:
        with whole_file(store) as partial:
            np.savez(partial, action_units=np.array(action_units), **{k: getattr(result, k) for k in _FIELDS})
    return result


_FIELDS = tuple(CropSet.__dataclass_fields__)


def _read_cache(store: Path, records: Sequence[FrameRecord], action_units: tuple[int, ...]) -> CropSet:
    with np.load(store, allow_pickle=False) as arrays:
        same = tuple(arrays["action_units"]) == tuple(action_units)
        same = same and np.array_equal(arrays["identity"], [r.identity for r in records])
        if not same or not np.allclose(arrays["yaw"], [r.rotation[1] for r in records]):
            raise InputError(f"{store} was made from other data; delete it and run again")
        return CropSet(*(arrays[k] for k in _FIELDS))


def _crop(record: FrameRecord) -> np.ndarray:
    image = read_image(record.image_path)
    return crop_faces(image, record.landmarks[None], size=TEMPLATE_SIZE)[0].numpy()


def frame_intensity(record: FrameRecord, action_units: tuple[int, ...]) -> np.ndarray:
    """(A, 2) intensities 0-5 of a frame, side 0 = the subject's left."""
    sides = (record.intensity_left, record.intensity_right)
    return np.array([[side.get(au, 0.0) for side in sides] for au in action_units], np.float32)


_HIDING = {"mask": (27, 68), "sunglasses": (36, 48)}
"""Points that an occluder hides although it is close on them."""
_REGION = {1: (17, 27), 2: (17, 27), 4: (17, 27), 5: (36, 48), 6: (36, 48), 7: (36, 48), 43: (36, 48), 9: (27, 36)}
"""68-point range in which a unit shows; the mouth for all others."""
_MOUTH = (48, 68)


def frame_known(record: FrameRecord, action_units: tuple[int, ...]) -> np.ndarray:
    """(A, 2) bool: at least half of the points of the unit's region are in view."""
    visible = record.visible.copy()
    if record.occlusion in _HIDING:
        visible[slice(*_HIDING[record.occlusion])] = False
    seen = [visible[slice(*_REGION.get(au, _MOUTH))].mean() >= 0.5 for au in action_units]
    return np.repeat(np.array(seen)[:, None], 2, axis=1)

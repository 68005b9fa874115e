"""Where a score at one moment comes from: the maps of ``aufait.detection.explain`` laid over the face."""

from __future__ import annotations

import asyncio
import base64
import io
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.studio.arrays import NOWHERE
from aufait.studio.errors import StudioError
from aufait.studio.live.follower import options_of

if TYPE_CHECKING:
    from aufait.studio.live.pool import Pool
    from aufait.studio.live.worker import Worker
    from aufait.studio.studio import Studio

SECONDS = 180.0
"""How long an explanation may take: about a hundred passes of the network."""

_KEPT = 64  # explanations, each with the maps of all action units
_SIDE = 280  # pixels of a face in the picture
_NEAR = 0.5  # seconds to the nearest frame with the face

Key = tuple[str, int]
"""Recording, row."""


class Explanations:
    """Makes explanations one at a time and keeps the latest: asking for another unit of the same face costs nothing.

    Args:
        pool: whose process does the work.
    """

    def __init__(self, studio: Studio, pool: Pool) -> None:
        self._studio, self._pool = studio, pool
        self._one = asyncio.Lock()
        self._kept: OrderedDict[Key, dict[str, Any]] = OrderedDict()

    async def why(self, recording: str, time: float, face: int, unit: int) -> dict[str, Any]:
        """The answer to why an action unit was scored as it was.

        Raises:
            StudioError: there is no such recording, face or unit; the machine is busy.
            InputError: the face cannot be explained.
            MissingExtraError: Matplotlib (extra ``plot``) is not installed.
        """
        row = await asyncio.to_thread(self._row, recording, time, face)
        key = recording, row
        async with self._one:
            told = self._kept.get(key) or await self._made(*key)
            self._kept[key] = told
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return await asyncio.to_thread(_answer, told, unit)

    def _row(self, recording: str, time: float, face: int) -> int:
        """Row of a face in the arrays of a recording, nearest to a time."""
        arrays = self._studio.arrays(recording)
        place = arrays.face(face)
        if place is None:
            raise StudioError(404, f"This recording has no face {face}.", "unknown_face")
        times = arrays.time[place.start : place.stop]
        row = int(np.abs(times - time).argmin())
        if abs(float(times[row]) - time) > _NEAR:
            raise StudioError(404, f"Face {face} is not seen at {time:.2f} s; choose a moment in which it is.", "no_face")
        return place.start + row

    async def _made(self, recording: str, row: int) -> dict[str, Any]:
        asked = await asyncio.to_thread(self._stored, recording, row)
        worker = await self._worker(recording)
        try:
            return await worker.ask("explain", *asked, seconds=SECONDS)
        finally:
            self._pool.give(worker)

    def _stored(self, recording: str, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Picture, box, landmarks and confidence of a face, as they were stored."""
        arrays = self._studio.arrays(recording)
        stored = np.asarray(arrays.landmarks[row])
        if (stored == NOWHERE).any():
            raise StudioError(404, "The landmarks of this face were not kept, so it cannot be explained.", "no_landmarks")
        image, _ = self._studio.frame(recording, float(arrays.time[row]))
        points = (stored / arrays.scale).astype(np.float32).reshape(68, 2)
        return image, np.array(arrays.box[row], np.float32), points, float(np.nan_to_num(arrays.confidence[row], nan=1.0))

    async def _worker(self, recording: str) -> Worker:
        """A process with what the recording was analysed with."""
        usual, facts = self._studio.settings, self._studio.store.facts(recording) or {}
        used, asked = facts.get("settings") or {}, facts.get("asked") or {}
        finder, name = used.get("finder") or "", asked.get("model") or used.get("model") or usual.model
        try:
            return await self._pool.take(options_of(usual, finder, name))
        except StudioError as error:
            if error.code != "missing_model" or name == usual.model:
                raise
        # The name of a model that is not shipped says not where it is; the command line may.
        return await self._pool.take(options_of(usual, finder))


def _answer(told: dict[str, Any], unit: int) -> dict[str, Any]:
    units = told["action_units"]
    if unit not in units:
        raise StudioError(404, f"The model scores no AU{unit}; it scores {', '.join(map(str, units))}.", "unknown_unit")
    values = told["maps"][units.index(unit)]
    top = told["highest"] if told["fixed"] else float(values.max())
    full = ACTION_UNITS[unit].name if unit in ACTION_UNITS else ""
    probability = f", probability {100 * told['probability'][units.index(unit)]:.0f} % in this picture by itself. "
    meaning = told["meaning"]
    colours = f"The colours show {meaning}; red is {top:.2g}, blue is 0." if top > 0 else f"There is nothing to see: {meaning}."
    return {
        "method": told["kind"],
        "caption": f"AU{unit} {full}".rstrip() + probability + colours,
        "limits": told["limits"],
        "picture": _data_address(_side_by_side(told["picture"], values / (top or 1.0))),
    }


def _side_by_side(face: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the face (S, S, 3), and the face under its map (h, w) in [0, 1]."""
    from PIL import Image

    from aufait.visualization.figures.attention_overlay import attention_overlay

    face = np.asarray(Image.fromarray(face).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    gap = np.full((_SIDE, 8, 3), 255, np.uint8)
    return np.concatenate([face, gap, attention_overlay(face, values)], axis=1)


def _data_address(picture: np.ndarray) -> str:
    from PIL import Image

    kept = io.BytesIO()
    Image.fromarray(picture).save(kept, "PNG", compress_level=6)
    return f"data:image/png;base64,{base64.b64encode(kept.getvalue()).decode()}"

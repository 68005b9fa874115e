"""Places of a video where something looked like a face but was not.

A detector takes the same curtain, hand or poster for a face again and again, and finding out that it is not takes as long as
reading a face. While somebody is followed, such a place is skipped in some searches, as long as it looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.faces.boxes import overlap

_SKETCH_SIDE = 12


@dataclass(frozen=True)
class EmptyPlacesConfig:
    """Settings of ``EmptyPlaces``."""

    looks: int = 2
    """Searches of the whole picture in which a place is skipped; in the next one it is read again."""

    overlap: float = 0.6
    """A box is at a remembered place when their intersection over union is higher than this."""

    change: float = 0.25
    """A place looks the same up to this mean difference of its grey levels, over their standard deviation ..."""

    noise: float = 5.0
    """... plus this many grey levels of 0-255, so that a plain wall may flicker. In a clip of a seated speaker, background and
    clothes differ by 0.00 to 0.24 after half a second."""


@dataclass(frozen=True, eq=False)
class _Place:
    box: np.ndarray  # (4,) px
    looks: np.ndarray  # (12, 12) grey
    age: int  # searches of the whole picture since it was read


class EmptyPlaces:
    """What was read and was not a face, search by search. One object per video."""

    def __init__(self, config: EmptyPlacesConfig | None = None) -> None:
        self.config = config or EmptyPlacesConfig()
        self._places: list[_Place] = []

    def still_empty(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """(N,) whether boxes (N, 4) px need not be read: they were read recently, held no face, and look the same.

        Each call counts as a search: places get older, and those that are old enough are forgotten, to be read again.
        """
        self._places = [_Place(p.box, p.looks, p.age + 1) for p in self._places if p.age < self.config.looks]
        same = [place.box for place in self._places if self._looks_the_same(place, image)]
        if not same or not len(boxes):
            return np.zeros(len(boxes), dtype=bool)
        return np.asarray((overlap(boxes, np.stack(same)) > self.config.overlap).any(axis=1))

    def remember(self, image: np.ndarray, boxes: np.ndarray) -> None:
        """``boxes`` (N, 4) px of this picture were read and hold no face."""
        self._places += [_Place(box, _sketch(image, box), 0) for box in boxes]

    def forget(self) -> None:
        """Every place is read in the next search."""
        self._places.clear()

    def _looks_the_same(self, place: _Place, image: np.ndarray) -> bool:
        change = np.abs(_sketch(image, place.box) - place.looks).mean()
        return bool(change <= self.config.change * (place.looks.std() + self.config.noise))


def _sketch(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(12, 12) float: grey levels at even steps across a box (4,) px, of its part inside the picture."""
    steps = (np.arange(_SKETCH_SIDE) + 0.5) / _SKETCH_SIDE
    columns, rows = (
        np.clip(low + steps * (high - low), 0, length - 1).astype(np.intp)
        for low, high, length in zip(box[:2], box[2:], image.shape[1::-1], strict=True)
    )
    return image[rows[:, None], columns].mean(axis=2)

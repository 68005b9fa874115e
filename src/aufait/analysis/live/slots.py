"""Which face is on which channels of a stream: a face keeps its slot, and a slot is given on when its face stays away."""

from __future__ import annotations

from collections.abc import Iterable

AWAY = 2.0
"""Seconds after which the slot of a face that is not seen may go to another."""


class Slots:
    """A fixed number of places for faces that come and go."""

    def __init__(self, count: int) -> None:
        self._faces: list[int | None] = [None] * count
        self._seen = [float("-inf")] * count
        self.left_out: set[int] = set()
        """Faces that found no free slot."""

    def __len__(self) -> int:
        """Number of slots."""
        return len(self._faces)

    def place(self, time: float, faces: Iterable[int]) -> dict[int, int]:
        """Face -> slot, for the faces of a frame that have one."""
        faces = list(faces)
        placed = {face: self._faces.index(face) for face in faces if face in self._faces}
        for face in faces:
            if face not in placed and (slot := self._free(time, placed.values())) is not None:
                self._faces[slot] = face
                placed[face] = slot
        self.left_out.update(face for face in faces if face not in placed)
        for slot in placed.values():
            self._seen[slot] = time
        return placed

    def _free(self, time: float, used: Iterable[int]) -> int | None:
        taken = set(used)
        free = [slot for slot in range(len(self._faces)) if slot not in taken and time - self._seen[slot] > AWAY]
        return min(free, key=lambda slot: (self._faces[slot] is not None, self._seen[slot], slot), default=None)

"""One event: an action unit, or a combination of some, that appears, reaches its peak and goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """From onset to offset of one label on one face, in true time.

    Attributes:
        label: what happens: "AU12", "AU12 left", "blink", or an expression such as "6 & 12".
        onset: seconds at which it begins, the time of its first frame.
        apex: seconds at which it is strongest, the first such frame.
        offset: seconds at which it ends: the time of the last frame plus the distance to the next one.
        peak: largest value in it, in the unit of ``kind``.
        mean: mean value over its frames.
        kind: "intensity" (0-5) or "probability" (0-1).
        face_id: number of the face; -1 where it is not about one face.
        recording: name of the recording, may be empty.
        frames: how many frames it has values for.
        open_start: it was already there when the face was first seen, or again after it was lost.
        open_end: it was still there when the face was last seen.
    """

    label: str
    onset: float
    apex: float
    offset: float
    peak: float
    mean: float
    kind: str = "intensity"
    face_id: int = -1
    recording: str = ""
    frames: int = 0
    open_start: bool = False
    open_end: bool = False

    def __post_init__(self) -> None:
        if not self.onset <= self.apex <= self.offset:
            raise ValueError(f"an event must run onset <= apex <= offset, got {self.onset}, {self.apex}, {self.offset}")

    @property
    def duration(self) -> float:
        """Seconds from onset to offset."""
        return self.offset - self.onset

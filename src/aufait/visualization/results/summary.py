"""Running totals per face and action unit: how often, how strongly, and when most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from aufait.results import FaceAnalysis, FrameAnalysis


@dataclass(frozen=True)
class UnitSummary:
    """One action unit of one face.

    Attributes:
        action_unit: FACS number.
        share: frames in which it occurs / frames with this face, 0 to 1.
        mean_present: mean intensity over the frames in which it occurs; nan where it never does or intensities are not given.
        maximum: highest intensity in any frame with this face; nan where intensities are not given.
        time_of_maximum: presentation time in seconds of the frame with the highest intensity, or else the highest probability.
        source: path of the picture or video of that frame.
        left_minus_right: mean intensity of the subject's left side minus the right, over the frames in which it occurs; nan where
            it never does or sides are not given.
    """

    action_unit: int
    share: float
    mean_present: float
    maximum: float
    time_of_maximum: float
    source: str
    left_minus_right: float


@dataclass
class _Totals:
    units: tuple[int, ...]
    graded: bool
    sided: bool
    frames: int = 0
    present: np.ndarray = field(init=False)
    intensity: np.ndarray = field(init=False)
    difference: np.ndarray = field(init=False)
    maximum: np.ndarray = field(init=False)
    time: np.ndarray = field(init=False)
    source: list[str] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.units)
        self.present, self.intensity, self.difference, self.time = (np.zeros(count) for _ in range(4))
        self.maximum = np.full(count, -1.0)
        self.source = [""] * count

    def add(self, face: FaceAnalysis, frame: FrameAnalysis) -> np.ndarray:
        """Count one face; returns the positions of action units that are stronger than in any frame before."""
        occurs = face.occurrence
        self.frames += 1
        self.present += occurs
        strength = face.probability if face.intensity is None else face.intensity
        self.intensity += np.where(occurs, strength, 0)
        if face.sides is not None:
            (left, _), (right, _) = face.sides
            self.difference += np.where(occurs, left - right, 0)
        higher = np.flatnonzero(strength > self.maximum)
        for position in higher:
            self.maximum[position] = strength[position]
            self.time[position] = frame.timestamp
            self.source[position] = frame.source
        return higher


class Summary:
    """Counts frames and faces and sums up each action unit; memory grows with the number of faces only.

    Attributes:
        frames, frames_without_face: frames seen so far.
        first_time, last_time: presentation time of the first and the last frame in seconds, None before any.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.frames_without_face = 0
        self.first_time: float | None = None
        self.last_time: float | None = None
        self._faces: dict[int, _Totals] = {}

    def add(self, frame: FrameAnalysis) -> set[tuple[int, int]]:
        """Count one frame.

        Returns:
            Face ids and action units that are stronger in it than in any frame before.
        """
        self.frames += 1
        self.frames_without_face += not frame.faces
        self.first_time = frame.timestamp if self.first_time is None else self.first_time
        self.last_time = frame.timestamp
        highest = set()
        for face in frame.faces:
            if face.face_id not in self._faces:
                self._faces[face.face_id] = _Totals(face.action_units, face.intensity is not None, face.sides is not None)
            higher = self._faces[face.face_id].add(face, frame)
            highest |= {(face.face_id, face.action_units[position]) for position in higher}
        return highest

    @property
    def face_ids(self) -> list[int]:
        """Ids of the faces, the one seen longest first."""
        return sorted(self._faces, key=lambda face_id: (-self._faces[face_id].frames, face_id))

    def frames_of(self, face_id: int) -> int:
        """Number of frames with this face."""
        return self._faces[face_id].frames

    @property
    def graded(self) -> bool:
        """Whether the model gives intensities, not probabilities alone."""
        return any(totals.graded for totals in self._faces.values())

    def tells_sides(self, face_id: int) -> bool:
        """Whether the model gives separate values for the left and the right of this face."""
        return self._faces[face_id].sided

    def units(self, face_id: int) -> Iterator[UnitSummary]:
        """The action units of one face, by number."""
        totals = self._faces[face_id]
        for position in sorted(range(len(totals.units)), key=lambda place: totals.units[place]):
            present = totals.present[position]
            graded = present if totals.graded else 0
            yield UnitSummary(
                action_unit=totals.units[position],
                share=float(present / totals.frames),
                mean_present=float(totals.intensity[position] / graded) if graded else float("nan"),
                maximum=float(totals.maximum[position]) if totals.graded else float("nan"),
                time_of_maximum=float(totals.time[position]),
                source=totals.source[position],
                left_minus_right=float(totals.difference[position] / present) if present and totals.sided else float("nan"),
            )

"""The course of action units over a video in bounded memory: beyond some thousand frames neighbouring ones share a bin."""

from __future__ import annotations

import numpy as np

from aufait.results import FaceAnalysis, FrameAnalysis

MAX_BINS = 4096
"""Frames that are kept apart; then two neighbours become one, and so on."""

MAX_FACES = 32
"""Faces whose course is kept; later ones are only counted."""

_GAP_SECONDS, _GAP_STEPS, _MAX_GAPS = 10.0, 5.0, 100  # between two frames from which on the time between them is left out


class Course:
    """Bins of one face: number of frames with the face, and per action unit lowest, sum, highest, occurrences."""

    def __init__(self, units: tuple[int, ...], bins: int, graded: bool) -> None:
        self.units, self.graded = units, graded
        self.count = np.zeros(bins, dtype=np.int64)
        self.low = np.full((bins, len(units)), np.inf, dtype=np.float32)
        self.high = np.full((bins, len(units)), -np.inf, dtype=np.float32)
        self.total = np.zeros((bins, len(units)), dtype=np.float64)
        self.present = np.zeros((bins, len(units)), dtype=np.int32)

    def add(self, place: int, face: FaceAnalysis) -> None:
        """Take in the face of one frame."""
        self.count[place] += 1
        height = face.probability if face.intensity is None else face.intensity
        self.low[place] = np.minimum(self.low[place], height)
        self.high[place] = np.maximum(self.high[place], height)
        self.total[place] += height
        self.present[place] += face.occurrence

    def halve(self) -> None:
        """Let neighbouring bins become one; the second half is free afterwards."""
        for array, join, empty in (
            (self.count, np.add, 0), (self.low, np.minimum, np.inf), (self.high, np.maximum, -np.inf),
            (self.total, np.add, 0), (self.present, np.add, 0),
        ):  # fmt: skip
            half = len(array) // 2
            array[:half] = join(array[0::2], array[1::2])
            array[half:] = empty

    def occurring(self) -> set[int]:
        """Action units that occur at some time."""
        return {self.units[position] for position in np.flatnonzero(self.present.any(axis=0))}


class Courses:
    """Bins of all faces.

    Args:
        max_bins: an even number of bins to keep.

    Attributes:
        frames: how many were taken in.
        faces: courses by face.
        left_out: faces beyond the first ``MAX_FACES``.
        used: bins that hold frames.
        per_bin: frames that share a bin.
    """

    def __init__(self, max_bins: int = MAX_BINS) -> None:
        if max_bins < 2 or max_bins % 2:
            raise ValueError(f"max_bins must be even and at least 2, got {max_bins}")
        self.frames = 0
        self.faces: dict[int, Course] = {}
        self.left_out: set[int] = set()
        self.used = 0
        self.per_bin = 1
        self._bins = max_bins
        self._in_bin = 0
        self._starts = np.zeros(max_bins)
        self._last = 0.0
        self._gaps: list[tuple[float, float]] = []

    def add(self, frame: FrameAnalysis) -> None:
        """Take in one frame; frames come in the order of time."""
        if self.frames and frame.timestamp > self._last + _GAP_SECONDS and len(self._gaps) < _MAX_GAPS:
            self._gaps.append((self._last, frame.timestamp))
        place = self._bin_of(frame.timestamp)
        for face in frame.faces:
            course = self._course_of(face)
            if course is not None:
                course.add(place, face)
        self.frames += 1

    @property
    def graded(self) -> bool:
        """Whether all faces have intensities."""
        return all(course.graded for course in self.faces.values())

    def edges(self) -> np.ndarray:
        """(used + 1,) seconds at which bins begin and the last one ends."""
        starts = self._starts[: self.used]
        step = float(np.median(np.diff(starts))) if self.used > 1 else 0.04
        end = max(self._last + step / self.per_bin, float(starts[-1]) + 1e-6) if self.used else 1.0
        return np.append(starts, end)

    def holes(self) -> list[tuple[float, float]]:
        """Start and end in seconds of stretches without frames, about which the last frame before them says nothing."""
        step = float(np.median(np.diff(self.edges()))) / self.per_bin
        return [(before + step, after) for before, after in self._gaps if after - before > _GAP_STEPS * step]

    def longest_seen(self, count: int) -> list[int]:
        """Numbers of the faces seen longest, ascending."""
        return sorted(sorted(self.faces, key=lambda face: -int(self.faces[face].count.sum()))[:count])

    def _bin_of(self, timestamp: float) -> int:
        if self.used == 0 or self._in_bin == self.per_bin:
            if self.used == self._bins:
                self._halve()
            if self._in_bin == self.per_bin or self.used == 0:
                self._starts[self.used] = timestamp
                self.used += 1
                self._in_bin = 0
        self._in_bin += 1
        self._last = timestamp
        return self.used - 1

    def _halve(self) -> None:
        half = self._bins // 2
        self._starts[:half] = self._starts[0::2]
        for course in self.faces.values():
            course.halve()
        self.used, self.per_bin, self._in_bin = half, 2 * self.per_bin, 2 * self.per_bin

    def _course_of(self, face: FaceAnalysis) -> Course | None:
        if face.face_id not in self.faces:
            if len(self.faces) >= MAX_FACES:
                self.left_out.add(face.face_id)
                return None
            self.faces[face.face_id] = Course(face.action_units, self._bins, face.intensity is not None)
        return self.faces[face.face_id]

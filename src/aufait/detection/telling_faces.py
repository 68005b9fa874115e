"""The faces of a video, or of many pictures, on which action units are at their strongest: those that a page explains.

Memory does not grow with the number of frames: one small picture for each action unit at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from aufait.detection.explain import surroundings
from aufait.errors import AufaitError
from aufait.faces.face import Face

if TYPE_CHECKING:
    from aufait.detection.detector import AnalyzedFrame, Detector
    from aufait.detection.explain import FaceExplanation
    from aufait.results import FaceAnalysis

MOST_FACES = 4
"""Faces that are explained; the shipped models need about a hundred passes for each."""

LONGEST = 640
"""Pixels of the longer side of what is kept of a picture: the face is then as large as any network reads it."""

_NOTICEABLE = 0.05  # of the scale; a face is replaced by one that is stronger by this much, not by every hair


@dataclass(frozen=True, eq=False)
class TellingFace:
    """A face on which some action units are stronger than on all others.

    Attributes:
        source, timestamp: the picture, or the video and the seconds in it.
        found: its analysis.
        picture: (H, W, 3) uint8 RGB, the face with its surroundings.
        face: its place in that picture.
        units: the action units, FACS numbers, the strongest first.
    """

    source: str
    timestamp: float
    found: FaceAnalysis
    picture: np.ndarray
    face: Face
    units: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ExplainedFace:
    """A telling face and where its scores come from; ``problem`` says why where that is not known."""

    telling: TellingFace
    explanation: FaceExplanation | None
    problem: str = ""


class TellingFaces:
    """Collects frames as they come; ``chosen`` gives the faces at the end.

    Args:
        most: faces to choose at most.
    """

    def __init__(self, most: int = MOST_FACES) -> None:
        self.most = most
        self._best: dict[int, tuple[float, TellingFace]] = {}  # by action unit; one face may be chosen for several

    def add(self, frame: AnalyzedFrame) -> None:
        """Take in one frame, its picture without drawings."""
        for found in frame.analysis.faces:
            kept = None
            for position in np.flatnonzero(found.occurrence):
                unit, strength = found.action_units[position], float(found.strength[position])
                if unit not in self._best or strength > self._best[unit][0] + _NOTICEABLE:
                    kept = kept or _kept(frame, found)
                    self._best[unit] = (strength, kept)

    def chosen(self) -> list[TellingFace]:
        """The faces that are chosen for most action units, then the strongest, in the order of the frames; ``most`` at most."""
        groups: list[tuple[TellingFace, list[int]]] = []
        for unit, (_, face) in sorted(self._best.items(), key=lambda one: -one[1][0]):  # the strongest first
            units = next((units for other, units in groups if other is face), None)
            if units is None:
                groups.append((face, [unit]))
            else:
                units.append(unit)
        groups.sort(key=lambda group: -len(group[1]))  # keeps the strongest first among equals
        faces = [replace(face, units=tuple(units)) for face, units in groups[: self.most]]
        return sorted(faces, key=lambda face: (face.timestamp, face.source, face.found.face_id))


def _kept(frame: AnalyzedFrame, found: FaceAnalysis) -> TellingFace:
    face = Face(found.box, found.confidence, found.landmarks)
    part, moved = surroundings(frame.image, face)
    scale = min(1.0, LONGEST / max(part.shape[:2]))
    if scale < 1:
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        rates = np.array(size, np.float32) / [part.shape[1], part.shape[0]]
        part = np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BOX))
        points = ((moved.landmarks + 0.5) * rates - 0.5).astype(np.float32)
        box = ((moved.box + 0.5) * np.tile(rates, 2) - 0.5).astype(np.float32)
        moved = replace(moved, landmarks=points, box=box)
    return TellingFace(frame.analysis.source, frame.analysis.timestamp, found, part, moved)


def explain_telling(detector: Detector, faces: Sequence[TellingFace]) -> list[ExplainedFace]:
    """Where the scores of some faces come from; a face that cannot be explained says why, and stops no other.

    Args:
        detector: the one that found the faces; it follows no video any more.
        faces: of ``TellingFaces``.
    """
    explained = []
    for one in faces:
        try:
            (found,) = detector.explain(one.picture, faces=[one.face])
        except AufaitError as error:
            explained.append(ExplainedFace(one, None, str(error)))
        else:
            explained.append(ExplainedFace(one, found))
    return explained

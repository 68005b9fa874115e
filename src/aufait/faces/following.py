"""What both finders share: searching a picture, and following faces through a video.

A back end says how to search a whole picture and how to read known faces again near where they were. Following then takes one
reading per face and frame; the whole picture is searched at the start, twice a second or, where only those who are followed move,
every two seconds, when somebody is lost, and after a cut, when known places no longer mean anything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from aufait.errors import InputError
from aufait.faces.appearance import Looks
from aufait.faces.boxes import box_sizes, check_image, keep_best, overlap, overlap_of_smaller
from aufait.faces.cuts import CutDetector, cells_in
from aufait.faces.face import Face
from aufait.faces.pose import estimate_pose
from aufait.faces.tracking import FaceTracker, TrackerConfig
from aufait.machine import one_thread_after_fork


class Effort(IntEnum):
    """How hard to search a whole picture."""

    FEW = 0
    """A single picture of which only so many faces are wanted: large faces only, and what is certain is not checked again."""
    GLANCE = 1
    """A few milliseconds: large faces only. Every frame without a face, or in which somebody is missing."""
    LOOK = 2
    """Now and then in a video: faces down to about 40 pixels at 1280 x 720."""
    SEARCH = 3
    """A single picture: everything, however long it takes."""


@dataclass(frozen=True)
class FollowingConfig:
    """Settings of ``FollowingFinder``."""

    search_interval: float = 0.5
    """Seconds between two searches of the whole picture while following."""

    search_frames: int = 15
    """Frames between them at most."""

    put_off: int = 3
    """Searches in turn that are put off while nothing changes but near the faces that are followed."""

    still: float = 6.0
    """Grey levels by which no cell of the small picture (``cuts.small_picture``) may have changed since the last search ..."""

    near: float = 1.0
    """... but for those within this many face sizes of a followed face: heads and shoulders move."""

    lost_interval: float = 0.2
    """Seconds between two such looks while somebody is missing."""

    max_overlap: float = 0.35
    """Faces whose boxes have more intersection over union are the same face."""

    nested: float = 0.7
    """Faces whose intersection covers more than this of the smaller box are the same face."""

    large: float = 0.25
    """Where only so many faces of a single picture are wanted, and the search for few finds as many of at least this share of the
    shorter side ..."""

    certain: float = 0.9
    """... and this confidence, the picture is not searched for smaller ones, which would be left out."""


class FollowingFinder(ABC):
    """Base of the finders: ``find`` for single pictures, ``track`` for the frames of a video in their order.

    Args:
        max_faces: keep this many, None for all: in a picture the largest, and where these are large and certain, no more is
            searched for, in a third to a quarter of the time; in a video the largest at first, and then those who are followed,
            until they have been lost for ``TrackerConfig.max_lost``.
        min_confidence: faces below are dropped, in [0, 1].
    """

    name = ""
    reason = ""

    def __init__(
        self,
        *,
        max_faces: int | None = None,
        min_confidence: float = 0.5,
        following: FollowingConfig | None = None,
        tracker: TrackerConfig | None = None,
    ) -> None:
        if max_faces is not None and max_faces < 1:
            raise InputError(f"max_faces must be at least 1 or None for no limit, got {max_faces}")
        if not 0.0 <= min_confidence <= 1.0:
            raise InputError(f"min_confidence must be in [0, 1], got {min_confidence}")
        self.max_faces = max_faces
        self.min_confidence = min_confidence
        self.following = following or FollowingConfig()
        self._tracker = FaceTracker(tracker, max_faces=max_faces)
        self._cuts = CutDetector()
        self._size: tuple[int, int] | None = None
        self._last_look: float | None = None
        self._frames_since_look = 0
        self._searched: np.ndarray | None = None
        self._put_off = 0
        self._closed = False

    @abstractmethod
    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        """Every face of a picture, without track; those that are known already may be left out."""

    @abstractmethod
    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        """The faces near expected ones; those that are gone are left out, the order is free."""

    def find(self, image: np.ndarray) -> list[Face]:
        """The faces of one picture, largest first.

        Args:
            image: (H, W, 3) uint8 RGB.

        Raises:
            InputError: another shape or type.
        """
        image = self._checked(image)
        faces = self._distinct(self._search(image, Effort.FEW, [])) if self.max_faces is not None else []
        if not self._enough(faces, image):
            faces = self._distinct(self._search(image, Effort.SEARCH, []))
        faces.sort(key=lambda face: -float(box_sizes(face.box[None])[0]))
        faces = faces[: self.max_faces]
        return self._with_pose(faces, image)

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        """The faces of the next frame of a video, with track ids, in the order of their ids.

        Args:
            image: (H, W, 3) uint8 RGB.
            timestamp: seconds, growing from frame to frame; a step back starts new tracks. The size of the frames may change.

        Raises:
            InputError: another shape or type, or a timestamp that is not finite.
        """
        image = self._checked(image)
        if not np.isfinite(timestamp):
            raise InputError(f"timestamp must be a finite number of seconds, got {timestamp}")
        self._prepare(image)
        expected = self._tracker.predict(timestamp)
        seen = self._distinct(self._look_again(image, expected)) if expected else []
        effort = self._effort(timestamp, seen, missing=len(seen) < max(len(expected), 1))
        if effort is not None and (self.max_faces is None or len(seen) < self.max_faces):
            seen = self._distinct(seen, self._search(image, effort, seen))
        faces = self._tracker.update(self._with_pose(seen, image), timestamp, image)
        return sorted(faces, key=lambda face: face.track_id)

    @property
    def away(self) -> list[tuple[int, tuple[Looks, ...]]]:
        """Who was seen before a cut and may be back after a later one: track ids, and looks that are remembered."""
        return self._tracker.away

    def reset(self) -> None:
        """Start of another video: forgets all tracks."""
        self._tracker.reset()
        self._cuts.reset()
        self._size = None
        self._last_look = None
        self._frames_since_look = 0
        self._searched = None

    def close(self) -> None:
        """Release what the back end holds; the finder cannot be used afterwards. Closing twice is harmless."""
        self._closed = True

    def __enter__(self) -> FollowingFinder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, image: np.ndarray) -> None:
        """What a cut or another size before this frame changes for the tracks."""
        before, self._size = self._size, (image.shape[1], image.shape[0])
        if self._cuts.cut_before(image):
            self._tracker.cut()
            self._last_look = self._searched = None  # search again, and thoroughly
        if before is not None and before != self._size:
            self._searched = None
            self._tracker.rescale((self._size[0] / before[0], self._size[1] / before[1]))

    def _effort(self, timestamp: float, faces: list[Face], *, missing: bool) -> Effort | None:
        """How hard to search this frame; None to leave it at the ``faces`` that are followed."""
        settings = self.following
        self._frames_since_look += 1
        since = np.inf if self._last_look is None else timestamp - self._last_look
        stale = since >= settings.search_interval or self._frames_since_look >= settings.search_frames or since < 0
        if stale or (missing and since >= settings.lost_interval):
            self._last_look, self._frames_since_look = timestamp, 0
            if not missing and self._put_off < settings.put_off and self._still(faces):
                self._put_off += 1
                return None
            self._searched, self._put_off = self._cuts.picture, 0
            return Effort.LOOK
        return Effort.GLANCE if missing else None

    def _still(self, faces: list[Face]) -> bool:
        """Whether nothing has changed since the last search but near these faces."""
        now = self._cuts.picture
        if self._searched is None or now is None or self._size is None:
            return False
        boxes = np.stack([face.box for face in faces])
        margin = self.following.near * box_sizes(boxes)[:, None]
        grown = np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
        changed = (np.abs(now - self._searched) > self.following.still) & ~cells_in(grown, self._size)
        return not changed.any()

    def _distinct(self, known: list[Face], found: list[Face] | None = None) -> list[Face]:
        """Each person once, if certain enough. A known face wins over one found at the same place."""
        faces = [f for f in [*known, *(found or [])] if f.confidence >= self.min_confidence]
        if not faces:
            return []
        boxes = np.stack([face.box for face in faces])
        rank = np.array([face.confidence for face in faces])
        rank[: sum(f.confidence >= self.min_confidence for f in known)] += 1.0 if found is not None else 0.0
        rows = keep_best(boxes, rank, self.following.max_overlap, nested=self.following.nested)
        return [faces[row] for row in rows]

    def _enough(self, faces: list[Face], image: np.ndarray) -> bool:
        """Whether there are as many large and certain faces as are wanted, so that a closer search would change nothing."""
        least = self.following.large * min(image.shape[:2])
        large = sum(face.confidence >= self.following.certain and bool(box_sizes(face.box[None])[0] >= least) for face in faces)
        return self.max_faces is not None and large >= self.max_faces

    def _taken(self, boxes: np.ndarray, known: list[Face]) -> np.ndarray:
        """(N,) whether boxes (N, 4) are where a face is known already, so that ``_distinct`` would drop what is found there."""
        if not known or not len(boxes):
            return np.zeros(len(boxes), dtype=bool)
        seen = np.stack([face.box for face in known])
        near = (overlap(boxes, seen) > self.following.max_overlap) | (overlap_of_smaller(boxes, seen) > self.following.nested)
        return np.asarray(near.any(axis=1))

    def _with_pose(self, faces: list[Face], image: np.ndarray) -> list[Face]:
        without = [row for row, face in enumerate(faces) if face.pose is None]
        if not without:
            return faces
        points = np.stack([faces[row].landmarks for row in without])
        poses = dict(zip(without, estimate_pose(points, (image.shape[1], image.shape[0])), strict=True))
        return [replace(face, pose=poses.get(row, face.pose)) for row, face in enumerate(faces)]

    def _checked(self, image: np.ndarray) -> np.ndarray:
        if self._closed:
            raise InputError(f"this {self.name} face finder is closed; create another one")
        one_thread_after_fork()
        return check_image(image)

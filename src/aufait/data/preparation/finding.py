"""Faces of one recording: its pictures one after the other, and the landmarks of the subject in each.

Landmarks are those that the data set distributes, or a face finder's. A video, and pictures with a known frame rate, are
tracked: the largest face of the first frame with a face is the subject, who is followed until lost; then the largest face
takes its place. Pictures without a frame rate are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aufait.data.recording import Recording
from aufait.errors import InputError
from aufait.faces.boxes import box_sizes
from aufait.faces.face import Face
from aufait.faces.finder import FaceFinder
from aufait.inputs.alignments import Alignment

NO_PICTURE = "no picture"
BAD_PICTURE = "picture cannot be read"
BROKEN_OFF = "video broke off"
TOO_SHORT = "video ends before"
NO_FACE = "no face found"
NO_LANDMARKS = "no landmarks distributed"
NOT_ALIGNABLE = "landmarks cannot be aligned"
OUTSIDE = "landmarks are outside the picture"

FinderFactory = Callable[[], FaceFinder]
"""Makes a finder; it is called once in every process."""


class LandmarkSource(Protocol):
    """Landmarks of the subject, picture by picture."""

    def find(self, row: int, time: float, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | str:
        """Landmarks (N, 2) in pixels and pose (3,) in degrees (nan where unknown), or why there are none."""


class Distributed:
    """Landmarks that came with the data set.

    Raises:
        InputError: the data set has none for this recording, or they cannot be read.
        MissingExtraError: their file format needs another package.
    """

    def __init__(self, recording: Recording) -> None:
        landmarks = recording.landmarks
        if landmarks is None:
            raise InputError("the data set distributes no landmarks for this recording; prepare with landmarks='detect'")
        self._landmarks = landmarks

    def find(self, row: int, time: float, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | str:
        """See ``LandmarkSource``."""
        points = np.asarray(self._landmarks[row], np.float64)
        return (points, np.full(3, np.nan)) if np.isfinite(points).all() else NO_LANDMARKS


class Detected:
    """Landmarks of a face finder; one object per recording.

    Args:
        finder: is reset first.
        tracked: whether the pictures follow each other in time.
    """

    def __init__(self, finder: FaceFinder, *, tracked: bool) -> None:
        finder.reset()
        self._finder = finder
        self._tracked = tracked
        self._subject: int | None = None

    def find(self, row: int, time: float, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | str:
        """See ``LandmarkSource``; times must increase where the pictures are tracked."""
        faces = self._finder.track(image, time) if self._tracked else self._finder.find(image)
        if not faces:
            return NO_FACE
        face = self._subject_of(faces)
        angles = np.full(3, np.nan) if face.pose is None else np.degrees(face.pose.rotation)
        return np.asarray(face.landmarks, np.float64), angles

    def _subject_of(self, faces: list[Face]) -> Face:
        known = next((face for face in faces if self._tracked and face.track_id == self._subject), None)
        if known is None:
            known = max(faces, key=lambda face: float(box_sizes(face.box[None])[0]))
            self._subject = known.track_id
        return known


@dataclass(frozen=True, eq=False)
class FoundFace:
    """One aligned face.

    Attributes:
        row: of the recording.
        pixels: (side, side, 3) uint8 RGB.
        landmarks: (N, 2) float32 in face pixels.
        pose: (3,) float32 pitch, yaw, roll in degrees, nan where unknown.
    """

    row: int
    pixels: np.ndarray
    landmarks: np.ndarray
    pose: np.ndarray


def found_faces(
    recording: Recording, source: LandmarkSource, alignment: Alignment, missing: dict[str, list[int]]
) -> Iterator[FoundFace | None]:
    """Every labelled frame in order: its face, or None.

    Args:
        recording: opened with pictures.
        source: of the landmarks.
        alignment: standard frame.
        missing: takes, per reason, the numbers of the frames without a face.

    Raises:
        InputError: a video cannot be opened, or not one picture can be read.
    """
    for row, time, image in _pictures(recording, missing):
        found = source.find(row, time, image)
        face = found if isinstance(found, str) else _align(row, image, *found, alignment)
        if isinstance(face, str):
            missing.setdefault(face, []).append(int(recording.frames[row]))
            yield None
        else:
            yield face


def _align(row: int, image: np.ndarray, landmarks: np.ndarray, pose: np.ndarray, alignment: Alignment) -> FoundFace | str:
    middle, (height, width) = landmarks.mean(axis=0), image.shape[:2]
    if not (0 <= middle[0] < width and 0 <= middle[1] < height):
        return OUTSIDE
    try:
        pixels, moved = alignment.aligned(image, landmarks)
    except InputError:
        return NOT_ALIGNABLE
    return FoundFace(row, pixels, moved, pose.astype(np.float32))


def readable_pictures(recording: Recording) -> Iterator[tuple[int, float, np.ndarray]]:
    """(row, time in s, picture (H, W, 3) uint8 RGB) of every labelled frame that can be read.

    Raises:
        InputError: a video cannot be opened, or not one picture can be read.
    """
    return _pictures(recording, {})


def _pictures(recording: Recording, missing: dict[str, list[int]]) -> Iterator[tuple[int, float, np.ndarray]]:
    """(row, time in s, picture) of every labelled frame that can be read; the others go into ``missing``."""
    if recording.media is None:
        raise InputError("it was opened without pictures (need_media=False)")
    numbers, rows = recording.media.numbers(), np.arange(len(recording))
    if numbers is not None:
        there = np.isin(recording.frames, numbers)
        _note(missing, NO_PICTURE, recording.frames[~there])
        rows = rows[there]
    start, unreadable, first_error = 0, 0, ""
    while start < len(rows):
        try:
            for row, time, image in recording.images(rows[start:]):
                place = int(np.searchsorted(rows, row))
                _note(missing, NO_PICTURE, recording.frames[rows[start:place]])
                start = place + 1
                yield row, _time(time, row, recording), image
            break
        except InputError as error:
            if numbers is None:  # a video cannot be read after the damage
                if start == 0:
                    raise
                _note(missing, BROKEN_OFF, recording.frames[rows[start:]])
                return
            first_error = first_error or str(error)
            unreadable += 1
            _note(missing, BAD_PICTURE, recording.frames[rows[start : start + 1]])
            start += 1
    _note(missing, NO_PICTURE if numbers is not None else TOO_SHORT, recording.frames[rows[start:]])
    if unreadable and unreadable == len(rows):
        raise InputError(f"none of its {unreadable} pictures can be read; the first: {first_error}")


def _note(missing: dict[str, list[int]], reason: str, frames: np.ndarray) -> None:
    if len(frames):
        missing.setdefault(reason, []).extend(int(frame) for frame in frames)


def _time(time: float, row: int, recording: Recording) -> float:
    """A finite time for the tracker; where nothing is known frames count as 1/25 s."""
    return time if np.isfinite(time) else float(recording.frames[row] - recording.first_frame) / 25.0


def is_tracked(recording: Recording) -> bool:
    """Whether the pictures of a recording follow each other in time."""
    from aufait.data.pictures import Video

    return isinstance(recording.media, Video) or recording.frame_rate is not None

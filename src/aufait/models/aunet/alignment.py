"""Where AUNet's crops come from: both neighbours aligned to the current frame, or a whole track to one reference.

Paper: AUNet, section IV-C (five points of the current frame), section V-C (crop). Box and points as in the released program:
``aufait.alignment.box_transform``; eye centres, the nose and the lip corners. The track alignment is ours.

Boxes are made from the landmarks, as where faces are prepared (``aufait.alignment.detector_boxes``), unless those of a RetinaFace
are given; a finder's ``Face.box`` is too small for this crop. Nose: the point under it as in the released demo, or with
``nose="nose_tip"`` the tip, which RetinaFace gives in the released training.

Both give transforms for ``aufait.alignment.warp`` with size 256 and border 0.
"""

from __future__ import annotations

import numpy as np

from aufait.alignment import AUNET_SIZE, apply_transform, box_transform, detector_boxes, similarity_from_points
from aufait.errors import InputError
from aufait.landmarks import five_points

SUBNASALE = "subnasale"


def neighbour_alignment(
    landmarks: np.ndarray, boxes: np.ndarray | None = None, interval: int = 10, size: int = AUNET_SIZE, nose: str = SUBNASALE
) -> tuple[np.ndarray, np.ndarray]:
    """The paper's alignment: for each frame its own box crop, and its neighbours' five points on its own.

    Args:
        landmarks: (T, N, 2) pixels of the T consecutive frames of a face track, N = 68, 66 or 49.
        boxes: (T, 4) x0, y0, x1, y1 of a RetinaFace; None makes them from the landmarks.
        interval: frames to the earlier and the later neighbour.
        size: side of the crop in pixels.
        nose: third of the five points, "subnasale" or "nose_tip".

    Returns:
        Matrices (T, 3, 2, 3), source pixels to crop pixels, of the current, the earlier and the later frame; and the index of
        the frame that each belongs to, (T, 3). Where a neighbour does not exist it is the current frame.

    Raises:
        InputError: shapes do not match, an empty box, or a face whose five points coincide.
    """
    points, crops = _points_and_crops(landmarks, boxes, size, nose)
    count = len(points)
    now = np.arange(count)
    earlier = np.where(now >= interval, now - interval, now)
    later = np.where(now + interval < count, now + interval, now)
    target = apply_transform(crops, points)                                          # (T, 5, 2)
    neighbours = [similarity_from_points(points[index], target) for index in (earlier, later)]
    return np.stack([crops, *neighbours], axis=1), np.stack([now, earlier, later], axis=1)


def track_reference(
    landmarks: np.ndarray, boxes: np.ndarray | None = None, size: int = AUNET_SIZE, nose: str = SUBNASALE
) -> np.ndarray:
    """Mean place of the five points in the box crops of a track's frames, (5, 2) crop pixels; arguments as above."""
    points, crops = _points_and_crops(landmarks, boxes, size, nose)
    return apply_transform(crops, points).mean(0)


def track_alignment(
    landmarks: np.ndarray,
    boxes: np.ndarray | None = None,
    *,
    reference: np.ndarray | None = None,
    size: int = AUNET_SIZE,
    nose: str = SUBNASALE,
) -> np.ndarray:
    """Every frame of a track to one reference, so that a frame's features can be used in all its roles.

    Args:
        landmarks: (T, N, 2) pixels of the frames of one face track, N = 68, 66 or 49.
        boxes: (T, 4) x0, y0, x1, y1 of a RetinaFace; None makes them from the landmarks.
        reference: (5, 2) crop pixels to which the five points are brought; ``None`` takes the track's own mean. A video that
            comes in pieces needs one reference for all of them, or ``TrackAligner``.
        size: side of the crop in pixels.
        nose: third of the five points, "subnasale" or "nose_tip".

    Returns:
        Matrices (T, 2, 3), source pixels to crop pixels.

    Raises:
        InputError: shapes do not match, an empty box, or a face whose five points coincide.
    """
    if reference is None:
        reference = track_reference(landmarks, boxes, size, nose)
    if reference.shape != (5, 2):
        raise InputError(f"the reference must be five points (5, 2) in crop pixels, got {reference.shape}")
    points, _ = _points_and_crops(landmarks, boxes, size, nose)
    return similarity_from_points(points, reference)


class TrackAligner:
    """``track_alignment`` frame by frame, for a camera: the reference is the running mean of the frames so far.

    Args:
        memory: frames after which older ones are forgotten exponentially; the more, the steadier the reference.
        size: side of the crop in pixels.
        nose: third of the five points, "subnasale" or "nose_tip".
    """

    def __init__(self, memory: int = 100, size: int = AUNET_SIZE, nose: str = SUBNASALE) -> None:
        if memory < 1:
            raise InputError(f"memory must be at least 1 frame, got {memory}")
        self.memory, self.size, self.nose = memory, size, nose
        self.reference: np.ndarray | None = None
        """(5, 2) crop pixels, ``None`` before the first frame."""
        self._seen = 0

    def transform(self, landmarks: np.ndarray, box: np.ndarray | None = None) -> np.ndarray:
        """Landmarks (N, 2) of the next frame -> its matrix (2, 3), source pixels to crop pixels.

        ``box`` (4,) is that of a RetinaFace; None makes it from the landmarks.
        """
        boxes = None if box is None else np.asarray(box)[None]
        points, crops = _points_and_crops(np.asarray(landmarks)[None], boxes, self.size, self.nose)
        own = apply_transform(crops, points)[0]
        self._seen = min(self._seen + 1, self.memory)
        self.reference = own if self.reference is None else self.reference + (own - self.reference) / self._seen
        return similarity_from_points(points, self.reference)[0]


def _points_and_crops(
    landmarks: np.ndarray, boxes: np.ndarray | None, size: int, nose: str
) -> tuple[np.ndarray, np.ndarray]:
    """Five points (T, 5, 2) and box transforms (T, 2, 3)."""
    landmarks = np.asarray(landmarks, np.float64)
    if boxes is None and landmarks.ndim == 3 and len(landmarks):
        boxes = detector_boxes(landmarks)
    boxes = np.asarray(boxes, np.float64)
    if landmarks.ndim != 3 or boxes.ndim != 2 or len(landmarks) != len(boxes) or len(landmarks) == 0:
        raise InputError(
            f"expected landmarks (T, N, 2) and boxes (T, 4) of the same frames, got {landmarks.shape} and {boxes.shape}"
        )
    return five_points(landmarks, nose=nose), box_transform(boxes, size)

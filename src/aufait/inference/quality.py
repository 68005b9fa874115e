"""How far a face measurement can be trusted, as one number between 0 and 1.

    quality = confidence * fit * visible * clarity * size * pose * exposure * inside

Every factor is a ramp from 0 ("useless") to 1 ("no reason to doubt"), clipped at both ends:

| factor     | measured on                                                  | 0 at | 1 at |
|------------|--------------------------------------------------------------|------|------|
| confidence | what the face finder says                                    | 0    | 1    |
| fit        | face check: do the landmarks lie on an upright face?         | 0.2  | 0.7  |
| visible    | face check: visible share of the worst part of the face      | 0.35 | 0.85 |
| clarity    | face check: fine structure left by blur, noise, compression  | 0.6  | 0.95 |
| size       | square root of the area of the face box, pixels              | 16   | 80   |
| pose       | larger of abs(yaw) and 1.3 * abs(pitch), degrees             | 80   | 30   |
| exposure   | share of the box that is black (luma <= 8) or burnt (>= 250) | 0.7  | 0.2  |
|            | times: standard deviation of the luma                        | 2    | 12   |
| inside     | share of the 68 landmarks that lie in the picture            | 0.5  | 1    |

The factors are multiplied because one defect is enough to spoil a measurement. The parts of ``visible`` are brows and eyes,
mouth and chin, the left and the right half; a hand over the mouth spoils the second. The face check is a small network
(``aufait.models.face_check``) that looks at the aligned face; it is why an upside-down face that was given an upright set of
landmarks gets next to nothing, while one that was found the right way up is judged like any other. A face without a pose gets 1
for that factor.

docs/benchmarks.md tells how errors on real faces go with the quality. Reading faces with ``quality >= 0.3`` is a sensible start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.faces.face import Face

RECOMMENDED_QUALITY = 0.3
"""Faces below this are better left out of statistics; see the table in the module's docstring."""

ANALYSIS_SIZE = 64
"""Side in pixels to which larger face boxes are roughly reduced before exposure is measured."""


@dataclass(frozen=True)
class QualityFactors:
    """The factors of the quality score, each in [0, 1]; ``score`` is their product.

    ``regions`` is not one of them: the visible share of each of ``aufait.models.face_check.REGIONS``, behind ``visible``.
    """

    confidence: float
    fit: float
    visible: float
    clarity: float
    size: float
    pose: float
    exposure: float
    inside: float
    regions: tuple[float, ...] = ()

    @property
    def score(self) -> float:
        """The product of all factors, in [0, 1]."""
        seen = self.fit * self.visible * self.clarity * self.exposure * self.inside
        return self.confidence * self.size * self.pose * seen


def quality_scores(image: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """Quality of each face of one picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: F faces in pixel coordinates of the picture.

    Returns:
        (F,) float32 in [0, 1].
    """
    return np.array([factors.score for factors in all_quality_factors(image, faces)], dtype=np.float32)


def quality_factors(image: np.ndarray, face: Face) -> QualityFactors:
    """The factors behind the quality of one face, for those who want to know why it is low.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: a face in pixel coordinates of the picture.
    """
    return all_quality_factors(image, [face])[0]


def all_quality_factors(image: np.ndarray, faces: Sequence[Face]) -> list[QualityFactors]:
    """``quality_factors`` of the faces of one picture, which go through the face check together."""
    if not faces:
        return []
    from aufait.models.face_check import check_faces, load_face_check  # brings torch, which importing the package does not

    points = np.stack([face.landmarks for face in faces])
    checked = np.isfinite(points).all(axis=(1, 2)) & (np.ptp(points, axis=1).min(axis=1) > 0)  # else nothing can be aligned
    checks = check_faces(load_face_check(), image, points[checked])
    rows = iter(range(len(checks.fit)))
    result = []
    for face, known in zip(faces, checked, strict=True):
        row = next(rows) if known else None
        fit, clarity = (0.0, 0.0) if row is None else (float(checks.fit[row]), float(checks.clarity[row]))
        visible = 0.0 if row is None else float(checks.least_visible[row])
        width, height = face.box[2] - face.box[0], face.box[3] - face.box[1]
        result.append(
            QualityFactors(
                confidence=_ramp(float(face.confidence), 0.0, 1.0),
                fit=_ramp(fit, 0.2, 0.7),
                visible=_ramp(visible, 0.35, 0.85),
                clarity=_ramp(clarity, 0.6, 0.95),
                size=_ramp(math.sqrt(max(float(width), 0.0) * max(float(height), 0.0)), 16.0, 80.0),
                pose=_pose(face),
                exposure=_exposure(_face_luma(image, face.box)),
                inside=_ramp(_share_inside(face.landmarks, image.shape[1], image.shape[0]), 0.5, 1.0),
                regions=() if row is None else tuple(float(share) for share in checks.visible[row]),
            )
        )
    return result


def _ramp(value: float, zero_at: float, one_at: float) -> float:
    """0 at ``zero_at``, 1 at ``one_at``, linear between, clipped outside; not-a-number counts as 0."""
    position = (value - zero_at) / (one_at - zero_at)
    return min(max(position, 0.0), 1.0) if position == position else 0.0


def _face_luma(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part of the face box inside the picture as float32 luma, block-averaged to about ``ANALYSIS_SIZE`` px."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = np.nan_to_num(np.asarray(box, dtype=np.float64))
    left, top = int(np.clip(x0, 0, width)), int(np.clip(y0, 0, height))
    right, bottom = int(np.clip(math.ceil(x1), 0, width)), int(np.clip(math.ceil(y1), 0, height))
    # Averages of whole blocks, so that the measure does not see aliasing as sharpness.
    step = max(1, round(min(bottom - top, right - left) / ANALYSIS_SIZE))
    rows, columns = (bottom - top) // step, (right - left) // step
    if rows < 1 or columns < 1:
        return np.zeros((0, 0), dtype=np.float32)
    # Green alone: it carries most of the luma, and one channel costs a third of three.
    green = image[top : top + rows * step, left : left + columns * step, 1]
    if step == 1:
        return green.astype(np.float32)
    sums = np.add.reduceat(green, np.arange(0, rows * step, step), axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, np.arange(0, columns * step, step), axis=1)
    return sums.astype(np.float32) / (step * step)


def _exposure(luma: np.ndarray) -> float:
    """Exposure in [0, 1] of a face (H, W) float32; 0 for fewer than 3 x 3 pixels."""
    if min(luma.shape) < 3:
        return 0.0
    clipped = float(((luma <= 8) | (luma >= 250)).mean())
    return _ramp(clipped, 0.7, 0.2) * _ramp(float(luma.std()), 2.0, 12.0)


def _pose(face: Face) -> float:
    """1 for a face turned by up to 30 degrees, 0 from 80 degrees; pitch hides more than yaw and counts 1.3 times."""
    if face.pose is None:
        return 1.0
    pitch, yaw, _ = np.degrees(np.asarray(face.pose.rotation, dtype=np.float64))
    return _ramp(max(abs(float(yaw)), 1.3 * abs(float(pitch))), 80.0, 30.0)


def _share_inside(landmarks: np.ndarray, width: int, height: int) -> float:
    """Share of the landmarks (N, 2) that lie within a picture of this size."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    return float(((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)).mean())

"""How much a face measurement can be trusted, as one number between 0 and 1.

    quality = confidence * fit * visible * clarity * size * pose * exposure * inside

Every factor is a ramp from 0 ("useless") to 1 ("no reason to doubt"), clipped at both ends:

| factor     | measured on                                                  | 0 at | 1 at |
|------------|--------------------------------------------------------------|------|------|
| confidence | what the face finder says                                    | 0    | 1    |
| fit        | face check: are the landmarks on an upright face?            | 0.2  | 0.7  |
| visible    | face check: visible share of the worst part of the face      | 0.35 | 0.85 |
| clarity    | face check: fine structure left by blur, noise, compression  | 0.6  | 0.95 |
| size       | square root of the area of the face box, pixels              | 16   | 80   |
| pose       | larger of abs(yaw) and 1.3 * abs(pitch), degrees             | 80   | 30   |
| exposure   | share of the box that is black (luma <= 8) or burnt (>= 250) | 0.7  | 0.2  |
|            | times: standard deviation of the luma                        | 2    | 12   |
| inside     | share of the 68 landmarks that are in the picture            | 0.5  | 1    |

The factors are multiplied because one defect is enough to spoil a measurement. The parts of ``visible`` are brows and eyes,
mouth and chin, the left and the right half; a hand over the mouth spoils the second. The face check is a small network
(``aufait.faces.face_check``) that reads the aligned face; because of it, an upside-down face with an upright set of
landmarks gets a quality near 0, while one that was found the right way up is judged like any other. A face without a pose gets 1
for that factor.

docs/benchmarks.md shows how the quality relates to errors on real faces. Reading faces with ``quality >= 0.3`` is a sensible start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from aufait.faces.face import Face

RECOMMENDED_QUALITY = 0.3
"""Faces below this are better left out of statistics; see the table in the module's docstring."""

BLACK, BURNT = 8, 250
"""Luma up to which a pixel is black, and from which it is burnt."""

PITCH_WEIGHT = 1.3
"""Pitch hides more of a face than yaw, and counts this much more."""

RAMPS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "fit": (0.2, 0.7),
        "visible": (0.35, 0.85),
        "clarity": (0.6, 0.95),
        "size": (16.0, 80.0),
        "pose": (80.0, 30.0),
        "clipped": (0.7, 0.2),
        "contrast": (2.0, 12.0),
        "inside": (0.5, 1.0),
    }
)
"""Where each factor is 0 and where it is 1, see above; ``clipped`` and ``contrast`` are the two parts of ``exposure``."""

ANALYSIS_SIZE = 64
"""Side in pixels to which larger face boxes are roughly reduced before exposure is measured."""


@dataclass(frozen=True)
class QualityFactors:
    """The factors of the quality score, each in [0, 1]; ``score`` is their product.

    ``regions`` is not one of them: the visible share of each of ``aufait.faces.face_check.REGIONS``, the basis of ``visible``.
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
    return quality_of_pictures([image], [faces])[0]


def quality_of_pictures(images: Sequence[np.ndarray], faces: Sequence[Sequence[Face]]) -> list[np.ndarray]:
    """``quality_scores`` of some pictures and the faces of each; all faces go through the face check together."""
    return [np.array([f.score for f in factors], dtype=np.float32) for factors in _all_factors(images, faces)]


def quality_factors(image: np.ndarray, face: Face) -> QualityFactors:
    """The factors of the quality of one face, for those who want to know why it is low.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: a face in pixel coordinates of the picture.
    """
    return _all_factors([image], [[face]])[0][0]


def _all_factors(images: Sequence[np.ndarray], faces: Sequence[Sequence[Face]]) -> list[list[QualityFactors]]:
    """The factors of all faces of some pictures."""
    if not any(faces):
        return [[] for _ in images]
    import torch  # which importing the package does not bring

    from aufait.faces.face_check import check_crops, judge_crops, load_face_check

    alignable = [[_can_be_aligned(face) for face in group] for group in faces]
    checked = [
        (image, np.stack([face.landmarks for face, usable in zip(group, known, strict=True) if usable]))
        for image, group, known in zip(images, faces, alignable, strict=True)
        if any(known)
    ]
    crops = [check_crops(image, points) for image, points in checked]
    checks = judge_crops(load_face_check(), torch.cat(crops) if crops else torch.zeros((0, 3, 1, 1), dtype=torch.uint8))
    answers = iter(zip(checks.fit, checks.clarity, checks.least_visible, checks.visible, strict=True))
    return [
        [_factors(image, face, next(answers) if usable else None) for face, usable in zip(group, known, strict=True)]
        for image, group, known in zip(images, faces, alignable, strict=True)
    ]


def _can_be_aligned(face: Face) -> bool:
    """Whether the landmarks are finite and not all on one line along an axis."""
    return bool(np.isfinite(face.landmarks).all() and np.ptp(face.landmarks, axis=0).min() > 0)


def _factors(image: np.ndarray, face: Face, answers: tuple[float, float, float, np.ndarray] | None) -> QualityFactors:
    """The factors of one face, given fit, clarity, least visible share and visible shares; None where it was not checked."""
    fit, clarity, visible, regions = answers or (0.0, 0.0, 0.0, ())
    width, height = face.box[2] - face.box[0], face.box[3] - face.box[1]
    return QualityFactors(
        confidence=_ramp(float(face.confidence), 0.0, 1.0),
        fit=_ramp(float(fit), *RAMPS["fit"]),
        visible=_ramp(float(visible), *RAMPS["visible"]),
        clarity=_ramp(float(clarity), *RAMPS["clarity"]),
        size=_ramp(math.sqrt(max(float(width), 0.0) * max(float(height), 0.0)), *RAMPS["size"]),
        pose=_pose(face),
        exposure=_exposure(_face_luma(image, face.box)),
        inside=_ramp(_share_inside(face.landmarks, image.shape[1], image.shape[0]), *RAMPS["inside"]),
        regions=tuple(float(share) for share in regions),
    )


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
    # Whole rows, then whole columns at a time, in short numbers: "np.add.reduceat" takes several times longer.
    rows_added: np.ndarray = green[::step].astype(np.uint16 if step < 257 else np.uint32)
    for row in range(1, step):
        np.add(rows_added, green[row::step], out=rows_added)
    sums = rows_added[:, ::step].astype(np.float32)
    for column in range(1, step):
        np.add(sums, rows_added[:, column::step], out=sums)
    return sums / (step * step)


def _exposure(luma: np.ndarray) -> float:
    """Exposure in [0, 1] of a face (H, W) float32; 0 for fewer than 3 x 3 pixels."""
    if min(luma.shape) < 3:
        return 0.0
    clipped = float(((luma <= BLACK) | (luma >= BURNT)).mean())
    return _ramp(clipped, *RAMPS["clipped"]) * _ramp(float(luma.std()), *RAMPS["contrast"])


def _pose(face: Face) -> float:
    """1 for a face turned by up to 30 degrees, 0 from 80 degrees; pitch hides more than yaw and counts 1.3 times."""
    if face.pose is None:
        return 1.0
    pitch, yaw, _ = np.degrees(np.asarray(face.pose.rotation, dtype=np.float64))
    return _ramp(max(abs(float(yaw)), PITCH_WEIGHT * abs(float(pitch))), *RAMPS["pose"])


def _share_inside(landmarks: np.ndarray, width: int, height: int) -> float:
    """Share of the landmarks (N, 2) that are within a picture of this size."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    return float(((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)).mean())

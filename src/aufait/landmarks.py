"""Facial landmarks: the 68, 66 and 49 point schemes, named points, mirror permutations and inter-ocular distances.

A landmark array has shape (..., N, 2): x to the right and y down in pixels, the centre of the top-left pixel is 0.
``left`` and ``right`` are the subject's; points 17-21 and 36-41 are on the image's left, which is the subject's right.
The functions take NumPy arrays or torch tensors and return the kind they were given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from aufait.errors import InputError

if TYPE_CHECKING:
    import torch

    ArrayT = TypeVar("ArrayT", np.ndarray, torch.Tensor)
else:
    ArrayT = TypeVar("ArrayT")

_INNER_MOUTH_CORNERS = (60, 64)
_JAW_POINTS = 17

LANDMARKS_68: tuple[int, ...] = tuple(range(68))
"""Identity, so that the three schemes can be used in the same way: element k is the 68-point index of point k."""

LANDMARKS_66: tuple[int, ...] = tuple(k for k in LANDMARKS_68 if k not in _INNER_MOUTH_CORNERS)
"""66-point scheme (DISFA's annotation): the 68 points without the inner mouth corners 60 and 64."""

LANDMARKS_49: tuple[int, ...] = LANDMARKS_66[_JAW_POINTS:]
"""49-point scheme (JAA-Net, ARL): the 66 points without the jaw, so that 49[k] = 66[k + 17]."""

SCHEMES: Mapping[int, tuple[int, ...]] = MappingProxyType({68: LANDMARKS_68, 66: LANDMARKS_66, 49: LANDMARKS_49})
"""Number of points -> 68-point index of each of them."""

GROUPS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "jaw": tuple(range(17)),
        "right_brow": tuple(range(17, 22)),
        "left_brow": tuple(range(22, 27)),
        "nose_bridge": tuple(range(27, 31)),
        "nose_base": tuple(range(31, 36)),
        "right_eye": tuple(range(36, 42)),
        "left_eye": tuple(range(42, 48)),
        "outer_lip": tuple(range(48, 60)),
        "inner_lip": tuple(range(60, 68)),
    }
)
"""Parts of the face as 68-point indices."""

POINTS: Mapping[str, int] = MappingProxyType(
    {
        "chin": 8,
        "right_brow_outer": 17,
        "right_brow_inner": 21,
        "left_brow_inner": 22,
        "left_brow_outer": 26,
        "nose_root": 27,
        "nose_tip": 30,
        "subnasale": 33,
        "right_eye_outer": 36,
        "right_eye_inner": 39,
        "left_eye_inner": 42,
        "left_eye_outer": 45,
        "right_lip_corner": 48,
        "upper_lip_top": 51,
        "left_lip_corner": 54,
        "lower_lip_bottom": 57,
        "upper_lip_inner": 62,
        "lower_lip_inner": 66,
    }
)
"""Single points as 68-point indices."""


def _mirror_68() -> tuple[int, ...]:
    """Swap each point with its partner; points on the midline stay."""
    partner = list(LANDMARKS_68)
    # Runs of points whose partners run the other way: (first, last) of one side against (first, last) of the other.
    runs = [(0, 16), (17, 26), (31, 35), (48, 54), (55, 59), (60, 64), (65, 67)]
    for first, last in runs:
        partner[first : last + 1] = range(last, first - 1, -1)
    for right, left in [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]:
        partner[right], partner[left] = left, right
    return tuple(partner)


def _mirror_subset(scheme: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(scheme.index(MIRROR_68[k]) for k in scheme)


MIRROR_68: tuple[int, ...] = _mirror_68()
"""Mirror permutation: after a horizontal flip of the image, new[k] = old[MIRROR_68[k]]. It is its own inverse."""

MIRROR_66: tuple[int, ...] = _mirror_subset(LANDMARKS_66)
MIRROR_49: tuple[int, ...] = _mirror_subset(LANDMARKS_49)

MIRRORS: Mapping[int, tuple[int, ...]] = MappingProxyType({68: MIRROR_68, 66: MIRROR_66, 49: MIRROR_49})
"""Number of points -> mirror permutation."""


def indices(group: str | int, points: int = 68) -> list[int]:
    """Positions of a named group, a named point or a 68-point index in the scheme with that many points.

    Raises:
        InputError: unknown name or scheme, or the scheme lacks one of the points.
    """
    wanted = _named(group)
    scheme = _scheme(points)
    missing = [k for k in wanted if k not in scheme]
    if missing:
        raise InputError(f"the {points}-point scheme has no counterpart of the 68-point landmarks {missing}")
    return [scheme.index(k) for k in wanted]


def convert(landmarks: ArrayT, points: int) -> ArrayT:
    """Landmarks (..., N, 2) with N = 68, 66 or 49 -> (..., points, 2) with fewer or as many points.

    Raises:
        InputError: wrong shape, or the target scheme has points that the source lacks.
    """
    source = _scheme(check_landmarks(landmarks))
    target = _scheme(points)
    missing = [k for k in target if k not in source]
    if missing:
        raise InputError(f"{len(source)} landmarks cannot be turned into {points}: points {missing} of 68 are missing")
    return landmarks[..., [source.index(k) for k in target], :]


def mirror_landmarks(landmarks: ArrayT, width: int) -> ArrayT:
    """Landmarks (..., N, 2) after a horizontal flip of an image ``width`` pixels wide, points renamed to match.

    x becomes (width - 1) - x; then right-side and left-side points change places. Applying it twice changes nothing.
    """
    permutation = list(MIRRORS[check_landmarks(landmarks)])
    swapped = landmarks[..., permutation, :]
    flip = _like(landmarks, [-1.0, 1.0])
    shift = _like(landmarks, [width - 1.0, 0.0])
    return swapped * flip + shift


def five_points(landmarks: ArrayT, nose: str = "nose_tip") -> ArrayT:
    """Landmarks (..., N, 2) -> (..., 5, 2): right eye, left eye (means of six points), nose, right and left lip corner.

    ``nose`` is "nose_tip" (68: 30) in the papers' alignment and "subnasale" (68: 33) in AUNet's.
    """
    count = check_landmarks(landmarks)
    rows = [landmarks[..., indices(eye, count), :].mean(-2) for eye in ("right_eye", "left_eye")]
    rows += [landmarks[..., indices(name, count)[0], :] for name in (nose, "right_lip_corner", "left_lip_corner")]
    return _stack(rows)


def eye_centers(landmarks: ArrayT) -> ArrayT:
    """Landmarks (..., N, 2) -> (..., 2, 2): mean of the six points of the right eye, then of the left eye."""
    count = check_landmarks(landmarks)
    return _stack([landmarks[..., indices(eye, count), :].mean(-2) for eye in ("right_eye", "left_eye")])


def inter_ocular_distance_outer(landmarks: ArrayT) -> ArrayT:
    """Distance in pixels (not squared) of the two outer eye corners, (..., N, 2) -> (...)."""
    return _point_distance(landmarks, "right_eye_outer", "left_eye_outer")


def inter_ocular_distance_inner(landmarks: ArrayT) -> ArrayT:
    """Distance in pixels (not squared) of the two inner eye corners, (..., N, 2) -> (...)."""
    return _point_distance(landmarks, "right_eye_inner", "left_eye_inner")


def inter_ocular_distance_centers(landmarks: ArrayT) -> ArrayT:
    """Distance in pixels (not squared) of the two eye centres, (..., N, 2) -> (...).

    JAA-Net's "biocular" is the square of it, taken in the aligned 200-pixel face.
    """
    centers = eye_centers(landmarks)
    return _norm(centers[..., 0, :] - centers[..., 1, :])


def landmark_box(landmarks: ArrayT) -> ArrayT:
    """Smallest upright box around the points, (..., N, 2) -> (..., 4) as x0, y0, x1, y1."""
    check_landmarks(landmarks)
    if isinstance(landmarks, np.ndarray):
        return np.concatenate([landmarks.min(-2), landmarks.max(-2)], axis=-1)
    import torch

    return torch.cat([landmarks.amin(-2), landmarks.amax(-2)], dim=-1)


def check_landmarks(landmarks: Any) -> int:
    """Number of points of an array (..., N, 2); raises ``InputError`` unless N is 68, 66 or 49."""
    shape = tuple(landmarks.shape)
    if len(shape) < 2 or shape[-1] != 2 or shape[-2] not in SCHEMES:
        raise InputError(f"landmarks must have shape (..., N, 2) with N = 68, 66 or 49, got {shape}")
    return int(shape[-2])


def _named(group: str | int) -> tuple[int, ...]:
    if isinstance(group, int):
        return (group,)
    if group in GROUPS:
        return GROUPS[group]
    if group in POINTS:
        return (POINTS[group],)
    raise InputError(f"unknown landmark {group!r}; groups: {', '.join(GROUPS)}; points: {', '.join(POINTS)}")


def _scheme(points: int) -> tuple[int, ...]:
    if points not in SCHEMES:
        raise InputError(f"landmark schemes have 68, 66 or 49 points, got {points}")
    return SCHEMES[points]


def _point_distance(landmarks: ArrayT, first: str, second: str) -> ArrayT:
    count = check_landmarks(landmarks)
    return _norm(landmarks[..., indices(first, count)[0], :] - landmarks[..., indices(second, count)[0], :])


def _norm(vectors: ArrayT) -> ArrayT:
    return (vectors * vectors).sum(-1) ** 0.5


def _like(landmarks: ArrayT, values: list[float]) -> ArrayT:
    """Constants in the kind, precision and device of ``landmarks`` (integers become float64)."""
    if isinstance(landmarks, np.ndarray):
        return np.array(values, dtype=landmarks.dtype if landmarks.dtype.kind == "f" else np.float64)
    return landmarks.new_tensor(values)


def _stack(rows: list[ArrayT]) -> ArrayT:
    """Stack (..., 2) rows into (..., len(rows), 2)."""
    if isinstance(rows[0], np.ndarray):
        return np.stack(rows, axis=-2)
    import torch

    return torch.stack(rows, dim=-2)

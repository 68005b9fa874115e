"""Faces put together from the halves of two: what a face shows on one side must come from that side.

Nearly all real faces in training do the same on both sides, and a network that reads the whole face for either side is right about
them. So some are cut along the middle and their halves exchanged; each side is trained on what its own half shows. Only frontal
faces are used: there the middle of the aligned crop is the middle of the face.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aufait.alignment import apply_transform
from aufait.faces.template import TEMPLATE_SIZE
from aufait.models.default.crop import crop_transforms

FRONTAL_YAW = 12.0
"""Rendered faces are frontal up to this angle, degrees."""
CENTRAL_UNITS = (4, 17, 23, 24, 25, 26, 28)
"""Units whose muscles meet in the middle of the face: if two halves disagree, neither is right."""
MIDLINE_POINTS = (27, 30, 51, 57, 8)
"""68-point indices on the middle of a face: bridge and tip of the nose, lips, chin."""
MIDLINE_OFF = 0.04
"""Furthest that the middle of a frontal face is from the middle of its crop, as a share of the crop's side."""
SOFTEST_SEAM = 0.05
"""Widest seam of two crops, as a share of their side; each pair draws its own."""


def frontal_faces(landmarks: np.ndarray) -> np.ndarray:
    """(N, 68, 2) landmarks -> (N,) bool, whether the middle of the face is the middle of its aligned crop."""
    points = apply_transform(crop_transforms(landmarks, size=TEMPLATE_SIZE), landmarks[:, list(MIDLINE_POINTS)])
    return np.asarray((np.abs((points[..., 0] + 0.5) / TEMPLATE_SIZE - 0.5) <= MIDLINE_OFF).all(axis=1))


def pair_up(usable: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows that get the subject's left half of another face, and those other rows.

    Args:
        usable: (B,) bool, faces that may be cut.
        share: share of the usable faces that get half of another face.
        generator: of the draws.
    """
    rows = usable.nonzero()[:, 0]
    order = rows[torch.randperm(len(rows), generator=generator)]
    count = round(share * len(rows)) if len(rows) > 1 else 0
    return order[:count], order.roll(1)[:count]


def join_maps(maps: Tensor, rows: Tensor, others: Tensor) -> Tensor:
    """Feature maps (B, C, H, W) whose right halves (the subject's left) are those of ``others`` in ``rows``."""
    joined, middle = maps.clone(), maps.shape[-1] // 2
    joined[rows, ..., middle:] = maps[others, ..., middle:]
    return joined


def join_crops(crops: Tensor, rows: Tensor, others: Tensor, generator: torch.Generator) -> Tensor:
    """Crops (B, 3, H, W) uint8, in the same way; light and contrast of the other half are brought to those of the first."""
    side = crops.shape[-1]
    first, second = crops[rows].float(), crops[others].float()
    second = (second - _mean(second)) / _spread(second) * _spread(first) + _mean(first)
    width = (torch.rand(len(rows), 1, 1, 1, generator=generator) * SOFTEST_SEAM + 0.004) * side
    weight = ((torch.arange(side) + 0.5 - side / 2) / width).sigmoid()  # (R, 1, 1, W)
    joined = crops.clone()
    joined[rows] = (first + weight * (second - first)).round().clamp(0, 255).to(crops.dtype)
    return joined


def join_labels(
    wanted: Tensor, trust: Tensor, rows: Tensor, others: Tensor, action_units: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Labels (B, A, 2, 5) of the joined faces and their weights, 0 for central units; side 0 is the subject's left."""
    joined, weight = wanted.clone(), trust.clone()
    joined[rows, :, 0], weight[rows, :, 0] = wanted[others, :, 0], trust[others, :, 0]
    central = [column for column, unit in enumerate(action_units) if unit in CENTRAL_UNITS]
    weight[rows[:, None], central] = 0.0
    return joined, weight


def _mean(crops: Tensor) -> Tensor:
    return crops.mean(dim=(2, 3), keepdim=True)


def _spread(crops: Tensor) -> Tensor:
    return crops.std(dim=(2, 3), keepdim=True).clamp_min(1.0)

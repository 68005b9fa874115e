"""Loss of landmarks, relative to the size of the face."""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.landmarks import convert, inter_ocular_distance_centers
from aufait.losses.occurrence import masked_mean


def landmark_error(predicted: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Sum of squared point errors / (2 d^2), mean over faces; d is the distance of the true eye centres.

    JAA-Net, MGRR-Net eq. 11 (JAA-Net's "biocular" is already the square of the distance).

    Args:
        predicted: (B, 49, 2) pixels.
        target: (B, N, 2) pixels, N = 49, 66 or 68.
        known: (B,) bool; faces without landmarks do not count.
    """
    target = convert(target.to(predicted.dtype), predicted.shape[1])
    if known is not None:
        # Before anything is computed from it: NaN times a gradient of zero would still be NaN.
        target = torch.where(known[:, None, None], target, torch.zeros_like(target))
    distance = inter_ocular_distance_centers(target)
    if known is not None:
        distance = distance.where(known, distance.new_ones(()))
    error = (predicted - target).square().sum((-2, -1)) / (2 * distance.square())
    return masked_mean(error, known)

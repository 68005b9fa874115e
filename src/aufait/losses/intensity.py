"""Losses of intensity in [0, 5]: squared error and the cosine of all action units of a face (ARL section 3.5)."""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.losses.occurrence import masked_mean


def weighted_squared_error(intensity: Tensor, target: Tensor, known: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """Mean over the known entries of w_i (g - g^)^2, (B, A) and (B, A) -> scalar; weights (A,) of mean 1.

    ARL eq. 11 has a factor 1/2 that the released program lacks; a criterion that wants it multiplies by it.
    """
    target = target.to(intensity.dtype)
    if known is not None:
        target = torch.where(known, target, torch.zeros_like(target))
    error = (intensity - target).square()
    return masked_mean(error if weight is None else error * weight, known)


def cosine_distance(
    intensity: Tensor, target: Tensor, known: Tensor | None = None, *, keep_empty: bool = True, eps: float = 1e-9
) -> Tensor:
    """1 - cosine of predicted and true intensities over the action units of a face, mean over faces (ARL eq. 12).

    Args:
        intensity, target: (B, A) in [0, 5].
        known: (B, A) bool; unknown entries leave both vectors. Faces without a known label do not count.
        keep_empty: whether faces whose known labels are all 0 count; their distance is the constant 1.
    """
    target = target.to(intensity.dtype)
    counts = torch.ones(intensity.shape[0], dtype=torch.bool, device=intensity.device)
    if known is not None:
        intensity = torch.where(known, intensity, torch.zeros_like(intensity))
        target = torch.where(known, target, torch.zeros_like(target))
        counts = known.any(-1)
    if not keep_empty:
        counts = counts & (target != 0).any(-1)
    cosine = (intensity * target).sum(-1) / (_norm(intensity) * _norm(target) + eps)
    return masked_mean(1 - cosine, counts)


def _norm(vectors: Tensor) -> Tensor:
    # The square root of zero has no finite gradient; the tiny constant gives it one.
    return (vectors.square().sum(-1) + 1e-18).sqrt()

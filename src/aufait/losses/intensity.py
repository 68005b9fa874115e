"""Losses of intensity in [0, 5]: squared error and the cosine of all action units of a face (ARL section 3.5)."""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.losses.occurrence import masked_mean

MAX_INTENSITY = 5
"""The highest FACS intensity, L of ARL section 4.1.2; networks that predict intensities give 5 sigmoid(logit)."""

COSINE_WEIGHT = 0.5
"""lambda of ARL eq. 13."""


def weighted_squared_error(
    intensity: Tensor,
    target: Tensor,
    known: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    released_gradient: bool = False,
) -> Tensor:
    """Mean over the known entries of w_i (g - g^)^2, (B, A) and (B, A) -> scalar; weights (A,) of mean 1.

    ARL eq. 11 has a factor 1/2 that the released program does not have; a criterion that needs it multiplies by it. The released
    program multiplies the residuals by sqrt(w_i) before it squares them, and leaves that factor out again in the backward pass:
    the value is the one above, but its gradient is weighted by sqrt(w_i) instead of w_i.

    Args:
        intensity, target: in [0, 5].
        known: bool; None means all.
        weight: w_i; None gives equal weights.
        released_gradient: the released program's gradient with the same value.
    """
    target = target.to(intensity.dtype)
    if known is not None:
        target = torch.where(known, target, torch.zeros_like(target))
    error = (intensity - target).square()
    if weight is None:
        return masked_mean(error, known)
    value = masked_mean(error * weight, known)
    if not released_gradient:
        return value
    downhill = masked_mean(error * weight.sqrt(), known)
    return downhill + (value - downhill).detach()


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

"""Losses of occurrence: weighted cross-entropy and Dice, with unknown labels left out.

Reduction, the same in all of them: the mean over the known entries of the batch of w_i times the entry's loss, with weights
of mean 1. With all labels known this is the mean over faces of sum_i w_i / A (...), the papers' sum with weights that sum to 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aufait.errors import InputError


def masked_mean(values: Tensor, known: Tensor | None) -> Tensor:
    """Mean of values over the True entries of ``known`` (all when ``None``); 0, still differentiable, where there is none."""
    if known is None:
        return values.mean()
    # where() instead of a product: an unknown label may hold a value whose loss is infinite.
    kept = torch.where(known, values, torch.zeros_like(values))
    return kept.sum() / known.sum().clamp(min=1)


def weighted_bce(
    logits: Tensor,
    occurrence: Tensor,
    known: Tensor | None = None,
    weight: Tensor | None = None,
    positive_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of occurrence on logits.

    Args:
        logits: (B, A).
        occurrence: (B, A), 0 or 1 (values between are soft labels).
        known: (B, A) bool; unknown entries change nothing, whatever they hold.
        weight: (A,) weights of mean 1; ``None`` gives all action units the same weight.
        positive_weight: (A,) factor of the positive term alone (Deep Regions).

    Returns:
        Scalar, mean over the known entries.

    Raises:
        InputError: labels of other faces or action units than the logits.
    """
    _check_shapes(logits, occurrence)
    target = occurrence.to(logits.dtype)
    if known is not None:
        target = torch.where(known, target, torch.zeros_like(target))
    loss = F.binary_cross_entropy_with_logits(logits, target, pos_weight=positive_weight, reduction="none")
    return masked_mean(loss if weight is None else loss * weight, known)


def dice(
    logits: Tensor,
    occurrence: Tensor,
    known: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    variant: str = "per_sample",
    smooth: float = 1.0,
) -> Tensor:
    """Dice loss of occurrence; arguments as in ``weighted_bce``.

    Args:
        variant: "per_sample": 1 - (2 p t + s) / (p^2 + t^2 + s) per face and action unit, as the papers print it.
            "batch_release": 1 - (2 sum p t + s) / (sum p^2 + sum t^2 + s) / B per action unit, with sums over the batch of B
            faces, as JAA-Net's released program computes it; its gradient is 1/B of a Dice loss over the batch.

    Returns:
        Scalar.

    Raises:
        InputError: labels of other faces or action units than the logits.
    """
    _check_shapes(logits, occurrence)
    probability = logits.sigmoid()
    target = occurrence.to(logits.dtype)
    if known is not None:
        target = torch.where(known, target, torch.zeros_like(target))
    if variant == "per_sample":
        loss = 1 - (2 * probability * target + smooth) / (probability.square() + target.square() + smooth)
        return masked_mean(loss if weight is None else loss * weight, known)
    if variant != "batch_release":
        raise ValueError(f"variant must be 'per_sample' or 'batch_release', got {variant!r}")
    if known is not None:
        probability = torch.where(known, probability, torch.zeros_like(probability))
    overlap = (probability * target).sum(0)
    size = probability.square().sum(0) + target.square().sum(0)
    loss = 1 - (2 * overlap + smooth) / (size + smooth) / logits.shape[0]
    return masked_mean(loss if weight is None else loss * weight, None if known is None else known.any(0))


def _check_shapes(predicted: Tensor, labels: Tensor) -> None:
    if predicted.shape != labels.shape:
        raise InputError(
            f"labels must have the shape of the prediction {tuple(predicted.shape)} (faces, action units), got "
            f"{tuple(labels.shape)}; give the labels of the network's action units, in its order"
        )

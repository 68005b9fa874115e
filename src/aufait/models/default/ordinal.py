"""Ordinal intensity: one distribution over FACS levels 0-5 from which occurrence and intensity both follow.

A prediction is the exceedance ``P(level >= k)`` for k = 1..5, non-increasing in k by construction. Levels are rounded
intensities, so ``P(level >= k) = P(intensity >= k - 0.5)``. From it:

* occurrence probability = ``P(level >= 2)``: FACS intensity B or stronger, the rule of DISFA's occurrence labels;
* intensity = the median of the distribution, so that ``intensity >= 1.5`` exactly where ``probability >= 0.5``: the two
  cannot contradict each other.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aufait.models.outputs import AUOutput

LEVELS = 5
OCCURRENCE_LEVEL = 2
"""Level from which an action unit counts as present."""


def monotone_logits(raw: Tensor) -> Tensor:
    """(..., 5) free numbers -> (..., 5) logits that do not increase along the last dimension.

    The first is taken as it is; each further one is softplus(raw) below the one before.
    """
    first, steps = raw[..., :1], torch.nn.functional.softplus(raw[..., 1:])
    return torch.cat([first, first - steps.cumsum(dim=-1)], dim=-1)


def level_targets(intensity: Tensor) -> Tensor:
    """(...) intensities 0-5 -> (..., 5) float 0/1: level >= 1, ..., level >= 5."""
    limits = torch.arange(LEVELS, device=intensity.device) + 0.5
    return (intensity[..., None] >= limits).float()


def median_intensity(exceedance: np.ndarray) -> np.ndarray:
    """(..., 5) exceedance -> (...) median intensity in [0, 5], linear between the thresholds 0.5, 1.5, ..., 4.5.

    Below level 1 it is ``P(level >= 1)`` itself (so that nothing present reads near 0, not 0.25); above the last
    threshold it runs to 5 as ``P(level >= 5)`` goes from 0.5 to 1.
    """
    p = np.asarray(exceedance, np.float64)
    low, high = p[..., :-1], p[..., 1:]
    crossed = (p >= 0.5).sum(axis=-1)  # thresholds that the median is above
    step = np.clip((low - 0.5) / np.maximum(low - high, 1e-9), 0.0, 1.0)  # where between threshold k and k + 1
    index = np.clip(crossed - 1, 0, LEVELS - 2)[..., None]
    between = crossed - 0.5 + np.take_along_axis(step, index, axis=-1)[..., 0]
    top = 4.5 + np.clip(p[..., -1] - 0.5, 0.0, 0.5)
    result = np.where(crossed == 0, np.clip(p[..., 0], 0.0, 0.5 - 1e-9), np.where(crossed == LEVELS, top, between))
    return np.minimum(result, np.where(crossed < LEVELS, crossed + 0.5 - 1e-6, 5.0)).astype(np.float32)


def median_of(exceedance: Tensor) -> Tensor:
    """``median_intensity`` of tensors, in operations that every exporter knows; (..., 5) -> (...)."""
    low, high = exceedance[..., :-1], exceedance[..., 1:]
    crossed = (exceedance >= 0.5).sum(dim=-1).to(exceedance.dtype)
    step = ((low - 0.5) / (low - high).clamp(min=1e-9)).clamp(0.0, 1.0)
    index = (crossed - 1).clamp(0, LEVELS - 2).long()[..., None]
    between = crossed - 0.5 + step.gather(-1, index)[..., 0]
    top = 4.5 + (exceedance[..., -1] - 0.5).clamp(0.0, 0.5)
    below = exceedance[..., 0].clamp(0.0, 0.5 - 1e-6)
    inside = torch.where(crossed == 0, below, torch.where(crossed == LEVELS, top, between))
    return torch.minimum(inside, (crossed + 0.5 - 1e-6).clamp(max=5.0))


def output_of(levels: Tensor, calibration: Tensor) -> AUOutput:
    """What a network of both sides gives, of logits of level >= 1 to 5.

    Args:
        levels: (B, A, 2, 5), the subject's left and right.
        calibration: (A, 2) scale and shift of each action unit's logits.

    Returns:
        ``logits`` and ``intensity`` of the stronger side, those of both, and the calibrated levels as ``extra["level_logits"]``.
    """
    scale, shift = calibration.unbind(1)
    levels = levels * scale[:, None, None] + shift[:, None, None]
    exceedance = levels.sigmoid()
    return AUOutput(
        logits=levels.amax(dim=2)[..., OCCURRENCE_LEVEL - 1],
        intensity=median_of(exceedance.amax(dim=2)),
        side_logits=levels[..., OCCURRENCE_LEVEL - 1],
        side_intensity=median_of(exceedance),
        extra={"level_logits": levels},
    )

"""Calibration of the AU logits on held-out persons: one scale and one shift per action unit (Platt's method).

Both serve all five levels and both sides, so the order of the levels stays. In training data most units are rarer than
in the expressive material that people analyse, so calibration weighs held-out frames to a reference base rate: a
probability of 0.5 then means "as likely as not where this unit is present in ``REFERENCE_RATE`` of the frames". The rate
is also a choice of threshold: with F1 near 0.75 the best decision threshold for calibrated probabilities lies near 0.38,
and a base rate of 0.40 puts it at 0.5 for material in which a unit shows in about 0.30 of the frames.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aufait.models.base_rates import REFERENCE_RATE
from aufait.models.ordinal import OCCURRENCE_LEVEL


def base_rate_weights(present: np.ndarray, rate: float = REFERENCE_RATE) -> np.ndarray:
    """(N,) weights with mean 1 under which the share of ``present`` (N,) frames is at least ``rate``."""
    share = float(np.mean(present))
    if share in (0.0, 1.0) or share >= rate:
        return np.ones(len(present))
    return np.where(present, rate / share, (1 - rate) / (1 - share))


def fit_calibration(logits: Tensor, intensity: Tensor, known: Tensor | None = None, *, steps: int = 60) -> np.ndarray:
    """Scale and shift per action unit that minimise the weighted log loss of occurrence.

    A unit occurs where it shows on either side, so the stronger side's logit is fitted to the stronger side's truth.

    Args:
        logits: (N, A, 2, 5) on held-out persons.
        intensity: (N, A, 2) truth.
        known: (N, A, 2) bool, frames to use; default all.

    Returns:
        (A, 2) scale (> 0) and shift; (1, 0) for a unit that is never or always present.
    """
    truth = (intensity.amax(dim=2) >= OCCURRENCE_LEVEL - 0.5).double()
    scores = logits[..., OCCURRENCE_LEVEL - 1].amax(dim=2).double()
    usable = torch.ones_like(truth, dtype=torch.bool) if known is None else known.all(dim=2)
    table = np.tile([1.0, 0.0], (logits.shape[1], 1))
    for a in range(logits.shape[1]):
        target, score = truth[usable[:, a], a], scores[usable[:, a], a]
        if 0 < float(target.mean()) < 1:
            weight = torch.from_numpy(base_rate_weights(target.numpy().astype(bool)))
            table[a] = _fit_one(score, target, weight, steps)
    return table


def _fit_one(score: Tensor, target: Tensor, weight: Tensor, steps: int) -> tuple[float, float]:
    log_scale = torch.zeros((), dtype=torch.double, requires_grad=True)
    shift = torch.zeros((), dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_scale, shift], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        logit = score * log_scale.exp() + shift
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, target, weight)
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return log_scale.detach().exp().item(), shift.detach().item()

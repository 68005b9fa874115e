"""Calibration of the AU logits on faces kept from training: one scale and one shift per action unit (Platt's method).

Both serve all five levels and both sides, so the order of the levels stays. How often a unit shows in the given faces is an
matter of chance, so they are weighted to one reference base rate: a probability of 0.5 then means "as likely as not where this unit
shows in ``REFERENCE_RATE`` of the frames" (see ``aufait.models.default.base_rates``). Units that no real face is labelled for are
calibrated on rendered faces; the others on labelled real faces, of which there are few, so a prior limits both numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from aufait.models.default.base_rates import REFERENCE_RATE
from aufait.models.default.ordinal import OCCURRENCE_LEVEL


def base_rate_weights(present: np.ndarray, rate: float = REFERENCE_RATE) -> np.ndarray:
    """(N,) weights with mean 1 under which the share of ``present`` (N,) frames is at least ``rate``."""
    share = float(np.mean(present))
    if share in (0.0, 1.0) or share >= rate:
        return np.ones(len(present))
    return np.where(present, rate / share, (1 - rate) / (1 - share))


RENDER_PRIOR = 1e-4
"""Strength that holds scale and shift at 1 and 0 on rendered faces: it keeps them finite where a network makes no error."""


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
            table[a] = _fit_one(score, target, weight, steps, prior=(RENDER_PRIOR, RENDER_PRIOR))
    return table


def _fit_one(
    score: Tensor, target: Tensor, weight: Tensor, steps: int, prior: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float]:
    log_scale = torch.zeros((), dtype=torch.double, requires_grad=True)
    shift = torch.zeros((), dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_scale, shift], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        logit = score * log_scale.exp() + shift
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, target, weight)
        loss = loss + prior[0] * log_scale**2 + prior[1] * shift**2
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return log_scale.detach().exp().item(), shift.detach().item()


SCALE_PRIOR = 2.0
"""Strength that holds the logarithm of a scale at 0 when few real faces are labelled, in faces."""
SHIFT_PRIOR = 0.05
"""The same for a shift at 0; weak, as renders leave it quite open."""
FEWEST_POSITIVES = 3
"""A unit with fewer labelled real faces that show it, or that do not, keeps the calibration from renders."""


def calibrate_on_labels(scores: np.ndarray, labels: np.ndarray, start: np.ndarray, *, rate: float = REFERENCE_RATE) -> np.ndarray:
    """Scale and shift per unit on labelled real faces, at a base rate.

    Args:
        scores: (N, A) logits of occurrence, the stronger side's.
        labels: (N, A) 1 present, 0 absent, nan unknown.
        start: (A, 2) what units with too few labels keep.
        rate: base rate that the faces are weighed to.

    Returns:
        (A, 2) scale (> 0) and shift.
    """
    table, enough = np.array(start, np.float64), enough_labels(labels)
    for a in range(scores.shape[1]):
        known = np.isfinite(labels[:, a])
        present = labels[known, a] > 0.5
        if enough[a]:
            share = float(present.mean())
            weight = np.where(present, rate / share, (1 - rate) / (1 - share))
            table[a] = _fit_one(
                torch.from_numpy(scores[known, a].astype(np.float64)),
                torch.from_numpy(present.astype(np.float64)),
                torch.from_numpy(weight),
                60,
                prior=(SCALE_PRIOR / len(present), SHIFT_PRIOR / len(present)),
            )
    return table


def left_out_scores(scores: np.ndarray, groups: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(N, A) calibrated logits of each face by a table that was fitted without its group (person or clip).

    Args:
        scores: (N, A) logits before calibration.
        groups: (N,) names.
        fit: called with (N,) bool, the faces that may be used; returns (A, 2) scale and shift.
    """
    result = np.empty(scores.shape, np.float64)
    for group in np.unique(groups):
        out = groups == group
        table = fit(~out)
        result[out] = scores[out] * table[:, 0] + table[:, 1]
    return result


def enough_labels(labels: np.ndarray) -> np.ndarray:
    """(N, A) 1, 0 or nan -> (A,) bool: at least ``FEWEST_POSITIVES`` faces show the unit, and as many do not."""
    return np.minimum((labels == 1).sum(axis=0), (labels == 0).sum(axis=0)) >= FEWEST_POSITIVES


def quiet_at_rest(table: np.ndarray, resting: np.ndarray, units: np.ndarray, share: float) -> np.ndarray:
    """The table with some units shifted down until at most ``share`` of resting faces are given them.

    Args:
        table: (A, 2) scale and shift.
        resting: (N, A) logits before calibration.
        units: (A,) bool, which to shift.
        share: of the resting faces that may stay above one half.
    """
    result = np.array(table, np.float64)
    allowed = np.quantile(resting, 1 - share, axis=0)  # (A,)
    result[units, 1] = np.minimum(result[units, 1], -result[units, 0] * allowed[units])
    return result


def midway(table: np.ndarray, unit: int, resting: np.ndarray, acting: np.ndarray, tail: float) -> np.ndarray:
    """The table with one unit's shift such that one half is midway between faces at rest and faces that show the unit.

    Args:
        table: (A, 2) scale and shift.
        unit: its row.
        resting, acting: (N,) and (M,) logits of the unit before calibration.
        tail: share of the resting faces that may be above the upper end of their range, and of the others below the lower end of
            theirs; the middle of these two ends becomes one half.
    """
    result = np.array(table, np.float64)
    result[unit, 1] = -result[unit, 0] * (np.quantile(resting, 1 - tail) + np.quantile(acting, tail)) / 2
    return result


def shown_by(table: np.ndarray, unit: int, acting: np.ndarray, share: float) -> np.ndarray:
    """The table with one unit's shift raised until at least a share of some faces is given it.

    Args:
        table: (A, 2) scale and shift.
        unit: its row.
        acting: (M,) logits of the unit before calibration, of faces that often show it.
        share: of them that should be at one half or above.
    """
    result = np.array(table, np.float64)
    result[unit, 1] = max(result[unit, 1], -result[unit, 0] * float(np.quantile(acting, 1 - share)))
    return result

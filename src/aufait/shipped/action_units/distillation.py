"""What a better model says about real faces, as a target for the compact model: its log-odds, softened.

No real face in training is coded, and portraits hardly show some units. A teacher's yes or no about those only teaches that
photographs do not show them (see ``branch_targets``). Its log-odds say more: which of two faces at rest looks more like narrowed
lids. So the compact model is trained towards the log-odds of the mesh model before calibration, for each level and side, for
the units in which portraits differ. For the others it is trained towards what it said itself before, so that real faces do not undo
what renders have taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aufait.shipped.action_units.branch_targets import Targets


@dataclass(frozen=True)
class DistillationConfig:
    """What is trained, and how strongly."""

    weight: float = 1.0
    """Of this loss relative to that of the targets; 0 for none."""
    softness: float = 2.0
    """Log-odds are divided by it on both sides (Hinton et al., "Distilling the knowledge in a neural network", 2015), so that
    units which are plainly absent count for less than those in doubt, but count."""
    taught: tuple[int, ...] = (1, 4, 5, 6, 7, 9, 10, 12, 15, 25, 26)
    """Units for which the teacher's answers are used."""
    stressed: tuple[int, ...] = (7, 15)
    """Those of them that count twice."""
    kept: tuple[int, ...] = (2, 17, 23, 24, 28, 43)
    """Units for which the model is kept near what it said before, on real faces."""
    held: tuple[int, ...] = (17,)
    """Units for which what it said before is the only target, on rendered faces too (Li and Hoiem, "Learning without forgetting",
    ECCV 2016); only where training starts from a model. Rendered chins that are raised taught the model less about real ones than
    it knew: in a training without this the ROC area of AU 17 on the development faces fell from 0.92 to 0.82."""


def softened_word(
    teacher: np.ndarray, before: np.ndarray | None, action_units: Sequence[int], config: DistillationConfig
) -> Targets:
    """Softened exceedances with weights.

    Args:
        teacher: (N, A, 2, 5) logits of the teacher before calibration; NaN where something else is known.
        before: the same of the model that is to be trained, as it starts; None when it starts from nothing.
        action_units: A numbers in output order.
        config: which units.
    """
    word, weight = np.array(teacher, np.float32), np.zeros(teacher.shape, np.float32)
    for column, unit in enumerate(action_units):
        if unit in config.taught:
            weight[:, column] = 2.0 if unit in config.stressed else 1.0
        elif unit in config.kept and before is not None:
            word[:, column], weight[:, column] = np.where(np.isnan(word[:, column]), np.nan, before[:, column]), 1.0
    weight[np.isnan(word)] = 0.0
    word[np.isnan(word)] = 0.0
    return Targets((1.0 / (1.0 + np.exp(-word / config.softness))).astype(np.float32), weight)


def held_targets(
    before: Tensor, wanted: Tensor, trust: Tensor, action_units: Sequence[int], config: DistillationConfig
) -> tuple[Tensor, Tensor]:
    """Targets and their weights with those of the units that are held replaced by what was said before, with weight 1.

    Args:
        before: (B, A, 2, 5) logits of the model as it started.
        wanted, trust: (B, A, 2, 5).
        action_units: A numbers in output order.
        config: which units.
    """
    held = torch.tensor([unit in config.held for unit in action_units], device=wanted.device)[:, None, None]
    return torch.where(held, before.sigmoid(), wanted), torch.where(held, 1.0, trust)


def word_loss(logits: Tensor, wanted: Tensor, trust: Tensor, softness: float) -> Tensor:
    """Weighted mean divergence of the softened answers from those wanted, times softness squared, so that gradients stay as large.

    Args:
        logits: (B, A, 2, 5) before calibration.
        wanted: (B, A, 2, 5) softened exceedances.
        trust: (B, A, 2, 5) weights.
        softness: what both are softened by.
    """
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits / softness, wanted, reduction="none")
    floor = -torch.xlogy(wanted, wanted) - torch.xlogy(1 - wanted, 1 - wanted)
    return ((loss - floor) * trust).sum() / trust.sum().clamp_min(1.0) * softness**2

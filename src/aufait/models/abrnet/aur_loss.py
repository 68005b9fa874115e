"""Relation loss: action units that often occur together are pushed up together, those that exclude each other are pushed apart.

Paper: ABRNet (Wei et al.), section 2.4, equations 6 to 9. Our readings: a pair above p_pos with the second unit absent, or
below p_neg with it present, adds nothing (equation 9 does not name them); the sum leaves i = j out unless ``diagonal`` says
otherwise; faces are averaged as in the cross-entropy.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.losses.occurrence import masked_mean
from aufait.losses.statistics import LabelStatistics


def action_unit_relations(statistics: LabelStatistics, *, diagonal: bool = False) -> Tensor:
    """a_ij of equations 6 and 7, (A, A): in (0, 1] for units that favour each other, [-1, 0] for those that avoid each other.

    P(j | i) where it exceeds P(j), otherwise P(j | i) / P(j) - 1. Entries that the labels cannot determine are 0, no relation,
    and so is the diagonal unless ``diagonal`` is set.
    """
    given, rate = statistics.present_given_present, statistics.occurrence_rate[None, :]
    relations = torch.where(given > rate, given, given / rate - 1).nan_to_num(nan=0.0)
    return relations if diagonal else relations - torch.diag(relations.diagonal())


def relation_loss(
    probability: Tensor,
    occurrence: Tensor,
    relations: Tensor,
    known: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    p_pos: float = 0.5,
    p_neg: float = -0.7,
) -> Tensor:
    """Equations 8 and 9.

    Args:
        probability: (B, A) predicted probability of occurrence.
        occurrence: (B, A), 0 or 1.
        relations: (A, A), a_ij.
        known: (B, A) bool; pairs with an unknown label add nothing, whatever it holds.
        weight: (A,) weights w_i of mean 1; ``None`` gives all action units the same weight.
        p_pos: relations above it are positive.
        p_neg: relations below it are negative.

    Returns:
        Scalar, the mean over the known (face, i) of w_i times the sum over j. With all labels known this is the mean over
        faces of the double sum with weights that sum to 1.
    """
    known = torch.ones_like(occurrence, dtype=torch.bool) if known is None else known
    present = known & (occurrence > 0.5)
    absent = known & ~present
    first, second = probability[:, :, None], probability[:, None, :]  # (B, A, 1), (B, 1, A)
    together = (relations > p_pos) & present[:, :, None] & present[:, None, :]  # (B, A, A)
    apart = (relations < p_neg) & present[:, :, None] & absent[:, None, :]
    both_low = (2 * relations - first - second).clamp(min=0)
    wrong_order = (second - first - relations).clamp(min=0)
    nothing = torch.zeros_like(both_low)
    pairs = torch.where(together, both_low, torch.where(apart, wrong_order, nothing))
    rows = pairs.sum(-1)
    return masked_mean(rows if weight is None else rows * weight, known)

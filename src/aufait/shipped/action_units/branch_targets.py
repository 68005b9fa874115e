"""What the branches of the default models are trained towards: ordinal targets with a weight for each.

For renders, every level is known. For real faces only this is known, and only this is trained:

* a neutral studio portrait: every unit at level 0;
* the same person's studio smile: AU 12 present (level 2 or more), the brows, the lower face and the lids quiet;
* any other: what a teacher is confident of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aufait.models.default.ordinal import LEVELS, OCCURRENCE_LEVEL

SIDE_EFFECTS_OF_A_SMILE = (14, 20)
"""Units that the folds and the width of a smiling mouth are mistaken for."""
QUIET_IN_A_SMILE = (1, 2, 4, 5, 9, 15, 17, 20, 23, 24, 28, 43)
"""Units that a studio smile on request does not show."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets of N faces.

    Attributes:
        exceedance: (N, A, 2, 5) float32, wanted P(level >= 1..5) of each unit and side (0 = the subject's left).
        weight: (N, A, 2, 5) float32, 0 where nothing is known.
    """

    exceedance: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.exceedance)

    def select(self, rows: np.ndarray) -> Targets:
        return Targets(self.exceedance[rows], self.weight[rows])


def from_intensities(intensity: np.ndarray, known: np.ndarray) -> Targets:
    """(N, A, 2) intensities 0-5 and known masks of renders -> targets of weight 1 or 0."""
    limits = np.arange(LEVELS, dtype=np.float32) + 0.5
    exceedance = (np.asarray(intensity)[..., None] >= limits).astype(np.float32)
    return Targets(exceedance, np.repeat(np.asarray(known, np.float32)[..., None], LEVELS, axis=-1))


def neutral(count: int, action_units: tuple[int, ...]) -> Targets:
    """Every unit of ``count`` resting faces at level 0."""
    shape = (count, len(action_units), 2, LEVELS)
    return Targets(np.zeros(shape, np.float32), np.ones(shape, np.float32))


def smiling(count: int, action_units: tuple[int, ...]) -> Targets:
    """``count`` studio smiles: AU 12 at level 2 or more (how much more is not known), the quiet units at level 0."""
    result = neutral(count, action_units)
    result.weight[:] = 0.0
    for row, unit in enumerate(action_units):
        if unit in QUIET_IN_A_SMILE:
            result.weight[:, row] = 1.0
        if unit == 12:
            result.exceedance[:, row, :, :OCCURRENCE_LEVEL] = 1.0
            result.weight[:, row, :, :OCCURRENCE_LEVEL] = 1.0
    return result


def from_teacher(exceedance: np.ndarray, *, certain: float = 0.8) -> Targets:
    """A teacher's (N, A, 2, 5) calibrated exceedances -> themselves, where its occurrence is certain either way.

    Args:
        exceedance: of the teacher.
        certain: occurrences of this probability or more, or as far below one half, count.
    """
    occurrence = exceedance[..., OCCURRENCE_LEVEL - 1]
    confident = np.abs(occurrence - 0.5) >= certain - 0.5
    weight = np.repeat(confident[..., None], LEVELS, axis=-1).astype(np.float32)
    return Targets(np.asarray(exceedance, np.float32), weight)


def with_raised_cheeks(
    word: Targets, teacher: np.ndarray, smiles: np.ndarray, action_units: tuple[int, ...], *, share: float = 0.6
) -> Targets:
    """The same targets with AU 6 present in the smiles on request that show most of it.

    A smile on request is weak, and a teacher trained on clear cases is unsure about its raised cheeks. That more than half of such
    smiles raise the cheeks is taken as known; the teacher says which ones.

    Args:
        word: targets of N faces.
        teacher: (N, A, 2, 5) exceedances.
        smiles: (N,) bool, the smiles on request.
        action_units: in output order.
        share: share of the smiles taken as present.
    """
    if not smiles.any():
        return word
    column = action_units.index(6)
    shown = teacher[:, column, :, OCCURRENCE_LEVEL - 1].mean(axis=1)  # (N,)
    chosen = smiles & (shown >= np.quantile(shown[smiles], 1.0 - share))
    exceedance, weight = word.exceedance.copy(), word.weight.copy()
    exceedance[chosen, column, :, :OCCURRENCE_LEVEL] = 1.0
    weight[chosen, column, :, :OCCURRENCE_LEVEL] = 1.0
    return Targets(exceedance, weight)


def at_rest(targets: Targets, rows: np.ndarray, resting: Sequence[int], action_units: tuple[int, ...]) -> Targets:
    """The same targets with the units ``resting`` known to be absent in ``rows`` (N,) bool."""
    exceedance, weight = targets.exceedance.copy(), targets.weight.copy()
    for unit in resting:
        exceedance[rows, action_units.index(unit)], weight[rows, action_units.index(unit)] = 0.0, 1.0
    return Targets(exceedance, weight)


def smiles_and_rest(teacher: np.ndarray, known: Targets, action_units: tuple[int, ...], *, sure: float = 0.8) -> np.ndarray:
    """(N,) bool: faces that the teacher is sure are smiling, and those known to rest.

    Args:
        teacher: (N, A, 2, 5) exceedances.
        known: what is known about the faces by construction.
        action_units: in output order.
        sure: probability of AU 12 on either side from which a smile is one.
    """
    smile = teacher[:, action_units.index(12), :, OCCURRENCE_LEVEL - 1].min(axis=1) >= sure
    resting = known.weight.all(axis=(1, 2, 3)) & ~known.exceedance.any(axis=(1, 2, 3))
    return np.asarray(smile | resting)


def without_side_effects(targets: Targets, rows: np.ndarray, action_units: tuple[int, ...], weight: float) -> Targets:
    """The same targets with ``SIDE_EFFECTS_OF_A_SMILE`` absent in ``rows`` (N,) bool, with this weight."""
    exceedance, weights = targets.exceedance.copy(), targets.weight.copy()
    for unit in SIDE_EFFECTS_OF_A_SMILE:
        exceedance[rows, action_units.index(unit)], weights[rows, action_units.index(unit)] = 0.0, weight
    return Targets(exceedance, weights)


def balanced(targets: Targets, *, most: float = 2.0) -> Targets:
    """The same targets with absences weighing at most ``most`` times what the presences of their unit weigh.

    Portraits hardly show some units. Without this, they would teach that photographs never show them.
    """
    wanted, weight = (array[..., OCCURRENCE_LEVEL - 1] for array in (targets.exceedance, targets.weight))  # (N, A, 2)
    present = wanted >= 0.5
    ones, zeros = (weight * present).sum(axis=(0, 2)), (weight * ~present).sum(axis=(0, 2))  # (A,)
    factor = np.minimum(1.0, most * ones / np.maximum(zeros, 1e-9))[:, None]  # (A, 1)
    scale = np.where(present, 1.0, factor).astype(np.float32)  # (N, A, 2)
    return Targets(targets.exceedance, targets.weight * scale[..., None])


def joined(parts: list[Targets]) -> Targets:
    """Targets one after the other."""
    return Targets(np.concatenate([p.exceedance for p in parts]), np.concatenate([p.weight for p in parts]))


def with_known(first: Targets, second: Targets) -> Targets:
    """``first`` where it has weight, else ``second``: what is known by construction wins over a teacher."""
    known = first.weight > 0
    return Targets(np.where(known, first.exceedance, second.exceedance), np.where(known, first.weight, second.weight))


def target_loss(logits: Tensor, wanted: Tensor, trust: Tensor, positive_weight: Tensor) -> Tensor:
    """Weighted mean cross-entropy over units, sides and thresholds.

    Args:
        logits: (B, A, 2, 5).
        wanted: (B, A, 2, 5) in [0, 1].
        trust: (B, A, 2, 5) weights.
        positive_weight: (A,) weight of what is present.
    """
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, wanted, pos_weight=positive_weight[:, None, None], reduction="none"
    )
    return (loss * trust).sum() / trust.sum().clamp_min(1.0)

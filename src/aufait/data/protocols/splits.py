"""Random choices among subjects that never change: the same seed gives the same split on every machine."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

from aufait.errors import InputError


def seeded_order(subjects: Iterable[str], seed: int) -> list[str]:
    """Subjects in an order that depends on their names and the seed alone, not on a library's random numbers."""
    return sorted(dict.fromkeys(subjects), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())


def hold_out(train_subjects: Iterable[str], share: float = 0.15, seed: int = 0) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Set some training subjects aside for choosing an epoch or a threshold; the test fold is never used for that.

    Args:
        train_subjects: subjects (or identities) of the training part.
        share: share of them to hold out, above 0 and below 1; at least one subject is held out and one is kept.
        seed: same seed, same choice.

    Returns:
        Kept and held-out subjects, each sorted.

    Raises:
        InputError: fewer than two subjects, or a share outside (0, 1).
    """
    order = seeded_order(train_subjects, seed)
    if len(order) < 2:
        raise InputError(f"holding out needs at least 2 training subjects, got {len(order)}")
    if not 0 < share < 1:
        raise InputError(f"the share to hold out must be between 0 and 1, got {share}")
    count = min(max(math.floor(share * len(order) + 0.5), 1), len(order) - 1)
    return tuple(sorted(order[count:])), tuple(sorted(order[:count]))


def deal(subjects: Iterable[str], folds: int, seed: int) -> list[list[str]]:
    """Subjects in ``folds`` groups whose sizes differ by at most one, each sorted.

    Raises:
        InputError: fewer than 2 folds, or more folds than subjects.
    """
    order = seeded_order(subjects, seed)
    if not 2 <= folds <= len(order):
        raise InputError(
            f"the number of folds must be from 2 to the number of subjects ({len(order)}), got {folds}; name another number, "
            "such as 2_fold, or use leave_one_subject_out"
        )
    return [sorted(order[first::folds]) for first in range(folds)]

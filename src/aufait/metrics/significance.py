"""How sure a score is and whether two systems differ: frames of one subject are alike, so subjects are what is drawn.

Thousands of frames of one face are not thousands of independent trials. Intervals and tests here resample or compare whole
subjects; ``paired_t_test`` over frames or action units, as papers print it, is offered for comparison with their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aufait.errors import InputError, MissingExtraError


@dataclass(frozen=True)
class Interval:
    """A score with its bootstrap confidence interval.

    Attributes:
        value: score on all frames.
        low, high: bounds; nan where fewer than half of the draws gave a defined score.
        defined: share of draws whose score was defined.
    """

    value: float
    low: float
    high: float
    defined: float


def bootstrap_by_subject(
    score: Callable[[np.ndarray], float],
    subjects: Sequence[str] | np.ndarray,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a score over draws of subjects with replacement.

    Args:
        score: takes an array of row numbers (a subject drawn twice appears twice) and returns the score on them.
        subjects: (N,) subject of each row.
        draws: number of draws.
        level: confidence level in (0, 1).
        seed: of the draws.

    Raises:
        InputError: fewer than two subjects; one subject tells nothing about others.
    """
    rows_of = _rows_by_subject(subjects)
    if len(rows_of) < 2:
        raise InputError(f"a confidence interval by subject needs at least 2 subjects, got {len(rows_of)}")
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(rows_of), (draws, len(rows_of)))
    scores = np.array([score(np.concatenate([rows_of[k] for k in pick])) for pick in picks])
    known = scores[~np.isnan(scores)]
    value = score(np.arange(len(subjects)))
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) >= draws / 2 else (float("nan"),) * 2
    return Interval(float(value), float(low), float(high), len(known) / draws)


@dataclass(frozen=True)
class PairedTest:
    """Result of a paired comparison: mean difference (second minus first), statistic, two-sided p, and how many pairs."""

    difference: float
    statistic: float
    p_value: float
    pairs: int


def paired_t_test(first: np.ndarray, second: np.ndarray) -> PairedTest:
    """Student's paired t-test (AUNet Table XII, over predictions); pairs with a nan are left out.

    It takes the pairs as independent. Frames of a video are not: on frames its p is far too small. Use
    ``paired_test_by_subject`` to claim a difference.

    Args:
        first, second: (N,) values of the two systems on the same items.

    Returns:
        nan statistic and p with fewer than two pairs or without any variance of the differences.
    """
    stats = _scipy_stats()
    a, b = np.asarray(first, np.float64).ravel(), np.asarray(second, np.float64).ravel()
    if a.shape != b.shape:
        raise ValueError(f"both systems must have one value per item, got {a.shape} and {b.shape}")
    both = ~(np.isnan(a) | np.isnan(b))
    differences = b[both] - a[both]
    count = len(differences)
    if count < 2 or np.ptp(differences) == 0:
        mean = float(differences.mean()) if count else float("nan")
        return PairedTest(mean, float("nan"), float("nan"), count)
    result = stats.ttest_rel(b[both], a[both])
    return PairedTest(float(differences.mean()), float(result.statistic), float(result.pvalue), count)


def paired_test_by_subject(
    score: Callable[[np.ndarray, int], float], subjects: Sequence[str] | np.ndarray, *, draws: int = 9999, seed: int = 0
) -> PairedTest:
    """Sign-flip permutation test of two systems over subjects.

    Each subject gives one difference of scores; under the hypothesis of no difference its sign is a coin toss. With up to 13
    subjects every pattern of signs is tried, beyond that ``draws`` random ones.

    Args:
        score: takes the row numbers of one subject and 0 or 1 (which system), returns that system's score there; nan leaves
            the subject out.
        subjects: (N,) subject of each row.

    Returns:
        mean difference, the same as the statistic, two-sided p, and the number of subjects that counted. p is nan with fewer
        than two.
    """
    differences = np.array([score(rows, 1) - score(rows, 0) for rows in _rows_by_subject(subjects)])
    differences = differences[~np.isnan(differences)]
    count = len(differences)
    if count < 2:
        return PairedTest(float(differences.mean()) if count else float("nan"), float("nan"), float("nan"), count)
    observed = differences.mean()
    if count <= 13:
        signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        extreme = np.abs((signs * differences).mean(axis=1)) >= abs(observed) - 1e-12
        p_value = float(extreme.mean())
    else:
        signs = np.random.default_rng(seed).choice([-1, 1], (draws, count))
        extreme = np.abs((signs * differences).mean(axis=1)) >= abs(observed) - 1e-12
        p_value = float((extreme.sum() + 1) / (draws + 1))  # the observed pattern is one of the draws
    return PairedTest(float(observed), float(observed), p_value, count)


def _rows_by_subject(subjects: Sequence[str] | np.ndarray) -> list[np.ndarray]:
    names, index = np.unique(np.asarray(subjects), return_inverse=True)
    order = np.argsort(index, kind="stable")
    return np.split(order, np.searchsorted(index[order], np.arange(1, len(names)))) if len(names) else []


def _scipy_stats():  # type: ignore[no-untyped-def]
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("a t-test", "train") from error
    return stats

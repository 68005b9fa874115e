"""How certain a score is and whether two systems differ: frames of one subject are similar, so subjects are drawn.

Thousands of frames of one face are not thousands of independent trials. Intervals and tests here resample or compare whole
subjects; ``paired_t_test`` over frames or action units, as papers print it, is offered for comparison with their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aufait.errors import InputError, MissingExtraError

_EXACT = 13
"""Subjects up to which every pattern of signs is tried."""


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
        InputError: fewer than two subjects; one subject says nothing about others.
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
    """Result of a paired comparison: mean difference (second minus first), statistic, two-sided p, and how many pairs.

    ``differences`` holds those of the subjects where the test was over subjects; ``power_of_test`` starts from them.
    """

    difference: float
    statistic: float
    p_value: float
    pairs: int
    differences: tuple[float, ...] = ()


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
    (p_value,) = _sign_flip_p(differences[None], draws, np.random.default_rng(seed))
    observed = float(differences.mean())
    return PairedTest(observed, observed, float(p_value), count, tuple(differences.tolist()))


def _sign_flip_p(differences: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Two-sided p of M sets of n differences, (M, n) -> (M,); every pattern of signs up to 13 subjects, else ``draws``."""
    count = differences.shape[1]
    exact = count <= _EXACT
    if exact:
        signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    else:
        signs = rng.choice([-1.0, 1.0], (draws, count))
    extreme = (np.abs(differences @ signs.T) >= np.abs(differences.sum(axis=1, keepdims=True)) - 1e-12 * count).sum(axis=1)
    # Of drawn patterns the observed one is one more.
    p: np.ndarray = extreme / len(signs) if exact else (extreme + 1) / (draws + 1)
    return p


def power_of_test(
    differences: Sequence[float] | np.ndarray,
    effect: float,
    *,
    subjects: int | None = None,
    level: float = 0.05,
    repeats: int = 400,
    draws: int = 999,
    seed: int = 0,
) -> float:
    """How often ``paired_test_by_subject`` would find a true mean difference of ``effect``: share of studies with p < level.

    A study's subjects are drawn with replacement from those that were seen, with their own mean taken away and ``effect`` added:
    the spread between subjects is the observed one, whatever its form.

    Args:
        differences: of the subjects, second minus first; ``PairedTest.differences``.
        effect: true mean difference, of either sign.
        subjects: how many a study has; as many as were seen if None.
        level: p below which a study says "different".
        repeats: simulated studies.
        draws: patterns of signs beyond 13 subjects.
        seed: of the draws.

    Raises:
        InputError: fewer than 2 differences, or fewer than 2 subjects.
    """
    return _Studies(differences, subjects, level, repeats, draws, seed).power(effect)


def detectable_difference(
    differences: Sequence[float] | np.ndarray, *, power: float = 0.8, subjects: int | None = None, **options: Any
) -> float:
    """Smallest true mean difference that ``paired_test_by_subject`` would find with the given power; see ``power_of_test``.

    Returns:
        Above 0; infinite where no difference can be found, since even subjects that all agree have p = 2 / 2^n >= level.
    """
    settings = {"level": 0.05, "repeats": 400, "draws": 999, "seed": 0, **options}
    studies = _Studies(differences, subjects, **settings)
    values = np.asarray(differences, np.float64)
    low, high = 0.0, max(4.0 * float(values.std(ddof=1)), 1e-9)
    while studies.power(high) < power:
        high *= 2
        if high > 1e6:
            return float("inf")
    for _ in range(20):  # the same simulated studies for each candidate, so that power grows with the effect
        middle = (low + high) / 2
        low, high = (low, middle) if studies.power(middle) >= power else (middle, high)
    return high


class _Studies:
    """Simulated studies, drawn once, to which an effect is added."""

    def __init__(
        self, differences: Sequence[float] | np.ndarray, subjects: int | None, level: float, repeats: int, draws: int, seed: int
    ) -> None:
        values = np.asarray(differences, np.float64)
        values = values[~np.isnan(values)]
        count = len(values) if subjects is None else subjects
        if len(values) < 2 or count < 2:
            raise InputError(
                f"power needs the differences of at least 2 subjects and studies of 2 or more, got {len(values)}, {count}"
            )
        self.level, self.draws, self.seed = level, draws, seed
        self.possible = count > _EXACT or 2 / 2**count < level
        picks = np.random.default_rng(seed).integers(0, len(values), (repeats, count))
        self.spread = (values - values.mean())[picks]  # (repeats, subjects)

    def power(self, effect: float) -> float:
        """Share of the studies that find the effect."""
        if not self.possible:
            return 0.0
        p = _sign_flip_p(self.spread + effect, self.draws, np.random.default_rng(self.seed + 1))
        return float((p < self.level).mean())


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

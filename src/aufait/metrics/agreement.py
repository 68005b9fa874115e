"""Agreement of raters: chance-corrected for categories, absolute for intensities.

The ``_of`` functions work on sums instead of frames (tables of counts, moments); sums add over persons, so that a bootstrap by
person needs no frames. Their leading dimensions are kept: a thousand draws are one call.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class BlandAltman(NamedTuple):
    """Bias (mean of second minus first), standard deviation of the differences and the limits that hold 95 % of them."""

    bias: float
    deviation: float
    low: float
    high: float


def confusion(first: np.ndarray, second: np.ndarray, classes: int = 2) -> np.ndarray:
    """(classes, classes) counts of two (N,) ratings, whole numbers from 0; rows are those of ``first``."""
    codes = confusion_codes(first, second, classes)
    return np.bincount(codes, minlength=classes**2).reshape(classes, classes).astype(np.float64)


def confusion_codes(first: np.ndarray, second: np.ndarray, classes: int = 2) -> np.ndarray:
    """(N,) number of the cell of the flat confusion matrix that each pair of ratings, whole numbers from 0, belongs to."""
    one, other = (np.asarray(values).astype(np.int64).ravel() for values in (first, second))
    if one.shape != other.shape:
        raise ValueError(f"both raters must have one length, got {len(one)} and {len(other)}")
    if len(one) and not (min(one.min(), other.min()) >= 0 and max(one.max(), other.max()) < classes):
        raise ValueError(f"ratings must be whole numbers from 0 to {classes - 1}")
    return np.asarray(one * classes + other)


def cohen_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa (1960) of two (N,) ratings of any categories; nan where both always give one and the same.

    >>> import numpy as np
    >>> round(float(cohen_kappa(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0]))), 3)
    0.5
    """
    values, codes = np.unique(np.concatenate([np.ravel(first), np.ravel(second)]), return_inverse=True)
    count = np.size(first)
    return float(kappa_of(confusion(codes[:count], codes[count:], max(len(values), 1))))


def kappa_of(table: np.ndarray) -> np.ndarray:
    """Cohen's kappa of (..., C, C) tables of counts."""
    total = table.sum((-2, -1))
    chance = (table.sum(-1) * table.sum(-2)).sum(-1)
    seen = np.trace(table, axis1=-2, axis2=-1) * total
    return _ratio(seen - chance, total**2 - chance)


def f1_of(table: np.ndarray) -> np.ndarray:
    """F1 of class 1 of (..., 2, 2) tables of counts."""
    return _ratio(2 * table[..., 1, 1], 2 * table[..., 1, 1] + table[..., 0, 1] + table[..., 1, 0])


def share_of(table: np.ndarray) -> np.ndarray:
    """Share of equal ratings of (..., C, C) tables of counts."""
    return _ratio(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def category_counts(ratings: np.ndarray, classes: int) -> np.ndarray:
    """(N, classes): how many raters gave each category, of (N, R) whole numbers from 0; nan is no rating."""
    return np.stack([(ratings == one).sum(1) for one in range(classes)], axis=1).astype(np.float64)


def fleiss_kappa(counts: np.ndarray) -> float:
    """Fleiss' kappa (1971) for a fixed number of raters.

    Args:
        counts: (N, C) raters who gave each category; every row sums to the same number, 2 or more.

    Returns:
        at most 1; nan where all give one category.
    """
    raters = counts.sum(1)
    if len(counts) and (raters[0] < 2 or (raters != raters[0]).any()):
        raise ValueError("every subject needs the same number of ratings, at least 2")
    return float(fleiss_of(coincidences(counts).sum(0), counts.sum(0)))


def fleiss_of(pairs: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Fleiss' kappa of (..., C, C) coincidences and (..., C) numbers of ratings, as sums over subjects."""
    shares = _ratio(totals, totals.sum(-1, keepdims=True))
    chance = (shares**2).sum(-1)
    seen = _ratio(np.trace(pairs, axis1=-2, axis2=-1), pairs.sum((-2, -1)))
    return _ratio(seen - chance, 1 - chance)


def coincidences(counts: np.ndarray) -> np.ndarray:
    """(N, C, C) pairs of ratings within each subject, each rating with a total weight of 1; subjects with one rating give none."""
    raters = counts.sum(1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    weight: np.ndarray = np.where(raters > 1, 1 / np.maximum(raters - 1, 1), 0)[:, None, None]
    return np.asarray(pairs * weight)


def krippendorff_alpha(ratings: np.ndarray, level: str = "nominal") -> float:
    """Krippendorff's alpha (2004) of (N, R) ratings, nan where a rater gave none.

    Args:
        level: "nominal", "ordinal" or "interval": how far two different values are apart.

    Returns:
        at most 1; nan without two different values.
    """
    given = np.asarray(ratings, np.float64)
    values = np.unique(given[np.isfinite(given)])
    counts = np.stack([(given == one).sum(1) for one in values], axis=1).astype(np.float64) if len(values) else np.zeros((0, 1))
    return float(alpha_of(coincidences(counts).sum(0), values, level))


def alpha_of(pairs: np.ndarray, values: np.ndarray, level: str = "nominal") -> np.ndarray:
    """Krippendorff's alpha of (..., C, C) coincidences of C ascending values."""
    totals = pairs.sum(-1)
    if level == "nominal":
        distance = 1 - np.eye(pairs.shape[-1])
    elif level == "interval":
        distance = (values[:, None] - values[None, :]) ** 2
    elif level == "ordinal":
        middle = np.cumsum(totals, axis=-1) - totals / 2
        distance = (middle[..., :, None] - middle[..., None, :]) ** 2
    else:
        raise ValueError(f"level must be nominal, ordinal or interval, got {level!r}")
    seen = (pairs * distance).sum((-2, -1)) * (totals.sum(-1) - 1)
    return 1 - _ratio(seen, (totals[..., :, None] * totals[..., None, :] * distance).sum((-2, -1)))


def moments(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, 6) summands of two (N,) intensities: 1, x, y, x x, y y, x y."""
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def icc_of(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ICC(3,1) and ICC(2,1) of (..., 6) sums of ``moments`` of two raters."""
    count, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    var_x, var_y, both = xx - _ratio(x * x, count), yy - _ratio(y * y, count), xy - _ratio(x * y, count)
    tiny = 1e-12 * (xx + yy)
    freedom = count - 1
    between, residual = _ratio((var_x + var_y) / 2 + both, freedom), _ratio((var_x + var_y) / 2 - both, freedom)
    raters = _ratio((x - y) ** 2 / 2, count)  # mean square between two raters, one degree of freedom
    varies = (var_x + var_y) > tiny
    consistent = np.where(varies, _ratio(between - residual, between + residual), np.nan)
    absolute = _ratio(between - residual, between + residual + 2 * _ratio(raters - residual, count))
    return consistent, np.where(varies, absolute, np.nan)


def icc_2_1(*raters: np.ndarray) -> float:
    """Intra-class correlation ICC(2,1): two-way random, single rater, absolute agreement (Shrout and Fleiss 1979).

    Args:
        raters: (N,) intensities of each, two raters or more.

    Returns:
        at most 1; nan where nobody's ratings vary, and for fewer than two frames.
    """
    ratings = np.stack([np.asarray(one, np.float64).ravel() for one in raters], axis=1)  # (N, R)
    count, judges = ratings.shape
    if judges < 2:
        raise ValueError("ICC needs at least two raters")
    if count < 2 or not np.ptp(ratings, axis=0).any():
        return float("nan")
    frame, rater, grand = ratings.mean(1), ratings.mean(0), ratings.mean()
    between = judges * ((frame - grand) ** 2).sum() / (count - 1)
    judged = count * ((rater - grand) ** 2).sum() / (judges - 1)
    residual = ((ratings - frame[:, None] - rater + grand) ** 2).sum() / ((count - 1) * (judges - 1))
    return float(_ratio(between - residual, between + (judges - 1) * residual + judges * (judged - residual) / count))


def bland_altman(first: np.ndarray, second: np.ndarray) -> BlandAltman:
    """Bias and limits of agreement (Bland and Altman 1986) of two (N,) intensities; nan for fewer than two frames."""
    bias, deviation = bias_of(moments(first, second).sum(0))
    return BlandAltman(float(bias), float(deviation), float(bias - 1.96 * deviation), float(bias + 1.96 * deviation))


def bias_of(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of second minus first, of (..., 6) sums of ``moments``."""
    count, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    bias = _ratio(y - x, count)
    squares = np.maximum(xx + yy - 2 * xy - count * bias**2, 0)
    return np.where(count > 1, bias, np.nan), np.sqrt(_ratio(squares, count - 1))


def weighted_medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(R,) medians of (D,) values under (R, D) weights, whole numbers 0 or more of how often each counts; nan where none does."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    total = reached[:, -1:] if values.size else np.zeros((len(weights), 1))
    if not values.size:
        return np.full(len(weights), np.nan)
    low, high = ((reached * 2 < total).sum(1), (reached * 2 <= total).sum(1))
    ordered = np.append(values[order], np.nan)
    middle = (ordered[low] + ordered[np.minimum(high, len(values) - 1)]) / 2
    return np.asarray(np.where(total[:, 0] > 0, middle, np.nan))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotient; nan where the divisor is 0."""
    above, below = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)

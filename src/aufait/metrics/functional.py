"""Metrics of one action unit over pooled frames.

Each takes plain arrays of one action unit; loop or map over units outside. Where a metric is undefined (no positive
frame, no variance) it is nan.
"""

from __future__ import annotations

import numpy as np


def f1_frame(occurrence: np.ndarray, predicted: np.ndarray) -> float:
    """F1 of the positive class, 2 TP / (2 TP + FP + FN).

    Args:
        occurrence: (N,) truth, 0/1 or bool.
        predicted: (N,) decisions, 0/1 or bool.

    Returns:
        F1 in [0, 1]; nan where neither truth nor prediction holds a positive.
    """
    truth, guess = _pair(occurrence, predicted, bool)
    denominator = truth.sum() + guess.sum()
    return float(2 * (truth & guess).sum() / denominator) if denominator else float("nan")


def roc_area(occurrence: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive frame scores above a negative one, ties half.

    Args:
        occurrence: (N,) truth, 0/1 or bool.
        score: (N,) any monotone score.

    Returns:
        area in [0, 1]; nan where one class is absent.
    """
    truth = np.asarray(occurrence, bool).ravel()
    values = np.asarray(score, np.float64).ravel()
    if truth.shape != values.shape:
        raise ValueError(f"occurrence and score must have one length, got {truth.shape} and {values.shape}")
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = counts.cumsum() - (counts - 1) / 2.0  # mean rank of each distinct value, from 1
    rank_sum = rank[inverse][truth].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def icc_3_1(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Intra-class correlation ICC(3,1): two-way mixed, single rater, consistency (Shrout and Fleiss 1979).

    ICC = (BMS - EMS) / (BMS + EMS) for two raters, with BMS the mean square between frames and EMS the residual one.

    Args:
        truth, prediction: (N,) intensities.

    Returns:
        at most 1; nan where neither varies.
    """
    pair = np.stack(_pair(truth, prediction, np.float64), axis=1)  # (N, 2)
    count = len(pair)
    if count < 2:
        return float("nan")
    frame_mean, rater_mean, grand = pair.mean(axis=1), pair.mean(axis=0), pair.mean()
    between = 2 * ((frame_mean - grand) ** 2).sum() / (count - 1)
    residual = ((pair - frame_mean[:, None] - rater_mean + grand) ** 2).sum() / (count - 1)
    return float((between - residual) / (between + residual)) if between + residual > 0 else float("nan")


def calibration_error(
    occurrence: np.ndarray, probability: np.ndarray, *, bins: int = 10, weight: np.ndarray | None = None
) -> float:
    """Expected calibration error: mean |share of positives - mean probability| over equal-width bins, by bin weight.

    Args:
        occurrence: (N,) truth.
        probability: (N,) in [0, 1].
        bins: number of bins over [0, 1].
        weight: (N,) frame weights, for a base rate other than the sample's; default 1.

    Returns:
        error in [0, 1]; nan for an empty input.
    """
    truth, guess = _pair(occurrence, probability, np.float64)
    mass = np.ones_like(truth) if weight is None else np.asarray(weight, np.float64).ravel()
    if mass.sum() == 0:
        return float("nan")
    index = np.clip((guess * bins).astype(int), 0, bins - 1)
    total = np.bincount(index, mass, bins)
    gap = np.abs(np.bincount(index, mass * truth, bins) - np.bincount(index, mass * guess, bins))
    return float(gap.sum() / total.sum())


def _pair(first: np.ndarray, second: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    a: np.ndarray = np.asarray(first).astype(dtype).ravel()
    b: np.ndarray = np.asarray(second).astype(dtype).ravel()
    if a.shape != b.shape:
        raise ValueError(f"both inputs must have one length, got {a.shape[0]} and {b.shape[0]}")
    return a, b

"""Metrics of one action unit over pooled frames.

Each takes plain arrays of one action unit; loop or map over units outside. Where a metric is undefined (no positive
frame, no variance) it is nan.
"""

from __future__ import annotations

import numpy as np


def f1_frame(occurrence: np.ndarray, predicted: np.ndarray, *, skew_normalized: bool = False) -> float:
    """F1 of the positive class, 2 TP / (2 TP + FP + FN).

    Args:
        occurrence: (N,) truth, 0/1 or bool.
        predicted: (N,) decisions, 0/1 or bool.
        skew_normalized: count each negative frame 1 / skew times, as if there were as many negatives as positives
            (nF1; Jeni, Cohn and De la Torre 2013); nan where either class is absent.

    Returns:
        F1 in [0, 1]; nan where neither truth nor prediction holds a positive.

    >>> import numpy as np
    >>> float(f1_frame(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])))
    0.5
    """
    truth, guess = _pair(occurrence, predicted, bool)
    factor = 1 / skew(truth) if skew_normalized else 1.0
    hits, false_alarms = (truth & guess).sum(), (~truth & guess).sum() * factor
    denominator = hits + truth.sum() + false_alarms
    return float(2 * hits / denominator) if denominator else float("nan")


def f1_of_guessing(occurrence: np.ndarray) -> float:
    """F1 of always saying yes, 2 p / (1 + p) with p the share of positives: the best F1 without looking at faces.

    A guess that says yes at a rate q, whatever the frame, has an F1 of 2 p q / (p + q) on many frames; that grows with q.

    Args:
        occurrence: (N,) truth, 0/1 or bool.

    Returns:
        F1 in (0, 1]; nan without a positive frame, for then there is nothing to find.
    """
    truth = np.asarray(occurrence, bool).ravel()
    positives = int(truth.sum())
    return 2 * positives / (positives + len(truth)) if positives else float("nan")


def accuracy(occurrence: np.ndarray, predicted: np.ndarray, *, skew_normalized: bool = False) -> float:
    """Share of frames with the right decision.

    Args:
        occurrence: (N,) truth, 0/1 or bool.
        predicted: (N,) decisions, 0/1 or bool.
        skew_normalized: count each negative frame 1 / skew times, which gives the mean of the shares of positives and of
            negatives that are right (also called balanced accuracy); nan where either class is absent.

    Returns:
        share in [0, 1]; nan without frames.
    """
    truth, guess = _pair(occurrence, predicted, bool)
    if not len(truth):
        return float("nan")
    right = truth == guess
    if not skew_normalized:
        return float(right.mean())
    return float((right[truth].mean() + right[~truth].mean()) / 2) if 0 < truth.sum() < len(truth) else float("nan")


def skew(occurrence: np.ndarray) -> float:
    """Negatives / positives of (N,) truths; nan where either class is absent, for then nothing can be normalised by it."""
    truth = np.asarray(occurrence, bool).ravel()
    positives = int(truth.sum())
    return float((len(truth) - positives) / positives) if 0 < positives < len(truth) else float("nan")


def precision_recall_area(occurrence: np.ndarray, score: np.ndarray, *, skew_normalized: bool = False) -> float:
    """Area under the precision-recall curve as average precision: the sum of precision times the step in recall.

    Frames of equal score enter together, as in scikit-learn; no interpolation between thresholds.

    Args:
        occurrence: (N,) truth, 0/1 or bool.
        score: (N,) any monotone score.
        skew_normalized: count each negative frame 1 / skew times (nAPR).

    Returns:
        area in [0, 1]; nan without a positive frame, and for nAPR without a negative one.
    """
    truth, values = _scored(occurrence, score)
    positives = truth.sum()
    factor = 1 / skew(truth) if skew_normalized else 1.0
    if not positives or factor != factor:
        return float("nan")
    order = np.argsort(-values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))  # end of each run of equal scores
    hits = np.cumsum(truth[order])[last]
    false_alarms = (last + 1 - hits) * factor
    recall_step = np.diff(hits, prepend=0) / positives
    return float((recall_step * hits / np.maximum(hits + false_alarms, 1e-300)).sum())


def roc_area(occurrence: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive frame scores above a negative one, ties half.

    It does not depend on the skew: counting negatives more or less often leaves it as it is.

    Args:
        occurrence: (N,) truth, 0/1 or bool.
        score: (N,) any monotone score.

    Returns:
        area in [0, 1]; nan where one class is absent.

    >>> import numpy as np
    >>> float(roc_area(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1])))
    0.75
    """
    truth, values = _scored(occurrence, score)
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
    if not np.ptp(pair, axis=0).any():  # rounding of the means must not pass for variance
        return float("nan")
    between = 2 * ((frame_mean - grand) ** 2).sum() / (count - 1)
    residual = ((pair - frame_mean[:, None] - rater_mean + grand) ** 2).sum() / (count - 1)
    return float((between - residual) / (between + residual)) if between + residual > 0 else float("nan")


def pearson(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Pearson correlation of (N,) intensities (PCC), in [-1, 1]; nan where either does not vary."""
    first, second = _pair(truth, prediction, np.float64)
    if len(first) < 2 or not np.ptp(first) or not np.ptp(second):
        return float("nan")
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))


def mean_absolute_error(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Mean absolute difference of (N,) intensities (MAE), in steps of intensity; nan without frames."""
    first, second = _pair(truth, prediction, np.float64)
    return float(np.abs(first - second).mean()) if len(first) else float("nan")


def landmark_errors(truth: np.ndarray, prediction: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Normalised mean error of each face: mean point distance / a distance of that face.

    Args:
        truth, prediction: (F, N, 2) pixels.
        distance: (F,) pixels, such as ``landmarks.inter_ocular_distance_centers(truth)`` (JAA-Net's choice).

    Returns:
        (F,); its mean is the "mean error" of the papers (usually printed times 100).
    """
    first, second = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    if first.shape != second.shape or first.ndim != 3 or first.shape[0] != len(distance):
        raise ValueError(f"expected (F, N, 2) twice and F distances, got {first.shape}, {second.shape}, {len(distance)}")
    points: np.ndarray = np.linalg.norm(first - second, axis=-1).mean(axis=1)
    return points / np.asarray(distance, np.float64)


def failure_rate(errors: np.ndarray, threshold: float = 0.1) -> float:
    """Share of faces whose normalised landmark error exceeds the threshold; nan ones do not count; nan without faces."""
    values = np.asarray(errors, np.float64).ravel()
    values = values[~np.isnan(values)]
    return float((values > threshold).mean()) if len(values) else float("nan")


def calibration_error(
    occurrence: np.ndarray, probability: np.ndarray, *, bins: int = 10, weight: np.ndarray | None = None
) -> float:
    """Expected calibration error: mean ``|share of positives - mean probability|`` over equal-width bins, by bin weight.

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


def reliability(occurrence: np.ndarray, probability: np.ndarray, *, bins: int = 10) -> np.ndarray:
    """What the calibration error summarises: how often the action unit occurs at each predicted probability.

    Args:
        occurrence: (N,) truth.
        probability: (N,) in [0, 1].
        bins: number of equal-width bins over [0, 1].

    Returns:
        (bins, 3) frames, mean probability, share of positives; the last two nan in an empty bin.
    """
    truth, guess = _pair(occurrence, probability, np.float64)
    index = np.clip((guess * bins).astype(int), 0, bins - 1)
    count = np.bincount(index, minlength=bins).astype(np.float64)
    with np.errstate(invalid="ignore"):
        mean, share = (np.bincount(index, values, bins) / count for values in (guess, truth))
    return np.stack([count, mean, share], axis=1)


def _scored(occurrence: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth = np.asarray(occurrence, bool).ravel()
    values = np.asarray(score, np.float64).ravel()
    if truth.shape != values.shape:
        raise ValueError(f"occurrence and score must have one length, got {truth.shape} and {values.shape}")
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} scores are nan; leave those frames out and count them")
    return truth, values


def _pair(first: np.ndarray, second: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    a: np.ndarray = np.asarray(first).astype(dtype).ravel()
    b: np.ndarray = np.asarray(second).astype(dtype).ravel()
    if a.shape != b.shape:
        raise ValueError(f"both inputs must have one length, got {a.shape[0]} and {b.shape[0]}")
    return a, b

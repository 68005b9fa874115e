"""Relations between action units, of labels and of predictions: how similar two sets of them are."""

from __future__ import annotations

import numpy as np


def relation_matrix(values: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Correlation coefficient of every pair of action units (Deep Regions Fig. 5, AUNet Fig. 8).

    Args:
        values: (N, A) labels, decisions or probabilities.
        known: (N, A) bool; a pair uses the frames where both are known. ``None`` means all.

    Returns:
        (A, A) in [-1, 1], 1 on the diagonal; nan where one of the pair does not vary on those frames.
    """
    data = np.asarray(values, np.float64)
    if data.ndim != 2:
        raise ValueError(f"values must have shape (N, A), got {data.shape}")
    mask = np.ones(data.shape, bool) if known is None else np.asarray(known, bool)
    mass = mask.astype(np.float64)
    data = np.where(mask, data, 0.0)
    rounding = 1e-14 * (data**2).max(axis=0, initial=0.0)[:, None]  # of the moments; it must not pass for variance
    data = np.where(mask, data - data.sum(axis=0) / np.maximum(mask.sum(axis=0), 1), 0.0)
    # Sums over the frames that both of a pair know: entry [i, j] of each is about i where j is known too.
    count = mass.T @ mass
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (data.T @ mass) / count
        square = ((data**2).T @ mass) / count
        product = (data.T @ data) / count
        variance = square - mean**2
        variance = np.where(variance > rounding, variance, np.nan)
        relation: np.ndarray = (product - mean * mean.T) / np.sqrt(variance * variance.T)
    return np.clip(relation, -1.0, 1.0)


def relation_distance(first: np.ndarray, second: np.ndarray, *, per_entry: bool = False) -> float:
    """Euclidean (Frobenius) distance of two relation matrices (A, A); entries that are nan in either do not count.

    Args:
        per_entry: divide by the number of entries compared. Deep Regions prints 0.004, which its matrices give this way;
            AUNet's Table X is read as the plain distance.

    Returns:
        distance; nan where no entry is known in both.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"matrices must have one shape, got {a.shape} and {b.shape}")
    both = ~(np.isnan(a) | np.isnan(b))
    if not both.any():
        return float("nan")
    distance = float(np.sqrt(((a - b)[both] ** 2).sum()))
    return distance / int(both.sum()) if per_entry else distance


def dependency_f1(occurrence: np.ndarray, predicted: np.ndarray, known: np.ndarray | None = None) -> float:
    """F1 of an action unit given that another one occurs, over all ordered pairs (Tirupattur et al. 2021; AUNet Table X).

    On the frames where unit j truly occurs, unit i has a precision and a recall. Both are averaged over the pairs i != j where
    they are defined, and F1 is the harmonic mean of the two averages. The window around a frame is that frame alone.

    Args:
        occurrence: (N, A) truth, 0/1.
        predicted: (N, A) decisions, 0/1.
        known: (N, A) bool; ``None`` means all.

    Returns:
        F1 in [0, 1]; nan where no two action units occur together.
    """
    truth, guess = np.asarray(occurrence, bool), np.asarray(predicted, bool)
    if truth.shape != guess.shape or truth.ndim != 2:
        raise ValueError(f"expected two (N, A) arrays, got {truth.shape} and {guess.shape}")
    mask = np.ones(truth.shape, bool) if known is None else np.asarray(known, bool)
    given = (truth & mask).astype(np.float64)
    hits = (truth & guess & mask).T.astype(np.float64) @ given
    decided = (guess & mask).T.astype(np.float64) @ given
    positives = (truth & mask).T.astype(np.float64) @ given
    off_diagonal = ~np.eye(truth.shape[1], dtype=bool)
    precision, recall = _mean_ratio(hits, decided, off_diagonal), _mean_ratio(hits, positives, off_diagonal)
    if np.isnan(recall):
        return float("nan")
    if np.isnan(precision) or precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def _mean_ratio(numerator: np.ndarray, denominator: np.ndarray, where: np.ndarray) -> float:
    defined = where & (denominator > 0)
    return float((numerator[defined] / denominator[defined]).mean()) if defined.any() else float("nan")

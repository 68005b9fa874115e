"""Which events of two raters are the same: one-to-one, the best pairs first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aufait.analysis.agreement.rater import Stretch


def match_events(
    first: Sequence[Stretch | tuple[float, float]], second: Sequence[Stretch | tuple[float, float]], slack: float | None = None
) -> list[tuple[int, int]]:
    """One-to-one pairs of events, best first: by shared time over total time, or by onsets at most ``slack`` seconds apart."""
    if not first or not second:
        return []
    mine, theirs = (np.array([one[:2] for one in events]) for events in (first, second))
    goodness = _goodness(mine, theirs, slack)
    rows, columns = np.nonzero(goodness > 0)
    pairs: list[tuple[int, int]] = []
    used: tuple[set[int], set[int]] = (set(), set())
    for place in np.argsort(-goodness[rows, columns], kind="stable"):
        i, k = int(rows[place]), int(columns[place])
        if i not in used[0] and k not in used[1]:
            pairs.append((i, k))
            used[0].add(i)
            used[1].add(k)
    return pairs


def _goodness(first: np.ndarray, second: np.ndarray, slack: float | None) -> np.ndarray:
    """(A, B) how well each of (A, 2) onsets and offsets fits each of (B, 2); 0 or less: not at all."""
    a, b = first[:, None], second[None]
    if slack is not None:
        return np.asarray(slack + 1e-6 - np.abs(a[..., 0] - b[..., 0]))
    shared = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
    total = np.maximum(a[..., 1], b[..., 1]) - np.minimum(a[..., 0], b[..., 0])
    return np.asarray(shared / np.maximum(total, 1e-9))

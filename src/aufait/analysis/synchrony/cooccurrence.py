"""Whether events of one face come with events of another, more often than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.analysis.event import Event
from aufait.errors import InputError

_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Cooccurrence:
    """Of the events of A: how many have an event of B near by.

    Attributes:
        events: of A.
        others: events of B.
        together: events of A with an onset of B within the window.
        share: together / events; NaN without events.
        chance: the same share where B's events are moved in a circle, mean; NaN where it cannot be told.
        p: share of the moved versions that have at least as many; NaN as above.
        median_lag: seconds from A's onset to B's nearest, median over those together; positive: A is first.
    """

    events: int
    others: int
    together: int
    share: float
    chance: float
    p: float
    median_lag: float


def cooccurrence(
    first: Sequence[Event],
    second: Sequence[Event],
    start: float,
    end: float,
    window: float = 1.0,
    *,
    offset: float = 0.0,
    surrogates: int = 999,
    seed: int = 0,
) -> Cooccurrence:
    """Compare onsets. Chance keeps the number and the spacing of B's events, and moves them all by a random time in a circle.

    Args:
        first, second: events of A and of B.
        start, end: seconds in which both were recorded, in A's clock; onsets outside do not count.
        window: an onset of B counts up to this many seconds before or after.
        offset: seconds to add to B's times.

    Raises:
        InputError: ``end`` is not after ``start``, or the window is not positive.
    """
    if not (end > start and window > 0):
        raise InputError(f"events are compared in a stretch of time and within a window, got {start} to {end} s and {window} s")
    a = _onsets(first, start, end, 0.0)
    b = _onsets(second, start, end, offset)
    nan = float("nan")
    if not len(a) or not len(b):
        return Cooccurrence(len(a), len(b), 0, 0.0 if len(a) else nan, nan, nan, nan)
    distance = _nearest(a, b)
    near = np.abs(distance) <= window
    share, lag = float(near.mean()), float(np.median(distance[near])) if near.any() else nan
    chance = p = nan
    if surrogates and end - start > 4 * window:
        moved = _moved_shares(a, b, start, end, window, surrogates, seed)
        chance, p = float(moved.mean()), float((1 + (moved >= share - 1e-12).sum()) / (1 + surrogates))
    return Cooccurrence(len(a), len(b), int(near.sum()), share, chance, p, lag)


def _onsets(events: Sequence[Event], start: float, end: float, offset: float) -> np.ndarray:
    """Rising onsets within the common time; an event that was there when the face came in sight has none."""
    onsets = np.array([event.onset + offset for event in events if not event.open_start])
    return np.sort(onsets[(onsets >= start) & (onsets <= end)])


def _nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(len(a),) seconds from each of a to the nearest of b, which is sorted."""
    after = np.searchsorted(b, a).clip(0, len(b) - 1)
    before = (after - 1).clip(0)
    to_after, to_before = b[after] - a, b[before] - a
    nearest: np.ndarray = np.where(np.abs(to_before) <= np.abs(to_after), to_before, to_after)
    return nearest


def _moved_shares(
    a: np.ndarray, b: np.ndarray, start: float, end: float, window: float, surrogates: int, seed: int
) -> np.ndarray:
    """(surrogates,) share of a with one of b near by, for b moved by a random time in a circle."""
    span = end - start
    shifts = np.random.default_rng(seed).uniform(2 * window, span - 2 * window, surrogates)
    shares = []
    for some in np.array_split(shifts, max(1, surrogates * len(a) // _AT_ONCE)):
        # Moving a back is moving b on: then one sorted b serves all.
        places = np.mod(a[None, :] - start - some[:, None], span) + start
        shares.append((np.abs(_nearest(places.ravel(), b)) <= window).reshape(places.shape).mean(axis=1))
    return np.concatenate(shares)

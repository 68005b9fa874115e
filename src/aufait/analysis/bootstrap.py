"""Intervals by resampling: of stretches of time within a recording, and of persons within a group.

Frames follow each other and are alike, so single frames cannot be drawn. Blocks of consecutive time can: a moving-block bootstrap,
whose blocks run on from the end to the beginning, so that the ends of a recording are drawn as often as its middle (circular
block bootstrap, Politis & Romano 1992). Persons are drawn whole (cluster bootstrap). Intervals are percentiles of the draws.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from aufait.errors import InputError
from aufait.settings import check_types

CELLS_PER_BLOCK = 10
"""Blocks begin on a grid this much finer than they are long."""

MIN_BLOCKS = 4
"""A stretch of fewer blocks gives no interval."""

MIN_PERSONS = 3
"""A group of fewer persons gives no interval."""

_AT_ONCE = 1 << 21  # numbers of the matrix of draws that are in memory together


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made."""

    rounds: int = 1000
    """Draws; 0 for no intervals."""
    block: float = 5.0
    """Seconds of a block of time; longer than what follows from the frame before."""
    confidence: float = 0.95
    """Share of draws between the two ends."""
    seed: int = 0
    """Same seed, same intervals, whatever else is in the batch."""

    def __post_init__(self) -> None:
        check_types(self, "bootstrap: ")
        if self.rounds < 0 or 0 < self.rounds < 100:
            raise InputError(f"bootstrap: rounds must be 0 (no intervals) or at least 100, got {self.rounds}")
        if not 0 < self.block < float("inf"):
            raise InputError(f"bootstrap: block must be more than 0 seconds, got {self.block:g}")
        if not 0 < self.confidence < 1:
            raise InputError(f"bootstrap: confidence must be between 0 and 1, got {self.confidence:g}")
        if self.seed < 0:
            raise InputError(f"bootstrap: seed must be 0 or more, got {self.seed}")

    @property
    def cell(self) -> float:
        """Seconds of a cell of the grid."""
        return self.block / CELLS_PER_BLOCK

    def random(self, *names: str) -> np.random.Generator:
        """Random numbers that belong to a name."""
        return np.random.default_rng([self.seed, zlib.crc32("\0".join(names).encode("utf-8", "surrogatepass"))])

    def of_time(self, cells: np.ndarray, *names: str) -> np.ndarray | None:
        """Sums over resampled time.

        Args:
            cells: (T, K) sums of each cell of time, in order.
            names: what the draws are for; the same names give the same draws.

        Returns:
            (rounds, K), or None where the time is too short.
        """
        count = len(cells)
        if not self.rounds or count < MIN_BLOCKS * CELLS_PER_BLOCK:
            return None
        circle = np.concatenate((np.zeros((1, cells.shape[1])), cells, cells[:CELLS_PER_BLOCK]))
        around = np.cumsum(circle, axis=0)
        blocks = around[CELLS_PER_BLOCK : CELLS_PER_BLOCK + count] - around[:count]
        random, drawn = self.random(*names), -(-count // CELLS_PER_BLOCK)
        scale = count / (drawn * CELLS_PER_BLOCK)  # the last block may be longer than what is left
        sums = []
        for first in range(0, self.rounds, step := max(1, _AT_ONCE // count)):
            rounds = min(step, self.rounds - first)
            starts = random.integers(count, size=(rounds, drawn)) + np.arange(rounds)[:, None] * count
            times = np.bincount(starts.ravel(), minlength=rounds * count).reshape(rounds, count)
            sums.append(times.astype(np.float64) @ blocks * scale)
        return np.concatenate(sums)

    def of_persons(self, values: np.ndarray, *names: str) -> tuple[np.ndarray, np.ndarray]:
        """Interval of the mean over persons.

        Args:
            values: (P, K), NaN where a person has no value.

        Returns:
            (K,) lower and upper ends; NaN where fewer than ``MIN_PERSONS`` have a value.
        """
        persons = len(values)
        if not self.rounds or persons < MIN_PERSONS:
            nothing = np.full(values.shape[1], np.nan)
            return nothing, nothing
        picks = self.picks(persons, *names)
        known = np.isfinite(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (picks @ np.where(known, values, 0)) / (picks @ known)
        low, high = self.ends(means)
        few = known.sum(0) < MIN_PERSONS
        return np.where(few, np.nan, low), np.where(few, np.nan, high)

    def picks(self, persons: int, *names: str) -> np.ndarray:
        """(rounds, persons) how often each person is in each draw of as many persons as there are."""
        drawn = self.random(*names).multinomial(persons, np.full(persons, 1 / persons), size=self.rounds)
        return np.asarray(drawn, np.float64)

    def ends(self, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends (...) of draws (rounds, ...); NaN where half of the draws or more have no value."""
        known = np.isfinite(draws)
        tail = (1 - self.confidence) / 2
        ordered = np.sort(draws, axis=0)  # NaN last
        low, high = (_quantile(ordered, known.sum(0), share) for share in (tail, 1 - tail))
        enough = known.mean(0) > 0.5
        return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def _quantile(ordered: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """Quantiles over the first axis, interpolated, among the first ``known`` values, which are in order."""
    place = np.maximum(known - 1, 0) * share
    low = np.floor(place).astype(int)
    below, above = (np.take_along_axis(ordered, rows[None], 0)[0] for rows in (low, np.ceil(place).astype(int)))
    return below + (above - below) * (place - low)

"""Intervals hold what they promise where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.analysis.bootstrap import Bootstrap
from aufait.errors import InputError


def series(random: np.random.Generator, count: int, memory: float) -> np.ndarray:
    """(count, 1) of mean 0 and standard deviation 1 in which each value is like the one before."""
    noise = random.normal(size=count + 200) * np.sqrt(1 - memory**2)
    values = np.zeros(count + 200)
    for place in range(1, len(values)):
        values[place] = memory * values[place - 1] + noise[place]
    return values[200:, None]


def covered(memory: float, cells: int = 600, rounds: int = 200) -> float:
    """Share of recordings whose interval of the mean holds the true mean."""
    random, bootstrap, hits = np.random.default_rng(5), Bootstrap(rounds=400), 0
    for number in range(rounds):
        sums = bootstrap.of_time(series(random, cells, memory), str(number))
        assert sums is not None
        low, high = bootstrap.ends(sums / cells)
        hits += low[0] <= 0 <= high[0]
    return hits / rounds


def test_intervals_over_time_hold_the_truth_about_as_often_as_they_say() -> None:
    assert 0.88 <= covered(0.0) <= 0.99
    assert covered(0.6) >= 0.85  # single values drawn apart would reach 0.67


def test_same_seed_same_draws_and_other_names_other_draws() -> None:
    values = np.random.default_rng(0).random((100, 2))
    first, again, other = (Bootstrap(rounds=100).of_time(values, name) for name in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, Bootstrap(rounds=100, seed=1).of_time(values, "a"))


def test_the_mean_of_the_draws_is_the_sum_and_constants_have_no_spread() -> None:
    values = np.stack([np.arange(95.0), np.ones(95)], 1)  # not a whole number of blocks
    sums = Bootstrap(rounds=4000).of_time(values, "x")
    assert sums is not None
    assert sums[:, 1] == pytest.approx(95)
    assert sums[:, 0].mean() == pytest.approx(values[:, 0].sum(), rel=0.02)


def test_too_little_time_and_too_few_persons_give_no_interval() -> None:
    assert Bootstrap().of_time(np.ones((39, 1)), "x") is None
    low, high = Bootstrap().of_persons(np.array([[1.0], [2.0]]), "x")
    assert np.isnan([low, high]).all()


def test_persons_without_a_value_do_not_count() -> None:
    values = np.array([[1.0, 1.0], [2.0, np.nan], [3.0, 3.0], [4.0, np.nan]])
    low, high = Bootstrap(rounds=500).of_persons(values, "x")
    assert 1 <= low[0] < 2.5 < high[0] <= 4
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize("given", [{"rounds": 5}, {"block": 0.0}, {"confidence": 1.0}, {"seed": -1}])
def test_impossible_settings_are_refused(given: dict) -> None:
    with pytest.raises(InputError):
        Bootstrap(**given)

"""Two people: a known lag is found, strangers are rarely called synchronous, missing time stays missing."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.analysis.event import Event
from aufait.analysis.synchrony import Pair, SynchronySettings, cooccurrence, lagged_correlation, resample, synchrony
from aufait.errors import InputError


def course(random: np.random.Generator, length: int) -> np.ndarray:
    """Something like an action unit: slow, never negative."""
    smooth = np.convolve(random.normal(size=length + 200), np.exp(-np.arange(100) / 15), "valid")[:length]
    return np.maximum(0, 1.2 * smooth / smooth.std())


@pytest.mark.parametrize("lag", [30, -30, 0])
def test_a_known_lag_is_found_and_named(lag):
    random = np.random.default_rng(1)
    whole = course(random, 3100)
    noise = 0.1 * random.normal(size=(2, 3000))
    pair = Pair(0.0, 0.04, whole[50:3050] + noise[0], whole[50 - lag : 3050 - lag] + noise[1])
    found = synchrony(pair, SynchronySettings(surrogates=99))
    assert found.best_lag == pytest.approx(0.04 * lag, abs=0.041)
    assert found.median_lag == pytest.approx(0.04 * lag, abs=0.041)
    assert found.p_peak == 0.01 and found.best_r > 0.9
    assert found.peaks.leads[1 - (lag > 0) + (lag < 0)] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("method", ["circular", "segments"])
def test_strangers_are_rarely_called_synchronous(method):
    settings = SynchronySettings(surrogates=99, method=method)
    values = []
    for seed in range(100):
        random = np.random.default_rng(1000 + seed)
        values.append(synchrony(Pair(0.0, 0.1, course(random, 1200), course(random, 1200)), settings))
    assert np.mean([one.p_peak <= 0.05 for one in values]) <= 0.12
    assert 0.4 < np.mean([one.p_peak for one in values]) < 0.6


def test_correlations_are_those_of_numpy_and_too_few_pairs_have_none():
    random = np.random.default_rng(2)
    a, b = random.normal(size=(2, 300))
    b[100:115] = np.nan
    found = lagged_correlation(a, b, 50, 25, 10)
    for row, start in enumerate(found.starts):
        for column, lag in enumerate(found.lags):
            x, y = a[start : start + 50], b[start + lag : start + lag + 50]
            known = np.isfinite(y)
            assert found.r[row, column] == pytest.approx(np.corrcoef(x[known], y[known])[0, 1], abs=1e-5)
    b[100:140] = np.nan
    assert np.isnan(lagged_correlation(a, b, 50, 25, 10).r).any()
    assert np.isnan(lagged_correlation(np.ones(300), b, 50, 25, 10).r).all()


def test_missing_time_stays_missing_on_the_grid():
    times = np.concatenate([np.arange(0, 2, 0.04), np.arange(3, 5, 0.04)])
    grid = np.arange(0, 5, 0.05)
    values = resample(times, times, grid, 0.06)
    assert np.isnan(values[(grid > 2) & (grid < 2.99)]).all()
    known = np.isfinite(values)
    assert np.allclose(values[known], grid[known], atol=0.03) and known.sum() > 75


def test_events_that_follow_are_more_than_chance_and_strangers_are_not():
    random = np.random.default_rng(3)
    onsets = np.cumsum(random.uniform(4, 12, 30))

    def events(at):
        return [Event("AU12", t, t, t + 1, 3.0, 2.0) for t in at]

    followed = cooccurrence(events(onsets), events(onsets + 0.5), 0, 300)
    assert followed.share > 0.9 and followed.p < 0.01 and followed.median_lag == pytest.approx(0.5)
    strangers = cooccurrence(events(onsets), events(random.uniform(0, 300, 30)), 0, 300)
    assert strangers.p > 0.05 and 0.05 < strangers.chance < 0.4
    nobody = cooccurrence(events(onsets), [], 0, 300)
    assert nobody.share == 0 and np.isnan(nobody.p)


def test_courses_that_are_too_short_are_refused_with_what_to_do():
    pair = Pair(0.0, 0.1, np.zeros(80), np.zeros(80))
    with pytest.raises(InputError, match="shorter window"):
        synchrony(pair)

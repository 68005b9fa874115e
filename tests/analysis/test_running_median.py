"""The quick median is the plain one, also at ends, gaps, uneven times and unknown values."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.analysis.running_median import running_median


def plain(time: np.ndarray, values: np.ndarray, window: float) -> np.ndarray:
    smooth = np.full_like(values, np.nan)
    for row, moment in enumerate(time):
        near = np.abs(time - moment) <= window / 2 + 1e-6
        for column in np.flatnonzero(np.isfinite(values[row])):
            smooth[row, column] = np.nanmedian(values[near, column])
    return smooth


@pytest.mark.parametrize("window", [0.0, 0.05, 0.2, 0.4, 1.5])
@pytest.mark.parametrize("kind", ["even", "uneven", "gaps", "unknown", "few"])
def test_it_is_the_median_of_what_is_near(kind: str, window: float) -> None:
    rng = np.random.default_rng(1)
    count = 3 if kind == "few" else 300
    time = np.arange(count) / 30
    if kind == "uneven":
        time = np.cumsum(rng.uniform(0.01, 0.06, count))
    if kind == "gaps":
        time = time + np.cumsum(rng.random(count) < 0.03) * 1.3
    values = rng.normal(2, 1, (count, 3)).astype(np.float32)
    if kind == "unknown":
        values[rng.random(values.shape) < 0.05] = np.nan
        values[100:120] = np.nan
    assert np.allclose(running_median(time, values, window), plain(time, values, window), equal_nan=True, atol=1e-6)


def test_nothing_has_no_median() -> None:
    assert running_median(np.zeros(0), np.zeros((0, 2), np.float32), 0.2).shape == (0, 2)

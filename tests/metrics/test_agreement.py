"""Agreement of raters against scikit-learn, published examples and hand counts."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.metrics import agreement as ag
from aufait.metrics import icc_3_1

SHROUT = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
"""Table 2 of Shrout and Fleiss 1979: ICC(2,1) = .29."""

FLEISS = np.array(
    [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0], [3, 2, 6, 3, 0],
     [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]], float
)  # fmt: skip
"""The worked example with 14 raters whose kappa is 0.210."""

NAN = np.nan
ALPHA = np.array(
    [[1, 1, NAN, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4], [4, 4, 4, 4], [1, 1, 2, 1],
     [2, 2, 2, 2], [NAN, 5, 5, 5], [NAN, NAN, 1, 1], [NAN, NAN, 3, NAN]], float
)  # fmt: skip
"""Krippendorff's example with four observers: alpha .743 nominal, .815 ordinal, .849 interval."""


def test_kappa_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    first = rng.integers(0, 6, 500)
    second = np.where(rng.random(500) < 0.6, first, rng.integers(0, 6, 500))
    assert ag.cohen_kappa(first, second) == pytest.approx(metrics.cohen_kappa_score(first, second), abs=1e-12)


def test_kappa_by_hand() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: seen .7, by chance .5
    first, second = [1] * 25 + [0] * 25, [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert ag.cohen_kappa(np.array(first), np.array(second)) == pytest.approx(0.4)
    assert np.isnan(ag.cohen_kappa(np.zeros(5), np.zeros(5)))


def test_fleiss_example() -> None:
    assert ag.fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)
    with pytest.raises(ValueError, match="same number"):
        ag.fleiss_kappa(np.array([[1.0, 1.0], [2.0, 1.0]]))


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_example(level: str, value: float) -> None:
    assert ag.krippendorff_alpha(ALPHA, level) == pytest.approx(value, abs=6e-4)


def test_icc_of_shrout_and_fleiss() -> None:
    assert ag.icc_2_1(*SHROUT.T) == pytest.approx(0.29, abs=5e-3)


def test_sums_give_what_frames_give() -> None:
    rng = np.random.default_rng(1)
    first = rng.uniform(0, 5, 300)
    second = 0.8 * first + rng.normal(1.5, 0.4, 300)
    consistent, absolute = ag.icc_of(ag.moments(first, second).sum(0))
    assert consistent == pytest.approx(icc_3_1(first, second))
    assert absolute == pytest.approx(ag.icc_2_1(first, second))
    assert absolute < consistent
    found = ag.bland_altman(first, second)
    assert found.bias == pytest.approx(np.mean(second - first))
    assert found.deviation == pytest.approx(np.std(second - first, ddof=1))
    assert found.high - found.bias == pytest.approx(1.96 * found.deviation)


def test_nothing_to_agree_on_is_nan() -> None:
    assert np.isnan(ag.icc_2_1(np.ones(4), np.ones(4)))
    assert np.isnan(ag.krippendorff_alpha(np.full((3, 2), NAN)))
    assert all(np.isnan(ag.bland_altman(np.array([]), np.array([]))))
    assert np.isnan(ag.f1_of(np.array([[5.0, 0], [0, 0]])))

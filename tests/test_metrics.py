"""Metrics against scikit-learn, worked examples and limiting cases."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.metrics import calibration_error, f1_frame, icc_3_1, roc_area

sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle of these tests")


@pytest.mark.parametrize("seed", range(4))
def test_f1_and_roc_area_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(400) < 0.2
    score = np.round(rng.random(400) * 0.7 + truth * 0.3, 2)  # rounded: many ties
    assert f1_frame(truth, score >= 0.5) == pytest.approx(sklearn.f1_score(truth, score >= 0.5))
    assert roc_area(truth, score) == pytest.approx(sklearn.roc_auc_score(truth, score))


def test_undefined_scores_are_nan_not_zero() -> None:
    nothing = np.zeros(5)
    assert np.isnan(f1_frame(nothing, nothing))
    assert np.isnan(roc_area(nothing, np.arange(5)))
    assert np.isnan(icc_3_1(nothing, nothing))
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0)))


def test_icc_ignores_a_constant_offset_and_punishes_noise() -> None:
    truth = np.array([0, 1, 2, 3, 4, 5.0])
    assert icc_3_1(truth, truth + 1) == pytest.approx(1.0)
    assert icc_3_1(truth, truth[::-1]) == pytest.approx(-1.0)


def test_icc_of_shrout_and_fleiss_first_two_raters() -> None:
    """Worked by hand from the two-way table: BMS = 7.95, EMS = 2.75 for raters 1 and 2 of the classic example."""
    first, second = np.array([9, 6, 8, 7, 10, 6.0]), np.array([2, 1, 4, 1, 5, 2.0])
    pair = np.stack([first, second], axis=1)
    residual = pair - pair.mean(1, keepdims=True) - pair.mean(0) + pair.mean()
    between = 2 * ((pair.mean(1) - pair.mean()) ** 2).sum() / 5
    error = (residual**2).sum() / 5
    assert icc_3_1(first, second) == pytest.approx((between - error) / (between + error))


def test_calibration_error_of_a_perfect_and_of_an_overconfident_forecast() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(200_000)
    truth = rng.random(200_000) < probability
    assert calibration_error(truth, probability) < 0.005
    assert calibration_error(np.zeros(100), np.full(100, 0.9)) == pytest.approx(0.9)


def test_weights_change_the_base_rate_that_calibration_is_judged_at() -> None:
    truth, probability = np.array([1, 0, 0, 0.0]), np.full(4, 0.5)
    assert calibration_error(truth, probability) == pytest.approx(0.25)
    assert calibration_error(truth, probability, weight=np.array([3, 1, 1, 1.0])) == pytest.approx(0.0)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        f1_frame(np.zeros(3), np.zeros(4))

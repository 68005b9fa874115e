"""Metrics against scikit-learn, worked examples and limiting cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aufait.errors import InputError
from aufait.metrics import (
    SubjectDraws,
    accuracy,
    bootstrap_by_subject,
    calibration_error,
    cohen_kappa,
    dependency_f1,
    detectable_difference,
    f1_frame,
    f1_of_guessing,
    failure_rate,
    icc_2_1,
    icc_3_1,
    intensity_draws,
    intervals_of,
    landmark_errors,
    mean_absolute_error,
    mean_draws,
    occurrence_draws,
    paired_t_test,
    paired_test_by_subject,
    pearson,
    power_of_test,
    precision_recall_area,
    relation_distance,
    relation_matrix,
    reliability,
    roc_area,
    skew,
)
from aufait.metrics.accumulators import AUMetrics

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


def test_constant_inputs_whose_mean_is_rounded_are_undefined_too() -> None:
    constant, varied = np.full(11, 0.1), np.arange(11.0)  # the mean of eleven times 0.1 is not 0.1
    assert np.isnan(pearson(constant, varied)) and np.isnan(icc_3_1(constant, constant))
    assert icc_3_1(constant, varied) == pytest.approx(0)
    assert np.isnan(relation_matrix(np.stack([constant, varied], axis=1))).tolist() == [[True, True], [True, False]]


def test_landmarks_that_are_not_known_neither_fail_nor_succeed() -> None:
    assert failure_rate(np.array([0.2, 0.05, np.nan])) == 0.5
    assert np.isnan(failure_rate(np.array([np.nan])))


def test_f1_of_guessing_is_that_of_always_saying_yes_and_no_other_rate_of_guessing_beats_it() -> None:
    rng = np.random.default_rng(0)
    for rate in (0.02, 0.3, 0.9):
        truth = rng.random(100_000) < rate
        assert f1_of_guessing(truth) == pytest.approx(sklearn.f1_score(truth, np.ones_like(truth)))
        for often in (0.1, rate, 0.8):
            assert f1_frame(truth, rng.random(len(truth)) < often) < f1_of_guessing(truth) + 0.001
    assert np.isnan(f1_of_guessing(np.zeros(4))) and f1_of_guessing(np.ones(4)) == 1


def test_icc_ignores_a_constant_offset_and_punishes_noise() -> None:
    truth = np.array([0, 1, 2, 3, 4, 5.0])
    assert icc_3_1(truth, truth + 1) == pytest.approx(1.0)
    assert icc_3_1(truth, truth[::-1]) == pytest.approx(-1.0)


def test_icc_of_shrout_and_fleiss_first_two_raters() -> None:
    """Against the two-way analysis of variance of raters 1 and 2 of the classic example, and another way to write it."""
    first, second = np.array([9, 6, 8, 7, 10, 6.0]), np.array([2, 1, 4, 1, 5, 2.0])
    pair = np.stack([first, second], axis=1)
    residual = pair - pair.mean(1, keepdims=True) - pair.mean(0) + pair.mean()
    between = 2 * ((pair.mean(1) - pair.mean()) ** 2).sum() / 5
    error = (residual**2).sum() / 5
    assert icc_3_1(first, second) == pytest.approx((between - error) / (between + error))
    assert icc_3_1(first, second) == pytest.approx(2 * np.cov(first, second)[0, 1] / (first.var(ddof=1) + second.var(ddof=1)))


def test_calibration_error_of_a_perfect_and_of_an_overconfident_forecast() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(200_000)
    truth = rng.random(200_000) < probability
    assert calibration_error(truth, probability) < 0.005
    assert calibration_error(np.zeros(100), np.full(100, 0.9)) == pytest.approx(0.9)


def test_calibration_error_against_plain_loops() -> None:
    rng = np.random.default_rng(8)
    probability = np.append(rng.random(300), [0.0, 1.0, 0.5])
    truth = rng.random(303) < probability**2
    total = 0.0
    for low in range(10):
        inside = (probability >= low / 10) & ((probability < (low + 1) / 10) | (low == 9))
        if inside.any():
            total += inside.sum() / 303 * abs(truth[inside].mean() - probability[inside].mean())
    assert calibration_error(truth, probability) == pytest.approx(total)


def test_weights_change_the_base_rate_that_calibration_is_judged_at() -> None:
    truth, probability = np.array([1, 0, 0, 0.0]), np.full(4, 0.5)
    assert calibration_error(truth, probability) == pytest.approx(0.25)
    assert calibration_error(truth, probability, weight=np.array([3, 1, 1, 1.0])) == pytest.approx(0.0)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        f1_frame(np.zeros(3), np.zeros(4))


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_and_precision_recall_area_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(300) < 0.3
    score = np.round(rng.random(300) * 0.7 + truth * 0.3, 1)  # many ties
    assert accuracy(truth, score >= 0.5) == pytest.approx(sklearn.accuracy_score(truth, score >= 0.5))
    assert precision_recall_area(truth, score) == pytest.approx(sklearn.average_precision_score(truth, score))


def test_skew_normalised_scores_equal_those_of_a_balanced_sample_weighted_by_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(500) < 0.15
    score = np.round(rng.random(500) * 0.6 + truth * 0.3, 2)
    weight = np.where(truth, 1.0, 1 / skew(truth))
    expected = sklearn.f1_score(truth, score >= 0.5, sample_weight=weight)
    assert f1_frame(truth, score >= 0.5, skew_normalized=True) == pytest.approx(expected)
    expected = sklearn.balanced_accuracy_score(truth, score >= 0.5)
    assert accuracy(truth, score >= 0.5, skew_normalized=True) == pytest.approx(expected)
    assert expected == pytest.approx(sklearn.accuracy_score(truth, score >= 0.5, sample_weight=weight))
    assert roc_area(truth, score) == pytest.approx(sklearn.roc_auc_score(truth, score, sample_weight=weight))  # no skew in it
    assert np.isnan(accuracy(np.ones(3), np.ones(3), skew_normalized=True)) and np.isnan(accuracy([], []))
    expected = sklearn.average_precision_score(truth, score, sample_weight=weight)
    assert precision_recall_area(truth, score, skew_normalized=True) == pytest.approx(expected)


def test_skew_normalised_f1_does_not_change_when_negatives_are_repeated() -> None:
    truth, guess = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    more_truth = np.concatenate([truth, np.zeros(4, bool)])
    more_guess = np.concatenate([guess, [True, False, True, False]])
    assert f1_frame(more_truth, more_guess, skew_normalized=True) == f1_frame(truth, guess, skew_normalized=True)
    assert f1_frame(more_truth, more_guess) < f1_frame(truth, guess)


def test_intensity_metrics_agree_with_numpy() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 6, 100)
    guess = np.clip(truth + rng.normal(0, 1, 100), 0, 5)
    assert pearson(truth, guess) == pytest.approx(np.corrcoef(truth, guess)[0, 1])
    assert mean_absolute_error(truth, guess) == pytest.approx(np.abs(truth - guess).mean())
    assert np.isnan(pearson(np.ones(4), np.arange(4)))


def test_landmark_errors_and_failures_by_hand() -> None:
    truth = np.zeros((2, 3, 2))
    guess = truth.copy()
    guess[0, 0] = [3, 4]  # 5 pixels on one of three points
    errors = landmark_errors(truth, guess, np.array([10.0, 10.0]))
    assert errors == pytest.approx([5 / 3 / 10, 0.0])
    assert failure_rate(errors) == 0.5
    with pytest.raises(ValueError, match="expected"):
        landmark_errors(truth, guess[:1], np.ones(2))


def test_relation_matrix_agrees_with_numpy_and_uses_frames_known_to_both() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random((200, 4)) < 0.4).astype(float)
    labels[:, 1] = np.where(rng.random(200) < 0.8, labels[:, 0], labels[:, 1])
    assert relation_matrix(labels) == pytest.approx(np.corrcoef(labels.T))
    known = rng.random(labels.shape) < 0.7
    wild = np.where(known, labels, 9)
    both = known[:, 0] & known[:, 1]
    expected = np.corrcoef(labels[both, 0], labels[both, 1])[0, 1]
    assert relation_matrix(wild, known)[0, 1] == pytest.approx(expected)
    assert np.isnan(relation_matrix(np.ones((5, 2)))).all()


def test_relation_distance_skips_undefined_entries() -> None:
    first = np.array([[1.0, 0.5], [0.5, np.nan]])
    second = np.array([[1.0, 0.2], [0.9, 1.0]])
    assert relation_distance(first, second) == pytest.approx(0.5)
    assert relation_distance(first, second, per_entry=True) == pytest.approx(0.5 / 3)
    assert relation_distance(first, first) == 0


def test_published_relation_matrices_are_0_004_apart_per_entry(shared: Path) -> None:
    """Deep Regions states 0.004 under its Figure 5; its printed matrices give it per entry."""
    entry = json.loads((shared / "specs" / "published_results.json").read_text())["relation_matrices"][0]
    distance = relation_distance(np.array(entry["ground_truth"]), np.array(entry["predictions"]), per_entry=True)
    assert distance == pytest.approx(0.004, abs=3e-4)


def test_dependency_f1_against_plain_loops() -> None:
    rng = np.random.default_rng(4)
    truth, guess = rng.random((60, 3)) < 0.4, rng.random((60, 3)) < 0.5
    precisions, recalls = [], []
    for i in range(3):
        for j in range(3):
            if i != j:
                rows = truth[:, j]
                hits = (truth[rows, i] & guess[rows, i]).sum()
                precisions.append(hits / guess[rows, i].sum())
                recalls.append(hits / truth[rows, i].sum())
    p, r = np.mean(precisions), np.mean(recalls)
    assert dependency_f1(truth, guess) == pytest.approx(2 * p * r / (p + r))
    assert dependency_f1(truth, truth) == 1
    assert np.isnan(dependency_f1(np.eye(3), np.eye(3)))  # never two at once


def test_bootstrap_draws_subjects_not_frames() -> None:
    # Ten subjects of 100 equal frames each: the interval is that of ten numbers, not of a thousand.
    subjects = np.repeat([f"S{k}" for k in range(10)], 100)
    values = np.repeat(np.arange(10.0), 100)
    interval = bootstrap_by_subject(lambda rows: float(values[rows].mean()), subjects, draws=2000)
    standard_error = np.arange(10).std() / np.sqrt(10)
    assert interval.value == 4.5 and interval.defined == 1
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)
    with pytest.raises(InputError, match="at least 2 subjects"):
        bootstrap_by_subject(lambda rows: 0.0, ["A", "A"])


def test_paired_t_test_agrees_with_scipy_and_leaves_out_undefined_pairs() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    first = rng.normal(size=20)
    second = first + rng.normal(0.5, 1, 20)
    expected = stats.ttest_rel(second, first)
    result = paired_t_test(np.append(first, np.nan), np.append(second, 1.0))
    assert (result.statistic, result.p_value, result.pairs) == pytest.approx((expected.statistic, expected.pvalue, 20))
    assert np.isnan(paired_t_test([1, 2], [2, 3]).p_value)  # no variance of the differences


def test_paired_test_by_subject_tries_every_pattern_of_signs() -> None:
    subjects = np.repeat(["a", "b", "c", "d"], 5)
    gain = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    result = paired_test_by_subject(lambda rows, system: system * gain[subjects[rows[0]]], subjects)
    assert result.difference == 2.5 and result.pairs == 4
    assert result.p_value == 2 / 16  # only all plus and all minus are as extreme


def test_a_test_over_frames_is_far_surer_than_one_over_subjects() -> None:
    rng = np.random.default_rng(6)
    subjects = np.repeat([f"S{k}" for k in range(8)], 200)
    effect = np.repeat(rng.normal(0.0, 1.0, 8), 200)  # what differs is the person, not the system
    first = np.zeros(1600)
    second = effect + rng.normal(0, 0.1, 1600)
    by_subject = paired_test_by_subject(lambda rows, k: float((second if k else first)[rows].mean()), subjects)
    assert by_subject.p_value > 0.05
    assert paired_t_test(first, second).p_value < 1e-3


@pytest.mark.parametrize("subjects", [9, 16])  # every pattern of signs, and random ones
def test_the_sign_flip_test_is_wrong_as_often_as_it_says(subjects: int) -> None:
    """Without a difference p falls below 0.05 in about 5 % of studies, also with heavy tails."""
    rng = np.random.default_rng(subjects)
    studies = rng.standard_t(3, (2000, subjects))  # difference of each subject
    found = [
        paired_test_by_subject(lambda rows, system, d=one: system * d[rows[0]], np.arange(subjects), draws=499).p_value  # type: ignore[misc]
        for one in studies
    ]
    wrong = float((np.array(found) <= 0.05).mean())
    assert 0.035 < wrong < 0.062  # 5 % within three standard errors; with 9 subjects at most 24 of 512 patterns


def test_the_sign_flip_test_agrees_with_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    gains = np.random.default_rng(1).normal(0.4, 1, 10)
    expected = stats.permutation_test(
        (gains,), lambda x, axis: x.mean(axis), permutation_type="samples", vectorized=True, n_resamples=np.inf
    )
    found = paired_test_by_subject(lambda rows, system: system * gains[rows[0]], np.arange(10))
    assert found.p_value == pytest.approx(expected.pvalue) and found.difference == pytest.approx(expected.statistic)


@pytest.mark.parametrize(("subjects", "least", "most"), [(4, 0.65, 0.9), (30, 0.88, 0.99)])
def test_intervals_cover_the_truth_with_many_subjects_and_too_seldom_with_few(subjects: int, least: float, most: float) -> None:
    """docs/metrics.md gives the coverage from more simulations."""

    def area(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.random((count, 40)) < 0.3
        habit, skill = rng.normal(0, 0.6, (2, count, 1))
        return truth.ravel(), np.round(habit + (1 + skill) * truth + rng.normal(0, 1, truth.shape), 1).ravel()

    expected = roc_area(*area(4000, np.random.default_rng(0)))
    covered = 0
    for study in range(150):
        truth, value = area(subjects, np.random.default_rng([subjects, study]))
        draws = SubjectDraws(np.repeat(np.arange(subjects), 40), draws=300, seed=study)
        found = draws.interval(0.0, occurrence_draws(draws, truth, value, np.ones(len(truth), bool))["roc_area"])
        covered += found.low <= expected <= found.high
    assert least < covered / 150 < most


def test_accumulated_metrics_equal_those_of_all_frames_and_ignore_unknown_ones() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    truth, score = (rng.random((50, 2)) < 0.4).astype(float), rng.random((50, 2))
    known = rng.random((50, 2)) < 0.8
    metrics = AUMetrics((1, 12))
    for start in range(0, 50, 20):
        rows = slice(start, start + 20)
        wild = torch.tensor(np.where(known, truth, 9.0)[rows])
        metrics.update(torch.tensor(score[rows]), wild, torch.tensor(known[rows]))
    table = metrics.compute()
    rows = known[:, 0]
    assert table["f1_frame"]["AU1"] == f1_frame(truth[rows, 0], score[rows, 0] >= 0.5)
    assert table["roc_area"]["AU1"] == pytest.approx(roc_area(truth[rows, 0], score[rows, 0]))
    assert table["frames"]["AU1"] == rows.sum()
    assert table["f1_frame"]["mean"] == pytest.approx((table["f1_frame"]["AU1"] + table["f1_frame"]["AU12"]) / 2)


def test_an_absent_au_does_not_change_other_aus_and_is_counted() -> None:
    metrics = AUMetrics((1, 12))
    metrics.update(np.array([[0.9, 0.1], [0.2, 0.3]]), np.array([[1, 0], [0, 0]]))
    table = metrics.compute()
    assert table["f1_frame"]["AU1"] == 1.0 and np.isnan(table["f1_frame"]["AU12"])
    assert table["f1_frame"]["mean"] == 1.0 and table["f1_frame"]["defined"] == 1


def test_accumulator_explains_wrong_shapes() -> None:
    with pytest.raises(InputError, match="probability must have shape"):
        AUMetrics((1, 12)).update(np.zeros((2, 3)), np.zeros((2, 2)))
    with pytest.raises(InputError, match="got 1 of 2 that are nan or outside; logits need a sigmoid"):
        AUMetrics((1, 12)).update(np.array([[0.5, np.nan]]), np.zeros((1, 2)))
    AUMetrics((1, 12)).update(np.array([[0.5, np.nan]]), np.zeros((1, 2)), np.array([[True, False]]))  # unknown: not looked at
    with pytest.raises(InputError, match="both the predicted and the true intensity"):
        AUMetrics((1,)).update(np.zeros((2, 1)), np.zeros((2, 1)), intensity=np.zeros((2, 1)))


# ---------------------------------------------------------------------------------------------------------------------
# Intervals of all metrics at once
# ---------------------------------------------------------------------------------------------------------------------


def _frames(count: int = 600, subjects: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    truth = rng.random(count) < 0.25
    score = np.clip(rng.random(count) * 0.6 + 0.3 * truth, 0, 1)
    return truth, score, rng.random(count) < 0.9, rng.integers(0, subjects, count).astype(str)


@pytest.mark.parametrize(
    ("metric", "score_of"),
    [
        ("f1_frame", lambda t, v: f1_frame(t, v >= 0.5)),
        ("accuracy", lambda t, v: accuracy(t, v >= 0.5)),
        ("kappa", lambda t, v: cohen_kappa(t, v >= 0.5)),
        ("nf1", lambda t, v: f1_frame(t, v >= 0.5, skew_normalized=True)),
        ("naccuracy", lambda t, v: accuracy(t, v >= 0.5, skew_normalized=True)),
        ("roc_area", roc_area),
        ("pr_area", precision_recall_area),
        ("npr_area", lambda t, v: precision_recall_area(t, v, skew_normalized=True)),
        ("calibration_error", calibration_error),
        ("f1_gain", lambda t, v: f1_frame(t, v >= 0.5) - f1_of_guessing(t)),
        ("roc_gain", lambda t, v: roc_area(t, v) - 0.5),
    ],
)
def test_fast_intervals_are_those_of_the_plain_bootstrap(metric: str, score_of: Callable[..., float]) -> None:
    truth, value, known, subjects = _frames()
    draws = SubjectDraws(subjects, draws=40, seed=3)
    fast = draws.interval(0.0, occurrence_draws(draws, truth, value, known)[metric])
    rows = np.flatnonzero(known)
    plain = bootstrap_by_subject(lambda k: score_of(truth[rows[k]], value[rows[k]]), subjects[rows], draws=40, seed=3)
    assert (fast.low, fast.high) == pytest.approx((plain.low, plain.high), abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "score_of"), [("icc_3_1", icc_3_1), ("icc_2_1", icc_2_1), ("pcc", pearson), ("mae", mean_absolute_error)]
)
def test_fast_intervals_of_intensities_are_those_of_the_plain_bootstrap(metric: str, score_of: Callable[..., float]) -> None:
    _, value, known, subjects = _frames()
    truth = np.random.default_rng(0).integers(0, 6, len(value))
    guess = np.clip(truth + 4 * (value - 0.5), 0, 5)
    draws = SubjectDraws(subjects, draws=40)
    fast = draws.interval(0.0, intensity_draws(draws, truth, guess, known)[metric])
    rows = np.flatnonzero(known)
    plain = bootstrap_by_subject(lambda k: score_of(truth[rows[k]], np.rint(guess[rows[k]])), subjects[rows], draws=40)
    assert (fast.low, fast.high) == pytest.approx((plain.low, plain.high), abs=1e-12)


def test_intervals_of_many_distinct_scores_stay_close_to_the_exact_ones() -> None:
    truth, value, known, subjects = _frames(20_000)
    draws = SubjectDraws(subjects, draws=30)
    fast = occurrence_draws(draws, truth, value, known)
    rows = np.flatnonzero(known)
    for metric, score_of in (("roc_area", roc_area), ("pr_area", precision_recall_area)):
        plain = bootstrap_by_subject(lambda k, s=score_of: s(truth[rows[k]], value[rows[k]]), subjects[rows], draws=30)  # type: ignore[misc]
        interval = draws.interval(0.0, fast[metric])
        assert (interval.low, interval.high) == pytest.approx((plain.low, plain.high), abs=1e-3)


def test_draws_without_a_positive_frame_are_undefined_not_zero() -> None:
    subjects = np.array(["a"] * 4 + ["b"] * 4)
    truth, value = np.array([1, 0, 1, 0] + [0] * 4), np.array([0.9, 0.1, 0.8, 0.2] + [0.1] * 4)
    draws = SubjectDraws(subjects, draws=200)
    found = occurrence_draws(draws, truth, value, np.ones(8, bool))
    only_b = draws.weights[:, 0] == 0
    assert only_b.any() and np.isnan(found["f1_frame"][only_b]).all() and np.isnan(found["roc_area"][only_b]).all()
    assert draws.interval(1.0, found["f1_frame"]).defined == pytest.approx((~only_b).mean())
    nobody = SubjectDraws(subjects[:4], draws=5)
    assert np.isnan(nobody.interval(1.0, np.ones(5)).low)  # one subject tells nothing about others


def test_the_interval_of_a_mean_is_that_of_the_mean_over_defined_action_units() -> None:
    truth, value, known, subjects = _frames()
    pair = np.stack([truth, np.zeros_like(truth)], axis=1)
    scores = np.stack([value, np.zeros_like(value)], axis=1)
    metrics = AUMetrics((1, 12))
    metrics.update(scores, pair, np.stack([known, known], axis=1))
    table = metrics.compute()
    draws = SubjectDraws(subjects, draws=50)
    found = intervals_of(draws, (1, 12), table, lambda k: occurrence_draws(draws, pair[:, k], scores[:, k], known))
    assert np.isnan(found["f1_frame"]["AU12"].value) and found["f1_frame"]["AU12"].defined == 0
    assert found["f1_frame"]["mean"] == found["f1_frame"]["AU1"]


def test_means_over_drawn_frames_leave_out_unknown_ones() -> None:
    values = np.array([1.0, np.nan, 3.0, 5.0])
    draws = SubjectDraws(["a", "a", "b", "b"], draws=20)
    picked = mean_draws(draws, values)
    weights = draws.weights
    assert picked == pytest.approx((weights[:, 0] * 1 + weights[:, 1] * 8) / (weights[:, 0] + 2 * weights[:, 1]))


def test_reliability_holds_what_the_calibration_error_sums_up() -> None:
    truth, value, _, _ = _frames()
    table = reliability(truth, value, bins=10)
    assert table[:, 0].sum() == len(truth) and np.isnan(table[9, 1:]).all() == (table[9, 0] == 0)
    filled = table[table[:, 0] > 0]
    assert (filled[:, 0] * np.abs(filled[:, 1] - filled[:, 2])).sum() / len(truth) == pytest.approx(calibration_error(truth, value))


def test_intensities_may_be_known_where_occurrence_is_not() -> None:
    metrics = AUMetrics((1,))
    ones = np.ones((4, 1))
    graded = np.array([[True], [True], [True], [False]])
    metrics.update(ones, ones, ones * 0, intensity=np.array([[0], [1], [2], [9.0]]), true_intensity=np.array([[0], [1], [3], [0]]),
                   intensity_known=graded)  # fmt: skip
    table = metrics.compute()
    assert table["frames"]["AU1"] == 0 and table["graded_frames"]["AU1"] == 3
    assert table["mae"]["AU1"] == pytest.approx(1 / 3)


# --- power ---------------------------------------------------------------------------------------------------------------


def test_power_without_an_effect_is_the_level_and_grows_with_it() -> None:
    spread = np.random.default_rng(3).normal(0, 0.04, 27)
    powers = [power_of_test(spread, effect, repeats=600) for effect in (0.0, 0.01, 0.02, 0.05)]
    assert powers[0] == pytest.approx(0.05, abs=0.025) and powers == sorted(powers) and powers[-1] > 0.99
    both = np.concatenate([spread, -spread])  # as far to one side as to the other
    assert power_of_test(both, -0.02, subjects=27) == pytest.approx(power_of_test(both, 0.02, subjects=27), abs=0.07)
    assert power_of_test(spread, 0.02, subjects=100) > power_of_test(spread, 0.02)


def test_power_is_that_of_the_t_test_where_differences_are_normal() -> None:
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(0)
    draws = random.normal(0.02, 0.04, (4000, 27))
    expected = (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean()
    found = power_of_test(stats.norm.ppf((np.arange(400) + 0.5) / 400) * 0.04, 0.02, subjects=27, repeats=1000)
    assert found == pytest.approx(expected, abs=0.05)


def test_detectable_difference_has_the_power_that_was_asked_for() -> None:
    spread = np.random.default_rng(1).normal(0.5, 0.05, 20)  # the mean that was seen plays no part
    found = detectable_difference(spread)
    assert power_of_test(spread, found) >= 0.8 > power_of_test(spread, 0.97 * found) and 0.01 < found < 0.06
    assert detectable_difference(spread, subjects=80) < 0.6 * found
    assert detectable_difference(10 * spread) == pytest.approx(10 * found, rel=0.01)


def test_five_subjects_can_detect_nothing() -> None:
    assert detectable_difference([0.1, 0.2, 0.1, 0.3, 0.2]) == float("inf") and power_of_test([0.1, 0.2, 0.1, 0.3, 0.2], 9.0) == 0
    assert detectable_difference([0.1, 0.2, 0.1, 0.3, 0.2, 0.1]) < 1
    with pytest.raises(InputError, match="at least 2 subjects"):
        power_of_test([0.1], 0.1)

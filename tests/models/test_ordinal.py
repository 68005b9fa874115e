"""Occurrence and intensity come from one distribution and cannot contradict each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aufait.models.default.ordinal import level_targets, median_intensity, monotone_logits
from aufait.models.default.predictor import AUScores

probabilities = st.lists(st.floats(0.0, 1.0, width=32), min_size=5, max_size=5)


def test_logits_never_increase_with_the_level() -> None:
    logits = monotone_logits(torch.randn(64, 19, 2, 5) * 4)
    assert (logits.diff(dim=-1) <= 0).all()


def test_first_logit_passes_unchanged() -> None:
    raw = torch.randn(8, 5)
    assert torch.equal(monotone_logits(raw)[:, 0], raw[:, 0])


@pytest.mark.parametrize(
    ("intensity", "expected"),
    [(0.0, [0, 0, 0, 0, 0]), (0.5, [1, 0, 0, 0, 0]), (1.49, [1, 0, 0, 0, 0]), (1.5, [1, 1, 0, 0, 0]), (5.0, [1] * 5)],
)
def test_targets_follow_rounded_levels(intensity: float, expected: list[int]) -> None:
    assert level_targets(torch.tensor(intensity)).tolist() == expected


@given(probabilities)
def test_intensity_crosses_a_threshold_exactly_where_its_probability_does(values: list[float]) -> None:
    exceedance = np.sort(np.array(values))[::-1]
    intensity = float(median_intensity(exceedance))
    assert 0.0 <= intensity <= 5.0
    for k, probability in enumerate(exceedance):
        assert (intensity >= k + 0.5) == (probability >= 0.5)


@pytest.mark.parametrize(
    ("exceedance", "expected"),
    [([0.01, 0, 0, 0, 0], 0.01), ([1, 1, 1, 1, 1], 5.0), ([1, 1, 1, 0.5, 0], 3.5), ([0.9, 0.4, 0, 0, 0], 1.3)],
)
def test_worked_medians(exceedance: list[float], expected: float) -> None:
    assert median_intensity(np.array(exceedance)) == pytest.approx(expected, abs=1e-5)


def test_a_unit_counts_as_present_when_one_side_shows_it() -> None:
    exceedance = np.zeros((1, 1, 2, 5), np.float32)
    exceedance[0, 0, 0] = (0.95, 0.9, 0.6, 0.1, 0.0)
    scores = AUScores(exceedance)
    assert scores.probability[0, 0] == pytest.approx(0.9)
    assert scores.intensity[0, 0] == scores.intensity_left[0, 0] > 1.5
    assert scores.intensity_right[0, 0] == 0.0
    assert scores.probability_right[0, 0] == 0.0

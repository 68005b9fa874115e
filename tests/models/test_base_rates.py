"""Base rates: how the log-odds move when a unit is rarer or commoner than the reference."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.errors import InputError
from aufait.models.default.base_rates import REFERENCE_RATE, log_odds_shift

UNITS = (1, 4, 12)


def test_no_rates_move_nothing() -> None:
    assert log_odds_shift(None, UNITS).tolist() == [0.0, 0.0, 0.0]
    assert log_odds_shift(REFERENCE_RATE, UNITS) == pytest.approx([0.0, 0.0, 0.0])


@pytest.mark.parametrize("rate", [0.02, 0.5, 0.9])
def test_shift_is_that_of_bayes_rule(rate: float) -> None:
    """A likelihood ratio of 7 gives the posterior that counting would."""
    ratio = 7.0
    at_reference = ratio * REFERENCE_RATE / (1 - REFERENCE_RATE)  # odds
    wanted = ratio * rate / (ratio * rate + 1 - rate)
    odds = at_reference * np.exp(log_odds_shift({12: rate}, UNITS))
    assert odds[2] / (1 + odds[2]) == pytest.approx(wanted)
    assert odds[:2] == pytest.approx([at_reference] * 2)


@pytest.mark.parametrize(
    ("rates", "message"),
    [(0.0, "between 0 and 1"), (1.0, "between 0 and 1"), ({4: 1.5}, "AU4"), ({4: float("nan")}, "AU4"), ({99: 0.2}, "AU99")],
)
def test_rates_that_are_none_are_answered(rates: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        log_odds_shift(rates, UNITS)  # type: ignore[arg-type]

"""How often each action unit is taken to occur: what a probability is relative to.

A probability needs a base rate. The models are calibrated for one rate that all units share (``REFERENCE_RATE``), so that no unit
is called more readily than another because it was frequent in somebody's material. If the user says how often a unit shows in the
material, the log-odds change by the difference, following Bayes' rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aufait.errors import InputError

REFERENCE_RATE = 0.2
"""Share of frames that show a unit, for which shipped models are calibrated."""

BaseRates = float | Mapping[int, float] | None
"""One rate for all units, a rate for some (AU number -> rate), or None for the reference."""


def log_odds_shift(base_rates: BaseRates, action_units: Sequence[int], reference: float = REFERENCE_RATE) -> np.ndarray:
    """(A,) what to add to the log-odds of each unit.

    Args:
        base_rates: expected shares of frames in (0, 1).
        action_units: the model's units, in output order.
        reference: the rate that the model is calibrated for.

    Raises:
        InputError: a rate outside (0, 1), or of a unit that the model does not score.
    """
    if base_rates is None:
        return np.zeros(len(action_units))
    given = base_rates if isinstance(base_rates, Mapping) else dict.fromkeys(action_units, base_rates)
    unknown = sorted(set(given) - set(action_units))
    if unknown:
        names = ", ".join(f"AU{au}" for au in unknown)
        raise InputError(f"base rates name {names}, which the model does not score; it scores {', '.join(map(str, action_units))}")
    wrong = {au: rate for au, rate in given.items() if not 0.0 < float(rate) < 1.0}
    if wrong:
        au, rate = next(iter(wrong.items()))
        raise InputError(f"a base rate is a share of frames between 0 and 1, both excluded; got {rate} for AU{au}")
    rates = np.array([given.get(au, reference) for au in action_units], np.float64)
    return np.log(rates / (1 - rates)) - np.log(reference / (1 - reference))

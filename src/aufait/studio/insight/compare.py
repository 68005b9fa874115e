"""Two recordings, two faces of one, or two models on one: agreement, difference over time, synchrony."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.analysis.labels import UnitLabel
from aufait.errors import InputError
from aufait.studio.errors import StudioError
from aufait.studio.insight.asked import number, numbers, told

if TYPE_CHECKING:
    from aufait.analysis import ScoreTable
    from aufait.analysis.synchrony import Pair

MOST_POINTS = 10_000
_WINDOW, _LAG = 10.0, 3.0  # seconds, where the recordings are long enough
_WINDOWS = 5  # that the common time must hold, so that there can be surrogates
_SHORTEST = 1.0  # second of a window
_SURROGATES = 99


@dataclass(frozen=True, eq=False)
class Two:
    """What is compared.

    Attributes:
        first, second: tables of one face each.
        units: that are asked for; none: all that both have.
        offset: seconds to add to the second's times.
        start, end: seconds of the first that count; None for all.
    """

    first: ScoreTable
    second: ScoreTable
    units: tuple[int, ...] = ()
    offset: float = 0.0
    start: float | None = None
    end: float | None = None

    @property
    def common(self) -> tuple[int, ...]:
        """Action units of both.

        Raises:
            StudioError: 422, there are none.
        """
        both = [unit for unit in self.first.action_units if unit in self.second.action_units]
        found = tuple(unit for unit in both if not self.units or unit in self.units)
        if not found:
            raise StudioError(422, "The two have none of these action units in common; choose others.", "nothing_in_common")
        return found

    def cut(self) -> Two:
        """Both tables within the stretch."""
        start, end = -np.inf if self.start is None else self.start, np.inf if self.end is None else self.end
        if not start < end:
            raise StudioError(422, f"A stretch goes from an earlier to a later second; got {start:g} to {end:g}.")
        if self.start is None and self.end is None:
            return self
        second = self.second.between(start - self.offset, end - self.offset)
        return Two(self.first.between(start, end), second, self.units, self.offset)


def agreement(two: Two) -> dict[str, Any]:
    """Measures of each action unit with their intervals, and the stretches where one says present and the other absent."""
    from aufait.analysis.agreement.compare import compare_raters
    from aufait.analysis.agreement.joined import longest_first
    from aufait.analysis.agreement.opening import make_rater
    from aufait.analysis.agreement.settings import Settings

    two = two.cut()
    settings = Settings(units=two.common)
    with told() as notes:
        raters = [make_rater("first", two.first, settings), make_rater("second", two.second, settings, shift=two.offset)]
        found = compare_raters(raters, settings)
    measures = [
        {
            "unit": row.unit, "measure": row.measure, "value": number(row.value), "low": number(row.low),
            "high": number(row.high), "count": row.count,
        }
        for row in found.overall
    ]  # fmt: skip
    stretches = [
        {"unit": one.unit, "start": round(one.start, 3), "end": round(one.end, 3), "said_by": one.said_by}
        for one in longest_first(found.disagreements)
    ]
    return {"measures": measures, "stretches": stretches, "confidence": settings.bootstrap.confidence, "notes": notes}


def difference(two: Two, points: int = 1200) -> dict[str, Any]:
    """Lanes of both on the first's clock, and the second minus the first."""
    two = two.cut()
    pairs = _pairs(two)
    some = next(iter(pairs.values()))
    starts = _bins(len(some.first), max(1, min(points, MOST_POINTS)))
    units = {}
    for unit, pair in pairs.items():
        first, second, apart = (_means(values, starts) for values in (pair.first, pair.second, pair.second - pair.first))
        units[str(unit)] = {"first": numbers(first, 3), "second": numbers(second, 3), "difference": numbers(apart, 3)}
    kinds = {str(unit): pair.kind for unit, pair in pairs.items()}
    return {"kind": some.kind, "kinds": kinds, "time": numbers(_means(some.times, starts), 4), "units": units}


def synchrony(two: Two) -> dict[str, Any]:
    """Of each action unit the highest mean correlation of windows, its lag, and how often chance is as high."""
    from aufait.analysis.synchrony import SynchronySettings
    from aufait.analysis.synchrony import synchrony as compare

    pairs = _pairs(two.cut())
    some = next(iter(pairs.values()))
    seconds = len(some.first) * some.step
    window = min(_WINDOW, round(seconds / _WINDOWS / 1.7, 1))
    if window < _SHORTEST:
        raise InputError(
            f"the two have {seconds:.1f} s in common; synchrony needs {_SHORTEST * _WINDOWS * 1.7:.0f} s at least, better a minute"
        )
    settings = SynchronySettings(window, None, min(_LAG, round(0.3 * window, 2)), _SURROGATES)
    rows = [{"unit": unit, **_row(compare(pair, settings))} for unit, pair in pairs.items()]
    caption = (
        f"Correlation of windows of {settings.window:g} s, the mean over all windows, at the lag of up to {settings.max_lag:g} s "
        "at which it is highest; a positive lag: the first is ahead. p: share that reaches as much of "
        f"{settings.surrogates} pairs that were moved against each other, so that they cannot be in time."
    )
    return {"rows": rows, "caption": caption, "window": settings.window, "max_lag": settings.max_lag}


def _row(found: Any) -> dict[str, Any]:
    named = {
        "correlation": found.best_r, "lag": found.best_lag, "p": found.p_lag, "correlation_at_zero": found.zero_r,
        "mean_peak": found.mean_peak, "p_peak": found.p_peak,
    }  # fmt: skip
    leads = dict(zip(("first_leads", "together", "second_leads"), found.peaks.leads, strict=True))
    return {"windows": found.windows, **{name: number(value, 3) for name, value in (named | leads).items()}}


def _pairs(two: Two) -> dict[int, Pair]:
    """Scores of both at common times, of every unit of which both have any."""
    from aufait.analysis.synchrony import pair_scores

    labels = [UnitLabel(unit) for unit in two.common]
    scored = [label for label in labels if set(label.kinds(two.first)) & set(label.kinds(two.second))]
    if not scored:
        raise InputError(f"{two.first.name} and {two.second.name} have no scores of the same kind and action unit")
    return {label.unit: pair_scores(two.first, two.second, label, offset=two.offset) for label in scored}


def _bins(length: int, points: int) -> np.ndarray:
    """Where each of at most so many runs of values begins."""
    return np.unique(np.linspace(0, length, min(points, length), endpoint=False).astype(np.int64))


def _means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Mean of the known values of each run; NaN where there is none."""
    known = np.isfinite(values)
    total, count = np.add.reduceat(np.where(known, values, 0.0), starts), np.add.reduceat(known, starts)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


KINDS: dict[str, Callable[..., dict[str, Any]]] = {"agreement": agreement, "difference": difference, "synchrony": synchrony}
"""What can be asked for."""

"""Every measure of agreement from its sums; leading dimensions, such as draws of a bootstrap, are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.analysis.agreement.sums import JOINT, LEVELS, PAIR
from aufait.metrics.agreement import alpha_of, bias_of, f1_of, fleiss_of, icc_of, kappa_of, share_of

BIAS = "Bland-Altman bias, second minus first"
LIMITS = ("limit of agreement, low", "limit of agreement, high")
MEDIANS = ("median onset difference, s", "median offset difference, s")


@dataclass(frozen=True, eq=False)
class Value:
    """One measure.

    Attributes:
        name: of the measure.
        values: (...).
        count: (...) frames or events that it rests on.
        counted: whether it is itself a number of frames or events, for which an interval says nothing.
    """

    name: str
    values: np.ndarray
    count: np.ndarray
    counted: bool = False


@dataclass(frozen=True)
class Measure:
    """One number about one action unit.

    Attributes:
        unit: the action unit.
        first, second: the raters; "all raters" and nothing where it is about more than two.
        measure: what it is.
        value: nan where it is undefined.
        low, high: interval; nan where there is none.
        count: frames or events that it rests on.
        level: "recording", "person" or "all".
        recording, person: whom it is about; empty for all, or where nobody is named.
        interval: what was drawn for the interval: "time", "events", "persons" or "recordings"; empty without one.
    """

    unit: int
    first: str
    second: str
    measure: str
    value: float
    count: int
    low: float = float("nan")
    high: float = float("nan")
    level: str = "recording"
    recording: str = ""
    person: str = ""
    interval: str = ""


def pair_values(sums: np.ndarray, slack: float) -> list[Value]:
    """Measures of two raters, of (..., ``PAIR.width``) sums.

    Args:
        slack: seconds that onsets could differ.
    """
    return [*_occurrence(sums), *_intensity(sums), *_events(sums[..., PAIR.events], slack)]


def _occurrence(sums: np.ndarray) -> list[Value]:
    table = _square(sums[..., PAIR.presence], 2)
    frames = table.sum((-2, -1))
    found = {
        "share present, first": _share(table[..., 1, :].sum(-1), frames),
        "share present, second": _share(table[..., :, 1].sum(-1), frames),
        "F1": f1_of(table),
        "percent agreement": 100 * share_of(table),
        "Cohen's kappa": kappa_of(table),
        "Krippendorff's alpha, nominal": alpha_of(table + table.swapaxes(-1, -2), np.arange(2.0)),
    }
    left_out = Value("frames left out", sums[..., PAIR.left_out][..., 0], frames, counted=True)
    return [left_out, *(Value(name, values, frames) for name, values in found.items())]


def _intensity(sums: np.ndarray) -> list[Value]:
    total = sums[..., PAIR.moments]
    consistent, absolute = icc_of(total)
    bias, spread = bias_of(total)
    table = _square(sums[..., PAIR.levels], LEVELS)
    pairs, levels = table + table.swapaxes(-1, -2), np.arange(float(LEVELS))
    found = {
        "ICC(3,1)": consistent,
        "ICC(2,1)": absolute,
        **{f"Krippendorff's alpha, {kind}": alpha_of(pairs, levels, kind) for kind in ("ordinal", "interval")},
        BIAS: bias,
        LIMITS[0]: bias - 1.96 * spread,
        LIMITS[1]: bias + 1.96 * spread,
    }
    frames = total[..., 0]
    counted = Value("frames with intensity", frames, frames, counted=True)
    return [counted, *(Value(name, values, frames) for name, values in found.items())]


def _events(sums: np.ndarray, slack: float) -> list[Value]:
    first, second, *hits = np.moveaxis(sums, -1, 0)
    both = first + second
    found = [Value("events, first", first, both, counted=True), Value("events, second", second, both, counted=True)]
    for name, of_first, of_second in (("overlap", *hits[:2]), (f"onset within {slack:g} s", *hits[2:])):
        found.append(Value(f"event precision of second, {name}", _share(of_second, second), both))
        found.append(Value(f"event recall of second, {name}", _share(of_first, first), both))
        found.append(Value(f"event F1, {name}", _share(of_first + of_second, both), both))
    return found


def joint_values(sums: np.ndarray) -> list[Value]:
    """Measures of three raters or more, of (..., ``JOINT.width``) sums."""
    frames = sums[..., JOINT.complete][..., 0]
    pairs, levels = _square(sums[..., JOINT.pairs], 2), _square(sums[..., JOINT.level_pairs], LEVELS)
    fleiss = fleiss_of(_square(sums[..., JOINT.complete_pairs], 2), sums[..., JOINT.complete_totals])
    found = [
        Value("frames that all scored", frames, frames, counted=True),
        Value("Fleiss' kappa", fleiss, frames),
        Value("Krippendorff's alpha, nominal", alpha_of(pairs, np.arange(2.0)), frames),
    ]
    scale = np.arange(float(LEVELS))
    alphas = [Value(f"Krippendorff's alpha, {kind}", alpha_of(levels, scale, kind), frames) for kind in ("ordinal", "interval")]
    return [*found, *alphas]


def _square(sums: np.ndarray, size: int) -> np.ndarray:
    return sums.reshape(*sums.shape[:-1], size, size)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)

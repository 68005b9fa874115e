"""Frame and event agreement of two raters of one recording, per action unit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aufait.analysis.agreement.rater import Rater, TableRater
from aufait.errors import InputError, InputWarning
from aufait.metrics.agreement import alpha_of, bias_of, confusion, f1_of, icc_of, kappa_of, moments, share_of


@dataclass(frozen=True)
class Measure:
    """One number about one action unit; ``frames`` or events it rests on."""

    unit: int
    first: str
    second: str
    measure: str
    value: float
    count: int


@dataclass(frozen=True)
class Disagreement:
    """A stretch in which one rater says present and the other absent."""

    unit: int
    first: str
    second: str
    start: float
    end: float
    said_by: str


def common_times(raters: list[Rater], fps: float) -> tuple[np.ndarray, float]:
    """(F,) times of the coarsest table, and the tolerance: half its frame distance. Coders alone: ``fps`` times a second."""
    tables = [one for one in raters if isinstance(one, TableRater)]
    if tables:
        coarsest = max(tables, key=lambda one: one.table.frame_distance)
        return coarsest.frame_times, max(coarsest.table.frame_distance / 2, 1e-3)
    end = max(span.end for one in raters if not isinstance(one, TableRater) for spans in one.spans.values() for span, _ in spans)
    return np.arange(int(np.ceil(end * fps))) / fps, 0.5 / fps


def compare_pair(
    one: Rater, other: Rater, times: np.ndarray, tolerance: float, slack: float
) -> tuple[list[Measure], list[Disagreement]]:
    """All measures of the units that both have; what only one has is told, as are times that only one speaks about.

    Args:
        slack: seconds that onsets may differ for events to match by time.

    Raises:
        InputError: no unit or no time in common.
    """
    units = sorted(set(one.units) & set(other.units))
    for who, rest in ((one, set(one.units) - set(units)), (other, set(other.units) - set(units))):
        if rest:
            _warn(f"only {who.name} has {', '.join(f'AU{unit}' for unit in sorted(rest))}: not compared")
    if not units:
        raise InputError(f"{one.name} and {other.name} have no action unit in common")
    inside = (times >= max(one.start, other.start) - tolerance) & (times < min(one.end, other.end) - 1e-6)
    if not inside.any():
        raise InputError(f"{one.name} and {other.name} have no time in common")
    if not inside.all():
        _warn(f"{one.name}, {other.name}: compared {times[inside][0]:.2f} to {times[inside][-1]:.2f} s; "
              f"{int((~inside).sum())} of {len(times)} frames lie outside what both speak about")  # fmt: skip
    measures: list[Measure] = []
    stretches: list[Disagreement] = []
    for unit in units:
        first, second = (rater.codes(unit, times[inside], tolerance) for rater in (one, other))
        both = np.isfinite(first.present) & np.isfinite(second.present)
        scores = [("frames left out", float((~both).sum())), *_occurrence(first.present[both], second.present[both])]
        graded = np.isfinite(first.intensity) & np.isfinite(second.intensity)
        scores += _intensity(first.intensity[graded], second.intensity[graded])
        measures += [Measure(unit, one.name, other.name, name, value, int(both.sum())) for name, value in scores]
        span = float(times[inside][0]) - tolerance, float(times[inside][-1]) + 2 * tolerance
        events = [[e for e in rater.events(unit) if span[0] <= (e[0] + e[1]) / 2 <= span[1]] for rater in (one, other)]
        count = len(events[0]) + len(events[1])
        matched = _events(events[0], events[1], slack)
        measures += [Measure(unit, one.name, other.name, name, value, count) for name, value in matched]
        stretches += _stretches(unit, one, other, times[inside], first.present, second.present, 2 * tolerance)
    return measures, stretches


def _occurrence(first: np.ndarray, second: np.ndarray) -> list[tuple[str, float]]:
    table = confusion(first, second)
    pairs = table + table.T
    total = table.sum()
    shares = [float(one / total) if total else float("nan") for one in (table[1].sum(), table[:, 1].sum())]
    return [
        ("share present, first", shares[0]), ("share present, second", shares[1]), ("F1", float(f1_of(table))),
        ("percent agreement", 100 * float(share_of(table))), ("Cohen's kappa", float(kappa_of(table))),
        ("Krippendorff's alpha, nominal", float(alpha_of(pairs, np.arange(2.0)))),
    ]  # fmt: skip


def _intensity(first: np.ndarray, second: np.ndarray) -> list[tuple[str, float]]:
    sums = moments(first, second).sum(0)
    consistent, absolute = icc_of(sums)
    bias, spread = bias_of(sums)
    levels = [np.clip(np.rint(values), 0, 5) for values in (first, second)]
    table = confusion(levels[0], levels[1], classes=6)
    pairs = table + table.T
    alphas = [(f"Krippendorff's alpha, {kind}", float(alpha_of(pairs, np.arange(6.0), kind))) for kind in ("ordinal", "interval")]
    return [
        ("frames with intensity", float(len(first))), ("ICC(3,1)", float(consistent)), ("ICC(2,1)", float(absolute)), *alphas,
        ("Bland-Altman bias, second minus first", float(bias)), ("limit of agreement, low", float(bias - 1.96 * spread)),
        ("limit of agreement, high", float(bias + 1.96 * spread)),
    ]  # fmt: skip


def _events(first: list[tuple[float, float]], second: list[tuple[float, float]], slack: float) -> Iterator[tuple[str, float]]:
    yield from (("events, first", float(len(first))), ("events, second", float(len(second))))
    for name, by_time in (("overlap", False), (f"onset within {slack:g} s", True)):
        pairs = match_events(first, second, slack if by_time else None)
        hits = len(pairs)
        yield f"event precision of second, {name}", hits / len(second) if second else float("nan")
        yield f"event recall of second, {name}", hits / len(first) if first else float("nan")
        yield f"event F1, {name}", 2 * hits / (len(first) + len(second)) if first or second else float("nan")
        if not by_time:
            for end, label in enumerate(("onset", "offset")):
                differences = [second[k][end] - first[i][end] for i, k in pairs]
                yield f"median {label} difference, s", float(np.median(differences)) if pairs else float("nan")


def match_events(
    first: list[tuple[float, float]], second: list[tuple[float, float]], slack: float | None = None
) -> list[tuple[int, int]]:
    """One-to-one pairs of events, best first: by shared time over total time, or by onsets at most ``slack`` seconds apart."""
    if not first or not second:
        return []
    a, b = np.array(first)[:, None], np.array(second)[None]
    if slack is None:
        shared = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
        goodness = shared / np.maximum(np.maximum(a[..., 1], b[..., 1]) - np.minimum(a[..., 0], b[..., 0]), 1e-9)
    else:
        goodness = slack + 1e-6 - np.abs(a[..., 0] - b[..., 0])
    rows, columns = np.nonzero(goodness > 0)
    pairs: list[tuple[int, int]] = []
    used: tuple[set[int], set[int]] = (set(), set())
    for place in np.argsort(-goodness[rows, columns], kind="stable"):
        i, k = int(rows[place]), int(columns[place])
        if i not in used[0] and k not in used[1]:
            pairs.append((i, k))
            used[0].add(i)
            used[1].add(k)
    return pairs


def _stretches(
    unit: int, one: Rater, other: Rater, times: np.ndarray, first: np.ndarray, second: np.ndarray, step: float
) -> list[Disagreement]:
    found = []
    for who, differs in ((one, first > second), (other, second > first)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], differs.astype(int), [0]])))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            found.append(Disagreement(unit, one.name, other.name, float(times[begin]), float(times[end - 1] + step), who.name))
    return found


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

"""Several test sets side by side, for protocols that combine or leave out data sets."""

from __future__ import annotations

from collections.abc import Mapping

from aufait import __version__
from aufait.action_units import au_name
from aufait.evaluation.evaluate import Evaluation, nan_mean
from aufait.evaluation.reports.report import SYNTHETIC_NOTE, Report, kind_of, metric_title
from aufait.evaluation.reports.tables import Cell, Column, Row, Table

SUMMARY = "test_sets"
"""Stem of the files."""


def across_report(results: Mapping[str, Evaluation]) -> Report:
    """One row per test set and their mean: the leading metrics with intervals by subject, then every action unit.

    Args:
        results: name of the test set -> scores, two at least, of one protocol.
    """
    first = next(iter(results.values()))
    wanted = ("icc_3_1", "mae") if first.target == "intensity" else ("f1_frame", "roc_area", "accuracy")
    metrics = tuple(metric for metric in wanted if all(metric in found.scores for found in results.values()))
    synthetic = any(found.synthetic for found in results.values())
    units = sorted({unit for found in results.values() for unit in found.action_units})
    protocol = first.protocol.title if first.protocol is not None else "several test sets"
    tables = (_summary(results, metrics, synthetic), *(_by_unit(results, metric, units, synthetic) for metric in metrics[:2]))
    return Report(
        title=f"{first.about.get('model', 'network')}, {protocol}",
        facts=(
            ("Test sets", ", ".join(results)),
            ("Recipe", str(first.about.get("recipe", ""))),
            ("Version", f"aufait {__version__}"),
        ),
        tables=tables,
        notes=(SYNTHETIC_NOTE,) if synthetic else (),
        synthetic=synthetic,
    )


def _summary(results: Mapping[str, Evaluation], metrics: tuple[str, ...], synthetic: bool) -> Table:
    columns = (
        Column("subjects", "count"), Column("frames", "count"), Column("AUs", "count"),
        *(Column(metric_title(metric), kind_of(metric)) for metric in metrics),
    )  # fmt: skip
    rows = []
    for name, found in results.items():
        scores: list[Cell] = [found.intervals.get(metric, {}).get("mean", found.scores[metric]["mean"]) for metric in metrics]
        rows.append(Row(name, (float(found.persons), float(found.frames), float(len(found.action_units)), *scores)))
    means = [nan_mean(found.scores[metric]["mean"] for found in results.values()) for metric in metrics]
    rows.append(Row("mean of test sets", ("", "", "", *means), strong=True))
    notes = (
        "Mean over the action units that are scored on a test set, with bounds by subject; test sets are scored on those that they "
        "code, so their means are over different action units.",
    )
    return Table("test_sets", "Test sets", "test set", columns, tuple(rows), notes, synthetic)


def _by_unit(results: Mapping[str, Evaluation], metric: str, units: list[int], synthetic: bool) -> Table:
    names = [au_name(unit) for unit in units]
    rows = [Row(name, tuple(found.scores[metric].get(unit) for unit in names)) for name, found in results.items()]
    means = tuple(nan_mean(found.scores[metric].get(unit, float("nan")) for found in results.values()) for unit in names)
    rows.append(Row("mean", means, strong=True))
    columns = tuple(Column(name, kind_of(metric)) for name in names)
    notes = ("mean: over the test sets that code the action unit.",)
    return Table(f"test_sets_{metric}", f"{metric_title(metric)} by test set", "test set", columns, tuple(rows), notes, synthetic)

"""The report of a comparison of two systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aufait import __version__
from aufait.evaluation.evaluate import few_subjects
from aufait.evaluation.reports.published import published_results
from aufait.evaluation.reports.report import NO_TEST, SYNTHETIC_NOTE, Report
from aufait.evaluation.reports.tables import Column, Row, Table
from aufait.evaluation.significance import POWER, Comparison


def comparison_report(found: Comparison) -> Report:
    """A comparison as a report."""
    first, second, synthetic = found.first, found.second, found.synthetic
    if first == second:
        first, second = f"{first} (1)", f"{second} (2)"
    columns = (
        Column(f"{first}, %", "percent"), Column(f"{second}, %", "percent"), Column("difference", "percent"),
        Column("by subject", "percent"), Column("p", "p"), Column("subjects", "count"), Column("detectable", "percent"),
    )  # fmt: skip
    rows = []
    for name, (before, after) in found.scores.items():
        test = found.by_subject[name]
        detectable = _NOTHING if np.isinf(found.detectable[name]) else found.detectable[name]
        cells = (before, after, found.difference[name], test.difference, test.p_value, float(test.pairs), detectable)
        rows.append(Row(name, cells, strong=name == "mean"))
    notes = (
        f"difference: F1 on all frames, second minus first, with its {found.level:.0%} interval over draws of subjects. "
        "by subject: mean of the subjects' own differences; p: two-sided sign-flip test over subjects with a positive frame. "
        "Over many action units some p fall below 0.05 by chance; the row of the mean is one test.",
        f"detectable: power of that test. A true difference by subject of this size would be found (p < 0.05) in {POWER:.0%} of "
        "studies with as many subjects who spread as these do; where the difference is smaller, a large p does not say that there "
        f"is none. '{_NOTHING}': with so few subjects not even full agreement gives p < 0.05.",
    )
    main = Table("difference", "F1-frame of two systems on the same frames", "AU", columns, tuple(rows), notes, synthetic)
    facts = [
        ("First", first + _told(found.about[0])), ("Second", second + _told(found.about[1])),
        ("Tested on", f"{found.frames:,} frames of {found.persons:,} subjects"),
    ]  # fmt: skip
    if found.difference["mean"].low == found.difference["mean"].low:
        facts.append(("Intervals", f"{found.level:.0%}, percentiles of bootstrap draws of subjects, the same for both systems"))
    facts.append(("Version", f"aufait {__version__}"))
    tested = all(about.get("split", "test") == "test" for about in found.about)
    return Report(
        title=f"{second} against {first}{'' if tested else NO_TEST}",
        facts=tuple(facts),
        tables=(main, _areas(found, first, second), _t_tests(found)),
        notes=(*((SYNTHETIC_NOTE,) if synthetic else ()), *few_subjects(found.persons)),
        synthetic=synthetic,
    )


_NOTHING = "none"


def _areas(found: Comparison, first: str, second: str) -> Table:
    """ROC areas in addition to F1: they do not depend on the threshold."""
    columns = (Column(f"{first}, %", "percent"), Column(f"{second}, %", "percent"), Column("difference", "percent"))
    rows = [
        Row(name, (before, after, found.area_difference[name]), strong=name == "mean")
        for name, (before, after) in found.areas.items()
    ]
    notes = (f"difference: second minus first, with its {found.level:.0%} interval over the same draws of subjects.",)
    return Table("areas", "ROC area of both", "AU", columns, tuple(rows), notes, found.synthetic)


def _told(about: Mapping[str, Any]) -> str:
    """What distinguishes one system of a comparison from the other, in brackets."""
    facts = [f"{word} {about[key]}" for key, word in _TOLD.items() if about.get(key) not in (None, "")]
    return f" ({', '.join(facts)})" if facts else ""


def _t_tests(found: Comparison) -> Table:
    columns = (Column("difference", "number"), Column("t", "number2"), Column("p", "p"), Column("pairs", "count"))
    rows = [
        Row(label, (test.difference, test.statistic, test.p_value, float(test.pairs)))
        for label, test in (
            ("probabilities, every frame and action unit", found.over_predictions),
            ("F1, every action unit", found.over_units),
        )
    ]
    rows += [
        Row(f"{one.method} against AU-FAN ({one.source})", (None, one.extra["t"], one.extra["p"], None))
        for one in published_results("AUNet", "Table XII")
    ]
    notes = (
        "Frames of one face are similar, so a t-test over frames calls nearly every difference significant; it is here only for "
        "comparison with the published one. The paper does not say which numbers were paired; probabilities are our reading. "
        "Signs: second minus first; the paper does not say its order.",
    )
    return Table("t_tests", "Paired t-tests as AUNet Table XII prints them", "over", columns, tuple(rows), notes, found.synthetic)


_TOLD = {"recipe": "recipe", "protocol": "protocol", "fold": "fold", "split": "frames of", "visible": "visible", "run": "run"}

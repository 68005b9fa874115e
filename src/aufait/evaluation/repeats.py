"""Cross-validation several times, with other seeds and folds: how much a score changes by chance alone.

Published rankings are based on one division into three folds and one seed. If two methods are closer to each other than the
scores of one method over repeats, another division may reverse their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait import __version__
from aufait.action_units import au_name
from aufait.data.preparation.cache import FaceCache
from aufait.data.protocols import can_be_redrawn, redrawn
from aufait.data.protocols.protocol import Protocol
from aufait.errors import InputError
from aufait.evaluation.cross_validation import CrossValidation, cross_validate
from aufait.evaluation.evaluate import Evaluation
from aufait.evaluation.reports.published import published_for
from aufait.evaluation.reports.report import SYNTHETIC_NOTE, Report, kind_of, metric_title
from aufait.evaluation.reports.tables import Column, Row, Table
from aufait.training.plan import find_protocol

if TYPE_CHECKING:
    from aufait.training.recipe import Recipe

SUMMARY = "repeats"
"""Stem of the files."""


def repeat_cross_validation(
    recipe: Recipe,
    caches: FaceCache | Mapping[str, FaceCache],
    out: str | Path,
    *,
    repeats: int,
    same_folds: bool = False,
    protocol: Protocol | None = None,
    **options: Any,
) -> dict[str, tuple[CrossValidation, ...]]:
    """``cross_validate`` several times, in ``out/repeat_1``, ``repeat_2``, ...; what is finished is not made again.

    Args:
        recipe: how to train; every repeat adds one to its seed.
        caches: see ``cross_validate``.
        out: folder of all repeats.
        repeats: how many, 2 at least; the first has the published folds and the recipe's own seed.
        same_folds: only the seed of training changes; otherwise the subjects are also divided into new folds.
        protocol: in place of the recipe's.
        options: further arguments of ``cross_validate``.

    Returns:
        name of the test set -> results, one per repeat.

    Raises:
        InputError: fewer than two repeats, or folds that cannot be drawn anew.
    """
    if repeats < 2:
        raise InputError(f"repeats must be 2 or more to have a spread, got {repeats}")
    sources = {caches.name: caches} if isinstance(caches, FaceCache) else dict(caches)
    protocol = protocol or find_protocol(recipe.protocol, sources, recipe.protocol_seed)
    if not same_folds and not can_be_redrawn(protocol):
        raise InputError(
            f"the folds of {protocol.name} cannot be drawn anew: it is not a cross-validation over the subjects of one data set; "
            "keep them with same_folds=True, on the command line --same-folds, so that only the seed of training changes"
        )
    found: dict[str, list[CrossValidation]] = {}
    for number in range(repeats):
        own = protocol if same_folds or number == 0 else redrawn(protocol, number)
        one = replace(recipe, seed=recipe.seed + number)
        for name, result in cross_validate(one, sources, Path(out) / f"repeat_{number + 1}", protocol=own, **options).items():
            found.setdefault(name, []).append(result)
    return {name: tuple(results) for name, results in found.items()}


def repeats_report(results: Sequence[Evaluation], *, same_folds: bool = False) -> Report:
    """Scores of every repeat with their spread, and which published means are nearer to each other than that.

    Args:
        results: of one test set, in the order of the repeats; the first on the published folds.
        same_folds: whether all have the same folds.
    """
    first = results[0]
    wanted = ("icc_3_1", "mae") if first.target == "intensity" else ("f1_frame", "roc_area", "accuracy")
    metrics = tuple(metric for metric in wanted if metric in first.scores)
    synthetic = any(one.synthetic for one in results)
    tables = [_overview(results, metrics, same_folds, synthetic)]
    tables += [_by_unit(results, metric, synthetic) for metric in metrics[:2]]
    tables += _rankings(results, metrics[0], synthetic)
    what = first.protocol.title if first.protocol is not None else first.dataset
    return Report(
        title=f"{first.about.get('model', 'network')} on {what}: {len(results)} repeats",
        facts=(
            ("Test set", first.dataset),
            ("Recipe", str(first.about.get("recipe", ""))),
            (
                "Repeats",
                f"{len(results)}, " + ("another seed of training each" if same_folds else "other folds and another seed each"),
            ),
            ("Version", f"aufait {__version__}"),
        ),
        tables=tuple(tables),
        notes=(SYNTHETIC_NOTE,) if synthetic else (),
        synthetic=synthetic,
    )


def repeated_score(result: Evaluation, metric: str, name: str = "mean") -> float:
    """What a repeat counts by: the mean of its folds, of the one fold where there is one."""
    return float(result.fold_mean(metric)[name] if result.folds else result.scores[metric][name])


def _overview(results: Sequence[Evaluation], metrics: Sequence[str], same_folds: bool, synthetic: bool) -> Table:
    values = np.array([[repeated_score(one, metric) for metric in metrics] for one in results])  # (R, M)
    labels = ["1 (published folds)", *(str(number) for number in range(2, len(results) + 1))]
    if same_folds:
        labels[0] = "1"
    rows = [Row(label, tuple(line.tolist())) for label, line in zip(labels, values, strict=True)]
    rows += _spread_rows(values)
    columns = tuple(Column(metric_title(metric), kind_of(metric)) for metric in metrics)
    notes = ("Each repeat: mean over folds and action units. deviation: standard deviation over the repeats (n - 1).",)
    return Table(SUMMARY, "Repeats and their spread", "repeat", columns, tuple(rows), notes, synthetic)


def _by_unit(results: Sequence[Evaluation], metric: str, synthetic: bool) -> Table:
    names = [*(au_name(unit) for unit in results[0].action_units), "mean"]
    values = np.array([[repeated_score(one, metric, name) for name in names] for one in results])
    columns = tuple(Column(name, kind_of(metric)) for name in names)
    title = f"{metric_title(metric)}: spread over the repeats"
    return Table(f"{SUMMARY}_{metric}", title, "over repeats", columns, tuple(_spread_rows(values)), (), synthetic)


def _spread_rows(values: np.ndarray) -> list[Row]:
    """Mean, deviation, lowest and highest of each column of (R, C); nan where a repeat has none."""
    rows = {"mean": values.mean(0), "deviation": values.std(0, ddof=1), "lowest": values.min(0), "highest": values.max(0)}
    return [Row(label, tuple(line.tolist()), strong=label == "mean") for label, line in rows.items()]


def _rankings(results: Sequence[Evaluation], metric: str, synthetic: bool) -> list[Table]:
    """Published means in order, each with its lead over the next and whether repeats of one method differ by more."""
    protocol = results[0].protocol
    if protocol is None:
        return []
    printed = {f"{one.method} ({one.source})": one.average for one in published_for(protocol, metric, results[0].dataset)}
    order = sorted(((label, value) for label, value in printed.items() if value is not None), key=lambda one: -one[1])
    if len(order) < 2:
        return []
    scores = [repeated_score(one, metric) for one in results]
    spread = max(scores) - min(scores)
    rows, within = [], 0
    for (label, value), following in zip(order, [*order[1:], None], strict=True):
        lead = None if following is None else value - following[1]
        inside = lead is not None and lead <= spread
        within += inside
        rows.append(Row(label, (value, lead, "" if lead is None else "yes" if inside else "no")))
    columns = (Column("printed mean", kind_of(metric)), Column("lead over the next", kind_of(metric)), Column("within our spread"))
    notes = (
        f"{within} of {len(order) - 1} neighbours in the ranking are nearer to each other than the highest and the lowest of our "
        f"{len(scores)} repeats of one method. Methods differ in how much they move; this is one method's spread on these faces.",
    )
    title = f"{metric_title(metric)}: published ranking against the spread of repeats"
    return [Table("ranking", title, "method", columns, tuple(rows), notes, synthetic)]

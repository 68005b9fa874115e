"""Makers of tables: our numbers and the published ones, one table per metric.

Where several folds were tested, the mean of the folds' scores comes first: the test programs of JAA-Net and AUNet score each split
separately, and their papers print the mean. The score over the pooled frames, with its bounds by subject, comes second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aufait.action_units import au_name
from aufait.data.protocols import get_protocol
from aufait.errors import InputError
from aufait.evaluation import Predictions, compare, evaluate
from aufait.evaluation.evaluate import Evaluation, score
from aufait.evaluation.reports.published import PublishedResult, published_results
from aufait.evaluation.reports.report import NAMES, kind_of
from aufait.evaluation.reports.tables import Cell, Column, Row, Table
from aufait.metrics import dependency_f1, relation_distance, relation_matrix
from aufait.models.registry import create_model
from aufait.reproduction.laboratory import Laboratory
from aufait.reproduction.outputs import Made
from aufait.reproduction.registry import PUBLISHED_NAMES, Block, Item
from aufait.reproduction.runs import get_run

_OURS, _POOLED, _TEST_SET = "ours", "pooled", "test set"
_NOT_CODED, _YES, _NO = "-", "yes", "no"
_FULL_DRAWS, _QUICK_DRAWS = 1000, 200


def score_table(laboratory: Laboratory, item: Item) -> Made:
    """Scores of several networks on several test sets or conditions: a table per block, or one for all of them."""
    parts = [_part(laboratory, item, block) for block in with_areas(item.blocks)]
    tables = (_joined(item, parts),) if item.options.get("joined") else _single(item, parts)
    return Made(tables=tables, facts=_counts(laboratory, item), synthetic=any(table.synthetic for table in tables))


def with_areas(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks of a table, and after them our ROC areas for each block of F1 whose areas the paper does not print.

    F1 depends on where a network puts its threshold, the ROC area does not: two networks may change places between them.
    """
    if any(block.metric == "roc_area" for block in blocks):
        return tuple(blocks)
    titles = [block.title for block in blocks if block.metric == "f1_frame"]
    one = len(titles) == 1
    areas = [
        replace(block, metric="roc_area", title="AUC" if one else f"{block.title}, AUC")
        for block in blocks
        if block.metric == "f1_frame"
    ]
    return (*blocks, *areas)


@dataclass(frozen=True)
class _Part:
    """Rows of a block, and the action units of its columns."""

    block: Block
    rows: tuple[Row, ...]
    units: tuple[int, ...]
    notes: tuple[str, ...]
    synthetic: bool


def _part(laboratory: Laboratory, item: Item, block: Block) -> _Part:
    printed = _published(item, block)
    ours: dict[str, tuple[Row, ...]] = {}
    units: tuple[int, ...] = ()
    synthetic = folds = False
    # Skew is the test set's, the same for every network.
    for row in item.rows[:1] if block.metric == "skew" else item.rows:
        found = _predictions(laboratory, row.run, block)
        units, synthetic = found.action_units, synthetic or found.synthetic
        name = _TEST_SET if block.metric == "skew" else _bare(row.method)
        ours[name] = _own_rows(name, laboratory, found, block)
        folds = folds or len(ours[name]) > 1
    rows = side_by_side(ours, [(_bare(one.method), _published_row(one, units)) for one in printed])
    return _Part(block, rows, units, _block_notes(block, printed, folds), synthetic)


def side_by_side(ours: Mapping[str, Sequence[Row]], printed: Sequence[tuple[str, Row]]) -> tuple[Row, ...]:
    """Printed rows in their order, ours right above the printed one of their name; ours without one come first."""
    names = {name for name, _ in printed}
    rows = [row for name, own in ours.items() if name not in names for row in own]
    left = dict(ours)
    for name, row in printed:
        rows += [*left.pop(name, ()), row]
    return tuple(rows)


def _single(item: Item, parts: Sequence[_Part]) -> tuple[Table, ...]:
    """A table per block."""
    tables = []
    for number, part in enumerate(parts, start=1):
        kind = item.options.get("kind", kind_of(part.block.metric))
        name, title = NAMES.get(part.block.metric, part.block.metric), part.block.title
        heading = (name if title in (name, "F1", "AUC") else f"{name}, {title}") + (", %" if kind == "percent" else "")
        columns = _columns(part.units, kind)
        tables.append(Table(f"part{number}", heading, "method", columns, part.rows, part.notes, part.synthetic))
    return tuple(tables)


def _joined(item: Item, parts: Sequence[_Part]) -> Table:
    """All blocks below each other, as tables are printed whose rows are metrics, poses or halves of the face."""
    kind = item.options.get("kind", kind_of(parts[0].block.metric))
    rows = [replace(row, label=f"{part.block.title}: {row.label}") for part in parts for row in part.rows]
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    synthetic = any(part.synthetic for part in parts)
    title = item.title + (", %" if kind == "percent" else "")
    return Table("scores", title, item.options["joined"], _columns(parts[0].units, kind), tuple(rows), notes, synthetic)


def _columns(units: Sequence[int], kind: str) -> tuple[Column, ...]:
    return (*(Column(au_name(unit), kind) for unit in units), Column("mean", kind))


def _block_notes(block: Block, printed: Sequence[PublishedResult], folds: bool) -> tuple[str, ...]:
    ours = "the frames of the test part, the mean with its bounds by subject (95 %)."
    if folds:
        ours = "the mean of the folds' scores, as the papers' programs score each split; then all test frames pooled, the mean "
        ours += "with its bounds by subject (95 %)."
    if block.where.get("mean_over"):
        ours = "mean of the scores under each pose, as the paper's."
    notes = ["Printed: as in the paper, the mean being the printed one."] if printed and not block.where.get("mean_over") else []
    if block.metric == "roc_area" and not printed:
        notes = ["ROC area, which does not depend on the threshold as F1 does; not printed in the paper."]
    notes.append(f"Ours: {ours}")
    if block.metric == "mae":
        notes.append("MAE: lower is better.")
    return (" ".join(notes),)


def _own_rows(name: str, laboratory: Laboratory, found: Predictions, block: Block) -> tuple[Row, ...]:
    """Mean of the folds where there are several, then the pooled score: value per action unit, and the mean with its bounds."""
    names = [au_name(unit) for unit in found.action_units]
    by = block.where.get("mean_over")
    if by:
        tables = [score(found.select(found.attributes[by] == value))[block.metric] for value in np.unique(found.attributes[by])]
        means = [_nan_mean(one[name] for one in tables) for name in names]
        return (Row(f"{name} ({_OURS})", (*means, _nan_mean(means)), strong=True),)
    draws = _QUICK_DRAWS if laboratory.quick else _FULL_DRAWS
    result = evaluate(found, draws=draws if len(found.persons) > 1 else 0)
    if block.metric not in result.scores:
        raise InputError(f"{found.about.get('run')} has no {block.metric}; its network predicts no intensity")
    values = result.scores[block.metric]
    pooled = (*(values[name] for name in names), _mean_of(result, block.metric))
    if not result.folds:
        return (Row(f"{name} ({_OURS})", pooled, strong=True),)
    by_fold = result.fold_mean(block.metric)
    mean = Row(f"{name} ({_OURS})", tuple(by_fold[one] for one in (*names, "mean")), strong=True)
    return (mean, Row(f"{name} ({_OURS}, {_POOLED})", pooled))


def _mean_of(result: Evaluation, metric: str) -> Cell:
    """Mean over action units of the pooled frames, with bounds where there are some."""
    return result.intervals.get(metric, {}).get("mean", result.scores[metric]["mean"])


def _fold_mean(result: Evaluation, metric: str) -> Cell:
    """Mean over action units and folds; of the one fold, with its bounds, where there is one."""
    return result.fold_mean(metric)["mean"] if result.folds else _mean_of(result, metric)


def _predictions(laboratory: Laboratory, run: str, block: Block) -> Predictions:
    visible = block.where.get("occlusion", "full")
    found = laboratory.predictions(run, test=block.test, dataset=block.dataset, visible=visible)
    if "view" in block.where:
        rows = found.attributes["view"] == str(block.where["view"])
        if not rows.any():
            raise InputError(f"the test part has no face of view {block.where['view']}")
        found = found.select(rows)
    return found


def _published(item: Item, block: Block) -> list[PublishedResult]:
    wanted = {name: value for name, value in block.published.items() if name not in ("table", "dataset", "metric")}
    rows = published_results(PUBLISHED_NAMES[item.paper], block.published["table"], metric=block.metric)
    rows = [one for one in rows if one.dataset == block.published["dataset"]]
    return [one for one in rows if all(one.extra.get(name) == value for name, value in wanted.items())]


def _published_row(one: PublishedResult, units: Sequence[int]) -> Row:
    nan = float("nan")
    cells = (*(one.per_au.get(au_name(unit), nan) for unit in units), nan if one.average is None else one.average)
    return Row(f"{_bare(one.method) or 'unnamed'} (printed)", cells, note=one.note)


def _bare(method: str) -> str:
    """Name of a method without what the list of published numbers adds: "MGRR-Net (ours)" -> "MGRR-Net"."""
    return _TEST_SET if method == "data (test set)" else re.sub(r" \((ours|printed .*)\)$", "", method)


def _counts(laboratory: Laboratory, item: Item) -> dict[str, str]:
    """What the scores are based on."""
    block, row = item.blocks[0], item.rows[0]
    found = _predictions(laboratory, row.run, block)
    folds = laboratory.folds(get_run(row.run))
    text = f"{len(found):,} frames of {len(found.persons)} subjects"
    text += f", {len(folds)} folds, each frame tested once" if len(folds) > 1 else f", fold {folds[0]}"
    return {"Tested on": text, "Protocol": get_protocol(block.test or get_run(row.run).protocol).title}


# ---------------------------------------------------------------------------------------------------------------------
# Labels alone
# ---------------------------------------------------------------------------------------------------------------------


def occurrence_rates(laboratory: Laboratory, item: Item) -> Made:
    """Occurrence rates of the training sets, mean over the folds (ARL Table 5)."""
    return _label_table(laboratory, item, "occurrence rate", "percent", lambda rate: rate)


def skews(laboratory: Laboratory, item: Item) -> Made:
    """Negatives per positive in the training sets (Deep Regions Table 1)."""
    return _label_table(laboratory, item, "skew", "number2", lambda rate: (1 - rate) / rate if rate > 0 else float("nan"))


def _label_table(laboratory: Laboratory, item: Item, metric: str, kind: str, value_of: Callable[[float], float]) -> Made:
    """One row per data set over all action units that any of them codes, ours above the printed one."""
    parts: Mapping[str, str] = dict(item.options["parts"])
    units = sorted({unit for protocol in parts for unit in get_protocol(protocol).action_units})
    published = {one.dataset: one for one in published_results(PUBLISHED_NAMES[item.paper], item.options["table"], metric=metric)}
    rows, facts, synthetic = [], {}, False
    # Labels do not depend on the alignment; this one is needed for other items of the paper.
    alignment = "arl" if item.paper == "arl" else "jaa_net"
    for protocol, name in parts.items():
        folds = [laboratory.split(protocol, fold.number, alignment).train for fold in get_protocol(protocol).folds]
        rates = zip(*(fold.label_table().occurrence_rate() for fold in folds), strict=True)
        ours = {unit: value_of(_nan_mean(rate)) for unit, rate in zip(folds[0].action_units, rates, strict=True)}
        printed = {unit: published[name].per_au.get(au_name(unit), float("nan")) for unit in ours}
        rows.append(Row(f"{name} ({_OURS})", tuple(ours.get(unit, _NOT_CODED) for unit in units), strong=True))
        cells = tuple(printed.get(unit, _NOT_CODED) for unit in units)
        rows.append(Row(f"{name} (printed)", cells, note=published[name].note))
        facts[name] = "mean over the training parts of its " + (f"{len(folds)} folds" if len(folds) > 1 else "only fold")
        synthetic = synthetic or any(cache.synthetic for cache in laboratory.caches(protocol, alignment).values())
    notes = (f"'{_NOT_CODED}': the protocol of this data set leaves the action unit out.",)
    title = f"{metric} in the training sets" + (", %" if kind == "percent" else "")
    columns = tuple(Column(au_name(unit), kind) for unit in units)
    return Made(tables=(Table("labels", title, "data", columns, tuple(rows), notes, synthetic),), facts=facts, synthetic=synthetic)


# ---------------------------------------------------------------------------------------------------------------------
# Networks alone
# ---------------------------------------------------------------------------------------------------------------------

_PARTS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "arl": {
        "H": lambda config: True,  # hierarchical and multi-scale region learning: the trunk of all of them
        "W": lambda config: config.weighted,
        "C": lambda config: config.channel_attention,
        "S": lambda config: config.spatial_attention,
        "P": lambda config: config.crf,
        "E det": lambda config: config.task == "occurrence",
        "E int": lambda config: config.task == "intensity",
        "E cos": lambda config: config.task == "intensity" and config.lambda_cos > 0,
    },
    "aunet": {
        "FAN feature": lambda config: True,
        "VAE": lambda config: config.use_vae,
        "TDN": lambda config: config.use_tdn,
    },
}
"""Paper -> heading as printed -> whether a network of these settings has that part."""

_PART_NOTES = {
    "arl": "H: hierarchical and multi-scale region learning; W: loss of each AU weighted; C: channel attention; S: spatial "
    "attention; P: pixel relations; E: losses. The printed table's check marks are not legible in our copy of the paper.",
    "aunet": "Trained: without FAN, which is frozen.",
}


def structures(laboratory: Laboratory, item: Item) -> Made:
    """Which parts each variant has, read from the networks' settings (ARL Table 9, AUNet Table VI)."""
    parts = _PARTS[item.paper]
    printed: Mapping[str, Sequence[str]] = item.options.get("printed", {})
    rows = []
    for name, model in item.options["models"]:
        config = create_model(model).config
        cells: tuple[Cell, ...] = (*(_YES if has(config) else _NO for has in parts.values()), *_sizes(model))
        rows.append(Row(f"{name} ({_OURS})", cells, strong=name in printed))
        if name in printed:
            rows.append(Row(f"{name} (printed)", (*printed[name], "", "")))
    columns = (*(Column(heading) for heading in parts), Column("parameters", "count"), Column("trained", "count"))
    notes = (_PART_NOTES[item.paper], "Ours: read from the settings of aufait's networks of these names; parameters for 12 AUs.")
    return Made(tables=(Table("structures", item.title, "network", columns, tuple(rows), notes),))


def _sizes(name: str) -> tuple[float, float]:
    parameters = list(create_model(name).parameters())
    return float(sum(one.numel() for one in parameters)), float(sum(one.numel() for one in parameters if one.requires_grad))


# ---------------------------------------------------------------------------------------------------------------------
# Tables of a special kind
# ---------------------------------------------------------------------------------------------------------------------


def landmark_errors(laboratory: Laboratory, item: Item) -> Made:
    """Mean error of located landmarks, percent of the distance of the eye centres (MGRR-Net Table VIII)."""
    found: dict[str, dict[str, tuple[Cell, ...]]] = {}
    synthetic = False
    for run in map(get_run, item.runs):
        predictions = laboratory.predictions(run.name, dataset=run.protocol)
        synthetic = synthetic or predictions.synthetic
        found.setdefault(_bare(item.options["methods"][run.model]), {})[run.protocol] = _landmark_error(laboratory, predictions)
    ours: dict[str, tuple[Row, ...]] = {}
    for name, values in found.items():
        kinds = zip(*(values[data] for data in ("disfa", "bp4d")), strict=True)
        labels = (f"{name} ({_OURS})", f"{name} ({_OURS}, {_POOLED})")
        ours[name] = tuple(Row(label, cells, strong=label == labels[0]) for label, cells in zip(labels, kinds, strict=False))
    published = published_results(PUBLISHED_NAMES[item.paper], item.options["table"])
    printed = []
    for method in dict.fromkeys(one.method for one in published):
        means = {one.dataset: one.average for one in published if one.method == method}
        printed.append((_bare(method), Row(f"{_bare(method)} (printed)", (means.get("DISFA"), means.get("BP4D")))))
    columns = (Column("DISFA, %", "percent2"), Column("BP4D, %", "percent2"))
    several = any(len(rows) > 1 for rows in ours.values())
    kind = "the mean of the folds, then over all test frames with bounds by subject" if several else "with bounds by subject"
    notes = (f"Mean distance of 49 points / distance of the eye centres; lower is better. Ours: {kind}.",)
    title = "mean error of the landmarks"
    table = Table("landmarks", title, "method", columns, side_by_side(ours, printed), notes, synthetic)
    return Made(tables=(table,), synthetic=synthetic)


def _landmark_error(laboratory: Laboratory, found: Predictions) -> tuple[Cell, ...]:
    """Mean of the folds where there are several, and the mean over all faces with its bounds."""
    result = evaluate(found, draws=_QUICK_DRAWS if laboratory.quick else _FULL_DRAWS)
    if result.landmarks is None or found.landmark_error is None:
        raise InputError(f"{found.about.get('model')} locates no landmarks")
    pooled = result.landmarks.error
    if not result.folds:
        return (pooled,)
    folds = found.attributes["fold"]
    return (_nan_mean(_nan_mean(found.landmark_error[folds == fold].tolist()) for fold in result.folds), pooled)


def relation_differences(laboratory: Laboratory, item: Item) -> Made:
    """How much nearer to the labels the relations of AU-VAE's predictions are than AU-FAN's (AUNet Table X)."""
    before, after = item.runs
    names: Mapping[str, str] = item.options["datasets"]
    measured = {name: (_relations(laboratory, before, name), _relations(laboratory, after, name)) for name in names}
    published = {one.dataset: one.extra for one in published_results(PUBLISHED_NAMES[item.paper], item.options["table"])}
    synthetic = laboratory.predictions(before, dataset=next(iter(names))).synthetic
    columns = tuple(Column(label, "percent") for label in names.values())
    rows = []
    for place, (what, sign, key) in enumerate(
        (("L2 distance", -1, "l2_distance_difference"), ("dependency F1", 1, "dependency_f1_difference"))
    ):
        for label, which in (("AU-FAN", 0), ("AU-VAE", 1)):
            cells = tuple(measured[name][which][place] for name in names)
            rows.append(Row(f"{what}, {label} ({_OURS})", cells))
        gain = tuple(sign * (measured[name][1][place] - measured[name][0][place]) for name in names)
        rows.append(Row(f"{what}, gain ({_OURS})", gain, strong=True))
        rows.append(Row(f"{what}, gain (printed)", tuple(published[label][key] / 100 for label in names.values())))
    notes = ("Distance of the correlation matrices of probabilities and of labels (Frobenius), times 100; gain: AU-VAE's.",)
    table = Table("relations", item.title, "measure", columns, tuple(rows), notes, synthetic)
    return Made(tables=(table,), synthetic=synthetic)


def _relations(laboratory: Laboratory, run: str, dataset: str) -> tuple[float, float]:
    found = laboratory.predictions(run, dataset=dataset)
    decided, known = found.probability >= 0.5, found.occurrence_known
    # Of probabilities, as AUNet's Figure 8: decisions of a weak network may not vary, and then have no correlation.
    distance = relation_distance(relation_matrix(found.occurrence, known), relation_matrix(found.probability, known))
    return distance, dependency_f1(found.occurrence, decided, known)


def temporal_models(laboratory: Laboratory, item: Item) -> Made:
    """Size of the trained part and F1 on BP4D of ways to use time (AUNet Table XI)."""
    (name,) = item.runs
    found = laboratory.predictions(name, dataset="bp4d")
    model = create_model(get_run(name).model, get_protocol(get_run(name).protocol).action_units)
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad) / 1e6
    result = evaluate(found, draws=0)
    metrics = ("f1_frame", "roc_area")
    rows = [Row(f"AU-FAN + TDN ({_OURS})", (trained, *(_fold_mean(result, one) for one in metrics)), strong=True)]
    if result.folds:
        rows.append(Row(f"AU-FAN + TDN ({_OURS}, {_POOLED})", (trained, *(_mean_of(result, one) for one in metrics))))
    printed = published_results(PUBLISHED_NAMES[item.paper], item.options["table"])
    rows += [Row(f"{one.method} (printed)", (one.extra["model_size_M"], one.average, None)) for one in printed]
    columns = (Column("trained parameters, M", "number2"), Column("F1, %", "percent"), Column("ROC area, %", "percent"))
    notes = ("Size: of the network for 15 AUs at full size; with --quick the trained one sees smaller pictures.",)
    table = Table("temporal", item.title, "method", columns, tuple(rows), notes, found.synthetic)
    return Made(tables=(table,), synthetic=found.synthetic)


def paired_tests(laboratory: Laboratory, item: Item) -> Made:
    """Paired t-tests over predictions as printed, and a test over subjects (AUNet Table XII)."""
    base, *variants = (laboratory.predictions(name, dataset="bp4d") for name in item.runs)
    published = {one.method: one.extra for one in published_results(PUBLISHED_NAMES[item.paper], item.options["table"])}
    rows = []
    labels = {"au-vae": "AU-VAE", "au-tdn": "AU-TDN", "aunet": "AUNet"}
    for name, other in zip(item.runs[1:], variants, strict=True):
        label = labels[get_run(name).model]
        frames, subjects = _paired(base, other)
        rows.append(Row(f"{label} ({_OURS})", (*frames, *subjects), strong=True))
        rows.append(Row(f"{label} (printed)", (published[label]["t"], published[label]["p"], None, None)))
    columns = (Column("t", "number2"), Column("p", "p"), Column("F1 gain by subject", "number"), Column("p by subject", "p"))
    notes = (
        "t and p: paired t-test over the probabilities of all frames and AUs, AU-FAN's minus the variant's (our reading of what "
        "was tested). It takes frames of one video as independent, which makes p far too small. By subject: mean gain in F1 of "
        "each subject, with the p of a sign-flip test, which can be relied on.",
    )
    table = Table("tests", item.title, "method", columns, tuple(rows), notes, base.synthetic)
    return Made(tables=(table,), synthetic=base.synthetic)


def _paired(base: Predictions, other: Predictions) -> tuple[tuple[float, float], tuple[float, float]]:
    """t (base minus other, as printed) and p over frames; gain of the other and p over subjects."""
    found = compare(base, other, draws=0)
    by_subject = found.by_subject["mean"]
    return (-found.over_predictions.statistic, found.over_predictions.p_value), (by_subject.difference, by_subject.p_value)


def settings_table(laboratory: Laboratory, item: Item) -> Made:
    """Mean F1 under several settings, in parts (ABRNet Table 1)."""
    tables = []
    for number, (printed_table, title, rows) in enumerate(item.options["parts"], start=1):
        published = {one.method: one for one in published_results(PUBLISHED_NAMES[item.paper], printed_table)}
        lines, synthetic, folds = [], False, False
        for label, run in rows:
            found = laboratory.predictions(run, dataset=item.options["dataset"])
            synthetic = synthetic or found.synthetic
            result = evaluate(found, draws=_QUICK_DRAWS if laboratory.quick else _FULL_DRAWS)
            folds = bool(result.folds)
            cells = (_fold_mean(result, "f1_frame"), *((_mean_of(result, "f1_frame"),) if folds else ()))
            cells = (*cells, published[label].average, _fold_mean(result, "roc_area"))
            lines.append(Row(label, cells, strong=label == _default(rows), note=published[label].note))
        own = (f"F1, % ({_OURS}, mean of folds)", f"F1, % ({_OURS}, {_POOLED})") if folds else (f"F1, % ({_OURS})",)
        columns = tuple(Column(heading, "percent") for heading in (*own, "F1, % (printed)", f"ROC area, % ({_OURS})"))
        letter = "abcd"[number - 1]
        tables.append(Table(f"part_{letter}", f"({letter}) {title}", title, columns, tuple(lines), (), synthetic))
    return Made(tables=tuple(tables), synthetic=any(table.synthetic for table in tables))


def _default(rows: Sequence[tuple[str, str]]) -> str:
    """Label of the row with the paper's own settings."""
    return next(label for label, run in rows if run == "abrnet/disfa_plus")


def _nan_mean(values: Iterable[float]) -> float:
    known = [float(value) for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")

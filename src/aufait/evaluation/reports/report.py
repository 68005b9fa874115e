"""What a report says: facts, tables with the published numbers, figures; the files are written by ``writers``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aufait import __version__
from aufait.action_units import au_name
from aufait.evaluation.evaluate import ENOUGH_SUBJECTS, FAILURE, GAINS, RELIABILITY_BINS, Evaluation, Gain, Scores, nan_mean
from aufait.evaluation.occlusion import CONDITIONS
from aufait.evaluation.reports.published import PublishedResult, published_by_pose, published_by_visible, published_for
from aufait.evaluation.reports.tables import Cell, Column, Row, Table, shown
from aufait.metrics.significance import Interval

NAMES: Mapping[str, str] = {
    "f1_frame": "F1-frame", "accuracy": "accuracy", "kappa": "Cohen's kappa", "roc_area": "ROC area", "pr_area": "PR area",
    "nf1": "nF1", "naccuracy": "nAccuracy", "npr_area": "nPR area",
    "calibration_error": "calibration error", "icc_3_1": "ICC(3,1)", "icc_2_1": "ICC(2,1)", "pcc": "PCC", "mae": "MAE",
    "landmark_error": "landmark error",
    "f1_gain": "F1 minus always yes", "roc_gain": "ROC area minus 50",
}  # fmt: skip
"""Metric -> name for people."""

_SHARES = (
    "f1_frame", "accuracy", "roc_area", "pr_area", "nf1", "naccuracy", "npr_area", "calibration_error", "f1_gain", "roc_gain",
)  # fmt: skip

SYNTHETIC_NOTE = (
    "All of our numbers here were measured on synthetic faces. They show that everything runs; they say nothing about "
    "photographs of people and are not comparable with published results."
)

POOLED_AREA_NOTE = (
    "An area over the frames of all folds ranks scores of several networks against each other; if one gives higher probabilities "
    "than another, it may be below the area of every fold."
)

NO_TEST = " (NO TEST: not the test part)"
"""After the title of a report on training subjects."""


@dataclass(frozen=True)
class Figure:
    """Something to draw where the format can: "scores", "guessing", "reliability" or "relations"."""

    kind: str
    title: str


@dataclass(frozen=True)
class Report:
    """Content of a report, the same for every format.

    Attributes:
        title: first line, marked where synthetic.
        facts: what was done, label and text.
        tables: in order.
        figures: for formats that can draw.
        notes: what a reader must know.
        synthetic: whether the numbers were measured on rendered faces.
        evaluation: what it was made from; None for comparisons.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    evaluation: Evaluation | None = None

    @property
    def heading(self) -> str:
        """Title with the mark of synthetic results."""
        return f"SYNTHETIC FACES: {self.title}" if self.synthetic else self.title


def kind_of(metric: str) -> str:
    """How a metric is shown: shares in percent, others as they are."""
    return "percent" if metric in _SHARES else "percent2" if metric == "landmark_error" else "number"


def metric_title(metric: str) -> str:
    """Name with its unit."""
    return f"{NAMES.get(metric, metric)}{', %' if kind_of(metric).startswith('percent') else ''}"


def build_report(evaluation: Evaluation, *, published: bool = True) -> Report:
    """Facts and tables of an evaluation.

    Args:
        evaluation: what was measured.
        published: whether published numbers of the protocol are shown.
    """
    tables = [*_fold_tables(evaluation), *_unit_tables(evaluation)]  # the mean of folds first, as papers print it
    tested = evaluation.about.get("split", "test") == "test"
    published = published and tested  # scores on training subjects must not be shown next to published tests
    if published and evaluation.protocol is not None:
        tables += _comparisons(evaluation, [one for one in _metrics(evaluation) if one != "landmark_error"])
    tables += [*_landmark_tables(evaluation, published), *_condition_tables(evaluation, published)]
    tables += [*_group_tables(evaluation, published), *_relation_tables(evaluation), *_reliability_table(evaluation)]
    known = bool(evaluation.scores["frames"]["mean"])
    figures = [Figure("scores", f"{NAMES[_metrics(evaluation)[0]]} with intervals by subject")]
    figures += [Figure("guessing", "Better than guessing? ROC area minus 50, and F1 minus that of always saying yes"),
                Figure("reliability", "Reliability: how often an action unit occurs at each predicted probability"),
                Figure("relations", "How action units go together")] if known else []  # fmt: skip
    what = evaluation.protocol.title if evaluation.protocol is not None else evaluation.dataset or "predictions"
    return Report(
        title=f"{evaluation.about.get('model', 'network')} on {what}" + ("" if tested else NO_TEST),
        facts=tuple(_facts(evaluation)),
        tables=tuple(tables),
        figures=tuple(figures),
        notes=(*((SYNTHETIC_NOTE,) if evaluation.synthetic else ()), *_changed_notes(evaluation), *evaluation.notes),
        synthetic=evaluation.synthetic,
        evaluation=evaluation,
    )


def _changed_notes(evaluation: Evaluation) -> tuple[str, ...]:
    changed = len(evaluation.about.get("changes") or {})
    if not changed:
        return ()
    settings = "one setting was" if changed == 1 else f"{changed} settings were"
    return (f"Changed recipe: {settings} changed, as listed below. Published numbers are based on the papers' settings.",)


def _metrics(evaluation: Evaluation) -> tuple[str, ...]:
    """Those that the protocol reports and that were measured; the first leads."""
    default = ("icc_3_1", "mae") if evaluation.target == "intensity" else ("f1_frame", "accuracy")
    wanted = default if evaluation.protocol is None else evaluation.protocol.metrics
    if evaluation.target == "occurrence" and "roc_area" not in wanted:
        wanted = (*wanted, "roc_area")
    return tuple(one for one in wanted if one in evaluation.scores) or ("f1_frame",)


def _names(evaluation: Evaluation) -> list[str]:
    return [au_name(unit) for unit in evaluation.action_units]


# ---------------------------------------------------------------------------------------------------------------------
# Facts
# ---------------------------------------------------------------------------------------------------------------------


def _facts(evaluation: Evaluation) -> Iterable[tuple[str, str]]:
    about, protocol = evaluation.about, evaluation.protocol
    yield "Data", f"{evaluation.dataset or 'not stated'}{' (synthetic faces)' if evaluation.synthetic else ''}"
    if protocol is not None:
        yield "Protocol", f"{protocol.name}: {protocol.title}"
        yield "Protocol from", protocol.citation
        if protocol.occurrence_threshold is not None:
            yield "Occurrence", f"intensity >= {protocol.occurrence_threshold} where people did not code occurrence"
    for key, label in (("split", "Frames of"), ("fold", "Fold"), ("model", "Network"), ("run", "Run"), ("recipe", "Recipe")):
        if about.get(key) not in (None, ""):
            yield label, str(about[key])
    if about.get("changes"):
        yield "Changed in the recipe", ", ".join(f"{key} {_value(value)}" for key, value in about["changes"].items())
    if evaluation.folds:
        yield "Folds", f"{', '.join(evaluation.folds)}; each frame is tested once"
        yield "Mean of folds", mean_of_folds(evaluation)
    yield "Tested on", (f"{evaluation.frames:,} frames of {evaluation.persons:,} subjects in {evaluation.recordings:,} recordings")
    yield "Decision", f"an action unit counts as predicted from a probability of {evaluation.threshold:g}"
    if evaluation.scores["frames"]["mean"]:
        yield above_title(evaluation), above_guessing(evaluation)
    if evaluation.intervals:
        yield (
            "Intervals",
            (f"{evaluation.level:.0%}, percentiles of {evaluation.draws:,} bootstrap draws of subjects with replacement"),
        )
    if about.get("visible", "full") != "full":
        yield "Visible", CONDITIONS.get(str(about["visible"]), str(about["visible"]))
    if about.get("mirrored_pass"):
        yield "Passes", "mean of the logits of the face and of its mirror image"
    for key, label in (("leakage", "Leakage check"), ("cache", "Data fingerprint"), ("seed", "Seed"), ("command", "Command")):
        if about.get(key) not in (None, ""):
            yield label, str(about[key])
    yield "Version", f"aufait {__version__}"


def mean_of_folds(evaluation: Evaluation) -> str:
    """The leading scores as papers print them, and those over the pooled frames in brackets."""
    parts = []
    for metric in (one for one in _metrics(evaluation) if one in evaluation.scores):
        kind = kind_of(metric)
        mean, pooled = evaluation.fold_mean(metric)["mean"], evaluation.scores[metric]["mean"]
        unit = " %" if kind.startswith("percent") else ""
        parts.append(f"{NAMES.get(metric, metric)} {shown(mean, kind)}{unit} (pooled {shown(pooled, kind)}{unit})")
    return ", ".join(parts)


def _value(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------------------------------------------------------------
# Per action unit
# ---------------------------------------------------------------------------------------------------------------------


def _unit_tables(evaluation: Evaluation) -> list[Table]:
    occurrence, intensity = [], []
    if evaluation.scores["frames"]["mean"]:
        occurrence = [_occurrence_table(evaluation), _guessing_table(evaluation)]
    if "icc_3_1" in evaluation.scores and evaluation.scores["graded_frames"]["mean"]:
        intensity = [_intensity_table(evaluation)]
    return [*intensity, *occurrence] if evaluation.target == "intensity" else [*occurrence, *intensity]


def _occurrence_table(evaluation: Evaluation) -> Table:
    metrics = ("f1_frame", "accuracy", "kappa", "roc_area", "pr_area", "nf1", "naccuracy", "npr_area", "calibration_error")
    columns = [Column("frames", "count"), Column("positives", "count"), Column("rate, %", "percent"), Column("skew", "number2")]
    columns += [Column(metric_title(metric), kind_of(metric)) for metric in metrics]
    scores = evaluation.scores
    rows = []
    for name in _names(evaluation):
        counts = (scores["frames"][name], scores["positives"][name], _guessing(evaluation, name)[0], scores["skew"][name])
        rows.append(Row(name, (*counts, *(_scored(evaluation, metric, name) for metric in metrics))))
    mean: tuple[Cell, ...] = ("", "", _guessing(evaluation, "mean")[0], "")
    rows.append(Row("mean", (*mean, *(_scored(evaluation, metric, "mean") for metric in metrics)), strong=True))
    notes = [
        "frames: those whose label is known; skew: negatives / positives; nF1, nAccuracy and nPR area count negatives as if "
        "there were as many as positives (Jeni, Cohn and De la Torre 2013); the ROC area is the same either way.",
        *_defined_notes(evaluation, metrics),
        *_silent_notes(evaluation),
    ]
    pooled = ", all folds pooled" if evaluation.folds else ""
    title = f"Occurrence of each action unit{pooled}"
    return Table("occurrence", title, "AU", tuple(columns), tuple(rows), tuple(notes), evaluation.synthetic)


def _guessing_table(evaluation: Evaluation) -> Table:
    """How much better than guessing, at a glance."""
    titles = (metric_title("roc_area"), "ROC area minus 50", metric_title("f1_frame"), "always yes, %", "F1 minus always yes")
    columns = (Column("subjects", "count"), *(Column(title, "percent") for title in titles))
    rows = []
    for name in (*_names(evaluation), "mean"):
        f1, area = evaluation.scores["f1_frame"][name], evaluation.scores["roc_area"][name]
        f1_gain, area_gain = _scored(evaluation, "f1_gain", name), _scored(evaluation, "roc_gain", name)
        subjects = evaluation.positive_subjects.get(name, "")
        cells = (subjects, area, area_gain, f1, _guessing(evaluation, name)[1], f1_gain)
        rows.append(Row(name, cells, strong=name == "mean"))
    gains = [evaluation.gain(metric) for metric in GAINS]
    if any(map(_judged, gains)):
        tallies = ("", "", _tally(gains[0]), "", "", _tally(gains[1]))
        rows.append(Row(above_title(evaluation).lower(), tallies, strong=True))
    notes = [
        f"{above_title(evaluation)}: {above_guessing(evaluation)}",
        "subjects: those with a positive frame, on whom a number is based.",
        "A guess made without looking at faces has a ROC area of 50, and none can be expected to have a better F1 than always "
        "saying yes: 2 p / (1 + p), with p the share of positives. Differences are in percentage points, each with its interval: "
        "score and p are computed from the same draw of subjects. Undefined without a positive frame.",
        *([POOLED_AREA_NOTE] if evaluation.folds else []),
        *_defined_notes(evaluation, tuple(GAINS)),
    ]
    return Table("guessing", "Better than guessing?", "AU", columns, tuple(rows), tuple(notes), evaluation.synthetic)


def _guessing(evaluation: Evaluation, name: str) -> tuple[float, float]:
    """Share of positives, and F1 of always saying yes; of an action unit or their mean."""
    if name == "mean":
        rates, always = zip(*(_guessing(evaluation, unit) for unit in _names(evaluation)), strict=True)
        return nan_mean(rates), nan_mean(always)
    frames, positives = evaluation.scores["frames"][name], evaluation.scores["positives"][name]
    rate = positives / frames if frames else float("nan")
    return rate, 2 * rate / (1 + rate) if positives else float("nan")


def _tally(gain: Gain) -> str:
    return f"{len(gain.above)} of {len(gain.above) + len(gain.not_above) + len(gain.unknown)}"


def _judged(gain: Gain) -> bool:
    return bool(gain.above or gain.not_above)


def above_title(evaluation: Evaluation) -> str:
    """What may be claimed where a lower bound is above guessing."""
    return "Clearly better than guessing" if evaluation.persons >= ENOUGH_SUBJECTS else "Lower bound above guessing"


def above_guessing(evaluation: Evaluation) -> str:
    """For how many action units the network is clearly better than guessing, in plain words."""
    gains = {name: evaluation.gain(metric) for metric, name in GAINS.items()}
    if not any(map(_judged, gains.values())):
        return "cannot be said without intervals by subject, which need 2 subjects or more, and draws."
    counts = ", ".join(f"{_tally(gain)} by {name}" for name, gain in gains.items()).replace(" by", " action units by", 1)
    by = [name for name, gain in gains.items() if gain.mean]
    mean = ("neither", f"{by[0]} only" if by else "", "both")[len(by)]
    text = f"{counts}; the mean by {mean} (the lower bound of the {evaluation.level:.0%} interval is above 0)."
    if evaluation.persons < ENOUGH_SUBJECTS:
        return text + f" {evaluation.persons} subjects are too few to call that clear; it takes {ENOUGH_SUBJECTS}."
    held_up = {name for gain in gains.values() for name in gain.above}
    thin = [name for name in _names(evaluation) if name in held_up and evaluation.positive_subjects[name] < ENOUGH_SUBJECTS]
    text += f" Not safe, for fewer than {ENOUGH_SUBJECTS} subjects have a positive frame: {', '.join(thin)}." if thin else ""
    unknown = [name for name in _names(evaluation) if any(name in gain.unknown for gain in gains.values())]
    return text + (f" Without bounds and not counted as better: {', '.join(unknown)}." if unknown else "")


def _intensity_table(evaluation: Evaluation) -> Table:
    metrics = ("icc_3_1", "icc_2_1", "pcc", "mae")
    columns = [Column("frames", "count"), *(Column(metric_title(metric), kind_of(metric)) for metric in metrics)]
    rows = [
        Row(name, (evaluation.scores["graded_frames"][name], *(_scored(evaluation, metric, name) for metric in metrics)))
        for name in _names(evaluation)
    ]
    rows.append(Row("mean", ("", *(_scored(evaluation, metric, "mean") for metric in metrics)), strong=True))
    notes = ["Predictions are rounded to whole steps of 0 to 5 first, as in ARL.", *_defined_notes(evaluation, metrics)]
    pooled = ", all folds pooled" if evaluation.folds else ""
    title = f"Intensity of each action unit{pooled}"
    return Table("intensity", title, "AU", tuple(columns), tuple(rows), tuple(notes), evaluation.synthetic)


def _scored(evaluation: Evaluation, metric: str, name: str) -> Cell:
    interval = evaluation.intervals.get(metric, {}).get(name)
    return evaluation.scores[metric][name] if interval is None else interval


def _defined_notes(evaluation: Evaluation, metrics: Sequence[str]) -> list[str]:
    count = len(evaluation.action_units)
    few: dict[int, list[str]] = {}
    for metric in metrics:
        few.setdefault(int(evaluation.scores[metric].get("defined", count)), []).append(NAMES[metric])
    return [
        f"Mean of {', '.join(names)}: over the {defined} of {count} action units where it is defined."
        for defined, names in few.items()
        if defined < count
    ]


def _silent_notes(evaluation: Evaluation) -> list[str]:
    """An action unit that never occurs has F1 0 as soon as it is predicted once; a reader must know why."""
    scores = evaluation.scores
    silent = [name for name in _names(evaluation) if scores["frames"][name] and not scores["positives"][name]]
    if not silent:
        return []
    return [
        f"{', '.join(silent)}: no positive frame; F1 is 0 if it is ever predicted and undefined otherwise, whatever the network."
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Folds, comparisons
# ---------------------------------------------------------------------------------------------------------------------


def _columns(evaluation: Evaluation, metric: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind_of(metric)) for name in (*_names(evaluation), "mean"))


def _cells(evaluation: Evaluation, values: Mapping[str, float]) -> tuple[Cell, ...]:
    return tuple(values.get(name, float("nan")) for name in (*_names(evaluation), "mean"))


def _fold_tables(evaluation: Evaluation) -> list[Table]:
    tables = []
    for metric in _metrics(evaluation) if evaluation.folds else ():
        rows = [Row(f"fold {name}", _cells(evaluation, scores[metric])) for name, scores in evaluation.folds.items()]
        rows.append(Row("mean of folds", _cells(evaluation, evaluation.fold_mean(metric)), strong=True))
        rows.append(Row("deviation", _cells(evaluation, evaluation.fold_deviation(metric))))
        rows.append(Row("pooled", _cells(evaluation, evaluation.scores[metric]), strong=True))
        notes = ["deviation: standard deviation over the folds (n - 1); pooled: one score over the frames of all folds."]
        notes += [POOLED_AREA_NOTE] if metric in ("roc_area", "pr_area", "npr_area") else []
        title = f"{metric_title(metric)}, by fold"
        columns = _columns(evaluation, metric)
        tables.append(Table(f"folds_{metric}", title, "fold", columns, tuple(rows), tuple(notes), evaluation.synthetic))
    return tables


def _comparisons(evaluation: Evaluation, metrics: Sequence[str]) -> list[Table]:
    if evaluation.protocol is None:
        return []
    tables = []
    for metric in metrics:
        others = published_for(evaluation.protocol, metric, evaluation.dataset)
        if others:
            rows = (*_own_rows(evaluation, metric), *(_published_row(evaluation, one) for one in others))
            notes = [
                f"Published numbers as printed, for the protocol {evaluation.protocol.name}; the last column is the printed mean."
            ]
            notes += [SYNTHETIC_NOTE] if evaluation.synthetic else []
            notes += _coverage_notes(evaluation, others)
            if len(evaluation.protocol.folds) > 1 and not evaluation.folds:
                notes.append(f"Ours is one fold; published numbers are of all {len(evaluation.protocol.folds)} folds.")
            title = f"{metric_title(metric)}, with published results"
            columns = _columns(evaluation, metric)
            tables.append(Table(f"published_{metric}", title, "method", columns, rows, tuple(notes), evaluation.synthetic))
    return tables


def _own_rows(evaluation: Evaluation, metric: str) -> list[Row]:
    model = str(evaluation.about.get("model", "network"))
    mark = "ours, synthetic" if evaluation.synthetic else "ours"
    rows = []
    if evaluation.folds:
        rows.append(Row(f"{model} ({mark}, mean of folds)", _cells(evaluation, evaluation.fold_mean(metric)), strong=True))
    pooled = ", pooled" if evaluation.folds else ""
    rows.append(Row(f"{model} ({mark}{pooled})", _cells(evaluation, evaluation.scores[metric]), strong=True))
    intervals = evaluation.intervals.get(metric)
    if intervals:
        for name, bound in (("lower", "low"), ("upper", "high")):
            cells = tuple(getattr(intervals[unit], bound) for unit in (*_names(evaluation), "mean"))
            rows.append(Row(f"{name} bound, {evaluation.level:.0%}", cells))
    return rows


def _published_row(evaluation: Evaluation, one: PublishedResult) -> Row:
    average = float("nan") if one.average is None else one.average
    return Row(_method(one), _cells(evaluation, {**one.per_au, "mean": average}), note=one.note)


def _method(one: PublishedResult) -> str:
    """Method and where it is printed; the source says better whose paper it is than an "ours" that is not ours."""
    return f"{one.method.removesuffix(' (ours)')} ({one.source})"


def _coverage_notes(evaluation: Evaluation, others: Sequence[PublishedResult]) -> list[str]:
    """A note if published means are over other action units than ours."""
    ours = set(_names(evaluation))
    if any(one.per_au and set(one.per_au) != ours for one in others):
        return ["Some published means are over other action units than those scored here; compare action unit by action unit."]
    return []


# ---------------------------------------------------------------------------------------------------------------------
# Landmarks, occlusion, groups
# ---------------------------------------------------------------------------------------------------------------------


def _landmark_tables(evaluation: Evaluation, published: bool) -> list[Table]:
    found = evaluation.landmarks
    if found is None:
        return []
    columns = (Column("mean error, %", "percent2"), Column("failure rate, %", "percent2"), Column("faces", "count"))
    own: tuple[Cell, ...] = (found.error, found.failure_rate, float(found.faces))
    rows = [Row(str(evaluation.about.get("model", "network")), own, strong=True)]
    if published and evaluation.protocol is not None:
        rows += [
            Row(_method(one), (one.average, None, None), note=one.note)
            for one in published_for(evaluation.protocol, "landmark_error", evaluation.dataset)
        ]
    notes = (
        "mean error: mean distance of the 49 points from the given ones / distance of the eye centres; failure: a face with more "
        f"than {FAILURE:.0%}.",
    )
    return [Table("landmarks", "Landmarks located by the network", "network", columns, tuple(rows), notes, evaluation.synthetic)]


def _condition_tables(evaluation: Evaluation, published: bool) -> list[Table]:
    tables = []
    bp4d = evaluation.protocol is not None and evaluation.protocol.name == "bp4d"
    for metric in _metrics(evaluation) if evaluation.conditions else ():
        rows = []
        for name, scores in evaluation.conditions.items():
            rows.append(Row(CONDITIONS.get(name, name), _cells(evaluation, scores[metric]), strong=True))
            if published and bp4d and metric == "f1_frame":
                rows += [_published_row(evaluation, one) for one in published_by_visible(name)]
        notes = (
            "The network was not trained on hidden faces. Half of the network's input is filled with grey 128; right and left are "
            "the subject's, by our reading of ARL Table 12, which names neither.",
        )
        title = f"{metric_title(metric)}, by visible part of the face"
        columns = _columns(evaluation, metric)
        tables.append(Table(f"occlusion_{metric}", title, "visible", columns, tuple(rows), notes, evaluation.synthetic))
    return tables


def _group_tables(evaluation: Evaluation, published: bool) -> list[Table]:
    tables = []
    for by, groups in evaluation.groups.items():
        tables += [_group_table(evaluation, by, groups, metric, published) for metric in _metrics(evaluation)]
        tables.append(_count_table(evaluation, by, groups))
    return tables


def _group_table(evaluation: Evaluation, by: str, groups: Mapping[str, Scores], metric: str, published: bool) -> Table:
    ours = evaluation.protocol is not None and evaluation.protocol.name == "fera2017"
    rows = []
    for name, scores in groups.items():
        rows.append(Row(name, _cells(evaluation, scores[metric])))
        if published and by in ("pose", "view") and ours and metric == "f1_frame":
            rows += [_published_row(evaluation, one) for one in published_by_pose(name)]
    rows.append(Row("all", _cells(evaluation, evaluation.scores[metric]), strong=True))
    title = f"{metric_title(metric)}, by {by.replace('_', ' ')}"
    notes = ("In small groups a number is based on few positives; see the counts below.",)
    return Table(
        f"{by}_{metric}", title, by.replace("_", " "), _columns(evaluation, metric), tuple(rows), notes, evaluation.synthetic
    )


def _count_table(evaluation: Evaluation, by: str, groups: Mapping[str, Scores]) -> Table:
    graded = evaluation.target == "intensity"
    key = "graded_frames" if graded else "positives"
    units = _names(evaluation)
    columns = (Column("subjects", "count"), Column("frames", "count"), *(Column(name, "count") for name in units))
    rows = [
        Row(name, (*map(float, evaluation.group_sizes[by][name]), *(scores[key][unit] for unit in units)))
        for name, scores in groups.items()
    ]
    total = (float(evaluation.persons), float(evaluation.frames))
    rows.append(Row("all", (*total, *(evaluation.scores[key][unit] for unit in units)), strong=True))
    what = "Frames with a known intensity" if graded else "Positives"
    title = f"{what}, by {by.replace('_', ' ')}"
    return Table(f"{by}_counts", title, by.replace("_", " "), columns, tuple(rows), (), evaluation.synthetic)


# ---------------------------------------------------------------------------------------------------------------------
# Relations, calibration
# ---------------------------------------------------------------------------------------------------------------------


def _relation_tables(evaluation: Evaluation) -> list[Table]:
    if not evaluation.scores["frames"]["mean"]:
        return []
    found, count = evaluation.relations, len(evaluation.action_units)
    pairs = count * (count - 1) // 2
    summary = Table(
        "relations",
        "How action units go together: predictions against labels",
        "measure",
        (Column("value", "number"),),
        (
            Row("distance of the relation matrices (Frobenius)", (found.distance,)),
            Row("the same per entry", (found.distance_per_entry,)),
            Row("pairs of action units compared", (f"{found.pairs} of {pairs}",)),
            Row("dependency F1", (found.dependency_f1,)),
        ),
        (
            "Relation: correlation coefficient of two action units over the frames where both are known; undefined "
            "where one of them never changes, in the labels or in the predictions. Dependency F1: F1 of an "
            "action unit where another one occurs, from precision and recall averaged over all ordered pairs.",
        ),
        evaluation.synthetic,
    )
    names = _names(evaluation)
    columns = tuple(Column(name, "number2") for name in names)
    matrices = [
        Table(
            f"relations_{which}",
            f"Relations between action units in the {where}",
            "AU",
            columns,
            tuple(Row(name, tuple(float(value) for value in line)) for name, line in zip(names, matrix, strict=True)),
            (),
            evaluation.synthetic,
        )
        for which, where, matrix in (("truth", "labels", found.truth), ("predicted", "predictions", found.predicted))
    ]
    return [summary, *matrices]


def _reliability_table(evaluation: Evaluation) -> list[Table]:
    if not evaluation.scores["frames"]["mean"]:
        return []
    edges = np.linspace(0, 1, RELIABILITY_BINS + 1)
    columns = (Column("frames x AUs", "count"), Column("mean probability, %", "percent"), Column("occurs, %", "percent"))
    rows = [
        Row(f"{low:.1f}-{high:.1f}", tuple(float(value) for value in line))
        for low, high, line in zip(edges[:-1], edges[1:], evaluation.reliability, strict=True)
    ]
    notes = ("All action units together; a calibrated network has the same number in the last two columns.",)
    title = "Reliability of the probabilities"
    return [Table("reliability", title, "probability", columns, tuple(rows), notes, evaluation.synthetic)]


def to_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Everything measured, as JSON can hold it; undefined is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, Interval):
            return {one: plain(getattr(value, one)) for one in ("value", "low", "high", "defined")}
        if isinstance(value, Mapping):
            return {str(key): plain(one) for key, one in value.items()}
        if isinstance(value, np.ndarray | list | tuple):
            return [plain(one) for one in value]
        if isinstance(value, float | np.floating):
            return float(value) if np.isfinite(value) else None
        return value.item() if isinstance(value, np.generic) else value

    found = evaluation.relations
    landmarks = evaluation.landmarks
    return {
        "synthetic": evaluation.synthetic,
        "dataset": evaluation.dataset,
        "protocol": None if evaluation.protocol is None else evaluation.protocol.name,
        "action_units": list(evaluation.action_units),
        "frames": evaluation.frames,
        "persons": evaluation.persons,
        "recordings": evaluation.recordings,
        "threshold": evaluation.threshold,
        "about": plain(evaluation.about),
        "notes": list(evaluation.notes),
        "scores": plain(evaluation.scores),
        "intervals": plain(evaluation.intervals),
        "positive_subjects": dict(evaluation.positive_subjects),
        "above_guessing": {metric: plain(vars(evaluation.gain(metric))) for metric in GAINS},
        "folds": plain(evaluation.folds),
        "fold_mean": {metric: plain(evaluation.fold_mean(metric)) for metric in _metrics(evaluation)} if evaluation.folds else {},
        "groups": plain(evaluation.groups),
        "conditions": plain(evaluation.conditions),
        "landmarks": None if landmarks is None else plain(vars(landmarks)),
        "relations": plain(vars(found)),
        "reliability": plain(evaluation.reliability),
        "version": __version__,
    }

"""Makers of figures about relations, poses and patches: Deep Regions 3 and 5 to 7, MGRR-Net 3 and 4, AUNet 8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from aufait.action_units import au_name
from aufait.evaluation.evaluate import score
from aufait.evaluation.reports.published import published_relation_matrices
from aufait.evaluation.reports.tables import Column, Row, Table
from aufait.losses.statistics import LabelStatistics
from aufait.metrics import relation_distance, relation_matrix
from aufait.models.deep_regions import DeepRegions
from aufait.models.deep_regions import patch_significance as measure_significance
from aufait.models.mgrr_net.region_graph import co_occurrence_prior
from aufait.reproduction.examples import TestFaces, numpy
from aufait.reproduction.laboratory import Laboratory
from aufait.reproduction.outputs import Made
from aufait.reproduction.registry import PUBLISHED_NAMES, Item
from aufait.reproduction.runs import get_run
from aufait.visualization.figures.activation_maps import branch_activation_maps
from aufait.visualization.figures.attention_overlay import attention_overlay
from aufait.visualization.figures.metric_plots import deviation, metrics_by_group
from aufait.visualization.figures.patch_significance import significance_figure
from aufait.visualization.figures.picture_grid import Scale, picture_grid
from aufait.visualization.figures.relation_plots import relation_figure
from aufait.visualization.figures.spread_plots import spread_figure

if TYPE_CHECKING:
    from torch import Tensor

    from aufait.models.system import AUSystem

_SAMPLES, _QUICK_SAMPLES = 30_000, 16
_METRIC_NAMES = {"f1_frame": "F1", "nf1": "nF1", "pr_area": "PR area", "npr_area": "nPR area", "roc_area": "ROC area"}


def patch_significance(laboratory: Laboratory, item: Item) -> Made:
    """Effect of each of the 49 patches on each action unit's score, as points on a face (Deep Regions Figure 3)."""
    (run,) = item.runs
    model, faces = laboratory.model(run), TestFaces.of(laboratory, run)
    limit = _QUICK_SAMPLES if laboratory.quick else _SAMPLES
    step = max(1, len(faces.rows) // limit)
    chosen = np.arange(0, len(faces.rows), step)[:limit]
    assert isinstance(model, DeepRegions)  # the run says so
    result = measure_significance(model, _batches(faces, model, chosen))
    effect = result.effect.numpy()
    place = int(_calmest(faces))
    picture = faces.pictures(np.array([place]), window=faces.cache.side)[0]
    points = faces.points(place)[np.array(result.landmark_ids) - 1]
    png = significance_figure(
        picture,
        points,
        effect,
        model.action_units,
        title=_title(item),
        subtitle="Rank of each patch's mean absolute effect on the probability when its features are set to zero. The dots "
        "are at the patches' landmarks.",
        note=f"{result.faces:,} test faces",
        colours=laboratory.colours,
        synthetic=faces.cache.synthetic,
    )
    rows = [Row(au_name(unit), tuple(str(number) for number in result.ranking(unit)[:5])) for unit in model.action_units]
    columns = tuple(Column(f"{place}.") for place in range(1, 6))
    notes = ("Landmarks in the 49-point scheme, counted from 1 as in the paper.",)
    table = Table("significance", "most significant patches", "AU", columns, tuple(rows), notes, faces.cache.synthetic)
    arrays = {"effect": effect, "change": result.change.numpy(), "landmark_ids": np.array(result.landmark_ids)}
    return Made(png=png, tables=(table,), arrays=arrays, synthetic=faces.cache.synthetic, facts={"Test faces": f"{result.faces:,}"})


def relation_matrices(laboratory: Laboratory, item: Item) -> Made:
    """Correlation of labels and of predictions (Deep Regions Figure 5), with the distance of the printed ones."""
    (run,) = item.runs
    found = laboratory.predictions(run)
    truth = relation_matrix(found.occurrence, found.occurrence_known)
    # Of probabilities, as AUNet's Figure 8: decisions of a weak network may not vary, and then have no correlation.
    guess = relation_matrix(found.probability, found.occurrence_known)
    printed = next(one for one in published_relation_matrices() if one["paper"] == PUBLISHED_NAMES[item.paper])
    theirs = tuple(np.array(printed[name], float) for name in ("ground_truth", "predictions"))
    png = relation_figure(
        {"labels, ours": truth, "predictions, ours": guess, "labels, printed": theirs[0], "predictions, printed": theirs[1]},
        found.action_units,
        title=_title(item),
        subtitle="Correlation coefficient of each pair of action units over the test frames, of labels and of predicted "
        "probabilities; grey where one never varies.",
        note=f"ours: {len(found):,} test frames",
        per_row=2,
        synthetic=found.synthetic,
    )
    rows = [_distances("ours", truth, guess), _distances("printed", *theirs)]
    columns = (Column("distance", "number"), Column("per entry", "number"), Column("entries compared", "count"))
    notes = ("Euclidean distance of the two matrices. The paper's text says 0.004, which its matrices give per entry.",)
    table = Table("distance", "distance of predictions' relations from labels'", "", columns, tuple(rows), notes, found.synthetic)
    arrays = {"labels": truth, "predictions": guess, "printed_labels": theirs[0], "printed_predictions": theirs[1]}
    return Made(png=png, tables=(table,), arrays=arrays, synthetic=found.synthetic)


def _distances(label: str, first: np.ndarray, second: np.ndarray) -> Row:
    compared = float((~np.isnan(first) & ~np.isnan(second)).sum())
    distances = (relation_distance(first, second), relation_distance(first, second, per_entry=True))
    return Row(label, (*distances, compared), strong=label == "ours")


def metrics_by_pose(laboratory: Laboratory, item: Item) -> Made:
    """Metrics of each action unit under each pose (Deep Regions Figure 6)."""
    (run,) = item.runs
    values, views, units, synthetic = _by_view(laboratory, item, run)
    png = metrics_by_group(
        values,
        units,
        views,
        title=_title(item),
        subtitle="One bar per pose; a cross marks what is undefined because an action unit never or always occurs under that pose.",
        synthetic=synthetic,
    )
    return Made(png=png, tables=_view_tables(values, views, units, synthetic), arrays=_plain(values), synthetic=synthetic)


def deviation_over_poses(laboratory: Laboratory, item: Item) -> Made:
    """Standard deviation of the metrics over the poses, of both networks (Deep Regions Figure 7)."""
    spreads: dict[str, dict[str, np.ndarray]] = {}
    arrays: dict[str, np.ndarray] = {}
    tables = []
    for letter, (name, run) in zip("ab", item.options["networks"], strict=True):
        values, _, units, synthetic = _by_view(laboratory, item, run)
        spreads[f"({letter}) {name}"] = {metric: deviation(table) for metric, table in values.items()}
        arrays |= {f"{name.replace(' ', '_')}_{metric}": table for metric, table in _plain(values).items()}
        columns = (*(Column(au_name(unit), "number") for unit in units), Column("mean", "number"))
        rows = [Row(metric, (*spread.tolist(), float(np.nanmean(spread)) if np.isfinite(spread).any() else float("nan")))
                for metric, spread in spreads[f"({letter}) {name}"].items()]  # fmt: skip
        heading = f"({letter}) {name}: standard deviation over the poses"
        tables.append(Table(f"deviation_{letter}", heading, "metric", columns, tuple(rows), (), synthetic))
    png = spread_figure(
        spreads, units, title=_title(item), subtitle="Low bars: the unit is found equally well from all sides.", synthetic=synthetic
    )
    return Made(png=png, tables=tuple(tables), arrays=arrays, synthetic=synthetic)


def _by_view(laboratory: Laboratory, item: Item, run: str) -> tuple[dict[str, np.ndarray], list[str], tuple[int, ...], bool]:
    """Metric's name -> (views, A), names of the views, action units, whether synthetic."""
    found = laboratory.predictions(run)
    views = sorted(np.unique(found.attributes["view"]).tolist(), key=int)
    scores = [score(found.select(found.attributes["view"] == view)) for view in views]
    names = [au_name(unit) for unit in found.action_units]
    values = {
        _METRIC_NAMES[metric]: np.array([[one[metric][name] for name in names] for one in scores])
        for metric in item.options["metrics"]
    }
    return values, views, found.action_units, found.synthetic


def _view_tables(values: dict[str, np.ndarray], views: list[str], units: tuple[int, ...], synthetic: bool) -> tuple[Table, ...]:
    columns = tuple(Column(au_name(unit), "number") for unit in units)
    return tuple(
        Table(
            f"poses_{number}",
            f"{name} by pose",
            "pose",
            columns,
            tuple(Row(view, tuple(float(one) for one in line)) for view, line in zip(views, table, strict=True)),
            (),
            synthetic,
        )
        for number, (name, table) in enumerate(values.items(), start=1)
    )


def activation_maps(laboratory: Laboratory, item: Item) -> Made:
    """Class activation maps of each action unit's own head on faces of two data sets (MGRR-Net Figure 3)."""
    grid, rows, notes = [], [], []
    arrays, synthetic = {}, False
    width = 0
    for run in item.runs:
        model, faces = laboratory.model(run), TestFaces.of(laboratory, run)
        places = faces.strongest(item.options["faces"])
        maps = branch_activation_maps(model, model.get_submodule("local_heads"), **faces.inputs(model, places))
        arrays[get_run(run).protocol] = maps
        synthetic = synthetic or faces.cache.synthetic
        for number, (picture, one) in enumerate(zip(faces.pictures(places), maps, strict=True), start=1):
            grid.append([picture, *(attention_overlay(picture, each, colours=laboratory.colours) for each in one)])
            rows.append(f"{faces.dataset.name.upper()}\nface {number}")
        notes.append(faces.names(places))
        width = max(width, 1 + len(model.action_units))
    captions = []
    for run in item.runs:
        units = laboratory.model(run).action_units
        captions += [["face", *(f"AU{unit}" for unit in units)]] * item.options["faces"]
    png = picture_grid(
        [[*line, *([None] * (width - len(line)))] for line in grid],
        title=_title(item),
        subtitle="Grad-CAM of each action unit's head on the features that enter it; each map has its largest value at 1, or "
        "is dark where nothing speaks for the action unit.",
        note="; ".join(notes),
        rows=rows,
        captions=captions,
        scale=Scale(colours=laboratory.colours, low="0", high="1", label="activation"),
        cell=0.95,
        synthetic=synthetic,
    )
    return Made(png=png, arrays=arrays, synthetic=synthetic)


def predefined_and_learned(laboratory: Laboratory, item: Item) -> Made:
    """Correlation known before training and the relevance that one person's face has (MGRR-Net Figure 4)."""
    (run,) = item.runs
    model, faces = laboratory.model(run), TestFaces.of(laboratory, run)
    definition = get_run(run)
    labels = laboratory.split(definition.protocol, definition.folds[0], faces.cache.alignment).train.label_table()
    statistics = LabelStatistics.from_labels(torch.from_numpy(labels.occurrence), torch.from_numpy(labels.occurrence_known))
    place = faces.strongest(1)
    relations = faces.look(model, place).relations
    assert relations is not None  # the network has its graph
    predefined, learned = numpy(co_occurrence_prior(statistics)), numpy(relations[0])
    png = relation_figure(
        {"(a) predefined, from the training labels": predefined, "(b) learned, for one face": learned},
        model.action_units,
        title=_title(item),
        subtitle="Predefined: equation 2 on the training labels. Learned: edges of the last layer times the size of the message "
        "along each for this face (our reading).",
        note=faces.name(int(place[0])),
        signed=False,
        limit=max(1.0, float(np.nanmax(learned))),
        label="strength",
        synthetic=faces.cache.synthetic,
    )
    arrays = {"predefined": predefined, "learned": learned}
    return Made(png=png, arrays=arrays, synthetic=faces.cache.synthetic)


def relation_graph(laboratory: Laboratory, item: Item) -> Made:
    """Correlations of predictions as a matrix and a graph (AUNet Figure 8)."""
    (run,) = item.runs
    found = laboratory.predictions(run, dataset=item.options["dataset"])
    truth = relation_matrix(found.occurrence, found.occurrence_known)
    guess = relation_matrix(found.probability, None)
    png = relation_figure(
        {"labels": truth, "predictions of AU-VAE": guess},
        found.action_units,
        title=_title(item),
        subtitle="Correlation coefficients over the test frames of BP4D; the labels' are ours to compare with. The graph joins the "
        "predictions' strong pairs.",
        note=f"{len(found):,} test frames",
        graph_of="predictions of AU-VAE",
        per_row=2,
        synthetic=found.synthetic,
    )
    return Made(png=png, arrays={"labels": truth, "predictions": guess}, synthetic=found.synthetic)


def _batches(faces: TestFaces, model: AUSystem, chosen: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(chosen), 16):
        inputs = faces.inputs(model, chosen[start : start + 16])
        yield inputs["images"], inputs["landmarks"]


def _calmest(faces: TestFaces) -> int:
    """Position of the frame with the least expression, to draw on."""
    return int(faces.strength.sum(1).argmin())


def _plain(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.replace(" ", "_"): table for name, table in values.items()}


def _title(item: Item) -> str:
    return f"{PUBLISHED_NAMES[item.paper]} Fig. {item.number}: {item.title}"

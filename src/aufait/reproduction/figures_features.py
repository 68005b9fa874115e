"""Makers of AUNet's figures: feature maps, failures, differences over time and time lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.evaluation.reports.tables import Column, Row, Table
from aufait.reproduction.examples import TestFaces, first_of_each, numpy
from aufait.reproduction.laboratory import Laboratory
from aufait.reproduction.outputs import Made
from aufait.reproduction.registry import PUBLISHED_NAMES, Item
from aufait.visualization.figures.attention_overlay import attention_overlay
from aufait.visualization.figures.feature_maps import map_picture, mean_response, scaled
from aufait.visualization.figures.picture_grid import Scale, picture_grid
from aufait.visualization.figures.timeline_plots import breaks, prediction_timelines

_RESPONSE = Scale(colours="perceptual", low="low", high="high", label="mean response")
_FACES = 2
_MIXED = ("affwild2", "bp4d", "disfa")
"""Test data sets of the mixed training, the one in the wild first."""


def feature_maps(laboratory: Laboratory, item: Item) -> Made:
    """Mean response of the features at a quarter, an eighth and a sixteenth of the input's side (Figure 6)."""
    grid: list[list[np.ndarray | None]] = []
    rows: list[str] = []
    arrays: dict[str, np.ndarray] = {}
    faces = TestFaces.of(laboratory, item.runs[0])
    places = faces.strongest(_FACES)
    pictures = faces.pictures(places)
    for run, label, parts in (
        (item.runs[0], "ResNet18", ("backbone.layer1", "backbone.layer2", "backbone.layer3")),
        (item.runs[1], "AU-FAN", ("extractor", "head.stages.1", "head.stages.3")),
    ):
        kept = _listen(laboratory.model(run), faces, places, parts)
        for number in range(len(places)):
            maps = [mean_response(numpy(kept[part][number])) for part in parts]
            arrays |= {f"{label}_{number + 1}_{one.shape[0]}": one for one in maps}
            grid.append([pictures[number], *(map_picture(one, side=192) for one in maps)])
            rows.append(f"{label}\nface {number + 1}")
    sides = [one.shape[0] for one in list(arrays.values())[:3]]
    png = picture_grid(
        grid,
        title=_title(item),
        subtitle="Mean absolute response over the channels; each pixel of a map is drawn as a square.",
        note=faces.names(places),
        columns=["face", *(f"{side} x {side}" for side in sides)],
        rows=rows,
        scale=_RESPONSE,
        cell=1.4,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, arrays, faces)


def failures(laboratory: Laboratory, item: Item) -> Made:
    """One action unit with everything visible, with the mouth hidden, and from few pixels, and the worst misses (Figure 7)."""
    (run,) = item.runs
    unit = item.options["action_unit"]
    model = laboratory.model(run)
    faces, place, note = _with_unit(laboratory, run, unit)
    variants = _spoilt(faces.inputs(model, np.array([place]))["images"])
    outputs = [_look(model, images) for images in variants.values()]
    shown = [_as_picture(images[0]) for images in variants.values()]
    names = list(variants)
    missed = _least_sure(laboratory, run, unit, len(names))
    at = model.action_units.index(unit)
    maps = [scaled(numpy(output.extra["attention"][0, 0])) for output in outputs]
    overlays = [attention_overlay(one, two, colours=laboratory.colours) for one, two in zip(shown, maps, strict=True)]
    grid: list[list[np.ndarray | None]] = [[*shown], [*overlays]]
    chances = [float(output.logits[0, at].sigmoid()) for output in outputs]
    captions = [[f"AU{unit}: {chance:.2f}" for chance in chances], [""] * len(names)]
    grid.append([*(face for face, _, _ in missed), *([None] * (len(names) - len(missed)))])
    captions.append([f"{name}, AU{unit}: {chance:.2f}" for _, name, chance in missed])
    png = picture_grid(
        grid,
        title=_title(item),
        subtitle=f"Probability of AU{unit}, which is present in all faces. Above: one face, degraded; middle: the alignment "
        "network's heat maps, each from its lowest to its highest value; below: the test faces with the lowest probability.",
        note=note,
        columns=names,
        rows=["degraded", "heat maps", "least sure"],
        captions=captions,
        cell=1.5,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {"probability": np.array(chances), "heat_maps": np.stack(maps)}, faces)


def difference_features(laboratory: Laboratory, item: Item) -> Made:
    """Static and difference feature of AU-TDN on faces that show an action unit (Figure 9)."""
    (run,) = item.runs
    model = laboratory.model(run)
    faces = TestFaces.of(laboratory, run, item.options["dataset"])
    places, units = _changing(faces, item.options["action_units"], model)
    inputs = faces.inputs(model, places)
    parts = ("head.project", "head.project_difference")
    kept = _listen(model, faces, places, parts)
    static = [mean_response(numpy(one)) for one in kept["head.project"]]
    change = [mean_response(numpy(one)) for one in kept["head.project_difference"]]
    frames = [[_as_picture(inputs["images"][number, which]) for number in range(len(places))] for which in (1, 0, 2)]
    interval = model.config.interval
    png = picture_grid(
        [*frames, [map_picture(one, side=192) for one in static], [map_picture(one, side=192) for one in change]],
        title=_title(item),
        subtitle=f"The frame, its neighbours {interval} frames away laid on it, the static feature and the difference feature: "
        "mean absolute response over the channels.",
        note=faces.names(places),
        columns=[f"AU{unit}" for unit in units],
        rows=["earlier", "current", "later", "static", "difference"],
        scale=_RESPONSE,
        cell=1.35,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {"static": np.stack(static), "difference": np.stack(change), "action_units": np.array(units)}, faces)


def prediction_timeline(laboratory: Laboratory, item: Item) -> Made:
    """Labels and the decisions of two networks over one video (Figure 10)."""
    found = {label: laboratory.predictions(run, dataset=item.options["dataset"])
             for label, run in zip(("AU-FAN", "AU-TDN"), item.runs, strict=True)}  # fmt: skip
    first = found["AU-FAN"]
    video = _liveliest(first.recording, first.occurrence * first.occurrence_known)
    rows = np.flatnonzero(first.recording == video)
    rows = rows[np.argsort(first.frame[rows], kind="stable")]
    chances = {label: _in_order(one, video) for label, one in found.items()}
    png = prediction_timelines(
        first.frame[rows],
        first.occurrence[rows],
        chances,
        first.action_units,
        title=_title(item),
        subtitle="Where each action unit occurs: by the labels, and by two networks from a probability of 0.5.",
        note=f"{video}, {len(rows)} frames",
        known=first.occurrence_known[rows],
        synthetic=first.synthetic,
    )
    changes = {"labels": first.occurrence[rows] > 0, **{label: one >= 0.5 for label, one in chances.items()}}
    table = Table(
        "breaks",
        f"changes between present and absent in {video}, all action units",
        "",
        (Column("changes", "count"),),
        tuple(Row(label, (float(sum(breaks(column) for column in one.T)),)) for label, one in changes.items()),
        ("Fewer changes than another network's mean a steadier prediction.",),
        first.synthetic,
    )
    arrays = {"frame": first.frame[rows], "labels": first.occurrence[rows], **{k.replace("-", "_"): v for k, v in chances.items()}}
    return Made(png=png, tables=(table,), arrays=arrays, synthetic=first.synthetic)


def _in_order(predictions: Any, video: str) -> np.ndarray:
    rows = np.flatnonzero(predictions.recording == video)
    return np.asarray(predictions.probability[rows[np.argsort(predictions.frame[rows], kind="stable")]])


def _liveliest(recordings: np.ndarray, labels: np.ndarray) -> str:
    """The video with the most changes of its labels."""
    names = np.unique(recordings)
    changes = [int(np.abs(np.diff(labels[recordings == name].astype(int), axis=0)).sum()) for name in names]
    return str(names[int(np.argmax(changes))])


def _listen(model: Any, faces: TestFaces, places: np.ndarray, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """Outputs of parts of a network for some faces, by the parts' names."""
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            kept[name] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [model.get_submodule(part).register_forward_hook(keep(part)) for part in parts]
    try:
        faces.look(model, places)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def _look(model: Any, images: Tensor) -> Any:
    with torch.no_grad():
        return model.eval()(images)


def _spoilt(images: Tensor) -> Mapping[str, Tensor]:
    """One face (1, 3, S, S) as it is, with the lower half hidden, at few pixels, and with a blot over the mouth's half."""
    size = images.shape[-1]
    hidden = images.clone()
    hidden[..., int(0.58 * size) :, :] = 0.5
    few = F.interpolate(F.interpolate(images, (20, 20), mode="bilinear", antialias=True), (size, size), mode="nearest")
    half = images.clone()
    half[..., : size // 2] = 0.5
    return {"as it is": images, "mouth hidden": hidden, "20 pixels": few, "half hidden": half}


def _with_unit(laboratory: Laboratory, run: str, unit: int) -> tuple[TestFaces, int, str]:
    """Test faces of the first data set that shows the action unit, and the frame where it is strongest."""
    for dataset in _MIXED:
        faces = TestFaces.of(laboratory, run, dataset)
        if unit not in faces.labels.action_units:
            continue
        strength = faces.strength[:, faces.labels.action_units.index(unit)]
        if strength.max() > 0:
            place = int(strength.argmax())
            return faces, place, faces.name(place)
    raise InputError(f"no face of the test part shows AU{unit}")


def _least_sure(laboratory: Laboratory, run: str, unit: int, count: int) -> list[tuple[np.ndarray, str, float]]:
    """Face, data set and probability of the test frames that show an action unit and got the least, of all data sets.

    Each person comes once before anybody comes again.
    """
    places: list[tuple[float, str, str, int]] = []
    shown: dict[str, TestFaces] = {}
    for dataset in _MIXED:
        found = laboratory.predictions(run, dataset=dataset)
        if unit not in found.action_units:
            continue
        column = found.action_units.index(unit)
        shown[dataset] = TestFaces.of(laboratory, run, dataset)
        positive = np.flatnonzero((found.occurrence[:, column] > 0) & found.occurrence_known[:, column])
        places += [(float(found.probability[row, column]), dataset, str(found.person[row]), int(row)) for row in positive]
    places.sort()
    order = first_of_each(np.arange(len(places)), np.array([f"{dataset} {person}" for _, dataset, person, _ in places]))
    chosen = [places[place] for place in order[:count]]
    return [(shown[name].pictures(np.array([row]))[0], name.upper(), chance) for chance, name, _, row in chosen]


def _changing(faces: TestFaces, wanted: tuple[int, ...], model: Any) -> tuple[np.ndarray, list[int]]:
    """For each action unit the frame at which its strength differs most from that of a neighbour, each frame once."""
    units = [unit for unit in wanted if unit in faces.labels.action_units]
    near = faces.cache.neighbours(faces.rows, model.config.interval)  # (S, 2) rows of the cache
    place_of = np.full(len(faces.cache), -1)
    place_of[faces.rows] = np.arange(len(faces.rows))
    places: list[int] = []
    for unit in units:
        strength = faces.strength[:, faces.labels.action_units.index(unit)]
        others = np.where(place_of[near] >= 0, strength[place_of[near]], strength[:, None])
        change = np.abs(strength[:, None] - others).max(1) + 0.1 * strength
        change[places] = -1.0
        places.append(int(change.argmax()))
    return np.array(places), units


def _as_picture(image: Tensor) -> np.ndarray:
    """(3, S, S) in [0, 1] -> (S, S, 3) uint8."""
    return np.rint(255 * numpy(image.clamp(0, 1)).transpose(1, 2, 0)).astype(np.uint8)


def _title(item: Item) -> str:
    return f"{PUBLISHED_NAMES[item.paper]} Fig. {item.number}: {item.title}"


def _made(png: bytes, arrays: Mapping[str, np.ndarray], faces: TestFaces) -> Made:
    return Made(png=png, arrays=arrays, synthetic=faces.cache.synthetic, facts={"Faces of": faces.dataset.name})

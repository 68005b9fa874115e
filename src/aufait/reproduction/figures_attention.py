"""Makers of ARL's figures: attention maps over faces, channels, occlusions and poses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image

from aufait.data.datasets import open_dataset
from aufait.data.datasets.fera2017 import view_pose
from aufait.data.recording import Recording
from aufait.evaluation.occlusion import CONDITIONS, occlude
from aufait.landmarks import indices
from aufait.reproduction.examples import TestFaces, numpy
from aufait.reproduction.laboratory import Laboratory
from aufait.reproduction.outputs import Made
from aufait.reproduction.registry import PUBLISHED_NAMES, Item
from aufait.visualization.figures.attention_overlay import attention_figure, attention_overlay
from aufait.visualization.figures.feature_maps import strongest_channels
from aufait.visualization.figures.picture_grid import Scale, picture_grid

_FRONTAL = 6
"""View of FERA 2017 without rotation."""


def attention_comparison(laboratory: Laboratory, item: Item) -> Made:
    """JAA-Net's predefined and refined maps and ARL's, for some action units on one face (Figure 1)."""
    jaa, arl = item.runs
    shown = item.options["action_units"]
    faces, others = TestFaces.of(laboratory, arl), TestFaces.of(laboratory, jaa)
    place = faces.strongest(1)
    other_place = _same_frame(others, faces, int(place[0]))
    theirs = others.look(laboratory.model(jaa), other_place)
    own = faces.look(laboratory.model(arl), place)
    found = [numpy(one) for one in (theirs.extra["predefined_maps"], theirs.attention_maps, own.attention_maps)]
    picture, their_picture = faces.pictures(place)[0], others.pictures(other_place)[0]
    units = laboratory.model(arl).action_units
    pictures: list[list[np.ndarray | None]] = []
    arrays: dict[str, np.ndarray] = {}
    for unit in shown:
        at = units.index(unit)
        maps = [one[0, at] for one in found]
        arrays |= {f"AU{unit}_{name}": one for name, one in zip(("predefined", "refined", "arl"), maps, strict=True)}
        grounds = (their_picture, their_picture, picture)
        overlays = [attention_overlay(face, one, colours=laboratory.colours) for face, one in zip(grounds, maps, strict=True)]
        pictures.append([picture, *overlays])
    png = picture_grid(
        pictures,
        title=_title(item),
        subtitle="JAA-Net starts from spots at landmarks and refines them; ARL learns its attention from the labels alone.",
        note=faces.name(int(place[0])),
        columns=["face", "JAA-Net, predefined", "JAA-Net, refined", "ARL"],
        rows=[f"AU{unit}" for unit in shown],
        scale=_scale(laboratory),
        cell=1.65,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, arrays, faces)


def strongest_channel_maps(laboratory: Laboratory, item: Item) -> Made:
    """The three channels of f(2) with the largest channel weights (Figure 3)."""
    (run,) = item.runs
    model, faces = laboratory.model(run), TestFaces.of(laboratory, run)
    place = faces.strongest(1)
    kept: list[torch.Tensor] = []
    handle = model.get_submodule("second").register_forward_hook(lambda *call: kept.append(call[2][0]))
    try:
        output = faces.look(model, place)
    finally:
        handle.remove()
    features = numpy(kept[0].unflatten(1, (len(model.action_units), -1))[0])  # (A, C, h, w)
    weights = numpy(output.extra["channel_attention"][0])  # (A, C)
    picture = faces.pictures(place)[0]
    pictures: list[list[np.ndarray | None]] = []
    captions: list[list[str]] = []
    arrays: dict[str, np.ndarray] = {}
    for unit in item.options["action_units"]:
        at = model.action_units.index(unit)
        chosen, maps = strongest_channels(features[at], weights[at], 3)
        pictures.append([picture, *(attention_overlay(picture, one, colours=laboratory.colours) for one in maps)])
        captions.append(["", *(f"channel {channel}, weight {weights[at, channel]:.2f}" for channel in chosen.tolist())])
        arrays |= {f"AU{unit}_channels": chosen, f"AU{unit}_maps": maps}
    png = picture_grid(
        pictures,
        title=_title(item),
        subtitle="Feature values from low to high over the face, one scale per action unit.",
        note=faces.name(int(place[0])),
        columns=["face", "largest weight", "second", "third"],
        rows=[f"AU{unit}" for unit in item.options["action_units"]],
        captions=captions,
        scale=Scale(colours=laboratory.colours, low="low", high="high", label="feature"),
        cell=1.65,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, arrays, faces)


def refinement(laboratory: Laboratory, item: Item) -> Made:
    """Spatial attention before and after the random field (Figure 4)."""
    (run,) = item.runs
    model, faces = laboratory.model(run), TestFaces.of(laboratory, run)
    place = faces.strongest(1)
    output, picture = faces.look(model, place), faces.pictures(place)[0]
    chosen = [model.action_units.index(unit) for unit in item.options["action_units"]]
    before, after = numpy(output.extra["initial_attention"][0, chosen]), numpy(output.attention_maps)[0, chosen]
    png = attention_figure(
        [picture, picture],
        [before, after],
        item.options["action_units"],
        title=_title(item),
        subtitle="Above: the initial weights; below: after five mean-field iterations of the fully-connected field.",
        note=faces.name(int(place[0])),
        rows=["initial", "refined"],
        colours=laboratory.colours,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {"initial": before, "refined": after}, faces)


def attention_of_two(laboratory: Laboratory, item: Item) -> Made:
    """Attention of JAA-Net and ARL for all action units on several faces (Figure 5)."""
    jaa, arl = item.runs
    faces, others = TestFaces.of(laboratory, arl), TestFaces.of(laboratory, jaa)
    places = faces.strongest(item.options["faces"])
    other_places = np.concatenate([_same_frame(others, faces, int(place)) for place in places])
    own = numpy(faces.look(laboratory.model(arl), places).attention_maps)
    theirs = numpy(others.look(laboratory.model(jaa), other_places).attention_maps)
    pictures, their_pictures = faces.pictures(places), others.pictures(other_places)
    rows, grounds, maps = [], [], []
    for number in range(len(places)):
        rows += [f"face {number + 1}\nJAA-Net", f"face {number + 1}\nARL"]
        grounds += [their_pictures[number], pictures[number]]
        maps += [theirs[number], own[number]]
    png = attention_figure(
        grounds,
        maps,
        laboratory.model(arl).action_units,
        title=_title(item),
        subtitle="Each face twice: above JAA-Net's refined maps, below ARL's refined spatial attention.",
        note=faces.names(places),
        rows=rows,
        colours=laboratory.colours,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {"arl": own, "jaa_net": theirs}, faces)


def attention_rows(laboratory: Laboratory, item: Item) -> Made:
    """Attention for all action units on some faces (Figures 6 and 8)."""
    (run,) = item.runs
    model, faces = laboratory.model(run), TestFaces.of(laboratory, run)
    places = faces.strongest(item.options["faces"])
    maps = numpy(faces.look(model, places).attention_maps)
    png = attention_figure(
        faces.pictures(places),
        list(maps),
        model.action_units,
        title=_title(item),
        subtitle="Refined spatial attention over the window that the network sees.",
        note=faces.names(places),
        rows=[f"face {number + 1}" for number in range(len(places))],
        colours=laboratory.colours,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {"attention": maps}, faces)


def attention_by_intensity(laboratory: Laboratory, item: Item) -> Made:
    """One column per action unit, one row per true intensity, all faces of a column of one person (Figure 7)."""
    (run,) = item.runs
    model, faces = laboratory.model(run), TestFaces.of(laboratory, run)
    units = model.action_units
    places = np.full((6, len(units)), -1)
    for column in range(len(units)):
        places[:, column] = _levels_of_one_person(faces, column)
    wanted = places[places >= 0]
    output = faces.look(model, wanted)
    maps, found = numpy(output.attention_maps), numpy(output.intensity if output.intensity is not None else output.logits)
    grid: list[list[np.ndarray | None]] = [[None] * len(units) for _ in range(6)]
    captions = [[""] * len(units) for _ in range(6)]
    for number, (level, column) in enumerate(np.argwhere(places >= 0).tolist()):
        face = faces.pictures(wanted[[number]])[0]
        grid[level][column] = attention_overlay(face, maps[number, column], colours=laboratory.colours)
        captions[level][column] = f"predicted {found[number, column]:.1f}"
    missing = int((places < 0).sum())
    note = f"{missing} of {places.size} intensities are not shown by the person of that column in the test part" if missing else ""
    png = picture_grid(
        grid,
        title=_title(item),
        subtitle="Rows: true intensity. Each column shows one person and that action unit's refined attention.",
        note=note,
        columns=[f"AU{unit}" for unit in units],
        rows=[f"intensity {level}" for level in range(6)],
        captions=captions,
        scale=_scale(laboratory),
        cell=1.3,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {"attention": maps, "positions": places, "predicted": found}, faces)


def occlusions(laboratory: Laboratory, item: Item) -> Made:
    """A face under the conditions of Table 12 (Figure 9)."""
    faces = _all_faces(laboratory, "bp4d", "arl")
    place = faces.strongest(1)
    picture = faces.pictures(place)[0]
    tensor = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float() / 255
    hidden = [np.rint(255 * occlude(tensor, name).permute(1, 2, 0).numpy()).astype(np.uint8) for name in CONDITIONS]
    png = picture_grid(
        [hidden],
        title=_title(item),
        subtitle="What is visible; left and right are the subject's own.",
        note=faces.name(int(place[0])),
        columns=[name.title() for name in CONDITIONS],
        cell=1.4,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {"faces": np.stack(hidden)}, faces)


def poses(laboratory: Laboratory, item: Item) -> Made:
    """One moment seen from the nine directions of FERA 2017 (Figure 10)."""
    faces = _all_faces(laboratory, "fera2017", "aunet")
    views = np.array([one.view or 0 for one in faces.dataset.recordings])[faces.labels.recording]
    recordings = faces.dataset.recordings
    moments: dict[tuple[str, str, int], dict[int, int]] = {}
    for position in faces.strongest(len(faces.rows), per_person=False).tolist():
        one = recordings[faces.labels.recording[position]]
        moments.setdefault((one.subject, one.task, int(faces.labels.frame[position])), {})[int(views[position])] = position
    # Of the moments that most views show, the one in which the person looks straightest into the frontal view.
    moment, places = min(
        moments.items(), key=lambda entry: (-len(entry[1]), _turned(faces.points(entry[1].get(_FRONTAL, min(entry[1].values())))))
    )
    root = laboratory.root("fera2017")
    whole = {} if root is None else {one.name: one for one in open_dataset("fera2017", root).recordings}
    pictures = {view: _frame(whole, faces, place) for view, place in places.items()}
    order = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    captions = [[f"pose {view}: yaw {view_pose(view)[1]:.0f}°, pitch {view_pose(view)[0]:.0f}°" for view in line] for line in order]
    png = picture_grid(
        [[pictures.get(view) for view in line] for line in order],
        title=_title(item),
        subtitle="Nominal angles; the person's own movement of the head comes on top.",
        note=f"{moment[0]}, task {moment[1]}, frame {moment[2]}",
        captions=captions,
        cell=1.6,
        synthetic=faces.cache.synthetic,
    )
    return _made(png, {f"pose_{view}": picture for view, picture in pictures.items()}, faces)


def _scale(laboratory: Laboratory) -> Scale:
    return Scale(colours=laboratory.colours, low="0", high="1", label="attention")


def _same_frame(others: TestFaces, faces: TestFaces, place: int) -> np.ndarray:
    """(1,) position of the same frame in another alignment of the same data."""
    name = faces.name(place)
    candidates = np.flatnonzero(others.labels.frame == faces.labels.frame[place]).tolist()
    found = [other for other in candidates if others.name(other) == name]
    return np.array(found[:1] or others.strongest(1).tolist())


def _levels_of_one_person(faces: TestFaces, column: int) -> np.ndarray:
    """(6,) positions of the intensities 0 to 5 of one action unit, of the person who shows most of them; -1 where absent."""
    known = faces.labels.intensity_known[:, column] & ~faces.hidden
    level, persons = faces.labels.intensity[:, column], faces.labels.person
    best = np.full(6, -1)
    for person in dict.fromkeys(persons.tolist()):
        rows = [np.flatnonzero(known & (level == value) & (persons == person)) for value in range(6)]
        found = np.array([one[len(one) // 2] if len(one) else -1 for one in rows])
        if (found >= 0).sum() > (best >= 0).sum():
            best = found
    return best


def _turned(points: np.ndarray) -> float:
    """How far a face (49, 2) is turned aside: 0 where the nose is midway between the outer corners of the eyes, 0.5 at one."""
    names = ("right_eye_outer", "left_eye_outer", "nose_tip")
    first, second, nose = (points[indices(name, 49)[0]] for name in names)
    across = second - first
    return float(abs(((nose - first) @ across) / (across @ across) - 0.5))


def _frame(whole: Mapping[str, Recording], faces: TestFaces, place: int) -> np.ndarray:
    """The whole picture that a face was cut from; the aligned face where only prepared faces were given."""
    recording = whole.get(faces.dataset.recordings[faces.labels.recording[place]].name)
    if recording is None or recording.media is None:
        return faces.pictures(np.array([place]), window=320)[0]
    picture = Image.fromarray(recording.media.read(int(faces.labels.frame[place])))
    picture.thumbnail((480, 480))
    return np.asarray(picture)


def _all_faces(laboratory: Laboratory, dataset: str, alignment: str) -> TestFaces:
    cache = laboratory.cache(dataset, alignment)
    return TestFaces.whole(cache.dataset(), cache)


def _title(item: Item) -> str:
    return f"{PUBLISHED_NAMES[item.paper]} Fig. {item.number}: {item.title}"


def _made(png: bytes, arrays: dict[str, np.ndarray], faces: TestFaces) -> Made:
    return Made(png=png, arrays=arrays, synthetic=faces.cache.synthetic, facts={"Faces of": faces.dataset.name})

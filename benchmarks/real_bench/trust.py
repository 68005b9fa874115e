"""Is ``quality`` worth its name? Error against quality on the development set, and quality under known defects.

Error of a face: mean over its known units of |probability - label|, and the share of wrong decisions at 0.5. Defects: each is
put on one picture of every person or clip; ``change`` is the mean change of the intensities from the unspoilt picture. Yaw: on
renders of unseen persons, whose intensities are known.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aufait.detection import RECOMMENDED_QUALITY
from aufait.detection.detector import Detector
from aufait.errors import MissingExtraError, MissingModelError
from aufait.media.images import read_image
from aufait.metrics import Interval, bootstrap_by_subject
from aufait.results import FaceAnalysis
from aufait.visualization.figures.picture_grid import picture_grid

from . import degradations as spoil
from .detecting import add_detector_options, labelled_face, largest_face, make_detector
from .development import LabelledFace, analyse, read_labelled_faces, tables
from .sheets import face_crop
from .sides import FIRST_PERSON

DEFECTS: Mapping[str, spoil.Degradation] = {
    "blur, 5 % of the eye distance": spoil.blur(0.05),
    "blur, 15 %": spoil.blur(0.15),
    "eyes 24 pixels apart": spoil.shrink(24),
    "eyes 12 pixels apart": spoil.shrink(12),
    "JPEG quality 5": spoil.compress(5),
    "a twentieth of the light": spoil.darken(0.05),
    "box over the mouth": spoil.box_over(spoil.MOUTH),
    "box over brows and eyes": spoil.box_over(spoil.BROWS_AND_EYES),
    "box over the left half": spoil.box_over(spoil.LEFT_HALF),
    "hand over the mouth": spoil.hand_over(spoil.MOUTH),
    "hand over the eyes": spoil.hand_over(spoil.EYES),
    "upside down": spoil.turn(),
}
YAWS = (0, 20, 40, 55, 70, 85)


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Options of ``quality``."""
    parser.add_argument("folder", type=Path, help="the labelled faces: labels.json and images/")
    add_detector_options(parser)
    parser.add_argument("--assets", type=Path, help="ICT-FaceKit file for the renders")
    parser.add_argument("--renders", type=int, default=8, metavar="N", help="rendered persons for the yaws; 0 for none")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="draw faces by quality, and each defect with its quality")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Analyse, spoil, analyse again; print the tables."""
    faces = read_labelled_faces(options.folder)
    with make_detector(options) as detector:
        found = analyse(detector, faces)
        print_error_by_quality(faces, found)
        spoilt = print_defects(detector, faces, found)
        if options.renders:
            try:
                print_yaws(detector, options.renders, options.assets)
            except (MissingExtraError, MissingModelError) as error:
                print(f"no renders: {error}")
    if options.sheets:
        write_sheets(options.sheets, faces, found, spoilt)


def face_errors(truth: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean |probability - label| and share of wrong decisions of each face, over its known units.

    Args:
        truth: (N, A) 1, 0 or nan. probability: (N, A).

    Returns:
        (N,) twice; nan for a face without a known label.
    """
    known = ~np.isnan(truth)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.where(known, np.abs(probability - np.nan_to_num(truth)), 0).sum(axis=1) / count
        wrong = (known & ((probability >= 0.5) != (truth == 1))).sum(axis=1) / count
    return distance, wrong


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's, ties given their mean rank; nan where either does not vary."""
    ranks = []
    for values in (first, second):
        _, place, count = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - (count - 1) / 2)[place])
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return float("nan")
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def thirds(values: np.ndarray) -> list[np.ndarray]:
    """Rows of the lowest, middle and highest third."""
    return list(np.array_split(np.argsort(values, kind="stable"), 3))


def print_error_by_quality(faces: Sequence[LabelledFace], found: Sequence[FaceAnalysis | None]) -> None:
    """Error in each third of the quality, above and below the recommended limit, and of occluded faces."""
    _, truth, probability = tables(faces, found)
    rows = np.array([k for k, face in enumerate(found) if face is not None])
    quality = np.array([found[k].quality for k in rows])  # type: ignore[union-attr]
    distance, wrong = (values[rows] for values in face_errors(truth, probability))
    groups = np.array([faces[k].group for k in rows])
    occluded = np.array([faces[k].occluded for k in rows])
    parts = dict(zip(("lowest third", "middle third", "highest third"), thirds(quality), strict=True))
    parts |= {f"below {RECOMMENDED_QUALITY:g}": np.flatnonzero(quality < RECOMMENDED_QUALITY)}
    parts |= {f"{RECOMMENDED_QUALITY:g} or more": np.flatnonzero(quality >= RECOMMENDED_QUALITY)}
    parts |= {"marked as occluded": np.flatnonzero(occluded), "not occluded": np.flatnonzero(~occluded)}
    print(f"\nerror against quality, {len(rows)} found faces (95 %: draws of people or clips)\n")
    print("| faces | n | quality | mean abs. error of the probability | wrong at 0.5 |\n|---|---|---|---|---|")
    for name, part in parts.items():
        if len(part):
            spread = f"{np.median(quality[part]):.2f} ({quality[part].min():.2f}-{quality[part].max():.2f})"
            errors = f"{_mean(distance, part, groups)} | {_mean(wrong, part, groups, percent=True)}"
            print(f"| {name} | {len(part)} | {spread} | {errors} |")
    link = bootstrap_by_subject(lambda chosen: rank_correlation(quality[chosen], distance[chosen]), groups)
    print(f"\nrank correlation of quality and error: {link.value:.2f} ({link.low:.2f} to {link.high:.2f}); below 0 is right")


def _mean(values: np.ndarray, rows: np.ndarray, groups: np.ndarray, *, percent: bool = False) -> str:
    if len(np.unique(groups[rows])) < 2:
        return f"{100 * values[rows].mean():.1f} %" if percent else f"{values[rows].mean():.3f}"
    part = values[rows]
    result: Interval = bootstrap_by_subject(lambda chosen: float(np.nanmean(part[chosen])), groups[rows])
    if percent:
        return f"{100 * result.value:.1f} % ({100 * result.low:.1f}-{100 * result.high:.1f})"
    return f"{result.value:.3f} ({result.low:.3f}-{result.high:.3f})"


def print_defects(
    detector: Detector, faces: Sequence[LabelledFace], found: Sequence[FaceAnalysis | None]
) -> dict[str, list[tuple[np.ndarray, FaceAnalysis | None]]]:
    """Quality under each defect, on the best picture of every person or clip; returns pictures and results for a sheet."""
    chosen: dict[str, int] = {}
    for k, face in enumerate(found):
        best = chosen.get(faces[k].group)
        if face is not None and not faces[k].occluded and (best is None or face.quality > found[best].quality):  # type: ignore[union-attr]
            chosen[faces[k].group] = k
    before = {k: found[k] for k in chosen.values()}
    results: dict[str, list[tuple[np.ndarray, FaceAnalysis | None]]] = {}
    print(f"\ndefects on {len(before)} faces without occlusion, one of each person or clip (range: 10th and 90th percentile)\n")
    print(f"| defect | found | quality | below {RECOMMENDED_QUALITY:g} | mean change of intensity |\n|---|---|---|---|---|")
    original = np.array([face.quality for face in before.values()])  # type: ignore[union-attr]
    print(_defect_row("none", len(before), original, np.zeros(len(before))))
    for name, defect in DEFECTS.items():
        results[name] = []
        quality, change = [], []
        for k, old in before.items():
            image = read_image(faces[k].path)
            picture = defect(image, old.landmarks)  # type: ignore[union-attr]
            box = _box_after(name, faces[k].box, image.shape)
            new = labelled_face(detector.analyze_image(picture).faces, box)
            results[name].append((face_crop(picture, box), new))
            if new is not None:
                quality.append(new.quality)
                change.append(float(np.abs(new.intensity - old.intensity).mean()))  # type: ignore[union-attr]
        print(_defect_row(name, len(before), np.array(quality), np.array(change)))
    return results


def _box_after(name: str, box: tuple[float, float, float, float], shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return (shape[1] - x - width, shape[0] - y - height, width, height) if name == "upside down" else box


def _defect_row(name: str, total: int, quality: np.ndarray, change: np.ndarray) -> str:
    if not len(quality):
        return f"| {name} | 0/{total} | | | |"
    low, middle, high = np.quantile(quality, [0.1, 0.5, 0.9])
    refused = 100 * (quality < RECOMMENDED_QUALITY).mean()
    return f"| {name} | {len(quality)}/{total} | {middle:.2f} ({low:.2f}-{high:.2f}) | {refused:.0f} % | {change.mean():.2f} |"


def print_yaws(detector: Detector, people: int, assets: Path | None) -> None:
    """Quality and error of the intensities of rendered persons as the head turns.

    Raises:
        MissingExtraError, MissingModelError: the engine or its geometry is not there.
    """
    from aufait.synthetic.drawing.scene import sample_scene
    from aufait.synthetic.head.actions import sample_intensities
    from aufait.synthetic.head.assets import find_assets, load_face_model
    from aufait.synthetic.renderer import make_person, render

    model = load_face_model(find_assets(assets))
    gathered: dict[int, list[tuple[float, float]]] = {yaw: [] for yaw in YAWS}
    for number in range(people):
        seed = FIRST_PERSON + 5000 + number
        person, scene = make_person(model, seed), sample_scene(seed * 1000, occluder_odds=0.0)
        intensities = sample_intensities(np.random.default_rng(seed))
        for yaw in YAWS:
            turned = replace(scene, rotation=(0.0, float(yaw if number % 2 else -yaw), 0.0))
            frame = render(person, intensities, turned)
            face = largest_face(detector.analyze_image(frame.image).faces)
            if face is not None:
                sides = (frame.intensities.left, frame.intensities.right)
                truth = np.array([max(side.get(unit, 0.0) for side in sides) for unit in face.action_units])
                gathered[yaw].append((face.quality, float(np.abs(face.intensity - truth).mean())))
    print(
        f"\nyaw of {people} rendered persons\n\n| degrees | found | quality | mean abs. error of the intensity |\n|---|---|---|---|"
    )
    for yaw, values in gathered.items():
        if values:
            quality, error = np.array(values).T
            low, middle, high = np.quantile(quality, [0.1, 0.5, 0.9])
            print(f"| {yaw} | {len(values)}/{people} | {middle:.2f} ({low:.2f}-{high:.2f}) | {error.mean():.2f} |")
        else:
            print(f"| {yaw} | 0/{people} | | |")


def write_sheets(
    folder: Path,
    faces: Sequence[LabelledFace],
    found: Sequence[FaceAnalysis | None],
    spoilt: Mapping[str, Sequence[tuple[np.ndarray, FaceAnalysis | None]]],
    columns: int = 12,
) -> None:
    """``quality.png``: all faces by rising quality; ``defects.png``: some faces under each defect."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = sorted((k for k, face in enumerate(found) if face is not None), key=lambda k: found[k].quality)  # type: ignore[union-attr]
    lines = [rows[k : k + columns] for k in range(0, len(rows), columns)]
    crops = [[face_crop(read_image(faces[k].path), faces[k].box) for k in line] for line in lines]
    captions = [[f"{found[k].quality:.2f}{' occl.' if faces[k].occluded else ''}" for k in line] for line in lines]  # type: ignore[union-attr]
    (folder / "quality.png").write_bytes(picture_grid(crops, title="Faces by quality", captions=captions, cell=0.9))
    pictures = [[crop for crop, _ in results[:columns]] for results in spoilt.values()]
    captions = [["-" if face is None else f"{face.quality:.2f}" for _, face in results[:columns]] for results in spoilt.values()]
    names = [name.replace(", ", ",\n") for name in spoilt]
    (folder / "defects.png").write_bytes(
        picture_grid(pictures, title="Quality under defects", rows=names, captions=captions, cell=0.9)
    )

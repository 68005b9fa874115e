"""Brows that move on a camera's pictures: are they told from brows at rest?

The neutral London and Canada portraits of people kept out of training, as they are and with their brows moved
(``aufait.shipped.action_units.moved_brows``): raised inside, outside, as a whole, and oblique (AU1 with AU4) as in grief.
Bending shows the movement of a unit without its furrows, so the figures say how well movement alone is read on real skin.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aufait.detection.detector import Detector
from aufait.media.images import read_image
from aufait.metrics import roc_area
from aufait.shipped.action_units.moved_brows import MOVED_UNITS, cut_out, move_brows
from aufait.shipped.real_faces import read_real_faces
from aufait.synthetic.head.assets import find_assets, load_face_model
from aufait.synthetic.head.expression import Intensities

from .detecting import add_detector_options, largest_face, make_detector
from .scoring import share

MOVES: dict[str, dict[int, float]] = {
    "at rest": {},
    "inner brows raised": {1: 4.0},
    "outer brows raised": {2: 4.0},
    "whole brows raised": {1: 4.0, 2: 4.0},
    "oblique brows": {1: 4.0, 4: 3.5},
    "oblique, raised": {1: 4.0, 2: 2.5, 4: 3.0},
}
"""What the brows do -> intensity of each unit, on both sides."""


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Options of ``brows``."""
    parser.add_argument("folder", type=Path, help="holds the listed real faces, SET/FILE")
    add_detector_options(parser)
    parser.add_argument("--assets", type=Path, help="ICT-FaceKit file, whose geometry says where the brows go")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Analyse the portraits with each move; print how often each unit is found."""
    with make_detector(options) as detector:
        scores = {name: np.array(rows) for name, rows in _scores(detector, options).items()}  # (N, units) probabilities
    print("\nunits found at a probability of 0.5 (Wilson 95 %), by what the brows do\n")
    print(f"| brows | faces | {' | '.join(f'AU{unit}' for unit in MOVED_UNITS)} |\n|{'---|' * (len(MOVED_UNITS) + 2)}")
    for name, values in scores.items():
        told = " | ".join(str(share([bool(value >= 0.5) for value in column])) for column in values.T)
        print(f"| {name} | {len(values)} | {told} |")
    for column, unit in enumerate(MOVED_UNITS):
        acting = np.concatenate([values[:, column] for name, values in scores.items() if unit in MOVES[name]])
        quiet = np.concatenate([values[:, column] for name, values in scores.items() if unit not in MOVES[name]])
        area = roc_area(np.repeat([True, False], (len(acting), len(quiet))), np.concatenate([acting, quiet]))
        print(f"AU{unit}: ROC area {area:.3f}, {len(acting)} with it, {len(quiet)} without")


def _scores(detector: Detector, options: argparse.Namespace) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {name: [] for name in MOVES}
    for name, picture in _pictures(detector, options):
        face = largest_face(detector.analyze_image(picture).faces)
        if face is not None:
            found[name].append([float(face.probability[face.index(unit)]) for unit in MOVED_UNITS])
    return found


def _pictures(detector: Detector, options: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    model = load_face_model(find_assets(options.assets))
    for number, one in enumerate(read_real_faces(options.folder, held_out=True, sets=("london", "canada"))):
        if one.expression != "neutral":
            continue
        image = read_image(one.path)
        face = largest_face(detector.analyze_image(image).faces)
        if face is None:
            continue
        part, corner = cut_out(image, face.landmarks)
        for name, units in MOVES.items():
            rng = np.random.default_rng([number, len(name)])
            moved, _ = move_brows(part, face.landmarks - corner, Intensities.symmetric(units), model, rng)
            yield name, moved

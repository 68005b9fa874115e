"""The labelled development set: reading it, scoring it, its table and its CSV."""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aufait.detection.detector import Detector
from aufait.errors import InputError
from aufait.media.images import read_image
from aufait.metrics import Interval
from aufait.results import FaceAnalysis
from aufait.shipped.action_units.labelled_faces import LabelledFace, label_table, read_labelled_faces

from .detecting import add_detector_options, labelled_face, make_detector
from .scoring import MIN_POSITIVES, Scores, score_units, verdict
from .sheets import reliability_figure, write_error_sheets

F1_BAR, ROC_BAR, UNIT_ROC_BAR = 0.82, 0.965, 0.90


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Options of ``dev``."""
    parser.add_argument("folder", type=Path, help="holds labels.json and images/")
    add_detector_options(parser)
    parser.add_argument("--csv", type=Path, help="write id and one probability per action unit here")
    parser.add_argument("--reliability", type=Path, metavar="PNG", help="draw how often a unit occurs per predicted probability")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="write the worst false alarms and misses of each unit")
    parser.set_defaults(run=run)


def analyse(detector: Detector, faces: Sequence[LabelledFace]) -> list[FaceAnalysis | None]:
    """What the detector says of each labelled face; None where it does not find it."""
    return [labelled_face(detector.analyze_image(read_image(face.path)).faces, face.box) for face in faces]


def tables(faces: Sequence[LabelledFace], found: Sequence[FaceAnalysis | None]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of the A units that are labelled and scored; (N, A) labels, nan where unknown; (N, A) probabilities, 0 unfound."""
    scored = next((face.action_units for face in found if face is not None), ())
    names = [name for name in faces[0].labels if name in {f"AU{unit}" for unit in scored}]
    truth = label_table(faces, [int(name[2:]) for name in names])
    probability = np.zeros_like(truth)
    for row, face in enumerate(found):
        if face is not None:
            probability[row] = [face.probability[face.index(int(name[2:]))] for name in names]
    return names, truth, probability


def table(scores: Scores) -> str:
    """Markdown table with a line of means."""
    head = "| AU | positives | negatives | F1 at 0.5 (95 %) | F1, left-out thresholds | ROC area (95 %) | calibration error |"
    lines = [head, "|" + "---|" * 7]
    for unit in scores.units:
        few = "" if unit.positives >= MIN_POSITIVES else " *"
        lines.append(
            f"| {unit.name[2:]}{few} | {unit.positives} | {unit.negatives} | {_interval(unit.f1)} | {unit.f1_left_out:.2f} | "
            f"{_interval(unit.roc)} | {unit.calibration_error:.2f} |"
        )
    lines.append(
        f"| **mean of {len(scores.counted)}** | | | **{_interval(scores.f1, 3)}** | **{scores.f1_left_out:.3f}** | "
        f"**{_interval(scores.roc, 3)}** | |"
    )
    if len(scores.counted) < len(scores.units):
        lines.append(f"\n\\* fewer than {MIN_POSITIVES} positives: not in the mean")
    return "\n".join(lines)


def write_csv(path: Path, faces: Sequence[LabelledFace], found: Sequence[FaceAnalysis | None]) -> None:
    """One line per found face: id, quality, and the probability of each action unit."""
    units = next((face.action_units for face in found if face is not None), ())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "quality", *(f"AU{unit}" for unit in units)])
        for face, result in zip(faces, found, strict=True):
            if result is not None:
                writer.writerow([face.name, f"{result.quality:.4f}", *(f"{p:.6f}" for p in result.probability)])


def run(options: argparse.Namespace) -> None:
    """Score, print, and write what was asked for."""
    faces = read_labelled_faces(options.folder)
    with make_detector(options) as detector:
        found = analyse(detector, faces)
    names, truth, probability = tables(faces, found)
    groups = [face.group for face in faces]
    missed = [face.name for face, result in zip(faces, found, strict=True) if result is None]
    print(f"{len(faces)} faces of {len(set(groups))} people or clips, found {len(faces) - len(missed)}", end="")
    print(f"; missed: {', '.join(missed)}" if missed else "")
    if not names:
        raise InputError("no labelled face was found; check the finder")
    scores = score_units(names, truth, probability, groups)
    print("intervals: 1000 draws of people or clips\n\n" + table(scores) + "\n")
    print(verdict("mean F1 at 0.5", scores.f1.value, F1_BAR))
    print(verdict("mean ROC area", scores.roc.value, ROC_BAR))
    worst = min(scores.counted, key=lambda unit: unit.roc.value)
    print(verdict(f"lowest ROC area ({worst.name})", worst.roc.value, UNIT_ROC_BAR))
    if options.csv:
        write_csv(options.csv, faces, found)
    if options.reliability:
        options.reliability.write_bytes(reliability_figure(names, truth, probability))
    if options.sheets:
        count = write_error_sheets(options.sheets, names, truth, probability, faces, found)
        print(f"{count} sheets in {options.sheets}")


def _interval(interval: Interval, digits: int = 2) -> str:
    if math.isnan(interval.value):
        return "-"
    return f"{interval.value:.{digits}f} ({interval.low:.{digits}f}-{interval.high:.{digits}f})"

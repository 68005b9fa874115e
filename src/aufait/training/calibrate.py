"""Calibration of a finished model on labelled real faces, as its finder shows them: ``aufait calibrate``.

The network stays as it is; only the scale and shift of each unit with enough labels are fitted again (see ``calibration``). The
figures that are returned come from tables fitted without the face's own person or clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.errors import InputError
from aufait.inference.detector import Detector
from aufait.media.images import read_image
from aufait.metrics import f1_frame, roc_area
from aufait.models.au_predictor import Calibration
from aufait.models.base_rates import REFERENCE_RATE
from aufait.models.shipped import model_header, model_path, open_model
from aufait.training.calibration import calibrate_on_labels, left_out_scores
from aufait.training.labelled_faces import best_match, label_table, read_labelled_faces

FEWEST_SHOWN = 5
"""Units with fewer faces that show them are left out of the mean figures."""


@dataclass(frozen=True)
class CalibrationReport:
    """Where the model was written and how it does, each face scored by a table fitted without its group.

    Attributes:
        path: the calibrated weight file.
        faces, found: labelled faces, and those that the finder found.
        units: AU number -> (positives, negatives, F1 at 0.5, ROC area).
    """

    path: Path
    faces: int
    found: int
    units: dict[int, tuple[int, int, float, float]]

    @property
    def f1(self) -> float:
        """Mean over the units with at least ``FEWEST_SHOWN`` positives."""
        return float(np.mean([row[2] for row in self.units.values() if row[0] >= FEWEST_SHOWN]))

    @property
    def roc_area(self) -> float:
        """The same for the ROC area."""
        return float(np.mean([row[3] for row in self.units.values() if row[0] >= FEWEST_SHOWN]))


def calibrate_model(
    model: str | Path,
    labelled_faces: str | Path,
    out: str | Path,
    *,
    finder: str = "auto",
    finder_model: str | Path | None = None,
) -> CalibrationReport:
    """Fit a model's calibration to labelled faces and write it to a file of its own.

    Args:
        model: ``"mesh"``, ``"compact"``, ``"default"`` or a weights file.
        labelled_faces: folder with ``labels.json``, see ``labelled_faces``.
        out: the new weights file.
        finder: face finder by name.
        finder_model: the finder's own file.

    Raises:
        InputError: labels that cannot be read, or no labelled face was found.
        MissingModelError: a model file is absent.
    """
    faces = read_labelled_faces(Path(labelled_faces))
    with Detector(finder=finder, finder_model=finder_model, model="compact") as probe:
        name = probe.finder_name
    predictor = open_model(model, finder=name)
    kept = predictor.calibration.table
    predictor.calibration = Calibration(None, predictor.action_units, REFERENCE_RATE)
    scores, rows = [], []
    with Detector(finder=finder, finder_model=finder_model, model=predictor) as detector:
        for row, labelled in enumerate(faces):
            found = detector.analyze_image(read_image(labelled.path)).faces
            match = best_match([face.box for face in found], labelled.box)
            if match is not None:
                scores.append(found[match].probability)
                rows.append(row)
    if not rows:
        raise InputError(f"none of the {len(faces)} labelled faces of {labelled_faces} was found by the {name} finder")
    sure = np.clip(np.stack(scores).astype(np.float64), 1e-7, 1 - 1e-7)
    logits, chosen = np.log(sure / (1 - sure)), [faces[row] for row in rows]
    labels, groups = label_table(chosen, predictor.action_units), np.array([face.group for face in chosen])
    left_out = left_out_scores(logits, labels, groups, kept)
    predictor.calibration = Calibration(calibrate_on_labels(logits, labels, kept), predictor.action_units, REFERENCE_RATE)
    notes = model_header(model_path(model, finder=name)).get("training", {})
    path = predictor.save(out, notes | {"calibrated_on": {"labelled_faces": len(rows), "finder": name}})
    units = {}
    for column, unit in enumerate(predictor.action_units):
        known = np.isfinite(labels[:, column])
        present = labels[known, column] > 0.5
        if present.any() and not present.all():
            f1 = f1_frame(present, left_out[known, column] >= 0)
            area = roc_area(present, logits[known, column])
            units[unit] = (int(present.sum()), int((~present).sum()), float(f1), float(area))
    return CalibrationReport(path, len(faces), len(rows), units)

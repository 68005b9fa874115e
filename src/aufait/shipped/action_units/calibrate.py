"""Calibration of a finished model on labelled real faces, as its finder shows them: ``aufait calibrate``.

The network stays as it is; only the scale and shift of each unit with enough labels are fitted again (see ``calibration``). The
figures that are returned come from tables fitted without the face's own person or clip.

Studio portraits, where they are given, add three things. People who smile on request show AU 12 and people at rest do not: they
count in addition to the labelled faces, and a probability of one half is put midway between the faces with and without AU 12
(``MIDWAY_TAIL``), because a threshold fitted to plain faces is wrong for weak smiles. For the same reason AU 6 is shifted until two
thirds of these smiles show it (``CHEEKS_RAISED``). And a unit that no labelled face shows is
shifted until hardly any resting face is given it. The people that ``real_faces`` keeps out take no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.detection.detector import Detector
from aufait.errors import InputError
from aufait.media.images import read_image
from aufait.metrics import f1_frame, roc_area
from aufait.models.default.base_rates import REFERENCE_RATE
from aufait.models.default.predictor import Calibration
from aufait.models.default.shipped import model_header, model_path, open_model
from aufait.shipped.action_units.calibration import (
    calibrate_on_labels,
    enough_labels,
    left_out_scores,
    midway,
    quiet_at_rest,
    shown_by,
)
from aufait.shipped.action_units.labelled_faces import best_match, label_table, read_labelled_faces
from aufait.shipped.real_faces import HELD_OUT_SETS, read_real_faces

RESTING_ALARMS = 0.01
"""Share of resting portraits that may be given a unit that no labelled face shows."""
PORTRAIT_UNIT = 12
"""The unit that a smile on request shows."""
MIDWAY_TAIL = 0.05
"""Share of the faces with and of those without that unit that is ignored as unusual when the middle between them is sought."""
CHEEKS_RAISED = 2 / 3
"""Share of the smiles on request that should be given AU 6. Posed smiles raise the cheeks about as often as felt ones do
(Krumhuber and Manstead, Emotion 9(6), 2009), but mildly, and the labelled faces that show AU 6 are laughing ones: fitted to
them alone, one half lies above most mild smiles."""
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
    portraits: str | Path | None = None,
) -> CalibrationReport:
    """Fit a model's calibration to labelled faces and write it to a separate file.

    Args:
        model: ``"mesh"``, ``"compact"``, ``"default"`` or a weights file.
        labelled_faces: folder with ``labels.json``, see ``labelled_faces``.
        out: the new weights file.
        finder: face finder by name.
        finder_model: the finder's own file.
        portraits: folder with the pictures that ``real_faces.csv`` lists, of which the studio portraits are used.

    Raises:
        InputError: labels that cannot be read, or no labelled face was found.
        MissingModelError: a model file is absent.
    """
    faces = read_labelled_faces(Path(labelled_faces))
    with Detector(finder=finder, finder_model=finder_model, model="compact") as probe:
        name = probe.finder_name
    predictor = open_model(model, finder=name)
    start = predictor.calibration.table
    predictor.calibration = Calibration(None, predictor.action_units, REFERENCE_RATE)
    with Detector(finder=finder, finder_model=finder_model, model=predictor) as detector:
        found = [_found(detector, face.path, face.box) for face in faces]
        studio = [] if portraits is None else read_real_faces(portraits, held_out=False, sets=HELD_OUT_SETS)
        seen = [_found(detector, face.path, None) for face in studio]
    rows = [row for row, scores in enumerate(found) if scores is not None]
    if not rows:
        raise InputError(f"none of the {len(faces)} labelled faces of {labelled_faces} was found by the {name} finder")
    logits, chosen = _stack(found), [faces[row] for row in rows]
    labels, groups = label_table(chosen, predictor.action_units), np.array([face.group for face in chosen])
    studio = [face for face, scores in zip(studio, seen, strict=True) if scores is not None]
    smiles, rests = (np.array([face.expression == kind for face in studio], bool) for kind in ("smiling", "neutral"))
    portrait, cheeks = (predictor.action_units.index(unit) for unit in (PORTRAIT_UNIT, 6))
    seen_logits = _stack(seen) if studio else logits[:0]
    studio_labels = np.full((len(studio), len(predictor.action_units)), np.nan)
    studio_labels[:, portrait] = smiles

    def fit(kept: np.ndarray) -> np.ndarray:
        """The table from some of the labelled faces, (N,) bool, and all portraits."""
        scores, all_labels = np.concatenate([logits[kept], seen_logits]), np.concatenate([labels[kept], studio_labels])
        table = calibrate_on_labels(scores, all_labels, start)
        if rests.any():
            table = quiet_at_rest(table, seen_logits[rests], ~enough_labels(all_labels), RESTING_ALARMS)
        if rests.any() and smiles.any():
            without, shown = (scores[all_labels[:, portrait] == kind, portrait] for kind in (0, 1))
            table = midway(table, portrait, without, shown, MIDWAY_TAIL)
            table = shown_by(table, cheeks, seen_logits[smiles, cheeks], CHEEKS_RAISED)
        return table

    table, left_out = fit(np.ones(len(logits), bool)), left_out_scores(logits, groups, fit)
    predictor.calibration = Calibration(table, predictor.action_units, REFERENCE_RATE)
    notes = model_header(model_path(model, finder=name)).get("training", {})
    path = predictor.save(out, notes | {"calibrated_on": {"labelled_faces": len(rows), "portraits": len(studio), "finder": name}})
    units = {}
    for column, unit in enumerate(predictor.action_units):
        known = np.isfinite(labels[:, column])
        present = labels[known, column] > 0.5
        if present.any() and not present.all():
            f1 = f1_frame(present, left_out[known, column] >= 0)
            area = roc_area(present, logits[known, column])
            units[unit] = (int(present.sum()), int((~present).sum()), float(f1), float(area))
    return CalibrationReport(path, len(faces), len(rows), units)


def _found(detector: Detector, path: Path, box: Sequence[float] | None) -> np.ndarray | None:
    """(A,) probabilities of the labelled face of a picture, or of the largest; None where it is not found."""
    faces = detector.analyze_image(read_image(path)).faces
    match = (0 if faces else None) if box is None else best_match([face.box for face in faces], box)
    return None if match is None else faces[match].probability


def _stack(scores: Sequence[np.ndarray | None]) -> np.ndarray:
    """(N, A) log-odds of those that were found."""
    sure = np.clip(np.stack([row for row in scores if row is not None]).astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(sure / (1 - sure))

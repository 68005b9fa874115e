"""Run a detector over the pictures of a data set, from the picture to the scores: what a user of it would get.

The subject is the largest face; in videos that person is followed. A picture without a face counts as one in which the detector
saw no action unit (probability 0): leaving such pictures out would flatter it. The notes say how many there are. Frames whose
picture is absent or damaged are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.data.preparation.finding import is_tracked, readable_pictures
from aufait.detection.worker_detector import WorkerDetector
from aufait.errors import InputError
from aufait.evaluation.predict import labelled_predictions
from aufait.evaluation.predictions import Predictions
from aufait.workers.contract import Executor
from aufait.workers.sharing import each_value, is_spread, threads_each

if TYPE_CHECKING:
    from aufait.data.dataset import AUDataset
    from aufait.data.recording import Recording
    from aufait.detection.detector import Detector
    from aufait.results import FaceAnalysis, FrameAnalysis


@dataclass(frozen=True)
class _Frame:
    """What ``Detector.follow`` takes."""

    index: int
    timestamp: float
    image: np.ndarray


def predict_pictures(
    detector: Detector,
    dataset: AUDataset,
    *,
    action_units: Sequence[int] | None = None,
    about: Mapping[str, Any] | None = None,
    synthetic: bool = False,
    progress: Callable[[int, int], None] | None = None,
    executor: Executor | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Predictions:
    """What a detector says about every labelled frame of a data set.

    Args:
        detector: with any model.
        dataset: opened with pictures.
        action_units: those to score; None takes all that model and data set share.
        about: facts to keep with the predictions.
        synthetic: whether the pictures are rendered.
        progress: is called with the number of frames done and of all.
        executor: how to spread the recordings; None: one after the other, in this process.
        arguments: of the ``Detector`` that each of several workers makes; the same as made ``detector``.

    Raises:
        InputError: no frame, no picture, or action units that the model does not score.
    """
    units = _units(detector, dataset, action_units)
    chosen = dataset.with_action_units(units)
    if not len(chosen):
        raise InputError(f"{dataset.name} has no frame to evaluate")
    parts = _all_scores(detector, chosen, units, progress, executor, arguments)
    probability, intensity, read, found = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not read.any():
        raise InputError(f"no picture of {dataset.name} can be read; check that its folder is the right one and whole")
    graded = found.any() and not np.isnan(intensity[found]).any()
    scores = {"probability": probability} | ({"intensity": intensity} if graded else {})
    pose = np.full((len(read), 3), np.nan, np.float32)
    facts = {"dataset": dataset.name, "visible": "full", **(about or {}), "notes": _notes(read, found)}
    predictions = labelled_predictions(scores, chosen.label_table(), chosen, pose, facts, synthetic=synthetic)
    return predictions if read.all() else predictions.select(read)


def _all_scores(
    detector: Detector, dataset: AUDataset, units: Sequence[int], progress: Callable[[int, int], None] | None,
    executor: Executor | None, arguments: Mapping[str, Any] | None,
) -> list[tuple[np.ndarray, ...]]:  # fmt: skip
    """``_scores`` of each recording."""
    given = dict(arguments or {})
    given["threads"] = threads_each(executor, given.get("threads"))
    work = _Scoring(None if is_spread(executor) else detector, given, [detector.action_units.index(unit) for unit in units])
    recordings, done = dataset.recordings, 0
    values: dict[int, tuple[np.ndarray, ...]] = {}
    names = [recording.name for recording in recordings]
    for index, value in each_value(executor, work, recordings, names=names):
        values[index] = value
        done += len(recordings[index])
        if progress is not None:
            progress(done, len(dataset))
    return [values[index] for index in range(len(recordings))]


@dataclass(frozen=True, eq=False)
class _Scoring:
    """What is done to a recording."""

    lent: Detector | None
    """The detector of this process; None in others, which make their own."""
    arguments: dict[str, Any]
    columns: list[int]

    def begin(self) -> WorkerDetector:
        """The detector."""
        return WorkerDetector.make(self.lent, self.arguments)

    def do(self, tools: WorkerDetector, item: Recording, tell: Callable[[Any], None]) -> tuple[np.ndarray, ...]:
        """One recording."""
        return _scores(tools.detector, item, self.columns)


def _units(detector: Detector, dataset: AUDataset, wanted: Sequence[int] | None) -> tuple[int, ...]:
    shared = tuple(unit for unit in dataset.action_units if unit in detector.action_units)
    units = shared if wanted is None else tuple(wanted)
    missing = [unit for unit in units if unit not in detector.action_units]
    if missing or not units:
        known, lacking = ", ".join(map(str, detector.action_units)), ", ".join(map(str, missing)) or "any of those asked for"
        raise InputError(f"the model scores AUs {known}, not AU {lacking}; score the shared ones only with --shared")
    return units


def _scores(detector: Detector, recording: Recording, columns: list[int]) -> tuple[np.ndarray, ...]:
    """Probability (F, A), intensity (F, A) with nan where not given, and which frames were read and showed a face, (F,) each."""
    shape = (len(recording), len(columns))
    probability, intensity = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    read, found = np.zeros(shape[0], bool), np.zeros(shape[0], bool)
    subject: int | None = None
    for row, result in _results(detector, recording):
        read[row] = True
        face = _subject_of(result, subject)
        if face is None:
            continue
        subject = face.face_id if is_tracked(recording) else None
        found[row] = True
        probability[row] = face.probability[columns]
        intensity[row] = np.nan if face.intensity is None else face.intensity[columns]
    return probability, intensity, read, found


def _results(detector: Detector, recording: Recording) -> Iterator[tuple[int, FrameAnalysis]]:
    """(row, result) of every frame that can be read, in order."""
    pictures = readable_pictures(recording)
    if not is_tracked(recording):
        yield from ((row, detector.analyze_image(image)) for row, _, image in pictures)
        return
    rows: list[int] = []

    def frames() -> Iterator[_Frame]:
        for index, (row, time, image) in enumerate(pictures):
            rows.append(row)
            yield _Frame(index, time, image)

    for place, frame in enumerate(detector.follow(frames(), source=recording.name)):
        yield rows[place], frame.analysis


def _subject_of(result: FrameAnalysis, subject: int | None) -> FaceAnalysis | None:
    known = None if subject is None else result.face(subject)
    return known or result.main_face()


def _notes(read: np.ndarray, found: np.ndarray) -> list[str]:
    notes = []
    unread, faceless = int((~read).sum()), int((read & ~found).sum())
    if faceless:
        notes.append(f"In {faceless:,} of {int(read.sum()):,} pictures no face was found; they count as showing no action unit.")
    if unread:
        notes.append(f"{unread:,} labelled frames without a readable picture are left out.")
    return notes


def with_synthetic_marks(dataset: AUDataset, root: Any) -> tuple[AUDataset, bool]:
    """The data set with what a rendered one says about its subjects and frames, and whether it is rendered."""
    from aufait.data.preparation.sources import mark_synthetic

    recordings, synthetic = mark_synthetic(dataset.recordings, root)
    return replace(dataset, recordings=tuple(recordings)), bool(synthetic)

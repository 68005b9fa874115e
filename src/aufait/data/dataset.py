"""A data set: recordings, and what was odd about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.recording import Recording
from aufait.data.sample import FaceSample
from aufait.errors import InputError


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The labels of a whole data set as S rows; row order is that of iteration.

    Attributes:
        action_units: FACS numbers of the A columns.
        recording: (S,) int32 position in ``AUDataset.recordings``.
        row: (S,) int32 row within that recording.
        frame: (S,) int64 frame number.
        person: (S,) str identity across data sets.
        occurrence, intensity: (S, A) int8.
        occurrence_known, intensity_known: (S, A) bool.
    """

    action_units: tuple[int, ...]
    recording: np.ndarray
    row: np.ndarray
    frame: np.ndarray
    person: np.ndarray
    occurrence: np.ndarray
    intensity: np.ndarray
    occurrence_known: np.ndarray
    intensity_known: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def occurrence_rate(self) -> np.ndarray:
        """(A,) float64 share of positives among known frames; nan where no frame is known."""
        known = self.occurrence_known.sum(0)
        positives = (self.occurrence.astype(bool) & self.occurrence_known).sum(0)
        return np.where(known > 0, positives / np.maximum(known, 1), np.nan)


@dataclass(frozen=True, eq=False)
class AUDataset:
    """Recordings with the same action unit columns; iteration yields one ``FaceSample`` per labelled frame.

    Selections share the arrays of the whole and cost nothing.

    Attributes:
        name: name of the data set; joined names for a union.
        action_units: FACS numbers of the label columns.
        recordings: sorted by data set, subject, task and view.
        anomalies: what was odd while reading.
        occurrence_threshold: intensity from which occurrence was derived, or None where people coded it.
    """

    name: str
    action_units: tuple[int, ...]
    recordings: tuple[Recording, ...]
    anomalies: AnomalyLog
    occurrence_threshold: int | None = None

    def __post_init__(self) -> None:
        other = next((one for one in self.recordings if one.action_units != self.action_units), None)
        if other is not None:
            raise ValueError(f"{other.name} has action units {other.action_units}, the data set {self.action_units}")

    def __len__(self) -> int:
        """Number of labelled frames."""
        return sum(len(recording) for recording in self.recordings)

    def __iter__(self) -> Iterator[FaceSample]:
        return (sample for recording in self.recordings for sample in recording)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in order of first appearance, each once."""
        return tuple(dict.fromkeys(recording.subject for recording in self.recordings))

    @property
    def persons(self) -> tuple[str, ...]:
        """Identities across data sets, in order of first appearance, each once."""
        return tuple(dict.fromkeys(recording.person for recording in self.recordings))

    def select(
        self,
        subjects: Collection[str] | None = None,
        *,
        tasks: Collection[str] | None = None,
        views: Collection[int] | None = None,
        where: Callable[[Recording], bool] | None = None,
    ) -> AUDataset:
        """The recordings that fulfil all conditions; the result may be empty.

        Args:
            subjects: subjects ("F001") or identities ("bp4d:F001").
            tasks: names of tasks.
            views: numbers of views.
            where: any further condition.

        Raises:
            InputError: a subject that the data set does not have.
        """
        if subjects is not None:
            unknown = set(subjects) - set(self.subjects) - set(self.persons)
            if unknown:
                raise InputError(f"{self.name} has no subject {', '.join(sorted(unknown))}; it has {', '.join(self.subjects)}")
        kept = [
            one
            for one in self.recordings
            if (subjects is None or one.subject in subjects or one.person in subjects)
            and (tasks is None or one.task in tasks)
            and (views is None or one.view in views)
            and (where is None or where(one))
        ]
        return replace(self, recordings=tuple(kept))

    def with_action_units(self, action_units: Sequence[int]) -> AUDataset:
        """Other label columns, in that order; those that are not coded here are unknown everywhere."""
        units = tuple(int(unit) for unit in action_units)
        return replace(self, action_units=units, recordings=tuple(one.with_action_units(units) for one in self.recordings))

    def with_threshold(self, threshold: int) -> AUDataset:
        """Occurrence := intensity >= threshold, in recordings whose occurrence was not coded by people.

        Raises:
            InputError: the threshold is not 1 to 5.
        """
        if not 1 <= threshold <= 5:
            raise InputError(f"the occurrence threshold must be an intensity from 1 to 5, got {threshold}")
        if all(one.occurrence_coded for one in self.recordings):
            return self
        changed = tuple(one.with_threshold(threshold) for one in self.recordings)
        return replace(self, recordings=changed, occurrence_threshold=threshold)

    def fingerprint(self) -> str:
        """Hash of everything that training sees of the labels: recordings, frames, action units, labels and masks.

        Where the files are does not count, so that a copy of the same data has the same fingerprint.
        """
        digest = hashlib.sha256(repr((self.name, self.action_units)).encode())
        for one in self.recordings:
            digest.update(repr((one.name, one.person, len(one))).encode())
            for values in (one.frames, one.occurrence, one.intensity, one.occurrence_known, one.intensity_known):
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def label_table(self) -> LabelTable:
        """All labels in one piece, S rows."""
        parts = self.recordings
        sizes = [len(one) for one in parts]
        width = len(self.action_units)

        def stack(name: str, dtype: type) -> np.ndarray:
            rows = [getattr(one, name) for one in parts]
            return np.concatenate(rows) if rows else np.zeros((0, width), dtype=dtype)

        return LabelTable(
            action_units=self.action_units,
            recording=np.repeat(np.arange(len(parts), dtype=np.int32), sizes),
            row=np.concatenate([np.arange(size, dtype=np.int32) for size in sizes] or [np.zeros(0, np.int32)]),
            frame=np.concatenate([one.frames for one in parts] or [np.zeros(0, np.int64)]),
            person=np.repeat(np.array([one.person for one in parts], dtype=str), sizes),
            occurrence=stack("occurrence", np.int8),
            intensity=stack("intensity", np.int8),
            occurrence_known=stack("occurrence_known", bool),
            intensity_known=stack("intensity_known", bool),
        )


def union(datasets: Iterable[AUDataset], action_units: Sequence[int], name: str | None = None) -> AUDataset:
    """Several data sets as one, with the given label columns; what a data set does not code is unknown there."""
    parts = [one.with_action_units(action_units) for one in datasets]
    log = AnomalyLog()
    for part in parts:
        log.extend(part.anomalies)
    return AUDataset(
        name=name or "+".join(dict.fromkeys(part.name for part in parts)),
        action_units=tuple(int(unit) for unit in action_units),
        recordings=tuple(recording for part in parts for recording in part.recordings),
        anomalies=log,
    )

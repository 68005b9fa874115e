"""A recording: all labelled frames of one subject in one task (and view), as columns.

Data sets have 10^5 to 10^6 frames, so labels are kept as arrays per recording; single ``FaceSample`` objects are made when
somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np

from aufait.data.pictures import Media, Video
from aufait.data.sample import FaceSample
from aufait.errors import InputError

LandmarkLoader = Callable[[np.ndarray], np.ndarray]
"""Frame numbers (F,) -> landmarks (F, N, 2) float32 in pixels, nan where there are none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Labels of F frames for A action units, and where the pictures are.

    Attributes:
        dataset: name of the data set.
        subject: person as the distribution spells it.
        task: task, trial or video; "" where there is one recording per subject.
        frames: (F,) int64 frame numbers as the label files count them, strictly increasing; not necessarily without gaps.
        action_units: FACS numbers of the A columns.
        occurrence: (F, A) int8, 0 or 1; 0 where unknown.
        intensity: (F, A) int8, 0 to 5; 0 where unknown.
        occurrence_known: (F, A) bool.
        intensity_known: (F, A) bool.
        media: pictures by frame number, or None.
        nominal_rate: frames per second as published, for sources that carry no times; None where unknown.
        first_frame: number of the first frame of the pictures, time 0.
        view: camera view, or None.
        person: identity across data sets; people shared by two data sets have one. Made of data set and subject if empty.
        pose: (F, 3) float32 pitch, yaw, roll in degrees, or None.
        attributes: facts about the whole recording ({"partition": "train"}).
        frame_attributes: facts per frame, name -> (F,) array.
        load_landmarks: reads the landmarks of given frames; None where the data set has none.
        occurrence_coded: whether occurrence was coded by people; False where it follows from the intensity.
    """

    dataset: str
    subject: str
    task: str
    frames: np.ndarray
    action_units: tuple[int, ...]
    occurrence: np.ndarray
    intensity: np.ndarray
    occurrence_known: np.ndarray
    intensity_known: np.ndarray
    media: Media | None = None
    nominal_rate: float | None = None
    first_frame: int = 1
    view: int | None = None
    person: str = ""
    pose: np.ndarray | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    frame_attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    load_landmarks: LandmarkLoader | None = None
    occurrence_coded: bool = True

    def __post_init__(self) -> None:
        if not self.person:
            object.__setattr__(self, "person", f"{self.dataset}:{self.subject}")
        shape = (len(self.frames), len(self.action_units))
        for name in ("occurrence", "intensity", "occurrence_known", "intensity_known"):
            if getattr(self, name).shape != shape:
                raise InputError(f"{self.name}: {name} must have shape {shape}, got {getattr(self, name).shape}")
        if len(self.frames) > 1 and (np.diff(self.frames) <= 0).any():
            raise InputError(f"{self.name}: frame numbers must increase")

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to other processes: read-only views of attributes cannot be, so as plain dictionaries."""
        return self.__dict__ | {name: dict(getattr(self, name)) for name in ("attributes", "frame_attributes")}

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[FaceSample]:
        return (self.sample(row) for row in range(len(self)))

    @property
    def name(self) -> str:
        """Unique within a data set: ``bp4d/F001/T1``, with the view at the end where there are several."""
        parts = [self.dataset, self.subject, self.task, "" if self.view is None else str(self.view)]
        return "/".join(part for part in parts if part)

    @cached_property
    def frame_rate(self) -> float | None:
        """Frames per second: of the video's container where there is one, else as published; None where unknown."""
        if isinstance(self.media, Video) and self.media.header.frame_rate:
            return self.media.header.frame_rate
        return self.nominal_rate

    def times(self) -> np.ndarray:
        """(F,) float64 seconds since ``first_frame`` at the nominal rate; nan where that is unknown.

        For a video of variable rate the true times come with ``images``.
        """
        rate = self.frame_rate
        return (self.frames - self.first_frame) / rate if rate else np.full(len(self), np.nan)

    @cached_property
    def landmarks(self) -> np.ndarray | None:
        """(F, N, 2) float32 in pixels, read when first asked for; None where the data set has none.

        Raises:
            MissingExtraError: the file format needs a package of the extra ``train``.
            InputError: the landmark file cannot be read.
        """
        return None if self.load_landmarks is None else self.load_landmarks(self.frames)

    def sample(self, row: int) -> FaceSample:
        """The sample of one row (0 to F - 1); nothing is read before its picture or its landmarks are asked for."""
        rate = self.frame_rate
        return FaceSample(
            dataset=self.dataset,
            subject=self.subject,
            task=self.task,
            frame=int(self.frames[row]),
            time=float(self.frames[row] - self.first_frame) / rate if rate else float("nan"),
            action_units=self.action_units,
            occurrence=self.occurrence[row],
            intensity=self.intensity[row],
            occurrence_known=self.occurrence_known[row],
            intensity_known=self.intensity_known[row],
            media=self.media,
            pose=None if self.pose is None else self.pose[row],
            view=self.view,
            person=self.person,
            attributes={**self.attributes, **{name: values[row] for name, values in self.frame_attributes.items()}},
            load_landmarks=None if self.load_landmarks is None else partial(self._landmarks_of, row),
        )

    def _landmarks_of(self, row: int) -> np.ndarray | None:
        return None if self.landmarks is None else self.landmarks[row]

    def images(self, rows: Sequence[int] | np.ndarray | None = None) -> Iterator[tuple[int, float, np.ndarray]]:
        """Pictures in order: (row, time in s, (H, W, 3) uint8 RGB). Rows whose picture is absent are left out.

        A video is decoded once from its start, and the times are those of its stream (less that of no frame).

        Args:
            rows: wanted rows; all if None.

        Raises:
            InputError: opened without pictures, or a file cannot be read.
        """
        if self.media is None:
            raise InputError(f"{self.name} was opened without pictures (need_media=False)")
        wanted = np.arange(len(self)) if rows is None else np.unique(np.asarray(rows, dtype=np.int64))
        times = self.times()
        for frame, time, image in self.media.read_many(self.frames[wanted]):
            row = int(np.searchsorted(self.frames, frame))
            yield row, (float(times[row]) if np.isnan(time) else time), image

    def rows(self, keep: np.ndarray) -> Self:
        """The recording with some rows only; ``keep`` is a boolean mask (F,) or increasing row numbers."""
        return replace(
            self,
            frames=self.frames[keep],
            occurrence=self.occurrence[keep],
            intensity=self.intensity[keep],
            occurrence_known=self.occurrence_known[keep],
            intensity_known=self.intensity_known[keep],
            pose=None if self.pose is None else self.pose[keep],
            frame_attributes={name: values[keep] for name, values in self.frame_attributes.items()},
        )

    def with_action_units(self, action_units: Sequence[int]) -> Self:
        """Other columns, in that order; action units that are not labelled here are unknown in every frame."""
        source = [self.action_units.index(unit) if unit in self.action_units else -1 for unit in action_units]
        columns = np.array(source, dtype=np.int64)
        absent = columns < 0

        def pick(values: np.ndarray) -> np.ndarray:
            if not self.action_units:
                return np.zeros((len(self), len(source)), dtype=values.dtype)
            picked = values[:, columns]
            picked[:, absent] = 0
            return picked

        return replace(
            self,
            action_units=tuple(int(unit) for unit in action_units),
            occurrence=pick(self.occurrence),
            intensity=pick(self.intensity),
            occurrence_known=pick(self.occurrence_known),
            intensity_known=pick(self.intensity_known),
        )

    def with_threshold(self, threshold: int) -> Self:
        """Occurrence := intensity >= threshold wherever the intensity is known; elsewhere occurrence stays.

        Recordings whose occurrence was coded by people are returned unchanged.
        """
        if self.occurrence_coded:
            return self
        return replace(
            self,
            occurrence=((self.intensity >= threshold) & self.intensity_known).astype(np.int8),
            occurrence_known=self.intensity_known.copy(),
        )

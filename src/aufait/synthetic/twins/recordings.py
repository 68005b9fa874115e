"""Recordings of the twins in each data set's own folders and formats.

Each writer takes the plans of one job (a recording; a subject where the data set packs subjects) and writes everything that the
distribution has for it. Labels come from what was drawn, not from what was planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aufait.landmarks import convert
from aufait.synthetic.assets import FaceModel
from aufait.synthetic.renderer import Frame
from aufait.synthetic.twins import files
from aufait.synthetic.twins.behaviour import COLUMN, UNITS
from aufait.synthetic.twins.layouts import TwinLayout
from aufait.synthetic.twins.people import film, subject_person
from aufait.synthetic.twins.planning import RecordingPlan

UNLABELLED = 9
NEVER_DRAWN = frozenset({11, 13, 16, 18, 19, 22, 27})
"""Coded by people but never drawn in a twin, so that 0 is exact."""


@dataclass(eq=False)
class Takes:
    """What was drawn of one recording, gathered while its pictures go to the disc.

    Attributes:
        plan: of the recording.
        levels: per frame (len(UNITS),) intensity of the stronger side.
        landmarks: per frame (68, 2).
        visible: per frame, the number of landmarks in view.
    """

    plan: RecordingPlan
    view: tuple[float, float] = (0.0, 0.0)
    levels: list[np.ndarray] = field(default_factory=list)
    landmarks: list[np.ndarray] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)

    def take(self, frame: Frame) -> np.ndarray:
        """Note a frame's labels; its picture (S, S, 3) comes back."""
        sides = (frame.intensities.left, frame.intensities.right)
        self.levels.append(np.array([max(side.get(unit, 0.0) for side in sides) for unit in UNITS]))
        self.landmarks.append(frame.landmarks)
        self.boxes.append(frame.box)
        return frame.image

    def rounded(self, unit: int) -> np.ndarray:
        """(F,) whole intensities 0 to 5 of a unit; 0 for units that are never drawn."""
        if unit not in COLUMN:
            return np.zeros(len(self.levels), dtype=np.int64)
        return np.floor(np.stack(self.levels)[:, COLUMN[unit]] + 0.5).astype(np.int64)

    def points(self, count: int) -> np.ndarray:
        """(F, count, 2) landmarks in the scheme with that many points."""
        return convert(np.stack(self.landmarks).astype(np.float64), count)

    def record(self) -> dict[str, Any]:
        """What the marker file tells of the recording."""
        levels = np.stack(self.levels)
        pose = self.plan.pose + (*self.view, 0.0)
        return {
            "subject": self.plan.subject,
            "task": self.plan.task,
            "person": self.plan.person,
            "frames": self.plan.frames.tolist(),
            "occlusion": self.plan.occlusion.tolist(),
            "pose": np.round(pose, 2).tolist(),
            "intensity": {f"AU{unit:02d}": np.round(levels[:, place], 3).tolist() for unit, place in COLUMN.items()},
        }


@dataclass(frozen=True)
class Stage:
    """Where and how a job draws.

    Attributes:
        root: folder of the twin.
        layout: of the data set.
        model: face geometry.
        size, supersample, seed, fps: settings of the twin.
    """

    root: Path
    layout: TwinLayout
    model: FaceModel
    size: int
    supersample: float
    seed: int
    fps: float

    def film(self, takes: Takes) -> Iterator[np.ndarray]:
        """The pictures of a recording; labels gather in ``takes``."""
        person = subject_person(self.model, takes.plan.person, self.seed, self.layout.indoors)
        frames = film(
            person,
            takes.plan,
            size=self.size,
            supersample=self.supersample,
            indoors=self.layout.indoors,
            view=takes.view,
        )
        for frame in frames:
            yield takes.take(frame)


Records = dict[str, dict[str, Any]]
Writer = Callable[[Stage, RecordingPlan], Records]


def write_bp4d(stage: Stage, plan: RecordingPlan) -> Records:
    """Pictures with four digits, occurrence of all numbers up to 99, five intensities, the 49-point track."""
    takes = Takes(plan)
    folder = stage.root / "Sequences(2D+3D)" / plan.subject / plan.task
    _write_pictures(stage, takes, folder, "{:04d}.jpg", 0)
    header = range(1, 100)
    coded = (*_DRAWN_AND_CODED, *NEVER_DRAWN)
    write_family_labels(takes, header, coded, stage.root / "AUCoding" / "AU_OCC", stage.root / "AUCoding" / "AU_INT")
    files.write_track(stage.root / "2DFeatures" / f"{plan.subject}_{plan.task}.mat", takes.points(49))
    return {plan.name: takes.record()}


_DRAWN_AND_CODED = tuple(unit for unit in UNITS if unit not in (28, 43))
_INTENSITY_UNITS = (6, 10, 12, 14, 17)


def write_family_labels(
    takes: Takes, header: range | tuple[int, ...], coded: tuple[int, ...], occurrence: Path, intensity: Path
) -> None:
    """Coding files of the BP4D family; occurrence is a whole intensity of 1 (FACS A) or more."""
    plan = takes.plan
    codes = np.full((len(plan.frames), len(header)), UNLABELLED, dtype=np.int64)
    for column, unit in enumerate(header):
        if unit in coded:
            codes[:, column] = takes.rounded(unit) >= 1
    name = f"{plan.subject}_{plan.task}"
    files.write_text(occurrence / f"{name}.csv", files.occurrence_table(plan.frames, list(header), codes))
    for unit in _INTENSITY_UNITS:
        text = files.intensity_list(plan.frames, takes.rounded(unit))
        files.write_text(intensity / f"AU{unit:02d}" / f"{name}_AU{unit:02d}.csv", text)


def _write_pictures(stage: Stage, takes: Takes, folder: Path, pattern: str, offset: int) -> None:
    for frame, image in zip(takes.plan.frames.tolist(), stage.film(takes), strict=True):
        files.write_picture(folder / pattern.format(frame + offset), image)


def write_disfa(stage: Stage, plan: RecordingPlan) -> Records:
    """The left camera's video, twelve intensity files, one landmark file per frame."""
    takes = Takes(plan)
    video = stage.root / "Videos_LeftCamera" / f"LeftVideo{plan.subject}_comp.avi"
    files.write_avi(video, stage.film(takes), stage.fps)
    for unit in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26):
        text = files.intensity_list(plan.frames, takes.rounded(unit))
        files.write_text(stage.root / "ActionUnit_Labels" / plan.subject / f"{plan.subject}_au{unit}.txt", text)
    folder = stage.root / "Landmark_Points" / plan.subject / "tmp_frame_lm"
    for frame, points in zip(plan.frames.tolist(), takes.points(66), strict=True):
        files.write_points(folder / f"{plan.subject}_{frame - 1:04d}_lm.mat", points)
    return {plan.name: takes.record()}


WRITERS: Mapping[str, Writer] = {"bp4d": write_bp4d, "disfa": write_disfa}
"""Data set -> writer of one recording."""

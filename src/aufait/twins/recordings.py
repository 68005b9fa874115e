"""Recordings of the twins in each data set's own folders and formats.

Each writer takes the plans of one job (a recording; a subject where the data set packs subjects) and writes everything that the
distribution has for it. Labels come from what was drawn, not from what was planned.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from aufait.action_units import AU_SETS
from aufait.data.datasets.fera2017 import view_pose
from aufait.files.atomic import whole_file
from aufait.landmarks import convert
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.renderer import Frame
from aufait.twins import files
from aufait.twins.behaviour import COLUMN, UNITS
from aufait.twins.layouts import TwinLayout
from aufait.twins.people import film, subject_person
from aufait.twins.planning import RecordingPlan

UNLABELLED = 9
NEVER_DRAWN = frozenset({11, 13, 16, 18, 19, 22, 27})
"""Coded by people but never drawn in a twin, so that 0 is exact."""
BP4D_CODED = frozenset({*UNITS, *NEVER_DRAWN} - {28, 43})
BP4D_PLUS_CODED = BP4D_CODED | {28}
"""Units with 0 and 1 in the coding files; the columns of all others hold 9."""


OWN_FOLDERS = frozenset(
    {
        *("Sequences(2D+3D)", "2D+3D", "2DFeatures", "AUCoding", "AU Intensity Codes3.0", "BP4D-training", "BP4D-development"),
        *("Videos_LeftCamera", "Video_RightCamera", "ActionUnit_Labels", "Landmark_Points", "Images", "Labels"),
        *("AU_Set", "cropped_aligned"),
    }
)
"""Folders that the writers make below the root."""

_VIEWS_MARGIN = 1.15
"""A turned head swings aside; nine views of one recording share a wider picture."""


@dataclass(eq=False)
class Takes:
    """What was drawn of one recording of F labelled frames, gathered while its pictures go to the disc.

    Attributes:
        plan: of the recording.
        pitch, yaw: degrees by which the view turns the head away, as in ``RecordingPlan.pose``.
        levels: per picture (len(UNITS),) intensity of the stronger side, in steps of 0.001 as the marker file has it.
        landmarks: per picture (68, 2).
    """

    plan: RecordingPlan
    pitch: float = 0.0
    yaw: float = 0.0
    levels: list[np.ndarray] = field(default_factory=list)
    landmarks: list[np.ndarray] = field(default_factory=list)

    def take(self, frame: Frame) -> np.ndarray:
        """Note a frame's labels; its picture (S, S, 3) comes back."""
        sides = (frame.intensities.left, frame.intensities.right)
        self.levels.append(np.round([max(side.get(unit, 0.0) for side in sides) for unit in UNITS], 3))
        self.landmarks.append(frame.landmarks)
        return frame.image

    @property
    def frames(self) -> np.ndarray:
        """(F,) numbers of the labelled frames."""
        return self.plan.frames[self.plan.labelled]

    def rounded(self, unit: int) -> np.ndarray:
        """(F,) whole intensities 0 to 5 of a unit; 0 for units that are never drawn."""
        if unit not in COLUMN:
            return np.zeros(len(self.frames), dtype=np.int64)
        return np.floor(self._shown()[:, COLUMN[unit]] + 0.5).astype(np.int64)

    def _shown(self) -> np.ndarray:
        """(F, len(UNITS)) intensities of the labelled frames."""
        return np.stack(self.levels[self.plan.labelled])

    def codes(self, units: Sequence[int], coded: frozenset[int] = BP4D_PLUS_CODED) -> np.ndarray:
        """(F, len(units)) 1 from FACS A on, 0 below, 9 for units that are not coded."""
        codes = np.full((len(self.frames), len(units)), UNLABELLED, dtype=np.int64)
        for column, unit in enumerate(units):
            if unit in coded:
                codes[:, column] = self.rounded(unit) >= 1
        return codes

    def points(self, count: int) -> np.ndarray:
        """(pictures, count, 2) landmarks in the scheme with that many points."""
        return convert(np.stack(self.landmarks).astype(np.float64), count)

    def record(self) -> dict[str, Any]:
        """What the marker file says about the recording."""
        levels, own = self._shown(), self.plan.labelled
        pose = self.plan.pose[own] + (self.pitch, self.yaw, 0.0)
        return {
            "subject": self.plan.subject,
            "task": self.plan.task,
            "person": self.plan.person,
            "frames": self.frames.tolist(),
            "occlusion": self.plan.occlusion[own].tolist(),
            "pose": np.round(pose, 2).tolist(),
            "intensity": {f"AU{unit:02d}": levels[:, place].tolist() for unit, place in COLUMN.items()},
        }


@dataclass(frozen=True)
class Stage:
    """Where and how a job draws.

    Attributes:
        root: folder of the twin.
        layout: of the data set.
        model: face geometry.
        size, supersample, seed, fps: settings of the twin.
        views: that recordings are drawn from.
        cameras: that film a recording side by side.
    """

    root: Path
    layout: TwinLayout
    model: FaceModel
    size: int
    supersample: float
    seed: int
    fps: float
    views: tuple[int, ...] = ()
    cameras: tuple[str, ...] = ()

    def film(self, takes: Takes) -> Iterator[np.ndarray]:
        """The pictures of a recording; labels gather in ``takes``."""
        person = subject_person(self.model, takes.plan.person, self.seed, self.layout.indoors)
        frames = film(
            person,
            takes.plan,
            size=self.size,
            supersample=self.supersample,
            indoors=self.layout.indoors,
            view=(takes.pitch, takes.yaw),
            margin=_VIEWS_MARGIN if self.views else 1.0,
        )
        for frame in frames:
            yield takes.take(frame)


Records = dict[str, dict[str, Any]]
Writer = Callable[[Stage, Sequence[RecordingPlan]], Records]

_BP4D_COLUMNS = tuple(range(1, 100))
_BP4D_PLUS_COLUMNS = (*(1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 27), *range(28, 40))
_INTENSITY_UNITS = (6, 10, 12, 14, 17)
_DISFA_UNITS = AU_SETS["disfa_intensity"]
_FERA2017_INTENSITY_UNITS = (1, 4, 6, 10, 12, 14, 17)
_ARCHIVE_TIME = (2000, 1, 1, 0, 0, 0)


def _write_bp4d(stage: Stage, plans: Sequence[RecordingPlan]) -> Records:
    """Pictures with four digits, a column for every number up to 99, five intensities, the 49-point track."""
    records: Records = {}
    for plan in plans:
        takes = Takes(plan)
        _write_pictures(stage, takes, stage.root / "Sequences(2D+3D)" / plan.subject / plan.task, "{:04d}.jpg")
        coding = stage.root / "AUCoding"
        _write_coding(takes, _BP4D_COLUMNS, BP4D_CODED, coding / "AU_OCC", coding / "AU_INT")
        files.write_track(stage.root / "2DFeatures" / f"{plan.subject}_{plan.task}.mat", takes.points(49))
        records[plan.name] = takes.record()
    return records


def _write_bp4d_plus(stage: Stage, plans: Sequence[RecordingPlan]) -> Records:
    """One archive per subject with pictures counted from 0, 34 columns, five intensities, the 49-point track."""
    records: Records = {}
    target = stage.root / "2D+3D" / f"{plans[0].subject}.zip"
    with whole_file(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for plan in plans:
            takes = Takes(plan)
            for frame, image in zip(plan.frames.tolist(), stage.film(takes), strict=True):
                name = f"{plan.subject}/{plan.task}/{frame - 1:04d}.jpg"
                archive.writestr(zipfile.ZipInfo(name, _ARCHIVE_TIME), files.jpeg(image))
            coding = stage.root / "AUCoding"
            _write_coding(takes, _BP4D_PLUS_COLUMNS, BP4D_PLUS_CODED, coding / "AU_OCC", coding / "AU_INT")
            files.write_track(stage.root / "2DFeatures" / f"{plan.subject}_{plan.task}.mat", takes.points(49))
            records[plan.name] = takes.record()
    return records


def _write_fera2015(stage: Stage, plans: Sequence[RecordingPlan]) -> Records:
    """As BP4D, in the folders of the challenge; no landmarks are distributed."""
    records: Records = {}
    for plan in plans:
        takes = Takes(plan)
        home = "BP4D-training" if stage.layout.partitions[plan.subject] == "train" else "BP4D-development"
        _write_pictures(stage, takes, stage.root / home / plan.subject / plan.task, "{:04d}.jpg")
        _write_coding(takes, _BP4D_COLUMNS, BP4D_CODED, stage.root / "AUCoding", stage.root / "AU Intensity Codes3.0")
        records[plan.name] = takes.record()
    return records


def _write_coding(takes: Takes, columns: Sequence[int], coded: frozenset[int], occurrence: Path, intensity: Path) -> None:
    """Coding files of the BP4D family; occurrence is a whole intensity of 1 (FACS A) or more."""
    plan = takes.plan
    name = f"{plan.subject}_{plan.task}"
    table = files.occurrence_table(takes.frames, columns, takes.codes(columns, coded))
    files.write_text(occurrence / f"{name}.csv", table)
    for unit in _INTENSITY_UNITS:
        text = files.intensity_list(takes.frames, takes.rounded(unit))
        files.write_text(intensity / f"AU{unit:02d}" / f"{name}_AU{unit:02d}.csv", text)


def _write_pictures(stage: Stage, takes: Takes, folder: Path, pattern: str) -> None:
    for frame, image in zip(takes.plan.frames.tolist(), stage.film(takes), strict=True):
        files.write_picture(folder / pattern.format(frame), image)


_DISFA_CAMERAS: Mapping[str, tuple[str, str, float]] = MappingProxyType(
    {
        "left": ("Videos_LeftCamera", "LeftVideo{}_comp.avi", 0.0),
        "right": ("Video_RightCamera", "RightVideo{}_Comp.avi", 7.0),
    }
)
"""Camera -> folder and file as on the disc, and the yaw by which it sees the head turned to the person's own right.

The angle between the cameras is our choice; none of our sources gives it.
"""


def _write_disfa(stage: Stage, plans: Sequence[RecordingPlan]) -> Records:
    """A video per camera, twelve intensity files, and one landmark file per frame of the left camera."""
    records: Records = {}
    for plan in plans:
        subject = plan.subject
        for camera in reversed(stage.cameras):  # labels and landmarks are those of the camera that comes last
            folder, name, yaw = _DISFA_CAMERAS[camera]
            takes = Takes(plan, yaw=yaw)
            files.write_avi(stage.root / folder / name.format(subject), stage.film(takes), stage.fps)
            records[plan.name if camera == "left" else f"{plan.name}/{camera}"] = takes.record()
        for unit in _DISFA_UNITS:
            text = files.intensity_list(plan.frames, takes.rounded(unit))
            files.write_text(stage.root / "ActionUnit_Labels" / subject / f"{subject}_au{unit}.txt", text)
        if "left" in stage.cameras:
            home = stage.root / "Landmark_Points" / subject / "tmp_frame_lm"
            for frame, points in zip(plan.frames.tolist(), takes.points(66), strict=True):
                files.write_points(home / f"{subject}_{frame - 1:04d}_lm.mat", points)
    return records


def _write_disfa_plus(stage: Stage, plans: Sequence[RecordingPlan]) -> Records:
    """Pictures 000.jpg, 001.jpg, ... and twelve intensity files per trial, with two header lines."""
    records: Records = {}
    for plan in plans:
        takes = Takes(plan)
        _write_pictures(stage, takes, stage.root / "Images" / plan.subject / plan.task, "{:03d}.jpg")
        for unit in _DISFA_UNITS:
            rows = zip(plan.frames.tolist(), takes.rounded(unit).tolist(), strict=True)
            text = f"AU{unit}\nframe     intensity\n" + "".join(f"{frame:03d}.jpg     {level}\n" for frame, level in rows)
            files.write_text(stage.root / "Labels" / plan.subject / plan.task / f"AU{unit}.txt", text)
        records[plan.name] = takes.record()
    return records


def _write_fera2017(stage: Stage, plans: Sequence[RecordingPlan]) -> Records:
    """One video per view; one occurrence file and seven intensity files, shared by the views."""
    records: Records = {}
    for plan in plans:
        part = "TR" if stage.layout.partitions[plan.subject] == "train" else "VA"
        name = f"FERA17_{part}_{plan.subject.removeprefix('VA_')}_{plan.task}"
        for view in stage.views:
            takes = Takes(plan, *view_pose(view)[:2])
            files.write_mp4(stage.root / f"{name}_{view}.mp4", stage.film(takes), stage.fps)
            records[f"{plan.name}/{view}"] = takes.record()
        table = files.occurrence_table(plan.frames, AU_SETS["fera2017"], takes.codes(AU_SETS["fera2017"]))
        files.write_text(stage.root / f"{name}.csv", table)
        for unit in _FERA2017_INTENSITY_UNITS:
            text = files.intensity_list(plan.frames, takes.rounded(unit))
            files.write_text(stage.root / f"{name}_AU{unit:02d}_Int.csv", text)
    return records


def _write_affwild2(stage: Stage, plans: Sequence[RecordingPlan]) -> Records:
    """Pictures 00001.jpg, ..., one line of labels per frame, of which a few are -1; a few pictures are missing.

    The eight action units are those of the first edition, which the papers use.
    """
    units = AU_SETS["affwild2"]
    records: Records = {}
    for plan in plans:
        takes = Takes(plan)
        codes, unlabelled, lost = _wild_gaps(stage, plan, takes, units)
        codes[unlabelled] = -1
        lines = [",".join(f"AU{unit}" for unit in units), *(",".join(map(str, row)) for row in codes.tolist())]
        home = "Train_Set" if stage.layout.partitions[plan.subject] == "train" else "Validation_Set"
        files.write_text(stage.root / "AU_Set" / home / f"{plan.subject}.txt", "\n".join(lines) + "\n")
        for frame in plan.frames[lost].tolist():
            (stage.root / "cropped_aligned" / plan.subject / f"{frame:05d}.jpg").unlink(missing_ok=True)
        record = takes.record()
        records[plan.name] = record | {"unlabelled": plan.frames[unlabelled].tolist(), "lost": plan.frames[lost].tolist()}
    return records


def _wild_gaps(stage: Stage, plan: RecordingPlan, takes: Takes, units: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the pictures; codes (F, 8) and the rows that stay unlabelled or lose their picture: those that show least."""
    _write_pictures(stage, takes, stage.root / "cropped_aligned" / plan.subject, "{:05d}.jpg")
    codes = takes.codes(units)
    quiet = np.argsort(codes.sum(1), kind="stable")
    count = max(1, len(quiet) // _WILD_GAP_EVERY) if len(quiet) > 4 else 0
    return codes, np.sort(quiet[:count]), np.sort(quiet[count : 2 * count])


_WILD_GAP_EVERY = 40

WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "bp4d": _write_bp4d,
        "bp4d_plus": _write_bp4d_plus,
        "disfa": _write_disfa,
        "disfa_plus": _write_disfa_plus,
        "fera2015": _write_fera2015,
        "fera2017": _write_fera2017,
        "affwild2": _write_affwild2,
    }
)
"""Data set -> writer of one job: a recording, or all recordings of a subject where they are packed together."""

"""OpenFace's columns in blocks, of which a table may hold some: where each stands, how its numbers look, what they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from aufait.errors import InputError
from aufait.faces.eyes import EYE_POINTS
from aufait.results import FaceAnalysis

BLOCKS = ("gaze", "pose", "2Dfp", "3Dfp", "aus")
"""Blocks by the names of OpenFace's flags, in the order of its columns; ``gaze`` is gaze and eye points."""

USUAL = ("pose", "2Dfp", "aus")
"""Blocks of a table for which none are named."""

IN_SPACE_BLOCKS = ("gaze", "3Dfp")
"""Blocks of numbers that a detector computes where it is asked to."""

_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")


@dataclass(frozen=True)
class Block:
    """Columns that stand together.

    Attributes:
        columns: their names.
        formats: how each is written.
        values: of one face in the order of the columns, nan where a number is not known; None where all are not given.
    """

    columns: tuple[str, ...]
    formats: tuple[str, ...]
    values: Callable[[FaceAnalysis], np.ndarray | None]

    def cells(self, face: FaceAnalysis) -> str:
        """The cells of one face with a comma behind each; empty ones for what is not given."""
        values = self.values(face)
        if values is None:
            return "," * len(self.columns)
        text = ",".join(self.formats) % tuple(values.tolist()) + ","
        return text.replace("nan,", ",") if "nan" in text else text

    @property
    def zeros(self) -> str:
        """What stands in the row of a frame without a face."""
        return ",".join(self.formats) % ((0.0,) * len(self.columns)) + ","


def _pose(face: FaceAnalysis) -> np.ndarray | None:
    return None if face.pose is None else np.concatenate((face.pose.translation, face.pose.rotation))


def _gaze(face: FaceAnalysis) -> np.ndarray | None:
    return None if face.gaze is None else np.concatenate((face.gaze.ravel(), face.gaze_angles or ()))


def _column_by_column(points: np.ndarray | None) -> np.ndarray | None:
    """(N, D) -> all x, then all y and so on; None stays None."""
    return None if points is None else points.T.ravel()


def _numbered(names: Iterable[str], count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for name in names for number in range(count))


GAZE = Block(
    (*(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"), "gaze_angle_x", "gaze_angle_y"),
    ("%.6f",) * 6 + ("%.3f",) * 2,
    _gaze,
)
EYE_LANDMARKS = Block(
    _numbered([f"eye_lmk_{axis}" for axis in "xyXYZ"], EYE_POINTS),
    ("%.1f",) * 5 * EYE_POINTS,
    lambda face: _column_by_column(face.eye_landmarks),
)
POSE = Block(_POSE, ("%.1f",) * 3 + ("%.3f",) * 3, _pose)
LANDMARKS = Block(_numbered("xy", 68), ("%.1f",) * 136, lambda face: _column_by_column(face.landmarks))
LANDMARKS_3D = Block(_numbered("XYZ", 68), ("%.1f",) * 204, lambda face: _column_by_column(face.landmarks_3d))

_PARTS = {"gaze": (GAZE, EYE_LANDMARKS), "pose": (POSE,), "2Dfp": (LANDMARKS,), "3Dfp": (LANDMARKS_3D,), "aus": ()}


def parts_of(blocks: Iterable[str] | None) -> tuple[Block, ...]:
    """The parts of a table before its action units, in OpenFace's order; None stands for the usual ones."""
    wanted = set(USUAL if blocks is None else blocks)
    return tuple(part for name in BLOCKS if name in wanted for part in _PARTS[name])


def has_action_units(blocks: Iterable[str] | None) -> bool:
    """Whether columns of action units are among the blocks."""
    return blocks is None or "aus" in blocks


def needs_space(blocks: Iterable[str] | None) -> bool:
    """Whether the detector has to compute gaze, eye points and landmarks in space."""
    return bool(set(blocks or ()) & set(IN_SPACE_BLOCKS))


def read_blocks(text: str) -> tuple[str, ...]:
    """``"gaze,pose"`` or ``"all"`` -> names of blocks, in the order of the columns. Capitals do not matter.

    Raises:
        InputError: another name, or none.
    """
    known = {name.lower(): name for name in BLOCKS}
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in known and word != "all"]
    if unknown or not words:
        given = repr(unknown[0] if unknown else text)
        raise InputError(f"blocks of columns are {', '.join(BLOCKS)}, or all of them: all, or available; got {given}")
    return BLOCKS if "all" in words else tuple(name for name in BLOCKS if name.lower() in words)


def available_blocks(finder: str) -> tuple[str, ...]:
    """The blocks that a face finder has something for."""
    return BLOCKS if finder == "mesh" else tuple(name for name in BLOCKS if name != "gaze")


def describe_column(name: str) -> tuple[str, str]:
    """Unit and meaning of a column of a block."""
    frame = "in the camera frame: x right, y down, z away"
    if name.startswith("gaze_angle"):
        return "rad", "where both eyes look on average: to the right of the picture (x), down (y)"
    if name.startswith("gaze"):
        return "1", f"unit vector of the gaze {frame}; eye 0 is the subject's right one"
    if name.startswith("pose"):
        return "rad" if "_R" in name else "mm", f"head pose {frame}"
    axis = name.rpartition("_")[0][-1]
    point = "point of an eye" if name.startswith("eye") else "68-point landmark"
    return ("px", point) if axis in "xy" else ("mm", f"{point} {frame}")

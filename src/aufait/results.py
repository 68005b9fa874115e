"""What an analysis returns: one ``FrameAnalysis`` per picture or video frame, holding one ``FaceAnalysis`` per face.

Inference fills these classes; tables, drawings, reports and the command line only read them. Both are checked once,
when they are made, and never change afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from aufait.faces.face import HeadPose

OCCURRENCE_THRESHOLD = 0.5
"""An action unit occurs where its probability is at least this."""

MAX_INTENSITY = 5.0
"""FACS intensity E; 0 is absent and A to E are 1 to 5."""

_SHOWN = 3  # faces whose action units a frame names when it is printed
_TOLERANCE = 1e-4  # float32 arithmetic may leave a probability a hair above one

IN_SPACE = {"gaze": (2, 3), "eye_landmarks": (56, 5), "landmarks_3d": (68, 3)}
"""What is told in the camera frame, with its shape; each may be None: not requested, or not given by the face finder."""

PER_UNIT = ("probability", "intensity", "probability_left", "probability_right", "intensity_left", "intensity_right")
"""Scores with one value per action unit. A model gives the first; each of the others may be None: not given."""


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """Where on the face a network looked, one map per action unit.

    Attributes:
        maps: (A, H, W) float32 in [0, 1].
        to_picture: (2, 3) float64, from pixels of the maps to pixels of the picture.
    """

    maps: np.ndarray
    to_picture: np.ndarray

    def __repr__(self) -> str:
        return f"AttentionMaps({' x '.join(map(str, self.maps.shape))})"

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, ready for JSON."""
        return {"maps": self.maps.tolist(), "to_picture": self.to_picture.tolist()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> AttentionMaps:
        """The inverse of ``to_dict``."""
        return cls(np.asarray(plain["maps"], np.float32), np.asarray(plain["to_picture"], np.float64))


@dataclass(frozen=True, eq=False)
class FaceAnalysis:
    """Everything that is known about one face in one picture. A is the number of action units of the model.

    Coordinates are pixels, x to the right and y down; the centre of the top-left pixel is 0. ``left`` and ``right``
    are the subject's. The arrays are read-only.

    Attributes:
        face_id: number of the face: its track in a video, its rank in a single picture; 0 or more.
        box: (4,) float32, x0, y0, x1, y1.
        confidence: how sure the face finder is that this is a face, in [0, 1].
        landmarks: (68, 2) float32, the 68-point scheme of ``aufait.landmarks``.
        pose: head pose in millimetres and radians, or None.
        action_units: the A action units by their FACS number, in the order of the arrays below.
        probability: (A,) float32 in [0, 1], probability that the action unit occurs (FACS intensity B or stronger).
        intensity: (A,) float32 in [0, 5], FACS intensity (0 absent, 1 to 5 = A to E); None where the model gives none.
        probability_left, probability_right: (A,) float32, the same for one side; None where the model gives no values per side.
        intensity_left, intensity_right: (A,) float32, the same for one side of the face, or None.
        quality: how far the picture of this face can be trusted (fit, covers, clarity, size, light, pose), in [0, 1].
        model_landmarks: (N, 2) float32, pixels of the picture: points that the model itself located, or None.
        attention: where the model looked, or None: it has no such maps, or they were not requested.
        gaze: (2, 3) float32 unit vectors in the camera frame (x right, y down, z away) along which the subject's right and left
            eye look; None unless requested and given by the face finder. So are the next two.
        eye_landmarks: (56, 5) float32, 28 points of the right, then of the left eye, see ``aufait.faces.eyes``: x, y in pixels,
            X, Y, Z in millimetres in the camera frame; nan for points that are not known.
        landmarks_3d: (68, 3) float32, the landmarks in millimetres in the camera frame.

    Raises:
        ValueError: an array has the wrong shape or a value is outside its range.
    """

    face_id: int
    box: np.ndarray
    confidence: float
    landmarks: np.ndarray
    pose: HeadPose | None
    action_units: tuple[int, ...]
    probability: np.ndarray
    intensity: np.ndarray | None = None
    probability_left: np.ndarray | None = None
    probability_right: np.ndarray | None = None
    intensity_left: np.ndarray | None = None
    intensity_right: np.ndarray | None = None
    quality: float = 1.0
    model_landmarks: np.ndarray | None = None
    attention: AttentionMaps | None = None
    gaze: np.ndarray | None = None
    eye_landmarks: np.ndarray | None = None
    landmarks_3d: np.ndarray | None = None

    def __post_init__(self) -> None:
        units = tuple(int(unit) for unit in self.action_units)
        if len(set(units)) != len(units):
            raise ValueError(f"action_units must not repeat, got {units}")
        if self.face_id < 0:
            raise ValueError(f"face_id must be 0 or more, got {self.face_id}")
        object.__setattr__(self, "action_units", units)
        object.__setattr__(self, "face_id", int(self.face_id))
        self._store("box", (4,), None)
        self._store("landmarks", (68, 2), None)
        for name in PER_UNIT:
            if name == "probability" or getattr(self, name) is not None:
                self._store(name, (len(units),), 1.0 if name.startswith("probability") else MAX_INTENSITY)
        if self.model_landmarks is not None:
            self._store("model_landmarks", (len(self.model_landmarks), 2), None)
        for name, shape in IN_SPACE.items():
            if getattr(self, name) is not None:
                self._store(name, shape, None, partly=name == "eye_landmarks")
        for name in ("confidence", "quality"):
            object.__setattr__(self, name, _unit_interval(name, getattr(self, name)))

    def _store(self, name: str, shape: tuple[int, ...], upper: float | None, *, partly: bool = False) -> None:
        array = np.array(getattr(self, name), dtype=np.float32)
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        if not np.isfinite(array).all() and not (partly and not np.isinf(array).any()):
            raise ValueError(f"{name} must be finite everywhere")
        if upper is not None and array.size:
            low, high = float(array.min()), float(array.max())
            if low < -_TOLERANCE or high > upper + _TOLERANCE:
                raise ValueError(f"{name} must be in [0, {upper:g}], got {low:g} to {high:g}")
            np.clip(array, 0.0, upper, out=array)
        array.flags.writeable = False
        object.__setattr__(self, name, array)

    @property
    def occurrence(self) -> np.ndarray:
        """(A,) bool: which action units occur (probability at least ``OCCURRENCE_THRESHOLD``)."""
        return self.probability >= OCCURRENCE_THRESHOLD

    @property
    def strength(self) -> np.ndarray:
        """(A,) in [0, 1], what drawings show: the intensity as a share of the strongest, the probability where there is none."""
        return self.probability if self.intensity is None else self.intensity / MAX_INTENSITY

    @property
    def sides(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] | None:
        """Intensity and probability, each (A,), of the left and of the right; None unless the model gives all four."""
        if self.intensity_left is None or self.intensity_right is None:
            return None
        if self.probability_left is None or self.probability_right is None:
            return None
        return (self.intensity_left, self.probability_left), (self.intensity_right, self.probability_right)

    @property
    def gaze_angles(self) -> tuple[float, float] | None:
        """Where both eyes look on average, as OpenFace has it: radians to the right of the picture and down; None without gaze."""
        if self.gaze is None:
            return None
        x, y, z = self.gaze.mean(axis=0, dtype=np.float64).tolist()
        return math.atan2(x, -z), math.atan2(y, -z)

    def __repr__(self) -> str:
        shown = ", ".join(f"AU{unit}" for unit in self.active()) or "none"
        box = ", ".join(f"{side:.0f}" for side in self.box.tolist())
        told = f"quality={self.quality:.2f}, {len(self.action_units)} action units, active: {shown}"
        return f"FaceAnalysis(face_id={self.face_id}, box=({box}), confidence={self.confidence:.2f}, {told})"

    def _repr_html_(self) -> str:
        from aufait.views.cards import face_card

        return face_card(self)

    def to_dataframe(self, kind: str = "pandas", form: str = "wide", *, landmarks: bool = False) -> Any:
        """This face as a data frame; see ``FrameAnalysis.to_dataframe``."""
        from aufait.views.face_columns import columns_of_faces

        return columns_of_faces([self], landmarks=landmarks).data_frame(kind, form)

    def index(self, action_unit: int) -> int:
        """Position of one action unit in the arrays.

        Raises:
            KeyError: the model that made this result does not score the action unit.
        """
        try:
            return self.action_units.index(action_unit)
        except ValueError:
            known = ", ".join(map(str, self.action_units))
            raise KeyError(f"action unit {action_unit} is not among those scored here: {known}") from None

    def active(self) -> tuple[int, ...]:
        """FACS numbers of the action units that occur, in the order of ``action_units``."""
        return tuple(unit for unit, occurs in zip(self.action_units, self.occurrence, strict=True) if occurs)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings, ready for JSON; ``from_dict`` turns them back."""
        plain: dict[str, Any] = {
            "face_id": self.face_id,
            "box": self.box.tolist(),
            "confidence": self.confidence,
            "landmarks": self.landmarks.tolist(),
            "pose": None,
            "action_units": list(self.action_units),
            "quality": self.quality,
        }
        if self.pose is not None:
            plain["pose"] = {
                "translation": np.asarray(self.pose.translation, dtype=float).tolist(),
                "rotation": np.asarray(self.pose.rotation, dtype=float).tolist(),
            }
        for name in (*PER_UNIT, "model_landmarks", *IN_SPACE):
            array: np.ndarray | None = getattr(self, name)
            plain[name] = None if array is None else array.tolist()
        if self.eye_landmarks is not None:  # JSON has no nan
            rows: list[list[float]] = self.eye_landmarks.tolist()
            plain["eye_landmarks"] = [[None if value != value else value for value in row] for row in rows]
        plain["attention"] = None if self.attention is None else self.attention.to_dict()
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> FaceAnalysis:
        """The inverse of ``to_dict``. Unknown and missing keys are errors (TypeError)."""
        values = dict(plain)
        pose = values.pop("pose", None)
        if pose is not None:
            from aufait.faces.face import HeadPose

            pose = HeadPose(
                translation=np.asarray(pose["translation"], dtype=np.float64),
                rotation=np.asarray(pose["rotation"], dtype=np.float64),
            )
        values["action_units"] = tuple(values.get("action_units", ()))
        if values.get("eye_landmarks") is not None:
            values["eye_landmarks"] = np.array(values["eye_landmarks"], dtype=np.float32)  # None becomes nan
        if values.get("attention") is not None:
            values["attention"] = AttentionMaps.from_dict(values["attention"])
        return cls(pose=pose, **values)


@dataclass(frozen=True, eq=False)
class FrameAnalysis:
    """The faces of one picture or of one frame of a video.

    Attributes:
        source: path or name of the picture, video or camera.
        frame: number of the frame, starting at 1; 1 for a single picture.
        timestamp: presentation time in seconds from the start of the stream's own clock; 0 for a single picture.
        size: width and height of the picture in pixels.
        faces: the faces, in order of ``face_id``; empty where none was found.
        error: why the frame could not be analysed or can be trusted less, else None.

    Raises:
        ValueError: a number is outside its range, two faces share an id, or faces score different action units.
    """

    source: str
    frame: int
    timestamp: float
    size: tuple[int, int]
    faces: tuple[FaceAnalysis, ...] = field(default=())
    error: str | None = None

    def __post_init__(self) -> None:
        if self.frame < 1:
            raise ValueError(f"frame counts from 1, got {self.frame}")
        if not np.isfinite(self.timestamp):
            raise ValueError(f"timestamp must be finite seconds, got {self.timestamp}")
        width, height = (int(side) for side in self.size)
        if min(width, height) < 0:
            raise ValueError(f"size must be width and height in pixels, got {self.size}")
        faces = tuple(sorted(self.faces, key=lambda face: face.face_id))
        if len({face.face_id for face in faces}) != len(faces):
            raise ValueError(f"face ids must differ within a frame, got {[face.face_id for face in faces]}")
        if len({face.action_units for face in faces}) > 1:
            raise ValueError("all faces of a frame must score the same action units in the same order")
        object.__setattr__(self, "source", str(self.source))
        object.__setattr__(self, "frame", int(self.frame))
        object.__setattr__(self, "timestamp", float(self.timestamp))
        object.__setattr__(self, "size", (width, height))
        object.__setattr__(self, "faces", faces)

    def __len__(self) -> int:
        """Number of faces."""
        return len(self.faces)

    def __repr__(self) -> str:
        faces = f"{len(self)} face{'' if len(self) == 1 else 's'}"
        active = "; ".join(", ".join(f"AU{unit}" for unit in face.active()) or "none" for face in self.faces[:_SHOWN])
        told = f", active: {active}" if active else ""
        wrong = f", error={self.error!r}" if self.error else ""
        place = f"{self.source!r}, frame {self.frame}, {self.timestamp:.3f} s, {self.size[0]} x {self.size[1]}"
        return f"{type(self).__name__}({place}, {faces}{told}{wrong})"

    def _repr_html_(self) -> str:
        from aufait.views.cards import frame_card

        return frame_card(self)

    def to_dataframe(self, kind: str = "pandas", form: str = "wide", *, landmarks: bool = False) -> Any:
        """The faces as a data frame, one row each; a frame without a face has one row of missing values.

        Args:
            kind: "pandas", "polars" or "arrow".
            form: "wide" with the columns of ``docs/output.md``, or "long": a row per action unit and side, with the columns
                ``action_unit``, ``side`` ("both", "left", "right"), ``intensity``, ``occurrence`` and ``probability``.
            landmarks: also the 136 columns of landmarks.

        Raises:
            InputError: another kind or form.
            MissingExtraError: pandas (extra ``pandas``) or pyarrow (extra ``parquet``) is not installed.
        """
        from aufait.views.face_columns import columns_of_frames

        return columns_of_frames([self], landmarks=landmarks).data_frame(kind, form)

    @property
    def has_face(self) -> bool:
        """Whether at least one face was found."""
        return bool(self.faces)

    @property
    def action_units(self) -> tuple[int, ...]:
        """Action units that the faces score; empty where there is no face."""
        return self.faces[0].action_units if self.faces else ()

    def face(self, face_id: int) -> FaceAnalysis | None:
        """The face with this id, or None where it is not in the frame."""
        return next((face for face in self.faces if face.face_id == face_id), None)

    def main_face(self) -> FaceAnalysis | None:
        """The face with the largest box, or None where there is none."""
        return max(self.faces, key=_box_area, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings, ready for JSON; ``from_dict`` turns them back."""
        return {
            "source": self.source,
            "frame": self.frame,
            "timestamp": self.timestamp,
            "size": list(self.size),
            "faces": [face.to_dict() for face in self.faces],
            "error": self.error,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``. Unknown and missing keys are errors (TypeError)."""
        values = dict(plain)
        faces: Sequence[Mapping[str, Any]] = values.pop("faces", ())
        values["size"] = tuple(values.get("size", (0, 0)))
        return cls(faces=tuple(FaceAnalysis.from_dict(face) for face in faces), **values)


def _box_area(face: FaceAnalysis) -> float:
    x0, y0, x1, y1 = face.box.tolist()
    return float(max(0.0, x1 - x0) * max(0.0, y1 - y0))


def _unit_interval(name: str, value: float) -> float:
    number = float(value)
    if not -_TOLERANCE <= number <= 1.0 + _TOLERANCE:  # also refuses nan
        raise ValueError(f"{name} must be in [0, 1], got {number}")
    return min(1.0, max(0.0, number))

"""Blend shapes of MediaPipe's face landmarker, saved as JSON: a list of frames, each with the scores of its faces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from aufait.analysis.readers.header import Header
from aufait.analysis.readers.shared import recording_name, times_of_frames
from aufait.analysis.score_table import NO_FACE, ScoreTable
from aufait.errors import InputError

TOOL = "mediapipe"
MAX_BYTES = 1 << 30

_BOTH = {1: ("browInnerUp",), 17: ("mouthShrugLower",), 18: ("mouthPucker",), 22: ("mouthFunnel",), 26: ("jawOpen",),
         28: ("mouthRollLower", "mouthRollUpper")}  # fmt: skip
_SIDED = {2: "browOuterUp", 4: "browDown", 5: "eyeWide", 6: "cheekSquint", 7: "eyeSquint", 9: "noseSneer", 10: "mouthUpperUp",
          12: "mouthSmile", 14: "mouthDimple", 15: "mouthFrown", 16: "mouthLowerDown", 20: "mouthStretch", 24: "mouthPress",
          43: "eyeBlink"}  # fmt: skip
UNITS = tuple(sorted({**_BOTH, **_SIDED}))
"""Action units that a blend shape describes; the others (11, 23, 25, 27, ...) have none."""

_FACES = ("face_blendshapes", "faceBlendshapes", "blendshapes", "blendShapes")
_TIMES = {
    "timestamp_ms": 0.001,
    "timestampMs": 0.001,
    "time_ms": 0.001,
    "timestamp": 1.0,
    "time": 1.0,
    "time_s": 1.0,
    "seconds": 1.0,
}
_FRAMES = ("frame", "frame_index", "frameIndex", "frame_idx", "index")
_NAMES = ("category_name", "categoryName", "name")
_LISTS = ("frames", "results", "data")


def recognises(header: Header) -> bool:
    """JSON whose beginning names blend shapes."""
    return header.kind == "json" and any(
        name in line for line in header.start for name in ("browInnerUp", "lendshapes", "browDownLeft")
    )


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read blend shapes. A frame is an object with ``timestamp_ms`` or ``timestamp`` (seconds) and ``face_blendshapes``.

    Raises:
        InputError: damaged, of another form, or without times and ``fps``.
    """
    frames = _frames(path, header.encoding)
    rows = [(place, face, shapes) for place, frame in enumerate(frames) for face, shapes in _rows(path, place, frame)]
    numbers = np.array([_number(frames[place], _FRAMES, place) for place, _, _ in rows], np.float64)
    times = _times(path, frames, rows, numbers, fps)
    sides = {side: 5 * _of_side(rows, side) for side in ("Left", "Right")}
    stronger = np.fmax(sides["Left"], sides["Right"])
    return ScoreTable.made_of(
        recording_name(path),
        UNITS,
        times,
        np.array([face for _, face, _ in rows], np.int64),
        frame=numbers.astype(np.int64),
        intensity=stronger,
        intensity_left=_only_sided(sides["Left"]),
        intensity_right=_only_sided(sides["Right"]),
        tool=TOOL,
        meaning=MappingProxyType(
            {
                "intensity": "coefficient 0-1 of the blend shape that describes the action unit, times 5; no FACS level; the "
                "stronger side where there are two",
                "face_id": "rank within the frame: the same number later may be another person",
                **{f"AU{unit:02d}": " and ".join(_shapes(unit)) for unit in UNITS},
            }
        ),
        path=path,
    )


def _shapes(unit: int) -> tuple[str, ...]:
    return _BOTH.get(unit) or (f"{_SIDED[unit]}Left", f"{_SIDED[unit]}Right")


def _frames(path: Path, encoding: str) -> list[Any]:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES >> 20} MiB; save only the blend shapes, or split it")
    try:
        content = json.loads(path.read_text(encoding))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not whole JSON ({str(error)[:100]}); save it again") from error
    if isinstance(content, dict):
        content = next((content[name] for name in _LISTS if isinstance(content.get(name), list)), [content])
    if not content:
        raise InputError(f"{path} holds no frames")
    return list(content)


def _rows(path: Path, place: int, frame: Any) -> Iterator[tuple[int, Mapping[str, float]]]:
    """Number and blend shapes of every face of a frame; one row without any where there is none."""
    if not isinstance(frame, dict):
        raise InputError(f"{path}, frame {place + 1}: expected an object with a time and face_blendshapes, got {str(frame)[:40]!r}")
    name = next((name for name in _FACES if name in frame), None)
    faces = frame[name] if name else {key: value for key, value in frame.items() if key in _ALL}
    try:
        found = [shapes for face in _separate(faces) if (shapes := _scores(face))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}, frame {place + 1}: blend shapes are names with scores from 0 to 1 ({error})") from error
    yield from enumerate(found) if found else [(NO_FACE, {})]


def _separate(faces: Any) -> list[Any]:
    """A list with one entry per face."""
    if isinstance(faces, dict) or (faces and isinstance(faces[0], dict) and any(name in faces[0] for name in _NAMES)):
        return [faces]
    return list(faces or ())


def _scores(face: Any) -> dict[str, float]:
    """Name -> score of the blend shapes of a face."""
    if isinstance(face, dict) and "categories" in face:
        face = face["categories"]
    if isinstance(face, dict):
        scores = {name: float(value) for name, value in face.items() if name in _ALL}
    else:
        scores = {_name(entry): float(entry["score"]) for entry in face}
    if not all(0 <= value <= 1 for value in scores.values()):
        raise ValueError("a score is outside 0-1")
    return scores


def _name(entry: Mapping[str, Any]) -> str:
    name = next((entry[name] for name in _NAMES if name in entry), None)
    if not isinstance(name, str):
        raise ValueError("a score has no name")
    return name


_ALL = frozenset(shape for unit in UNITS for shape in _shapes(unit))


def _number(frame: Mapping[str, Any], names: tuple[str, ...], otherwise: int) -> int:
    value = next((frame[name] for name in names if name in frame), otherwise)
    return value if isinstance(value, int) and abs(value) < 2**53 else otherwise


def _times(path: Path, frames: list[Any], rows: list[Any], numbers: np.ndarray, fps: float | None) -> np.ndarray:
    name = next((name for name in _TIMES if all(isinstance(frame.get(name), int | float) for frame in frames)), None)
    if name is None:
        return times_of_frames(path, TOOL, numbers, fps)
    return np.array([frames[place][name] for place, _, _ in rows], np.float64) * _TIMES[name]


def _of_side(rows: list[Any], side: str) -> np.ndarray:
    """(N, A) float32 of the blend shapes of a side, or of both where there is one for both."""
    values = np.full((len(rows), len(UNITS)), np.nan, np.float32)
    for column, unit in enumerate(UNITS):
        names = [name for name in _shapes(unit) if unit in _BOTH or name.endswith(side)]
        for row, (_, _, shapes) in enumerate(rows):
            given = [shapes[name] for name in names if name in shapes]
            if given:
                values[row, column] = max(given)
    return values


def _only_sided(values: np.ndarray) -> np.ndarray:
    """The same with NaN for action units that have one blend shape for both sides."""
    values = values.copy()
    values[:, [unit in _BOTH for unit in UNITS]] = np.nan
    return values

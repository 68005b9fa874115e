"""Clips for the notebooks, drawn by aufait's face engine: what the faces do in them, and when, is known exactly.

Nobody in them is real. A state of the face is drawn once and held while it lasts, so that a clip is there in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from aufait.media.video_writer import VideoWriter
from aufait.synthetic.drawing.scene import Scene, sample_scene
from aufait.synthetic.head.assets import load_face_model
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.renderer import Person, make_person, render

SIDE = 224
"""Of a person's picture, in pixels."""

_STEPS = 2
"""States between two FACS levels."""


@dataclass(frozen=True)
class Move:
    """Action units that rise, stay and go again.

    Attributes:
        units: number -> intensity at the apex, 1 to 5 for A to E.
        start: seconds.
        end: seconds.
        ramp: seconds from rest to the apex, and from there to rest.
        side: "both", "left" or "right".
    """

    units: Mapping[int, float]
    start: float
    end: float
    ramp: float = 0.2
    side: str = "both"

    def share(self, time: float) -> float:
        """How much of it is there, in [0, 1]."""
        rising = (time - self.start + 1e-9) / self.ramp if self.ramp else float(time >= self.start)
        falling = (self.end - time) / self.ramp if self.ramp else float(time < self.end)
        return float(np.clip(min(rising, falling), 0, 1))


def blinks(*times: float, length: float = 0.2) -> list[Move]:
    """The eyes shut for a moment."""
    return [Move({43: 5}, time, time + length, ramp=0.0) for time in times]


def render_clip(path: str | Path, people: Mapping[int, Sequence[Move]], seconds: float, frame_rate: float = 25.0) -> Path:
    """Draw people side by side.

    Args:
        path: video to write; what is there is replaced.
        people: number of a person -> what the face does. The same number is the same person in every clip.
        seconds: length.
        frame_rate: frames per second.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, (SIDE * len(people), SIDE), frame_rate=frame_rate, overwrite=True) as writer:
        for number in range(round(seconds * frame_rate)):
            time = number / frame_rate
            faces = [
                _picture(person, *(_state(moves, side, time) for side in ("left", "right"))) for person, moves in people.items()
            ]
            writer.write(np.concatenate(faces, axis=1), time)
    return path


def _state(moves: Sequence[Move], side: str, time: float) -> tuple[tuple[int, float], ...]:
    """Action units of one side at a time, in steps, so that there are few different pictures."""
    found: dict[int, float] = {}
    for move in moves:
        if move.side in ("both", side):
            for unit, apex in move.units.items():
                level = round(apex * move.share(time) * _STEPS) / _STEPS
                found[unit] = max(found.get(unit, 0.0), level)
    return tuple(sorted((unit, level) for unit, level in found.items() if level > 0))


@lru_cache(maxsize=512)
def _picture(person: int, left: tuple[tuple[int, float], ...], right: tuple[tuple[int, float], ...]) -> np.ndarray:
    return render(_person(person), Intensities(dict(left), dict(right)), _scene(), size=SIDE, supersample=1.5).image


@lru_cache(maxsize=8)
def _person(number: int) -> Person:
    return make_person(load_face_model(), number)


@lru_cache(maxsize=1)
def _scene() -> Scene:
    """Facing the camera, in even light."""
    return sample_scene(3).clean(
        rotation=(0.0, 0.0, 0.0), gaze=(0.0, 0.0), frame_height=26.0, offset=(0.0, 1.2, 0.0), mouth_drift={}
    )

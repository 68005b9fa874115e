"""Substitutes for the networks, so that the plumbing around them can be tested in milliseconds.

``FakeFinder`` reports a face wherever the picture is not plain; ``FakePredictor`` scores AU12 from the picture's mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aufait.faces.face import Face, HeadPose


@dataclass
class FakeFinder:
    """Reports ``count`` faces in every picture whose pixels are not all the same."""

    count: int = 1
    name: str = "fake"
    resets: int = 0
    closed: bool = False
    seen: list[float] = field(default_factory=list)

    def find(self, image: np.ndarray) -> list[Face]:
        return self._faces(image, tracked=False)

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        self.seen.append(timestamp)
        return self._faces(image, tracked=True)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True

    def _faces(self, image: np.ndarray, *, tracked: bool) -> list[Face]:
        if image.min() == image.max():
            return []
        height, width = image.shape[:2]
        return [self._face(width, height, number, tracked) for number in range(self.count)]

    def _face(self, width: int, height: int, number: int, tracked: bool) -> Face:
        grid = np.stack(np.meshgrid(np.linspace(0.3, 0.7, 17), np.linspace(0.3, 0.7, 4)), axis=-1).reshape(68, 2)
        landmarks = (grid * [width, height]).astype(np.float32)
        box = np.array([*landmarks.min(axis=0), *landmarks.max(axis=0)], dtype=np.float32)
        pose = HeadPose(translation=np.array([0.0, 0.0, 600.0]), rotation=np.zeros(3))
        return Face(box, 0.9, landmarks, pose, 7 + number if tracked else -1)


@dataclass(frozen=True)
class FakeScores:
    """The (F, A) arrays that the detector reads."""

    probability: np.ndarray
    intensity: np.ndarray
    probability_left: np.ndarray
    probability_right: np.ndarray
    intensity_left: np.ndarray
    intensity_right: np.ndarray


class FakePredictor:
    """Scores AU1 with 0.25 and AU12 with the mean brightness of the picture."""

    action_units = (1, 12)
    name = "fake-model"
    sha256 = "0" * 64

    def predict(self, image: np.ndarray, landmarks: np.ndarray) -> FakeScores:
        assert landmarks.shape[1:] == (68, 2)
        row = np.array([0.25, image.mean() / 255.0], dtype=np.float32)
        scores = np.repeat(row[None], len(landmarks), axis=0)  # (F, A)
        return FakeScores(scores, 5 * scores, scores, 0.5 * scores, 5 * scores, 2.5 * scores)


def use_fakes() -> None:
    """Makes every ``Detector`` of this process use the substitutes; for child processes, which no fixture reaches."""
    from aufait.detection import detector

    detector._load_finder = lambda *_: FakeFinder()  # type: ignore[assignment,return-value]
    detector.open_predictor = lambda *_, **__: FakePredictor()  # type: ignore[assignment,return-value]


def textured(width: int = 96, height: int = 64, brightness: int = 128) -> np.ndarray:
    """(height, width, 3) uint8 picture in which ``FakeFinder`` sees a face."""
    image = np.full((height, width, 3), brightness, dtype=np.uint8)
    image[::2, ::2] += 20
    return image


def write_clip(path: Path, frames: int = 12, *, brightness: int = 128, face: bool = True) -> Path:
    """A short video; without ``face`` its frames are plain."""
    from aufait.media.video_writer import VideoWriter

    with VideoWriter(path, (96, 64), frame_rate=25.0) as writer:
        for number in range(frames):
            image = textured(brightness=brightness) if face else np.full((64, 96, 3), brightness, np.uint8)
            writer.write(image, number / 25.0)
    return path


def write_picture(path: Path, image: np.ndarray | None = None) -> Path:
    """A picture file in the format of its extension."""
    from PIL import Image

    Image.fromarray(textured() if image is None else image).save(path)
    return path

"""Small caches of aligned faces for tests of training and evaluation; no pictures are read."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.preparation import FaceCache, write_cache
from aufait.data.recording import Recording
from aufait.errors import MissingExtraError
from aufait.faces.face import Face, HeadPose
from aufait.inputs.alignments import get_alignment
from aufait.landmarks import SCHEMES


def labelled_dataset(
    name: str = "disfa",
    subjects: tuple[str, ...] = ("SN001", "SN002", "SN003"),
    frames: int = 4,
    units: tuple[int, ...] = (1, 2, 4, 6, 9, 12, 25, 26),
    seed: int = 0,
) -> AUDataset:
    """One recording per subject with random intensities and occurrence = intensity >= 2; no pictures."""
    random = np.random.default_rng(seed)
    recordings = []
    for subject in subjects:
        intensity = random.integers(0, 6, (frames, len(units))).astype(np.int8)
        known = np.ones((frames, len(units)), bool)
        recordings.append(
            Recording(
                dataset=name, subject=subject, task="", frames=np.arange(1, frames + 1), action_units=units,
                occurrence=(intensity >= 2).astype(np.int8), intensity=intensity, occurrence_known=known,
                intensity_known=known.copy(), nominal_rate=20.0, occurrence_coded=False,
            )
        )  # fmt: skip
    return AUDataset(name, units, tuple(recordings), AnomalyLog(), occurrence_threshold=2)


def face_landmarks(count: int, side: int, points: int = 68) -> np.ndarray:
    """(count, points, 2) float32: a frontal neutral head in the middle of the face picture."""
    from aufait.faces.pose import head_points

    plane = head_points()[list(SCHEMES[points]), :2]
    plane = (plane - plane.mean(0)) * (0.5 * side / np.ptp(plane)) + side / 2
    return np.repeat(plane[None], count, axis=0).astype(np.float32)


def make_test_cache(
    folder: Path,
    dataset: AUDataset | None = None,
    faces: np.ndarray | None = None,
    landmarks: np.ndarray | None = None,
    *,
    alignment: str = "jaa_net",
    points: int = 68,
    synthetic: bool = True,
    seed: int = 0,
) -> FaceCache:
    """A cache with a face for every label of the data set; noise where no faces are given."""
    data = dataset or labelled_dataset()
    side = get_alignment(alignment).side
    if faces is None:
        faces = np.random.default_rng(seed).integers(0, 256, (len(data), side, side, 3), dtype=np.uint8)
    if landmarks is None:
        landmarks = face_landmarks(len(data), side, points)
    return write_cache(folder, data, faces, landmarks, alignment=alignment, synthetic=synthetic)


class HeadFinder:
    """A face finder for tests: a frontal head in the middle of every picture that is not darker than grey value 25.

    Its landmarks move with the brightness, so that every frame has others; ``delay`` in seconds per picture.
    """

    name = "head"
    reason = ""
    delay = 0.0

    def find(self, image: np.ndarray) -> list[Face]:
        time.sleep(self.delay)
        if image.mean() < 25:
            return []
        height, width = image.shape[:2]
        points = face_landmarks(1, min(height, width))[0] + np.float32(image.mean() / 255)
        pose = HeadPose(np.zeros(3), np.radians([1.0, 2.0, 3.0]))
        box = np.concatenate([points.min(0), points.max(0)])
        return [Face(box, 0.9, points, pose, track_id=0)]

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        return self.find(image)

    def reset(self) -> None:
        return None

    def close(self) -> None:
        return None


class SlowHeadFinder(HeadFinder):
    """Takes its time, so that a test can end the process in the middle."""

    delay = 0.02


def make_head_finder() -> HeadFinder:
    """Factory for ``prepare``; importable in other processes."""
    return HeadFinder()


def make_slow_head_finder() -> HeadFinder:
    """The same, slow."""
    return SlowHeadFinder()


def end_process() -> HeadFinder:
    """A finder that works in the process of the test and ends every other one, as a lack of memory does."""
    if multiprocessing.parent_process() is not None:
        os._exit(1)
    return HeadFinder()


def lack_package() -> HeadFinder:
    """A finder that lacks its package in other processes."""
    if multiprocessing.parent_process() is not None:
        raise MissingExtraError("the finder", "synth")
    return HeadFinder()


def file_hashes(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

"""Fixtures shared by all tests. Tests run offline, on the CPU, and draw their own small pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real sample media and model files that are not part of the repository; skips where it is absent."""
    folder = Path(os.environ.get("AUFAIT_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"sample media not found at {folder}; set AUFAIT_SHARED to a folder that has them")
    return folder


@pytest.fixture(scope="session")
def task_file() -> Path:
    """MediaPipe's face_landmarker.task; skips with the reason where it is not there."""
    named = os.environ.get("AUFAIT_MEDIAPIPE_MODEL")
    shared = Path(os.environ.get("AUFAIT_SHARED", REPOSITORY.parent / "shared"))
    path = Path(named) if named else shared / "models" / "face_landmarker.task"
    if not path.is_file():
        pytest.skip(f"face_landmarker.task not found at {path}; name it in AUFAIT_MEDIAPIPE_MODEL")
    return path


def draw_test_image(width: int = 96, height: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth, colourful (height, width, 3) uint8 picture without a face; the same seed gives the same picture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = rng.uniform(0.02, 0.12, (3, 2))
    phases = rng.uniform(0, 6.28, 3)
    channels = [np.sin(wx * x + wy * y + phase) for (wx, wy), phase in zip(waves, phases, strict=True)]
    return np.rint(127.5 + 120 * np.stack(channels, axis=-1)).astype(np.uint8)


def draw_landmarks(center: tuple[float, float] = (100.0, 100.0), scale: float = 1.0, roll: float = 0.0) -> np.ndarray:
    """(68, 2) float32 landmarks of a plain frontal face.

    At ``scale`` 1 the eye centres are 60 pixels apart; ``roll`` in degrees turns the face clockwise in the picture.
    The face is symmetric about its midline.
    """
    half_jaw = [(-62, -6), (-61, 12), (-58, 30), (-54, 47), (-46, 62), (-34, 74), (-22, 83), (-10, 89)]
    half_brow = [(-52, -22), (-43, -29), (-32, -31), (-21, -29), (-11, -25)]
    half_nose_base = [(-13, 36), (-7, 38)]
    half_eye = [(-42, 0), (-35, -5), (-25, -5), (-18, 0), (-25, 4), (-35, 4)]
    half_top, half_bottom = [(-24, 58), (-15, 53), (-6, 51)], [(-7, 68), (-16, 65)]
    half_inner_top, half_inner_bottom = [(-20, 58), (-7, 57)], [(-7, 60)]

    def other(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(-x, y) for x, y in reversed(points)]

    left_eye = [(-x, y) for x, y in (half_eye[3], half_eye[2], half_eye[1], half_eye[0], half_eye[5], half_eye[4])]
    points = [
        *half_jaw, (0, 91), *other(half_jaw),
        *half_brow, *other(half_brow),
        (0, -4), (0, 8), (0, 19), (0, 30), *half_nose_base, (0, 40), *other(half_nose_base),
        *half_eye, *left_eye,
        *half_top, (0, 53), *other(half_top), *other(half_bottom), (0, 69), *half_bottom,
        *half_inner_top, (0, 58), *other(half_inner_top), *other(half_inner_bottom), (0, 61), *half_inner_bottom,
    ]  # fmt: skip
    angle = np.deg2rad(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (scale * np.array(points, np.float64) @ turn.T + center).astype(np.float32)


@pytest.fixture
def make_image() -> Callable[..., np.ndarray]:
    """``draw_test_image`` for tests that cannot import this file."""
    return draw_test_image


@pytest.fixture
def make_landmarks() -> Callable[..., np.ndarray]:
    """``draw_landmarks`` for tests that cannot import this file."""
    return draw_landmarks


@pytest.fixture
def recording() -> Any:
    """For writers of other programs' files: two faces, sides, overlapping and adjacent events, an odd label."""
    from made_recordings import EVENTS, score_table

    from aufait.analysis.writers import Recording

    return Recording("clip", EVENTS, score_table("clip"), Path("videos/Zoë 1.mp4"))


@pytest.fixture
def nasty() -> Any:
    """A recording whose name has separators, quotes, a line break and a formula."""
    from made_recordings import NASTY, event, score_table

    from aufait.analysis.writers import Recording

    table = score_table(NASTY, source=NASTY)
    return Recording(NASTY, (event("=cmd|' /C calc'!A0", 0.5, 1.0), event("@SUM(1;2)", 1.0, 1.5)), table)


@pytest.fixture
def empty() -> Any:
    """A recording without rows and without events."""
    from made_recordings import score_table

    from aufait.analysis.writers import Recording

    table = score_table("nothing")
    return Recording("nothing", (), table.rows(np.zeros(len(table), bool)))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """``served_studio.Served``: a studio with one finished recording, for all tests that leave it as it is."""
    for package in ("fastapi", "httpx", "python_multipart"):
        pytest.importorskip(package)
    from served_studio import with_recording

    with with_recording(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture
def small_disc(tmp_path: Path) -> Iterator[Path]:
    """A disc of eight megabytes, nearly full."""
    folder = tmp_path / "disc"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small disc can be mounted by root on Linux only")
    try:
        (folder / "filler").write_bytes(bytes(8 * 2**20 - 50_000))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)

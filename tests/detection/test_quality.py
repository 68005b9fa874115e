"""The quality score falls with each defect and stays in [0, 1]."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.detection.quality import RECOMMENDED_QUALITY, quality_factors, quality_scores
from aufait.faces.builtin import BuiltinFinder
from aufait.faces.face import Face, HeadPose
from aufait.faces.face_check import REGIONS
from aufait.media.sources import demo_clip
from aufait.media.video import open_video


def noise(size: int = 200, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fine = np.kron(rng.integers(0, 60, (size // 4, size // 4, 3)), np.ones((4, 4, 1)))
    coarse = np.kron(rng.integers(40, 180, (size // 50, size // 50, 3)), np.ones((50, 50, 1)))
    return (fine + coarse).astype(np.uint8)


def face(box: tuple[float, float, float, float], confidence: float = 1.0, rotation: tuple[float, ...] = (0, 0, 0)) -> Face:
    x0, y0, x1, y1 = box
    grid = np.stack(np.meshgrid(np.linspace(x0, x1, 17), np.linspace(y0, y1, 4)), axis=-1).reshape(68, 2)
    pose = HeadPose(np.array([0, 0, 600.0]), np.radians(np.array(rotation, dtype=float)))
    return Face(np.array(box, np.float32), confidence, grid.astype(np.float32), pose)


GOOD = (40.0, 40.0, 160.0, 160.0)


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, Face]:
    """A frame of the demo clip and one of its rendered faces, without a pose."""
    with open_video(demo_clip()) as video:
        image = next(iter(video)).image
    finder = BuiltinFinder()
    found = finder.find(image)[0]
    finder.close()
    return image, Face(found.box, 1.0, found.landmarks)


def test_a_plain_face_is_hardly_doubted(scene: tuple[np.ndarray, Face]) -> None:
    assert quality_factors(*scene).score > 0.8


def test_a_covered_mouth_is_doubted(scene: tuple[np.ndarray, Face]) -> None:
    image, found = scene[0].copy(), scene[1]
    margin = 0.12 * np.linalg.norm(found.landmarks[45] - found.landmarks[36])
    (x0, y0), (x1, y1) = found.landmarks[48:].min(axis=0) - margin, found.landmarks[48:].max(axis=0) + margin
    image[int(y0) : int(y1), int(x0) : int(x1)] = (90, 110, 130)
    factors = quality_factors(image, found)
    assert factors.visible < 0.3
    assert factors.score < RECOMMENDED_QUALITY
    assert len(factors.regions) == len(REGIONS)


def test_points_that_lie_on_no_face_give_next_to_nothing(scene: tuple[np.ndarray, Face]) -> None:
    image, found = scene
    turned = np.ascontiguousarray(image[::-1, ::-1])
    size = np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32)
    middle = size - found.landmarks.mean(axis=0)
    upright = (found.landmarks - found.landmarks.mean(axis=0) + middle).astype(np.float32)
    box = np.concatenate([upright.min(axis=0), upright.max(axis=0)])
    assert quality_factors(turned, Face(box, 1.0, upright)).score < 0.1
    followed = (size - found.landmarks).astype(np.float32)
    box = np.concatenate([followed.min(axis=0), followed.max(axis=0)])
    assert quality_factors(turned, Face(box, 1.0, followed)).score > 0.7  # found the right way up


@pytest.mark.parametrize(
    ("worse", "factor"),
    [
        (face(GOOD, confidence=0.3), "confidence"),
        (face((40, 40, 60, 60)), "size"),
        (face(GOOD, rotation=(0, 60, 0)), "pose"),
        (face(GOOD, rotation=(-45, 0, 0)), "pose"),
        (face((-40, 40, 80, 160)), "inside"),
    ],
)
def test_each_defect_lowers_its_own_factor(worse: Face, factor: str) -> None:
    good = quality_factors(noise(), face(GOOD))
    bad = quality_factors(noise(), worse)
    assert getattr(bad, factor) < 0.9 * getattr(good, factor)


def test_dark_and_burnt_faces_score_zero() -> None:
    for value in (0, 255):
        assert quality_factors(np.full((200, 200, 3), value, np.uint8), face(GOOD)).exposure == 0.0


@pytest.mark.parametrize("box", [(-90, -90, -50, -50), (500, 500, 600, 600), (10, 10, 10, 10), (50, 50, 40, 40)])
def test_impossible_box_scores_zero(box: tuple[float, float, float, float]) -> None:
    assert quality_factors(noise(), face(box)).score == 0.0


def test_not_a_number_scores_zero() -> None:
    assert quality_factors(noise(), face(GOOD, confidence=float("nan"))).score == 0.0


def test_one_score_per_face(scene: tuple[np.ndarray, Face]) -> None:
    image, found = scene
    scores = quality_scores(image, [found, Face(found.box, 0.5, found.landmarks)])
    assert scores.dtype == np.float32
    assert scores[1] == pytest.approx(scores[0] / 2, rel=1e-5)
    assert quality_scores(image, []).shape == (0,)


def test_landmarks_that_cannot_be_aligned_give_nothing(scene: tuple[np.ndarray, Face]) -> None:
    image, found = scene
    lost = np.full((68, 2), np.nan, np.float32)
    point = np.full((68, 2), 30.0, np.float32)
    scores = quality_scores(image, [Face(found.box, 1.0, lost), found, Face(found.box, 1.0, point)])
    assert scores[0] == scores[2] == 0
    assert scores[1] > 0.8


def test_face_without_a_pose_is_not_punished() -> None:
    known = face(GOOD)
    unknown = Face(known.box, known.confidence, known.landmarks, None)
    assert quality_factors(noise(), unknown).pose == 1.0

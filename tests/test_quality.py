"""The quality score falls with each defect and stays in [0, 1]."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.faces.face import Face, HeadPose
from aufait.inference.quality import quality_factors, quality_scores


def noise(size: int = 200, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fine = np.kron(rng.integers(0, 60, (size // 4, size // 4, 3)), np.ones((4, 4, 1)))
    coarse = np.kron(rng.integers(40, 180, (size // 50, size // 50, 3)), np.ones((50, 50, 1)))
    return (fine + coarse).astype(np.uint8)


def face(
    box: tuple[float, float, float, float], confidence: float = 1.0, rotation: tuple[float, ...] = (0, 0, 0)
) -> Face:
    x0, y0, x1, y1 = box
    grid = np.stack(np.meshgrid(np.linspace(x0, x1, 17), np.linspace(y0, y1, 4)), axis=-1).reshape(68, 2)
    pose = HeadPose(np.array([0, 0, 600.0]), np.radians(np.array(rotation, dtype=float)))
    return Face(np.array(box, np.float32), confidence, grid.astype(np.float32), pose)


GOOD = (40.0, 40.0, 160.0, 160.0)


def blurred(image: np.ndarray, radius: int) -> np.ndarray:
    padded = np.pad(image.astype(float), ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    side = 2 * radius + 1
    parts = [padded[y : y + image.shape[0], x : x + image.shape[1]] for y in range(side) for x in range(side)]
    return (sum(parts) / side**2).astype(np.uint8)


def test_good_face_scores_one() -> None:
    assert quality_factors(noise(), face(GOOD)).score == pytest.approx(1.0)


def test_blur_lowers_the_score_step_by_step() -> None:
    scores = [quality_factors(blurred(noise(), radius), face(GOOD)).sharpness for radius in (0, 5, 10, 20)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.2


def test_contrast_does_not_pass_for_sharpness() -> None:
    image = blurred(noise(), 4)
    flat = (image.astype(float) * 0.5 + 20).astype(np.uint8)
    assert quality_factors(flat, face(GOOD)).sharpness == pytest.approx(
        quality_factors(image, face(GOOD)).sharpness, abs=0.1
    )


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
    assert bad.score < good.score


def test_dark_and_burnt_faces_score_zero() -> None:
    for value in (0, 255):
        assert quality_factors(np.full((200, 200, 3), value, np.uint8), face(GOOD)).exposure == 0.0


@pytest.mark.parametrize("box", [(-90, -90, -50, -50), (500, 500, 600, 600), (10, 10, 10, 10), (50, 50, 40, 40)])
def test_impossible_box_scores_zero(box: tuple[float, float, float, float]) -> None:
    assert quality_factors(noise(), face(box)).score == 0.0


def test_not_a_number_scores_zero() -> None:
    assert quality_factors(noise(), face(GOOD, confidence=float("nan"))).score == 0.0


def test_one_score_per_face() -> None:
    scores = quality_scores(noise(), [face(GOOD), face(GOOD, confidence=0.5)])
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [1.0, 0.5], atol=1e-6)
    assert quality_scores(noise(), []).shape == (0,)


def test_face_without_a_pose_is_not_punished() -> None:
    known = face(GOOD)
    unknown = Face(known.box, known.confidence, known.landmarks, None)
    assert quality_factors(noise(), unknown).pose == 1.0

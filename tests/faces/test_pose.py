"""Head pose: known poses are recovered, signs are those that the module states."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.errors import InputError
from aufait.faces.pose import (
    Camera,
    estimate_pose,
    euler_from_matrix,
    head_points,
    matrix_from_euler,
    project,
    solve_pose,
)

SIZE = (1280, 720)
CAMERA = Camera.guess(*SIZE)


def random_poses(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    angles = np.radians(rng.uniform([-35, -60, -40], [35, 60, 40], (count, 3)))
    translation = rng.uniform([-250, -150, 450], [250, 150, 2500], (count, 3))
    return angles, translation


def test_poses_of_exact_projections_are_recovered() -> None:
    angles, translation = random_poses(60, seed=1)
    found = estimate_pose(project(matrix_from_euler(angles), translation, CAMERA), SIZE)
    assert np.abs(np.degrees([p.rotation for p in found] - angles)).max() < 0.1
    assert np.abs(np.array([p.translation for p in found]) / translation - 1).max() < 0.02


def test_poses_of_noisy_projections_are_recovered_within_a_degree() -> None:
    angles, translation = random_poses(200, seed=2)
    points = project(matrix_from_euler(angles), translation, CAMERA)
    width = np.ptp(points[..., 0], axis=1)[:, None, None]
    points = points + np.random.default_rng(3).normal(0, 1, points.shape) * width * 0.004
    found = np.degrees([p.rotation for p in estimate_pose(points, SIZE)])
    error = np.abs(found - np.degrees(angles))
    assert np.median(error) < 1.0
    assert error.mean() < 1.5


def test_a_few_wild_points_hardly_change_the_pose() -> None:
    angles, translation = random_poses(50, seed=4)
    points = project(matrix_from_euler(angles), translation, CAMERA)
    points[:, [29, 33, 45, 60, 61, 8]] += 40.0
    found = np.degrees([p.rotation for p in estimate_pose(points, SIZE)])
    error = np.abs(found - np.degrees(angles))
    assert np.median(error) < 0.5
    assert np.percentile(error, 90) < 2.0


def test_signs_match_the_documented_convention() -> None:
    head = head_points()
    chin, nose_tip, crown = head[8], head[30], np.array([0.0, -100.0, 0.0])
    looks_down = matrix_from_euler(np.array([0.3, 0, 0]))
    turns = matrix_from_euler(np.array([0, 0.3, 0]))
    leans = matrix_from_euler(np.array([0, 0, 0.3]))
    assert (looks_down @ chin)[2] > chin[2]  # chin moves away from the camera
    assert (turns @ nose_tip)[0] < nose_tip[0]  # nose to the left of the picture
    assert (leans @ crown)[0] > 0  # crown to the right of the picture


def test_a_frontal_face_has_pose_zero() -> None:
    points = project(np.eye(3)[None], np.array([[0.0, 0.0, 700.0]]), CAMERA)
    (pose,) = estimate_pose(points, SIZE)
    assert np.abs(pose.rotation).max() < 1e-4
    assert pose.translation == pytest.approx([0, 0, 700], abs=0.5)


def test_euler_angles_survive_the_round_trip() -> None:
    angles, _ = random_poses(100, seed=5)
    np.testing.assert_allclose(euler_from_matrix(matrix_from_euler(angles)), angles, atol=1e-12)


def test_batch_equals_one_by_one() -> None:
    angles, translation = random_poses(8, seed=6)
    points = project(matrix_from_euler(angles), translation, CAMERA)
    together = solve_pose(points, CAMERA)[0]
    alone = np.concatenate([solve_pose(p[None], CAMERA)[0] for p in points])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_unusable_points_give_nan_and_leave_other_faces_alone() -> None:
    points = project(np.stack([np.eye(3)] * 3), np.array([[0.0, 0.0, 700.0]] * 3), CAMERA)
    points[1] = np.nan
    points[2] = 5.0
    poses = estimate_pose(points, SIZE)
    assert np.abs(poses[0].rotation).max() < 1e-4
    assert np.isnan(poses[1].rotation).all()
    assert np.isnan(poses[2].rotation).all()


def test_no_faces_give_no_poses() -> None:
    assert estimate_pose(np.zeros((0, 68, 2)), SIZE) == []


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(InputError, match="68"):
        estimate_pose(np.zeros((2, 49, 2)), SIZE)


def test_the_head_is_symmetric_and_of_human_size() -> None:
    head = head_points()
    assert np.linalg.norm(head[36] - head[45]) == pytest.approx(89.2, abs=0.5)
    np.testing.assert_allclose(head[36] * [-1, 1, 1], head[45], atol=0.05)

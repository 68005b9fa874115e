"""Gaze, eye points and landmarks in space: exact where geometry says so, near the truth on eyes that are turned by known angles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_landmarks

from aufait.faces import create_finder, eyes
from aufait.faces.eyes import eye_gaze, landmarks_in_space, with_points_in_space
from aufait.faces.face import Face, HeadPose
from aufait.faces.mesh_points import landmarks_from_mesh
from aufait.faces.pose import Camera, head_points, matrix_from_euler

SIZE = (640, 480)
CAMERA = Camera.guess(*SIZE)
RINGS, CORNERS = (469, 474), ((33, 133), (263, 362))


def seen(points: np.ndarray) -> np.ndarray:
    """(..., 3) mm -> (..., 2) px."""
    focal, center = np.array([CAMERA.focal_x, CAMERA.focal_y]), np.array([CAMERA.center_x, CAMERA.center_y])
    return points[..., :2] / points[..., 2:] * focal + center


def made_mesh(pose: HeadPose, looks: np.ndarray) -> np.ndarray:
    """(1, 478, 3) mesh of a generic head whose eyes look along (2, 3) ``looks`` in its own frame, before up and down are mended."""
    rotation, head = matrix_from_euler(pose.rotation), head_points()
    mesh = np.random.default_rng(0).uniform(100, 300, (1, 478, 3))
    for eye, (outer, inner) in enumerate(((36, 39), (45, 42))):
        # The middle between the corners as seen is that of the points in space: both are put where it is.
        middle = rotation @ head[[outer, inner]].mean(axis=0) + pose.translation
        mesh[0, list(CORNERS[eye]), :2] = seen(middle)
        step = np.array(eyes._TO_CENTER) * [1 if eye == 0 else -1, 1, 1]
        iris = middle + rotation @ (step + eyes._RADIUS * looks[eye])
        mesh[0, RINGS[eye] : RINGS[eye] + 4, :2] = seen(iris) + 3 * np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])
    return mesh


def direction(aside: float, down: float = 0.0) -> np.ndarray:
    """Unit vector at angles (degrees) to the picture's right and down from straight at the camera."""
    vector = np.array([np.tan(np.radians(aside)), np.tan(np.radians(down)), -1.0])
    return vector / np.linalg.norm(vector)


def test_the_iris_s_place_gives_the_direction_and_up_and_down_are_mended() -> None:
    pose = HeadPose(np.array([20.0, -30.0, 600.0]), np.zeros(3))
    looks = np.stack([direction(14.0, 5.0), direction(-9.0, -4.0)])
    gaze, iris = eye_gaze(made_mesh(pose, looks), [pose], CAMERA)
    np.testing.assert_allclose(np.linalg.norm(gaze[0], axis=1), 1.0)
    np.testing.assert_allclose(np.degrees(np.arctan2(gaze[0, :, 0], -gaze[0, :, 2])), [14.0, -9.0], atol=1e-6)
    down = np.degrees(np.arctan2(gaze[0, :, 1], -gaze[0, :, 2]))
    np.testing.assert_allclose(down, np.array([5.0, -4.0]) * eyes._LIFT + np.degrees(eyes._TILT), atol=1e-6)
    assert iris[0, 0, 0] < iris[0, 1, 0]  # the subject's right eye comes first: on the left in the picture


@pytest.mark.parametrize("turn", [(0.3, 0.0, 0.0), (0.0, -0.4, 0.0), (0.1, 0.3, 0.5)])
def test_the_gaze_turns_with_the_head(turn: tuple[float, float, float]) -> None:
    straight, turned = (HeadPose(np.array([0.0, 0.0, 600.0]), np.array(angles)) for angles in ((0.0, 0.0, 0.0), turn))
    looks = np.stack([direction(8.0, 3.0)] * 2)
    (before, _), (after, _) = (eye_gaze(made_mesh(pose, looks), [pose], CAMERA) for pose in (straight, turned))
    np.testing.assert_allclose(after[0], before[0] @ matrix_from_euler(np.array(turn)).T, atol=1e-6)


def test_a_mirrored_face_looks_the_other_way() -> None:
    pose = HeadPose(np.array([0.0, 0.0, 600.0]), np.zeros(3))
    right, _ = eye_gaze(made_mesh(pose, np.stack([direction(12.0, 2.0), direction(7.0, 2.0)])), [pose], CAMERA)
    left, _ = eye_gaze(made_mesh(pose, np.stack([direction(-7.0, 2.0), direction(-12.0, 2.0)])), [pose], CAMERA)
    np.testing.assert_allclose(right[0], left[0, ::-1] * [-1, 1, 1], atol=1e-9)


def test_an_iris_outside_of_the_eyeball_still_gives_a_direction() -> None:
    pose = HeadPose(np.array([0.0, 0.0, 600.0]), np.zeros(3))
    mesh = made_mesh(pose, np.stack([direction(0.0)] * 2))
    mesh[0, 469:478, 0] += 40
    gaze, _ = eye_gaze(mesh, [pose], CAMERA)
    assert np.isfinite(gaze).all() and (gaze[0, :, 0] > 0.5).all()


def test_landmarks_in_space_fall_on_those_in_the_picture_and_have_the_depth_of_the_head() -> None:
    pose = HeadPose(np.array([10.0, 5.0, 500.0]), np.array([0.1, 0.3, -0.1]))
    truth = head_points() @ matrix_from_euler(pose.rotation).T + pose.translation
    found = landmarks_in_space(seen(truth)[None], [pose], CAMERA)[0]
    np.testing.assert_allclose(found, truth, atol=1e-9)


def made_face(**changes: object) -> Face:
    pose = HeadPose(np.array([0.0, 0.0, 600.0]), np.zeros(3))
    mesh = made_mesh(pose, np.stack([direction(5.0)] * 2)).astype(np.float32)[0]
    face = Face(box=np.zeros(4, np.float32), confidence=1.0, landmarks=draw_landmarks((300, 200)), pose=pose, mesh=mesh)
    return replace(face, **changes)  # type: ignore[arg-type]


def test_faces_carry_what_their_finder_allows_for() -> None:
    whole, no_mesh, no_pose, lost = with_points_in_space(
        [made_face(), made_face(mesh=None), made_face(pose=None), made_face(pose=HeadPose(np.full(3, np.nan), np.full(3, np.nan)))],
        SIZE,
    )
    assert whole.gaze is not None and whole.eye_landmarks is not None and whole.landmarks_3d is not None
    assert no_mesh.landmarks_3d is not None and no_mesh.gaze is None and no_mesh.eye_landmarks is None
    assert no_pose.landmarks_3d is None and no_pose.gaze is None and lost.landmarks_3d is None and lost.gaze is None


def test_eye_points_are_in_openface_s_order_and_what_is_not_seen_is_not_given() -> None:
    (face,) = with_points_in_space([made_face()], SIZE)
    assert face.eye_landmarks is not None and face.mesh is not None
    assert face.eye_landmarks.shape == (56, 5)
    for first, own, ring in ((0, 36, 469), (28, 42, 474)):
        flat = face.eye_landmarks[first : first + 28, :2]
        np.testing.assert_allclose(flat[8:20:2], face.landmarks[own : own + 6], atol=1e-4)
        np.testing.assert_allclose(flat[0:8:2], face.mesh[ring : ring + 4, :2], atol=1e-3)
        middle = face.mesh[ring : ring + 4, :2].mean(axis=0)
        np.testing.assert_allclose(np.linalg.norm(flat[:8] - middle, axis=1), 3.0, atol=1e-3)  # a circle stays one
        assert np.isnan(face.eye_landmarks[first + 20 : first + 28]).all()  # pupils
    given = face.eye_landmarks[~np.isnan(face.eye_landmarks[:, 0])]
    np.testing.assert_allclose(seen(given[:, 2:].astype(np.float64)), given[:, :2], atol=1e-2)
    assert (np.abs(given[:, 4] - 600) < 60).all()


def test_odd_lid_points_lie_between_landmarks(task_file: Path, shared: Path) -> None:
    from aufait.media.images import read_image

    image = read_image(shared / "samples" / "single_face.jpg")
    with create_finder("mesh", model_path=task_file) as finder:
        (face,) = with_points_in_space(finder.find(image), (image.shape[1], image.shape[0]))
    assert face.eye_landmarks is not None and face.mesh is not None
    np.testing.assert_allclose(face.landmarks, landmarks_from_mesh(face.mesh[:, :2]), atol=1e-3)
    for first in (8, 36):
        lids = face.eye_landmarks[first : first + 12, :2]
        for odd in range(1, 12, 2):
            before, point, after = lids[odd - 1], lids[odd], lids[(odd + 1) % 12]
            step = after - before
            share = float((point - before) @ step / (step @ step))
            assert 0.15 < share < 0.85, (first + odd, share)


@pytest.mark.slow
def test_eyes_that_are_turned_by_known_angles_are_seen_to(task_file: Path, shared: Path) -> None:
    """Rendered faces whose eyes look from one side to the other and from above down; docs/output.md has the figures of more."""
    pytest.importorskip("numba")
    from aufait.synthetic.drawing.scene import sample_scene
    from aufait.synthetic.head.assets import load_face_model
    from aufait.synthetic.head.expression import Intensities
    from aufait.synthetic.renderer import make_person, render

    model = load_face_model(shared / "assets")
    aside, down = [], []
    turned = [(-0.7, 0.0), (0.0, 0.0), (0.7, 0.0), (0.0, 0.6), (0.0, -0.6)]  # the engine's: subject's left, up
    with create_finder("mesh", model_path=task_file, max_faces=1) as finder:
        for seed in (3001, 3004):
            person = make_person(model, seed)
            for gaze in turned:
                scene = sample_scene(seed, size=512).clean(gaze=gaze, field_of_view=57.5, rotation=(0.0, 0.0, 0.0))
                image = render(person, Intensities.symmetric({}), scene, size=512, supersample=1.5).image
                (face,) = with_points_in_space(finder.find(image), (512, 512))
                assert face.gaze is not None
                x, y, z = face.gaze.mean(axis=0)
                aside.append(np.degrees(np.arctan2(x, -z)))
                down.append(np.degrees(np.arctan2(y, -z)))
    sides, heights = np.reshape(aside, (2, 5)), np.reshape(down, (2, 5))
    truth = 32.0 * np.array([-0.7, 0.0, 0.7])  # the subject's left is the picture's right
    np.testing.assert_allclose(sides[:, :3].mean(axis=0), truth, atol=9.0)
    assert (heights[:, 3] < heights[:, 1]).all() and (heights[:, 1] < heights[:, 4]).all()
    assert (heights[:, 4] - heights[:, 3]).mean() > 8.0  # of 32: the iris hides behind the lids, more so in some faces

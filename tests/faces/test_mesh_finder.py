"""The mesh finder: views and turns, and with the task file: small, many, turned and followed faces."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import draw_test_image
from PIL import Image

from aufait.alignment import apply_transform, warp
from aufait.faces import Face, create_finder
from aufait.faces import mesh_finder as module
from aufait.faces.mesh_finder import MeshFinder
from aufait.faces.mesh_networks import CROP_SIZE
from aufait.faces.mesh_window import mesh_window
from aufait.faces.tracking import FaceTracker
from aufait.media.images import read_image

# ---------------------------------------------------------------------------------------------------------------------
# Without the task file
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "side"), [(1280, 720, 1280), (200, 250, 100), (90, 40, 144), (1, 1, 1), (3, 900, 900)])
def test_views_cover_the_picture_and_overlap_by_half(width: int, height: int, side: int) -> None:
    level = module._level(np.zeros((height, width, 3), np.uint8), side)
    assert level.pixels.shape[1:] == (3, 128, 128) and len(level.pixels) == len(level.corners)
    for axis, length in enumerate((width, height)):
        starts = np.unique(level.corners[:, axis])
        assert starts[0] <= 0 and starts[-1] + 128 >= round(length * level.scale)
        assert (np.diff(starts) <= 64).all()


def test_views_show_the_picture_where_they_say() -> None:
    image = draw_test_image(256, 192, seed=5)
    level = module._level(image, 128)
    for (x, y), view in zip(level.corners, level.pixels, strict=True):
        expected = torch.from_numpy(image[y : y + 128, x : x + 128]).permute(2, 0, 1) / 255
        torch.testing.assert_close(view, expected)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_turned_window_shows_the_same_square_turned(quarter: int) -> None:
    image = draw_test_image(300, 280, seed=2)
    window = np.array([[[1.0, 0.0, -20.0], [0.0, 1.0, -10.0]]])
    straight, turned = (warp(image, w, CROP_SIZE)[0].permute(1, 2, 0).numpy() for w in (window, module._turned(window, quarter)))
    np.testing.assert_array_equal(turned, np.rot90(straight, quarter))


def test_a_mirrored_window_shows_the_same_square_mirrored() -> None:
    image = draw_test_image(300, 280, seed=2)
    window = np.array([[[1.0, 0.0, -20.0], [0.0, 1.0, -10.0]]])
    straight, mirrored = (warp(image, w, CROP_SIZE) for w in (window, module._mirrored(window)))
    torch.testing.assert_close(mirrored, straight.flip(-1))


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_pixels_are_found_again_in_a_turned_picture(quarter: int) -> None:
    image = draw_test_image(50, 30)
    turned = np.rot90(image, quarter)
    places = np.random.default_rng(0).integers(0, 30, (20, 2))
    for (x, y), (column, row) in zip(places, apply_transform(module._to_turned(image, quarter), places), strict=True):
        np.testing.assert_array_equal(turned[int(row), int(column)], image[y, x])


def test_drift_measures_shift_turn_and_growth() -> None:
    face = np.random.default_rng(0).normal(0, 50, (1, 478, 3))
    window = mesh_window(face)
    side = CROP_SIZE / np.linalg.norm(window[0, 0, :2])
    assert module._drift(window, window) == pytest.approx(0, abs=1e-9)
    assert module._drift(mesh_window(face + [0.1 * side, 0, 0]), window) == pytest.approx(0.1)
    assert module._drift(mesh_window(face * 1.2), window) == pytest.approx(np.log(1.2))
    cosine, sine = np.cos(0.3), np.sin(0.3)
    assert module._drift(mesh_window(face[..., :2] @ [[cosine, sine], [-sine, cosine]]), window) == pytest.approx(0.3)


def test_the_tracker_moves_the_mesh_with_the_landmarks() -> None:
    tracker = FaceTracker()
    mesh = np.random.default_rng(0).normal(100, 20, (478, 3)).astype(np.float32)
    for frame in range(4):
        points = mesh + np.float32([10 * frame, 0, 0])
        landmarks = points[:68, :2]
        box = np.array([*landmarks.min(0), *landmarks.max(0)], np.float32)
        tracker.update([Face(box=box, confidence=1.0, landmarks=landmarks, mesh=points)], frame / 10)
    (expected,) = tracker.predict(0.4)
    assert expected.mesh is not None and expected.landmarks[:, 0].mean() > mesh[:68, 0].mean() + 33
    np.testing.assert_allclose(expected.mesh[:68, :2], expected.landmarks, atol=1e-3)
    np.testing.assert_allclose(np.ptp(expected.mesh[:, 2]), np.ptp(mesh[:, 2]), rtol=0.2)


# ---------------------------------------------------------------------------------------------------------------------
# With it
# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finder(task_file: Path) -> Iterator[Any]:
    made = create_finder("mesh", model_path=task_file)
    yield made
    made.close()


@pytest.fixture(scope="module")
def portrait(shared: Path) -> np.ndarray:
    return read_image(shared / "samples" / "single_face.jpg")


def test_a_face_carries_all_that_the_pass_gave(finder: MeshFinder, portrait: np.ndarray) -> None:
    (face,) = finder.find(portrait)
    assert face.confidence > 0.9 and face.pose is not None
    assert face.mesh is not None and face.mesh.shape == (478, 3) and face.mesh.dtype == np.float32
    assert face.blendshapes is not None and face.blendshapes.shape == (52,)
    assert face.features is not None
    crop = warp(portrait, face.features.window[None], CROP_SIZE, 0).float() / 255
    with torch.inference_mode():
        out = finder.networks.landmarks(crop)
        torch.testing.assert_close(face.features.fine, out.fine[0], atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(face.features.coarse, out.coarse[0], atol=1e-3, rtol=1e-3)
        np.testing.assert_allclose(face.blendshapes, finder.networks.blendshapes(out.points)[0], atol=1e-4)
    inside = apply_transform(face.features.window, face.mesh[:, :2].astype(np.float64))
    np.testing.assert_allclose(inside, out.points[0, :, :2], atol=0.01)
    assert module._drift(mesh_window(face.mesh[None]), face.features.window[None])[0] < 0.05


def test_all_five_faces_of_a_group_are_found(finder: MeshFinder, shared: Path) -> None:
    faces = finder.find(read_image(shared / "samples" / "multi_face.jpg"))
    assert len(faces) == 5
    assert all(0.5 <= face.confidence <= 1 and face.pose is not None for face in faces)


def test_forty_pixel_faces_are_found_as_alone_so_together(finder: MeshFinder, portrait: np.ndarray) -> None:
    picture = Image.fromarray(portrait)
    small = picture.resize((round(picture.width * 0.22), round(picture.height * 0.22)), Image.Resampling.LANCZOS)
    scenes = []
    for places in ([(40, 60)], [(40, 60), (600, 300), (1120, 560)]):
        scene = Image.new("RGB", (1280, 720), (90, 110, 120))
        for x, y in places:
            scene.paste(small, (x, y))
        scenes.append(finder.find(np.asarray(scene)))
    alone, together = scenes
    assert (len(alone), len(together)) == (1, 3)
    assert all(30 < np.ptp(face.landmarks[:, 1]) < 50 for face in together)
    same = min(together, key=lambda face: float(np.abs(face.landmarks - alone[0].landmarks).max()))
    np.testing.assert_allclose(same.landmarks, alone[0].landmarks, atol=0.05)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_lying_and_inverted_faces_are_read_the_right_way_up(finder: MeshFinder, shared: Path, quarter: int) -> None:
    pictures = [read_image(shared / "samples" / "single_face.jpg")]
    pictures += [read_image(path) for path in sorted((shared / "real_faces" / "london").glob("*.jpg"))[:3]]
    for picture in pictures:
        upright = finder.find(picture)[0]
        turned = finder.find(np.rot90(picture, quarter).copy())[0]
        assert turned.confidence > 0.5
        expected = apply_transform(module._to_turned(picture, quarter), upright.landmarks.astype(np.float64))
        size = np.ptp(upright.landmarks, axis=0).max()
        assert np.linalg.norm(turned.landmarks - expected, axis=1).mean() < 0.03 * size
        assert turned.pose is not None and upright.pose is not None
        roll = np.degrees(turned.pose.rotation[2] - upright.pose.rotation[2]) + 90 * quarter
        assert abs((roll + 180) % 360 - 180) < 15


def test_no_face_gives_an_empty_list(finder: MeshFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    for image in (noise, np.zeros((1, 1, 3), np.uint8), np.zeros((3, 900, 3), np.uint8), draw_test_image(300, 200)):
        assert finder.find(image) == []


def test_a_followed_face_costs_one_pass_and_keeps_its_place(finder: MeshFinder, portrait: np.ndarray) -> None:
    finder.reset()
    looks: list[int] = []
    look = finder._look
    finder._look = lambda image, windows: (looks.append(len(windows)), look(image, windows))[1]  # type: ignore[method-assign]
    try:
        for frame in range(6):
            looks.clear()
            moved = np.roll(portrait, 3 * frame, axis=1)
            (face,) = finder.track(moved, frame / 30)
            if frame > 1:
                assert looks == [1]
    finally:
        finder._look = look  # type: ignore[method-assign]
    (alone,) = finder.find(moved)
    assert face.track_id == 0
    assert np.linalg.norm(face.landmarks - alone.landmarks, axis=1).mean() < 0.01 * np.ptp(alone.landmarks, axis=0).max()


def test_a_face_that_goes_is_lost_and_one_that_jumps_is_found_again(finder: MeshFinder, portrait: np.ndarray) -> None:
    finder.reset()
    assert len(finder.track(portrait, 0.0)) == 1
    assert finder.track(np.full_like(portrait, 127), 0.1) == []
    assert len(finder.track(np.roll(portrait, 150, axis=1), 0.6)) == 1


def _find_and_send(finder: MeshFinder, image: np.ndarray, queue: Any) -> None:
    queue.put([face.landmarks for face in finder.find(image)])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_the_finder_works_after_a_fork(finder: MeshFinder, portrait: np.ndarray) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # the threads of the parent are what a child would wait for in vain
    try:
        expected = [face.landmarks for face in finder.find(portrait)]
    finally:
        torch.set_num_threads(before)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_find_and_send, args=(finder, portrait, queue))
    child.start()
    try:
        found = queue.get(timeout=120)
    finally:
        child.kill()
        child.join()
    np.testing.assert_allclose(found, expected, atol=0.05)

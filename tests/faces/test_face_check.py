"""The face check sees covers, misfits and degraded pictures; its training data say what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw_landmarks, draw_test_image

from aufait.errors import InputError, MissingModelError
from aufait.faces.builtin import BuiltinFinder
from aufait.faces.face_check import (
    CHECK_SIZE,
    REGIONS,
    WEIGHTS,
    FaceCheckNetwork,
    check_crops,
    check_faces,
    load_face_check,
    normalize,
)
from aufait.files.weights import write_weights
from aufait.media.sources import demo_clip
from aufait.media.video import open_video


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A frame of the demo clip and the landmarks (F, 68, 2) of its rendered faces."""
    with open_video(demo_clip()) as video:
        image = next(iter(video)).image
    finder = BuiltinFinder()
    points = np.stack([face.landmarks for face in finder.find(image)])
    finder.close()
    return image, points


def test_plain_faces_fit_are_seen_and_clear(scene: tuple[np.ndarray, np.ndarray]) -> None:
    checks = check_faces(load_face_check(), *scene)
    assert len(checks.fit) == len(scene[1]) >= 1
    assert checks.fit.min() > 0.7
    assert checks.least_visible.min() > 0.75
    assert checks.clarity.min() > 0.7


def test_upright_points_on_an_upside_down_face_do_not_fit(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = scene
    turned = np.ascontiguousarray(image[::-1, ::-1])
    size = np.array([image.shape[1] - 1, image.shape[0] - 1])
    followed = size - points  # found the right way up, as it is in the turned picture
    upright = points - points.mean(axis=1, keepdims=True) + followed.mean(axis=1, keepdims=True)
    network = load_face_check()
    assert check_faces(network, turned, upright).fit.max() < 0.2
    np.testing.assert_allclose(check_faces(network, turned, followed).fit, check_faces(network, image, points).fit, atol=0.1)


def test_points_beside_the_face_do_not_fit(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = scene
    beside = points[:1] + (0.9 * (points[0, 45, 0] - points[0, 36, 0]), 0)
    assert check_faces(load_face_check(), image, beside).fit[0] < 0.3


def test_a_covered_mouth_is_told_from_the_eyes_above_it(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = scene[0].copy(), scene[1][:1]
    margin = 0.12 * np.linalg.norm(points[0, 45] - points[0, 36])
    low, high = points[0, 48:].min(axis=0) - margin, points[0, 48:].max(axis=0) + margin
    image[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])] = (90, 110, 130)
    visible = dict(zip(REGIONS, check_faces(load_face_check(), image, points).visible[0], strict=True))
    assert max(visible["mouth_left"], visible["mouth_right"]) < 0.5
    assert min(visible["eye_left"], visible["eye_right"]) > 0.7


def test_clarity_falls_with_blur(scene: tuple[np.ndarray, np.ndarray]) -> None:
    from PIL import Image, ImageFilter

    image, points = scene
    scale = float(np.linalg.norm(points[0, 45] - points[0, 36]))
    blurs = [np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(s * scale))) for s in (0.0, 0.04, 0.1)]
    scores = [check_faces(load_face_check(), picture, points[:1]).clarity[0] for picture in blurs]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.8
    assert scores[-1] < 0.6


def test_a_face_is_checked_alike_alone_and_among_others(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = scene
    several = np.concatenate([points, points + 3])
    together, alone = check_faces(load_face_check(), image, several), check_faces(load_face_check(), image, points)
    np.testing.assert_allclose(together.fit[: len(points)], alone.fit, atol=1e-5)
    assert check_faces(load_face_check(), image, points[:0]).visible.shape == (0, len(REGIONS))


def test_brightness_and_contrast_drop_out() -> None:
    crops = check_crops(draw_test_image(200, 200), draw_landmarks((100, 100))[None])
    assert crops.shape == (1, 3, CHECK_SIZE, CHECK_SIZE)
    other = crops.float() * 0.5 + 40
    torch.testing.assert_close(normalize(crops), normalize(other), atol=0.1, rtol=0.1)


def test_folding_the_normalisation_changes_nothing(scene: tuple[np.ndarray, np.ndarray]) -> None:
    plain, fused = (check_faces(load_face_check(fused=fused), *scene) for fused in (False, True))
    np.testing.assert_allclose(plain.visible, fused.visible, atol=1e-4)
    np.testing.assert_allclose(plain.fit, fused.fit, atol=1e-4)


def test_the_shipped_file_is_small_and_says_how_it_came_about() -> None:
    from aufait.files.weights import read_description

    assert WEIGHTS.stat().st_size < 500_000
    assert read_description(WEIGHTS, "")["training"]["faces"] > 1000


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"nothing\.safetensors"):
        load_face_check(tmp_path / "nothing.safetensors")
    write_weights(FaceCheckNetwork(), tmp_path / "other.safetensors", {"format": "something"})
    with pytest.raises(InputError, match="something"):
        load_face_check(tmp_path / "other.safetensors")

"""Alignment: published frames worked by hand, round trips, and picture and landmarks moving together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import draw_landmarks, draw_test_image
from hypothesis import given, settings
from hypothesis import strategies as st

from aufait import alignment
from aufait.errors import InputError
from aufait.landmarks import convert, five_points, inter_ocular_distance_centers

KINDS = pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
IDENTITY = np.array([[[1.0, 0, 0], [0, 1, 0]]])


def similarity(angle: float, scale: float, x: float, y: float) -> np.ndarray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[[c, -s, x], [s, c, y]]])


similarities = st.builds(
    similarity, st.floats(-3.1, 3.1), st.floats(0.05, 20), st.floats(-500, 500), st.floats(-500, 500)
)


def draw_dot(x: int, y: int, width: int = 160, height: int = 120) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[y - 4 : y + 5, x - 4 : x + 5] = 255
    return image


def brightest(image: torch.Tensor) -> np.ndarray:
    """Centre of mass (x, y) of a (3, H, W) picture."""
    weight = image[0].double().numpy()
    ys, xs = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]]
    return np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()


# --- transforms ------------------------------------------------------------------------------------------------------


@KINDS
def test_paper_transform_of_an_upright_face_by_hand(kind: Any) -> None:
    # Five points: eyes (70, 100 - 1/3) and (130, ...), nose (100, 130), corners (76, 158) and (124, 158): the box is
    # 60 wide and 58 1/3 high, its centre (100, 128 5/6); half side 0.5 x 2.9 x 60 = 87, scale 99.5 / 87.
    matrix = alignment.paper_transform(kind(draw_landmarks())[None])
    scale = 99.5 / 87
    expected = [[scale, 0, 99.5 - scale * 100], [0, scale, 99.5 - scale * (128 + 5 / 6)]]
    np.testing.assert_allclose(matrix[0], expected, atol=1e-4)


@pytest.mark.parametrize(("enlargement", "span"), [(2.9, 68.6), (2.8, 71.1)])
@pytest.mark.parametrize("points", [68, 49])
def test_five_point_box_spans_the_published_part_of_200_pixels(enlargement: float, span: float, points: int) -> None:
    face = convert(draw_landmarks((300, 200), 1.7, 25.0)[None], points)
    moved = alignment.apply_transform(alignment.paper_transform(face, enlargement), face)
    five = five_points(moved)[0]
    assert (five.max(0) - five.min(0)).max() == pytest.approx(span, abs=0.05)
    np.testing.assert_allclose((five.max(0) + five.min(0)) / 2, [99.5, 99.5], atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(similarities)
def test_aligned_face_does_not_depend_on_where_it_was(matrix: np.ndarray) -> None:
    face = draw_landmarks()[None].astype(np.float64)
    moved = alignment.apply_transform(matrix, face)
    aligned = alignment.apply_transform(alignment.paper_transform(moved), moved)
    expected = alignment.apply_transform(alignment.paper_transform(face), face)
    np.testing.assert_allclose(aligned, expected, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(similarities)
def test_similarity_is_recovered_from_points(matrix: np.ndarray) -> None:
    points = np.random.default_rng(0).uniform(0, 100, (1, 5, 2))
    found = alignment.similarity_from_points(points, alignment.apply_transform(matrix, points))
    np.testing.assert_allclose(found, matrix, atol=1e-8)
    as_torch = alignment.similarity_from_points(
        torch.from_numpy(points), torch.from_numpy(alignment.apply_transform(matrix, points))
    )
    np.testing.assert_allclose(as_torch, found, atol=1e-9)


def test_noisy_similarity_beats_its_neighbours_and_never_reflects() -> None:
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2, 3, 7, 2))
    found = alignment.similarity_from_points(source, target)
    error = ((alignment.apply_transform(found, source) - target) ** 2).sum((1, 2))
    for change in (similarity(0.01, 1, 0, 0), similarity(0, 1.01, 0, 0), similarity(0, 1, 0.01, 0)):
        other = alignment.compose(change, found)
        assert (((alignment.apply_transform(other, source) - target) ** 2).sum((1, 2)) > error).all()
    assert (np.linalg.det(alignment.similarity_from_points(source, source * [-1, 1])[:, :, :2]) >= 0).all()


def test_one_target_serves_all_faces() -> None:
    source = np.random.default_rng(2).normal(size=(4, 5, 2))
    each = alignment.similarity_from_points(source, np.repeat(source[:1], 4, axis=0))
    np.testing.assert_allclose(alignment.similarity_from_points(source, source[0]), each)


@KINDS
@settings(max_examples=20, deadline=None)
@given(first=similarities, second=similarities)
def test_inverse_and_composition(kind: Any, first: np.ndarray, second: np.ndarray) -> None:
    points = kind(np.random.default_rng(3).uniform(0, 100, (1, 6, 2)))
    a, b = kind(first), kind(second)
    there = alignment.apply_transform(a, points)
    np.testing.assert_allclose(alignment.apply_transform(alignment.invert(a), there), points, atol=1e-6)
    np.testing.assert_allclose(
        alignment.apply_transform(alignment.compose(b, a), points), alignment.apply_transform(b, there), atol=1e-6
    )


@KINDS
def test_aunet_box_by_hand(kind: Any) -> None:
    # Box 100 x 160: side 200 x 260 / 260 = 200 pixels, scale 256 / 200; its middle (150, 180) falls on 128.
    matrix = alignment.box_transform(kind(np.array([[100.0, 100, 200, 260]])))
    np.testing.assert_allclose(matrix[0], [[1.28, 0, 128 - 1.28 * 150], [0, 1.28, 128 - 1.28 * 180]])


def test_single_matrix_moves_any_number_of_faces() -> None:
    points = np.random.default_rng(4).normal(size=(2, 3, 5, 2))
    matrix = similarity(0.3, 2, 1, 2)[0]
    np.testing.assert_allclose(
        alignment.apply_transform(matrix, points)[1, 2], alignment.apply_transform(matrix[None], points[1, 2:3])[0]
    )


@KINDS
def test_window_transform_shifts_the_crop(kind: Any) -> None:
    matrix, points = kind(similarity(0.2, 1.5, 3, 4)), kind(np.ones((1, 2, 2)))
    moved = alignment.apply_transform(alignment.window_transform(matrix, (12, 10)), points)
    shift = kind(np.array([12.0, 10.0]))
    np.testing.assert_allclose(moved + shift, alignment.apply_transform(matrix, points))
    assert (matrix == kind(similarity(0.2, 1.5, 3, 4))).all(), "the input is left as it was"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: alignment.similarity_from_points(np.ones((2, 5, 2)), np.ones((2, 5, 2))), "points of face 0 coincide"),
        (lambda: alignment.similarity_from_points(np.ones((5, 2)), np.ones((5, 2))), r"\(F, P, 2\)"),
        (lambda: alignment.similarity_from_points(np.ones((1, 5, 2)), np.ones((1, 4, 2))), "like the source"),
        (lambda: alignment.paper_transform(np.ones((1, 68, 2))), "eye centres of face 0 coincide"),
        (lambda: alignment.paper_transform(draw_landmarks()), "add a face axis"),
        (lambda: alignment.box_transform(np.array([[0.0, 0, 5, 5], [5, 5, 5, 9]])), "box 1 is empty"),
        (lambda: alignment.invert(np.zeros((1, 2, 3))), "transform 0 is singular"),
        (lambda: alignment.warp(np.zeros((4, 4), np.uint8), IDENTITY, 4), r"must be \(H, W, 3\) uint8"),
        (lambda: alignment.warp(np.zeros((4, 4, 3), np.float32), IDENTITY, 4), r"must be \(H, W, 3\) uint8"),
        (lambda: alignment.warp(torch.zeros((4, 4, 3), dtype=torch.uint8), IDENTITY, 4), r"must be \(3, H, W\) uint8"),
        (lambda: alignment.warp(draw_test_image(), IDENTITY[0], 4), r"matrix must have shape \(F, 2, 3\)"),
        (lambda: alignment.warp(draw_test_image(), IDENTITY * np.nan, 4), "not finite"),
        (lambda: alignment.crop(draw_test_image(), draw_landmarks()), "reaches outside the 96 x 64 picture"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


# --- warp ------------------------------------------------------------------------------------------------------------


def test_identity_warp_copies_the_picture() -> None:
    image = draw_test_image(64, 64)
    assert (alignment.warp(image, IDENTITY, 64)[0].permute(1, 2, 0).numpy() == image).all()


def test_whole_pixel_shift_moves_pixels_and_fills_the_border() -> None:
    image = draw_test_image(20, 20)
    moved = alignment.warp(image, np.array([[[1.0, 0, 5], [0, 1, -3]]]), 20, border=7)[0].permute(1, 2, 0).numpy()
    assert (moved[:17, 5:] == image[3:, :15]).all()
    assert (moved[:, :5] == 7).all() and (moved[17:] == 7).all()


def test_numpy_and_torch_pictures_give_the_same_crops() -> None:
    image = draw_test_image(300, 200)
    matrices = np.concatenate([similarity(0.3, s, 5, 4) for s in (0.2, 0.45, 1.0, 3.0)])
    as_torch = torch.from_numpy(image).permute(2, 0, 1).contiguous()
    crops = alignment.warp(image, matrices, 64)
    assert crops.shape == (4, 3, 64, 64) and crops.dtype == torch.uint8
    assert (crops == alignment.warp(as_torch, torch.from_numpy(matrices), 64)).all()
    assert (crops[2] == alignment.warp(image, matrices[2:3], 64)[0]).all(), "a batch is its faces one by one"


@pytest.mark.parametrize("scale", [0.1, 0.25, 0.34, 0.5, 0.7, 1.0, 2.2])
def test_smooth_picture_keeps_its_values_at_the_moved_places(scale: float) -> None:
    # A linear ramp survives both block means and bilinear sampling exactly, away from the border.
    y, x = np.mgrid[0:400, 0:600]
    image = np.stack([x * 255 // 600, y * 255 // 400, (x + y) * 255 // 1000], axis=-1).astype(np.uint8)
    matrix = similarity(0.4, scale, 20.0, 30.0)
    size = 48
    crop = alignment.warp(image, matrix, size)[0].numpy().astype(int)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).reshape(1, -1, 2).astype(float)
    source = alignment.apply_transform(alignment.invert(matrix), grid).reshape(size, size, 2)
    margin = 2 / scale + 2
    inside = ((source > margin) & (source < np.array([600, 400]) - margin)).all(-1)
    assert inside.sum() > 100
    expected = source[inside] * [255 / 600, 255 / 400]
    assert np.abs(crop[:2][:, inside].T - expected).max() < 2


def test_shrinking_fine_stripes_gives_grey_not_moire() -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    image[:, ::2] = 255
    crop = alignment.warp(image, similarity(0, 0.25, 0, 0), 64)[0].float()
    assert crop[:, 4:-4, 4:-4].std() < 1 and abs(crop[:, 4:-4, 4:-4].mean() - 127.5) < 1


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 8.0])
def test_crop_beside_the_picture_is_all_border(scale: float) -> None:
    crop = alignment.warp(draw_test_image(), similarity(0, scale, -1e5, 20), 16, border=99)
    assert (crop == 99).all()


def test_one_pixel_picture_and_no_faces() -> None:
    assert alignment.warp(np.zeros((1, 1, 3), np.uint8), IDENTITY, 8).shape == (1, 3, 8, 8)
    assert alignment.warp(draw_test_image(), np.zeros((0, 2, 3)), 8).shape == (0, 3, 8, 8)


def test_read_only_and_flipped_pictures_are_accepted() -> None:
    image = draw_test_image(32, 32)
    expected = alignment.warp(image, IDENTITY, 32)
    image.flags.writeable = False
    assert (alignment.warp(image, IDENTITY, 32) == expected).all()
    assert (alignment.warp(image[:, ::-1], IDENTITY, 32) == expected.flip(-1)).all()


# --- picture and landmarks together ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.3, 0.8, 2.0])
def test_dot_in_the_picture_lands_where_the_point_lands(scale: float) -> None:
    matrix = similarity(-0.5, scale, 10.0, 40.0)
    moved = alignment.apply_transform(matrix, np.array([[[70.0, 50.0]]]))[0, 0]
    crop = alignment.warp(draw_dot(70, 50), matrix, 200, border=0)[0]
    np.testing.assert_allclose(brightest(crop), moved, atol=0.06)


def test_align_crop_and_mirror_move_picture_and_landmarks_together() -> None:
    face = draw_landmarks((80, 60), 0.6, roll=-20)
    x, y = np.rint(face[45]).astype(int)  # left eye's outer corner
    face[45] = x, y
    crops, landmarks, _ = alignment.align(draw_dot(x, y), face[None], border=0)
    np.testing.assert_allclose(brightest(crops[0]), landmarks[0, 45], atol=0.1)
    assert landmarks.dtype == np.float32
    eye_line = five_points(landmarks)[0]
    assert eye_line[0, 1] == pytest.approx(eye_line[1, 1], abs=1e-3)

    window, moved = alignment.crop(crops, torch.from_numpy(landmarks), alignment.center_offset())
    assert window.shape == (1, 3, 176, 176)
    np.testing.assert_allclose(brightest(window[0]), moved[0, 45], atol=0.1)

    flipped, mirrored = alignment.mirror(window, moved)
    np.testing.assert_allclose(brightest(flipped[0]), mirrored[0, 36], atol=0.1)  # the point is the right eye's now


@KINDS
def test_mirroring_twice_gives_back_the_picture_and_the_landmarks(kind: Any) -> None:
    image, landmarks = kind(draw_test_image()), kind(draw_landmarks((40, 30), 0.3)[None])
    if isinstance(image, torch.Tensor):
        image = image.permute(2, 0, 1)
    once = alignment.mirror(image, landmarks)
    twice = alignment.mirror(*once)
    assert (twice[0] == image).all() and not (once[0] == image).all()
    np.testing.assert_allclose(twice[1], landmarks, atol=1e-5)


def test_crop_offsets_follow_the_papers() -> None:
    assert alignment.center_offset() == (12, 12)
    generator = np.random.default_rng(0)
    drawn = np.array([alignment.random_offset(generator) for _ in range(2000)])
    assert (drawn.min(0) == 0).all() and (drawn.max(0) == 24).all()
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.1


def test_numpy_crop_without_offset_is_central() -> None:
    image = draw_test_image(200, 200)
    window, moved = alignment.crop(image, draw_landmarks()[None])
    assert (window == image[12:188, 12:188]).all()
    np.testing.assert_allclose(moved, draw_landmarks()[None] - 12)


def test_inter_ocular_distance_in_the_aligned_frame_is_near_the_published_example() -> None:
    # The released JAA-Net list prints 4480.045 squared pixels, 66.93 pixels; ours has the same order of size.
    face = draw_landmarks()[None]
    moved = alignment.apply_transform(alignment.paper_transform(face), face)
    assert 60 < float(inter_ocular_distance_centers(moved)[0]) < 69

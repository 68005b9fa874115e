"""Landmark schemes, mirror permutations and distances, on NumPy arrays and torch tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import draw_landmarks

from aufait import landmarks as lm
from aufait.errors import InputError

# Horizontal-flip list for 49 points, 1-based, as JAA-Net publishes it.
PUBLISHED_FLIP_49 = """
10 9 8 7 6 5 4 3 2 1 11 12 13 14 19 18 17 16 15 29 28 27 26 31 30 23 22 21 20 25 24
38 37 36 35 34 33 32 43 42 41 40 39 46 45 44 49 48 47
"""

KINDS = pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])


def test_mirror_49_is_the_published_list() -> None:
    assert list(lm.MIRROR_49) == [int(number) - 1 for number in PUBLISHED_FLIP_49.split()]


@pytest.mark.parametrize("points", lm.MIRRORS)
def test_mirror_is_its_own_inverse(points: int) -> None:
    permutation = lm.MIRRORS[points]
    assert sorted(permutation) == list(range(points))
    assert [permutation[k] for k in permutation] == list(range(points))


@pytest.mark.parametrize("pair", [(0, 16), (7, 9), (17, 26), (31, 35), (36, 45), (40, 47), (48, 54), (59, 55),
                                  (60, 64), (61, 63), (67, 65)])  # fmt: skip
def test_mirror_pairs_of_68(pair: tuple[int, int]) -> None:
    assert lm.MIRROR_68[pair[0]] == pair[1]


@pytest.mark.parametrize("point", [8, 27, 30, 33, 51, 57, 62, 66])
def test_midline_points_stay(point: int) -> None:
    assert lm.MIRROR_68[point] == point


def test_schemes_leave_out_the_right_points() -> None:
    assert set(lm.LANDMARKS_68) - set(lm.LANDMARKS_66) == {60, 64}
    assert set(lm.LANDMARKS_66) - set(lm.LANDMARKS_49) == set(range(17))
    assert [lm.LANDMARKS_49[k] for k in (13, 19, 22, 25, 28, 31, 34, 37, 40, 43, 46)] == [
        30, 36, 39, 42, 45, 48, 51, 54, 57, 61, 65]  # fmt: skip


def test_groups_cover_all_points_once() -> None:
    assert not set(lm.GROUPS) & set(lm.POINTS), "a name means one thing"
    assert sorted(k for group in lm.GROUPS.values() for k in group) == list(range(68))


def test_named_points_lie_in_their_scheme() -> None:
    assert lm.indices("right_eye", 49) == [19, 20, 21, 22, 23, 24]
    assert lm.indices("nose_tip", 49) == [13]
    assert lm.indices(48, 66) == [48]
    with pytest.raises(InputError, match="49-point scheme has no counterpart"):
        lm.indices("jaw", 49)
    with pytest.raises(InputError, match="unknown landmark 'ear'"):
        lm.indices("ear")
    with pytest.raises(InputError, match="68, 66 or 49 points, got 98"):
        lm.indices("chin", 98)


@KINDS
def test_conversion_is_selection(kind: Any) -> None:
    points = kind(np.random.default_rng(0).normal(size=(3, 68, 2)))
    through_66 = lm.convert(lm.convert(points, 66), 49)
    assert through_66.shape == (3, 49, 2)
    assert (through_66 == lm.convert(points, 49)).all()
    with pytest.raises(InputError, match="49 landmarks cannot be turned into 68"):
        lm.convert(through_66, 68)


@KINDS
@pytest.mark.parametrize("points", [68, 66, 49])
def test_symmetric_face_is_unchanged_by_mirroring_about_its_midline(kind: Any, points: int) -> None:
    face = lm.convert(kind(draw_landmarks(center=(100.0, 80.0))), points)
    np.testing.assert_allclose(lm.mirror_landmarks(face, 201), face, atol=1e-4)


@KINDS
def test_mirroring_twice_changes_nothing(kind: Any) -> None:
    points = kind(np.random.default_rng(1).uniform(0, 200, (4, 68, 2)))
    twice = lm.mirror_landmarks(lm.mirror_landmarks(points, 176), 176)
    assert type(twice) is type(points)
    np.testing.assert_allclose(twice, points, atol=1e-9)


def test_first_and_last_pixel_change_places() -> None:
    points = np.zeros((68, 2), np.float32)
    assert (lm.mirror_landmarks(points, 176)[:, 0] == 175).all()


@KINDS
@pytest.mark.parametrize("points", [68, 66, 49])
def test_inter_ocular_distances_of_a_known_face(kind: Any, points: int) -> None:
    face = lm.convert(kind(draw_landmarks(scale=2.0, roll=30.0)), points)
    assert float(lm.inter_ocular_distance_outer(face)) == pytest.approx(168, abs=1e-3)  # 2 x (42 + 42)
    assert float(lm.inter_ocular_distance_inner(face)) == pytest.approx(72, abs=1e-3)  # 2 x (18 + 18)
    assert float(lm.inter_ocular_distance_centers(face)) == pytest.approx(120, abs=1e-3)  # 2 x 60


@KINDS
def test_five_points_and_box(kind: Any) -> None:
    face = kind(draw_landmarks(center=(0.0, 0.0)))[None]
    expected = [[-30, -1 / 3], [30, -1 / 3], [0, 30], [-24, 58], [24, 58]]
    np.testing.assert_allclose(lm.five_points(face)[0], expected, atol=1e-4)
    assert float(lm.five_points(face, nose="subnasale")[0, 2, 1]) == 40
    assert lm.landmark_box(face)[0].tolist() == [-62, -31, 62, 91]


@pytest.mark.parametrize("shape", [(68,), (68, 3), (5, 2), (2, 98)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="landmarks must have shape"):
        lm.check_landmarks(np.zeros(shape))

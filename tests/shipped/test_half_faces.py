"""Half faces: each half shows what it should, the seam stays where the midline is."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import draw_landmarks

from aufait.errors import InputError
from aufait.shipped.action_units.half_faces import half_face

SIZE = 200


def plain(value: int) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), value, np.uint8)


@pytest.mark.parametrize(("side", "acting_columns"), [("left", slice(115, 140)), ("right", slice(60, 85))])
def test_the_acting_half_is_the_subjects(side: str, acting_columns: slice) -> None:
    points = draw_landmarks((100, 100))
    result = half_face(plain(50), plain(200), points, points, side)  # type: ignore[arg-type]
    cheek = slice(110, 130)  # rows below the eyes
    assert result[cheek, acting_columns].mean() > 160  # a subject's left cheek is on the right of the picture
    other = slice(200 - acting_columns.stop, 200 - acting_columns.start)
    assert result[cheek, other].mean() < 90


def test_hair_and_background_stay_those_of_the_resting_portrait() -> None:
    points = draw_landmarks((100, 100))
    result = half_face(plain(50), plain(200), points, points, "left")
    assert result[:15].max() < 80
    assert result[:, 190:].max() < 80


def test_the_acting_portrait_is_brought_onto_the_resting_one() -> None:
    """A dot on the acting cheek lands where the same place of the resting face is, whatever size and place it had."""
    rest, act = draw_landmarks((100, 100)), draw_landmarks((80, 90), scale=0.8, roll=10)
    acting = plain(60)
    angle = np.deg2rad(10)
    offset = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ (0.8 * np.array([36.0, 25.0]))
    x, y = np.rint(np.array([80, 90]) + offset).astype(int)
    acting[y - 2 : y + 3, x - 2 : x + 3] = 255
    result = half_face(plain(60), acting, rest, act, "left")
    place = np.argwhere(result[..., 0] > 160)
    assert place.mean(axis=0) == pytest.approx((125, 136), abs=1.5)


def test_the_lips_meet_at_the_midline_although_the_acting_mouth_is_open() -> None:
    rest = draw_landmarks((100, 100))
    act = rest.copy()
    act[[57, 66, 8]] += (0, 8)  # lower lip and chin lower
    acting = plain(90)
    acting[157:162] = 0  # a dark line on the open mouth's lower lip, at the height of point 66 (169 - 8 in the resting face)
    acting[169 - 2 : 169 + 2] = 250
    result = half_face(plain(90), acting, rest, act, "left").astype(int)
    lower_lip = int(rest[66][1])
    near = result[lower_lip - 4 : lower_lip + 5, 102:106].mean(axis=(1, 2))
    assert near.max() > 150  # the bright line of point 66 was bent up to where the resting point is
    assert abs(int(near.argmax()) - 4) <= 1


def test_equal_portraits_give_back_the_portrait() -> None:
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(60, 200, (25, 25, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    points = draw_landmarks((100, 100))
    difference = np.abs(half_face(image, image, points, points, "right").astype(int) - image)
    assert difference.max() <= 2


def test_wrong_sides_and_points_are_refused() -> None:
    points = draw_landmarks((100, 100))
    with pytest.raises(InputError, match="'up'"):
        half_face(plain(0), plain(0), points, points, "up")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"\(5, 2\)"):
        half_face(plain(0), plain(0), points[:5], points, "left")

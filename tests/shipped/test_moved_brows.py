"""Portraits with moved brows: the brows go where the engine's go, the rest of the picture stays."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import draw_landmarks

from aufait.errors import InputError
from aufait.shipped.action_units.moved_brows import MOVED_UNITS, cut_out, draw_brows, move_brows

pytest.importorskip("cv2", reason="bending a portrait needs OpenCV: pip install 'aufait[synth]'")

from aufait.errors import MissingModelError
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.expression import Intensities

SIZE = 400


@pytest.fixture(scope="module")
def model() -> FaceModel:
    try:
        return load_face_model()
    except MissingModelError as error:
        pytest.skip(str(error))


def portrait() -> tuple[np.ndarray, np.ndarray]:
    """A grey face with a dark stroke for each brow."""
    points = draw_landmarks((200, 200), scale=2)
    image = np.full((SIZE, SIZE, 3), 150, np.uint8)
    for x, y in np.rint(points[17:27]).astype(int):
        image[y - 2 : y + 3, x - 5 : x + 6] = 20
    return image, points


def brow_height(image: np.ndarray, x: float) -> float:
    """Row of the darkest place of a column of pixels above the eyes; the row grows downwards."""
    column = 150.0 - image[60:190, round(x) - 3 : round(x) + 4].mean(axis=(1, 2))
    return float((column * np.arange(60, 190)).sum() / column.sum())


def moved(model: FaceModel, left: dict[int, float], right: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    image, points = portrait()
    return move_brows(image, points, Intensities(left, right), model, np.random.default_rng(0))


@pytest.mark.parametrize("unit", [1, 2])
def test_raised_brows_rise_where_the_engine_raises_them(model: FaceModel, unit: int) -> None:
    before, points = portrait()
    after, where = moved(model, {unit: 5.0}, {unit: 5.0})
    inner, outer = (brow_height(before, points[k, 0]) - brow_height(after, points[k, 0]) for k in (21, 18))
    assert (inner, outer) == pytest.approx(tuple(points[[21, 18], 1] - where[[21, 18], 1]), abs=3.0)
    most, least = (inner, outer) if unit == 1 else (outer, inner)
    assert most > 5 and most > least + 1


def test_oblique_brows_rise_inside_and_draw_together(model: FaceModel) -> None:
    _, points = portrait()
    _, where = moved(model, {1: 5.0, 4: 5.0}, {1: 5.0, 4: 5.0})
    assert where[21, 1] < points[21, 1] - 4 and where[21, 1] - where[18, 1] < points[21, 1] - points[18, 1] - 4
    assert where[22, 0] - where[21, 0] < points[22, 0] - points[21, 0] - 2


def test_only_the_side_that_acts_moves(model: FaceModel) -> None:
    _, points = portrait()
    _, where = moved(model, {2: 5.0}, {})
    assert points[25, 1] - where[25, 1] > 4 > 1 > abs(points[18, 1] - where[18, 1])  # the subject's left brow is 22 to 26


def test_mouth_and_background_stay(model: FaceModel) -> None:
    image, points = portrait()
    after, where = moved(model, {1: 5.0, 4: 5.0}, {1: 5.0, 4: 5.0})
    assert np.abs(where[48:] - points[48:]).max() < 1
    assert (after[:10] == image[:10]).all() and after.shape == image.shape


def test_what_it_cannot_move_is_refused(model: FaceModel) -> None:
    image, points = portrait()
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"only AUs \(1, 2, 4\)"):
        move_brows(image, points, Intensities.symmetric({12: 2.0}), model, rng)
    with pytest.raises(InputError, match=r"landmarks must be \(68, 2\)"):
        move_brows(image, points[:5], Intensities.symmetric({1: 2.0}), model, rng)


def test_draws_hold_oblique_brows_rest_and_one_sided_ones() -> None:
    draws = [draw_brows(np.random.default_rng(k)) for k in range(900)]
    assert {unit for d in draws for unit in d.present} == set(MOVED_UNITS)
    assert all(0 <= v <= 5 for d in draws for side in (d.left, d.right) for v in side.values())
    assert 0.2 < np.mean([d.mean(1) > 1.5 and d.mean(4) > 1 for d in draws]) < 0.5
    peak = np.array([max([v for side in (d.left, d.right) for v in side.values()], default=0.0) for d in draws])
    assert 0.1 < np.mean((peak > 0) & (peak < 1.4)) < 0.3 and np.mean((peak > 1.4) & (peak < 1.9)) < 0.05
    assert 0.06 < np.mean([not d.present for d in draws]) < 0.2
    assert 0.08 < np.mean([bool(d.left) != bool(d.right) for d in draws]) < 0.2


def test_cut_out_keeps_the_face_in_place_and_ends_at_the_picture() -> None:
    image, points = portrait()
    part, corner = cut_out(np.pad(image, ((300, 0), (0, 0), (0, 0))), points + (0, 300))
    inside = points + (0, 300) - corner
    assert (corner >= 0).all() and (inside.min(axis=0) >= 0).all() and (inside.max(axis=0) < part.shape[1::-1]).all()
    x, y = np.rint(inside[19]).astype(int)
    assert part[y, x, 0] == 20

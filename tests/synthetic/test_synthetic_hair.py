"""Hair of the synthetic face engine: reproducible, rooted where it belongs, clear of the eyes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from aufait.errors import MissingModelError
from aufait.synthetic.drawing.primitives import Strands, vertex_normals
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.person import BEARDS, HAIR_COLOURS, HAIR_STYLES, Traits, sample_traits
from aufait.synthetic.looks.beard import grow_beard, lip_freedom
from aufait.synthetic.looks.brows_and_lashes import BROW_BAND, brow_line, grow_brows, lash_points
from aufait.synthetic.looks.hair_colours import brow_colour, hair_colour
from aufait.synthetic.looks.scalp import HeadMap, scalp_signed_distance
from aufait.synthetic.looks.scalp_hair import grow_scalp_hair

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def model(shared: Path) -> FaceModel:
    try:
        return load_face_model(shared / "assets")
    except MissingModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def normals(model: FaceModel) -> np.ndarray:
    return vertex_normals(model.neutral, model.triangles)


def person(seed: int, **changes: object) -> Traits:
    return dataclasses.replace(sample_traits(seed), **{"headwear": "none", **changes})


def roots(model: FaceModel, strands: Strands) -> np.ndarray:
    corners = model.neutral[model.triangles[strands.root_triangle]]
    return np.einsum("nk,nkc->nc", strands.root_barycentric, corners)


def check_strands(strands: Strands, most: int, points: int) -> None:
    n = len(strands.root_triangle)
    assert 0 < n <= most
    assert strands.root_barycentric.shape == (n, 3)
    assert strands.offsets.shape[0] == n and 3 <= strands.offsets.shape[1] <= points
    assert strands.offsets.dtype == np.float32 and np.isfinite(strands.offsets).all()
    assert strands.colour.shape == (n, 3) and (strands.colour > 0).all() and (strands.colour < 1).all()
    np.testing.assert_allclose(strands.offsets[:, 0], 0.0, atol=1e-6)
    np.testing.assert_allclose(strands.root_barycentric.sum(axis=1), 1.0, atol=1e-5)


def all_points(model: FaceModel, strands: Strands) -> np.ndarray:
    return strands.points(model.neutral, model.triangles, np.eye(3, dtype=np.float32))


@pytest.mark.parametrize("style", [s for s in HAIR_STYLES if s != "bald"])
@pytest.mark.parametrize("seed", SEEDS)
def test_scalp_hair_grows_on_the_scalp(model: FaceModel, normals: np.ndarray, style: str, seed: int) -> None:
    traits = person(seed, hair_style=style)
    strands = grow_scalp_hair(model, traits, model.neutral, normals)
    assert strands is not None and strands.is_scalp
    check_strands(strands, 8000, 12)
    assert scalp_signed_distance(roots(model, strands), traits).min() > -1.0


@pytest.mark.parametrize("style", [s for s in HAIR_STYLES if s != "bald"])
@pytest.mark.parametrize("seed", SEEDS)
def test_scalp_hair_leaves_eyes_and_brows_free(model: FaceModel, normals: np.ndarray, style: str, seed: int) -> None:
    strands = grow_scalp_hair(model, person(seed, hair_style=style), model.neutral, normals)
    points = all_points(model, strands)
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    before_eyes = (x < 4.6) & (y > 2.3) & (y < 5.6) & (z > 7.0)
    assert before_eyes.any(axis=1).mean() < 0.01


@pytest.mark.parametrize("style", ["short", "long", "tied"])
def test_scalp_hair_stays_outside_the_head(model: FaceModel, normals: np.ndarray, style: str) -> None:
    points = all_points(model, grow_scalp_hair(model, person(4, hair_style=style), model.neutral, normals))
    head = HeadMap(model, model.neutral)
    tips = points[:, 2:][points[:, 2:, 1] > 2.0]
    depth = head.radius(tips - head.center) - np.linalg.norm(tips - head.center, axis=-1)
    assert (depth > 0.3).mean() < 0.01


def test_same_person_has_the_same_hair(model: FaceModel, normals: np.ndarray) -> None:
    traits = person(7, hair_style="medium", beard="full")
    for grow in (grow_scalp_hair, grow_brows, grow_beard):
        first, second = (grow(model, traits, model.neutral, normals) for _ in range(2))
        np.testing.assert_array_equal(first.offsets, second.offsets)
        np.testing.assert_array_equal(first.colour, second.colour)
        other = grow(model, dataclasses.replace(traits, seed=8), model.neutral, normals)
        assert other.offsets.shape != first.offsets.shape or not np.allclose(other.offsets, first.offsets)


def test_bald_and_wholly_covered_heads_have_no_strands(model: FaceModel, normals: np.ndarray) -> None:
    for changes in ({"hair_style": "bald"}, {"headwear": "headscarf"}):
        assert grow_scalp_hair(model, person(1, **changes), model.neutral, normals) is None


def test_a_cap_hides_short_hair_but_not_long_hair(model: FaceModel, normals: np.ndarray) -> None:
    long = grow_scalp_hair(model, person(2, hair_style="long", headwear="knit_cap"), model.neutral, normals)
    bare = grow_scalp_hair(model, person(2, hair_style="short"), model.neutral, normals)
    short = grow_scalp_hair(model, person(2, hair_style="short", headwear="knit_cap"), model.neutral, normals)
    assert long is not None and len(long.root_triangle) > 1000
    assert short is None or len(short.root_triangle) < 0.6 * len(bare.root_triangle)


@pytest.mark.parametrize("seed", range(12))
def test_brows_lie_below_their_landmarks(model: FaceModel, normals: np.ndarray, seed: int) -> None:
    strands = grow_brows(model, person(seed), model.neutral, normals)
    check_strands(strands, 4000, 4)
    assert strands.offsets.shape[1] == 4
    at = roots(model, strands)
    below = brow_line(model, at[:, 0]) - at[:, 1]
    assert below.min() >= BROW_BAND[0] - 1e-3 and below.max() <= BROW_BAND[1] + 1e-3
    left, right = (at[:, 0] > 0).sum(), (at[:, 0] < 0).sum()
    assert 0.7 < left / right < 1.4


@pytest.mark.parametrize("beard", [b for b in BEARDS if b != "none"])
def test_beard_keeps_off_the_lips(model: FaceModel, normals: np.ndarray, beard: str) -> None:
    strands = grow_beard(model, person(5, sex="man", beard=beard), model.neutral, normals)
    check_strands(strands, 8000, 5)
    at = roots(model, strands)
    assert lip_freedom(model, at).min() > 0.0
    assert at[:, 1].max() < 3.5
    if beard == "moustache":
        assert at[:, 1].min() > -4.6
    nothing = grow_beard(model, person(5, beard=beard), model.neutral, normals, lambda p: np.zeros(len(p)))
    assert len(nothing.root_triangle) == 0
    assert grow_beard(model, person(5, beard="none"), model.neutral, normals) is None


def test_lashes_follow_the_lids(model: FaceModel) -> None:
    points, width, colour = lash_points(model, model.neutral, (0.0, 0.0))
    assert points.shape == (264, 6, 3) and points.dtype == np.float32 and width > 0 and len(colour) == 3
    moved, thicker, _ = lash_points(model, model.neutral + np.float32([0, 1, 0]), (0.0, 0.0), 1.0)
    np.testing.assert_allclose(moved[:, 0], points[:, 0] + [0, 1, 0], atol=1e-4)
    assert thicker > width
    reach = np.linalg.norm(moved[:, -1] - moved[:, 0], axis=1)
    assert (reach > np.linalg.norm(points[:, -1] - points[:, 0], axis=1)).all()


def test_upper_lashes_turn_down_on_the_side_that_closes(model: FaceModel) -> None:
    wide = lash_points(model, model.neutral, (0.0, 0.0))[0]
    wink = lash_points(model, model.neutral, (1.0, 0.0))[0]
    left = wide[:, 0, 0] > 0
    drop = (wide[:, -1] - wink[:, -1])[:, 1]
    np.testing.assert_array_equal(drop[~left], 0.0)
    assert drop[left].max() > 0.3
    assert drop[left].min() >= -0.05


def test_hair_colours_are_reflectances() -> None:
    for name in HAIR_COLOURS:
        for colour in (hair_colour(person(1, hair_colour=name)), brow_colour(person(1, hair_colour=name))):
            assert colour.shape == (3,) and (colour > 0).all() and (colour < 1).all()


def test_scalp_distance_is_signed_and_follows_the_traits(model: FaceModel) -> None:
    crown, brow, nape, ear = [0, 14, -2], [0, 6, 10.5], [0, -11, -7], [9, 2.5, -1.2]
    values = scalp_signed_distance(np.array([crown, brow, nape, ear], np.float32))
    assert values[0] > 3 and (values[1:] < 0).all()
    temple = np.array([[4.5, 10.5, 7.2]], np.float32)
    young = np.mean([scalp_signed_distance(temple, person(s, sex="man", age=20.0)) for s in range(30)])
    old = np.mean([scalp_signed_distance(temple, person(s, sex="man", age=78.0)) for s in range(30)])
    assert old < young - 0.2

"""Wrinkle layers: symmetry, sides, growth with intensity and age, speed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba")

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.person import Traits, sample_traits
from aufait.synthetic.head.uv_maps import position_map
from aufait.synthetic.looks.wrinkle_amounts import static_amounts, wrinkle_amounts
from aufait.synthetic.looks.wrinkle_maps import WrinkleMaps, wrinkle_maps
from aufait.synthetic.looks.wrinkles import MAX_CAVITY, compose

WRINKLING_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 28)


@pytest.fixture(scope="module")
def model(shared: Path) -> FaceModel:
    return load_face_model(shared / "assets")


@pytest.fixture(scope="module")
def maps(model: FaceModel) -> WrinkleMaps:
    return wrinkle_maps(model)


@pytest.fixture
def traits() -> Traits:
    return replace(sample_traits(5), age=45.0)


def flat_skin(size: int) -> SimpleNamespace:
    return SimpleNamespace(bump=np.zeros((size, size), np.float32), static_cavity=np.zeros((size, size), np.float32))


def test_every_layer_has_two_sides_and_is_finite(maps: WrinkleMaps) -> None:
    assert len(maps.names) == len(set(maps.names))
    assert np.isfinite(maps.height).all() and np.abs(maps.height).max() < 0.4
    assert maps.cavity.min() >= 0 and maps.cavity.max() <= 1.0
    for name in maps.names:
        height, _ = maps.layer(name)
        assert np.abs(height).max() > 1e-3, name


def test_left_layers_mirror_right_layers(maps: WrinkleMaps) -> None:
    for name in maps.names:
        if name.endswith("_left"):
            left, right = maps.layer(name)[0], maps.layer(name.removesuffix("_left") + "_right")[0]
            difference = np.abs(left - right[:, ::-1])
            assert np.percentile(difference, 99.9) < 0.15 * np.abs(left).max(), name


def test_left_layers_stay_on_the_left(model: FaceModel, maps: WrinkleMaps) -> None:
    x = position_map(model, Material.FACE, maps.size)[..., 0]
    for name in maps.names:
        height, cavity = maps.layer(name)
        other = x < -0.31 if name.endswith("_left") else x > 0.31
        assert not height[other].any() and not cavity[other].any(), name


@pytest.mark.parametrize("unit", WRINKLING_UNITS)
def test_amounts_grow_with_intensity(unit: int, traits: Traits) -> None:
    levels = [wrinkle_amounts({unit: v}, {unit: v}, traits) for v in (0, 1, 2, 3, 4, 5)]
    assert not levels[0].any()
    assert (np.diff(levels, axis=0) >= 0).all()
    assert levels[-1].max() > 0.5


def test_more_units_never_smooth_the_skin(traits: Traits) -> None:
    smile = wrinkle_amounts({12: 3.0}, {12: 3.0}, traits)
    laugh = wrinkle_amounts({12: 3.0, 6: 4.0}, {12: 3.0, 6: 4.0}, traits)
    assert (laugh >= smile).all() and (laugh > smile).any()


def test_right_units_leave_the_left_side_alone(maps: WrinkleMaps, traits: Traits) -> None:
    amounts = wrinkle_amounts({}, dict.fromkeys(WRINKLING_UNITS, 5.0), traits)
    assert all(amounts[i] == 0 for i, name in enumerate(maps.names) if name.endswith("_left"))


def test_age_deepens_folds(traits: Traits) -> None:
    young, old = replace(traits, age=20.0), replace(traits, age=78.0)
    assert wrinkle_amounts({6: 3}, {6: 3}, old).sum() > 1.4 * wrinkle_amounts({6: 3}, {6: 3}, young).sum()
    assert static_amounts(old).sum() > 4 * static_amounts(young).sum()


def test_slopes_are_the_derivative_of_the_height(maps: WrinkleMaps) -> None:
    skin = flat_skin(maps.size)
    rows, columns = np.mgrid[0 : maps.size, 0 : maps.size] / maps.size
    skin.bump = (2.0 * columns - 3.0 * rows).astype(np.float32)  # rows run down, v runs up
    relief = compose(maps, np.zeros(len(maps.names), np.float32), skin)
    np.testing.assert_allclose(relief[5:-5, 5:-5, 0], 2.0, atol=1e-3)
    np.testing.assert_allclose(relief[5:-5, 5:-5, 1], 3.0, atol=1e-3)


def test_compose_leaves_the_skin_untouched_and_is_quick(maps: WrinkleMaps, traits: Traits) -> None:
    skin = flat_skin(maps.size)
    amounts = wrinkle_amounts(dict.fromkeys(WRINKLING_UNITS, 5.0), dict.fromkeys(WRINKLING_UNITS, 5.0), traits)
    relief = compose(maps, amounts, skin)
    assert relief.dtype == np.float32 and relief.shape == (maps.size, maps.size, 3)
    assert relief[..., 2].min() >= 0 and relief[..., 2].max() <= np.float32(MAX_CAVITY)
    assert not skin.bump.any() and not skin.static_cavity.any()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        compose(maps, amounts, skin)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.03  # 2 ms on an idle core

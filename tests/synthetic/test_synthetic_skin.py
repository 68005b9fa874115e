"""Skin textures: determinism, plausible ranges, what age, tone and make-up change."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("cv2")

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.head import uv_maps
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.person import Traits, sample_traits
from aufait.synthetic.looks.skin import paint_skin
from aufait.synthetic.looks.skin_noise import noise_bank
from aufait.synthetic.looks.skin_regions import face_canvas
from aufait.synthetic.looks.textures import SkinTextures


@pytest.fixture(scope="module")
def model(shared: Path) -> FaceModel:
    return load_face_model(shared / "assets")


def person(**changes: object) -> Traits:
    plain = Traits(3, "woman", 40.0, 2.0, "short", "brown", "none", "none", "none", 0.0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def cheek(model: FaceModel, textures: SkinTextures) -> np.ndarray:
    mask = face_canvas(model)["cheek"] > 0.6
    return textures.face[mask][:, :3]


def test_position_map_has_no_holes_and_hits_the_landmarks(model: FaceModel) -> None:
    for material, size in ((Material.FACE, uv_maps.FACE_TEXTURE), (Material.HEAD, uv_maps.HEAD_TEXTURE)):
        positions = uv_maps.position_map(model, material, size)
        assert positions.shape == (size, size, 3) and positions.dtype == np.float32
        assert np.isfinite(positions).all() and (np.linalg.norm(positions, axis=-1) > 0).all()
        assert not positions.flags.writeable
    positions = uv_maps.position_map(model, Material.FACE, 512)
    for point in (27, 30, 33, 17, 26, 8):  # away from the holes of eyes and mouth
        column, row = np.round(uv_maps.landmark_texels(model, [point])[0]).astype(int)
        assert np.linalg.norm(positions[row, column] - model.neutral[model.landmarks[point]]) < 0.15


def test_same_traits_same_skin(model: FaceModel) -> None:
    first, second = (paint_skin(model, sample_traits(7)) for _ in range(2))
    for field in fields(SkinTextures):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))
    assert not np.array_equal(first.face, paint_skin(model, sample_traits(8)).face)


@pytest.mark.parametrize("seed", range(6))
def test_values_are_plausible(model: FaceModel, seed: int) -> None:
    look = paint_skin(model, sample_traits(seed))
    assert look.face.shape == (512, 512, 4) and look.head.shape == (256, 256, 4)
    for texture in (look.face, look.head):
        assert texture.dtype == np.float32 and np.isfinite(texture).all()
        assert texture[..., :3].min() >= 0 and texture[..., :3].max() < 0.95
        assert texture[..., 3].min() >= 0 and texture[..., 3].max() < 0.3
    assert look.bump.dtype == np.float32 and np.abs(look.bump).max() < 0.8
    assert look.static_cavity.min() >= 0 and look.static_cavity.max() <= 1.2
    for colour in (look.gum, look.tongue, look.teeth, look.iris, look.sclera):
        assert colour.shape == (3,) and colour.dtype == np.float32 and colour.min() > 0 and colour.max() < 1
    assert 0.56 <= look.iris_radius <= 0.63 and 0.1 < look.gloss < 2
    colours = cheek(model, look).mean(axis=0)
    assert colours[0] > colours[1] > 0.8 * colours[2]  # skin is reddish, whatever its tone


def test_tone_orders_lightness(model: FaceModel) -> None:
    means = [cheek(model, paint_skin(model, person(skin_tone=t))).mean() for t in (0.0, 2.0, 4.0, 6.0, 7.0)]
    assert (np.diff(means) < 0).all()


def test_age_roughens(model: FaceModel) -> None:
    young, old = (paint_skin(model, person(age=age)) for age in (20.0, 78.0))
    assert old.static_cavity.sum() > 4 * young.static_cavity.sum()
    assert old.bump.std() > 2 * young.bump.std()


def test_foundation_evens_the_cheek(model: FaceModel) -> None:
    bare, covered = (cheek(model, paint_skin(model, person(make_up=m))) for m in (0.0, 1.0))
    assert covered.std(axis=0).mean() < bare.std(axis=0).mean()


def test_stubble_darkens_the_jaw(model: FaceModel) -> None:
    beard = face_canvas(model)["beard"] > 0.9
    shaven = paint_skin(model, person(sex="man", hair_colour="black")).face[beard][:, :3].mean()
    stubble = paint_skin(model, person(sex="man", hair_colour="black", beard="stubble")).face[beard][:, :3].mean()
    assert stubble < 0.92 * shaven


def test_noise_has_no_seam() -> None:
    for bank in noise_bank(256):
        field = bank[0]
        inner = np.abs(np.diff(field, axis=0)).mean()
        assert np.abs(field[0] - field[-1]).mean() < 1.5 * inner
        assert abs(field.mean()) < 1e-3 and abs(field.std() - 1) < 1e-3

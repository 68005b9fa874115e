"""Props of the synthetic face engine: small, finite, reproducible, in the right place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from aufait.errors import MissingModelError
from aufait.synthetic.drawing.primitives import Mesh, vertex_normals
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.person import HEADWEAR, Traits, sample_traits
from aufait.synthetic.looks import props, props_hands, props_shapes
from aufait.synthetic.looks.props_headwear import covered_depth

SEEDS = (1, 2, 3, 4)


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
    return dataclasses.replace(sample_traits(seed), **changes)


def check_meshes(meshes: Sequence[Mesh], follows: set[str], kinds: set[str]) -> None:
    assert meshes
    for mesh in meshes:
        assert mesh.vertices.dtype == np.float32 and mesh.vertices.ndim == 2 and mesh.vertices.shape[1] == 3
        assert len(mesh.vertices) < 3000 and np.isfinite(mesh.vertices).all()
        assert mesh.triangles.dtype == np.int32 and mesh.triangles.min() >= 0
        assert mesh.triangles.max() < len(mesh.vertices)
        assert mesh.follows in follows and mesh.kind in kinds
        assert len(mesh.colour) == 3 and all(0 <= c <= 1 for c in mesh.colour) and 0 < mesh.opacity <= 1


def same(first: Sequence[Mesh], second: Sequence[Mesh]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a.vertices, b.vertices) and a.colour == b.colour for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("seed", range(10))
def test_clothes_surround_the_neck(model: FaceModel, seed: int) -> None:
    meshes = props.make_clothes(model, person(seed), model.neutral)
    check_meshes(meshes, {"body"}, {"clothes"})
    points = np.concatenate([m.vertices for m in meshes])
    assert points[:, 1].max() < -5.5 and points[:, 1].min() < -30
    assert np.ptp(points[:, 0]) > 30
    assert same(meshes, props.make_clothes(model, person(seed), model.neutral))


@pytest.mark.parametrize("eyewear", ["glasses", "sunglasses"])
@pytest.mark.parametrize("seed", SEEDS)
def test_eyewear_sits_before_the_eyes_and_reaches_the_ears(model: FaceModel, eyewear: str, seed: int) -> None:
    frame, lenses = props.make_eyewear(person(seed, eyewear=eyewear), model.neutral, model)
    check_meshes([frame, lenses], {"head"}, {eyewear})
    eyes = model.neutral[model.landmarks[36:48]]
    assert lenses.vertices[:, 2].min() > eyes[:, 2].min()
    assert abs(lenses.vertices[:, 1].mean() - eyes[:, 1].mean()) < 1.0
    assert frame.vertices[:, 2].min() < 0.0, "the temples end behind the ears' front"
    assert np.abs(frame.vertices[:, 0]).max() < 9.5, "no spikes"
    assert frame.opacity == 1 and (lenses.opacity >= 0.8 if eyewear == "sunglasses" else lenses.opacity <= 0.15)


def test_no_eyewear_and_no_headwear_make_nothing(model: FaceModel, normals: np.ndarray) -> None:
    traits = person(1, eyewear="none", headwear="none")
    assert props.make_eyewear(traits, model.neutral, model) == []
    assert props.make_headwear(model, traits, model.neutral, normals) == []
    assert (covered_depth(model.neutral, traits) < 0).all()


@pytest.mark.parametrize("headwear", [h for h in HEADWEAR if h != "none"])
@pytest.mark.parametrize("seed", SEEDS)
def test_headwear_leaves_the_face_free(model: FaceModel, normals: np.ndarray, headwear: str, seed: int) -> None:
    traits = person(seed, headwear=headwear)
    meshes = props.make_headwear(model, traits, model.neutral, normals)
    check_meshes(meshes, {"head", "body"}, {"hat"})
    points = np.concatenate([m.vertices for m in meshes if m.follows == "head"])
    before_face = (np.abs(points[:, 0]) < 5.0) & (points[:, 1] > -5.5) & (points[:, 1] < 6.0) & (points[:, 2] > 6.5)
    assert not before_face.any()
    assert points[:, 1].max() > model.neutral[:, 1].max()
    assert same(meshes, props.make_headwear(model, traits, model.neutral, normals))


@pytest.mark.parametrize("seed", SEEDS)
def test_face_mask_covers_nose_and_mouth_but_not_the_eyes(model: FaceModel, normals: np.ndarray, seed: int) -> None:
    meshes = props.make_face_mask(model, model.neutral, normals, np.random.default_rng(seed))
    check_meshes(meshes, {"skin"}, {"mask"})
    cloth = meshes[0].vertices
    tip, chin = model.neutral[model.landmarks[30]], model.neutral[model.landmarks[8]]
    assert cloth[:, 2].max() > tip[2], "the nose does not come through"
    assert cloth[:, 1].min() < chin[1] + 0.6
    assert cloth[:, 1].max() < model.neutral[model.landmarks[[36, 39, 42, 45]], 1].min()
    assert same(meshes, props.make_face_mask(model, model.neutral, normals, np.random.default_rng(seed)))


@pytest.mark.parametrize("place", props_hands.HAND_PLACES)
@pytest.mark.parametrize("pose", props_hands.HAND_POSES)
def test_hand_touches_the_face(model: FaceModel, place: str, pose: str) -> None:
    landmarks = model.neutral[model.landmarks]
    meshes = props.make_hand(np.random.default_rng(5), landmarks, (0.4, 0.25, 0.2), place=place, pose=pose)
    check_meshes(meshes, {"skin"}, {"hand"})
    distance = np.linalg.norm(meshes[0].vertices[:, None] - landmarks[None], axis=-1)
    assert distance.min() < 2.5
    assert np.ptp(meshes[0].vertices, axis=0).max() > 15, "an arm leads out of the picture"
    assert same(meshes, props.make_hand(np.random.default_rng(5), landmarks, (0.4, 0.25, 0.2), place=place, pose=pose))


@pytest.mark.parametrize("kind", props_hands.OBJECTS)
def test_objects_come_before_the_lower_face(model: FaceModel, kind: str) -> None:
    landmarks = model.neutral[model.landmarks]
    meshes = props.make_object(np.random.default_rng(2), landmarks, kind)
    check_meshes(meshes, {"skin"}, {"object"})
    points = np.concatenate([m.vertices for m in meshes])
    assert points[:, 2].max() > landmarks[30, 2] - 1.5
    assert points[:, 1].max() < landmarks[36:48, 1].max() + 4.0


def test_tube_is_closed_and_as_thick_as_asked() -> None:
    path = np.stack([np.linspace(0, 5, 6), np.zeros(6), np.zeros(6)], axis=1)
    vertices, triangles = props_shapes.tube(path, 0.5, sides=12, round_ends=True)
    np.testing.assert_allclose(np.hypot(vertices[:, 1], vertices[:, 2]).max(), 0.5, atol=1e-5)
    np.testing.assert_allclose([vertices[:, 0].min(), vertices[:, 0].max()], [-0.5, 5.5], atol=1e-5)
    assert triangles.max() == len(vertices) - 1


def test_grid_wraps_round() -> None:
    points = np.zeros((3, 4, 3))
    assert len(props_shapes.grid(points)[1]) == 2 * 2 * 3
    assert len(props_shapes.grid(points, close_columns=True)[1]) == 2 * 2 * 4
    assert len(props_shapes.grid(points, close_rows=True, close_columns=True)[1]) == 2 * 3 * 4

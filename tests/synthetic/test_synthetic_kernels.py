"""Compiled loops of the face engine against the plain NumPy form of the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")

from aufait.synthetic.chance import stream
from aufait.synthetic.drawing import kernels, lighting, sensor, shading, strands
from aufait.synthetic.drawing.primitives import Strands, vertex_normals
from aufait.synthetic.head.geometry import rotation_matrix
from aufait.synthetic.looks.skin_noise import NOISE_SCALES, Noise, noise_bank

SIZE = 40


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def triangles_over(rng: np.random.Generator, count: int, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) in and around a square with ``side``, z 5-9, and random triangles between them."""
    points = rng.uniform((-5, -5, 5), (side + 5, side + 5, 9), (3 * count, 3)).astype(np.float32)
    return points, rng.permutation(3 * count).reshape(count, 3).astype(np.int32)


def weights_of(corners: np.ndarray, size: int) -> np.ndarray:
    """(3, size, size) float64 weights of the corners (3, 3) at the centres of the pixels; negative outside the triangle."""
    (ax, ay), (bx, by), (cx, cy) = corners[:, :2].astype(np.float64)
    y, x = np.mgrid[:size, :size] + 0.5
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    w1 = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
    w2 = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
    return np.stack([1 - w1 - w2, w1, w2])


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, 2**32, 9_000_000_123, 2**64 - 1])
def test_streams_are_those_of_numpys_lists(seed: int) -> None:
    ours, numpys = stream(seed, "sex and age shape"), np.random.default_rng([seed, *b"sex and age shape"])
    assert np.array_equal(ours.random(4), numpys.random(4))
    assert stream(seed, "skin").random() != stream(seed, "eyes").random()


def test_normals_are_the_weighted_sum_of_the_triangles(rng: np.random.Generator) -> None:
    vertices, triangles = rng.normal(0, 8, (50, 3)).astype(np.float32), rng.integers(0, 49, (200, 3)).astype(np.int32)
    corners = vertices[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((50, 3))
    np.add.at(total, triangles.ravel(), np.repeat(faces, 3, axis=0))
    total[:49] /= np.linalg.norm(total[:49], axis=1, keepdims=True)
    np.testing.assert_allclose(vertex_normals(vertices, triangles), total, atol=1e-5)
    assert (total[49] == 0).all()  # a vertex without triangles has no direction, and is no error


def test_depth_map_holds_the_nearest_triangle(rng: np.random.Generator) -> None:
    points, triangles = triangles_over(rng, 30, SIZE)
    depth = np.empty((SIZE, SIZE), np.float32)
    kernels.rasterize_depth(points, triangles, depth)
    expected = np.full((SIZE, SIZE), kernels.FAR, np.float64)
    for corners in points[triangles]:
        weights = weights_of(corners, SIZE)
        z = np.tensordot(corners[:, 2].astype(np.float64), weights, 1)
        expected = np.where((weights >= 0).all(axis=0) & (z < expected), z, expected)
    assert 0.3 < (expected < kernels.FAR).mean() < 1
    np.testing.assert_allclose(depth, expected, rtol=1e-5)


def test_z_buffer_fills_every_row_to_its_far_edge(rng: np.random.Generator) -> None:
    points, triangles = triangles_over(rng, 30, SIZE)
    depth, index = np.empty((SIZE, SIZE), np.float32), np.empty((SIZE, SIZE), np.int32)
    kernels.rasterize(points, triangles, np.zeros(30, np.uint8), depth, index, np.empty((SIZE, SIZE, 2), np.float32))
    nearest, shown = np.full((SIZE, SIZE), np.inf), np.full((SIZE, SIZE), -1)
    for t, corners in enumerate(points[triangles]):
        weights = weights_of(corners, SIZE)
        z = 1 / np.tensordot(1 / corners[:, 2].astype(np.float64), weights, 1)
        nearer = (weights >= 0).all(axis=0) & (z < nearest)
        nearest, shown = np.where(nearer, z, nearest), np.where(nearer, t, shown)
    assert (index == shown).mean() > 0.998  # two that cross may change places at the crossing
    seen = (index == shown) & (shown >= 0)
    np.testing.assert_allclose(depth[seen], nearest[seen], rtol=1e-5)


def test_points_land_on_the_map_as_the_matrix_product_says(rng: np.random.Generator) -> None:
    points, basis = rng.normal(0, 9, (500, 3)).astype(np.float32), rotation_matrix(np.array([0.3, -0.8, 0.1]))
    mapped = lighting.to_map(points, basis, np.float32(11.0), np.float32(256.0))
    expected = points.astype(np.float64) @ basis.T.astype(np.float64) * (11.0, 11.0, 1.0) + (256.0, 256.0, 0.0)
    np.testing.assert_allclose(mapped, expected, atol=2e-4)


def test_strands_stand_on_their_roots(rng: np.random.Generator) -> None:
    vertices, triangles = rng.normal(0, 8, (30, 3)).astype(np.float32), rng.integers(0, 30, (40, 3)).astype(np.int32)
    root, weight = rng.integers(0, 40, 25).astype(np.int32), rng.dirichlet((1, 1, 1), 25).astype(np.float32)
    offsets, turned = rng.normal(0, 2, (25, 4, 3)).astype(np.float32), rotation_matrix(np.array([0.1, 0.5, -0.2]))
    hair = Strands(root, weight, offsets, 0.05, 0.5, np.ones((25, 3), np.float32), 0.02)
    places = np.einsum("nk,nkc->nc", weight, vertices[triangles[root]])
    np.testing.assert_allclose(hair.points(vertices, triangles, turned), places[:, None] + offsets @ turned.T, atol=1e-5)


def test_strand_points_are_projected_and_shaded(rng: np.random.Generator) -> None:
    points = rng.uniform(-6, 6, (20, 5, 3)).astype(np.float32)
    eye, basis = np.array([0.5, 1.0, 60.0], np.float32), rotation_matrix(np.array([0.2, 0.4, 0.0]))
    shadow = rng.uniform(-5, 5, (64, 64)).astype(np.float32)
    projected, tangent, below = np.empty_like(points), np.empty_like(points), np.empty((20, 5), np.float32)
    strands._place(points, eye, np.float32(900), np.float32(100), basis, shadow, np.float32(2), projected, tangent, below)
    away = eye[2] - points[..., 2]
    np.testing.assert_allclose(projected[..., 0], 100 + 900 * (points[..., 0] - eye[0]) / away, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(projected[..., 1], 100 - 900 * (points[..., 1] - eye[1]) / away, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(projected[..., 2], away - 0.04, rtol=1e-5)
    step = np.gradient(points, axis=1)
    np.testing.assert_allclose(tangent, step / np.linalg.norm(step, axis=2, keepdims=True), atol=1e-5)
    mapped = points @ basis.T
    column, row = ((2 * mapped[..., k] + 32).astype(int).clip(0, 63) for k in (0, 1))
    np.testing.assert_allclose(below, np.clip(mapped[..., 2] - shadow[row, column] - 0.15, 0, 4), atol=1e-4)


def test_hair_behind_the_head_gets_no_light() -> None:
    lit = np.ones((1, 3), np.float32)
    points = np.array([[[0, 0, 5], [5, 0, 0], [0, 0, -5]]], np.float32)
    strands._shade_side(points, np.zeros(3, np.float32), np.array([0, 0, 1], np.float32), lit)
    np.testing.assert_allclose(lit[0], [1.0, 0.35 / 1.1, 0.0], atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_a_moved_piece_of_the_bank(seed: int) -> None:
    field = Noise(np.random.default_rng(seed), 64)(24.0)
    rng = np.random.default_rng(seed)
    bank = noise_bank(64)[NOISE_SCALES.index(24.0)][rng.integers(3)]
    rows, columns, flip, sign = rng.integers((64, 64, 2, 2))
    expected = np.roll(bank[:, ::-1] if flip else bank, (rows, columns), (0, 1))
    assert np.array_equal(field, -expected if sign else expected)


def test_tone_curve_is_that_of_srgb() -> None:
    toned = np.linspace(0, 1, 300).reshape(10, 10, 3)
    out = np.empty((10, 10, 3), np.float32)
    sensor._encode(toned, toned ** (1 / 2.4), np.float32(1.0), np.float32(1.0), out)
    np.testing.assert_allclose(out, np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055), atol=1e-5)


def test_exposure_rolls_off_and_noise_is_added_before_it_is_clipped(rng: np.random.Generator) -> None:
    picture = rng.uniform(0, 3, (6, 6, 3)).astype(np.float32)
    noise, quiet, loud = rng.normal(size=picture.shape).astype(np.float32), np.empty(picture.shape), np.empty(picture.shape)
    balance = np.ones(3, np.float32)
    sensor._expose(picture, np.float32(1), balance, np.zeros_like(noise), np.float32(0.01), np.float32(0.001), quiet)
    sensor._expose(picture, np.float32(1), balance, noise, np.float32(0.01), np.float32(0.001), loud)
    mean = picture.mean(axis=2, keepdims=True)
    shoulder = 0.55 * (1 + mean / 2) / (1 + mean) + 0.45 * (1 + picture / 2) / (1 + picture)
    level = 1.18 * picture * shoulder
    np.testing.assert_allclose(quiet, np.clip(level, 0, 1), atol=1e-5)
    np.testing.assert_allclose(loud, np.clip(level + noise * np.sqrt(0.01 * np.minimum(level, 1) + 0.001), 0, 1), atol=1e-5)


def test_combine_puts_the_backdrop_where_nothing_is(rng: np.random.Generator) -> None:
    light, albedo, shine, backdrop = (rng.random((8, 8, 3)).astype(np.float32) for _ in range(4))
    index = rng.integers(-1, 2, (8, 8)).astype(np.int32)
    expected = np.where((index < 0)[..., None], backdrop, albedo * light * np.float32(0.55) + shine)
    shading.combine(shading.Layers(light, albedo, shine), index, backdrop)
    np.testing.assert_allclose(albedo, expected, atol=1e-6)

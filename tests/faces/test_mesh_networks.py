"""The networks of the task file: equal to LiteRT, the same in batches, exportable; the window that they see."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import REPOSITORY, draw_test_image

from aufait.alignment import apply_transform, warp
from aufait.faces.mesh_networks import (
    BLENDSHAPE_POINTS,
    BLENDSHAPES,
    DETECTOR_SIZE,
    MESH_POINTS,
    LandmarkOutput,
    MeshNetworks,
)
from aufait.faces.mesh_points import MESH_TO_68, landmarks_from_mesh
from aufait.faces.mesh_window import LEFT_EYE, RIGHT_EYE, mesh_window
from aufait.faces.task_file import NETWORKS
from aufait.landmarks import MIRROR_68

GOLDEN: dict[str, Any] = json.loads((REPOSITORY / "tests" / "golden" / "mesh_networks.json").read_text())
PARITY_PICTURES = 50


@pytest.fixture(scope="module")
def networks(task_file: Path) -> MeshNetworks:
    return MeshNetworks.load(task_file)


def as_batch(image: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


@torch.inference_mode()
def test_landmark_network_gives_the_stored_numbers_of_litert(networks: MeshNetworks) -> None:
    out = networks.landmarks(as_batch(draw_test_image(256, 256, seed=3)))
    for point, expected in GOLDEN["points"].items():
        found = out.points[0, int(point)].numpy() + [0.5, 0.5, 0.0]  # LiteRT's network counts from the pixel's edge
        np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(out.presence.item(), GOLDEN["presence"], atol=1e-3)
    np.testing.assert_allclose(out.tongue.sigmoid().item(), GOLDEN["tongue"], atol=1e-4)
    fine, coarse = out.fine[0].permute(1, 2, 0), out.coarse[0].permute(1, 2, 0)
    np.testing.assert_allclose(fine[::5, ::5, ::43].flatten(), GOLDEN["fine"], atol=1e-3)
    np.testing.assert_allclose(coarse[::3, ::3, ::43].flatten(), GOLDEN["coarse"], atol=1e-3)
    np.testing.assert_allclose(networks.blendshapes(out.points)[0], GOLDEN["blendshapes"], atol=1e-3)


@torch.inference_mode()
def test_detector_gives_the_stored_numbers_of_litert(networks: MeshNetworks) -> None:
    out = networks.detector(as_batch(draw_test_image(128, 128, seed=3)))
    rows = GOLDEN["detector_rows"]
    np.testing.assert_allclose(out.scores[0, rows], GOLDEN["detector_scores"], rtol=1e-3, atol=1e-2)
    numbers = np.array(GOLDEN["detector_numbers"]) / DETECTOR_SIZE
    center = networks.detector.anchors[rows].numpy() + numbers[:, :2]
    np.testing.assert_allclose((out.boxes[0, rows, :2] + out.boxes[0, rows, 2:]) / 2, center, atol=1e-4)
    np.testing.assert_allclose(out.boxes[0, rows, 2:] - out.boxes[0, rows, :2], numbers[:, 2:4], atol=1e-4)
    keypoints = networks.detector.anchors[rows].numpy()[:, None] + numbers[:, 4:].reshape(-1, 6, 2)
    np.testing.assert_allclose(out.keypoints[0, rows], keypoints, atol=1e-4)


@torch.inference_mode()
def test_networks_agree_with_litert_on_real_faces(networks: MeshNetworks, task_file: Path, shared: Path) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT (ai-edge-litert) is not installed")
    pictures = sorted((shared / "real_faces").rglob("*.jpg"))
    if len(pictures) < PARITY_PICTURES:
        pytest.skip(f"fewer than {PARITY_PICTURES} pictures in {shared / 'real_faces'}")
    from aufait.media.images import read_image

    def runner(name: str, **options: Any) -> Any:
        content = zipfile.ZipFile(task_file).read(NETWORKS[name])
        net = interpreter.Interpreter(model_content=content, num_threads=1, **options)
        net.allocate_tensors()
        return net

    def run(net: Any, values: np.ndarray) -> None:
        net.set_tensor(0, np.ascontiguousarray(values, np.float32))
        net.invoke()

    landmarks = runner("landmarks", experimental_preserve_all_tensors=True)
    detector, blendshapes = runner("detector"), runner("blendshapes")
    for path in pictures[:: len(pictures) // PARITY_PICTURES][:PARITY_PICTURES]:
        image = read_image(path)
        side = max(image.shape[:2])
        crop = warp(image, np.array([[[256 / side, 0, 0], [0, 256 / side, 0]]]), 256, 0).float() / 255
        small = torch.nn.functional.avg_pool2d(crop, 2)
        out, found = networks.landmarks(crop), networks.detector(small)
        run(landmarks, crop.permute(0, 2, 3, 1).numpy())
        points = landmarks.get_tensor(473).reshape(MESH_POINTS, 3)
        run(blendshapes, points[None, list(BLENDSHAPE_POINTS), :2])
        run(detector, small.permute(0, 2, 3, 1).numpy() * 2 - 1)
        np.testing.assert_allclose(out.points[0].numpy() + [0.5, 0.5, 0.0], points, atol=0.05)
        np.testing.assert_allclose(out.presence.sigmoid(), 1 / (1 + np.exp(-landmarks.get_tensor(472).ravel())), atol=1e-3)
        np.testing.assert_allclose(out.tongue.sigmoid(), landmarks.get_tensor(475).ravel(), atol=1e-3)
        np.testing.assert_allclose(out.fine.permute(0, 2, 3, 1), landmarks.get_tensor(376), atol=1e-3)
        np.testing.assert_allclose(out.coarse.permute(0, 2, 3, 1), landmarks.get_tensor(407), atol=1e-3)
        np.testing.assert_allclose(networks.blendshapes(out.points)[0], blendshapes.get_tensor(195), atol=1e-3)
        scores = 1 / (1 + np.exp(-detector.get_tensor(174)[..., 0].clip(-50, 50)))
        np.testing.assert_allclose(found.scores.sigmoid(), scores, atol=1e-3)


@torch.inference_mode()
def test_a_batch_gives_what_single_crops_give(networks: MeshNetworks) -> None:
    crops = torch.cat([as_batch(draw_test_image(256, 256, seed=k)) for k in range(3)])
    together = networks.landmarks(crops)
    for k in range(3):
        alone = networks.landmarks(crops[k : k + 1])
        for name in LandmarkOutput._fields:
            torch.testing.assert_close(getattr(together, name)[k], getattr(alone, name)[0], atol=2e-3, rtol=1e-4)
    assert networks.landmarks(crops[:0]).points.shape == (0, MESH_POINTS, 3)
    small = torch.nn.functional.avg_pool2d(crops, 2)
    torch.testing.assert_close(networks.detector(small).scores[1:2], networks.detector(small[1:2]).scores, atol=1e-2, rtol=1e-4)


def test_networks_can_be_exported(networks: MeshNetworks) -> None:
    batch = torch.export.Dim("batch", min=1, max=64)
    inputs = {
        "landmarks": as_batch(draw_test_image(256, 256)),
        "detector": as_batch(draw_test_image(128, 128)),
        "blendshapes": torch.rand(1, MESH_POINTS, 3),
    }
    for name, example in inputs.items():
        network = networks.get_submodule(name)
        example = example.repeat(2, 1, 1, 1) if example.ndim == 4 else example.repeat(2, 1, 1)
        program = torch.export.export(network, (example,), dynamic_shapes=({0: batch},))
        bigger = torch.cat([example, example[:1]])
        expected, got = network(bigger), program.module()(bigger)
        for a, b in zip([expected] if name == "blendshapes" else expected, [got] if name == "blendshapes" else got, strict=True):
            torch.testing.assert_close(a, b, atol=2e-3, rtol=1e-4)


def test_gradients_reach_the_pixels_and_can_be_asked_of_the_weights(task_file: Path) -> None:
    network = MeshNetworks.load(task_file).landmarks.requires_grad_(True)
    crops = as_batch(draw_test_image(256, 256)).requires_grad_()
    out = network(crops)
    (out.points.mean() + out.presence.mean() + out.tongue.mean()).backward()
    assert crops.grad is not None and crops.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_blendshapes_do_not_depend_on_place_and_size(networks: MeshNetworks) -> None:
    points = networks.landmarks(as_batch(draw_test_image(256, 256, seed=3))).points
    torch.testing.assert_close(networks.blendshapes(points), networks.blendshapes(3.7 * points[..., :2] - 40), atol=1e-4, rtol=0)
    assert len(BLENDSHAPES) == 52 and len(set(BLENDSHAPES)) == 52 and len(BLENDSHAPE_POINTS) == 146


# ---------------------------------------------------------------------------------------------------------------------
# Window and points
# ---------------------------------------------------------------------------------------------------------------------


def some_face(generator: np.random.Generator) -> np.ndarray:
    """(478, 3) points with the right eye left of the left one, as in a picture."""
    points = generator.normal(0, (60, 80, 30), (MESH_POINTS, 3)) + [300, 200, 0]
    points[RIGHT_EYE], points[LEFT_EYE] = [260, 180, 0], [340, 190, 0]
    return points


def test_the_window_has_level_eyes_and_leaves_a_quarter_of_the_face_round_it() -> None:
    points = some_face(np.random.default_rng(0))
    seen = apply_transform(mesh_window(points), points[:, :2])
    assert seen[LEFT_EYE, 1] == pytest.approx(seen[RIGHT_EYE, 1]) and seen[LEFT_EYE, 0] > seen[RIGHT_EYE, 0]
    assert np.ptp(seen, axis=0).max() == pytest.approx(256 / 1.5)
    np.testing.assert_allclose(seen.min(axis=0) + seen.max(axis=0), 255.0)


def test_the_window_moves_turns_and_grows_with_the_face() -> None:
    generator = np.random.default_rng(1)
    faces = np.stack([some_face(generator) for _ in range(4)])
    turn = np.radians(130)
    moved = 2.5 * faces[..., :2] @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + [50, -700]
    np.testing.assert_allclose(
        apply_transform(mesh_window(faces), faces[..., :2]), apply_transform(mesh_window(moved), moved), atol=1e-6
    )
    np.testing.assert_array_equal(mesh_window(faces)[2], mesh_window(faces[2]))


def test_the_table_names_existing_vertices_and_is_symmetric_where_it_is_single() -> None:
    assert len(MESH_TO_68) == 68
    assert all(0 <= a < MESH_POINTS and 0 <= b < MESH_POINTS and 0 <= share < 1 for a, b, share in MESH_TO_68)
    shares = [share for _, _, share in MESH_TO_68]
    assert [shares[k] for k in MIRROR_68] == shares


def test_points_between_two_vertices_lie_on_the_line() -> None:
    mesh = np.random.default_rng(0).random((3, MESH_POINTS, 2))
    points = landmarks_from_mesh(mesh)
    assert points.shape == (3, 68, 2)
    first, second, share = MESH_TO_68[17]
    np.testing.assert_allclose(points[:, 17], (1 - share) * mesh[:, first] + share * mesh[:, second])

"""Training data and training of the face networks, on a handful of drawn faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from aufait.errors import InputError
from aufait.faces.boxes import box_sizes, landmark_boxes
from aufait.faces.builtin import BuiltinFinder
from aufait.faces.pose import Camera, matrix_from_euler, project
from aufait.faces.weights import load_weights
from aufait.shipped.faces.backgrounds import make_backgrounds
from aufait.shipped.faces.camera import Draw, distort
from aufait.shipped.faces.losses import landmark_loss
from aufait.shipped.faces.scenes import (
    BANK_SIDE,
    FaceBank,
    build_bank,
    compose,
    detection_batch,
    landmark_batch,
    move,
    sample,
    shuffle_blocks,
    similarity,
    split_by_identity,
    take_faces,
)
from aufait.shipped.faces.teacher import WINDOW, RealBanks, cut_face, load_real_faces
from aufait.shipped.faces.train import CPU_CONFIG, train_on_bank

TINY = replace(
    CPU_CONFIG,
    backgrounds=6,
    detector_steps=2,
    detector_batch=3,
    landmark_steps=2,
    landmark_batch=4,
    checkpoint_steps=1,
    evaluation_batches=1,
)


def draw(seed: int = 0) -> Draw:
    return Draw(torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def bank() -> FaceBank:
    """Twelve heads of six people: an oval of skin with a dot on each landmark."""
    rng = np.random.default_rng(0)
    angles = np.radians(rng.uniform([-15, -30, -15], [15, 30, 15], (12, 3)))
    points = project(matrix_from_euler(angles), np.array([[0.0, 0.0, 700.0]] * 12), Camera(380, 380, 96, 96))
    pixels = np.zeros((12, 4, BANK_SIDE, BANK_SIDE), np.uint8)
    y, x = np.mgrid[0:BANK_SIDE, 0:BANK_SIDE]
    for row, face in enumerate(points):
        center, size = face.mean(axis=0), np.ptp(face, axis=0)
        oval = ((x - center[0]) / size[0]) ** 2 + ((y - center[1] + 10) / size[1]) ** 2 < 0.5
        pixels[row, :3, oval] = rng.integers(90, 230, 3)
        pixels[row, 3, oval] = 255
        for px, py in face[17:].round().astype(int):
            pixels[row, :3, py - 1 : py + 2, px - 1 : px + 2] = 20
    return build_bank(
        torch.from_numpy(pixels),
        torch.from_numpy(points.astype(np.float32)),
        torch.arange(12) // 2,
        make_backgrounds(4, 0),
    )


def test_backgrounds_are_the_same_for_the_same_seed_and_have_no_two_alike() -> None:
    first, second = make_backgrounds(3, 5), make_backgrounds(3, 5)
    assert first.shape == (3, 3, 320, 320)
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_no_person_is_on_both_sides_of_the_split(bank: FaceBank) -> None:
    train, held_out = split_by_identity(bank, 0.25)
    assert not set(train.identity.tolist()) & set(held_out.identity.tolist())
    assert len(train) + len(held_out) == len(bank)
    assert len(held_out) > 0


@pytest.mark.parametrize("shrink", [1, 2])
def test_pixels_and_points_of_mirrored_faces_stay_together(bank: FaceBank, shrink: int) -> None:
    """The matrix that comes with the faces brings the dark dots onto the landmarks."""
    faces = take_faces(bank, 8, draw(shrink), shrink=shrink)
    straight = sample(faces.pixels, faces.matrix, BANK_SIDE, BANK_SIDE)
    for row in range(8):
        x, y = faces.landmarks[row, 30].round().int().tolist()
        dot = straight[row, :3, y - 1 : y + 2, x - 1 : x + 2].mean()
        assert dot < straight[row, :3, y - 12 : y - 6, x].mean()
    stored = torch.isclose(faces.landmarks[:, None], bank.landmarks[None], atol=1e-3).all(dim=(2, 3)).any(dim=1)
    assert 0 < stored.sum() < 8  # some are mirrored, some are not


@pytest.mark.parametrize("shrink", [1, 2, 4])
def test_shrunk_faces_lie_where_their_points_are(bank: FaceBank, shrink: int) -> None:
    faces = take_faces(bank, 8, draw(shrink), shrink=shrink)
    alpha = sample(faces.pixels, faces.matrix, BANK_SIDE, BANK_SIDE)[:, 3]
    steps = torch.arange(BANK_SIDE)
    middle = (alpha * steps).sum(dim=(1, 2)) / alpha.sum(dim=(1, 2))
    torch.testing.assert_close(middle, faces.landmarks[..., 0].mean(dim=1), atol=5.0, rtol=0)


def test_transforms_compose() -> None:
    a = similarity(torch.tensor([0.3]), torch.tensor([2.0]), torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0, 5.0]]))
    b = similarity(torch.tensor([-1.0]), torch.tensor([0.5]), torch.tensor([[0.0, 1.0]]), torch.tensor([[9.0, 4.0]]))
    points = torch.rand(1, 5, 2)
    torch.testing.assert_close(move(compose(b, a), points), move(b, move(a, points)))
    torch.testing.assert_close(move(a, torch.tensor([[[1.0, 2.0]]]))[0, 0], torch.tensor([5.0, 5.0]))


def test_scenes_have_faces_where_the_boxes_are(bank: FaceBank) -> None:
    images, boxes, kinds = detection_batch(bank, 6, 128, draw(1))
    assert (tuple(images.shape), boxes.shape[:2], kinds.shape) == ((6, 3, 128, 128), kinds.shape, kinds.shape)
    assert 0 <= images.min() <= images.max() <= 1
    real = boxes[kinds == 1]
    assert len(real) > 2
    assert (real[:, 2:] > real[:, :2]).all()


def test_crops_without_a_face_are_marked(bank: FaceBank) -> None:
    crops, points, is_face = landmark_batch(bank, 40, 128, 1.5, draw(2), negatives=0.4)
    assert tuple(crops.shape) == (40, 3, 128, 128)
    assert 5 < int(is_face.sum()) < 38
    inside = ((points > -20) & (points < 148)).all(dim=(1, 2))
    assert inside[is_face].all()


def test_the_same_seed_gives_the_same_batch(bank: FaceBank) -> None:
    assert torch.equal(landmark_batch(bank, 4, 128, 1.5, draw(3))[0], landmark_batch(bank, 4, 128, 1.5, draw(3))[0])


def test_distortion_keeps_range_and_shape() -> None:
    images = torch.rand(12, 3, 64, 64)
    out = distort(images.clone(), draw(4))
    assert out.shape == images.shape
    assert torch.isfinite(out).all()
    assert 0 <= out.min() <= out.max() <= 1


def test_shuffled_blocks_are_the_same_pixels() -> None:
    picture = torch.rand(2, 4, 20, 20)
    shuffled = shuffle_blocks(picture, draw(5))
    assert not torch.equal(shuffled, picture)
    torch.testing.assert_close(shuffled.flatten(2).sort(dim=2).values, picture.flatten(2).sort(dim=2).values)


def test_crops_without_a_face_do_not_move_the_points() -> None:
    torch.manual_seed(0)
    heatmaps, points = torch.randn(3, 68, 32, 32), torch.rand(3, 68, 2) * 120
    is_face = torch.tensor([True, True, False])
    full = landmark_loss(heatmaps, torch.zeros(3), points, is_face)
    part = landmark_loss(heatmaps[:2], torch.zeros(2), points[:2], is_face[:2])
    torch.testing.assert_close(full["heatmap"], part["heatmap"])
    torch.testing.assert_close(full["distance"], part["distance"])


def test_a_perfect_heatmap_has_no_distance_loss() -> None:
    points = torch.full((1, 68, 2), 57.5)  # the centre of cell 14
    heatmaps = torch.full((1, 68, 32, 32), -30.0)
    heatmaps[..., 14, 14] = 30.0
    terms = landmark_loss(heatmaps, torch.full((1,), 9.0), points, torch.tensor([True]))
    assert float(terms["distance"]) == pytest.approx(0, abs=1e-4)
    assert float(terms["face"]) == pytest.approx(0, abs=1e-3)


def test_training_writes_weights_that_the_finder_reads(bank: FaceBank, tmp_path: Path) -> None:
    report = train_on_bank(bank, tmp_path, TINY, torch.device("cpu"))
    assert {"detector_recall", "landmark_nme_inner", "face_recall"} <= set(report.figures)
    _, header = load_weights("face_detector", tmp_path)
    assert header["training"]["seed"] == 0  # type: ignore[index]
    assert isinstance(BuiltinFinder(weights=tmp_path).find(np.zeros((64, 64, 3), np.uint8)), list)


def test_training_in_two_parts_gives_the_weights_of_one_run(bank: FaceBank, tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    config = replace(TINY, detector_steps=3, landmark_steps=3, threads=1)
    whole = train_on_bank(bank, tmp_path / "whole", config, cpu)

    class Stop(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aufait.shipped.faces.train._train_landmarks", interrupt)
        with pytest.raises(Stop):
            train_on_bank(bank, tmp_path / "parts", config, cpu)
    parts = train_on_bank(bank, tmp_path / "parts", config, cpu, resume=True)
    for name in ("face_detector", "face_landmarks"):
        first, second = load_weights(name, tmp_path / "whole")[0], load_weights(name, tmp_path / "parts")[0]
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert whole.figures == parts.figures


def test_one_person_is_not_enough(bank: FaceBank, tmp_path: Path) -> None:
    alone = bank.part(torch.arange(2), bank.backgrounds)
    with pytest.raises(InputError, match="two identities"):
        train_on_bank(alone, tmp_path, TINY, torch.device("cpu"))


@pytest.mark.parametrize("shift", [0, 260])
def test_the_square_round_a_face_keeps_pixels_and_points_together(shift: int) -> None:
    """A dark dot on the tip of the nose, once in the middle of the picture and once near its edge."""
    points = project(matrix_from_euler(np.zeros((1, 3))), np.array([[0.0, 0.0, 700.0]]), Camera(700, 700, 320, 240))[0]
    points[:, 0] += shift
    image = np.full((480, 640, 3), 200, np.uint8)
    x, y = points[30].round().astype(int)
    image[y - 3 : y + 4, x - 3 : x + 4] = 0
    pixels, moved = cut_face(image, points)
    assert pixels.shape == (BANK_SIDE, BANK_SIDE, 4)
    x, y = moved[30].round().astype(int)
    assert pixels[y, x, :3].max() < 60 and pixels[y - 8, x, :3].min() > 180
    assert box_sizes(landmark_boxes(moved[None]))[0] == pytest.approx(BANK_SIDE / WINDOW, rel=0.02)
    beyond = pixels[..., 3] == 0
    assert beyond.any() == bool(shift)
    assert (pixels[beyond][:, :3] == 110).all()


def test_real_and_rendered_faces_come_in_the_share_asked_for(bank: FaceBank) -> None:
    real = replace(bank.part(torch.arange(3), bank.backgrounds), is_real=torch.ones(3, dtype=torch.bool))
    both = bank.joined(real, 0.8)
    rows = both.draw_rows(2000, draw())
    assert (rows >= len(bank)).float().mean() == pytest.approx(0.8, abs=0.04)
    assert set(rows.tolist()) == set(range(len(both)))
    assert bank.draw_rows(500, draw()).max() == len(bank) - 1


def test_real_faces_are_learnt_and_named_in_the_weights(bank: FaceBank, tmp_path: Path) -> None:
    real = replace(bank.part(torch.arange(4), bank.backgrounds), is_real=torch.ones(4, dtype=torch.bool))
    banks = RealBanks(real, real, {"london": 3, "pif": 1})
    first = train_on_bank(bank, tmp_path / "first", TINY, torch.device("cpu"))
    second = train_on_bank(bank, tmp_path / "second", TINY, torch.device("cpu"), real=banks, init=first.detector.parent)
    assert {"landmark_nme_inner", "real_landmark_nme_inner", "real_detector_recall"} <= set(second.figures)
    for name in ("face_detector", "face_landmarks"):
        _, before = load_weights(name, tmp_path / "first")
        _, after = load_weights(name, tmp_path / "second")
        assert "no photograph" in str(before["data"]) and "started_from" not in before
        assert "4 real faces" in str(after["data"]) and "teacher" in str(after["data"])
        assert after["started_from"]["data"] == before["data"]  # type: ignore[index]
        sources = after["real_faces"]
        assert [(s["set"], s["faces"], s["licence"]) for s in sources] == [("london", 3, "CC BY 4.0"), ("pif", 1, "CC0")]  # type: ignore[attr-defined]


def test_training_goes_on_from_the_weights_of_a_folder(bank: FaceBank, tmp_path: Path) -> None:
    """Without a step, what comes out is what went in."""
    first = train_on_bank(bank, tmp_path / "first", TINY, torch.device("cpu"))
    still = replace(TINY, detector_steps=0, landmark_steps=0)
    train_on_bank(bank, tmp_path / "second", still, torch.device("cpu"), init=first.detector.parent)
    for name in ("face_detector", "face_landmarks"):
        before, after = load_weights(name, tmp_path / "first")[0], load_weights(name, tmp_path / "second")[0]
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_points_of_other_pictures_are_refused(bank: FaceBank, tmp_path: Path, shared: Path) -> None:
    if not (shared / "real_faces").is_dir():
        pytest.skip(f"real faces not found at {shared / 'real_faces'}")
    np.savez(tmp_path / "real_points.npz", pictures=3, rows=np.arange(3), landmarks=np.zeros((3, 68, 2), np.float32))
    with pytest.raises(InputError, match="points of 3 pictures"):
        load_real_faces(shared / "real_faces", bank.backgrounds, tmp_path)

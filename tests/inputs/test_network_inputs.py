"""From stored faces to network inputs: pixels and points move together, chance is each face's own, faults are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from aufait.alignment import similarity_from_points
from aufait.errors import InputError
from aufait.inputs.augmentation import Augmentation
from aufait.inputs.camera_faults import DRAWS_FOR_FAULTS, camera_faults
from aufait.inputs.network_inputs import DRAWS, Geometry, _warp, draw_faces, network_inputs
from aufait.landmarks import five_points
from aufait.models.registry import create_model
from aufait.models.system import _MEAN_FACE_49, AUSystem
from aufait.training.recipe import load_recipe

AUNET = load_recipe("aunet_bp4d").augmentation
TURNS = Augmentation(crop=False, mirror=0.5, rotation=13.5, crop_scale=0.25, shift=0.05)


@pytest.fixture(scope="module")
def jaa() -> AUSystem:
    return create_model("jaa-net-v2", "disfa", unit=4)


@pytest.fixture(scope="module")
def resnet() -> AUSystem:
    return create_model("resnet18", "disfa")


@pytest.fixture(scope="module")
def three() -> AUSystem:
    return create_model("resnet18-a", "disfa")


def noise(batch: int, side: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def points(batch: int, side: int, window: int) -> Tensor:
    return ((side - window) / 2 + torch.tensor(_MEAN_FACE_49) * window).expand(batch, -1, -1).clone()


def dotted(landmarks: Tensor, side: int, keep: tuple[int, ...] = (13, 31, 37)) -> Tensor:
    """Black faces with a smooth bright spot in one colour at each of three landmarks."""
    axis = torch.arange(side)
    faces = torch.zeros(len(landmarks), side, side, 3)
    for channel, point in enumerate(keep):
        x, y = landmarks[:, point, 0, None, None], landmarks[:, point, 1, None, None]
        faces[..., channel] = 255 * torch.exp(-((axis[None, None] - x) ** 2 + (axis[None, :, None] - y) ** 2) / 18)
    return faces.round().to(torch.uint8)


def spots(images: Tensor) -> Tensor:
    """Centres of brightness (B, 3, 2) of the three colours."""
    axis = torch.arange(images.shape[-1], dtype=torch.float32)
    mass = images.sum((-2, -1))
    return torch.stack([(images.sum(-2) * axis).sum(-1) / mass, (images.sum(-1) * axis).sum(-1) / mass], -1)


def test_evaluation_sees_the_central_window(jaa: AUSystem) -> None:
    faces, landmarks = noise(2, 200), points(2, 200, 176)
    made = network_inputs(jaa, faces, landmarks)
    assert torch.equal(made["images"], faces[:, 12:188, 12:188].permute(0, 3, 1, 2) / 255)
    torch.testing.assert_close(made["landmarks"], landmarks - 12)
    mirrored = network_inputs(jaa, faces, landmarks, mirrored=True)
    assert torch.equal(mirrored["images"], made["images"].flip(-1))
    back = network_inputs(jaa, faces.flip(2), mirror(landmarks, 200), mirrored=True)
    torch.testing.assert_close(back["landmarks"], made["landmarks"])


def mirror(landmarks: Tensor, width: int) -> Tensor:
    from aufait.landmarks import mirror_landmarks

    return mirror_landmarks(landmarks, width)


def test_windows_are_whole_pixels_and_reach_every_place(jaa: AUSystem) -> None:
    faces = noise(1, 200).expand(400, -1, -1, -1)
    landmarks = points(400, 200, 176)
    draws = draw_faces(400, torch.Generator().manual_seed(0))
    made = network_inputs(jaa, faces, landmarks, training=True, draws=draws, augmentation=Augmentation(mirror=0.0))
    offsets = (landmarks - made["landmarks"])[:, 0]
    assert torch.equal(offsets, offsets.round())
    assert offsets.min() == 0 and offsets.max() == 24
    x, y = (int(value) for value in offsets[7])
    assert torch.equal(made["images"][7], faces[7, y : y + 176, x : x + 176].permute(2, 0, 1) / 255)


@pytest.mark.parametrize("augmentation", [Augmentation(), TURNS, Augmentation(scale=0.1)], ids=["window", "turns", "scale"])
def test_points_move_with_the_pixels(augmentation: Augmentation, jaa: AUSystem, resnet: AUSystem) -> None:
    turns = augmentation is TURNS
    model, side, window = (resnet, 384, 256) if turns else (jaa, 200, 176)
    landmarks = points(12, side, window) + torch.randn(12, 49, 2, generator=torch.Generator().manual_seed(1))
    faces = dotted(landmarks, side)
    generator = torch.Generator().manual_seed(2)
    made = network_inputs(model, faces, landmarks, training=True, augmentation=augmentation, generator=generator)
    outer_eyes, expected = made["landmarks"][:, [19, 28]], made["landmarks"][:, [13, 31, 37]]
    assert (outer_eyes[:, 0, 0] < outer_eyes[:, 1, 0]).all()  # names follow the side of the image
    found = spots(made["images"])
    assert (found[:, 0] - expected[:, 0]).norm(dim=-1).max() < 0.5
    corners, swapped = ((found[:, 1:] - expected[:, order]).norm(dim=-1).amax(1) for order in ([1, 2], [2, 1]))
    assert torch.minimum(corners, swapped).max() < 0.5 and (swapped < corners).any()  # some are mirrored
    assert (found[:, 0] - spots(network_inputs(model, faces, landmarks)["images"])[:, 0]).norm(dim=-1).max() > 2


def test_turning_by_nothing_is_the_central_window(resnet: AUSystem) -> None:
    faces, landmarks = noise(2, 384), points(2, 384, 256)
    still = Augmentation(crop=False, mirror=0.0, rotation=1e-9)
    made = network_inputs(resnet, faces, landmarks, training=True, augmentation=still, generator=torch.Generator())
    torch.testing.assert_close(made["images"], network_inputs(resnet, faces)["images"], atol=1e-3, rtol=0)


@pytest.mark.parametrize("side", [200, 384])
def test_faces_of_a_batch_do_not_touch_each_other(side: int, jaa: AUSystem, resnet: AUSystem) -> None:
    model, window, augmentation = (jaa, 176, Augmentation()) if side == 200 else (resnet, 256, AUNET)
    faces, landmarks, draws = noise(3, side), points(3, side, window), draw_faces(3, torch.Generator().manual_seed(3))
    whole = network_inputs(model, faces, landmarks, training=True, draws=draws, augmentation=augmentation)
    for row in range(3):
        one = slice(row, row + 1)
        alone = network_inputs(model, faces[one], landmarks[one], training=True, draws=draws[one], augmentation=augmentation)
        torch.testing.assert_close(alone["images"], whole["images"][one], atol=1e-5, rtol=0)
        assert torch.equal(alone["landmarks"], whole["landmarks"][one])


def test_neighbours_are_laid_on_the_current_frame(three: AUSystem) -> None:
    landmarks = points(2, 384, 256)
    angle, scale = 0.2, 1.1
    turn = torch.tensor([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], dtype=torch.float32) * scale
    moved = (landmarks - 192) @ turn + 192 + torch.tensor([9.0, -4.0])
    around = torch.stack([dotted(moved, 384), dotted(landmarks, 384)], 1), torch.stack([moved, landmarks], 1)
    for training in (False, True):
        made = network_inputs(
            three, dotted(landmarks, 384), landmarks, neighbours=around, training=training, augmentation=TURNS,
            draws=draw_faces(2, torch.Generator().manual_seed(1)) if training else None,
        )  # fmt: skip
        assert made["images"].shape == (2, 3, 3, 256, 256)
        current, earlier, later = (spots(made["images"][:, frame]) for frame in range(3))
        assert (earlier - current).norm(dim=-1).max() < 0.5
        torch.testing.assert_close(later, current, atol=0.05, rtol=0)


def test_neighbours_keep_the_detail_of_pictures_that_are_warped_once(three: AUSystem) -> None:
    """A fine pattern 12.4 pixels aside and a little larger: stored faces are warped once, here, straight and in two steps."""
    from aufait.alignment import invert

    axis = torch.arange(384, dtype=torch.float64)

    def pattern(matrix: Tensor) -> Tensor:
        """The pattern seen through a transform (2, 3) from pattern to picture: what a perfect warp would give."""
        back = invert(matrix[None])[0]
        x, y = (back[k, 0] * axis + back[k, 1] * axis[:, None] + back[k, 2] for k in (0, 1))
        return 127.5 + 100 * torch.sin(0.9 * x) * torch.sin(0.8 * y)

    still = torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    moved = torch.tensor([[1.03, 0, 12.4], [0, 1.03, -7.7]], dtype=torch.float64)
    landmarks = points(1, 384, 256)
    theirs = (landmarks.double() @ moved[:, :2].T + moved[:, 2]).float()
    face, other = (pattern(one).round().to(torch.uint8)[None, ..., None].expand(-1, -1, -1, 3) for one in (still, moved))
    around = (other[:, None].expand(-1, 2, -1, -1, -1), theirs[:, None].expand(-1, 2, -1, -1))
    images = network_inputs(three, face, landmarks, neighbours=around)["images"][0]
    torch.testing.assert_close(images[0], face[0, 64:320, 64:320].permute(2, 0, 1) / 255, rtol=0, atol=1e-4)  # a copy
    detail = [float(one.std()) for one in images[:, 0]]
    onto = similarity_from_points(five_points(theirs.double()), five_points(landmarks.double() - 64))
    linear = _warp(other, onto, Geometry.of(three, 384))
    assert detail[1] == detail[2] > 0.96 * detail[0] > 0.96 / 0.9 * float(linear[0, 0].std()), detail
    assert (images[1] - images[0]).abs().mean() < 0.4 * (linear[0] - images[0]).abs().mean()


def test_photographs_are_their_own_neighbours(three: AUSystem) -> None:
    images = network_inputs(three, noise(1, 384))["images"]
    assert torch.equal(images[:, 0], images[:, 1]) and torch.equal(images[:, 0], images[:, 2])


def test_small_networks_see_the_window_resized() -> None:
    small = create_model("jaa-net-v2", "disfa", unit=4, image_size=48)
    landmarks = points(2, 200, 176)
    made = network_inputs(small, dotted(landmarks, 200), landmarks)
    assert made["images"].shape == (2, 3, 48, 48)
    assert (spots(made["images"]) - made["landmarks"][:, [13, 31, 37]]).norm(dim=-1).max() < 0.3
    tiny = create_model("resnet18", "disfa", image_size=64)
    landmarks = points(2, 384, 256)
    turned = network_inputs(tiny, dotted(landmarks, 384), landmarks, training=True, augmentation=Augmentation(
        crop=False, mirror=0.0, rotation=10.0), generator=torch.Generator())  # fmt: skip
    assert (spots(turned["images"]) - turned["landmarks"][:, [13, 31, 37]]).norm(dim=-1).max() < 0.3


def test_networks_see_windows_of_their_own_size() -> None:
    drml, regions = create_model("drml", "disfa", hidden_sizes=(8, 8)), create_model("convnet", "disfa", fc7_width=8)
    faces = noise(1, 200)
    assert torch.equal(network_inputs(drml, faces)["images"], faces[:, 15:185, 15:185].permute(0, 3, 1, 2) / 255)
    assert torch.equal(network_inputs(regions, faces)["images"], faces.permute(0, 3, 1, 2) / 255)


def test_wrong_faces_are_named(jaa: AUSystem, three: AUSystem) -> None:
    with pytest.raises(InputError, match="stored with 200 pixels; got 384"):
        network_inputs(jaa, noise(1, 384))
    with pytest.raises(InputError, match="uint8"):
        network_inputs(jaa, noise(1, 200).float())
    with pytest.raises(InputError, match=rf"\(1, {DRAWS}\)"):
        network_inputs(jaa, noise(1, 200), training=True, draws=torch.rand(1, 3))
    with pytest.raises(InputError, match="laid on the current one by landmarks"):
        network_inputs(three, noise(1, 384), neighbours=(noise(2, 384)[None], torch.zeros(1, 2, 49, 2)))
    with pytest.raises(InputError, match="reads landmarks"):
        network_inputs(create_model("abrnet", "disfa", unit=4, feature_size=8), noise(1, 200))


# ---------------------------------------------------------------------------------------------------------------------
# Camera faults
# ---------------------------------------------------------------------------------------------------------------------


def smooth(frames: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    coarse = torch.rand(2, 3, 8, 8, generator=generator)
    images = torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)
    return images[:, None].expand(-1, frames, -1, -1, -1)


def faulty(images: Tensor, seed: int = 0, **settings: float) -> Tensor:
    table = torch.rand(len(images), DRAWS_FOR_FAULTS, generator=torch.Generator().manual_seed(seed))
    return camera_faults(images, Augmentation(**settings), table)


def test_no_faults_change_nothing() -> None:
    images = smooth()
    assert torch.equal(faulty(images), images)


@pytest.mark.parametrize("fault", ["blur", "compression", "holes", "jitter"])
def test_frames_of_a_face_share_their_faults(fault: str) -> None:
    value = 0.3 if fault == "jitter" else 1.0
    single, triple = faulty(smooth(1), **{fault: value}), faulty(smooth(3), **{fault: value})
    assert not torch.equal(single, smooth(1))
    for frame in range(3):
        torch.testing.assert_close(triple[:, frame], single[:, 0], atol=1e-5, rtol=0)
    assert single.min() >= 0 and single.max() <= 1


def test_compression_loses_more_at_lower_quality() -> None:
    images = smooth() + 0.0
    errors = []
    for quality in (100.0, 60.0, 10.0):
        table = torch.zeros(2, DRAWS_FOR_FAULTS)
        made = camera_faults(images, Augmentation(compression=1.0, compression_quality=quality), table)
        errors.append(float((made - images).square().mean().sqrt()))
    assert errors[0] < 0.004 < errors[2] and errors[0] < errors[1] < errors[2]


def test_compression_comes_near_a_real_jpeg() -> None:
    import io

    from PIL import Image

    images = smooth()
    pixels = (images[0, 0].permute(1, 2, 0) * 255).round().to(torch.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "JPEG", quality=30, subsampling=0)
    real = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    table = torch.zeros(1, DRAWS_FOR_FAULTS)
    made = camera_faults(pixels.permute(2, 0, 1)[None, None] / 255, Augmentation(compression=1.0, compression_quality=30.0), table)
    error = (made[0, 0] - real).abs()  # the library computes in whole numbers
    assert float(error.mean()) < 0.006 and float((images[0, 0] - real).abs().mean()) > 2 * float(error.mean())


def test_holes_are_black_and_small() -> None:
    images = torch.ones(64, 1, 3, 64, 64)
    made = faulty(images, holes=1.0)
    share = (made[:, 0, 0] == 0).float().mean((-2, -1))
    assert share.min() > 0 and share.max() <= 8 / 64 and set(made.unique().tolist()) == {0.0, 1.0}


def test_blur_keeps_the_mean_and_smooths() -> None:
    images = noise(2, 64).permute(0, 3, 1, 2)[:, None] / 255
    made = faulty(images, blur=1.0)
    assert float((made.mean() - images.mean()).abs()) < 0.01
    assert float(made.diff(dim=-1).abs().mean()) < 0.9 * float(images.diff(dim=-1).abs().mean())


def test_faults_happen_as_often_as_asked() -> None:
    images = noise(200, 16).permute(0, 3, 1, 2)[:, None] / 255
    changed = (faulty(images, holes=0.5) != images).flatten(1).any(1)
    assert 0.35 < float(changed.float().mean()) < 0.65

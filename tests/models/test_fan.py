"""FAN: held to a straight reading of its layers, landmarks from heat maps, and its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from aufait.errors import InputError, MissingModelError
from aufait.models.fan import FAN, FaceAligner, FANConfig, heat_map_loss, landmarks_from_heat_maps, load_aligner, save_aligner
from aufait.models.fan.heat_maps import heat_map_targets
from aufait.models.profile import profile_model

Weights = dict[str, Tensor]


def lively(module: nn.Module) -> nn.Module:
    """Statistics and factors of the norms away from 0 and 1, so that a forgotten norm shows."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor, low, high in (
                (part.running_mean, -0.1, 0.1),
                (part.running_var, 0.5, 1.5),
                (part.weight.data, 0.7, 1.3),
                (part.bias.data, -0.1, 0.1),
            ):
                tensor.uniform_(low, high, generator=generator)
    return module


@pytest.fixture(scope="module")
def fan() -> FAN:
    torch.manual_seed(0)
    network = lively(FAN(FANConfig(image_size=64))).eval().requires_grad_(False)
    assert isinstance(network, FAN)
    return network


# The oracle: the layers written out from the weights by name, without our modules.


def norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    entries = [weights[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *entries, training=False, eps=1e-5)


def conv(weights: Weights, name: str, x: Tensor, **arguments: int) -> Tensor:
    return F.conv2d(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"), **arguments)


def block(weights: Weights, name: str, x: Tensor) -> Tensor:
    parts, y = [], x
    for k in (1, 2, 3):
        y = conv(weights, f"{name}.conv{k}", F.relu(norm(weights, f"{name}.bn{k}", y)), padding=1)
        parts.append(y)
    if f"{name}.downsample.2.weight" in weights:
        x = conv(weights, f"{name}.downsample.2", F.relu(norm(weights, f"{name}.downsample.0", x)))
    return torch.cat(parts, 1) + x


def hourglass(weights: Weights, name: str, x: Tensor, level: int, pool: object) -> Tensor:
    assert callable(pool)
    upper = block(weights, f"{name}.b1_{level}", x)
    lower = block(weights, f"{name}.b2_{level}", pool(x, 2))
    lower = hourglass(weights, name, lower, level - 1, pool) if level > 1 else block(weights, f"{name}.b2_plus_1", lower)
    lower = block(weights, f"{name}.b3_{level}", lower)
    return upper + lower.repeat_interleave(2, -1).repeat_interleave(2, -2)


def oracle(weights: Weights, images: Tensor, stacks: int, pool: object) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    assert callable(pool)
    x = F.relu(norm(weights, "bn1", conv(weights, "conv1", images, stride=2, padding=3)))
    x = pool(block(weights, "conv2", x), 2)
    low = x = block(weights, "conv4", block(weights, "conv3", x))
    features, maps = [], []
    for h in range(stacks):
        g = block(weights, f"top_m_{h}", hourglass(weights, f"m{h}", x, 4, pool))
        g = F.relu(norm(weights, f"bn_end{h}", conv(weights, f"conv_last{h}", g)))
        maps.append(conv(weights, f"l{h}", g))
        if h < stacks - 1:
            g = conv(weights, f"bl{h}", g)
            x = x + g + conv(weights, f"al{h}", maps[-1])
        features.append(g)
    return low, features, maps


def test_every_map_equals_the_layers_written_out(fan: FAN) -> None:
    images = torch.rand(2, 3, 64, 64)
    output = fan(images)
    low, features, maps = oracle(fan.state_dict(), images, 2, F.max_pool2d)
    torch.testing.assert_close(output.low_level, low, atol=1e-5, rtol=1e-5)
    for got, expected in zip(output.stacks + output.heat_maps, features + maps, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_average_pooling_is_the_same_network_with_other_halving(fan: FAN) -> None:
    averaging = FAN(FANConfig(pool="avg", image_size=64)).eval()
    averaging.load_state_dict(fan.state_dict())
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        got = averaging(images).heat_maps[-1]
    torch.testing.assert_close(got, oracle(fan.state_dict(), images, 2, F.avg_pool2d)[2][-1], atol=1e-5, rtol=1e-5)
    assert (got - fan(images).heat_maps[-1]).abs().max() > 1e-3


@pytest.mark.parametrize(("stacks", "parameters", "entries", "gmac"), [(2, 12_106_504, 599, 13.924), (4, 23_820_176, 1129, 25.235)])
def test_sizes_are_those_of_the_released_networks(stacks: int, parameters: int, entries: int, gmac: float) -> None:
    with torch.device("meta"):
        network = FAN(FANConfig(stacks=stacks))
    profile = profile_model(network, inputs={"images": torch.empty(1, 3, 256, 256, device="meta")})
    assert profile.parameters == parameters and len(network.state_dict()) == entries
    assert profile.macs / 1e9 == pytest.approx(gmac, rel=0.01)


def test_state_dict_has_the_released_order() -> None:
    with torch.device("meta"):
        names = list(FAN().state_dict())
    heads = list(dict.fromkeys(name.split(".")[0] for name in names))
    assert heads == [
        "conv1", "bn1", "conv2", "conv3", "conv4",
        "m0", "top_m_0", "conv_last0", "bn_end0", "l0", "bl0", "al0", "m1", "top_m_1", "conv_last1", "bn_end1", "l1",
    ]  # fmt: skip
    levels = list(dict.fromkeys(name.split(".")[1] for name in names if name.startswith("m0.")))
    assert levels == [
        "b1_4", "b2_4", "b1_3", "b2_3", "b1_2", "b2_2", "b1_1", "b2_1", "b2_plus_1", "b3_1", "b3_2", "b3_3", "b3_4"
    ]  # fmt: skip
    assert [n for n in names if n.startswith("conv2.")][-6:] == [
        "conv2.downsample.0.weight", "conv2.downsample.0.bias", "conv2.downsample.0.running_mean",
        "conv2.downsample.0.running_var", "conv2.downsample.0.num_batches_tracked", "conv2.downsample.2.weight",
    ]  # fmt: skip


def test_landmarks_equal_a_plain_loop_over_maps() -> None:
    maps = torch.rand(2, 9, 8, 8, generator=torch.Generator().manual_seed(2))
    maps[0, 0, 0, 3] = maps[0, 1, 7, 7] = maps[0, 2, 4, 0] = 2.0  # peaks on the border stay where they are
    maps[1, 0] = 0.0                                              # no peak: the first pixel
    expected = torch.zeros(2, 9, 2)
    for b in range(2):
        for n in range(9):
            plane = maps[b, n]
            y, x = divmod(int(plane.flatten().argmax()), 8)
            fine = [float(x), float(y)]
            if 0 < x < 7 and 0 < y < 7:
                fine[0] += 0.25 * float((plane[y, x + 1] - plane[y, x - 1]).sign())
                fine[1] += 0.25 * float((plane[y + 1, x] - plane[y - 1, x]).sign())
            expected[b, n] = (torch.tensor(fine) + 0.5) * 4 - 0.5
    torch.testing.assert_close(landmarks_from_heat_maps(maps, 32), expected)


def test_landmarks_come_back_from_their_heat_maps() -> None:
    landmarks = 20 + 200 * torch.rand(2, 68, 2, generator=torch.Generator().manual_seed(3))
    maps = heat_map_targets(landmarks, 256, 64)
    assert maps.shape == (2, 68, 64, 64) and maps.min() >= 0 and maps.max() <= 1
    # A quarter of a heat-map pixel is one pixel of the image, and the worst case is a quarter off.
    assert (landmarks_from_heat_maps(maps, 256) - landmarks).abs().max() <= 1.0 + 1e-3


def test_heat_map_loss_vanishes_at_the_targets_and_leaves_out_unknown_faces() -> None:
    landmarks = 64 * torch.rand(2, 5, 2)
    perfect = heat_map_targets(landmarks, 64, 16)
    assert heat_map_loss([perfect, perfect], landmarks, 64) == 0
    wrong = torch.stack((perfect[0], perfect[1] + 0.5))
    assert heat_map_loss([wrong, wrong], landmarks, 64).item() == pytest.approx(2 * 0.25 / 2, rel=1e-5)
    assert heat_map_loss([wrong], landmarks, 64, torch.tensor([True, False])) == 0


def test_aligner_survives_a_file_and_export(fan: FAN, tmp_path: Path) -> None:
    aligner = FaceAligner(fan.config).eval()
    aligner.fan.load_state_dict(fan.state_dict())
    path = save_aligner(aligner, tmp_path / "fan.safetensors", notes={"origin": "random"})
    loaded = load_aligner(path)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = aligner(images)
        got = loaded(images)
        batch = torch.export.Dim("batch", min=1, max=16)
        program = torch.export.export(loaded, (torch.rand(3, 3, 64, 64),), dynamic_shapes=({0: batch},), strict=False)
        exported = program.module()(images)
    assert loaded.config == aligner.config and not loaded.training
    assert expected.landmarks.shape == (2, 68, 2) and expected.confidence.shape == (2, 68)
    torch.testing.assert_close(got.landmarks, expected.landmarks)
    torch.testing.assert_close(exported.heat_maps, expected.heat_maps, atol=1e-4, rtol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["fan.safetensors"]


def test_files_that_are_no_aligner_are_refused(fan: FAN, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="no aligner file"):
        load_aligner(tmp_path / "absent.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, other)
    with pytest.raises(InputError, match="does not hold a face aligner"):
        load_aligner(other)
    aligner = FaceAligner(FANConfig(stacks=1, image_size=64))
    path = save_aligner(aligner, tmp_path / "fan.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        load_aligner(cut)
    object.__setattr__(aligner.config, "stacks", 2)  # a header that promises another network than the weights are
    with pytest.raises(InputError, match="do not fit its settings"):
        load_aligner(save_aligner(aligner, tmp_path / "lying.safetensors"))


def test_wrong_images_and_settings_are_explained() -> None:
    with torch.device("meta"):
        aligner = FaceAligner()
    with pytest.raises(InputError, match=r"images \(B, 3, 256, 256\), got \(1, 3, 64, 64\)"):
        aligner(torch.rand(1, 3, 64, 64))
    with pytest.raises(InputError, match="divide 8-bit pixels by 255"):
        aligner(torch.zeros(1, 3, 256, 256, dtype=torch.uint8))
    for settings, word in (
        ({"stacks": 5}, "1 to 4"),
        ({"pool": "max2"}, "did you mean 'max'"),
        ({"image_size": 100}, "multiple of 64"),
        ({"points": 0}, "at least 1"),
        ({"stacks": 2.0}, "must be int"),
    ):
        with pytest.raises(InputError, match=word):
            FANConfig(**settings)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no setting 'stack'; did you mean 'stacks'"):
        FANConfig.from_dict({"system": "fan", "stack": 2})
    with pytest.raises(InputError, match="got one of 'arl'"):
        FANConfig.from_dict({"system": "arl"})
    assert FANConfig.from_dict(FANConfig(stacks=4).to_dict()) == FANConfig(stacks=4)

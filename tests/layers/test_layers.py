"""The shared layers against plain loops over patches, action units and pixels, in training and in evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from oracles import (
    AttentionRefinementLoop,
    HighLevelLoop,
    PatchConvolutionLoop,
    RegionLearningLoop,
    copy_patch_convolution,
    loop_of,
    paint_maps,
)
from torch import Tensor, nn

from aufait.action_units import AU_SETS
from aufait.layers import fast_path
from aufait.layers.attention_maps import PredefinedAttention
from aufait.layers.attention_refinement import AttentionRefinement
from aufait.layers.grouped import GroupedLinear, grouped_conv
from aufait.layers.high_level import HighLevelExtractor, attend
from aufait.layers.region_learning import RegionLearning
from aufait.layers.region_stage import PatchConvolution, join_patches, split_patches
from aufait.models.system import _example_landmarks

MAKERS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], tuple[int, ...]]] = {
    "region learning, planar and interleaved": (lambda: RegionLearning(2), lambda: RegionLearningLoop(2), (2, 3, 128, 128)),
    "region learning, odd patches": (lambda: RegionLearning(2), lambda: RegionLearningLoop(2), (2, 3, 48, 48)),
    "attention refinement": (lambda: AttentionRefinement(3, 8), lambda: AttentionRefinementLoop(3, 8), (2, 3, 20, 20)),
    "three extractors": (lambda: HighLevelExtractor(6, 2, groups=3), lambda: HighLevelLoop(6, 2, groups=3), (2, 18, 20, 20)),
    "one extractor": (lambda: HighLevelExtractor(6, 2), lambda: HighLevelLoop(6, 2), (2, 6, 44, 44)),
}


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def lived_in(module: nn.Module) -> nn.Module:
    """The module with normalisations as after training: no scale of 1, no shift of 0, some scales negative."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias, std=0.2)
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    return module


def pair(name: str) -> tuple[nn.Module, nn.Module, Tensor]:
    """Our layer, its loop twin with the same weights, and an input."""
    ours, loop, shape = MAKERS[name]
    layer = lived_in(ours())
    return layer, loop_of(layer, loop()), torch.randn(shape)


def close(actual: Tensor, expected: Tensor, tolerance: float = 2e-5) -> None:
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance * max(scale, 1))


@pytest.mark.parametrize("name", MAKERS)
def test_evaluation_equals_the_loop_in_both_forms(name: str) -> None:
    ours, loop, inputs = pair(name)
    ours.eval(), loop.eval()
    with torch.no_grad():
        expected = loop(inputs)
        close(ours(inputs), expected)
    close(ours(inputs), expected)  # with gradients the plain form runs


@pytest.mark.parametrize("name", MAKERS)
def test_training_equals_the_loop_with_gradients_and_running_statistics(name: str) -> None:
    ours, loop, inputs = pair(name)
    ours.train(), loop.train()
    mine, its = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    result, expected = ours(mine), loop(its)
    close(result, expected)
    weight = torch.randn_like(expected)
    (result * weight).sum().backward()
    (expected * weight).sum().backward()
    close(mine.grad, its.grad, 2e-4)
    fresh = loop_of(ours, MAKERS[name][1]())
    for key, value in loop.state_dict().items():
        close(fresh.state_dict()[key].double(), value.double())
    assert all(parameter.grad is not None for parameter in ours.parameters())


@pytest.mark.parametrize("kind", ["positive", "zero"])
def test_norms_of_every_sign_take_the_fast_form(kind: str) -> None:
    torch.manual_seed(3)
    module = RegionLearning().eval()
    for norm in (m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.uniform_(-1, 1)
        norm.running_mean.uniform_(-0.5, 0.5)
        if kind == "zero":
            norm.weight.data[::3] = 0.0
    images = torch.rand(2, 3, 96, 96)
    plain = module(images).detach()  # gradients are on: the plain form
    with torch.no_grad():
        torch.testing.assert_close(module(images), plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_small_blocks_of_faces_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _, inputs = pair(name)
    ours.eval()
    inputs = torch.cat([inputs, inputs.flip(0)])[:3]
    with torch.no_grad():
        whole = ours(inputs)
        monkeypatch.setattr("aufait.layers.region_learning.REGION_BLOCK_BYTES", 1)
        monkeypatch.setattr(fast_path.in_blocks, "__kwdefaults__", {"budget": 1})
        close(ours(inputs), whole, 1e-6)


def test_the_fast_form_follows_every_change_of_the_weights() -> None:
    ours, loop, inputs = pair("three extractors")
    ours.eval(), loop.eval()
    with torch.no_grad():
        ours(inputs)
        for part in [*ours.modules(), *loop.modules()]:
            if isinstance(part, nn.Conv2d):
                part.weight.data *= 1.5  # leaves no trace in version counters
        close(ours(inputs), loop(inputs))


def test_the_fast_form_keeps_to_eager_evaluation_in_float32() -> None:
    layer, features = nn.BatchNorm2d(1).eval(), torch.zeros(1, 1, 2, 2)
    assert not fast_path.use_fast_path(layer, features)  # gradients are on
    with torch.no_grad():
        assert fast_path.use_fast_path(layer, features)
        assert not fast_path.use_fast_path(layer, features.double())
        assert not fast_path.use_fast_path(layer.train(), features)
        layer.eval()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not fast_path.use_fast_path(layer, features)
        assert not fast_path.use_fast_path(layer, features.to("meta"))


def test_patches_of_every_grid_equal_the_loop() -> None:
    for grid, side in ((8, 4), (4, 6), (2, 3), (1, 5)):
        ours = lived_in(PatchConvolution(grid, 4, 2)).eval()
        loop = PatchConvolutionLoop(grid, 4, 2).eval()
        copy_patch_convolution(ours, loop)
        inputs = torch.randn(2, 4, grid * side, grid * side)
        close(ours(inputs), loop(inputs))


def test_patches_go_row_by_row_and_come_back() -> None:
    feature_map = torch.arange(2 * 3 * 4 * 6, dtype=torch.float32).view(2, 3, 4, 6)
    patches = split_patches(feature_map, 2)
    assert patches.shape == (2, 12, 2, 3)
    torch.testing.assert_close(patches[:, 3:6], feature_map[:, :, :2, 3:])  # the second patch is right of the first
    torch.testing.assert_close(patches[:, 6:9], feature_map[:, :, 2:, :3])
    torch.testing.assert_close(join_patches(patches, 2), feature_map)


def test_region_module_has_the_published_size() -> None:
    assert sum(parameter.numel() for parameter in RegionLearning().parameters()) == 1_615_392
    assert sum(parameter.numel() for parameter in HighLevelExtractor().parameters()) == 813_312
    assert sum(parameter.numel() for parameter in AttentionRefinement(12).parameters()) == 905_484


@pytest.mark.parametrize("au_set", ["bp4d", "disfa", "disfa_intensity", "mixed"])
def test_predefined_maps_equal_painting_pixel_by_pixel(au_set: str) -> None:
    generator = torch.Generator().manual_seed(1)
    landmarks = _example_landmarks(2, 176, generator) + torch.tensor([[[0.0, 0.0]], [[30.0, -45.0]]])  # one partly outside
    maps = PredefinedAttention(AU_SETS[au_set])(landmarks)
    expected = paint_maps(landmarks, AU_SETS[au_set], 176, 52)
    torch.testing.assert_close(maps, expected, rtol=0, atol=1e-6)


def one_point_face(x: float, y: float) -> Tensor:
    """A face whose 49 landmarks are all in one point, so that all centres without an offset do."""
    return torch.tensor([x, y]).expand(1, 49, 2)


@pytest.mark.parametrize(("x", "pixel"), [(22.0, 6), (66.0, 20), (110.0, 32), (154.0, 46)])
def test_centres_half_way_between_pixels_go_to_the_even_one(x: float, pixel: int) -> None:
    painter = PredefinedAttention((12,))
    assert painter.centers(one_point_face(x, 88))[0, 0, 0].tolist() == [pixel, 26]
    torch.testing.assert_close(painter(one_point_face(x, 88)), paint_maps(one_point_face(x, 88), (12,), 176, 52))


def test_a_bump_falls_by_the_city_block_distance_and_ends_at_its_window() -> None:
    bump = PredefinedAttention((12,))(one_point_face(88, 88))[0, 0]  # centre: pixel 26
    slope = 0.56 / (52 * 0.14)
    assert bump[26, 26] == 1
    assert float(bump[26, 30]) == pytest.approx(1 - 4 * slope)
    assert float(bump[22, 30]) == pytest.approx(1 - 8 * slope)
    assert bump[26, 31] == 0 and bump[21, 26] == 0
    assert int((bump > 0).sum()) == 81


@pytest.mark.parametrize(("x", "y"), [(0, 0), (-5, 88), (-20, 88), (190, 176), (88, 200), (-400, -400)])
def test_windows_at_and_beyond_the_border_end_as_in_the_loop(x: float, y: float) -> None:
    landmarks = one_point_face(x, y)
    torch.testing.assert_close(PredefinedAttention((12,))(landmarks), paint_maps(landmarks, (12,), 176, 52), rtol=0, atol=1e-6)


def test_the_higher_of_two_bumps_counts() -> None:
    landmarks = one_point_face(88, 88).clone()
    landmarks[:, 37] = torch.tensor([98.0, 88.0])  # the other mouth corner, three pixels of the map to the right
    two = PredefinedAttention((12,))(landmarks)
    torch.testing.assert_close(two, paint_maps(landmarks, (12,), 176, 52), rtol=0, atol=1e-6)
    assert two[0, 0, 26, 26] == 1 and two[0, 0, 26, 29] == 1


def test_coordinates_keep_their_precision_under_autocast_and_get_no_gradient() -> None:
    landmarks = _example_landmarks(1, 176, torch.Generator().manual_seed(2)).requires_grad_()
    painter = PredefinedAttention(AU_SETS["bp4d"])
    expected = painter(landmarks)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(painter(landmarks), expected, rtol=0, atol=0)
    assert not expected.requires_grad


@pytest.mark.parametrize("shift", [(0.0, 0.0), (60.0, 0.0), (-70.0, 50.0), (500.0, -500.0)])
def test_refining_only_the_neighbourhood_of_the_bumps_changes_nothing(shift: tuple[float, float]) -> None:
    units = (1, 6, 12, 17)
    painter = PredefinedAttention(units)
    landmarks = _example_landmarks(2, 176, torch.Generator().manual_seed(4)) + torch.tensor(shift)
    refinement = lived_in(AttentionRefinement(len(units), 4)).eval()
    centers = painter.centers(landmarks)
    maps = painter.paint(centers)
    with torch.no_grad():
        close(refinement(maps, centers, painter.half_window), AttentionRefinement.forward(refinement, maps), 1e-6)
    close(refinement(maps, centers, painter.half_window), refinement(maps).detach(), 1e-6)


def test_attended_features_are_the_shared_ones_times_each_groups_map() -> None:
    features, attention = torch.randn(2, 3, 4, 5), torch.rand(2, 2, 4, 5)
    expected = torch.cat([features * attention[:, k : k + 1] for k in range(2)], 1)
    torch.testing.assert_close(attend(features, attention), expected)
    torch.testing.assert_close(attend(features, attention, channels_last=True), expected)
    extractor = lived_in(HighLevelExtractor(6, 1, groups=2)).eval()
    features, attention = torch.randn(2, 6, 16, 16), torch.rand(2, 2, 16, 16)
    with torch.no_grad():
        close(extractor(features, attention), extractor(attend(features, attention)), 1e-6)
    close(extractor(features, attention), extractor(attend(features, attention)), 1e-6)


def test_grouped_layers_equal_separate_ones_and_start_like_them() -> None:
    grouped = GroupedLinear(3, 5, 4)
    inputs = torch.randn(2, 3, 5)
    for k in range(3):
        expected = nn.functional.linear(inputs[:, k], grouped.weight[k], grouped.bias[k])
        torch.testing.assert_close(grouped(inputs)[:, k], expected)
    assert GroupedLinear(3, 5, 4, bias=False)(inputs).shape == (2, 3, 4)
    bound = 5**-0.5
    assert bool((grouped.weight.abs() <= bound).all()) and bool((grouped.bias.abs() <= bound).all())
    many, alone = grouped_conv(50, 4, 6), nn.Conv2d(4, 6 * 50, 3)
    assert many.weight.std().item() == pytest.approx(alone.weight.std().item(), rel=0.1)
    assert many.weight.abs().max().item() <= 1 / 6  # 1 / sqrt(4 * 3 * 3), the fan-in of one group

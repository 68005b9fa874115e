"""Deep Regions Learning against plain loops, its table of sizes, and numbers worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracles import DeepRegionsLoop, OnePatch, slice_patch
from torch import Tensor, nn

import aufait
from aufait import AULabels, AUOutput, InputError, LabelStatistics
from aufait.landmarks import MIRROR_49
from aufait.models.deep_regions import DeepRegions, DeepRegionsConfig, patch_significance
from aufait.models.deep_regions.config import KERNEL_PRESETS, LANDMARKS_22
from aufait.models.deep_regions.patches import extract_patches, to_map_pixels, window_corners
from aufait.models.profile import profile_model

SMALL: dict[str, Any] = {"fc7_width": 24}
"""A narrow Fully7: the network of the paper in everything else, at a fraction of its weights."""


def with_lively_biases(model: DeepRegions) -> DeepRegions:
    """Fresh biases are zero, which would hide a bias that goes to the wrong patch."""
    generator = torch.Generator().manual_seed(4)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.data.normal_(0, 0.1, generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def network() -> DeepRegions:
    torch.manual_seed(0)
    return with_lively_biases(aufait.create_model("deep-regions", **SMALL))


@pytest.fixture(scope="module")
def inputs(network: DeepRegions) -> dict[str, Tensor]:
    """Two faces; one's landmarks are pushed so far that patches meet the border."""
    inputs = network.example_inputs(2)
    inputs["landmarks"][1] = (inputs["landmarks"][1] - 100) * 1.7 + 90
    return inputs


def test_grouped_network_equals_loop_over_patches(network: DeepRegions, inputs: dict[str, Tensor]) -> None:
    with torch.no_grad():
        expected = DeepRegionsLoop(network)(**inputs)
        output = network(**inputs)
    assert output.features.shape == (2, 1024)
    assert expected.std() > 0.01
    torch.testing.assert_close(output.logits, expected, atol=1e-5, rtol=1e-4)


def test_convnet_equals_plain_convolutions() -> None:
    torch.manual_seed(0)
    model = with_lively_biases(aufait.create_model("convnet", **SMALL))
    assert model.landmark_points == 0
    images = model.example_inputs(1)["images"]
    with torch.no_grad():
        local = OnePatch(model, 0)(F.conv2d(images, model.conv1.weight, model.conv1.bias).relu())
        expected = model.output(model.fully8(model.fully7(local).relu()).relu())
        logits = model(images).logits
    assert local.shape == (1, 55_112)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


# --- patches ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def centres() -> Tensor:
    """Inside, on halves (even and odd), beyond each border and each corner of a map of 40 x 30 pixels."""
    points = [(15.2, 20.7), (14.5, 19.5), (15.5, 20.5), (-3, 20), (99, 20), (15, -40), (15, 1e9), (0, 0), (30, 40), (30, 0), (5, 5)]
    return torch.tensor([points, points[::-1]], dtype=torch.float32)


@pytest.mark.parametrize("size", [10, 7, 30])
def test_patches_equal_plain_slices(centres: Tensor, size: int) -> None:
    feature_map = torch.rand(2, 3, 40, 30)
    patches = extract_patches(feature_map, centres, size)
    assert patches.shape == (2, 11 * 3, size, size)
    for face in range(2):
        for number, (x, y) in enumerate(centres[face].tolist()):
            own = patches[face, number * 3 : (number + 1) * 3]
            assert torch.equal(own, slice_patch(feature_map[face], x, y, size)), (x, y)


def test_halves_round_to_even_pixels() -> None:
    centres = torch.tensor([[[14.5, 15.5], [95.0, 95.49]]])
    rows, columns = window_corners(centres, 190, 190, 20)
    assert rows.tolist() == [[6, 85]]
    assert columns.tolist() == [[4, 85]]


def test_windows_stay_inside_whatever_the_landmarks_hold() -> None:
    centres = torch.tensor([[[float("nan"), float("inf")], [-float("inf"), 1e30]]])
    for corners in window_corners(centres, 190, 190, 48):
        assert int(corners.min()) >= 0
        assert int(corners.max()) <= 190 - 48


def test_gradient_reaches_each_pixel_as_often_as_windows_cover_it(centres: Tensor) -> None:
    feature_map = torch.rand(2, 3, 40, 30, requires_grad=True)
    extract_patches(feature_map, centres, 10).sum().backward()
    covered = torch.zeros(2, 3, 40, 30)
    for face in range(2):
        for x, y in centres[face].tolist():
            slice_patch(covered[face], x, y, 10).add_(1)
    assert torch.equal(feature_map.grad, covered)


def test_landmarks_move_to_the_map_by_shift_or_scale() -> None:
    points = torch.tensor([[5.0, 100.0]])
    assert to_map_pixels(points, 200, 190, "shift").tolist() == [[0.0, 95.0]]
    torch.testing.assert_close(to_map_pixels(points, 200, 190, "scale"), torch.tensor([[4.75, 95.0]]))


def test_patch_follows_its_landmark(network: DeepRegions) -> None:
    """Moving face and landmarks together changes no patch, hence no score."""
    inputs = network.example_inputs(1)
    inputs["landmarks"] = inputs["landmarks"].clamp(60, 140).round()
    moved = {"images": inputs["images"].roll((3, -2), dims=(2, 3)), "landmarks": inputs["landmarks"] + torch.tensor([-2.0, 3.0])}
    with torch.no_grad():
        torch.testing.assert_close(network(**moved).logits, network(**inputs).logits, atol=1e-5, rtol=1e-4)


# --- sizes and settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("deep-regions", 56_488_988, 3_625_604_480),
        ("deep-regions-49", 123_209_444, 7_557_979_520),
        ("convnet", 115_105_380, 3_818_695_168),
    ],
)
def test_parameters_and_macs(name: str, parameters: int, macs: int) -> None:
    with torch.device("meta"):
        model = aufait.create_model(name)
    profile = profile_model(model)
    assert (profile.parameters, profile.trainable, profile.macs) == (parameters, parameters, macs)


def test_parameters_per_layer() -> None:
    with torch.device("meta"):
        model = aufait.create_model("deep-regions")
    counts = {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in model.named_children()}
    assert counts == {
        "conv1": 11_648,
        "regions": 22 * 111_832,
        "fully7": 51_906_560,
        "fully8": 2_098_176,
        "dropout": 0,
        "output": 12_300,
    }


@pytest.mark.parametrize("preset", KERNEL_PRESETS)
def test_every_preset_ends_in_maps_of_12_x_12(preset: str) -> None:
    config = DeepRegionsConfig.create("bp4d", kernel_preset=preset)
    assert config.local_sizes[:2] == (48, 42)
    assert config.local_sizes[-1] == 12
    with torch.device("meta"):
        model = aufait.create_model("deep-regions", kernel_preset=preset)
        patches = torch.empty(1, 22 * 32, 48, 48)
        assert model.regions(patches).shape == (1, 22, 8 * 12 * 12)


def test_sizes_between_the_layers() -> None:
    assert DeepRegionsConfig.create("bp4d").local_sizes == (48, 42, 35, 28, 12, 12)
    assert DeepRegionsConfig.create("bp4d", backbone="convnet").local_sizes == (190, 184, 177, 170, 83, 83)


def test_default_patches_are_mirror_symmetric_and_hold_those_the_paper_names() -> None:
    assert len(set(LANDMARKS_22)) == 22
    assert {MIRROR_49[number - 1] + 1 for number in LANDMARKS_22} == set(LANDMARKS_22)
    assert {1, 4, 6, 7, 10, 11, 13, 32} <= set(LANDMARKS_22)


def test_chosen_landmarks_make_the_patches() -> None:
    config = DeepRegionsConfig.create("bp4d", patches=3, landmark_ids=[32, 38, 14])
    assert config.patch_landmarks == (32, 38, 14)
    assert config.groups == 3
    assert DeepRegionsConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"patches": 21}, "patches must be 22 or 49"),
        ({"landmark_ids": (1, 50), "patches": 2}, r"1\.\.49.*\[50\]"),
        ({"landmark_ids": (1, 1), "patches": 2}, "each once"),
        ({"landmark_ids": (), "patches": 0}, "at least one landmark"),
        ({"landmark_ids": (1, 2, 3)}, "names 3 landmarks for 22 patches; set patches=3"),
        ({"kernel_preset": "valid_strid"}, "did you mean 'valid_stride'"),
        ({"landmark_map": "move"}, "shift, scale"),
        ({"backbone": "resnet"}, "regions, convnet"),
        ({"dropout": 1.0}, "below 1, got 1.0"),
        ({"image_size": 57}, "image_size >= 58"),
        ({"image_size": 30, "backbone": "convnet"}, "do not fit an image_size of 30"),
    ],
)
def test_impossible_settings_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DeepRegionsConfig.create("bp4d", **overrides)


def test_fresh_weights_are_he_normal_with_zero_biases() -> None:
    torch.manual_seed(1)
    model = aufait.create_model("deep-regions", **SMALL)
    inputs_per_output = {"conv1": 3 * 121, "regions.layers.conv2": 32 * 49, "regions.layers.conv6": 16 * 25, "fully7": 25_344}
    for name, inputs in inputs_per_output.items():
        layer = model.get_submodule(name)
        assert float(layer.weight.detach().std()) == pytest.approx((2 / inputs) ** 0.5, rel=0.05)
        assert not layer.bias.any()


# --- significance ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["probability", "logit"])
def test_significance_equals_feeding_zeros_patch_by_patch(network: DeepRegions, inputs: dict[str, Tensor], score: str) -> None:
    batches = [(inputs["images"][[face]], inputs["landmarks"][[face]]) for face in range(2)]
    found = patch_significance(network, batches, score=score)

    def scores(local: Tensor) -> Tensor:
        logits = network.classify(network.fully7(local.flatten(1))).logits
        return logits.sigmoid() if score == "probability" else logits

    with torch.no_grad():
        local = network.local_features(*network.prepare(**inputs))
        for patch in range(22):
            silenced = local.clone()
            silenced[:, patch] = 0
            difference = (scores(silenced) - scores(local)).double()
            torch.testing.assert_close(found.change[:, patch], difference.mean(0), atol=1e-6, rtol=1e-4)
            torch.testing.assert_close(found.effect[:, patch], difference.abs().mean(0), atol=1e-6, rtol=1e-4)
    assert found.effect.shape == (12, 22)
    assert found.effect.max() > 1e-4
    assert found.faces == 2


def test_significance_finds_the_patch_that_is_listened_to() -> None:
    torch.manual_seed(0)
    model = aufait.create_model("deep-regions", au_set=(6, 12), patches=3, landmark_ids=(14, 32, 38), **SMALL)
    model.fully7.weight.data.unflatten(1, (3, -1))[:, [0, 2]] = 0
    model.train()
    example = model.example_inputs(1)
    found = patch_significance(model, [(example["images"], example["landmarks"])])
    assert model.training
    assert found.landmark_ids == (14, 32, 38)
    assert found.ranking(12) == (32, 14, 38)
    assert not found.effect[:, [0, 2]].any()
    with pytest.raises(InputError, match="AU1 is not among"):
        found.ranking(1)


def test_significance_refuses_what_it_cannot_do(network: DeepRegions) -> None:
    with pytest.raises(InputError, match="at least one face"):
        patch_significance(network, [])
    with pytest.raises(InputError, match="probability"):
        patch_significance(network, [], score="odds")
    with torch.device("meta"):
        convnet = aufait.create_model("convnet")
    with pytest.raises(InputError, match="has none"):
        patch_significance(convnet, [])


# --- loss ------------------------------------------------------------------------------------------------------------------------


def statistics_with(rates: list[float]) -> LabelStatistics:
    nothing = torch.full((len(rates), len(rates)), float("nan"))
    return LabelStatistics(torch.tensor(rates), nothing, nothing, count=100)


def criterion_for(rates: list[float] | None, **overrides: Any) -> nn.Module:
    with torch.device("meta"):
        model = aufait.create_model("deep-regions", au_set=(1, 12), **overrides)
    return aufait.create_criterion(model, None if rates is None else statistics_with(rates))


PROBABILITIES = torch.tensor([[0.8, 0.4], [0.1, 0.5]])
OCCURRENCE = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def test_loss_equals_numbers_worked_by_hand() -> None:
    # Skews (1 - 0.2) / 0.2 = 4 and (1 - 0.4) / 0.4 = 1.5 weigh positives alone; sum over action units, mean over two faces:
    # [4 * -ln 0.8 - ln 0.6] + [-ln 0.9 + 1.5 * -ln 0.5] = 0.892574 + 0.510826 + 0.105361 + 1.039721, halved.
    losses = criterion_for([0.2, 0.4])(AUOutput(PROBABILITIES.logit()), AULabels(OCCURRENCE))
    assert float(losses.total) == pytest.approx(1.274241, abs=1e-5)
    assert list(losses.terms) == ["occurrence"]


def test_equal_rates_give_the_plain_cross_entropy() -> None:
    logits, occurrence = torch.randn(5, 2), torch.randint(0, 2, (5, 2)).float()
    plain = F.binary_cross_entropy_with_logits(logits, occurrence, reduction="sum") / 5
    for criterion in (criterion_for([0.5, 0.5]), criterion_for(None), criterion_for([0.1, 0.3], weighted_loss=False)):
        torch.testing.assert_close(criterion(AUOutput(logits), AULabels(occurrence)).total, plain)


def test_unknown_labels_change_nothing() -> None:
    criterion = criterion_for([0.2, 0.4])
    known = torch.tensor([[True, True], [True, False]])
    output = AUOutput(PROBABILITIES.logit().requires_grad_())
    garbage = torch.where(known, OCCURRENCE, torch.tensor(9.0))
    losses = criterion(output, AULabels(garbage, known=known))
    # The three known entries of the example above: their mean, times two action units.
    assert losses.total.item() == pytest.approx((0.892574 + 0.510826 + 0.105361) / 3 * 2, abs=1e-5)
    losses.total.backward()
    assert output.logits.grad[1, 1] == 0


def test_action_unit_that_never_occurs_cannot_be_weighted() -> None:
    with pytest.raises(InputError, match=r"never show action units \[12\].*weighted_loss=False"):
        criterion_for([0.2, 0.0])
    criterion_for([0.2, 0.0], weighted_loss=False)

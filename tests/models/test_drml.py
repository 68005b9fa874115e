"""DRML: its region layer equal to 64 separate modules, sizes, initialisation and a loss worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from oracles import DRMLLoop
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from aufait.errors import InputError
from aufait.losses.labels import AULabels
from aufait.losses.statistics import LabelStatistics
from aufait.models.drml import DRML, DRMLConfig
from aufait.models.drml.criterion import multi_label_loss
from aufait.models.drml.region_layer import ChannelResponseNorm, RegionLayer
from aufait.models.outputs import AUOutput
from aufait.models.registry import create_criterion, create_model

# Few channels and units, so that many passes are quick; the layers are all there.
SMALL = {"image_size": 66, "stem_channels": 4, "channels": 8, "hidden_sizes": (64, 48)}


def small_network(**overrides) -> DRML:
    torch.manual_seed(0)
    return DRML(DRMLConfig.create((1, 6, 12), **{**SMALL, **overrides}))


def test_network_equals_the_loop_over_regions():
    model = small_network().eval()
    nn.init.normal_(model.region.norm.running_mean, std=0.1)
    images = model.example_inputs(2)["images"]
    with torch.no_grad():
        torch.testing.assert_close(model(images).logits, DRMLLoop(model)(images), atol=1e-5, rtol=1e-4)


def test_region_layer_equals_64_separate_modules():
    torch.manual_seed(1)
    layer, channels, side = RegionLayer(8, 3, "affine"), 3, 5
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    feature_map = torch.randn(2, channels, 8 * side, 8 * side)
    expected = torch.zeros_like(feature_map)
    statistics = []
    for row in range(8):
        for column in range(8):
            number = 8 * row + column
            part = slice(number * channels, (number + 1) * channels)
            norm, conv = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 3, padding=1)
            norm.load_state_dict({**norm.state_dict(), "weight": layer.norm.weight[part], "bias": layer.norm.bias[part]})
            conv.load_state_dict({"weight": layer.conv.weight[part], "bias": layer.conv.bias[part]})
            window = (slice(None), slice(None), slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side))
            region = feature_map[window]
            expected[window] = region + conv(F.relu(norm(region)))
            statistics.append(norm.running_var)
    ours = layer(feature_map)  # training mode: the statistics of each region are its own
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.norm.running_var, torch.cat(statistics))


def test_region_layer_without_convolution_is_the_identity():
    layer = RegionLayer(8, 3)
    nn.init.zeros_(layer.conv.weight)
    nn.init.zeros_(layer.conv.bias)
    feature_map = torch.randn(1, 3, 16, 16)
    assert torch.equal(layer(feature_map), feature_map)


def test_regions_do_not_see_each_other():
    layer = RegionLayer(8, 3).eval()
    feature_map = torch.randn(1, 3, 24, 24)
    changed = feature_map.clone()
    changed[..., :3, :3] += 1
    difference = (layer(changed) - layer(feature_map)).abs().sum((0, 1))
    assert (difference[:3, :3] > 0).all()
    assert difference.sum() == difference[:3, :3].sum()


@pytest.mark.parametrize("channels", [3, 8])
def test_response_norm_equals_that_of_pytorch(channels):
    feature_map = torch.randn(2, channels, 4, 5) * 50
    expected = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)(feature_map)
    torch.testing.assert_close(ChannelResponseNorm()(feature_map), expected)


@pytest.fixture(scope="module")
def full_network() -> DRML:
    return create_model("drml", "bp4d", init="pytorch").eval()


def test_regions_are_normalised_without_scale_and_shift_and_by_the_batch_if_asked():
    feature_map = torch.randn(4, 3, 24, 24) * 5 + 2
    plain, batch = RegionLayer(8, 3), RegionLayer(8, 3, "batch")
    batch.conv.load_state_dict(plain.conv.state_dict())
    assert not list(plain.norm.parameters()) and not list(batch.norm.buffers())
    torch.testing.assert_close(plain.train()(feature_map), batch.eval()(feature_map))  # the release: the same in tests
    alone = torch.cat([plain.eval()(one[None]) for one in feature_map])
    torch.testing.assert_close(plain(feature_map), alone)
    assert not torch.allclose(batch(feature_map), torch.cat([batch(one[None]) for one in feature_map]), atol=1e-2)


@torch.no_grad()
def test_fresh_logits_differ_from_face_to_face():
    torch.manual_seed(0)
    faces = torch.rand(4, 3, 66, 66)
    network = small_network().eval()
    spread = float(network(faces).logits.std(0).mean())
    network.pixel_std = 0.5  # as before: pixels in [-1, 1]
    assert spread > 10 * float(network(faces).logits.std(0).mean()) > 0


def test_intensities_are_trained_by_their_squared_error():
    network = create_model("idrml", "fera2015", **SMALL).eval()
    output = network(**network.example_inputs(2))
    torch.testing.assert_close(output.intensity, 5 * output.logits.sigmoid())
    target = torch.tensor([[0.0, 5, 1, 2, 9], [3, 0, 0, 1, 4]])
    known = torch.ones(2, 5, dtype=torch.bool)
    known[0, 4] = False
    losses = create_criterion(network)(output, AULabels(intensity=target, known=known))
    assert list(losses.terms) == ["intensity"]
    torch.testing.assert_close(losses.total, (output.intensity - target).square()[known].mean())


def test_biases_learn_at_twice_the_rate_without_decay():
    network = small_network()
    weights, biases = network.parameter_groups(0.001, 5e-4)
    assert biases["lr"] == 0.002 and biases["weight_decay"] == 0.0 and "lr" not in weights
    assert len(weights["params"]) + len(biases["params"]) == len(list(network.parameters()))
    assert {id(network.stem.bias), id(network.region.conv.bias), id(network.output.bias)} <= {id(one) for one in biases["params"]}


def test_parameters_are_those_of_the_layers(full_network):
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in full_network.named_children()}
    assert counts == {
        "stem": 3 * 121 * 32 + 32,
        "region": 64 * (32 * 32 * 9 + 32),
        "norm": 0,
        "convolutions": (32 * 64 + 16 * 64 + 16 * 36 + 16 * 25 + 4) * 16,
        "hidden": (11_664 + 1) * 4096 + (4096 + 1) * 2048,
        "dropout": 0,
        "output": (2048 + 1) * 12,
    }
    assert sum(counts.values()) == 56_863_436


@torch.no_grad()
def test_shapes_and_arithmetic(full_network):
    sizes: list[tuple[int, ...]] = []
    layers = [full_network.stem, full_network.region, full_network.norm, *list(full_network.convolutions)[::2]]
    hooks = [layer.register_forward_hook(lambda _layer, _in, out: sizes.append(tuple(out.shape[1:]))) for layer in layers]
    with FlopCounterMode(display=False) as counter:
        output = full_network(**full_network.example_inputs(1))
    for hook in hooks:
        hook.remove()
    assert sizes == [(32, 160, 160), (32, 160, 160), (32, 80, 80), (16, 73, 73), (16, 66, 66), (16, 31, 31), (16, 27, 27)]
    assert output.logits.shape == (1, 12)
    assert output.features.shape == (1, 2048)
    assert counter.get_total_flops() / 2 == pytest.approx(0.849e9, rel=0.001)


def test_caffe_initialisation_has_its_deviations_and_biases():
    torch.manual_seed(0)
    network = DRML(DRMLConfig.create((1, 2), hidden_sizes=(64, 64)))
    convolutions = list(network.convolutions)[::2]
    for layer, deviation, bias in [
        (network.stem, 0.01, 0),
        (network.region.conv, 0.01, 1),
        (network.output, 0.01, 0),
        *((layer, 0.01, 1) for layer in convolutions),
        *((layer, 0.005, 1) for layer in network.hidden),
    ]:
        assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.2)
        assert (layer.bias == bias).all()
    assert len(convolutions) == 4


@pytest.mark.parametrize("norm", ["batch_norm", "lrn"])
@pytest.mark.parametrize("init", ["caffe", "pytorch"])
def test_variants_train_all_their_parameters(norm, init):
    network = small_network(norm=norm, init=init).train()
    output = network(**network.example_inputs(4))
    labels = AULabels(occurrence=torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]]))
    create_criterion(network)(output, labels).total.backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_response_norm_network_has_no_parameters_for_it():
    assert "norm" not in {name.split(".")[0] for name, _ in small_network(norm="lrn").named_parameters()}


def test_loss_is_the_sum_over_action_units_divided_by_the_batch():
    logits = torch.tensor([[0.0, 2.0], [-1.0, 1.0]])
    occurrence = torch.tensor([[1, 0], [0, 1]])
    by_hand = math.log(2) + math.log(1 + math.exp(2)) + 2 * math.log(1 + math.exp(-1))
    assert float(multi_label_loss(logits, occurrence)) == pytest.approx(by_hand / 2)
    known = torch.tensor([[True, False], [True, True]])
    without = math.log(2) + 2 * math.log(1 + math.exp(-1))
    assert float(multi_label_loss(logits, occurrence, known)) == pytest.approx(without / 2)


def test_unknown_labels_change_nothing():
    known = torch.tensor([[True, False]])
    results = []
    for filler in (0.0, 1.0, 9.0, float("nan")):
        logits = torch.tensor([[0.5, -0.5]], requires_grad=True)
        loss = multi_label_loss(logits, torch.tensor([[1.0, filler]]), known)
        loss.backward()
        assert logits.grad[0, 1] == 0
        results.append(float(loss.detach()))
    assert len(set(results)) == 1


def test_criterion_does_not_weigh_action_units():
    network = small_network()
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 0, 1], [0, 0, 1], [0, 1, 0]]))
    output, labels = AUOutput(logits=torch.randn(2, 3)), AULabels(occurrence=torch.ones(2, 3))
    losses = create_criterion(network, statistics)(output, labels)
    assert torch.equal(losses.total, create_criterion(network)(output, labels).total)
    assert set(losses.terms) == {"occurrence"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"image_size": 176}, "multiple of 8"),
        ({"image_size": 34}, "leave a pixel"),
        ({"norm": "batchnorm"}, "batch_norm"),
        ({"init": "xavier"}, "caffe, pytorch"),
        ({"dropout": 1.0}, "dropout"),
        ({"hidden_sizes": (0, 4)}, "hidden_sizes"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        small_network(**settings)


def test_two_steps_lower_the_loss():
    network = small_network(dropout=0.0, init="pytorch").train()
    inputs = network.example_inputs(4)
    labels = AULabels(occurrence=torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]]))
    criterion = create_criterion(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    totals = []
    for _ in range(3):
        losses = criterion(network(**inputs), labels)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        totals.append(float(losses.total.detach()))
    assert totals[0] > totals[1] > totals[2]

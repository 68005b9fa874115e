"""JAA-Net against its plain-loop twin, its published size and arithmetic, and its losses by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracles import JAANetLoop
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import aufait
from aufait.errors import InputError
from aufait.layers.grouped import GroupedLinear
from aufait.losses.labels import AULabels
from aufait.losses.statistics import LabelStatistics
from aufait.models.jaa_net import JAANet, JAANetConfig, JAANetCriterion
from aufait.models.outputs import AUOutput
from aufait.models.system import _example_landmarks

UNITS = (1, 6, 12)
SMALL: dict[str, Any] = {"image_size": 64, "unit": 2}


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def small(version: int, **overrides: Any) -> JAANet:
    """A narrow network whose landmarks are on the face and to which pictures make a difference."""
    model = aufait.create_model(f"jaa-net-v{version}", UNITS, **{**SMALL, **overrides})
    assert isinstance(model, JAANet)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | GroupedLinear):
            fan_in = module.weight.shape[-1] if isinstance(module, GroupedLinear) else module.weight[0].numel()
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_in))
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    size = model.config.image_size
    with torch.no_grad():
        model.face_alignment.output.bias.copy_(_example_landmarks(1, size, torch.Generator().manual_seed(1)).flatten())
        model.face_alignment.output.weight.mul_(0.5)
    return model.eval()


def tensors(output: AUOutput) -> dict[str, Tensor]:
    found = {"logits": output.logits, "landmarks": output.landmarks, "attention_maps": output.attention_maps}
    return found | {name: value for name, value in output.extra.items() if name != "features"}


def assert_same(actual: AUOutput, expected: AUOutput, tolerance: float = 1e-4) -> None:
    mine, its = tensors(actual), tensors(expected)
    assert mine.keys() == its.keys()
    for name, value in mine.items():
        torch.testing.assert_close(value, its[name], rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("version", [1, 2])
def test_evaluation_equals_the_loop_program(version: int) -> None:
    model = small(version)
    loop = JAANetLoop(model)
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        expected = loop(images)
        fast = model(images)
    assert_same(fast, expected)
    assert_same(model(images), expected)
    assert float(fast.logits.std(0).mean()) > 1e-3  # faces differ, so that equality means something


@pytest.mark.parametrize("version", [1, 2])
def test_training_equals_the_loop_program_with_gradients(version: int) -> None:
    model = small(version).train()
    loop = JAANetLoop(model)
    images = torch.rand(3, 3, 64, 64)
    labels = AULabels(occurrence=torch.randint(0, 2, (3, 3)).float(), landmarks=_example_landmarks(3, 64, torch.Generator()))
    criterion = aufait.create_criterion(model)
    mine, its = model(images), loop(images)
    assert_same(mine, its)
    criterion(mine, labels).total.backward()
    criterion(its, labels).total.backward()
    scale = float(loop.region.stages[0].conv.weight.grad.abs().max())
    torch.testing.assert_close(
        model.region_learning.stages[0].conv.weight.grad, loop.region.stages[0].conv.weight.grad, rtol=1e-2, atol=1e-3 * scale
    )
    expected = torch.cat([branch[0].weight.grad for branch in loop.refinement.branches])
    gradient = model.adaptive_attention.refinement.hidden[0].weight.grad
    torch.testing.assert_close(gradient, expected, rtol=1e-2, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize(("version", "parameters", "gigamacs"), [(1, 22_162_854, 8.754), (2, 25_237_182, 8.757)])
def test_size_and_arithmetic_are_those_of_the_released_networks(version: int, parameters: int, gigamacs: float) -> None:
    with torch.device("meta"):
        model = aufait.create_model(f"jaa-net-v{version}").eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 176, 176, device="meta"))
    assert counter.get_total_flops() / 2 == pytest.approx(gigamacs * 1e9, rel=0.01)


def test_disfa_networks_have_the_released_size() -> None:
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in aufait.create_model(f"jaa-net-v{k}", "disfa").parameters()) for k in (1, 2)]
    shared = 1_615_392 + 2_912_098 + 603_656 + 813_312 + 6_152_720
    assert sizes == [shared + 6_506_496, shared + 8_556_048]


def test_outputs_have_the_documented_shapes() -> None:
    output = small(2)(torch.rand(2, 3, 64, 64))
    assert output.logits.shape == output.extra["local_logits"].shape == (2, 3)
    assert output.landmarks.shape == (2, 49, 2)
    assert output.attention_maps.shape == output.extra["predefined_maps"].shape == (2, 3, 16, 16)
    assert output.features.shape == (2, 64 * 2)
    assert bool(((output.attention_maps >= 0) & (output.attention_maps <= 1)).all())
    assert "local_logits" not in small(1)(torch.rand(1, 3, 64, 64)).extra


@pytest.mark.parametrize(("version", "detach", "reached"), [(1, None, True), (2, None, False), (1, True, False), (2, False, True)])
def test_the_final_classifier_reaches_the_branches_unless_detached(version: int, detach: bool | None, reached: bool) -> None:
    model = small(version, detach_local_features=detach)
    model(torch.rand(1, 3, 64, 64)).logits.sum().backward()
    gradient = model.local_detection.extractor.layers[0].weight.grad
    assert (gradient is not None and bool(gradient.abs().sum() > 0)) == reached
    assert bool(model.face_alignment.extractor.layers[0].weight.grad.abs().sum() > 0)
    assert model.region_learning.stages[0].conv.weight.grad is not None


def test_no_gradient_of_occurrence_reaches_the_coordinates() -> None:
    model = small(2)
    model(torch.rand(1, 3, 64, 64)).extra["local_logits"].sum().backward()
    assert model.face_alignment.output.weight.grad is None
    assert bool(model.adaptive_attention.refinement.output.weight.grad.abs().sum() > 0)


def test_given_landmarks_are_ignored() -> None:
    model, images = small(2), torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(model(images, torch.zeros(1, 49, 2)).logits, model(images).logits, rtol=0, atol=0)


def test_landmarks_keep_their_precision_under_autocast() -> None:
    model, images = small(2), torch.rand(1, 3, 64, 64)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        landmarks = model(images).landmarks
    assert landmarks.dtype == torch.float32
    assert float((landmarks - landmarks.round()).abs().mean()) > 0.1


@pytest.mark.parametrize(("version", "factor"), [(1, 2.0), (2, 1.0)])
def test_parameter_groups_enhance_the_refinement_of_version_1(version: int, factor: float) -> None:
    model = small(version)
    others, enhanced = model.parameter_groups(0.01, 5e-4)
    assert others["lr"] == 0.01 and enhanced["lr"] == pytest.approx(0.01 * factor)
    assert {id(p) for p in enhanced["params"]} == {id(p) for p in model.adaptive_attention.refinement.parameters()}
    assert sorted(map(id, [*others["params"], *enhanced["params"]])) == sorted(map(id, model.parameters()))
    torch.optim.SGD([others, enhanced], lr=0.01, momentum=0.9, nesterov=True)


def output_of(logits: Tensor, landmarks: Tensor, refined: float, predefined: float, local: Tensor | None) -> AUOutput:
    maps = torch.full((*logits.shape, 4, 4), refined)
    extra = {"predefined_maps": torch.full((*logits.shape, 4, 4), predefined)}
    if local is not None:
        extra["local_logits"] = local
    return AUOutput(logits=logits, landmarks=landmarks, attention_maps=maps, extra=extra)


def criterion_of(version: int, **overrides: Any) -> JAANetCriterion:
    statistics = LabelStatistics.from_labels(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))  # rates 1/2 and 1: weights 4/3 and 2/3
    return JAANetCriterion(JAANetConfig.create((1, 2), version=version, **overrides), statistics)


def test_losses_of_version_1_by_hand() -> None:
    logits, occurrence = torch.tensor([[math.log(3), 0.0]]), torch.tensor([[1.0, 0.0]])
    target = _example_landmarks(1, 176, torch.Generator())
    losses = criterion_of(1)(output_of(logits, target, 0.5, 1.0, None), AULabels(occurrence=occurrence, landmarks=target))
    assert list(losses.terms) == ["occurrence", "dice", "landmarks", "refinement"]
    cross_entropy = (4 / 3 * -math.log(3 / 4) + 2 / 3 * math.log(2)) / 2
    dice = (4 / 3 * (1 - 2.5 / (0.75**2 + 2)) + 2 / 3 * (1 - 1 / 1.25)) / 2
    assert float(losses.terms["occurrence"]) == pytest.approx(cross_entropy, rel=1e-5)
    assert float(losses.terms["dice"]) == pytest.approx(dice, rel=1e-5)
    assert float(losses.terms["landmarks"]) == 0
    assert float(losses.terms["refinement"]) == pytest.approx(2 * math.log(2), rel=1e-5)
    assert float(losses.total) == pytest.approx(cross_entropy + dice + 1e-4 * 2 * math.log(2), rel=1e-5)


def test_the_refinement_loss_may_sum_over_pixels_as_printed() -> None:
    target = _example_landmarks(1, 176, torch.Generator())
    output = output_of(torch.zeros(1, 2), target, 0.5, 1.0, None)
    labels = AULabels(occurrence=torch.zeros(1, 2), landmarks=target)
    mean, total = (criterion_of(1, refinement_sum=over)(output, labels) for over in ("mean", "sum"))
    assert output.attention_maps is not None
    pixels = output.attention_maps.shape[-1] * output.attention_maps.shape[-2]
    share = 0.0002 / 2 * mean.terms["refinement"].item()
    assert total.terms["refinement"].item() == pytest.approx(mean.terms["refinement"].item())
    assert total.total.item() - mean.total.item() == pytest.approx((pixels - 1) * share, rel=1e-3)


def test_losses_of_intensities_are_those_of_iarl_beside_landmarks_and_refinement() -> None:
    model = aufait.create_model("ijaa-net", "fera2015", unit=4, image_size=48).eval()
    inputs = model.example_inputs(2)
    output = model(inputs["images"])
    torch.testing.assert_close(output.intensity, 5 * output.logits.sigmoid())
    target = torch.tensor([[0.0, 5, 1, 2, 0], [3, 0, 0, 1, 4]])
    labels = AULabels(intensity=target, landmarks=_example_landmarks(2, 48, torch.Generator()))
    losses = aufait.create_criterion(model)(output, labels)
    assert list(losses.terms) == ["intensity", "cosine", "landmarks", "refinement"]
    error = (output.intensity - target).square().mean()
    cosine = 1 - F.cosine_similarity(output.intensity, target, dim=1).mean()
    torch.testing.assert_close(losses.terms["intensity"], error)
    torch.testing.assert_close(losses.terms["cosine"], cosine, rtol=1e-4, atol=1e-5)
    rest = 0.5 * losses.terms["landmarks"] + 1e-4 * losses.terms["refinement"]
    torch.testing.assert_close(losses.total, error + 0.5 * cosine + rest, rtol=1e-4, atol=1e-5)


def test_losses_of_version_2_by_hand() -> None:
    logits, occurrence = torch.tensor([[math.log(3), 0.0]]), torch.tensor([[1.0, 0.0]])
    target = _example_landmarks(1, 176, torch.Generator())
    located = target + 1
    local = torch.zeros(1, 2)
    losses = criterion_of(2)(output_of(logits, located, 0.5, 1.0, local), AULabels(occurrence=occurrence, landmarks=target))
    assert list(losses.terms) == ["occurrence", "dice", "landmarks", "local_occurrence", "local_dice"]
    assert float(losses.terms["local_occurrence"]) == pytest.approx(math.log(2), rel=1e-5)
    local_dice = (4 / 3 * (1 - 2 / 2.25) + 2 / 3 * (1 - 1 / 1.25)) / 2
    assert float(losses.terms["local_dice"]) == pytest.approx(local_dice, rel=1e-5)
    eyes = target[0, 19:25].mean(0) - target[0, 25:31].mean(0)
    landmarks = 98 / (2 * float(eyes.square().sum()))
    assert float(losses.terms["landmarks"]) == pytest.approx(landmarks, rel=1e-4)
    others = sum(float(losses.terms[name]) for name in ("occurrence", "dice", "local_occurrence", "local_dice"))
    assert float(losses.total) == pytest.approx(others + 0.5 * landmarks, rel=1e-5)


def test_losses_equal_the_released_formula_over_two_classes() -> None:
    scores, occurrence = torch.randn(5, 2, 2), torch.randint(0, 2, (5, 2)).float()
    target = _example_landmarks(5, 176, torch.Generator())
    criterion = criterion_of(2, dice="batch_release")
    logits = scores[:, 1] - scores[:, 0]
    terms = criterion(output_of(logits, target, 0.5, 1, logits), AULabels(occurrence=occurrence, landmarks=target)).terms
    log_probability, weight = scores.log_softmax(1), (4 / 3, 2 / 3)
    softmax = sum(weight[k] * F.nll_loss(log_probability[:, :, k], occurrence[:, k].long()) for k in range(2)) / 2
    dice = 0.0
    for k in range(2):
        p, t = log_probability[:, 1, k].exp(), occurrence[:, k]
        dice += weight[k] * (1 - (2 * float(p @ t) + 1) / (float(p @ p) + float(t @ t) + 1) / 5) / 2
    assert float(terms["occurrence"]) == pytest.approx(float(softmax), rel=1e-4)
    assert float(terms["dice"]) == pytest.approx(dice, rel=1e-4)


@pytest.mark.parametrize("version", [1, 2])
def test_unknown_labels_leave_no_trace(version: int) -> None:
    criterion = criterion_of(version)
    local = torch.randn(2, 2) if version == 2 else None
    target = _example_landmarks(2, 176, torch.Generator())
    output = output_of(torch.randn(2, 2), target + 1, 0.5, 0.5, local)
    known, faces = torch.tensor([[True, False], [True, True]]), torch.tensor([True, False])
    occurrence = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    totals = []
    for filler in (0.0, 9.0, float("nan")):
        labels = AULabels(
            occurrence=torch.where(known, occurrence, filler),
            known=known,
            landmarks=torch.where(faces[:, None, None], target, filler),
            landmarks_known=faces,
        )
        totals.append(float(criterion(output, labels).total))
    assert totals[1:] == totals[:1] * 2 and math.isfinite(totals[0])


def test_criterion_asks_for_landmarks() -> None:
    model = small(2)
    with pytest.raises(InputError, match=r"JAA-Net needs labels\.landmarks"):
        aufait.create_criterion(model)(model(torch.rand(1, 3, 64, 64)), AULabels(occurrence=torch.zeros(1, 3)))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"version": 3}, "version must be one of 1, 2"),
        ({"dice": "batch"}, "dice must be one of"),
        ({"image_size": 170}, "multiple of 16"),
        ({"image_size": 16}, "at least 32"),
        ({"landmark_weight": -1.0}, "at least 0"),
        ({"landmarks_weight": 1.0}, "did you mean"),
    ],
)
def test_settings_that_cannot_be_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        JAANetConfig.create(UNITS, **overrides)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_whole_network_may_have_another_precision(dtype: torch.dtype) -> None:
    model = aufait.create_model("jaa-net-v2", (1, 12), image_size=96).to(dtype).eval()
    with torch.no_grad():
        output = model(torch.rand(1, 3, 96, 96, dtype=dtype))
    assert output.logits.isfinite().all()

"""ARL: parity with the paper's counts, the plain loop over action units, the random field against loops, losses by hand."""

from __future__ import annotations

import itertools
import math
import time
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import aufait
from aufait.errors import InputError
from aufait.losses.labels import AULabels
from aufait.losses.statistics import LabelStatistics
from aufait.models.arl import ARL, ARLConfig, ARLCriterion, intensity_statistics
from aufait.models.arl.pixel_relation import (
    STEP_VALUES,
    PixelRelation,
    attention_filter,
    bilateral_filter,
    kernel_sum,
)
from aufait.models.outputs import AUOutput
from aufait.models.registry import create_criterion, create_model, list_models
from aufait.models.transfer import transfer

ABLATIONS = ("b-net", "w-net", "wc-net", "wcs-net", "arl")
INTENSITY = ("ib-net", "iw-net", "iwc-net", "iwcs-net", "iwcsp-net", "iarl")
SMALL = {"image_size": 32, "unit": 2}


# --- counts of the released definition ---------------------------------------------------------------------------------


def test_arl_with_twelve_action_units_has_the_parameters_of_the_released_definition() -> None:
    model = create_model("arl")
    assert sum(p.numel() for p in model.parameters()) == 4_000_968
    assert sum(p.numel() for p in model.region_learning.parameters()) == 1_615_392


def test_each_further_action_unit_adds_one_branch() -> None:
    counts = [sum(p.numel() for p in create_model("arl", au_set=units).parameters()) for units in ((1,), (1, 2))]
    assert counts[1] - counts[0] == 198_798


def test_multiply_accumulates_without_the_field_are_those_of_the_released_definition() -> None:
    model = create_model("arl", crf=False).eval().to("meta")
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 176, 176, device="meta"))
    assert counter.get_total_flops() / 2 == pytest.approx(5.06e9, rel=0.01)


# --- the plain loop over action units ----------------------------------------------------------------------------------


class LoopBranch(nn.Module):
    """One action unit's branch, step by step with ordinary layers."""

    def __init__(self, channels: int, pixel_channels: int, config: ARLConfig) -> None:
        super().__init__()
        self.config = config

        def conv(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 3, padding=1)

        self.conv1, self.norm1 = conv(channels, channels), nn.BatchNorm2d(channels)
        self.conv2, self.norm2 = conv(channels, channels), nn.BatchNorm2d(channels)
        self.conv3, self.norm3 = conv(channels, channels), nn.BatchNorm2d(channels)
        self.conv4, self.norm4 = conv(channels, channels), nn.BatchNorm2d(channels)
        self.conv5, self.out = conv(channels, channels), nn.Linear(channels, 1)
        if config.channel_attention:
            self.gate = nn.Linear(channels, channels)
        if config.spatial_attention:
            self.conv_pixel, self.norm_pixel = conv(channels, pixel_channels), nn.BatchNorm2d(pixel_channels)
            self.conv_attention = conv(pixel_channels, 1)
        if config.crf:
            self.matrices = nn.ParameterList(torch.empty(2, 2) for _ in range(3))

    def forward(self, shared: Tensor) -> tuple[Tensor, Tensor | None]:
        f1 = F.relu(self.norm1(self.conv1(shared)))
        f2 = self.conv2(f1)
        if self.config.channel_attention:
            f2 = f2 * self.gate(f1.mean((2, 3))).sigmoid()[:, :, None, None]
        f3 = F.relu(self.norm3(self.conv3(F.relu(self.norm2(f2)))))
        f4, attention = self.conv4(f3), None
        if self.config.spatial_attention:
            pixels = self.norm_pixel(self.conv_pixel(f3)).tanh()
            score = self.conv_attention(pixels)
            attention = score.sigmoid()
            if self.config.crf:
                attention = loop_field(score[:, 0], pixels, self.config, *self.matrices)[:, None]
            f4 = f4 * attention
        pooled = self.conv5(F.relu(self.norm4(f4))).mean((2, 3))
        return self.out(pooled)[:, 0], attention


def loop_field(
    score: Tensor, pixels: Tensor, config: ARLConfig, spatial_weight: Tensor, bilateral_weight: Tensor, compatibility: Tensor
) -> Tensor:
    """Mean-field inference with two labels and whole kernels, one face after the other: (B, H, W) -> P(attended)."""
    height, width = score.shape[1:]
    position = torch.tensor(list(itertools.product(range(height), range(width))), dtype=score.dtype)
    apart = torch.cdist(position, position).square()
    faces = []
    for one_score, one_pixels in zip(score, pixels.detach(), strict=True):
        feature = one_pixels.flatten(1).T
        differs = (feature[:, None] - feature[None]).square().sum(-1)
        k_bilateral = (-apart / (2 * config.crf_alpha**2) - differs / (2 * config.crf_beta**2)).exp()
        k_spatial = (-apart / (2 * config.crf_gamma**2)).exp()
        unary = torch.stack([-one_score.flatten(), torch.zeros(height * width, dtype=score.dtype)])
        labels = unary
        for _ in range(config.crf_iterations):
            q = labels.softmax(0)
            s = q @ k_spatial.T / k_spatial.sum(1)
            b = q @ k_bilateral.T / k_bilateral.sum(1)
            labels = unary - compatibility @ (spatial_weight @ s + bilateral_weight @ b)
        faces.append(labels.softmax(0)[1].reshape(height, width))
    return torch.stack(faces)


def loop_branches(model: ARL) -> list[LoopBranch]:
    """One branch per action unit with that unit's share of the weights."""
    config, count = model.config, len(model.action_units)
    branches = []
    for unit in range(count):
        branch = LoopBranch(config.channels, 2 * config.unit, config)
        pairs: list[tuple[nn.Module, nn.Module]] = [
            (branch.conv1, model.first.conv), (branch.norm1, model.first.norm),
            (branch.conv2, model.second.conv), (branch.norm2, model.second.norm),
            (branch.conv3, model.third.conv), (branch.norm3, model.third.norm),
            (branch.conv4, model.fourth.conv), (branch.norm4, model.fourth.norm),
            (branch.conv5, model.last),
        ]  # fmt: skip
        if config.spatial_attention:
            spatial = model.spatial_attention
            pairs += [(branch.conv_pixel, spatial.features), (branch.norm_pixel, spatial.norm)]
            pairs += [(branch.conv_attention, spatial.attention)]
        for mine, theirs in pairs:
            for name, value in [*mine.named_parameters(), *mine.named_buffers()]:
                if value.ndim:
                    whole = theirs.get_parameter(name) if name in ("weight", "bias") else theirs.get_buffer(name)
                    value.data.copy_(whole.data.chunk(count)[unit])
        linears = [(branch.out, model.classifier)] + ([(branch.gate, model.second.gate)] if config.channel_attention else [])
        for linear, grouped in linears:
            linear.weight.data.copy_(grouped.weight.data[unit])
            linear.bias.data.copy_(grouped.bias.data[unit])
        if config.crf:
            field = model.pixel_relation
            for mine_matrix, matrix in zip(
                branch.matrices, (field.spatial_weight, field.bilateral_weight, field.compatibility), strict=True
            ):
                mine_matrix.data.copy_(matrix.data[unit])
        branches.append(branch.train(model.training))
    return branches


def scatter(model: nn.Module, seed: int = 0) -> nn.Module:
    """Replace the tiny fresh weights by ones under which every part of the network matters."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
        elif isinstance(module, PixelRelation):
            for parameter in module.parameters():
                parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
        elif isinstance(getattr(module, "weight", None), nn.Parameter):
            fan_in = module.weight[0].numel() if isinstance(module, nn.Conv2d) else module.weight.shape[-1]
            module.weight.data.copy_(torch.randn(module.weight.shape, generator=generator) * fan_in**-0.5)
    return model


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", ABLATIONS)
def test_all_branches_at_once_equal_one_branch_after_the_other(name: str, mode: str) -> None:
    model = scatter(create_model(name, au_set=(1, 4, 12), **SMALL)).train(mode == "train")
    images = model.example_inputs(2)["images"]
    branches = loop_branches(model)
    with torch.no_grad():
        shared = model.region_learning(model.prepare(images)[0])
        expected = [branch(shared) for branch in branches]
        output = model(images)
    torch.testing.assert_close(output.logits, torch.stack([logit for logit, _ in expected], 1), rtol=1e-5, atol=1e-5)
    if output.attention_maps is None:
        assert expected[0][1] is None
    else:
        maps = torch.cat([attention for _, attention in expected if attention is not None], 1)
        torch.testing.assert_close(output.attention_maps, maps, rtol=1e-5, atol=1e-5)


def test_pixels_become_differences_from_128_in_blue_green_red_order() -> None:
    model = create_model("b-net", au_set=(1,), **SMALL)
    images = torch.zeros(1, 3, 32, 32)
    images[:, 0], images[:, 2] = 1.0, 128 / 255
    prepared, _ = model.prepare(images)
    torch.testing.assert_close(prepared[0, :, 0, 0], torch.tensor([0.0, -1.0, 127 / 128]))


def test_fresh_weights_are_gaussian_and_biases_zero() -> None:
    model = create_model("arl", au_set=(1, 2))
    assert model.third.conv.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert model.second.gate.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert model.region_learning.stages[0].branches[0].conv.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not any(p.any() for name, p in model.named_parameters() if name.endswith("bias"))


# --- the random field --------------------------------------------------------------------------------------------------


def field_and_inputs(
    action_units: int = 3, size: tuple[int, int] = (7, 9), dtype: torch.dtype = torch.float64, **settings: object
) -> tuple[PixelRelation, Tensor, Tensor]:
    torch.manual_seed(3)
    field = PixelRelation(action_units, **settings).to(dtype)  # type: ignore[arg-type]
    unary = torch.randn(2, action_units, *size, dtype=dtype, requires_grad=True)
    features = torch.randn(2, action_units, 5, *size, dtype=dtype).tanh().requires_grad_()
    return field, unary, features


def perturb(field: PixelRelation) -> None:
    generator = torch.Generator().manual_seed(5)
    for parameter in field.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(parameter.dtype)


def refined_and_gradients(field: PixelRelation, unary: Tensor, features: Tensor) -> list[Tensor]:
    refined = field(unary, features).sigmoid()
    score = (refined * torch.linspace(-1, 2, refined.numel(), dtype=refined.dtype).view_as(refined)).sum()
    return [refined, *torch.autograd.grad(score, [unary, *field.parameters()])]


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_both_backends_give_the_same_attention_and_gradients(scale: float, chunk: int) -> None:
    field, unary, features = field_and_inputs(alpha=20 * scale, beta=1.5 * scale, gamma=2.0)
    perturb(field)
    dense = PixelRelation(3, alpha=20 * scale, beta=1.5 * scale, gamma=2.0, backend="dense", chunk=chunk).double()
    dense.load_state_dict(field.state_dict())
    for ours, reference in zip(
        refined_and_gradients(field, unary, features), refined_and_gradients(dense, unary, features), strict=True
    ):
        torch.testing.assert_close(ours, reference, rtol=1e-9, atol=1e-10)


def test_both_backends_agree_in_single_precision_on_a_full_map() -> None:
    field, unary, features = field_and_inputs(1, (44, 44), torch.float32)
    dense = PixelRelation(1, backend="dense")
    for ours, reference in zip(
        refined_and_gradients(field, unary[:1], features[:1]), refined_and_gradients(dense, unary[:1], features[:1]), strict=True
    ):
        ours, reference = ours.detach(), reference.detach()
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4 * reference.abs().max().item())


def test_attention_kernel_and_strips_are_the_same_filter_with_the_same_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aufait.models.arl.pixel_relation.STRIP", 10)  # 37 leaves an incomplete strip
    torch.manual_seed(0)
    points = torch.randn(6, 37, 6, dtype=torch.float64)
    values = torch.rand(6, 37, dtype=torch.float64, requires_grad=True)
    slope = torch.randn_like(values)
    both = (attention_filter(points, values), bilateral_filter(points)(values))
    kernel = (-torch.cdist(points, points).square() / 2).exp()
    expected = (kernel @ values[..., None])[..., 0] / kernel.sum(-1)
    gradients = [torch.autograd.grad((filtered * slope).sum(), values, retain_graph=True)[0] for filtered in (*both, expected)]
    for filtered, gradient in zip(both, gradients, strict=False):
        torch.testing.assert_close(filtered, expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradient, gradients[2], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(kernel_sum(points, values[:, None])[:, 0], (kernel @ values[..., None])[..., 0])


@pytest.mark.parametrize("backend", ["attention", "dense"])
def test_one_iteration_equals_loops_over_pixels(backend: str) -> None:
    field, unary, features = field_and_inputs(1, (2, 3), alpha=4.0, beta=1.2, gamma=1.5, iterations=2, backend=backend)
    perturb(field)
    weights = [p[0].tolist() for p in (field.spatial_weight, field.bilateral_weight, field.compatibility)]
    refined = field(unary, features).sigmoid()[0, 0].flatten().tolist()
    score = unary[0, 0].flatten().tolist()
    feature = features[0, 0].flatten(1).T.tolist()
    assert refined == pytest.approx(loops_over_pixels(score, feature, weights, width=3, iterations=2), abs=1e-9)


def loops_over_pixels(
    score: list[float], feature: list[list[float]], weights: list[list[list[float]]], width: int, iterations: int
) -> list[float]:
    w_spatial, w_bilateral, compatibility = weights
    pixels, two = range(len(score)), range(2)

    def kernels(j: int, k: int) -> tuple[float, float]:
        apart = (j // width - k // width) ** 2 + (j % width - k % width) ** 2
        differs = sum((x - y) ** 2 for x, y in zip(feature[j], feature[k], strict=True))
        return math.exp(-apart / (2 * 1.5**2)), math.exp(-apart / (2 * 4.0**2) - differs / (2 * 1.2**2))

    unary = [[-s, 0.0] for s in score]
    labels = unary
    for _ in range(iterations):
        q = [[math.exp(row[y]) / sum(map(math.exp, row)) for y in two] for row in labels]
        labels = []
        for j in pixels:
            filtered = []
            for kernel in two:
                norm = sum(kernels(j, k)[kernel] for k in pixels)
                filtered.append([sum(kernels(j, k)[kernel] * q[k][y] for k in pixels) / norm for y in two])
            message = [sum(w_spatial[y][z] * filtered[0][z] + w_bilateral[y][z] * filtered[1][z] for z in two) for y in two]
            labels.append([unary[j][y] - sum(compatibility[y][z] * message[z] for z in two) for y in two])
    return [math.exp(row[1]) / sum(map(math.exp, row)) for row in labels]


@pytest.mark.parametrize("backend", ["attention", "dense"])
def test_without_kernel_weights_the_attention_is_the_unary(backend: str) -> None:
    field, unary, features = field_and_inputs(backend=backend, bilateral_weight=0.0, spatial_weight=0.0)
    torch.testing.assert_close(field(unary, features).sigmoid(), unary.sigmoid())


def test_nominal_weights_give_the_recursion_of_one_number_per_pixel() -> None:
    field, unary, features = field_and_inputs(1, (6, 6))
    similar = bilateral_filter(field._points(features).flatten(0, 1))
    row = (-(torch.arange(6.0, dtype=torch.float64)[:, None] - torch.arange(6)).square() / 18).exp()
    row = row / row.sum(1, keepdim=True)
    attended = unary.sigmoid()
    for _ in range(5):
        smooth = row @ attended @ row.T
        attended = (unary + 6 * smooth + 10 * similar(attended.flatten(1)).view_as(attended) - 8).sigmoid()
    torch.testing.assert_close(field(unary, features).sigmoid(), attended, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("backend", ["attention", "dense"])
def test_a_single_pixel_only_talks_to_itself(backend: str) -> None:
    field, _, features = field_and_inputs(1, (1, 1), backend=backend)
    attended = 1 / (1 + math.exp(-0.4))
    for _ in range(5):
        attended = 1 / (1 + math.exp(-(0.4 + 16 * attended - 8)))
    refined = field(torch.full((2, 1, 1, 1), 0.4, dtype=torch.float64), features).sigmoid()
    assert refined.flatten().tolist() == pytest.approx([attended] * 2, abs=1e-12)


@pytest.mark.parametrize("backend", ["attention", "dense"])
def test_gradient_reaches_unary_and_weights_but_not_the_kernel_features(backend: str) -> None:
    field, unary, features = field_and_inputs(2, (3, 4), backend=backend, iterations=3)
    field(unary, features).sigmoid().square().sum().backward()
    assert features.grad is None
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in [unary, *field.parameters()])
    assert torch.autograd.gradcheck(lambda u: field(u, features).sigmoid(), (unary,), fast_mode=True)


def test_released_float_start_is_the_upper_half_of_the_doubles() -> None:
    field = PixelRelation(2, init="released_float")
    assert field.spatial_weight.tolist() == [[[0.0, 2.125], [0.0, 0.0]]] * 2
    assert field.bilateral_weight.tolist() == [[[0.0, 2.3125], [0.0, 0.0]]] * 2
    paper = PixelRelation(1)
    assert paper.spatial_weight.tolist() == [[[3.0, 0.0], [0.0, 3.0]]]
    assert paper.bilateral_weight.tolist() == [[[5.0, 0.0], [0.0, 5.0]]]
    assert paper.compatibility.tolist() == [[[-1.0, 0.0], [0.0, -1.0]]]


def test_expected_energy_equals_loops_over_pairs() -> None:
    field, unary, features = field_and_inputs(2, (3, 3), alpha=5.0, beta=1.2, gamma=1.5)
    refined = field(unary, features)
    energy = field.expected_energy(unary, refined, features)
    for face, unit in itertools.product(range(2), range(2)):
        prior, q = (x[face, unit].flatten().sigmoid().tolist() for x in (unary, refined))
        feature = features[face, unit].flatten(1).T.tolist()
        expected = sum(-q[j] * math.log(prior[j]) - (1 - q[j]) * math.log(1 - prior[j]) for j in range(9))
        for j, k in itertools.combinations(range(9), 2):
            apart = (j // 3 - k // 3) ** 2 + (j % 3 - k % 3) ** 2
            differs = sum((x - y) ** 2 for x, y in zip(feature[j], feature[k], strict=True))
            weight = 5 * math.exp(-apart / 50 - differs / (2 * 1.2**2)) + 3 * math.exp(-apart / (2 * 1.5**2))
            expected += weight * (q[j] * (1 - q[k]) + (1 - q[j]) * q[k])
        assert energy[face, unit].item() == pytest.approx(expected / 9, rel=1e-9)
    assert torch.autograd.gradcheck(lambda u: field.expected_energy(u, u, features), (unary,), fast_mode=True)


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor):
                self.elements = max(self.elements, value.numel())
        return result


@pytest.mark.parametrize("filtering", ["strips", "kept", "fused"])
def test_attention_backend_never_holds_a_kernel_of_pixels_by_pixels(filtering: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if filtering == "fused":
        monkeypatch.setattr("aufait.models.arl.pixel_relation.bilateral_filter", lambda points: partial(attention_filter, points))
    field, unary, features = field_and_inputs(1, (44, 44), torch.float32, iterations=1)
    with LargestTensor() as seen, torch.set_grad_enabled(filtering != "kept"):
        refined = field(unary, features)
        if refined.requires_grad:
            refined.sum().backward()
    assert seen.elements <= STEP_VALUES < 1936 * 1936


@pytest.mark.parametrize("gradient", [False, True])
def test_work_space_does_not_grow_with_the_kernel(gradient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aufait.models.arl.pixel_relation.STEP_VALUES", 200_000)  # so that a map of 40 x 40 counts as large
    field, unary, features = field_and_inputs(1, (40, 40), torch.float32, iterations=1)
    with LargestTensor() as seen, torch.set_grad_enabled(gradient):
        field(unary, features)
    assert seen.elements <= 200_000 < 40**4 / 10


def test_keeping_the_kernel_over_the_iterations_changes_nothing() -> None:
    field, unary, features = field_and_inputs(3, (24, 25))  # 600 pixels: two strips, several maps in one step
    with torch.no_grad():
        kept = field(unary, features)
    torch.testing.assert_close(kept, field(unary, features), rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_attention_backend_is_no_slower_than_dense_on_two_threads() -> None:
    torch.manual_seed(0)
    unary, features = torch.randn(8, 12, 44, 44), torch.randn(8, 12, 16, 44, 44).tanh()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        times = {backend: median_time(PixelRelation(12, backend=backend), unary, features) for backend in ("attention", "dense")}
    finally:
        torch.set_num_threads(threads)
    assert times["attention"] <= times["dense"], times


def median_time(field: PixelRelation, unary: Tensor, features: Tensor) -> float:
    times = []
    with torch.no_grad():
        field(unary[:1], features[:1])
        for _ in range(5):
            start = time.perf_counter()
            field(unary, features)
            times.append(time.perf_counter() - start)
    return sorted(times)[2]


def test_half_precision_contexts_leave_the_field_in_single_precision() -> None:
    field, unary, features = field_and_inputs(1, (6, 6), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = field(unary.bfloat16(), features.bfloat16())
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, field(unary.bfloat16().float(), features.bfloat16().float()))


# --- the system --------------------------------------------------------------------------------------------------------


def test_every_row_of_the_ablation_table_is_a_name() -> None:
    assert set(ABLATIONS + INTENSITY + ("parl",)) <= set(list_models())
    rows = {"b": (0, 0, 0, 0), "w": (1, 0, 0, 0), "wc": (1, 1, 0, 0), "wcs": (1, 1, 1, 0)}
    for row, switches in rows.items():
        for prefix, task in (("", "occurrence"), ("i", "intensity")):
            config = create_model(f"{prefix}{row}-net", au_set=(1,), **SMALL).config
            assert (config.weighted, config.channel_attention, config.spatial_attention, config.crf) == switches
            assert config.task == task
    last = [create_model(name, au_set=(1,), **SMALL).config for name in ("iwcsp-net", "iarl")]
    assert [config.lambda_cos for config in last] == [0.0, 0.5]
    assert all(config.crf and config.task == "intensity" for config in last)


def test_intensity_is_five_times_the_probability() -> None:
    model = scatter(create_model("iarl", au_set="fera2015", **SMALL)).eval()
    output = model(**model.example_inputs(2))
    assert output.intensity is not None
    torch.testing.assert_close(output.intensity, 5 * output.logits.sigmoid())
    assert create_model("arl", au_set=(1,), **SMALL).eval()(**model.example_inputs(1)).intensity is None


def test_output_holds_attention_before_and_after_the_field() -> None:
    model = scatter(create_model("arl", au_set=(1, 2), **SMALL)).eval()
    output = model(**model.example_inputs(2))
    assert output.features is not None and output.features.shape == (2, 2, 16)
    assert output.attention_maps is not None and output.attention_maps.shape == (2, 2, 8, 8)
    assert set(output.extra) == {"channel_attention", "initial_attention"}
    assert output.extra["channel_attention"].shape == (2, 2, 16)
    assert not torch.equal(output.extra["initial_attention"], output.attention_maps)
    plain = create_model("b-net", au_set=(1, 2), **SMALL).eval()(**model.example_inputs(2))
    assert plain.attention_maps is None and not plain.extra


def test_exported_program_takes_any_batch_and_gives_the_same_prediction() -> None:
    model = scatter(create_model("arl", au_set=(1, 2), **SMALL)).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(model, (model.example_inputs(2)["images"],), dynamic_shapes=({0: batch},))
    images = model.example_inputs(3, seed=1)["images"]
    with torch.no_grad():
        exported, eager = program.module()(images), model(images)
    torch.testing.assert_close(exported.logits, eager.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(exported.attention_maps, eager.attention_maps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"task": "presence"}, "task must be one of"),
        ({"crf_backend": "lattice"}, "crf_backend must be one of"),
        ({"image_size": 100}, "multiple of 16"),
        ({"spatial_attention": False}, "needs spatial_attention"),
        ({"crf": False, "crf_energy_weight": 1.0}, "needs crf=True"),
        ({"crf_beta": 0.0}, "must be positive"),
        ({"norm_momentum": 0.0}, "norm_momentum"),
        ({"crf_iteration": 3}, "did you mean 'crf_iterations'"),
    ],
)
def test_settings_that_cannot_be_are_refused(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_model("arl", **overrides)


def test_parameter_groups_hold_each_parameter_once_with_the_released_rates() -> None:
    model = create_model("arl", au_set=(1, 2), **SMALL)
    groups = {group["name"]: group for group in model.parameter_groups(0.006, 5e-4)}
    rates = {name: (group["lr"], group["weight_decay"]) for name, group in groups.items()}
    assert rates == {
        "weights": (0.006, 5e-4),
        "biases": (0.012, 0.0),
        "crf_kernels": (pytest.approx(6e-5), 5e-4),
        "crf_compatibility": (pytest.approx(6e-6), 5e-4),
    }
    members = [parameter for group in groups.values() for parameter in group["params"]]
    assert sorted(map(id, members)) == sorted(map(id, model.parameters()))
    field = model.pixel_relation
    assert [id(p) for p in groups["crf_kernels"]["params"]] == [id(field.spatial_weight), id(field.bilateral_weight)]
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    weights, biases = ({id(p) for p in groups[name]["params"]} for name in ("weights", "biases"))
    assert norms and all({id(norm.weight), id(norm.bias)} <= weights for norm in norms), "as the released program's Scale layers"
    assert {id(model.classifier.bias), id(model.last.bias)} <= biases
    torch.optim.SGD(model.parameter_groups(0.006, 5e-4), lr=0.006, momentum=0.9, nesterov=True)
    assert [g["name"] for g in create_model("b-net", au_set=(1,), **SMALL).parameter_groups(0.1, 0.0)] == ["weights", "biases"]


def test_branches_for_disfa_start_from_those_of_bp4d() -> None:
    source = scatter(create_model("arl", au_set="bp4d", **SMALL)).eval()
    target = create_model("arl", au_set="disfa", **SMALL).eval()
    assert transfer(target, source).branches == {1: 1, 2: 2, 4: 4, 6: 6, 9: 10, 12: 12, 25: 23, 26: 24}
    images = source.example_inputs(1)["images"]
    with torch.no_grad():
        expected, got = source(images).logits, target(images).logits
    columns = [source.action_units.index(unit) for unit in (1, 2, 4, 6, 10, 12, 23, 24)]
    torch.testing.assert_close(got, expected[:, columns], rtol=1e-5, atol=1e-5)


def test_action_units_without_a_branch_to_start_from_stay_fresh() -> None:
    source, target = scatter(create_model("arl", au_set=(1, 2), **SMALL)), create_model("arl", au_set=(5, 2), **SMALL)
    before = target.third.conv.weight.detach().clone()
    assert transfer(target, source).branches == {2: 2}
    half = len(before) // 2
    assert torch.equal(target.third.conv.weight[:half], before[:half])
    assert torch.equal(target.third.conv.weight[half:], source.third.conv.weight[half:])
    with pytest.raises(InputError, match="same switches and sizes"):
        transfer(create_model("b-net", au_set=(1, 2), **SMALL), source)


def test_shapes_can_be_asked_for_without_memory() -> None:
    model = create_model("arl", au_set=(1, 2), crf_energy_weight=1.0).eval().to("meta")
    output = model(torch.empty(3, 3, 176, 176, device="meta"))
    assert output.logits.shape == (3, 2) and output.attention_maps.shape == (3, 2, 44, 44)


# --- losses ------------------------------------------------------------------------------------------------------------


def criterion(
    name: str, units: tuple[int, ...] = (1, 2), statistics: LabelStatistics | None = None, **overrides: object
) -> ARLCriterion:
    model = create_model(name, au_set=units, **SMALL, **overrides)
    made = create_criterion(model, statistics)
    assert isinstance(made, ARLCriterion)
    return made


def test_detection_loss_is_the_weighted_cross_entropy_over_known_labels() -> None:
    # Rates 1/2 and 1/4 give weights 2/3 and 4/3.
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 0], [0, 0], [1, 1], [0, 0]]))
    logits = torch.tensor([[0.0, math.log(3)], [5.0, 0.0]])
    known = torch.tensor([[True, True], [False, True]])
    labels = AULabels(occurrence=torch.tensor([[1.0, 0.0], [9.0, 1.0]]), known=known)
    entries = [2 / 3 * math.log(2), 4 / 3 * math.log(4), 4 / 3 * math.log(2)]
    losses = criterion("arl", statistics=statistics)(AUOutput(logits=logits), labels)
    assert losses.total.item() == pytest.approx(sum(entries) / 3, rel=1e-6)
    assert set(losses.terms) == {"occurrence"}
    unweighted = criterion("b-net", statistics=statistics)(AUOutput(logits=logits), labels)
    assert unweighted.total.item() == pytest.approx((math.log(2) + math.log(4) + math.log(2)) / 3, rel=1e-6)


def test_intensity_loss_is_squared_error_plus_half_the_cosine_distance() -> None:
    intensity = torch.tensor([[3.0, 4.0], [1.0, 2.0]])
    labels = AULabels(intensity=torch.tensor([[4.0, 3.0], [0.0, 0.0]]))
    output = AUOutput(logits=torch.zeros(2, 2), intensity=intensity)
    squared, cosine = (1 + 1 + 1 + 4) / 4, ((1 - 24 / 25) + 1) / 2
    losses = criterion("iarl")(output, labels)
    assert {name: value.item() for name, value in losses.terms.items()} == pytest.approx({"intensity": squared, "cosine": cosine})
    assert losses.total.item() == pytest.approx(squared + 0.5 * cosine)
    assert criterion("iwcsp-net")(output, labels).terms.keys() == {"intensity"}
    halved = criterion("iarl", half_squared_error=True)(output, labels)
    assert halved.total.item() == pytest.approx(0.5 * squared + 0.5 * cosine)
    assert halved.terms["intensity"].item() == pytest.approx(squared)
    without_empty = criterion("iarl", cosine_keep_empty=False)(output, labels)
    assert without_empty.terms["cosine"].item() == pytest.approx(1 - 24 / 25, abs=1e-6)


def test_released_gradient_weighs_by_the_root_and_leaves_the_value() -> None:
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 0], [0, 0], [1, 1], [0, 0]]))  # weights 2/3 and 4/3
    target = AULabels(intensity=torch.tensor([[4.0, 3.0], [0.0, 0.0]]))
    found = {}
    for weighting in ("paper", "released_gradient"):
        guess = torch.tensor([[3.0, 4.0], [1.0, 2.0]], requires_grad=True)
        made = criterion("iwcsp-net", statistics=statistics, intensity_weighting=weighting)
        loss = made(AUOutput(logits=torch.zeros(2, 2), intensity=guess), target).total
        loss.backward()
        found[weighting] = (loss.item(), guess.grad)
    residual, weight = torch.tensor([[-1.0, 1.0], [1.0, 2.0]]), torch.tensor([2 / 3, 4 / 3])
    assert found["paper"][0] == pytest.approx((residual.square() * weight).mean().item()) == found["released_gradient"][0]
    torch.testing.assert_close(found["paper"][1], 2 * residual * weight / 4)
    torch.testing.assert_close(found["released_gradient"][1], 2 * residual * weight.sqrt() / 4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_papers_start_of_the_field_makes_many_maps_uniform_and_the_released_one_none(seed: int) -> None:
    share = {}
    for start in ("paper", "released_float"):
        torch.manual_seed(seed)
        model = create_model("arl", au_set="disfa", unit=4, image_size=96, crf_init=start).train()
        output = model(**model.example_inputs(8))
        share[start] = create_criterion(model)(output, AULabels(occurrence=torch.zeros(8, 8))).figures["uniform_maps"].item()
    assert share["released_float"] == 0 and share["paper"] > 0.2, share


def test_recipes_start_the_field_as_the_released_program_does() -> None:
    from aufait.training.recipe import load_recipe

    for name in ("arl_bp4d", "arl_disfa", "iarl_disfa", "iarl_fera2015", "parl_fera2017"):
        assert load_recipe(name).model_settings["crf_init"] == "released_float", name
    assert load_recipe("iarl_disfa").model_settings["intensity_weighting"] == "released_gradient"


def test_unknown_intensity_changes_nothing_whatever_it_holds() -> None:
    output = AUOutput(logits=torch.zeros(1, 3), intensity=torch.tensor([[3.0, 4.0, 2.0]]))
    known = torch.tensor([[True, True, False]])
    totals = [
        criterion("iarl", (1, 2, 4))(output, AULabels(intensity=torch.tensor([[4.0, 3.0, value]]), known=known)).total.item()
        for value in (0.0, 9.0, float("nan"))
    ]
    assert totals == pytest.approx([1 + 0.5 * (1 - 24 / 25)] * 3, rel=1e-5)


def test_intensities_of_three_and_more_count_as_occurrence_in_the_weights() -> None:
    statistics = intensity_statistics(
        torch.tensor([[3.0, 2.0], [0.0, 4.0], [5.0, 9.0], [1.0, 9.0]]), torch.tensor([[True, True]] * 2 + [[True, False]] * 2)
    )
    assert statistics.occurrence_rate.tolist() == [0.5, 0.5]


def test_energy_switch_adds_the_sum_over_action_units() -> None:
    model = scatter(create_model("arl", au_set=(1, 2), crf_energy_weight=0.25, **SMALL)).eval()
    output = model(**model.example_inputs(2))
    energy = output.extra["crf_energy"]
    assert energy.shape == (2, 2)
    losses = create_criterion(model)(output, AULabels(occurrence=torch.tensor([[1.0, 0.0], [0.0, 1.0]])))
    assert losses.terms["crf_energy"].item() == pytest.approx(energy.sum(1).mean().item())
    expected = losses.terms["occurrence"] + 0.25 * losses.terms["crf_energy"]
    torch.testing.assert_close(losses.total, expected)


def test_gradient_of_the_loss_reaches_every_parameter() -> None:
    model = scatter(create_model("iarl", au_set=(1, 2), crf_energy_weight=0.1, **SMALL)).eval()
    labels = AULabels(intensity=torch.tensor([[1.0, 0.0], [4.0, 5.0]]))
    create_criterion(model)(model(**model.example_inputs(2)), labels).total.backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not missing


def test_missing_labels_are_named() -> None:
    with pytest.raises(InputError, match=r"labels\.intensity"):
        criterion("iarl")(AUOutput(logits=torch.zeros(1, 2), intensity=torch.zeros(1, 2)), AULabels(occurrence=torch.zeros(1, 2)))


def test_public_entry_points_make_the_system() -> None:
    assert isinstance(aufait.create_model("parl", au_set="fera2017", **SMALL), ARL)

"""AUNet and its ablations: layers written out, limiting cases, label VAE, worked losses, streams and alignments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import draw_landmarks
from safetensors.torch import save_file
from stream_timing import time_stream
from torch import Tensor, nn

import aufait
from aufait.alignment import apply_transform, box_transform, detector_boxes, similarity_from_points
from aufait.errors import InputError, MissingModelError
from aufait.landmarks import five_points
from aufait.losses.labels import AULabels
from aufait.losses.statistics import LabelStatistics
from aufait.models.aunet import (
    AUNet,
    AUNetCriterion,
    AUNetStream,
    LabelVAE,
    TrackAligner,
    fit_label_vae,
    load_label_vae,
    mirrored_logits,
    neighbour_alignment,
    save_label_vae,
    track_alignment,
    track_reference,
)
from aufait.models.aunet.head import StaticHead
from aufait.models.aunet.label_vae import vae_loss
from aufait.models.aunet.temporal_difference import DifferenceHead
from aufait.models.fan import FaceAligner, FANConfig
from aufait.models.outputs import AUOutput
from aufait.models.profile import profile_model
from aufait.models.transfer import transfer

AU_SET = (1, 4, 12)
SIZE = 64
INTERVAL = 2


def small(name: str, **overrides: object) -> AUNet:
    torch.manual_seed(0)
    model = aufait.create_model(name, AU_SET, image_size=SIZE, **overrides).eval()
    assert isinstance(model, AUNet)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d) and part.running_mean is not None and part.running_var is not None:
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    return model


@pytest.fixture(scope="module")
def temporal() -> AUNet:
    return small("au-tdn")


@pytest.fixture(scope="module")
def static() -> AUNet:
    return small("au-fan")


@pytest.fixture(scope="module")
def video() -> Tensor:
    return torch.rand(7, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def by_threes(temporal: AUNet, video: Tensor) -> Tensor:
    """Logits (7, 3) from three frames each; neighbours that do not exist are the frame itself."""
    count = len(video)
    rows = [
        (t, t - INTERVAL if t >= INTERVAL else t, t + INTERVAL if t + INTERVAL < count else t) for t in range(count)
    ]
    with torch.no_grad():
        return temporal(torch.stack([video[list(row)] for row in rows])).logits


# ---------------------------------------------------------------------------------------------------------------------
# Network
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "trainable", "gmac"),
    [("au-fan", 13_963_668, 1_857_164, 16.935), ("au-vae", 13_963_668, 1_857_164, 16.935),
     ("au-tdn", 14_763_540, 2_657_036, 45.600), ("aunet", 14_763_540, 2_657_036, 45.600)],
)  # fmt: skip
def test_sizes_are_those_of_the_paper(name: str, parameters: int, trainable: int, gmac: float) -> None:
    with torch.device("meta"):
        model = aufait.create_model(name)
    profile = profile_model(model)
    assert (profile.parameters, profile.trainable) == (parameters, trainable)
    assert profile.macs / 1e9 == pytest.approx(gmac, rel=0.01)


@pytest.mark.parametrize(
    ("head", "entries", "order"),
    [(StaticHead, 83, ["conv1x1", "ConvNet", "predictor"]),
     (DifferenceHead, 103, ["conv1x1", "ConvNet_1", "ConvNet_diff", "ConvNet_2", "predictor", "conv1x1_diff"])],
)  # fmt: skip
def test_heads_have_the_released_order(head: type[StaticHead | DifferenceHead], entries: int, order: list[str]) -> None:
    with torch.device("meta"):
        names = list(head(12).state_dict())
    parts = list(dict.fromkeys(name.split(".")[0] for name in names))
    assert len(names) == entries
    assert [head.RELEASED_NAMES[part] for part in parts] == order


def test_combined_feature_is_low_level_and_two_weighted_maps(static: AUNet) -> None:
    images = torch.rand(2, 3, SIZE, SIZE)
    output = static.extractor.fan(images)
    features, attention = static.extractor(images)
    mask = output.heat_maps[1].sum(1, keepdim=True)
    expected = torch.cat((output.low_level, mask * output.stacks[0], mask * output.stacks[1]), 1)
    assert features.shape == (2, 768, SIZE // 4, SIZE // 4)
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(attention, mask, atol=1e-4, rtol=1e-4)


def test_static_head_equals_its_layers_written_out(static: AUNet) -> None:
    features = torch.rand(2, 768, 16, 16)
    head = static.head
    assert isinstance(head, StaticHead)
    x = F.conv2d(features, head.project.weight, head.project.bias)
    for k in (0, 2, 4, 6):
        x = F.max_pool2d(head.stages[k](x), 2)
    linear, norm, _, output = head.classifier
    hidden = F.relu(norm(linear(F.avg_pool2d(x, x.shape[-1]).flatten(1))))
    logits, got = head(features)
    torch.testing.assert_close(logits, output(hidden), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(got, hidden, atol=1e-5, rtol=1e-5)


def test_difference_head_equals_subtracting_before_halving(temporal: AUNet) -> None:
    head = temporal.head
    assert isinstance(head, DifferenceHead)
    now, earlier, later = torch.rand(3, 2, 768, 16, 16)

    def double(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)

    # The released program's order: differences at full size, then their mean over 2x2 pixels.
    difference = head.project_difference(F.avg_pool2d(torch.cat((now - earlier, later - now), 1), 2))
    x = 0.9 * head.project(now) + 0.1 * double(difference)
    x = F.max_pool2d(head.first_stage[0](x), 2)
    x = 0.9 * x + 0.1 * double(F.max_pool2d(head.difference_stage[0](difference), 2))
    for k in (0, 2, 4):
        x = F.max_pool2d(head.last_stages[k](x), 2)
    torch.testing.assert_close(head(now, earlier, later)[0], head.classifier(x)[0], atol=1e-5, rtol=1e-5)


def test_without_difference_au_tdn_is_au_fan(static: AUNet) -> None:
    head = DifferenceHead(3, alpha=1.0, beta=0.0).eval()
    plain = StaticHead(3).eval()
    weights = head.state_dict()
    renamed = {}
    for name, value in weights.items():
        part, rest = name.split(".", 1)
        if part in ("project", "classifier"):
            renamed[name] = value
        elif part == "first_stage":
            renamed[f"stages.{rest}"] = value
        elif part == "last_stages":
            index, rest = rest.split(".", 1)
            renamed[f"stages.{int(index) + 2}.{rest}"] = value
    plain.load_state_dict(renamed)
    now, earlier, later = torch.rand(3, 1, 768, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(head(now, earlier, later)[0], plain(now)[0], atol=1e-6, rtol=1e-6)


def test_frames_are_current_earlier_later(temporal: AUNet, video: Tensor, by_threes: Tensor) -> None:
    current, earlier, later = (temporal.extractor(video[t : t + 1])[0] for t in (2, 0, 4))
    with torch.no_grad():
        expected = temporal.head(current, earlier, later)[0]
        swapped = temporal.head(current, later, earlier)[0]
    torch.testing.assert_close(by_threes[2:3], expected, atol=1e-5, rtol=1e-5)
    assert (swapped - expected).abs().max() > 1e-4


def test_alignment_network_stays_as_it_is_in_training() -> None:
    model = small("au-fan").train()
    assert model.head.training and not any(part.training for part in model.extractor.modules())
    before = {name: value.clone() for name, value in model.extractor.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    head = model.head.project.weight.clone()
    model(torch.rand(2, 3, SIZE, SIZE)).logits.square().sum().backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in model.extractor.state_dict().items())
    assert all(value.grad is None for value in model.extractor.parameters())
    assert not torch.equal(model.head.project.weight, head)


def test_weights_of_an_aligner_are_taken_over_if_they_fit(static: AUNet) -> None:
    torch.manual_seed(9)
    model = small("au-fan")
    aligner = FaceAligner(FANConfig(image_size=256))
    model.use_aligner(aligner)
    assert torch.equal(model.extractor.fan.conv1.weight, aligner.fan.conv1.weight)
    with pytest.raises(InputError, match="2 stacks, 68 points and max-pooling, got 2, 68 and avg"):
        model.use_aligner(FaceAligner(FANConfig(pool="avg")))


def test_training_can_start_from_other_action_units(temporal: AUNet, video: Tensor) -> None:
    torch.manual_seed(7)
    model = aufait.create_model("au-tdn", (12, 2, 1), image_size=SIZE).eval()
    assert isinstance(model, AUNet)
    fresh = model.head.classifier[3].weight[1].clone()
    assert tuple(transfer(model, temporal).branches) == (12, 1)
    images = video[:3][None]
    with torch.no_grad():
        got, expected = model(images).logits[0], temporal(images).logits[0]
    torch.testing.assert_close(got[[0, 2]], expected[[2, 0]])
    assert torch.equal(model.head.classifier[3].weight[1], fresh)
    with pytest.raises(InputError, match="same switches and sizes"):
        transfer(model, small("au-fan"))


def test_mirrored_logits_are_the_mean_of_both_and_the_same_for_the_mirror_image(temporal: AUNet, video: Tensor) -> None:
    images = torch.stack((video[:3], video[3:6]))
    with torch.no_grad():
        expected = (temporal(images).logits + temporal(images.flip(-1)).logits) / 2
        got, mirrored = mirrored_logits(temporal, images), mirrored_logits(temporal, images.flip(-1))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(got, mirrored, atol=1e-5, rtol=1e-5)


def test_settings_out_of_range_are_explained() -> None:
    for settings, word in (
        ({"image_size": 96}, "multiple of 64"),
        ({"fan_pool": "mean"}, "max, avg"),
        ({"vae_loss": "papers"}, "did you mean 'paper'"),
        ({"align_space": "space"}, "latent, label"),
        ({"interval": 0}, "at least 1"),
        ({"vae_latent": 0}, "at least 1"),
    ):
        with pytest.raises(InputError, match=word):
            aufait.create_model("aunet", AU_SET, **settings)


# ---------------------------------------------------------------------------------------------------------------------
# Label VAE
# ---------------------------------------------------------------------------------------------------------------------


def paired_labels(count: int = 600) -> Tensor:
    """AU1 and AU2 always together, AU4 independent of them."""
    generator = torch.Generator().manual_seed(6)
    first, other = (torch.rand(2, count, generator=generator) < torch.tensor([[0.3], [0.5]])).float()
    return torch.stack((first, first, other), dim=1)


@pytest.fixture(scope="module")
def vae() -> LabelVAE:
    return fit_label_vae(paired_labels(), action_units=(1, 2, 4), latent_size=8, kl_weight=0.1, epochs=60, learning_rate=1e-2)


def test_vae_loss_is_cross_entropy_plus_weighted_divergence() -> None:
    logits, labels = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    mean, log_variance = torch.tensor([[1.0]]), torch.tensor([[0.0]])
    reconstruction = np.log(2) + np.log(1 + np.e**2)
    assert vae_loss(logits, labels, mean, log_variance, 0.3).item() == pytest.approx(reconstruction + 0.3 * 0.5, rel=1e-5)
    assert vae_loss(logits, labels, 0 * mean, log_variance, 0.3).item() == pytest.approx(reconstruction, rel=1e-5)


def test_vae_learns_which_labels_go_together(vae: LabelVAE) -> None:
    corrupted = torch.tensor([[1.0, 0.6, 0.0], [0.0, 0.3, 1.0]])
    with torch.no_grad():
        probability = vae(corrupted)[0].sigmoid()
    assert (probability[0, :2] > 0.8).all() and (probability[1, :2] < 0.2).all()
    assert probability[0, 2] < 0.2 and probability[1, 2] > 0.8


def test_fitting_is_repeatable_and_leaves_the_random_state_alone() -> None:
    labels = paired_labels(64)
    state = torch.random.get_rng_state()
    first, again, other = (fit_label_vae(labels, epochs=2, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.encoder.weight, again.encoder.weight)
    assert not torch.equal(first.encoder.weight, other.encoder.weight)
    assert not first.training and not any(p.requires_grad for p in first.parameters())


def test_fitting_leaves_out_faces_with_unknown_labels() -> None:
    labels = paired_labels(64)
    known = torch.ones_like(labels, dtype=torch.bool)
    known[10:] = torch.tensor([True, False, True])
    wild = labels.where(known, torch.tensor(9.0))
    some = fit_label_vae(wild, known, epochs=2)
    assert torch.equal(some.output.weight, fit_label_vae(labels[:10], epochs=2).output.weight)


def test_latent_sizes_are_the_papers() -> None:
    for name, columns, size in (("bp4d", 12, 8), ("disfa", 8, 6), ("affwild2", 8, 5), ("fera2015", 5, 8)):
        assert fit_label_vae(torch.zeros(2, columns), action_units=name, epochs=0).latent_size == size


def test_vae_has_the_released_sizes_and_order() -> None:
    vae = LabelVAE(12, 8)
    assert sum(p.numel() for p in vae.parameters()) == 428
    parts = list(dict.fromkeys(name.split(".")[0] for name in vae.state_dict()))
    assert [LabelVAE.RELEASED_NAMES[part] for part in parts] == ["fc1", "fc21", "fc22", "fc3", "fc4"]


def test_vae_survives_a_file(vae: LabelVAE, tmp_path: Path) -> None:
    loaded = load_label_vae(save_label_vae(vae, tmp_path / "vae.safetensors", notes={"fold": 1}))
    assert (loaded.numbers, loaded.latent_size, loaded.training) == ((1, 2, 4), 8, False)
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), vae.parameters(), strict=True))
    with pytest.raises(MissingModelError, match="fit_label_vae"):
        load_label_vae(tmp_path / "absent.safetensors")
    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="does not hold a label VAE"):
        load_label_vae(tmp_path / "other.safetensors")


def test_labels_that_cannot_be_learnt_are_explained() -> None:
    for labels, known, word in (
        (torch.zeros(3), None, r"labels \(N, A\)"),
        (torch.full((2, 3), 9.0), None, "must be 0 or 1"),
        (torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool), "at least one face"),
        (torch.zeros(2, 3), torch.zeros(2, 2, dtype=torch.bool), "shape of the labels"),
    ):
        with pytest.raises(InputError, match=word):
            fit_label_vae(labels, known)
    with pytest.raises(InputError, match="was given the numbers"):
        fit_label_vae(torch.zeros(2, 3), action_units=(1, 2))


# ---------------------------------------------------------------------------------------------------------------------
# Criterion
# ---------------------------------------------------------------------------------------------------------------------


def plain_vae(numbers: tuple[int, ...] | None = None, count: int = 3) -> LabelVAE:
    """Mean = the labels; log-variance = twice the labels, hence spread = exp(label)."""
    vae = LabelVAE(count, count, numbers)
    with torch.no_grad():
        for layer, factor in ((vae.encoder, 1.0), (vae.mean, 1.0), (vae.log_variance, 2.0), (vae.decoder, 1.0), (vae.output, 1.0)):
            layer.weight.copy_(factor * torch.eye(count))
            layer.bias.zero_()
    return vae


def criterion_for(vae: object, **overrides: object) -> AUNetCriterion:
    with torch.device("meta"):
        model = aufait.create_model("au-vae", AU_SET, image_size=SIZE, **overrides)
    criterion = aufait.create_criterion(model, vae=vae)
    assert isinstance(criterion, AUNetCriterion)
    return criterion


LOGITS = torch.tensor([[0.0, 2.0, -1.0], [1.0, -3.0, 0.5]])
LABELS = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("space", ["latent", "label"])
@pytest.mark.parametrize("spread", ["paper", "released"])
def test_consistency_equals_the_worked_example(space: str, spread: str) -> None:
    losses = criterion_for(plain_vae(), align_space=space, vae_loss=spread)(AUOutput(logits=LOGITS), AULabels(occurrence=LABELS))
    p = 1 / (1 + np.exp(-LOGITS.double().numpy()))
    y = LABELS.double().numpy()
    if space == "label":
        expected = np.mean((1 / (1 + np.exp(-p)) - 1 / (1 + np.exp(-y))) ** 2)
    else:
        expected = np.mean((p - y) ** 2) + (np.mean(np.exp(p)) if spread == "released" else np.mean((np.exp(p) - np.exp(y)) ** 2))
    assert losses.terms["consistency"].item() == pytest.approx(expected, rel=1e-5)
    cross_entropy = np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)))
    assert losses.terms["occurrence"].item() == pytest.approx(cross_entropy, rel=1e-5)
    assert losses.total.item() == pytest.approx(cross_entropy + expected, rel=1e-5)


def test_consistency_is_computed_in_double_precision_where_all_is_double() -> None:
    double = criterion_for(plain_vae(), vae_loss="released").double()
    single = criterion_for(plain_vae(), vae_loss="released")
    p, y = 1 / (1 + np.exp(-LOGITS.double().numpy())), LABELS.double().numpy()
    exact = np.mean((p - y) ** 2) + np.mean(np.exp(p))
    found = double(AUOutput(logits=LOGITS.double()), AULabels(occurrence=LABELS.double())).terms["consistency"]
    assert found.dtype == torch.float64 and abs(found.item() - exact) < 1e-12
    half = single(AUOutput(logits=LOGITS.bfloat16()), AULabels(occurrence=LABELS)).terms["consistency"]
    assert half.dtype == torch.float32 and half.item() == pytest.approx(exact, rel=0.02)


def test_a_label_vae_from_a_file_takes_the_place_of_training_one(tmp_path: Path) -> None:
    from aufait.models.aunet.label_vae_fitting import label_vaes
    from aufait.models.training_labels import TrainingLabels

    given = plain_vae((1, 2, 4))
    path = save_label_vae(given, tmp_path / "disfa.safetensors")
    units, ones = given.numbers, np.ones((4, 3), np.int8)
    settings = {"file": str(tmp_path / "{dataset}.safetensors"), "epochs": 1}
    labels = TrainingLabels(
        units, ones, ones.astype(bool), np.zeros(4, int), ("disfa",), ("p",), settings=settings, seed=0, folder=None, writes=False
    )
    found = label_vaes(labels)
    assert isinstance(found, LabelVAE)
    assert all(torch.equal(value, given.state_dict()[name]) for name, value in found.state_dict().items())
    other = replace(labels, action_units=tuple(unit + 1 for unit in units))
    with pytest.raises(InputError, match="covers AUs"):
        label_vaes(other)
    assert path.is_file()


def test_perfect_predictions_are_consistent(vae: LabelVAE) -> None:
    certain = (LABELS * 2 - 1) * 50
    for space in ("latent", "label"):
        losses = criterion_for(plain_vae(), align_space=space)(AUOutput(logits=certain), AULabels(occurrence=LABELS))
        assert losses.total.item() == pytest.approx(0, abs=1e-6)


def test_gamma_weighs_the_consistency_and_zero_gives_au_fan() -> None:
    output, labels = AUOutput(logits=LOGITS), AULabels(occurrence=LABELS)
    plain = criterion_for(None, use_vae=False)(output, labels)
    none, half = (criterion_for(plain_vae(), consistency_weight=gamma)(output, labels) for gamma in (0.0, 0.5))
    assert set(plain.terms) == {"occurrence"}
    torch.testing.assert_close(none.total, plain.total)
    torch.testing.assert_close(half.total, plain.total + 0.5 * half.terms["consistency"])


def test_rare_action_units_weigh_more() -> None:
    statistics = LabelStatistics.from_labels(torch.tensor([[1.0, 1.0, 0.0]] * 3 + [[0.0, 1.0, 1.0]]))
    with torch.device("meta"):
        model = aufait.create_model("au-fan", AU_SET, image_size=SIZE)
    criterion = aufait.create_criterion(model, statistics)
    inverse = 1 / np.array([0.75, 1.0, 0.25])
    weights = 3 * inverse / inverse.sum()
    entries = F.binary_cross_entropy_with_logits(LOGITS, LABELS, reduction="none").numpy()
    got = criterion(AUOutput(logits=LOGITS), AULabels(occurrence=LABELS)).total.item()
    assert got == pytest.approx((entries * weights).mean(), rel=1e-5)


def test_each_data_set_is_judged_by_its_own_vae_on_its_own_action_units() -> None:
    first, second = plain_vae((12, 1), 2), plain_vae((4,), 1)
    labels = AULabels(occurrence=LABELS, dataset=torch.tensor([5, 7]))
    got = criterion_for({5: first, 7: second})(AUOutput(logits=LOGITS), labels).terms["consistency"].item()
    p, y = LOGITS.sigmoid(), LABELS
    distance = (p - y).square() + (p.exp() - y.exp()).square()
    expected = (distance[0, [0, 2]].mean() + distance[1, 1]) / 2
    assert got == pytest.approx(expected.item(), rel=1e-5)
    # A data set without a VAE adds nothing; a face without a known label of its data set neither.
    known = torch.tensor([[False, True, False], [True, True, True]])
    masked = AULabels(occurrence=LABELS, known=known, dataset=labels.dataset)
    only = criterion_for({5: first, 7: second})(AUOutput(logits=LOGITS), masked).terms["consistency"].item()
    assert only == pytest.approx(distance[1, 1].item(), rel=1e-5)
    with pytest.raises(InputError, match=r"labels\.dataset"):
        criterion_for({5: first})(AUOutput(logits=LOGITS), AULabels(occurrence=LABELS))


def test_unknown_labels_change_nothing_and_get_no_gradient() -> None:
    known = torch.tensor([[True, False, True], [True, True, True]])
    logits = LOGITS.clone().requires_grad_()
    criterion = criterion_for(plain_vae())
    losses = criterion(AUOutput(logits=logits), AULabels(occurrence=LABELS.where(known, torch.tensor(9.0)), known=known))
    losses.total.backward()
    assert logits.grad is not None and logits.grad[0, 1] == 0 and (logits.grad[known] != 0).all()
    moved = LOGITS.where(known, torch.tensor(5.0))
    other = criterion(AUOutput(logits=moved), AULabels(occurrence=LABELS, known=known))
    torch.testing.assert_close(other.total, losses.total.detach())
    assert all(p.grad is None and not p.requires_grad for p in criterion.vaes.parameters())


def test_a_missing_or_unfit_vae_is_explained() -> None:
    with pytest.raises(InputError, match="fit_label_vae"):
        criterion_for(None)
    with pytest.raises(InputError, match="without saying which"):
        criterion_for(LabelVAE(2, 2))
    with pytest.raises(InputError, match=r"AUs \[2\]"):
        criterion_for(LabelVAE(2, 2, (1, 2)))
    with pytest.raises(InputError, match="vae_latent 8, got 2"):
        criterion_for(LabelVAE(3, 2), vae_latent=8)


# ---------------------------------------------------------------------------------------------------------------------
# Stream
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("micro_batch", "chunks"), [(1, [1] * 7), (3, [2, 5])])
def test_stream_equals_three_passes_per_frame(
    temporal: AUNet, video: Tensor, by_threes: Tensor, micro_batch: int, chunks: list[int]
) -> None:
    stream = AUNetStream(temporal, interval=INTERVAL, micro_batch=micro_batch)
    rows, kept = [], []
    for frames in video.split(chunks):
        rows.append(stream.push(frames if len(frames) > 1 else frames[0]).logits)
        kept.append(stream.cached_frames)
    assert sum(map(len, rows)) == len(video) - INTERVAL  # T frames late
    rows.append(stream.finish().logits)
    torch.testing.assert_close(torch.cat(rows), by_threes, atol=1e-5, rtol=1e-5)
    assert max(kept) <= 2 * INTERVAL + micro_batch
    assert 3 * len(video) / stream.fan_passes >= 2.5  # three passes per frame without a stream


def test_stream_keeps_no_more_than_it_needs(temporal: AUNet, video: Tensor) -> None:
    stream = AUNetStream(temporal, interval=1)
    for frame in video:
        stream.push(frame)
    assert stream.cached_frames == 2 and len(stream._static) == len(stream._attention) == 1


def test_tracks_shorter_than_the_interval_and_a_second_track(temporal: AUNet, video: Tensor, by_threes: Tensor) -> None:
    stream = AUNetStream(temporal, interval=INTERVAL)
    assert stream.finish().logits.shape == (0, 3)
    with torch.no_grad():
        alone = temporal(video[:1, None].expand(-1, 3, -1, -1, -1)).logits
    assert stream.push(video[0]).logits.shape == (0, 3)
    torch.testing.assert_close(stream.finish().logits, alone, atol=1e-5, rtol=1e-5)
    rows = [stream.push(video).logits, stream.finish().logits]
    torch.testing.assert_close(torch.cat(rows), by_threes, atol=1e-5, rtol=1e-5)


def test_half_precision_memory_changes_logits_little(temporal: AUNet, video: Tensor, by_threes: Tensor) -> None:
    stream = AUNetStream(temporal, interval=INTERVAL, cache_dtype=torch.float16)
    got = torch.cat((stream.push(video).logits, stream.finish().logits))
    assert 0 < (got - by_threes).abs().max() < 1e-2 * by_threes.abs().max()


def test_wrong_streams_are_explained(temporal: AUNet, static: AUNet, video: Tensor) -> None:
    with pytest.raises(InputError, match="three frames"):
        AUNetStream(static)
    with pytest.raises(InputError, match=r"model\.eval\(\)"):
        AUNetStream(small("au-tdn").train())
    with pytest.raises(InputError, match="at least 1"):
        AUNetStream(temporal, interval=0)
    stream = AUNetStream(temporal)
    with pytest.raises(InputError, match=r"\(3, 64, 64\) or \(N, 3, 64, 64\), got \(1, 3, 3, 64, 64\)"):
        stream.push(video[None, :3])
    with pytest.raises(InputError, match="divide 8-bit pixels by 255"):
        stream.push(video[0] * 255)


def test_timing_counts_passes_and_compares_logits(temporal: AUNet) -> None:
    timing = time_stream(temporal, frames=2)
    assert (timing.fan_passes, timing.fan_passes_without) == (1, 3)
    assert timing.largest_difference < 1e-5 and timing.speedup > 0


@pytest.mark.slow
def test_a_stream_is_twice_as_fast_as_three_passes() -> None:
    torch.manual_seed(0)
    model = aufait.create_model("aunet").eval()
    assert isinstance(model, AUNet)
    assert max(time_stream(model, frames=5).speedup for _ in range(3)) >= 2  # the best of three: others share the machine


# ---------------------------------------------------------------------------------------------------------------------
# Alignment
# ---------------------------------------------------------------------------------------------------------------------


def track(count: int = 8, *, rigid: bool) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks and boxes of a face that moves, and unless ``rigid`` turns, grows and twitches."""
    rng = np.random.default_rng(0)
    faces = []
    for t in range(count):
        roll, scale = (0.0, 1.0) if rigid else (3.0 * t, 1 + 0.02 * t)
        points = draw_landmarks((120 + 4 * t, 110 + 3 * t), scale, roll)
        faces.append(points + (0 if rigid else rng.normal(0, 0.5, points.shape)))
    landmarks = np.stack(faces).astype(np.float64)
    return landmarks, np.concatenate([landmarks.min(1), landmarks.max(1)], axis=1)


def test_neighbours_are_brought_onto_the_current_frame() -> None:
    landmarks, boxes = track(rigid=False)
    matrices, frames = neighbour_alignment(landmarks, boxes, interval=3)
    assert matrices.shape == (8, 3, 2, 3)
    assert frames[0].tolist() == [0, 0, 3] and frames[4].tolist() == [4, 1, 7] and frames[6].tolist() == [6, 3, 6]
    five = five_points(landmarks, "subnasale")
    now, earlier = (apply_transform(matrices[:, k], five[frames[:, k]]) for k in (0, 1))
    own = apply_transform(box_transform(boxes[frames[:, 1]]), five[frames[:, 1]])
    assert np.abs(now - earlier)[3:].mean() < 0.25 * np.abs(now - own)[3:].mean()
    np.testing.assert_allclose(matrices[:, 0], box_transform(boxes))
    np.testing.assert_allclose(matrices[:3, 1], matrices[:3, 0], atol=1e-9)  # no earlier frame: the current one


def test_boxes_are_made_from_the_landmarks_as_where_faces_are_prepared() -> None:
    from aufait.inputs.alignments import get_alignment

    landmarks, boxes = track(rigid=False)
    own = detector_boxes(landmarks)
    matrices, _ = neighbour_alignment(landmarks, interval=3)
    np.testing.assert_allclose(matrices[:, 0], box_transform(own))
    prepared = get_alignment("aunet")
    context = (prepared.side - prepared.window) / 2
    np.testing.assert_allclose(prepared.transforms(landmarks)[:, :, 2] - context, matrices[:, 0, :, 2], atol=1e-6)
    np.testing.assert_allclose(track_alignment(landmarks), track_alignment(landmarks, own))
    np.testing.assert_allclose(TrackAligner().transform(landmarks[0]), TrackAligner().transform(landmarks[0], own[0]))
    # A box that ends at the brows, as finders give them, crops less of the face and lower.
    small = neighbour_alignment(landmarks, boxes, interval=3)[0][:, 0]
    assert (np.linalg.norm(small[:, 0, :2], axis=-1) > 1.1 * np.linalg.norm(matrices[:, 0, 0, :2], axis=-1)).all()


def test_the_third_point_may_be_the_tip_of_the_nose() -> None:
    landmarks, _ = track(rigid=False)
    for nose in ("subnasale", "nose_tip"):
        matrices, frames = neighbour_alignment(landmarks, interval=3, nose=nose)
        five = five_points(landmarks, nose)
        expected = similarity_from_points(five[frames[:, 1]], apply_transform(matrices[:, 0], five))
        np.testing.assert_allclose(matrices[:, 1], expected)
    tip = neighbour_alignment(landmarks, interval=3, nose="nose_tip")[0]
    assert np.abs(tip - neighbour_alignment(landmarks, interval=3)[0])[3:, 1].max() > 1e-4
    assert aufait.create_model("au-tdn", image_size=64, nose="nose_tip").neighbour_nose == "nose_tip"


def test_both_alignments_agree_on_a_face_that_only_moves() -> None:
    landmarks, boxes = track(rigid=True)
    matrices, frames = neighbour_alignment(landmarks, boxes, interval=2)
    np.testing.assert_allclose(track_alignment(landmarks, boxes)[frames], matrices, atol=1e-4)
    aligner = TrackAligner()
    live = np.stack([aligner.transform(points, box) for points, box in zip(landmarks, boxes, strict=True)])
    np.testing.assert_allclose(live, matrices[:, 0], atol=1e-4)


def test_a_track_is_brought_to_one_reference() -> None:
    landmarks, boxes = track(rigid=False)
    five = five_points(landmarks, "subnasale")
    reference = track_reference(landmarks, boxes)
    placed = apply_transform(track_alignment(landmarks, boxes), five)
    assert np.abs(placed - reference).max() < 3  # what a similarity transform leaves of half a pixel of noise, enlarged
    np.testing.assert_allclose(placed.mean((0, 1)), reference.mean(0), atol=1e-6)
    shifted = track_alignment(landmarks, boxes, reference=reference + 5)
    np.testing.assert_allclose(apply_transform(shifted, five), placed + 5, atol=1e-6)


def test_wrong_tracks_are_explained() -> None:
    landmarks, boxes = track(rigid=True)
    with pytest.raises(InputError, match="of the same frames"):
        neighbour_alignment(landmarks, boxes[:3])
    with pytest.raises(InputError, match=r"five points \(5, 2\)"):
        track_alignment(landmarks, boxes, reference=np.zeros((4, 2)))
    with pytest.raises(InputError, match="at least 1 frame"):
        TrackAligner(memory=0)

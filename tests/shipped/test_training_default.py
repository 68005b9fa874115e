"""Training of the default AU model on crops made up here: it learns, resumes, calibrates and reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aufait.errors import InputError, OutputError
from aufait.models.default.network import AUNetwork, AUNetworkConfig
from aufait.models.default.predictor import AUPredictor
from aufait.shipped.action_units import train as module
from aufait.shipped.action_units.augment import AugmentConfig, augment
from aufait.shipped.action_units.branch_targets import Targets, from_intensities, target_loss
from aufait.shipped.action_units.calibration import (
    REFERENCE_RATE,
    base_rate_weights,
    calibrate_on_labels,
    fit_calibration,
    left_out_scores,
    midway,
    quiet_at_rest,
    shown_by,
)
from aufait.shipped.action_units.crops import CropSet
from aufait.shipped.action_units.distillation import DistillationConfig, held_targets, softened_word, word_loss
from aufait.shipped.action_units.report import evaluate, model_card
from aufait.shipped.action_units.train import RealCrops, TrainConfig, positive_weights

UNITS = (1, 12)
NETWORK = AUNetworkConfig(action_units=UNITS, widths=(4, 8, 8, 8), blocks=(1, 1, 1), reduced=4, hidden=16)
CONFIG = TrainConfig(epochs=3, batch=16, network=NETWORK, augmentation=AugmentConfig(noise=0.0, occluded=0.0))


def made_up_crops(count: int = 96, seed: int = 0) -> CropSet:
    """A bright bar on the forehead means AU1, one on the mouth for AU12; bar length is the intensity."""
    rng = np.random.default_rng(seed)
    crops = rng.integers(90, 110, (count, 3, 128, 128)).astype(np.uint8)
    intensity = np.where(rng.random((count, 2)) < 0.5, rng.uniform(2, 5, (count, 2)), 0.0).astype(np.float32)
    for row, (brow, mouth) in enumerate(intensity):
        crops[row, :, 30:38, 64 - int(8 * brow) : 64 + int(8 * brow)] = 250
        crops[row, :, 95:103, 64 - int(8 * mouth) : 64 + int(8 * mouth)] = 250
    return CropSet(
        crops=crops,
        intensity=np.repeat(intensity[..., None], 2, axis=2),
        known=np.ones((count, 2, 2), bool),
        identity=np.arange(count) // 3,
        yaw=np.zeros(count, np.float32),
        skin_tone=np.linspace(0, 7, count, dtype=np.float32),
        age=np.linspace(18, 80, count, dtype=np.float32),
        is_man=np.arange(count) % 2 == 0,
    )


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> CropSet:
    crops = made_up_crops()
    monkeypatch.setattr(module, "load_all_crops", lambda *args, **kwargs: crops)
    return crops


def test_training_lowers_the_loss_and_writes_everything(made_up: CropSet, tmp_path: Path) -> None:
    lines: list[str] = []
    weights = module.train_default(tmp_path, ["data"], config=replace(CONFIG, epochs=8), report=lines.append)
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in lines if line.startswith("epoch")]
    assert losses[-1] < 0.85 * losses[0]
    model = AUPredictor.load(weights)
    assert model.action_units == UNITS
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics["units"]) == {"AU1", "AU12"}
    card = (tmp_path / "model_card.md").read_text()
    assert "synthetic" in card.lower()
    assert model.sha256 in card


def test_interrupted_training_ends_with_the_same_weights(made_up: CropSet, tmp_path: Path) -> None:
    whole = module.train_default(tmp_path / "whole", ["data"], config=CONFIG)

    class Stop(Exception):
        pass

    def interrupt(line: str) -> None:
        if line.startswith("epoch 2"):
            raise Stop

    with pytest.raises(Stop):
        module.train_default(tmp_path / "parts", ["data"], config=CONFIG, report=interrupt)
    lines: list[str] = []
    parts = module.train_default(tmp_path / "parts", ["data"], config=CONFIG, report=lines.append)
    assert any("continuing after epoch 2" in line for line in lines)
    assert AUPredictor.load(whole).sha256 == AUPredictor.load(parts).sha256


def test_a_folder_of_another_recipe_is_refused(made_up: CropSet, tmp_path: Path) -> None:
    module._claim(tmp_path, CONFIG)
    with pytest.raises(OutputError, match="another recipe"):
        module.train_default(tmp_path, ["data"], config=replace(CONFIG, epochs=4))


def test_splits_share_no_person() -> None:
    train, held = made_up_crops().split(0.25, 1)
    assert not set(train.identity) & set(held.identity)
    assert len(train) + len(held) == 96


def test_unknown_labels_change_neither_loss_nor_gradient() -> None:
    logits = torch.randn(4, 2, 2, 5, requires_grad=True)
    intensity, known = np.random.default_rng(0).uniform(0, 5, (4, 2, 2)), np.ones((4, 2, 2), bool)
    known[:, 1] = False
    other = intensity.copy()
    other[:, 1] = 5 - other[:, 1]

    def loss(truth: np.ndarray) -> torch.Tensor:
        targets = from_intensities(truth, known)
        return target_loss(
            logits, torch.from_numpy(targets.exceedance), torch.from_numpy(targets.weight), torch.tensor([1.0, 2.0])
        )

    first = loss(intensity)
    assert torch.equal(first, loss(other))
    first.backward()
    assert logits.grad is not None
    assert (logits.grad[:, 1] == 0).all()
    assert (logits.grad[:, 0] != 0).any()


def test_rare_units_weigh_more_up_to_the_limit() -> None:
    intensity = np.zeros((100, 3, 2), np.float32)
    intensity[:50, 0], intensity[:10, 1], intensity[:1, 2] = 5, 5, 5
    assert positive_weights(intensity, 4.0).tolist() == pytest.approx([1.0, 3.0, 4.0])


def test_augmentation_exchanges_sides_only_of_mirrored_crops() -> None:
    crops = torch.randint(0, 256, (64, 3, 128, 128), dtype=torch.uint8)
    intensity = torch.stack([torch.zeros(64, 1), torch.ones(64, 1)], dim=2)  # right side only
    inputs, (labels,) = augment(crops, [intensity], torch.Generator().manual_seed(0), AugmentConfig())
    assert inputs.shape == (64, 1, 112, 112)
    assert torch.isfinite(inputs).all()
    mirrored = labels[:, 0, 0] == 1
    assert 10 < mirrored.sum() < 54
    assert (labels[mirrored, 0, 1] == 0).all()


def test_calibration_recovers_a_known_scale_and_shift() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, 40_000)
    present = rng.random(40_000) < 1 / (1 + np.exp(-logit))
    logits = torch.zeros(40_000, 1, 2, 5, dtype=torch.double)
    logits[:, 0, :, 1] = torch.from_numpy((logit - 1.0) / 2.0)[:, None]
    intensity = torch.from_numpy(np.where(present, 3.0, 0.0))[:, None, None].expand(-1, -1, 2)
    scale, shift = fit_calibration(logits, intensity)[0]
    assert present.mean() > REFERENCE_RATE  # so the sample's own base rate counts
    assert scale == pytest.approx(2.0, abs=0.1)
    assert shift == pytest.approx(1.0, abs=0.1)


def test_a_unit_never_seen_is_left_uncalibrated() -> None:
    assert fit_calibration(torch.randn(10, 1, 2, 5), torch.zeros(10, 1, 2)).tolist() == [[1.0, 0.0]]


def test_base_rate_weights_give_the_reference_rate() -> None:
    present = np.arange(100) < 7
    weight = base_rate_weights(present)
    assert weight.mean() == pytest.approx(1.0)
    assert (weight * present).sum() / weight.sum() == pytest.approx(REFERENCE_RATE)


def test_report_counts_only_what_can_be_seen() -> None:
    crops = made_up_crops(30)
    crops.known[:10, 1] = False
    predictor = AUPredictor(AUNetwork(NETWORK))
    metrics = evaluate(predictor, crops)
    assert [u["frames"] for u in metrics["units"].values()] == [30, 20]
    card = model_card(predictor, metrics, {"frames": 1, "recipe": {"seed": 0}})
    assert "do not transfer" in card


def test_diverging_loss_names_the_step(made_up: CropSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "target_loss", lambda *args: torch.tensor(float("nan"), requires_grad=True))
    with pytest.raises(InputError, match="epoch 1, step 0"):
        module.train_default(tmp_path, ["data"], config=CONFIG)


def test_training_goes_on_from_given_weights_of_the_same_network(made_up: CropSet, tmp_path: Path) -> None:
    first = module.train_default(tmp_path / "first", ["data"], config=CONFIG)
    state = module._initial_state(first, CONFIG)
    network = AUNetwork(NETWORK)
    network.load_state_dict(state)
    other = replace(CONFIG, network=replace(NETWORK, hidden=8))
    with pytest.raises(InputError, match="other sizes"):
        module._initial_state(first, other)
    second = module.train_default(tmp_path / "second", ["data"], config=CONFIG, init=first)
    assert AUPredictor.load(second).sha256 != AUPredictor.load(first).sha256
    moving = replace(CONFIG, averaging=0.5, learning_rate=3e-2)  # the weights go far
    last = module.train_default(tmp_path / "last", ["data"], config=moving, init=first)
    middle = module.train_default(tmp_path / "middle", ["data"], config=replace(moving, keep_initial=0.5), init=first)
    weights = [AUPredictor.load(path).network.features[0][0].weight for path in (first, middle, last)]  # type: ignore[index]
    assert torch.allclose(weights[1], (weights[0] + weights[2]) / 2, atol=2e-3)  # stored as float16
    assert not torch.allclose(weights[1], weights[0], atol=2e-3)


def test_real_faces_pull_towards_what_is_known_of_them(made_up: CropSet, tmp_path: Path) -> None:
    """Real crops look like renders that show AU1, but are known to rest: the network learns to doubt AU1."""
    crops = made_up_crops(60, seed=5)
    showing = crops.select(np.flatnonzero(crops.intensity[:, 0, 0] > 2))
    shape = (len(showing), 2, 2, 5)
    quiet = Targets(np.zeros(shape, np.float32), np.ones(shape, np.float32))
    resting = RealCrops(showing.crops, quiet, frontal=np.ones(len(showing), bool))
    config = replace(CONFIG, epochs=6, real_share=0.5)
    networks = {}
    for name, real in (("with", resting), ("without", None)):
        (tmp_path / name).mkdir()
        networks[name] = module._fit(
            tmp_path / name, made_up, config, torch.device("cpu"), lambda line: None, real=real
        )
    inputs = torch.from_numpy(showing.crops[:, :, 8:120, 8:120].copy())
    scores = {name: AUPredictor(network).predict_crops(inputs).probability[:, 0].mean() for name, network in networks.items()}
    assert scores["with"] < scores["without"]


def test_the_teachers_log_odds_order_faces_that_no_target_tells_apart(made_up: CropSet, tmp_path: Path) -> None:
    faces = made_up_crops(32, seed=5)
    nothing = Targets(np.zeros((32, 2, 2, 5), np.float32), np.zeros((32, 2, 2, 5), np.float32))
    mouth = faces.intensity[:, 1, 0]  # the teacher gives AU1 where renders give AU12
    word = np.repeat(np.repeat((2 * mouth - 4)[:, None, None, None], 2, axis=2), 5, axis=3).repeat(2, axis=1)
    real = RealCrops(faces.crops, nothing, np.zeros(32, bool), word.astype(np.float32))
    teach = DistillationConfig(weight=4.0, taught=(1,), stressed=(), kept=())
    asked = replace(CONFIG, epochs=10, real_share=0.5, averaging=0.9, learning_rate=1e-2, distillation=teach)
    apart = {}
    for name, config in (("heard", asked), ("deaf", replace(asked, distillation=DistillationConfig(weight=0.0)))):
        (tmp_path / name).mkdir()
        network = module._fit(tmp_path / name, made_up, config, torch.device("cpu"), lambda line: None, real=real)
        scores = AUPredictor(network).crop_logits(torch.from_numpy(faces.crops[:, :, 8:120, 8:120].copy()))[:, 0, :, 1].amax(dim=1)
        apart[name] = np.corrcoef(scores.detach().numpy(), mouth)[0, 1]
    assert apart["heard"] > apart["deaf"] + 0.2


def test_held_units_are_trained_towards_what_was_said_before() -> None:
    before, wanted, trust = torch.full((2, 3, 2, 5), 1.5), torch.zeros(2, 3, 2, 5), torch.zeros(2, 3, 2, 5)
    target, weight = held_targets(before, wanted, trust, (1, 17, 25), DistillationConfig(held=(17,)))
    assert target[:, 1] == pytest.approx(torch.full((2, 2, 5), 1.5).sigmoid())
    assert weight[:, 1].eq(1).all()
    for column in (0, 2):
        assert target[:, column].eq(0).all()
        assert weight[:, column].eq(0).all()


def test_word_is_the_teachers_for_some_units_and_the_models_own_for_others() -> None:
    teacher, before = np.full((3, 4, 2, 5), 2.0, np.float32), np.full((3, 4, 2, 5), -4.0, np.float32)
    config = DistillationConfig(softness=2.0, taught=(1, 7), stressed=(7,), kept=(4,))
    word = softened_word(teacher, before, (1, 4, 7, 20), config)
    assert word.exceedance[0, :3, 0, 0] == pytest.approx(1 / (1 + np.exp([-1.0, 2.0, -1.0])), abs=1e-5)
    assert word.weight[0, :, 0, 0].tolist() == [1.0, 1.0, 2.0, 0.0]
    assert softened_word(teacher, None, (1, 4, 7, 20), config).weight[0, :, 0, 0].tolist() == [1.0, 0.0, 2.0, 0.0]
    teacher[0, :, 0] = np.nan  # what is known otherwise
    word = softened_word(teacher, before, (1, 4, 7, 20), config)
    assert not word.weight[0, :, 0].any() and np.isfinite(word.exceedance).all() and word.weight[0, 0, 1].all()


def test_word_loss_is_nothing_where_the_answer_is_the_word() -> None:
    word = torch.randn(4, 2, 2, 5, dtype=torch.double) * 3
    wanted, trust = (word / 2).sigmoid(), torch.ones_like(word)
    assert word_loss(word, wanted, trust, 2.0).item() == pytest.approx(0.0, abs=1e-12)
    assert word_loss(word + 1, wanted, trust, 2.0).item() > 0.05
    assert word_loss(word + 1, wanted, torch.zeros_like(trust), 2.0).item() == 0.0
    assert word_loss(word, (word * 1e9).sigmoid(), trust, 2.0).isfinite()  # certain words


def test_persons_held_out_by_folder_are_never_trained_on(
    made_up: CropSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Record:
        def __init__(self, identity: int) -> None:
            self.identity = identity

    monkeypatch.setattr(module, "read_records", lambda folder: [Record(i) for i in range(24, 32)])
    seen: list[int] = []
    fit = module._fit

    def spy(folder: Path, train: CropSet, *rest: object) -> AUNetwork:
        seen.extend(train.identity)
        return fit(folder, train, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_fit", spy)
    module.train_default(tmp_path, ["data"], config=CONFIG, held_out_data=["other"])
    assert max(seen) == 23


def test_units_are_shifted_until_resting_faces_are_quiet() -> None:
    resting = np.stack([np.linspace(-3, 3, 101), np.linspace(-3, 3, 101), np.linspace(-9, -5, 101)], axis=1)
    table = np.array([[2.0, 0.5], [2.0, 0.5], [1.0, 0.0]])
    quiet = quiet_at_rest(table, resting, np.array([True, False, True]), 0.02)
    assert (resting[:, 0] * quiet[0, 0] + quiet[0, 1] > 1e-9).mean() <= 0.02
    assert quiet[1:].tolist() == table[1:].tolist()  # not asked for; quiet already


def test_one_half_lies_midway_between_faces_at_rest_and_smiles() -> None:
    resting, acting = np.linspace(-4.0, 0.0, 101), np.linspace(1.0, 9.0, 101)
    table = midway(np.array([[1.0, 0.0], [2.0, 5.0]]), 1, resting, acting, 0.05)
    assert table.tolist() == [[1.0, 0.0], [2.0, pytest.approx(-2.0 * (-0.2 + 1.4) / 2)]]


def test_a_share_of_the_acting_faces_is_given_the_unit() -> None:
    acting = np.linspace(-3.0, 6.0, 91)
    table = shown_by(np.array([[1.0, 0.0], [2.0, -20.0]]), 1, acting, 2 / 3)
    assert table[0].tolist() == [1.0, 0.0] and table[1, 0] == 2.0
    assert np.mean(2.0 * acting + table[1, 1] >= -1e-9) == pytest.approx(2 / 3, abs=0.02)
    lower = np.array([[1.0, 9.0]])  # already given to more of them
    assert shown_by(lower, 0, acting, 2 / 3).tolist() == lower.tolist()


def test_left_out_scores_never_look_at_the_own_group() -> None:
    scores, groups = np.array([[1.0], [2.0], [10.0]]), np.array(["a", "a", "b"])

    def fit(kept: np.ndarray) -> np.ndarray:
        return np.array([[1.0, -scores[kept, 0].mean()]])

    assert left_out_scores(scores, groups, fit)[:, 0].tolist() == [1.0 - 10.0, 2.0 - 10.0, 10.0 - 1.5]


def test_calibration_on_labels_weighs_to_the_reference_rate_and_leaves_rare_units_alone() -> None:
    rng = np.random.default_rng(0)
    labels = np.full((4000, 2), np.nan)
    labels[:, 0] = rng.random(4000) < 0.05
    labels[:2, 1] = 1.0
    logit = rng.normal(np.where(labels[:, 0] == 1, 1.0, -1.0), 1.0)  # likelihood ratio exp(2 x)
    scores = np.stack([logit, logit], axis=1)
    scale, shift = calibrate_on_labels(scores, labels, np.array([[1.0, 0.0], [3.0, -1.0]]))[0]
    assert scale == pytest.approx(2.0, abs=0.25)
    assert shift == pytest.approx(np.log(REFERENCE_RATE / (1 - REFERENCE_RATE)), abs=0.25)
    assert calibrate_on_labels(scores, labels, np.array([[1.0, 0.0], [3.0, -1.0]]))[1].tolist() == [3.0, -1.0]

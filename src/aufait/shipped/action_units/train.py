"""Training of the compact AU model, from our own renders and, where there are any, real faces labelled by a teacher.

    aufait train-default -o OUT      # renders the data, trains, calibrates, writes weights and figures
    aufait train-default A B -o OUT  # uses data sets that exist

Our recipe: ordinal cross-entropy over five thresholds per unit and side, AdamW with a one-cycle schedule, averaged
weights. Persons are split three ways: training, calibration, test; the test persons are scored once, at the end. Every
epoch leaves a checkpoint, from which an interrupted run resumes. Seeded: the same machine, threads and data give the same
weights.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aufait.errors import InputError, OutputError
from aufait.faces.template import TEMPLATE_SIZE
from aufait.media.images import read_image
from aufait.models.default.crop import CROP_SIZE, crop_faces, mirror_sides, network_input
from aufait.models.default.network import AUNetwork, AUNetworkConfig
from aufait.models.default.ordinal import OCCURRENCE_LEVEL
from aufait.models.default.predictor import AUPredictor
from aufait.shipped.action_units.augment import AugmentConfig, augment
from aufait.shipped.action_units.branch_targets import Targets, from_intensities, target_loss
from aufait.shipped.action_units.calibration import fit_calibration
from aufait.shipped.action_units.chimeras import FRONTAL_YAW, frontal_faces, join_crops, join_labels, pair_up
from aufait.shipped.action_units.crops import CropSet, load_all_crops
from aufait.shipped.action_units.distillation import DistillationConfig, held_targets, softened_word, word_loss
from aufait.shipped.action_units.report import evaluate, model_card
from aufait.shipped.loop import TrainingLoop
from aufait.synthetic.dataset import read_records


@dataclass(frozen=True)
class TrainConfig:
    """The CPU-sized recipe. On a GPU use ``full_size``."""

    frames: int = 24_000
    """Frames to render when no data set is given."""
    image_size: int = 192
    """Side of the rendered pictures, pixels; the eyes are then about 70 px apart, as in the crop."""
    epochs: int = 32
    batch: int = 64
    learning_rate: float = 3e-3
    """Peak of the one-cycle schedule."""
    weight_decay: float = 0.02
    averaging: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    held_out: float = 0.12
    """Share of persons kept from training; half for calibration, half for the test."""
    max_positive_weight: float = 2.5
    """Largest weight of a present unit in the loss: the square root of its skew, capped."""
    real_share: float = 0.35
    """Share of real faces in a batch, where there are any."""
    chimeras: float = 0.5
    """Share of the frontal faces of a batch that get half of another face, see ``chimeras``."""
    keep_initial: float = 0.0
    """Share of the initial weights in the result where training continues from a model (Wortsman et al., "Robust fine-tuning of
    zero-shot models", CVPR 2022): the mean of both forgets less than the end of the run."""
    seed: int = 0
    network: AUNetworkConfig = field(default_factory=AUNetworkConfig)
    augmentation: AugmentConfig = field(default_factory=AugmentConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)


def full_size() -> TrainConfig:
    """The recipe for a machine with a GPU: ten times the frames, a wider network."""
    return TrainConfig(
        frames=240_000,
        batch=256,
        epochs=40,
        network=AUNetworkConfig(widths=(32, 64, 128, 256), blocks=(2, 3, 3), hidden=512),
    )


@dataclass(frozen=True, eq=False)
class RealCrops:
    """Aligned crops (N, 3, 128, 128) uint8 of real faces, what is known about them, and (N,) bool which are frontal.

    ``word``: (N, A, 2, 5) the teacher's logits before calibration, None if there are none.
    """

    crops: np.ndarray
    targets: Targets
    frontal: np.ndarray
    word: np.ndarray | None = None


def load_real_crops(path: str | Path) -> RealCrops:
    """The real faces that a teacher labelled in ``train_mesh`` (its ``real_targets.npz``), read and aligned.

    Raises:
        InputError: the file is absent or another one, or a picture is gone.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            pictures, landmarks = kept["pictures"].tolist(), kept["landmarks"]
            targets, word = Targets(kept["exceedance"], kept["weight"]), kept["logits"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} is not the real_targets.npz of aufait train-mesh: {error}") from error
    again: dict[str, np.ndarray] = {}
    for picture, points in zip(pictures, landmarks, strict=True):
        if picture not in again:
            again[picture] = crop_faces(read_image(picture), points[None], size=TEMPLATE_SIZE)[0].numpy()
    return RealCrops(np.stack([again[picture] for picture in pictures]), targets, frontal_faces(landmarks), word)


def train_default(
    out: str | Path,
    data: Sequence[str | Path] = (),
    *,
    config: TrainConfig | None = None,
    init: str | Path | None = None,
    held_out_data: Sequence[str | Path] = (),
    real_targets: str | Path | None = None,
    assets: str | Path | None = None,
    device: str = "cpu",
    workers: int | None = None,
    report: Callable[[str], None] | None = None,
) -> Path:
    """Train, calibrate and test the AU model; returns the path of the weight file.

    Args:
        out: folder for checkpoints, weights (``au_default.safetensors``), ``metrics.json`` and ``model_card.md``.
        data: folders of ``aufait synth``; when empty, ``config.frames`` frames are rendered into ``out/data``.
        config: recipe; the CPU-sized one by default.
        init: weight file of an earlier model with the same network, to start from instead of from random weights. It has
            seen persons of its own training data, so give ``held_out_data`` rendered with another seed to test on.
        held_out_data: folders whose persons are used only for calibration and test; without them a share of ``data`` is.
        real_targets: the ``real_targets.npz`` of ``train_mesh``: real faces labelled by a teacher, a share of every batch.
        assets: ICT-FaceKit file, needed only to render.
        device: "cpu", "cuda" or "mps".
        workers: rendering processes.
        report: called with one line of progress.

    Raises:
        InputError: data that cannot be used, or a loss that is not finite (with the step).
        OutputError: ``out`` holds a run with another recipe.
    """
    config, say = config or TrainConfig(), report or (lambda line: None)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {"data": data, "held_out_data": held_out_data}
    names = {name: [str(f) for f in folders] for name, folders in inputs.items()}
    _claim(folder, config, **names, init=str(init), real_targets=str(real_targets))
    folders = list(data) or [_render(folder, config, assets, workers, say)]
    units = config.network.action_units
    crops = load_all_crops([*folders, *held_out_data], units, cache_folder=folder)
    if held_out_data:
        apart = np.isin(crops.identity, [r.identity for name in held_out_data for r in read_records(name)])
        train, held = crops.select(np.flatnonzero(~apart)), crops.select(np.flatnonzero(apart))
    else:
        train, held = crops.split(config.held_out, config.seed)
    tuning, test = held.split(0.5, config.seed + 1)
    say(f"{len(train)} crops to train on, {len(tuning)} to calibrate, {len(test)} to test; no person in two of them")
    real = None if real_targets is None else load_real_crops(real_targets)
    network = _fit(folder, train, config, torch.device(device), say, init, real)
    notes: dict[str, object] = {"frames": len(train), "recipe": asdict(config), "synthetic": real is None}
    if real is not None:
        notes["real_faces"] = len(real.crops)
    if init is not None:
        notes["init"] = AUPredictor.load(init).sha256
    weights = finish(folder, network, tuning, test, notes)
    mean = json.loads((folder / "metrics.json").read_text())["mean"]
    say(f"test persons: mean F1 {mean['f1']:.3f}, ROC area {mean['roc_area']:.3f}, ICC {mean['icc']:.3f}; {weights}")
    return weights


def finish(folder: Path, network: AUNetwork, tuning: CropSet, test: CropSet, notes: dict[str, object]) -> Path:
    """Calibrate on one set of persons, test once on another, write weights, ``metrics.json`` and ``model_card.md``."""
    logits = _predict(network, tuning, next(network.parameters()).device)
    table = fit_calibration(logits, torch.from_numpy(tuning.intensity), torch.from_numpy(tuning.known))
    predictor = AUPredictor(network.cpu(), table)
    metrics = evaluate(predictor, test)
    notes = notes | {"test": metrics["mean"]}
    weights = predictor.save(folder / "au_default.safetensors", notes)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
    (folder / "model_card.md").write_text(model_card(AUPredictor.load(weights), metrics, notes))
    return weights


def _claim(folder: Path, config: TrainConfig, **inputs: object) -> None:
    marker, settings = folder / "recipe.json", json.loads(json.dumps(asdict(config) | inputs))
    if marker.is_file() and json.loads(marker.read_text()) != settings:
        raise OutputError(f"{folder} holds a run with another recipe or other data; choose another folder")
    marker.write_text(json.dumps(settings, indent=1))


def _render(
    folder: Path, config: TrainConfig, assets: str | Path | None, workers: int | None, say: Callable[[str], None]
) -> Path:
    from aufait.synthetic.dataset import DatasetConfig, generate_dataset

    say(f"rendering {config.frames} frames")
    job = DatasetConfig(frames=config.frames, seed=config.seed + 1, size=config.image_size)
    return generate_dataset(folder / "data", job, assets=assets, workers=workers)


# --- optimisation -----------------------------------------------------------------------------------------------------


def positive_weights(intensity: np.ndarray, limit: float) -> Tensor:
    """(N, A, 2) -> (A,) square root of each unit's skew (absent / present), between 1 and ``limit``."""
    rate = np.clip((intensity >= OCCURRENCE_LEVEL - 0.5).mean(axis=(0, 2)), 1e-3, 1.0)
    return torch.from_numpy(np.clip(np.sqrt((1 - rate) / rate), 1.0, limit)).float()


def _fit(
    folder: Path,
    train: CropSet,
    config: TrainConfig,
    device: torch.device,
    say: Callable[[str], None],
    init: str | Path | None = None,
    real: RealCrops | None = None,
) -> AUNetwork:
    torch.manual_seed(config.seed)
    network = AUNetwork(config.network)
    if init is not None:
        network.load_state_dict(_initial_state(init, config))
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    real_count = round(config.batch * config.real_share) if real else 0
    steps = max(1, len(train) // (config.batch - real_count))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=steps * config.epochs + 1, pct_start=0.15
    )
    loop = TrainingLoop(network, optimiser, schedule, config.averaging, folder / "checkpoint")
    first = loop.resume() // steps
    if first:
        say(f"continuing after epoch {first}")
    weight = positive_weights(train.intensity, config.max_positive_weight).to(device)
    word = _word(real, init, config)
    before = None
    if init is not None and config.distillation.held:
        before = AUPredictor.load(init, device=str(device)).network
        weight[[unit in config.distillation.held for unit in config.network.action_units]] = 1.0
    for epoch in range(first, config.epochs):
        start = time.monotonic()
        network.train()
        loss = _one_epoch(loop, train, real, word, before, weight, config, epoch, steps)
        loop.save()
        say(f"epoch {epoch + 1}/{config.epochs}: loss {loss:.4f}, {time.monotonic() - start:.0f} s")
    result = AUNetwork(config.network).to(device)
    result.load_state_dict(loop.average)
    if init is not None and config.keep_initial:
        first_state = _initial_state(init, config)
        for name, value in result.state_dict().items():
            if value.is_floating_point():
                value.lerp_(first_state[name].to(value), config.keep_initial)
    return result.eval()


def _word(real: RealCrops | None, init: str | Path | None, config: TrainConfig) -> Targets | None:
    """The log-odds that the real faces are trained towards, by the teacher and by the model as it starts; None for nothing."""
    if real is None or real.word is None or not config.distillation.weight:
        return None
    before = None
    if init is not None:
        crops, first = torch.from_numpy(real.crops), AUPredictor.load(init)
        with torch.inference_mode():
            before = np.concatenate([first.crop_logits(_window(part)).cpu().numpy() for part in crops.split(128)])
    return softened_word(real.word, before, config.network.action_units, config.distillation)


def _window(crops: Tensor) -> Tensor:
    """The middle of crops (N, 3, 128, 128) that the network sees."""
    offset = (TEMPLATE_SIZE - CROP_SIZE) // 2
    return crops[..., offset : offset + CROP_SIZE, offset : offset + CROP_SIZE]


def _initial_state(init: str | Path, config: TrainConfig) -> dict[str, Tensor]:
    network = AUPredictor.load(init).network
    if network.config != config.network:
        raise InputError(f"{init} holds a network of other sizes or units than the recipe; train without it")
    return network.state_dict()


def _one_epoch(
    loop: TrainingLoop,
    train: CropSet,
    real: RealCrops | None,
    word: Targets | None,
    before: AUNetwork | None,
    weight: Tensor,
    config: TrainConfig,
    epoch: int,
    steps: int,
) -> float:
    """One pass over the rendered crops; returns the mean loss."""
    torch.manual_seed(config.seed * 1000 + epoch)  # dropout; an epoch's draws depend on its number alone
    generator = torch.Generator().manual_seed(config.seed * 1000 + epoch)
    order = torch.randperm(len(train), generator=generator).numpy()
    real_count = round(config.batch * config.real_share) if real else 0
    per_step = config.batch - real_count
    device, total = weight.device, 0.0
    for step in range(steps):
        rows = np.sort(order[step * per_step : (step + 1) * per_step])
        rendered = from_intensities(train.intensity[rows], train.known[rows])
        kinds = [_Drawn(train.crops[rows], rendered, np.abs(train.yaw[rows]) <= FRONTAL_YAW)]
        if real is not None and real_count:
            others = torch.randint(len(real.crops), (real_count,), generator=generator).numpy()
            said = None if word is None else word.select(others)
            kinds.append(_Drawn(real.crops[others], real.targets.select(others), real.frontal[others], said))
        crops, labels = _joined([kind.with_chimeras(config, generator) for kind in kinds])
        inputs, (wanted, trust, softened, heard) = augment(crops, labels, generator, config.augmentation)
        inputs = inputs.to(device, memory_format=torch.channels_last)
        wanted, trust = wanted.to(device), trust.to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = loop.network(inputs)
            if before is not None:
                with torch.no_grad():
                    said = before(inputs).float()
                wanted, trust = held_targets(said, wanted, trust, config.network.action_units, config.distillation)
        loss = target_loss(logits.float(), wanted, trust, weight)
        if word is not None:
            distance = word_loss(logits.float(), softened.to(device), heard.to(device), config.distillation.softness)
            loss = loss + config.distillation.weight * distance
        total += loop.update(loss, f"epoch {epoch + 1}, step {step}")
    return total / steps


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The rendered or the real faces of a batch: real halves are joined with real ones, rendered ones with rendered ones."""

    crops: np.ndarray
    targets: Targets
    frontal: np.ndarray
    word: Targets | None = None

    def with_chimeras(self, config: TrainConfig, generator: torch.Generator) -> tuple[Tensor, list[Tensor]]:
        """Crops, some of them put together from the halves of two faces; their targets and weights, and those of the word."""
        crops = torch.from_numpy(self.crops)
        silent = Targets(np.zeros_like(self.targets.exceedance), np.zeros_like(self.targets.weight))
        pairs = [
            (torch.from_numpy(part.exceedance), torch.from_numpy(part.weight)) for part in (self.targets, self.word or silent)
        ]
        rows, others = pair_up(torch.from_numpy(self.frontal), config.chimeras, generator)
        if len(rows):
            crops = join_crops(crops, rows, others, generator)
            pairs = [join_labels(wanted, trust, rows, others, config.network.action_units) for wanted, trust in pairs]
        return crops, [label for pair in pairs for label in pair]


def _joined(parts: list[tuple[Tensor, list[Tensor]]]) -> tuple[Tensor, list[Tensor]]:
    return torch.cat([crops for crops, _ in parts]), [torch.cat(column) for column in zip(*(p[1] for p in parts), strict=True)]


@torch.inference_mode()
def _predict(network: AUNetwork, crops: CropSet, device: torch.device, batch: int = 128) -> Tensor:
    """(N, A, 2, 5) uncalibrated logits, each crop averaged with its mirror image, as the predictor does."""
    parts = []
    for start in range(0, len(crops), batch):
        inputs = network_input(_window(torch.from_numpy(crops.crops[start : start + batch]))).to(device)
        parts.append((network(inputs) + mirror_sides(network(inputs.flip(3)))).cpu() / 2)
    return torch.cat(parts)

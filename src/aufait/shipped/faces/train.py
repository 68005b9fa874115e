"""Training of the builtin face networks on rendered faces and on real ones that the mesh finder labels.

    aufait synth renders --frames 12000
    aufait train-faces renders --out face-weights
    aufait train-faces renders --out better --init face-weights --real-faces FOLDER

The two networks are trained one after the other; with the default configuration and two CPU cores that takes about a
quarter of an hour. Stopping and starting again with ``resume`` gives the same weights as one run: every step draws
from a generator seeded with the step's number.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.faces.networks import FaceDetectorConfig, FaceDetectorNet, FaceLandmarkConfig, FaceLandmarkNet
from aufait.faces.weights import load_state, load_weights, save_weights
from aufait.machine import torch_threads
from aufait.shipped.faces.backgrounds import make_backgrounds
from aufait.shipped.faces.camera import Draw
from aufait.shipped.faces.evaluation import evaluate_detector, evaluate_landmarks
from aufait.shipped.faces.losses import detector_loss, landmark_loss
from aufait.shipped.faces.scenes import FaceBank, detection_batch, landmark_batch, load_faces, split_by_identity
from aufait.shipped.faces.teacher import RealBanks, load_real_faces
from aufait.shipped.loop import TrainingLoop

logger = logging.getLogger(__name__)

_RENDERS = "rendered faces of aufait's engine (ICT-FaceKit geometry, MIT), procedural backgrounds"
_REAL = (
    "; {faces} real faces of shipped/real_faces.csv, their points placed by the landmark network of MediaPipe's "
    "face_landmarker.task (Apache-2.0) as teacher; none of the teacher's weights is in this file"
)

NetworkT = TypeVar("NetworkT", bound=nn.Module)


@dataclass(frozen=True)
class FaceTrainingConfig:
    """Settings of ``train_faces``; the defaults suit two CPU cores and about a quarter of an hour."""

    seed: int = 0
    max_frames: int = 12_000
    """Renders to hold in memory, 0.2 MB each."""
    held_out: float = 0.1
    """Share of rendered identities kept for evaluation."""
    real_share: float = 0.45
    """Share of real faces in crops and scenes, where there are real faces."""
    backgrounds: int = 1_000
    """Procedural pictures to draw backgrounds from."""
    scene_size: int = 256
    """Side of the detector's training pictures in pixels."""
    detector_steps: int = 1_700
    detector_batch: int = 24
    detector_rate: float = 2e-3
    """Peak learning rate of AdamW."""
    init_rate: float = 0.4
    """Factor of the learning rates when training continues from finished weights."""
    landmark_steps: int = 1_500
    landmark_batch: int = 48
    landmark_rate: float = 2e-3
    distance_weight: float = 0.15
    """Weight of the distance term (pixels) relative to the heatmap term (nats)."""
    flat_weight: float = 0.3
    """Weight of the term that keeps heatmaps flat where there is no face (nats)."""
    weight_decay: float = 0.01
    warmup: float = 0.05
    """Share of the steps in which the learning rate rises; it falls as a cosine afterwards."""
    averaging: float = 0.995
    """Decay of the moving average of the weights, which is what is kept."""
    checkpoint_steps: int = 100
    evaluation_batches: int = 12
    """Batches of held-out scenes and crops in the figures that go with the weights."""
    threads: int = 0
    """CPU threads of torch; 0 leaves them alone."""


CPU_CONFIG = FaceTrainingConfig()
GPU_CONFIG = FaceTrainingConfig(
    max_frames=60_000,
    backgrounds=4_000,
    detector_steps=20_000,
    detector_batch=96,
    landmark_steps=20_000,
    landmark_batch=256,
)


@dataclass(frozen=True)
class FaceTrainingReport:
    """What came out: paths of the two weights files and the figures on held-out identities."""

    detector: Path
    landmarks: Path
    figures: dict[str, float]


def train_faces(
    data: Path,
    out: Path,
    *,
    config: FaceTrainingConfig | None = None,
    device: str = "auto",
    epochs: float | None = None,
    seed: int | None = None,
    resume: bool = False,
    real_faces: Path | None = None,
    task_file: Path | None = None,
    init: Path | None = None,
) -> FaceTrainingReport:
    """Train the face detector and the landmark network.

    Args:
        data: output folder of ``aufait synth``.
        out: folder for ``face_detector.safetensors``, ``face_landmarks.safetensors`` and ``face_training.json``.
        config: settings; None takes the CPU-sized or the full one, after the device.
        device: "auto", "cpu", "cuda", ...
        epochs: passes of the landmark network over the renders, in place of the number of steps; the detector's
            steps change by the same factor.
        seed: in place of the configuration's.
        resume: continue from the checkpoints in ``out``.
        real_faces: folder with the pictures that ``real_faces.csv`` lists; the people kept out are only used to measure results.
        task_file: ``face_landmarker.task``, which labels them; None looks in the usual places.
        init: folder of weights to start from, in place of random ones.

    Raises:
        InputError: no renders in ``data``, none of the real faces, or numbers out of range.
        MissingExtraError: the extra ``train`` is not installed.
        MissingModelError: no task file, or no weights in ``init``.
    """
    where = _device(device)
    config = config or (CPU_CONFIG if where.type == "cpu" else GPU_CONFIG)
    config = config if seed is None else replace(config, seed=seed)
    backgrounds = make_backgrounds(config.backgrounds, config.seed)
    bank = load_faces(Path(data), backgrounds, max_frames=config.max_frames, seed=config.seed)
    if epochs is not None:
        config = _with_epochs(config, epochs, len(bank))
    real = None if real_faces is None else load_real_faces(Path(real_faces), backgrounds, Path(out), task_file)
    return train_on_bank(bank, Path(out), config, where, resume=resume, real=real, init=init)


def train_on_bank(
    bank: FaceBank,
    out: Path,
    config: FaceTrainingConfig,
    device: torch.device,
    *,
    resume: bool = False,
    real: RealBanks | None = None,
    init: Path | None = None,
) -> FaceTrainingReport:
    """``train_faces`` on faces that are in memory already."""
    start = _Start(config, init)
    train, held_out = (part.to(device) for part in split_by_identity(bank, config.held_out))
    if len(train) == 0 or len(held_out) == 0:
        raise InputError(f"training needs renders of at least two identities, got {len(torch.unique(bank.identity))}")
    if real is not None:
        train = train.joined(real.train.to(device), config.real_share)
    out.mkdir(parents=True, exist_ok=True)
    with torch_threads(config.threads or torch.get_num_threads()):
        started = time.monotonic()
        detector = _train_detector(train, out, config, device, resume, start)
        detector_minutes = (time.monotonic() - started) / 60
        landmarks = _train_landmarks(train, out, config, device, resume, start)
        minutes = (time.monotonic() - started) / 60
        figures = _evaluate(detector, landmarks, held_out, config)
        if real is not None:
            on_real = _evaluate(detector, landmarks, real.held_out.to(device), config)
            figures |= {f"real_{name}": value for name, value in on_real.items()}
    counts = {"frames": len(bank), "identities": len(torch.unique(bank.identity)), "minutes": round(minutes, 1)}
    counts["detector_minutes"] = round(detector_minutes, 1)
    return _save(out, detector, landmarks, start, figures, counts, real)


class _Start:
    """What training starts from: random weights, or those of a folder."""

    def __init__(self, config: FaceTrainingConfig, folder: Path | None) -> None:
        self.config, self._folder = config, folder
        self.factor = 1.0 if folder is None else config.init_rate
        self.earlier: dict[str, object] = {}  # name of the weights -> what their header says about how they were made

    def put_into(self, network: nn.Module, name: str) -> None:
        """Fill a new network with the weights ``name``, if there is a folder."""
        if self._folder is None:
            return
        tensors, header = load_weights(name, self._folder)
        load_state(network, tensors, name)
        told = ("data", "training", "counts", "real_faces", "started_from")
        self.earlier[name] = {key: header[key] for key in told if key in header}


def _evaluate(
    detector: FaceDetectorNet, landmarks: FaceLandmarkNet, bank: FaceBank, config: FaceTrainingConfig
) -> dict[str, float]:
    seed, batches = config.seed + 1, config.evaluation_batches
    boxes = evaluate_detector(detector, bank, config.scene_size, seed=seed, batches=batches)
    return {**boxes, **evaluate_landmarks(landmarks, bank, seed=seed, batches=batches)}


def _train_detector(
    bank: FaceBank, out: Path, config: FaceTrainingConfig, device: torch.device, resume: bool, start: _Start
) -> FaceDetectorNet:
    torch.manual_seed(config.seed)
    network = _on_device(FaceDetectorNet(FaceDetectorConfig()), device)
    start.put_into(network, "face_detector")

    def step(draw: Draw) -> dict[str, Tensor]:
        images, boxes, kinds = detection_batch(bank, config.detector_batch, config.scene_size, draw)
        with _mixed_precision(device):
            outputs = network(images.contiguous(memory_format=torch.channels_last))
        terms = detector_loss(outputs, boxes, kinds, network.config)
        return {**terms, "total": terms["score"] + 2.0 * terms["edges"]}

    rate = config.detector_rate * start.factor
    run = _NetworkTraining(network, step, config.detector_steps, rate, config, out / "checkpoints" / "face_detector")
    run.train(device, resume)
    return network


def _train_landmarks(
    bank: FaceBank, out: Path, config: FaceTrainingConfig, device: torch.device, resume: bool, start: _Start
) -> FaceLandmarkNet:
    torch.manual_seed(config.seed)
    network = _on_device(FaceLandmarkNet(FaceLandmarkConfig()), device)
    start.put_into(network, "face_landmarks")
    side, scale = network.config.crop_size, network.config.crop_scale

    def step(draw: Draw) -> dict[str, Tensor]:
        crops, landmarks, is_face = landmark_batch(bank, config.landmark_batch, side, scale, draw)
        with _mixed_precision(device):
            heatmaps, face_logits = network(crops.contiguous(memory_format=torch.channels_last))
        terms = landmark_loss(heatmaps, face_logits, landmarks, is_face)
        points = terms["heatmap"] + config.distance_weight * terms["distance"]
        return {**terms, "total": points + config.flat_weight * terms["flat"] + terms["face"]}

    rate = config.landmark_rate * start.factor
    run = _NetworkTraining(network, step, config.landmark_steps, rate, config, out / "checkpoints" / "face_landmarks")
    run.train(device, resume)
    return network


class _NetworkTraining:
    """The training of one network: warm-up, cosine, checkpoints."""

    def __init__(
        self,
        network: nn.Module,
        step: Callable[[Draw], dict[str, Tensor]],
        steps: int,
        rate: float,
        config: FaceTrainingConfig,
        checkpoint: Path,
    ) -> None:
        self.network, self.step, self.steps, self.config = network, step, steps, config
        fused = next(network.parameters()).device.type == "cuda"
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=config.weight_decay, fused=fused)
        warm = max(int(config.warmup * steps), 1)
        schedule = torch.optim.lr_scheduler.SequentialLR(
            optimizer,
            [
                torch.optim.lr_scheduler.LinearLR(optimizer, 0.05, 1.0, warm),
                torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps - warm, 1), rate * 0.01),
            ],
            [warm],
        )
        self.loop = TrainingLoop(network, optimizer, schedule, config.averaging, checkpoint, early=True)

    def train(self, device: torch.device, resume: bool) -> None:
        """Run to the last step; the network then holds the averaged weights and is in evaluation mode."""
        first = self.loop.resume() if resume else 0
        self.network.train()
        generator = torch.Generator(device)
        for number in range(first, self.steps):
            generator.manual_seed(self.config.seed * 1_000_003 + number)
            terms = self.step(Draw(generator))
            self.loop.update(terms["total"], f"step {number}")
            if self.loop.done % self.config.checkpoint_steps == 0 and self.loop.done < self.steps:
                self.loop.save()
                figures = ", ".join(f"{key} {float(value.detach()):.3f}" for key, value in terms.items())
                logger.info("%s step %d of %d: %s", self.loop.checkpoint.name, self.loop.done, self.steps, figures)
        self.loop.save()
        self.network.load_state_dict(self.loop.average)
        self.network.eval()


def _save(
    out: Path,
    detector: FaceDetectorNet,
    landmarks: FaceLandmarkNet,
    start: _Start,
    figures: dict[str, float],
    counts: dict[str, float],
    real: RealBanks | None,
) -> FaceTrainingReport:
    common: dict[str, object] = {
        "licence": "Apache-2.0",
        "data": _RENDERS + ("; no photograph" if real is None else _REAL.format(faces=len(real.train))),
        "training": asdict(start.config),
        "counts": counts,
        "figures": figures,
    }
    if real is not None:
        common["real_faces"] = real.sources()
    paths = {name: out / f"{name}.safetensors" for name in ("face_detector", "face_landmarks")}
    for name, network in (("face_detector", detector), ("face_landmarks", landmarks)):
        header: dict[str, object] = {"name": name, "config": asdict(network.config), **common}
        if name in start.earlier:
            header["started_from"] = start.earlier[name]
        tensors = {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}
        save_weights(paths[name], tensors, header)
    record = {**common, "files": sorted(path.name for path in paths.values())}
    (out / "face_training.json").write_text(json.dumps(record, indent=2))
    return FaceTrainingReport(paths["face_detector"], paths["face_landmarks"], figures)


def _with_epochs(config: FaceTrainingConfig, epochs: float, frames: int) -> FaceTrainingConfig:
    if not epochs > 0:
        raise InputError(f"epochs must be positive, got {epochs}")
    steps = max(round(epochs * frames / config.landmark_batch), 1)
    factor = steps / config.landmark_steps
    return replace(config, landmark_steps=steps, detector_steps=max(round(config.detector_steps * factor), 1))


def _on_device(network: NetworkT, device: torch.device) -> NetworkT:
    """Channels last is what bfloat16 convolutions want."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 where it pays: on GPUs and on CPUs with the instructions for it."""
    fast = device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)




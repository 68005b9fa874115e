"""AUNet: landmark-centred features of one or three frames, a small trained head on top.

Paper: Yang, Hristov, Shen, Lin and Pantic, "Towards Robust Facial Action Units Detection" (AUNet), section IV, figure 4.
Departures: see ``feature_extractor.py``, ``head.py`` and ``temporal_difference.py``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from aufait.errors import InputError
from aufait.models.aunet.config import AUNetConfig
from aufait.models.aunet.feature_extractor import LandmarkFeatures
from aufait.models.aunet.head import StaticHead
from aufait.models.aunet.label_vae_fitting import label_vaes
from aufait.models.aunet.temporal_difference import DifferenceHead
from aufait.models.fan.aligner import FaceAligner
from aufait.models.fan.config import FANConfig
from aufait.models.fan.network import FAN
from aufait.models.outputs import AUOutput
from aufait.models.streaming import FaceStream
from aufait.models.system import AUSystem
from aufait.models.training_labels import TrainingLabels


class AUNet(AUSystem):
    """AU-FAN, AU-VAE (the same network), AU-TDN and AUNet, as ``config.use_tdn`` says.

    Images are (B, 3, S, S); with ``use_tdn`` (B, 3, 3, S, S): the current frame, the one ``interval`` frames earlier and the one
    the same number of frames later, both aligned to the current one; a neighbour that does not exist is the current frame.

    The alignment network starts with random weights, as every network here does, and is never trained: give it some with
    ``use_aligner``. Only ``head`` is trained.

    Output: ``features`` (B, 128) the classifier's hidden vector; ``extra["attention"]`` (B, 1, S/4, S/4) sum of the heat maps of
    the current frame.
    """

    input_alignment: ClassVar[str] = "aunet"
    mirrored_test: ClassVar[bool] = True
    has_aligner: ClassVar[bool] = True

    def __init__(self, config: AUNetConfig) -> None:
        super().__init__(config)
        self.frames = 3 if config.use_tdn else 1  # type: ignore[misc]  # a setting here, a constant of other networks
        self.extractor = LandmarkFeatures(FAN(FANConfig(pool=config.fan_pool, image_size=config.image_size)))
        self.head = _head(config, self.extractor.channels)

    @property
    def neighbour_nose(self) -> str:  # type: ignore[override]  # a setting here, a constant of other networks
        """``config.nose``."""
        return str(self.config.nose)

    @property
    def interval(self) -> int:
        """T of ``config.interval`` with ``use_tdn``, 0 without."""
        return self.config.interval if self.config.use_tdn else 0

    @property
    def aligner_config(self) -> FANConfig:
        """Size of the frozen FAN."""
        return self.extractor.fan.config

    def criterion_arguments(self, labels: TrainingLabels) -> dict[str, Any]:
        """The label VAE of section IV-B with ``use_vae``, fitted to the training labels."""
        return {"vae": label_vaes(labels, self.config.vae_latent)} if self.config.use_vae else {}

    def open_stream(self) -> FaceStream | None:
        """One pass through FAN per frame of a track, with ``use_tdn``."""
        from aufait.models.aunet.track import AUNetTrack

        return AUNetTrack(self) if self.config.use_tdn else None

    def use_aligner(self, aligner: FaceAligner) -> None:
        """Take over the weights of a trained face aligner.

        Raises:
            InputError: the aligner has another number of stacks or points, or halves its maps in another way.
        """
        fan = self.extractor.fan
        wanted, got = (f.config for f in (fan, aligner.fan))
        if (wanted.stacks, wanted.points, wanted.pool) != (got.stacks, got.points, got.pool):
            raise InputError(
                f"this network needs an aligner of {wanted.stacks} stacks, {wanted.points} points and {wanted.pool}-pooling, got "
                f"{got.stacks}, {got.points} and {got.pool}; choose that aligner or set fan_pool"
            )
        fan.load_state_dict(aligner.fan.state_dict())

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """images (B, 3, S, S), or (B, 3, 3, S, S) = current, earlier and later frame -> ``AUOutput``."""
        images, _ = self.prepare(images, landmarks)
        if isinstance(self.head, DifferenceHead):
            features, attention = self.extractor(images.flatten(0, 1))  # (3 B, 768, S/4, S/4)
            current, earlier, later = features.unflatten(0, (-1, 3)).unbind(1)
            logits, hidden = self.head(current, earlier, later)
            attention = attention[::3]
        else:
            features, attention = self.extractor(images)
            logits, hidden = self.head(features)
        return AUOutput(logits=logits, features=hidden, extra={"attention": attention})


def _head(config: AUNetConfig, channels: int) -> StaticHead | DifferenceHead:
    count = len(config.action_units)
    if config.use_tdn:
        return DifferenceHead(count, alpha=config.alpha, beta=config.beta, channels=channels, hidden=config.hidden_size)
    return StaticHead(count, channels=channels, hidden=config.hidden_size)


def mirrored_logits(model: AUSystem, images: Tensor) -> Tensor:
    """Mean of the logits of the images and of their mirror images, as AUNet's released test program predicts.

    Args:
        model: a network that reads no landmarks; its mode is left as it is, so call ``eval()`` first.
        images: as the network takes them, (B, 3, S, S) or (B, 3, 3, S, S); all frames of a face are mirrored.

    Returns:
        Logits (B, A).

    Raises:
        InputError: the network reads landmarks, which would have to be mirrored too.
    """
    if model.landmark_points:
        raise InputError(f"{type(model).__name__} reads landmarks; mirror images and landmarks with aufait.alignment.mirror")
    both = model(torch.cat((images, images.flip(-1)))).logits
    plain, mirrored = both.chunk(2)
    return (plain + mirrored) / 2

"""Settings of ResNet18, the image-only baseline of AUNet, with or without AUNet's two additions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aufait.errors import InputError
from aufait.layers.timm_backbone import is_timm
from aufait.models.configuration import ModelConfig
from aufait.models.trial import LARGER, Trial, sizes


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(ModelConfig):
    """ResNet18 on faces, from scratch."""

    SYSTEM: ClassVar[str] = "resnet18"
    TRIAL: ClassVar[Trial] = Trial(
        quick={**sizes(image_size=128), "batch_size": 16}, tiny=sizes(image_size=64, interval=3), drawn=LARGER
    )

    image_size: int = 256
    """Side of the square input in pixels (AUNet section V-C); a multiple of 32."""

    backbone: str = "resnet18"
    """What makes the last feature map: "resnet18", or "timm:NAME", a network of the timm collection with fresh weights."""

    normalization: str = "none"
    """"none": pixels in [0, 1], as AU-FAN's (AUNet section V-D: the same settings); "imagenet": minus ImageNet's mean, divided by
    its deviation, for weights trained there."""

    use_vae: bool = False
    """Whether the loss has AUNet's consistency term (ResNet18-A, AUNet section V-F)."""

    use_tdn: bool = False
    """Whether the network reads an earlier and a later frame (ResNet18-A, AUNet section V-F)."""

    interval: int = 10
    """Frames between the current frame and its neighbours (AUNet section V-E); the network itself does not use it."""

    nose: str = "subnasale"
    """Third of the five points by which neighbours are aligned to the current frame: "subnasale" (68: 33, released demo) or
    "nose_tip", which RetinaFace gives in the released training."""

    alpha: float = 0.9
    """Weight of the static feature where the difference is added (as in AUNet's released program)."""

    beta: float = 0.1
    """Weight of the difference feature (as in AUNet's released program)."""

    vae_latent: int | None = None
    """Latent size that the label VAE must have (AUNet section V-C); None takes any."""

    vae_loss: str = "paper"
    """Distance of the latent distributions: "paper" (AUNet eq. 3) or "released"."""

    align_space: str = "latent"
    """What is aligned, the VAE's "latent" distributions or its outputs, "label" (AUNet section V-E)."""

    consistency_weight: float = 1.0
    """gamma, weight of the consistency loss (AUNet eq. 4)."""

    def validate(self) -> None:
        """See ``ModelConfig.validate``."""
        self._multiple("image_size", 32, "the network halves it five times")
        if not is_timm(self.backbone):
            self._choose("backbone", ("resnet18", "timm:NAME"))
        if self.backbone != "resnet18" and self.use_tdn:
            raise InputError(f"resnet18: use_tdn adds differences inside ResNet18's layers, got backbone {self.backbone!r}")
        self._choose("normalization", ("none", "imagenet"))
        self._choose("vae_loss", ("paper", "released"))
        self._choose("nose", ("subnasale", "nose_tip"))
        self._choose("align_space", ("latent", "label"))
        self._at_least("interval", 1)
        self._at_least("consistency_weight", 0)
        if self.vae_latent is not None:
            self._at_least("vae_latent", 1)

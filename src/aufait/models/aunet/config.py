"""Settings of AUNet and its ablations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aufait.models.configuration import ModelConfig
from aufait.models.trial import LARGER, Trial, sizes


@dataclass(frozen=True, kw_only=True)
class AUNetConfig(ModelConfig):
    """AU-FAN with the label regulariser (VAE) and the temporal difference (TDN) switched on or off."""

    SYSTEM: ClassVar[str] = "aunet"
    TRIAL: ClassVar[Trial] = Trial(
        quick={**sizes(image_size=128), "batch_size": 16, "aligner": "random"},
        small={"epochs": 6, "aligner": "fit"},  # networks of three frames cost most, and most of them is frozen
        tiny=sizes(image_size=64, interval=3),
        drawn=LARGER,
    )

    image_size: int = 256
    """Side of the square input in pixels (section V-C); a multiple of 64."""

    use_vae: bool = True
    """Whether the loss aligns predictions and labels in the space of a label VAE (section IV-B, table VI)."""

    use_tdn: bool = True
    """Whether the network reads an earlier and a later frame (section IV-C, table VI)."""

    interval: int = 10
    """T, frames between the current frame and its neighbours (section V-E); the network itself does not use it."""

    nose: str = "subnasale"
    """Third of the five points by which neighbours are aligned to the current frame: "subnasale" (68: 33, released demo) or
    "nose_tip", which RetinaFace gives in the released training."""

    alpha: float = 0.9
    """Weight of the static feature where the difference is added (released program; the paper adds without weights)."""

    beta: float = 0.1
    """Weight of the difference feature (released program)."""

    fan_pool: str = "max"
    """How FAN halves its maps: "max" (released program) or "avg" (FAN weights of the face-alignment package)."""

    hidden_size: int = 128
    """Size of the classifier's hidden layer (section IV-A; the size is the released program's)."""

    vae_latent: int | None = None
    """k, latent size that the label VAE must have: 8 for BP4D, 6 for DISFA, 5 for AffWild2 (section V-C); None takes any."""

    vae_loss: str = "paper"
    """Distance of the latent distributions: "paper" (eq. 3) or "released", whose spread term is the prediction's alone."""

    align_space: str = "latent"
    """What is aligned: the VAE's "latent" distributions, or its outputs ("label"), which scored lower (section V-E)."""

    consistency_weight: float = 1.0
    """gamma, weight of the consistency loss (eq. 4, section V-C)."""

    def validate(self) -> None:
        """See ``ModelConfig.validate``."""
        self._multiple("image_size", 64, "FAN and the head halve it six times")
        self._at_least("interval", 1)
        self._at_least("hidden_size", 1)
        self._choose("fan_pool", ("max", "avg"))
        self._choose("vae_loss", ("paper", "released"))
        self._choose("nose", ("subnasale", "nose_tip"))
        self._choose("align_space", ("latent", "label"))
        self._at_least("consistency_weight", 0)
        if self.vae_latent is not None:
            self._at_least("vae_latent", 1)

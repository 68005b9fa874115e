"""TinyNet: three convolutions and one attention map per action unit. Any torch module can take its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from aufait import AUOutput, AUSystem, ModelConfig, ModelEntry, OccurrenceCriterion


@dataclass(frozen=True, kw_only=True)
class TinyConfig(ModelConfig):
    """Settings of TinyNet."""

    SYSTEM: ClassVar[str] = "tiny-net"

    image_size: int = 96
    """Side of the input in pixels."""

    width: int = 16
    """Channels of the first convolution."""


class TinyNet(AUSystem):
    """Reads faces as ARL does (``input_alignment``), 96 pixels, values in [-1, 1]."""

    input_alignment: ClassVar[str] = "arl"
    pixel_mean: ClassVar[float] = 0.5
    pixel_std: ClassVar[float] = 0.5

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        units, width = len(config.action_units), config.width
        self.first = nn.Conv2d(3, width, 5, stride=2, padding=2)
        self.second = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.attention = nn.Conv2d(2 * width, units, 1)
        self.evidence = nn.Conv2d(2 * width, units, 1)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """(B, 3, S, S) RGB in [0, 1] -> logits (B, A) and maps (B, A, S/4, S/4)."""
        images, _ = self.prepare(images)
        features = F.relu(self.second(F.relu(self.first(images))))
        maps = self.attention(features).sigmoid()
        logits = (maps * self.evidence(features)).mean(dim=(2, 3))
        return AUOutput(logits=logits, attention_maps=maps)


ENTRY = ModelEntry(
    name="tiny-net",
    network=TinyNet,
    config=TinyConfig,
    criterion=OccurrenceCriterion,
    summary="Three convolutions and an attention map per action unit",
    paper="an example, no paper",
)

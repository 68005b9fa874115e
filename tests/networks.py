"""Small networks that follow the contract, for tests of everything round a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from aufait.models.configuration import ModelConfig
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem


@dataclass(frozen=True, kw_only=True)
class EchoConfig(ModelConfig):
    SYSTEM: ClassVar[str] = "echo"

    image_size: int = 48


class Echo(AUSystem):
    """Says how bright its input is, where its landmarks are, and looks at the upper left quarter for each action unit."""

    landmark_points: ClassVar[int] = 49

    def __init__(self, config: EchoConfig) -> None:
        super().__init__(config)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        images, points = self.prepare(images, landmarks)
        brightness = self.scale * images.mean((1, 2, 3))
        logits = brightness[:, None] + torch.arange(len(self.action_units))
        maps = images.new_zeros(len(images), len(self.action_units), 12, 12)
        maps[:, :, :6, :6] = 1.0
        return AUOutput(logits=logits, landmarks=points, attention_maps=maps)


@dataclass(frozen=True, kw_only=True)
class BeforeAndAfterConfig(ModelConfig):
    SYSTEM: ClassVar[str] = "before_and_after"

    image_size: int = 16


class BeforeAndAfter(AUSystem):
    """Logits are the mean brightness of the earlier, the current and the later frame."""

    frames: ClassVar[int] = 3
    input_alignment: ClassVar[str] = "aunet"

    @property
    def interval(self) -> int:
        return 2

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        images, _ = self.prepare(images)
        current, earlier, later = images.mean((2, 3, 4)).unbind(1)
        return AUOutput(logits=torch.stack((earlier, current, later), dim=1))

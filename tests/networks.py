"""Small networks that follow the contract, and faces for them, for tests of everything around a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from aufait.faces.face import Face
from aufait.models.configuration import ModelConfig
from aufait.models.outputs import AUOutput
from aufait.models.system import _MEAN_FACE_49, AUSystem


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


def face(x: float = 40.0, y: float = 30.0, size: float = 90.0, track: int = 0) -> Face:
    """A face with the 68 points of a plausible mean face."""
    inner = np.array(_MEAN_FACE_49)
    jaw = np.stack([np.linspace(0.18, 0.82, 17), 0.4 + 0.55 * np.sin(np.linspace(0, np.pi, 17))], 1)
    points = np.concatenate([jaw, inner[:43], inner[:1], inner[43:], inner[:1]])
    points = (np.array([x, y]) + size * points).astype(np.float32)
    return Face(np.array([*points.min(0), *points.max(0)], np.float32), 0.9, points, None, track)


def picture(seed: int = 0, light: int = 0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).integers(40, 200, (160, 200, 3)) + light, 0, 255).astype(np.uint8)

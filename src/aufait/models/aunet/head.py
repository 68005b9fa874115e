"""What AUNet trains on top of the frozen features: the single-frame head, and the parts that both heads share.

Paper: Yang et al., "Towards Robust Facial Action Units Detection" (AUNet), section IV-A, figures 4 (c) and 5.
The paper names a hidden layer, ReLU and a linear layer; the BatchNorm1d between them is in the released program only.

State-dict order equals that of the released ``predictor`` modules, so that files can be read by position; ``RELEASED_NAMES``
of each head maps our submodule names to the released ones for reading by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from torch import Tensor, nn

from aufait.models.fan.blocks import ConvBlock


class AUClassifier(nn.Sequential):
    """FC, BatchNorm1d, ReLU, FC; entries 0, 1 and 3 hold the weights.

    Args:
        action_units: how many logits.
        width: channels of the pooled vector.
        hidden: size of the layer between.
    """

    def __init__(self, action_units: int, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, action_units))

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """(B, C, H, W) -> logits (B, A) and the hidden vector (B, hidden) that they come from."""
        linear, norm, activation, output = self
        hidden = activation(norm(linear(feature_map.mean(dim=(-2, -1)))))
        return output(hidden), hidden


def conv_stages(count: int, width: int) -> nn.Sequential:
    """``count`` times a ConvBlock and a 2x2 max-pooling; blocks at the even positions."""
    stages: list[nn.Module] = []
    for _ in range(count):
        stages += [ConvBlock(width, width), nn.MaxPool2d(2)]
    return nn.Sequential(*stages)


class StaticHead(nn.Module):
    """Head of AU-FAN and AU-VAE: one frame. 1,857,164 parameters for 12 action units.

    The released program ends in an average over 4x4 pixels; that is the whole map for faces of 256 pixels, and so the mean
    over the map works for other sizes too.

    Args:
        action_units: how many logits.
        channels: of the combined feature (768).
        width: of the convolutions (256).
        hidden: of the classifier (128).
    """

    RELEASED_NAMES: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"project": "conv1x1", "stages": "ConvNet", "classifier": "predictor"}
    )

    def __init__(self, action_units: int, *, channels: int = 768, width: int = 256, hidden: int = 128) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, width, 1)
        self.stages = conv_stages(4, width)
        self.classifier = AUClassifier(action_units, width, hidden)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, 768, H, W), H and W multiples of 16 -> logits (B, A), hidden vector (B, 128)."""
        logits, hidden = self.classifier(self.stages(self.project(features)))
        return logits, hidden

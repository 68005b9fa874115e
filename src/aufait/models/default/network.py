"""The default AU network: a small residual network on the aligned crop with one ordinal output per AU and side.

Our design; no published system. Only training on mirrored crops makes the outputs agree for a face and its mirror image; the
predictor averages a crop and its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.layers.conv_block import conv_block
from aufait.models.default.ordinal import LEVELS, monotone_logits


@dataclass(frozen=True)
class AUNetworkConfig:
    """Sizes of the network; all by our own choice, for two CPU cores."""

    action_units: tuple[int, ...] = DEFAULT_ACTION_UNITS
    """Action units in output order."""
    widths: tuple[int, int, int, int] = (24, 56, 104, 192)
    """Channels at 56, 28, 14 and 7 px."""
    blocks: tuple[int, int, int] = (1, 2, 2)
    """Residual blocks at 28, 14 and 7 px."""
    reduced: int = 64
    """Channels before the flattening that keeps where on the face something is."""
    hidden: int = 320
    """Width of the layer before the outputs."""
    dropout: float = 0.2
    """Dropped share before each linear layer while training."""


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_block(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return self.activation(self.second(self.first(feature_map)).add_(feature_map))


class AUNetwork(nn.Module):
    """(B, 1, 112, 112) normalised grey crops -> (B, A, 2, 5) logits of level >= 1..5; side 0 is the subject's left."""

    def __init__(self, config: AUNetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config or AUNetworkConfig()
        w, b = self.config.widths, self.config.blocks
        self.features = nn.Sequential(
            conv_block(1, w[0], stride=2),  # 56
            conv_block(w[0], w[1], stride=2),  # 28
            *(ResidualBlock(w[1]) for _ in range(b[0])),
            conv_block(w[1], w[2], stride=2),  # 14
            *(ResidualBlock(w[2]) for _ in range(b[1])),
            conv_block(w[2], w[3], stride=2),  # 7
            *(ResidualBlock(w[3]) for _ in range(b[2])),
        )
        outputs = len(self.config.action_units) * 2 * LEVELS
        self.head = nn.Sequential(
            nn.Conv2d(w[3], self.config.reduced, 1, bias=False),
            nn.BatchNorm2d(self.config.reduced),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Dropout(self.config.dropout),
            nn.Linear(self.config.reduced * 49, self.config.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(self.config.dropout),
            nn.Linear(self.config.hidden, outputs),
        )

    def forward(self, crops: Tensor) -> Tensor:
        raw = self.head(self.features(crops))  # (B, A * 2 * 5)
        return monotone_logits(raw.unflatten(1, (-1, 2, LEVELS)).float())  # not len(): exporters leave the batch free

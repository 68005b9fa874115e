"""The block that FAN and AUNet are built of: three convolutions whose outputs are side by side, plus the input.

Papers: Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV 2017, section 3
("hierarchical, parallel and multi-scale block"); AUNet (Yang et al.), figure 5.
Submodule names are those of the released state dicts. Differs from the released programs in: nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Pre-activated 3x3 convolutions of i -> o/2 -> o/4 -> o/4 channels, joined to o channels, with a shortcut.

    Args:
        in_channels: i.
        out_channels: o, a multiple of 4. Where it differs from i, the shortcut is a pre-activated 1x1 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        half, quarter = out_channels // 2, out_channels // 4
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.downsample: nn.Module | None = None
        if in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(in_channels), nn.ReLU(), nn.Conv2d(in_channels, out_channels, 1, bias=False)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, i, H, W) -> (B, o, H, W)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        first = self.conv1(F.relu(self.bn1(features)))    # (B, o/2, H, W)
        second = self.conv2(F.relu(self.bn2(first)))      # (B, o/4, H, W)
        third = self.conv3(F.relu(self.bn3(second)))      # (B, o/4, H, W)
        return torch.cat((first, second, third), dim=1) + shortcut

"""Spatial attention: each action unit weights the pixels of its own branch.

Paper: ARL (Shao et al., IEEE Transactions on Affective Computing, 2019), section 3.3 after equation (2), and equation (6).
From the released program, where the paper is silent: the features f(3s) pass through BatchNorm and TanH, and the product of
equation (6) through BatchNorm and ReLU.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.grouped import grouped_conv


class SpatialAttention(nn.Module):
    """f(3) -> pixel features f(3s) and the log-odds s of the initial attention v(0s) = sigmoid(s).

    Args:
        action_units: A branches.
        channels: C of one branch, 8 c in the paper.
        pixel_channels: D features per pixel, 2 c in the paper.
    """

    def __init__(self, action_units: int, channels: int, pixel_channels: int) -> None:
        super().__init__()
        self.action_units = action_units
        self.features = grouped_conv(action_units, channels, pixel_channels, padding=1)
        self.norm = nn.BatchNorm2d(action_units * pixel_channels)
        self.attention = grouped_conv(action_units, pixel_channels, 1, padding=1)

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """(B, A * C, H, W) -> log-odds (B, A, H, W) and pixel features (B, A, D, H, W) in (-1, 1)."""
        features = self.norm(self.features(feature_map)).tanh()
        return self.attention(features), features.unflatten(1, (self.action_units, -1))


class AttendedConvolution(nn.Module):
    """f(3) and attention v(s) -> f(s): convolution to f(4), product with the attention, BatchNorm, ReLU (eq. 6)."""

    def __init__(self, action_units: int, channels: int) -> None:
        super().__init__()
        self.action_units = action_units
        self.conv = grouped_conv(action_units, channels, channels, padding=1)
        self.norm = nn.BatchNorm2d(action_units * channels)

    def forward(self, feature_map: Tensor, attention_maps: Tensor) -> Tensor:
        """(B, A * C, H, W) and (B, A, H, W) -> (B, A * C, H, W)."""
        branches = self.conv(feature_map).unflatten(1, (self.action_units, -1))
        weighted = (branches * attention_maps[:, :, None]).flatten(1, 2)
        return F.relu(self.norm(weighted))

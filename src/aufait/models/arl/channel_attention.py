"""Channel-wise attention: each action unit weights the channels of its own branch.

Paper: ARL (Shao et al., IEEE Transactions on Affective Computing, 2019), section 3.3, equations (1) and (2).
Differs from the equations, as the released program does: the product is followed by BatchNorm and ReLU.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.grouped import GroupedLinear, grouped_conv


class BranchConvolution(nn.Module):
    """3x3 convolution, BatchNorm and ReLU in the branch of each action unit.

    Args:
        action_units: A branches, each with its own weights.
        in_channels, out_channels: of one branch.
        shared_input: whether all branches read the same map (B, in, H, W), as the first layer of the branches does.
    """

    def __init__(self, action_units: int, in_channels: int, out_channels: int, *, shared_input: bool = False) -> None:
        super().__init__()
        if shared_input:
            self.conv = nn.Conv2d(in_channels, action_units * out_channels, 3, padding=1)
        else:
            self.conv = grouped_conv(action_units, in_channels, out_channels, padding=1)
        self.norm = nn.BatchNorm2d(action_units * out_channels)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, A * in, H, W) -> (B, A * out, H, W)."""
        return F.relu(self.norm(self.conv(feature_map)))


class ChannelAttention(nn.Module):
    """f(1) -> f(c) and v(c), for all branches at once.

    Args:
        action_units: A branches.
        channels: C of one branch, 8 c in the paper.
    """

    def __init__(self, action_units: int, channels: int) -> None:
        super().__init__()
        self.gate = GroupedLinear(action_units, channels, channels)
        self.conv = grouped_conv(action_units, channels, channels, padding=1)
        self.norm = nn.BatchNorm2d(action_units * channels)

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """(B, A * C, H, W) -> weighted map of that shape, and the weights (B, A, C) in [0, 1]."""
        action_units, channels = self.gate.weight.shape[:2]
        pooled = feature_map.mean((-2, -1)).reshape(-1, action_units, channels)  # f(1c)
        weights = self.gate(pooled).sigmoid()  # v(c)
        weighted = self.conv(feature_map) * weights.flatten(1)[..., None, None]
        return F.relu(self.norm(weighted)), weights

"""One network per action unit (or patch), run at once: groups of a convolution, and a batch of matrix products.

Shape letters: G groups, C channels of one group. Feature maps of all groups are side by side on the channel axis,
(B, G * C, H, W), group by group; vectors have their own axis, (B, G, C).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def grouped_conv(
    groups: int, in_channels: int, out_channels: int, kernel: int = 3, *, stride: int = 1, padding: int = 0
) -> nn.Conv2d:
    """A convolution with its own weights for each group; channels are those of one group.

    PyTorch's default initialisation depends on the fan-in of one group alone, so it equals that of separate layers.
    """
    return nn.Conv2d(groups * in_channels, groups * out_channels, kernel, stride, padding, groups=groups)


class GroupedLinear(nn.Module):
    """One fully connected layer per group, (B, G, in_features) -> (B, G, out_features).

    Weight (G, out, in), bias (G, out); initialised as G separate ``nn.Linear`` layers would be.
    """

    def __init__(self, groups: int, in_features: int, out_features: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, out_features, in_features))
        self.bias = nn.Parameter(torch.empty(groups, out_features)) if bias else None
        bound = 1 / math.sqrt(in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, features: Tensor) -> Tensor:
        """(B, G, in_features) -> (B, G, out_features)."""
        product = torch.bmm(features.transpose(0, 1), self.weight.transpose(1, 2)).transpose(0, 1)
        return product if self.bias is None else product + self.bias

    def extra_repr(self) -> str:
        groups, out_features, in_features = self.weight.shape
        return f"groups={groups}, in_features={in_features}, out_features={out_features}, bias={self.bias is not None}"

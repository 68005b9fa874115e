"""Gated fusion cell: at every pixel and channel, a gate chooses between two maps.

Paper: MGRR-Net section III-B3 and eq. 8, 9. Our reading where it is silent: the l2 norm runs over the channels of a pixel, the
1x1 convolutions have biases and no padding, and all action units share the cell that fuses patches with the global map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aufait.layers.grouped import grouped_conv

# Small enough to change nothing, large enough for its reciprocal to be a number in half precision.
_SMALLEST_NORM = 1e-4


class GatedFusion(nn.Module):
    """beta n(W_X X) + (1 - beta) n(W_Y Y) with beta = sigmoid(W'_X X + W'_Y Y) and n the l2 normalisation.

    X may hold several maps side by side, such as the patches of all action units, each of which is fused with the one map Y.

    Args:
        channels: channels C of one map.
        norm: "channel" normalises each pixel, "all" each map.
        groups: 1 gives all maps of X the same weights, the number of maps gives each its own.
    """

    def __init__(self, channels: int, *, norm: str = "channel", groups: int = 1) -> None:
        super().__init__()
        self.channels, self.groups = channels, groups
        self._norm_axes = (2,) if norm == "channel" else (2, 3, 4)
        # W' and W read the same map: one convolution gives gates and values.
        self.first = grouped_conv(groups, channels, 2 * channels, 1)
        self.second = nn.Conv2d(channels, groups * 2 * channels, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """X (B, G * C, M, M) and Y (B, C, M, M) -> (B, G * C, M, M)."""
        maps = first.shape[1] // self.channels
        # Maps with separate weights stay side by side; maps that share weights are treated as further faces.
        stacked = first.unflatten(1, (maps, -1)).flatten(0, 1) if self.groups == 1 else first
        gate_x, value_x = self._split(self.first(stacked), maps)  # (B, G, C, M, M)
        gate_y, value_y = self._split(self.second(second), self.groups)  # (B, G or 1, C, M, M)
        gate = (gate_x + gate_y).sigmoid()
        value_x, value_y = self._normalise(value_x), self._normalise(value_y)
        return (value_y + gate * (value_x - value_y)).flatten(1, 2)

    def _split(self, projected: Tensor, maps: int) -> tuple[Tensor, Tensor]:
        height, width = projected.shape[-2:]
        gates, values = projected.reshape(-1, maps, 2, self.channels, height, width).unbind(2)
        return gates, values

    def _normalise(self, values: Tensor) -> Tensor:
        # Summed in float32 at least: the squares of a map may exceed the range of half precision.
        precision = torch.float64 if values.dtype == torch.float64 else torch.float32
        norm = torch.linalg.vector_norm(values, dim=self._norm_axes, keepdim=True, dtype=precision)
        return values / norm.clamp(min=_SMALLEST_NORM).to(values.dtype)

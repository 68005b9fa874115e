"""Region layer: the feature map is cut into 8x8 regions, each of which has its own small residual block.

Paper: DRML (Zhao, Chu and Zhang, CVPR 2016); the block follows the authors' Caffe release: normalisation without scale and shift,
ReLU and a 3x3 convolution, padded at the region's own border, added to the region. Also here: the local response normalisation
after the pooling.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import use_fast_path
from aufait.layers.grouped import grouped_conv
from aufait.layers.region_stage import join_patches, split_patches

REGION_NORMS = ("running", "batch", "affine")
"""See ``DRMLConfig.region_norm``."""


class RegionLayer(nn.Module):
    """All regions at once: one BatchNorm over all their channels and one grouped convolution.

    Args:
        grid: regions per side.
        channels: of the feature map.
        norm: one of ``REGION_NORMS``.
    """

    def __init__(self, grid: int, channels: int, norm: str = "running") -> None:
        super().__init__()
        self.grid = grid
        count = grid * grid * channels
        self.norm = nn.BatchNorm2d(count, affine=norm == "affine", track_running_stats=norm != "batch")
        self.conv = grouped_conv(grid * grid, channels, channels, padding=1)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W); H and W are multiples of the grid."""
        if use_fast_path(self, feature_map):
            return self._fast(feature_map)
        # With channels last a CPU's grouped convolution takes half the time for a batch of faces.
        regions = split_patches(feature_map, self.grid).contiguous(memory_format=torch.channels_last)
        return feature_map + join_patches(self.conv(F.relu(self.norm(regions))), self.grid)

    def _fast(self, feature_map: Tensor) -> Tensor:
        """The same on channels-last memory: regions are moved in runs of C numbers, and the sum is written where it belongs."""
        feature_map = feature_map.contiguous(memory_format=torch.channels_last)
        batch, channels, height, width = feature_map.shape
        grid, rows, columns = self.grid, height // self.grid, width // self.grid

        def by_region(whole: Tensor) -> Tensor:  # (B, C, H, W) -> a view (B, H / grid, W / grid, grid, grid, C)
            return whole.permute(0, 2, 3, 1).view(batch, grid, rows, grid, columns, channels).permute(0, 2, 4, 1, 3, 5)

        regions = by_region(feature_map).reshape(batch, rows, columns, grid * grid * channels).permute(0, 3, 1, 2)
        change = self.conv(self.norm(regions).relu_()).permute(0, 2, 3, 1)
        result = torch.empty_like(feature_map)
        torch.add(by_region(feature_map), change.reshape(batch, rows, columns, grid, grid, channels), out=by_region(result))
        return result


class ChannelResponseNorm(nn.Module):
    """Local response normalisation x / (1 + alpha / n * sum over n neighbouring channels of x^2)^beta.

    PyTorch's own module pools in three dimensions for it, which not every device and export format has.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75) -> None:
        super().__init__()
        self.size, self.alpha, self.beta = size, alpha, beta

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        channels, half = feature_map.shape[1], self.size // 2
        # Squares leave the range of half precision early.
        squares = F.pad(feature_map.float().square(), (0, 0, 0, 0, half, self.size - 1 - half))
        total = squares[:, :channels]
        for shift in range(1, self.size):
            total = total + squares[:, shift : shift + channels]
        return (feature_map / (1 + self.alpha / self.size * total) ** self.beta).to(feature_map.dtype)

    def extra_repr(self) -> str:
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}"

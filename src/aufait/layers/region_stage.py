"""One stage of region learning: each patch of the face has its own small convolution.

Papers and departures: see ``region_learning``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.grouped import grouped_conv

GRIDS = (8, 4, 2)
"""Patches per side in the three branches of a stage."""


def split_patches(feature_map: Tensor, grid: int) -> Tensor:
    """(B, C, H, W) -> (B, grid * grid * C, H / grid, W / grid): the patches side by side, row by row."""
    batch, channels, height, width = feature_map.shape
    cells = feature_map.reshape(batch, channels, grid, height // grid, grid, width // grid)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, grid * grid * channels, height // grid, width // grid)


def join_patches(patches: Tensor, grid: int) -> Tensor:
    """Inverse of ``split_patches``."""
    batch, channels, height, width = patches.shape
    channels //= grid * grid
    cells = patches.reshape(batch, grid, grid, channels, height, width)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, grid * height, grid * width)


class PatchConvolution(nn.Module):
    """BatchNorm, ReLU and a 3x3 convolution, each patch with its own weights and zero padding at its own borders."""

    def __init__(self, grid: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.grid = grid
        patches = grid * grid
        self.norm = nn.BatchNorm2d(patches * in_channels)
        self.conv = grouped_conv(patches, in_channels, out_channels, padding=1)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H, W)."""
        patches = split_patches(feature_map, self.grid)
        return join_patches(self.conv(F.relu(self.norm(patches))), self.grid)


class RegionStage(nn.Module):
    """One stage: a convolution, three branches of ever larger patches, their sum with the convolution, pooling by 2."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1)
        widths = (channels, channels // 2, channels // 4, channels // 4)
        self.branches = nn.ModuleList(
            PatchConvolution(grid, width, next_width) for grid, width, next_width in zip(GRIDS, widths, widths[1:], strict=False)
        )
        self.norm = nn.BatchNorm2d(channels)

    def patch_convolutions(self) -> list[PatchConvolution]:
        """The three branches."""
        return [branch for branch in self.branches if isinstance(branch, PatchConvolution)]

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, channels, H / 2, W / 2)."""
        shared = self.conv(feature_map)
        branch1 = self.branches[0](shared)
        branch2 = self.branches[1](branch1)
        branch3 = self.branches[2](branch2)
        merged = shared + torch.cat([branch1, branch2, branch3], dim=1)
        return F.max_pool2d(F.relu(self.norm(merged)), 2)

"""Hierarchical and multi-scale region learning: each patch of the face has its own small convolution.

Papers: JAA-Net (Shao et al., ECCV 2018; IJCV 2021), section 3.1; ARL (Shao et al., TAFFC 2019), section 3.2, where the same
module is called HMR. MGRR-Net and ABRNet use it as their stem. Layer sizes as in the released programs of both.
Differs from them in: nothing but the arithmetic order; all patches of a branch are one grouped convolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import in_blocks, use_fast_path
from aufait.layers.grouped import grouped_conv
from aufait.layers.region_fast import FastStage

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


REGION_BLOCK_BYTES = 4 * 2**20
"""Largest map of a block of faces in the fast form; smaller than elsewhere, as these layers wait for memory, not arithmetic."""


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


class RegionLearning(nn.Module):
    """Two region stages, (B, 3, S, S) -> (B, 8 c, S / 4, S / 4); 1,615,392 parameters for c = 8.

    Args:
        unit: c of the papers; the stages have 4 c and 8 c channels.
    """

    SIZE_FACTOR = 2 * GRIDS[0]
    """The side of the image must be a multiple of this, so that the second stage divides into patches."""

    def __init__(self, unit: int = 8) -> None:
        super().__init__()
        self.out_channels = 8 * unit
        self.stages = nn.ModuleList([RegionStage(3, 4 * unit), RegionStage(4 * unit, 8 * unit)])

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> shared feature map (B, 8 c, S / 4, S / 4)."""
        if use_fast_path(self, images):
            return self._fast(images)
        return self.stages[1](self.stages[0](images))

    def _fast(self, features: Tensor) -> Tensor:
        for stage in self.stages:
            assert isinstance(stage, RegionStage)
            fast = FastStage(stage, features.shape[-1])
            pixels = features.shape[-2] * features.shape[-1]
            # Each block reads all weights of the stage, hence should have at least as much to do with them.
            budget = max(REGION_BLOCK_BYTES, 2 * fast.weight_bytes)
            features = in_blocks(fast, 4 * fast.channels * pixels, features, budget=budget)
        return features

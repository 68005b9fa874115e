"""Hierarchical and multi-scale region learning: each patch of the face has its own small convolution.

Papers: JAA-Net (Shao et al., ECCV 2018; IJCV 2021), section 3.1; ARL (Shao et al., TAFFC 2019), section 3.2, where the same
module is called HMR. MGRR-Net and ABRNet use it as their stem. Layer sizes as in the released programs of both.
Differs from them only in the arithmetic order: all patches of a branch are one grouped convolution.
"""

from __future__ import annotations

from torch import Tensor, nn

from aufait.layers.fast_path import in_blocks, use_fast_path
from aufait.layers.region_fast import FastStage
from aufait.layers.region_stage import GRIDS, RegionStage

REGION_BLOCK_BYTES = 4 * 2**20
"""Largest map of a block of faces in the fast form; smaller than elsewhere, as these layers wait for memory, not arithmetic."""


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
            # Each block reads all weights of the stage, so it should have at least as much work to do with them.
            budget = max(REGION_BLOCK_BYTES, 2 * fast.weight_bytes)
            features = in_blocks(fast, 4 * fast.channels * pixels, features, budget=budget)
        return features

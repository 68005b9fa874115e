"""High-level feature extractor of JAA-Net, one or one per action unit.

Paper: JAA-Net (Shao et al., ECCV 2018; IJCV 2021); sizes as in its released program: three blocks of two 3x3 convolutions with
BatchNorm and ReLU and a max pooling, 12 c, 16 c and 20 c channels. MGRR-Net and ABRNet use it too.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import fold_norm, in_blocks, max_pool_2, use_fast_path
from aufait.layers.grouped import grouped_conv

_BLOCK_LAYERS = 7
"""Layers of a block: twice convolution, BatchNorm and ReLU, then the pooling."""


class HighLevelExtractor(nn.Module):
    """(B, G * in, H, W) -> (B, G * 20 c, H / 8, W / 8), group by group; 813,312 parameters per group for in = 64.

    Args:
        in_channels: channels of one group.
        unit: c of the paper.
        groups: G extractors with separate weights, side by side.
    """

    def __init__(self, in_channels: int = 64, unit: int = 8, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups
        self.out_channels = 20 * unit
        layers: list[nn.Module] = []
        width = in_channels
        for out in (12 * unit, 16 * unit, 20 * unit):
            for block_in in (width, out):
                layers += [
                    grouped_conv(groups, block_in, out, padding=1),
                    nn.BatchNorm2d(groups * out),
                    nn.ReLU(inplace=True),
                ]
            layers.append(nn.MaxPool2d(2))
            width = out
        self.layers = nn.Sequential(*layers)

    def output_size(self, size: int) -> int:
        """Side of the output for an input of side ``size``."""
        return size // 8

    def forward(self, feature_map: Tensor, attention: Tensor | None = None) -> Tensor:
        """Extract features.

        Args:
            feature_map: (B, G * in, H, W), or (B, in, H, W) that all groups share where ``attention`` is given.
            attention: (B, G, H, W); each group sees the shared map times its own attention.

        Returns:
            (B, G * 20 c, H / 8, W / 8).
        """
        if use_fast_path(self, feature_map):
            return self._fast(feature_map, attention)
        return self.layers(feature_map if attention is None else attend(feature_map, attention))

    def _fast(self, feature_map: Tensor, attention: Tensor | None) -> Tensor:
        inputs = (feature_map,) if attention is None else (feature_map, attention)
        for start in range(0, len(self.layers), _BLOCK_LAYERS):
            layers = list(self.layers)[start : start + _BLOCK_LAYERS]
            weights = (*fold_norm(layers[0], layers[1]), *fold_norm(layers[3], layers[4]))
            pixels = feature_map.shape[-2] * feature_map.shape[-1]
            feature_map = in_blocks(partial(self._fast_block, weights), 4 * len(weights[2]) * pixels, *inputs)
            inputs = (feature_map,)
        return feature_map

    def _fast_block(self, weights: tuple[Tensor, ...], feature_map: Tensor, attention: Tensor | None = None) -> Tensor:
        """Two convolutions with their normalisations folded in, and the pooling; the last ReLU has less to do after it."""
        if attention is not None:
            feature_map = attend(feature_map, attention, channels_last=True)
        features = F.conv2d(feature_map, weights[0], weights[1], padding=1, groups=self.groups).relu_()
        features = F.conv2d(features, weights[2], weights[3], padding=1, groups=self.groups)
        return max_pool_2(features).relu_()


def attend(feature_map: Tensor, attention: Tensor, *, channels_last: bool = False) -> Tensor:
    """Shared features (B, C, H, W) times the attention of each group (B, G, H, W) -> (B, G * C, H, W)."""
    if not channels_last:
        return (attention[:, :, None] * feature_map[:, None]).flatten(1, 2)
    batch, channels, height, width = feature_map.shape
    attended = feature_map.new_empty(batch, height, width, attention.shape[1], channels)
    torch.mul(feature_map.permute(0, 2, 3, 1).unsqueeze(3), attention.permute(0, 2, 3, 1).unsqueeze(4), out=attended)
    return attended.flatten(3).permute(0, 3, 1, 2)

"""High-level feature extractor of JAA-Net, one or one per action unit.

Paper: JAA-Net (Shao et al., ECCV 2018; IJCV 2021); sizes as in its released program: three blocks of two 3x3 convolutions with
BatchNorm and ReLU and a max pooling, 12 c, 16 c and 20 c channels. MGRR-Net and ABRNet use it too.
"""

from __future__ import annotations

from torch import Tensor, nn

from aufait.layers.grouped import grouped_conv


class HighLevelExtractor(nn.Module):
    """(B, G * in, H, W) -> (B, G * 20 c, H / 8, W / 8), group by group; 813,312 parameters per group for in = 64.

    Args:
        in_channels: channels of one group.
        unit: c of the paper.
        groups: G extractors with weights of their own, side by side.
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

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, G * in, H, W) -> (B, G * 20 c, H / 8, W / 8)."""
        return self.layers(feature_map)

"""Conv2 to Conv6: for each patch its own five convolutions, all patches at once as groups of one convolution.

Paper: section 2: filters of one number and size for all patches, weights for each patch alone, ReLU after each layer. With
one group the same layers are the "convnet" baseline of section 3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aufait.layers.grouped import grouped_conv
from aufait.models.deep_regions.config import ConvShape


class RegionLayers(nn.Module):
    """Convolutions with ReLU, with separate weights for each group.

    Args:
        groups: G patches.
        in_channels: C of one patch.
        shapes: of the convolutions, the first of which is Conv2.
    """

    def __init__(self, groups: int, in_channels: int, shapes: Sequence[ConvShape]) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for number, shape in enumerate(shapes, start=2):
            layers[f"conv{number}"] = grouped_conv(
                groups, in_channels, shape.filters, shape.kernel, stride=shape.stride, padding=shape.padding
            )
            # In place: the maps of all patches together are the largest tensors of the network.
            layers[f"relu{number}"] = nn.ReLU(inplace=True)
            in_channels = shape.filters
        self.groups = groups
        self.layers = nn.Sequential(layers)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, G * C, H, W) -> (B, G, D), D the channels, rows and columns of one patch's last map, in that order."""
        maps = self.layers(patches)  # (B, G * 8, h, w)
        maps = maps.contiguous(memory_format=torch.contiguous_format)
        return maps.unflatten(1, (self.groups, -1)).flatten(2)

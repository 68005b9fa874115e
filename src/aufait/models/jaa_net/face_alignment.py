"""Face alignment: the branch that locates landmarks, and whose feature map helps to detect action units.

Paper: JAA-Net (Shao et al., ECCV 2018; IJCV 2021), face alignment. MGRR-Net uses the same branch.
Departures: none from the released program; like it, the two fully connected layers have no activation between them.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.high_level import HighLevelExtractor


class FaceAlignment(nn.Module):
    """Shared feature map -> landmarks, and the feature map they were read from.

    Args:
        in_channels: channels of the shared feature map.
        unit: c of the paper; the alignment features have 20 c channels.
        map_size: side M of the shared feature map.
        landmarks: number N of points.
        hidden: width of the fully connected layer before the coordinates.
    """

    def __init__(self, in_channels: int = 64, unit: int = 8, map_size: int = 44, landmarks: int = 49, hidden: int = 512) -> None:
        super().__init__()
        self.extractor = HighLevelExtractor(in_channels, unit)
        self.out_channels = self.extractor.out_channels
        features = self.out_channels * self.extractor.output_size(map_size) ** 2
        self.hidden = nn.Linear(features, hidden)
        self.output = nn.Linear(hidden, 2 * landmarks)

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """(B, in, M, M) -> landmarks (B, N, 2) as x, y in pixels of the network's input, features (B, 20 c, M / 8, M / 8)."""
        features = self.extractor(feature_map)
        coordinates = _linear_in_float32(self.output, self.hidden(features.flatten(1)))  # x1, y1, x2, y2, ...
        return coordinates.unflatten(1, (-1, 2)), features


def _linear_in_float32(layer: nn.Linear, features: Tensor) -> Tensor:
    """Autocast would round coordinates to whole pixels: bfloat16 has 8 bits for values up to the side of the image."""
    precision = torch.float64 if features.dtype == torch.float64 else torch.float32
    weight, bias = layer.weight.to(precision), layer.bias.to(precision)
    device = features.device.type
    rounding = device != "meta" and torch.is_autocast_enabled(device)  # asking about "meta" is an error
    with torch.autocast(device, enabled=False) if rounding else nullcontext():
        return F.linear(features.to(precision), weight, bias)

"""ResNet18.

Paper: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.1, table 1 (18 layers) and
figure 3; projection shortcuts where the size changes (option B). Submodule names are those of common releases (conv1, bn1,
layer1.0.conv1, ...), so that weights trained on ImageNet can be read. Initialisation: He's, fan-out, for convolutions.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, (B, i, H, W) -> (B, o, H / stride, W / stride)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, i, H, W) -> (B, o, H / stride, W / stride)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        inner = F.relu(self.bn1(self.conv1(features)))
        return F.relu(self.bn2(self.conv2(inner)) + shortcut)


def residual_layer(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Two blocks, the first of which changes the size."""
    return nn.Sequential(BasicBlock(in_channels, out_channels, stride), BasicBlock(out_channels, out_channels))


class ResNet18Backbone(nn.Module):
    """The network without its classifier; ``stem`` and the four layers can be called one by one."""

    out_channels = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = residual_layer(64, 64, 1)
        self.layer2 = residual_layer(64, 128, 2)
        self.layer3 = residual_layer(128, 256, 2)
        self.layer4 = residual_layer(256, 512, 2)
        initialise(self)

    def stem(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, 64, S/4, S/4)."""
        return F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, 512, S/32, S/32)."""
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(images)))))


def initialise(module: nn.Module) -> None:
    """He's initialisation of all convolutions inside."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

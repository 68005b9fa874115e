"""FAN: stacked hourglasses that turn a face into one heat map per landmark.

Paper: Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV 2017, section 3.
Names and order of the state dict are those of the released files ("2dfan2", "2DFAN-4"), so that these can be read by name
and by position: conv1, bn1, conv2 .. conv4, then for each stack h: m{h}, top_m_{h}, conv_last{h}, bn_end{h}, l{h} and, but
for the last stack, bl{h}, al{h}.
Departures: none in the layers. The released programs differ from each other in how maps are halved (``FANConfig.pool``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.models.fan.blocks import ConvBlock
from aufait.models.fan.config import FANConfig

_DEPTH = 4
_WIDTH = 256


@dataclass
class FANOutput:
    """What FAN computes for B faces of side S; all maps have a quarter of the input's side.

    Attributes:
        low_level: (B, 256, S/4, S/4) before the first hourglass (AUNet's F_l).
        stacks: per hourglass (B, 256, S/4, S/4), what the next one is given: after the 1x1 convolution ``bl`` in all but
            the last, before the heat maps in the last (AUNet's F_h1, F_h2).
        heat_maps: per hourglass (B, points, S/4, S/4), about 1 at a landmark and 0 elsewhere once trained.
    """

    low_level: Tensor
    stacks: list[Tensor]
    heat_maps: list[Tensor]


torch.export.register_dataclass(FANOutput, serialized_type_name="aufait.FANOutput")


def halve(features: Tensor, pool: str) -> Tensor:
    """2x2 pooling, "max" or "avg": (B, C, H, W) -> (B, C, H/2, W/2)."""
    return F.max_pool2d(features, 2) if pool == "max" else F.avg_pool2d(features, 2)


def channels_last(images: Tensor) -> Tensor:
    """The same images with channels innermost in memory, which convolutions keep.

    FAN takes about a fifth less time that way on a CPU (AVX-512), whatever the layout of the weights. Metal gains nothing.
    """
    return images if images.device.type == "mps" else images.contiguous(memory_format=torch.channels_last)


class Hourglass(nn.Module):
    """Four levels down and up again, (B, 256, H, W) -> the same shape; H and W are multiples of 16.

    Level l from 4 to 1 has the blocks ``b1_l`` (stays at its resolution), ``b2_l`` (after halving) and ``b3_l`` (before
    doubling); ``b2_plus_1`` is the innermost.
    """

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.pool = pool
        for level in range(_DEPTH, 0, -1):
            self.add_module(f"b1_{level}", ConvBlock(_WIDTH, _WIDTH))
            self.add_module(f"b2_{level}", ConvBlock(_WIDTH, _WIDTH))
        self.b2_plus_1 = ConvBlock(_WIDTH, _WIDTH)
        for level in range(1, _DEPTH + 1):
            self.add_module(f"b3_{level}", ConvBlock(_WIDTH, _WIDTH))

    def forward(self, features: Tensor) -> Tensor:
        """(B, 256, H, W) -> (B, 256, H, W)."""
        return self._level(_DEPTH, features)

    def _level(self, level: int, features: Tensor) -> Tensor:
        upper = self.get_submodule(f"b1_{level}")(features)
        lower = self.get_submodule(f"b2_{level}")(halve(features, self.pool))
        lower = self._level(level - 1, lower) if level > 1 else self.b2_plus_1(lower)
        lower = self.get_submodule(f"b3_{level}")(lower)
        return upper + F.interpolate(lower, scale_factor=2.0, mode="nearest")


class FAN(nn.Module):
    """The network alone; ``FaceAligner`` wraps it to return landmarks.

    Args:
        config: 2 stacks have 12,106,504 parameters, 4 stacks 23,820,176.
    """

    def __init__(self, config: FANConfig | None = None) -> None:
        super().__init__()
        self.config = config or FANConfig()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = ConvBlock(64, 128)
        self.conv3 = ConvBlock(128, 128)
        self.conv4 = ConvBlock(128, _WIDTH)
        for stack in range(self.config.stacks):
            self._add_stack(stack, self.config.points, last=stack == self.config.stacks - 1)

    def _add_stack(self, stack: int, points: int, *, last: bool) -> None:
        self.add_module(f"m{stack}", Hourglass(self.config.pool))
        self.add_module(f"top_m_{stack}", ConvBlock(_WIDTH, _WIDTH))
        self.add_module(f"conv_last{stack}", nn.Conv2d(_WIDTH, _WIDTH, 1))
        self.add_module(f"bn_end{stack}", nn.BatchNorm2d(_WIDTH))
        self.add_module(f"l{stack}", nn.Conv2d(_WIDTH, points, 1))
        if not last:
            self.add_module(f"bl{stack}", nn.Conv2d(_WIDTH, _WIDTH, 1))
            self.add_module(f"al{stack}", nn.Conv2d(points, _WIDTH, 1))

    def forward(self, images: Tensor) -> FANOutput:
        """images (B, 3, S, S) RGB in [0, 1], S a multiple of 64 -> maps of side S/4."""
        features = F.relu(self.bn1(self.conv1(images)))                # (B, 64, S/2, S/2)
        features = halve(self.conv2(features), self.config.pool)       # (B, 128, S/4, S/4)
        features = self.conv4(self.conv3(features))                    # (B, 256, S/4, S/4)
        output = FANOutput(low_level=features, stacks=[], heat_maps=[])
        for stack in range(self.config.stacks):
            features = self._run_stack(stack, features, output)
        return output

    def _run_stack(self, stack: int, features: Tensor, output: FANOutput) -> Tensor:
        """Append the stack's results to ``output``; return what the next stack is given."""
        part = self.get_submodule
        inner = part(f"top_m_{stack}")(part(f"m{stack}")(features))
        inner = F.relu(part(f"bn_end{stack}")(part(f"conv_last{stack}")(inner)))
        heat_maps = part(f"l{stack}")(inner)                           # (B, points, S/4, S/4)
        output.heat_maps.append(heat_maps)
        if stack < self.config.stacks - 1:
            inner = part(f"bl{stack}")(inner)
            features = features + inner + part(f"al{stack}")(heat_maps)
        output.stacks.append(inner)
        return features

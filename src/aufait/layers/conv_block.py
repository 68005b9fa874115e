"""Convolution, norm and ReLU: the step that the shipped networks are made of."""

from __future__ import annotations

from torch import nn


def conv_block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU; keeps the size except for the stride.

    Args:
        inputs, outputs: channels.
        kernel: side of the kernel, odd.
        stride: of the convolution.
    """
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

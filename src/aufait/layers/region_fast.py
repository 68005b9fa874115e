"""The arithmetic of ``region_learning`` arranged for CPUs: patches stay where they are, in the order each convolution likes.

A map cut into a grid of patches is held as (B, rows, columns, C, h, w), in one of two memory orders: *planar*, each channel
of a patch together, or *interleaved*, the channels of a pixel together, patch by patch. Grouped convolutions read both without
a copy. Wide patches run faster planar, narrow ones interleaved; a full map is a grid of one patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import max_pool_2

if TYPE_CHECKING:
    from aufait.layers.region_learning import RegionStage

_FINEST = 3
"""Halvings of the finest grid, 8 x 8 patches; all grids are compared on it."""

_PLANAR_FROM = 16
"""Side from which patches of the finest grid are held planar (measured with oneDNN on AVX-512)."""


@dataclass(frozen=True)
class FastBranch:
    """What one branch computes with: the convolution's weight and bias, and statistics and affine of the norm before it."""

    grid: int
    conv: tuple[Tensor, Tensor]
    norm: tuple[Tensor, Tensor, Tensor, Tensor, float]

    def __call__(self, patches: Tensor, *, planar: bool) -> Tensor:
        """A map in patches of any grid -> the branch's own, in its grid."""
        patches = _regrid(patches, self.grid, planar)
        active = _normalized(patches.flatten(1, 3), self.norm).relu_()
        result = F.conv2d(active, *self.conv, padding=1, groups=self.grid**2)
        return result.unflatten(1, (self.grid, self.grid, -1))


class FastStage:
    """One region stage in evaluation mode.

    Channels whose last norm has a negative scale are computed with the opposite sign: so that norm increases everywhere, may
    come after the pooling, and has a quarter of the pixels to do.

    Args:
        stage: the stage; what is derived from its weights is made anew for each pass.
        size: side of the stage's map before pooling.
    """

    def __init__(self, stage: RegionStage, size: int) -> None:
        patch = size >> _FINEST
        # Pooling happens inside patches when these are planar, hence must not straddle their borders.
        self.planar = patch >= _PLANAR_FROM and patch % 2 == 0
        self.channels = stage.norm.num_features
        sign = torch.where(stage.norm.weight < 0, -1.0, 1.0)
        self.conv = _signed_conv(stage.conv, sign, torch.channels_last)
        self.norm = _signed_norm(stage.norm, sign)
        self.branches = []
        start, before = 0, sign
        for branch in stage.patch_convolutions():
            patches = branch.grid**2
            after = sign[start : start + branch.conv.out_channels // patches]
            order = torch.contiguous_format if self.planar else torch.channels_last
            conv = _signed_conv(branch.conv, after.repeat(patches), order)
            self.branches.append(FastBranch(branch.grid, conv, _signed_norm(branch.norm, before.repeat(patches))))
            start, before = start + len(after), after
        self.weight_bytes = sum(4 * weight.numel() for weight, _ in [self.conv, *(branch.conv for branch in self.branches)])

    def __call__(self, feature_map: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, channels, H / 2, W / 2), channels last."""
        full = F.conv2d(feature_map.contiguous(memory_format=torch.channels_last), *self.conv, padding=1)[:, None, None]
        merged = _regrid(full, 1 << _FINEST, planar=True) if self.planar else full
        patches, start = merged, 0
        for branch in self.branches:
            patches = branch(patches, planar=self.planar)
            stop = start + patches.shape[3]
            # The next branch reads this one, not the sum; the first has read the shared map before it changes here.
            _cells(merged[:, :, :, start:stop]).add_(_cells(patches))
            start = stop
        pooled = max_pool_2(merged)
        pooled = (_regrid(pooled, 1, planar=False) if self.planar else pooled)[:, 0, 0]
        return _normalized(pooled, self.norm).relu_()


def _signed_conv(conv: nn.Conv2d, sign: Tensor, order: torch.memory_format) -> tuple[Tensor, Tensor]:
    assert conv.bias is not None
    weight = torch.empty_like(conv.weight, memory_format=order)
    torch.mul(conv.weight, sign.view(-1, 1, 1, 1), out=weight)
    return weight, conv.bias * sign


def _signed_norm(norm: nn.BatchNorm2d, sign: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean * sign, norm.running_var, norm.weight * sign, norm.bias, norm.eps


def _normalized(features: Tensor, norm: tuple[Tensor, Tensor, Tensor, Tensor, float]) -> Tensor:
    return F.batch_norm(features, *norm[:4], eps=norm[4])


def _regrid(patches: Tensor, grid: int, planar: bool) -> Tensor:
    """The same map cut into another grid of patches; a copy in the memory order asked for, unless the grid stays."""
    batch, rows, columns, channels, height, width = patches.shape
    if rows == grid:
        return patches
    height, width = rows * height // grid, columns * width // grid
    if planar:
        target = patches.new_empty(batch, grid, grid, channels, height, width)
    else:
        target = patches.new_empty(batch, height, width, grid, grid, channels).permute(0, 3, 4, 5, 1, 2)
    _cells(target).copy_(_cells(patches))
    return target


def _cells(patches: Tensor) -> Tensor:
    """View in which maps of any grid have the same shape: (B, 2, 2, 2, 2, 2, 2, C, h, w), rows and columns by halvings."""
    halvings = patches.shape[1].bit_length() - 1
    outer, inner = [2] * halvings, [2] * (_FINEST - halvings)
    height, width = (side >> (_FINEST - halvings) for side in patches.shape[-2:])
    batch, channels = patches.shape[0], patches.shape[3]
    view = patches.view(batch, *outer, *outer, channels, *inner, height, *inner, width)
    outer_rows = range(1, 1 + halvings)
    outer_columns = range(1 + halvings, 1 + 2 * halvings)
    channel = 1 + 2 * halvings
    row = channel + 1 + len(inner)
    column = row + 1 + len(inner)
    inner_rows, inner_columns = range(channel + 1, row), range(row + 1, column)
    return view.permute(0, *outer_rows, *inner_rows, *outer_columns, *inner_columns, channel, row, column)

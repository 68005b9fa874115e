"""The arithmetic of ``region_learning`` arranged for CPUs: patches stay where they are, in the order each convolution likes.

A map cut into a grid of patches is held as (B, rows, columns, C, h, w), in one of two memory orders: *planar*, each channel
of a patch together, or *interleaved*, the channels of a pixel together, patch by patch. Grouped convolutions read both without
a copy. Wide patches run faster planar, narrow ones interleaved; a full map is a grid of one patch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import max_pool_2

if TYPE_CHECKING:
    from aufait.layers.region_learning import PatchConvolution, RegionStage

_FINEST = 3
"""Halvings of the finest grid, 8 x 8 patches; all grids are compared on it."""

_PLANAR_FROM = 16
"""Side from which patches of the finest grid are held planar (measured with oneDNN on AVX-512)."""


class FastStage:
    """One region stage in evaluation mode; holds weights in the memory order that its convolutions want.

    Args:
        stage: the stage.
        size: side of the stage's map before pooling.
    """

    def __init__(self, stage: RegionStage, size: int) -> None:
        patch = size >> _FINEST
        # Pooling happens inside patches when these are planar, hence must not straddle their borders.
        self.planar = patch >= _PLANAR_FROM and patch % 2 == 0
        self.norm = stage.norm
        self.conv = (stage.conv.weight.contiguous(memory_format=torch.channels_last), stage.conv.bias)
        self.branches = [(branch, self._weight(branch)) for branch in stage.branches]

    def _weight(self, branch: PatchConvolution) -> Tensor:
        order = torch.contiguous_format if self.planar else torch.channels_last
        return branch.conv.weight.contiguous(memory_format=order)

    def __call__(self, feature_map: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, channels, H / 2, W / 2), channels last."""
        full = F.conv2d(feature_map.contiguous(memory_format=torch.channels_last), *self.conv, padding=1)[:, None, None]
        merged = _regrid(full, 1 << _FINEST, planar=True) if self.planar else full
        patches, start = merged, 0
        for branch, weight in self.branches:
            patches = self._branch(patches, branch, weight)
            stop = start + patches.shape[3]
            # The next branch reads this one, not the sum; the first has read the shared map before it changes here.
            _cells(merged[:, :, :, start:stop]).add_(_cells(patches))
            start = stop
        pooled = max_pool_2(_normalized(merged.flatten(0, 2), self.norm)).relu_()
        return _regrid(pooled.unflatten(0, merged.shape[:3]), 1, planar=False)[:, 0, 0] if self.planar else pooled

    def _branch(self, patches: Tensor, branch: PatchConvolution, weight: Tensor) -> Tensor:
        patches = _regrid(patches, branch.grid, self.planar)
        active = _normalized(patches.flatten(1, 3), branch.norm).relu_()
        result = F.conv2d(active, weight, branch.conv.bias, padding=1, groups=branch.conv.groups)
        return result.unflatten(1, (branch.grid, branch.grid, -1))


def _normalized(features: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    return F.batch_norm(features, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


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

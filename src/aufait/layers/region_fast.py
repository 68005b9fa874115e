"""The arithmetic of ``region_stage`` arranged for CPUs: patches stay where they are, in the order each convolution likes.

A map cut into a grid of patches is held as (B, rows, columns, C, h, w), in one of two memory orders: *planar*, each channel
of a patch together, or *interleaved*, the channels of a pixel together, patch by patch. Grouped convolutions read both without
a copy. Wide patches run faster planar, narrow ones interleaved; a full map is a grid of one patch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import max_pool_2
from aufait.layers.region_stage import PatchConvolution, RegionStage

_FINEST = 3
"""Halvings of the finest grid, 8 x 8 patches; all grids are compared on it."""

_PLANAR_FROM = 16
"""Side from which patches of the finest grid are held planar (measured with oneDNN on AVX-512)."""


class FastBranch:
    """One branch: norm, ReLU and the copy into the branch's grid as one clamp, then the convolution.

    A norm with fixed statistics is x -> a x + b in each channel, and with t = -b / a its ReLU is a (max(x, t) - t), or
    a (min(x, t) - t) where a < 0. The factor goes into the weights and the constant into the bias; the patches are clamped into
    a work space that has t around each of them in place of zero padding.

    Args:
        branch: grid, norm and convolution.
        sign: (grid * grid * in,) signs with which the input comes.
        after: (grid * grid * out,) signs that the result is to continue with.
        planar: memory order of the patches.
    """

    def __init__(self, branch: PatchConvolution, sign: Tensor, after: Tensor, planar: bool) -> None:
        self.grid, self.planar = branch.grid, planar
        scale, shift = _affine(branch.norm, sign)
        zero = scale == 0
        factor = torch.where(zero, shift.relu(), scale)
        edge = torch.where(zero, 0.0, -shift / scale)
        self.weight, self.bias = _scaled_conv(branch.conv, factor, edge, after, planar)
        channels = (branch.grid, branch.grid, -1, 1, 1)
        self.edge = edge.view(channels)
        infinity = torch.full_like(edge, float("inf"))
        self.low = torch.where(zero, 1.0, torch.where(scale > 0, edge, -infinity)).view(channels)
        # One bound is enough, and faster, for all but odd networks.
        self.high = (
            None if bool((scale > 0).all()) else torch.where(zero, 1.0, torch.where(scale > 0, infinity, edge)).view(channels)
        )
        self.work_space: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, patches: Tensor) -> Tensor:
        """A map in patches of any grid -> the branch's own, in its grid."""
        shape = tuple(patches.shape)
        if shape not in self.work_space:  # once for all blocks of a pass: fresh memory costs more than the clamp
            self.work_space[shape] = self._padded(patches)
        padded = self.work_space[shape]
        inside = padded[..., 1:-1, 1:-1]
        low = _cells(self.low.expand_as(inside))
        if self.high is None:
            torch.maximum(_cells(patches), low, out=_cells(inside))
        else:
            torch.clamp(_cells(patches), low, _cells(self.high.expand_as(inside)), out=_cells(inside))
        result = F.conv2d(padded.flatten(1, 3), self.weight, self.bias, groups=self.grid**2)
        return result.unflatten(1, (self.grid, self.grid, -1))

    def _padded(self, patches: Tensor) -> Tensor:
        batch, rows, columns, channels, height, width = patches.shape
        height, width = rows * height // self.grid + 2, columns * width // self.grid + 2
        padded = _new_patches(patches, (batch, self.grid, self.grid, channels, height, width), self.planar)
        padded[..., :: height - 1, :] = self.edge
        padded[..., :: width - 1] = self.edge
        return padded


class FastStage:
    """One region stage in evaluation mode.

    Channels whose last norm has a negative scale are computed with the opposite sign: so that norm increases everywhere, may
    come after the pooling, and has a quarter of the pixels to do.

    Args:
        stage: the stage; what is derived from its weights is made again for each pass.
        size: side of the stage's map before pooling.
    """

    def __init__(self, stage: RegionStage, size: int) -> None:
        patch = size >> _FINEST
        # Pooling happens inside patches when these are planar, so they must not straddle their borders.
        self.planar = patch >= _PLANAR_FROM and patch % 2 == 0
        self.channels = stage.norm.num_features
        sign = torch.where(stage.norm.weight < 0, -1.0, 1.0)
        self.conv = _signed_conv(stage.conv, sign)
        self.norm = _signed_norm(stage.norm, sign)
        self.branches = []
        start, before = 0, sign
        for branch in stage.patch_convolutions():
            patches = branch.grid**2
            after = sign[start : start + branch.conv.out_channels // patches]
            self.branches.append(FastBranch(branch, before.repeat(patches), after.repeat(patches), self.planar))
            start, before = start + len(after), after
        weights = [self.conv[0], *(branch.weight for branch in self.branches)]
        self.weight_bytes = sum(4 * weight.numel() for weight in weights)

    def __call__(self, feature_map: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, channels, H / 2, W / 2), channels last."""
        full = F.conv2d(feature_map.contiguous(memory_format=torch.channels_last), *self.conv, padding=1)[:, None, None]
        merged = _regrid(full, 1 << _FINEST, planar=True) if self.planar else full
        patches, start = merged, 0
        for branch in self.branches:
            patches = branch(patches)
            stop = start + patches.shape[3]
            # The next branch reads this one, not the sum; the first has read the shared map before it changes here.
            _cells(merged[:, :, :, start:stop]).add_(_cells(patches))
            start = stop
        pooled = max_pool_2(merged)
        pooled = (_regrid(pooled, 1, planar=False) if self.planar else pooled)[:, 0, 0]
        return _normalized(pooled, self.norm).relu_()


def _affine(norm: nn.BatchNorm2d, sign: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift of a norm whose input comes with these signs."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale * sign, norm.bias - norm.running_mean * scale


def _signed_conv(conv: nn.Conv2d, sign: Tensor) -> tuple[Tensor, Tensor]:
    assert conv.bias is not None
    weight = torch.empty_like(conv.weight, memory_format=torch.channels_last)
    torch.mul(conv.weight, sign.view(-1, 1, 1, 1), out=weight)
    return weight, conv.bias * sign


def _scaled_conv(conv: nn.Conv2d, factor: Tensor, edge: Tensor, sign: Tensor, planar: bool) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution of ``factor * (x - edge)``, both per input channel, with signs on its outputs."""
    assert conv.bias is not None
    groups, inputs = conv.groups, conv.weight.shape[1]
    weight = torch.empty_like(conv.weight, memory_format=torch.contiguous_format if planar else torch.channels_last)
    by_group = conv.weight.view(groups, -1, inputs, 9)
    scaled = (
        weight.view(groups, -1, inputs, 9) if planar else weight.permute(0, 2, 3, 1).view(groups, -1, 9, inputs).transpose(2, 3)
    )
    torch.mul(by_group, factor.view(groups, 1, inputs, 1) * sign.view(groups, -1, 1, 1), out=scaled)
    constant = torch.einsum("goik,gi->go", scaled, edge.view(groups, inputs)).flatten()
    return weight, conv.bias * sign - constant


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
    shape = (batch, grid, grid, channels, rows * height // grid, columns * width // grid)
    target = _new_patches(patches, shape, planar)
    _cells(target).copy_(_cells(patches))
    return target


def _new_patches(like: Tensor, shape: tuple[int, ...], planar: bool) -> Tensor:
    """Uninitialised patches (B, rows, columns, C, h, w) in one of the two memory orders."""
    batch, rows, columns, channels, height, width = shape
    if planar:
        return like.new_empty(shape)
    return like.new_empty(batch, height, width, rows, columns, channels).permute(0, 3, 4, 5, 1, 2)


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

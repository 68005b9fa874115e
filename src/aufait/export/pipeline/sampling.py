"""Crops of a picture in operations that graphs have: what ``aufait.alignment`` does outside of them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SIDE = 4
"""Samples along each side of a crop's pixel that shows several pixels of the picture."""


def crops_of(picture: Tensor, to_picture: Tensor, size: int, border: int) -> Tensor:
    """Square crops, bilinear; a crop that shrinks the picture at least twofold takes means of 4 x 4 samples.

    Args:
        picture: (H, W, 3) uint8 RGB.
        to_picture: (F, 2, 3) from crop pixels to picture pixels, without shear.
        size: side of each crop.
        border: grey level outside the picture.

    Returns:
        (F, size, size, 3) float32 whole numbers from 0 to 255.
    """
    steps = torch.arange(size, dtype=torch.float32)
    places = torch.stack([steps[None].expand(size, size), steps[:, None].expand(size, size)], dim=-1).reshape(-1, 2)
    looked = transformed(to_picture, places[None])  # (F, size * size, 2)
    around = looked[:, :, None] + _spread(to_picture)[:, None]  # (F, size * size, samples, 2)
    height, width = picture.shape[0], picture.shape[1]
    extent = torch.stack([torch.as_tensor(width), torch.as_tensor(height)]).float()
    grid = ((2 * around + 1) / extent - 1).reshape(1, -1, size * size, 2)
    pixels = (picture.float() - border).permute(2, 0, 1)[None]
    seen = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    means = seen.reshape(3, -1, size * size, _SIDE * _SIDE).mean(dim=3) + border
    return means.round().clamp(0, 255).reshape(3, -1, size, size).permute(1, 2, 3, 0)


def _spread(to_picture: Tensor) -> Tensor:
    """(F, samples, 2) where a pixel of a crop is sampled around its middle, in pixels of the picture."""
    apart = torch.clamp((scales(to_picture) + 1e-4).floor(), min=1.0) - 1.0  # as many pixels as it shows
    steps = torch.linspace(-0.5, 0.5, _SIDE)
    offsets = torch.stack([steps[None].expand(_SIDE, _SIDE), steps[:, None].expand(_SIDE, _SIDE)], dim=-1).reshape(-1, 2)
    return apart[:, None, None] * offsets


def scales(matrices: Tensor) -> Tensor:
    """(F, 2, 3) without shear -> (F,) how much longer things become."""
    return (matrices[:, 0, 0] ** 2 + matrices[:, 1, 0] ** 2).sqrt()


def transformed(matrices: Tensor, points: Tensor) -> Tensor:
    """(F, 2, 3), (F or 1, P, 2) -> (F, P, 2)."""
    return points @ matrices[:, :, :2].transpose(1, 2) + matrices[:, None, :, 2]


def inverse(matrices: Tensor) -> Tensor:
    """Of similarities (F, 2, 3)."""
    a, b = matrices[:, 0, 0], matrices[:, 1, 0]
    square = a * a + b * b
    linear = torch.stack([torch.stack([a, b], -1), torch.stack([-b, a], -1)], dim=1) / square[:, None, None]
    return torch.cat([linear, -(linear @ matrices[:, :, 2:])], dim=2)


def similarities(source: Tensor, target: Tensor) -> Tensor:
    """(F, P, 2), (P, 2) -> (F, 2, 3): least squares, as ``aufait.alignment.similarity_from_points``."""
    center, aim = source.mean(1, keepdim=True), target.mean(0)
    s, t = source - center, (target - aim)[None]
    spread = (s * s).sum((1, 2))
    a = (s * t).sum((1, 2)) / spread
    b = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(1) / spread
    linear = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], dim=1)
    return torch.cat([linear, aim[:, None] - linear @ center.transpose(1, 2)], dim=2)


def squares(center: Tensor, side: Tensor, angle: Tensor, size: int) -> Tensor:
    """Matrices (F, 2, 3) from crop pixels to the picture, of squares about ``center`` (F, 2) whose sides are ``side`` (F,) pixels
    and which are turned by ``angle`` (F,) radians."""
    scale = side / size
    a, b = angle.cos() * scale, angle.sin() * scale
    linear = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], dim=1)
    middle = (size - 1) / 2.0 * torch.ones(2, 1)
    return torch.cat([linear, center[:, :, None] - linear @ middle], dim=2)

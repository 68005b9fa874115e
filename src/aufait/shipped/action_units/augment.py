"""Random changes of aligned crops that leave the labels true: what cameras, light and imperfect alignment do.

Renders are cleaner and more uniform than photographs, so the changes are strong. All draws are per face and vectorised;
mirroring exchanges the sides of the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from aufait.faces.template import TEMPLATE_SIZE
from aufait.models.default.crop import CROP_SIZE, mirror_sides, normalize


@dataclass(frozen=True)
class AugmentConfig:
    """Strengths; chosen once from what photographs do, not tuned on any real picture."""

    rotation: float = 0.07
    """Standard deviation of the turn, radians."""
    scale: float = 0.06
    """Standard deviation of the relative scale."""
    aspect: float = 0.035
    """Standard deviation of the relative width."""
    shift: float = 0.035
    """Standard deviation of the shift, as a share of half the crop."""
    gamma: tuple[float, float] = (0.6, 1.6)
    """Range of the tone curve's exponent."""
    ramp: float = 0.35
    """Standard deviation of the light ramp across the crop."""
    noise: float = 0.06
    """Largest standard deviation of added noise, grey values in [0, 1]."""
    occluded: float = 0.3
    """Share of crops with a plain box over some part."""


def augment(
    crops: Tensor, labels: Sequence[Tensor], generator: torch.Generator, config: AugmentConfig
) -> tuple[Tensor, list[Tensor]]:
    """Change crops; the labels of those that get mirrored have their sides exchanged.

    Args:
        crops: (B, 3, 128, 128) uint8.
        labels: tensors (B, A, 2, ...), side 0 = the subject's left.
        generator: of all draws.
        config: strengths.

    Returns:
        (B, 1, 112, 112) normalised grey, and the labels.
    """
    count = len(crops)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator) * (high - low) + low

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    mirrored = torch.rand(count, generator=generator) < 0.5
    mix = uniform(0.1, 0.9, 3, 1, 1)  # any mixture of the channels: skin tone and colour of light stop mattering
    grey = (crops.float() * (mix / mix.sum(1, keepdim=True))).sum(1, keepdim=True) / 255.0
    grey = _warp(grey, mirrored, normal, config)
    grey = grey.clamp(1e-3, 1.0) ** uniform(*config.gamma, 1, 1, 1)
    axis = torch.linspace(-1, 1, CROP_SIZE)
    ramp = 1 + config.ramp * (normal(1, 1, 1) * axis + normal(1, 1, 1) * axis[:, None])
    grey = grey * ramp.clamp(0.3, 2.0)
    grey = _soften(grey, uniform(0.0, 1.0))
    grey = grey + torch.randn(grey.shape, generator=generator) * uniform(0.0, config.noise, 1, 1, 1)
    grey = _occlude(grey, uniform(0.0, 1.0, 5), torch.rand(count, generator=generator) < config.occluded)
    swapped = [label.clone() for label in labels]
    for label in swapped:
        label[mirrored] = mirror_sides(label[mirrored])
    return normalize(grey), swapped


def _warp(grey: Tensor, mirrored: Tensor, normal, config: AugmentConfig) -> Tensor:  # type: ignore[no-untyped-def]
    turn, scale = normal() * config.rotation, 1 + normal() * config.scale
    wide = scale * (1 + normal() * config.aspect)
    flip, share = 1.0 - 2.0 * mirrored.float(), CROP_SIZE / TEMPLATE_SIZE
    top = torch.stack([flip * share * wide * turn.cos(), -share * scale * turn.sin(), normal() * config.shift], 1)
    bottom = torch.stack([flip * share * wide * turn.sin(), share * scale * turn.cos(), normal() * config.shift], 1)
    grid = F.affine_grid(torch.stack([top, bottom], 1), [len(grey), 1, CROP_SIZE, CROP_SIZE], align_corners=False)
    return F.grid_sample(grey, grid, align_corners=False, padding_mode="reflection")


def _soften(grey: Tensor, draw: Tensor) -> Tensor:
    """A fifth of the crops blurred, a fifth brought down to 44, 60 or 80 pixels and up again."""
    result = grey.clone()
    blurred = draw < 0.2
    if blurred.any():
        result[blurred] = F.avg_pool2d(grey[blurred], 3, 1, 1)
    for low, high, size in ((0.2, 0.27, 44), (0.27, 0.34, 60), (0.34, 0.42, 80)):
        rows = (draw >= low) & (draw < high)
        if rows.any():
            small = F.interpolate(grey[rows], size=size, mode="area")
            result[rows] = F.interpolate(small, size=CROP_SIZE, mode="bilinear")
    return result


def _occlude(grey: Tensor, draw: Tensor, chosen: Tensor) -> Tensor:
    """Cover a box of 10-40 pixels a side with one grey value where ``chosen``."""
    height, width = 10 + draw[:, 0] * 30, 10 + draw[:, 1] * 30
    top, left = draw[:, 2] * (CROP_SIZE - height), draw[:, 3] * (CROP_SIZE - width)
    axis = torch.arange(CROP_SIZE)
    rows = (axis >= top[:, None]) & (axis < (top + height)[:, None])
    columns = (axis >= left[:, None]) & (axis < (left + width)[:, None])
    box = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return torch.where(box[:, None], draw[:, 4, None, None, None].expand_as(grey), grey)

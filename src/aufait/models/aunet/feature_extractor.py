"""Landmark-centred features: maps of a frozen face alignment network, weighted by where its landmarks are.

Paper: AUNet, section IV-A, figure 4 (a). As in the released program, the first hourglass's feature is taken after its 1x1
convolution ("bl"), the second's before its heat maps, and the attention is the plain sum of the last hourglass's 68 heat maps,
neither normalised nor clipped (the paper says "penultimate layer" and "aggregated").
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from aufait.models.fan.network import FAN, channels_last


class LandmarkFeatures(nn.Module):
    """Combined feature F = (F_l, attention F_h1, attention F_h2) of FAN, 768 channels with two hourglasses.

    The network is frozen: no gradient, no trainable weight, and evaluation mode even while the rest is trained.

    Args:
        fan: with its weights, or to be given them later; it is changed in place.
    """

    def __init__(self, fan: FAN) -> None:
        super().__init__()
        self.fan = fan.requires_grad_(False)
        self.train(False)

    @property
    def channels(self) -> int:
        """Channels of the combined feature."""
        return 256 * (1 + self.fan.config.stacks)

    def train(self, mode: bool = True) -> Self:
        """Stays in evaluation mode, whatever is asked: FAN's statistics are part of its weights."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (B, 3, S, S) in [0, 1] -> combined feature (B, 768, S/4, S/4), attention (B, 1, S/4, S/4)."""
        output = self.fan(channels_last(images))
        attention = output.heat_maps[-1].sum(1, keepdim=True)
        weighted = [attention * feature for feature in output.stacks]
        return torch.cat((output.low_level, *weighted), dim=1), attention

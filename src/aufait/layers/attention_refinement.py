"""Refinement of predefined attention: each action unit has its own stack of convolutions over its own map.

Paper: JAA-Net (Shao et al., ECCV 2018; IJCV 2021), hierarchical adaptive attention; layer sizes as in its released program.
MGRR-Net and ABRNet use it too. Differs from the release only in the order of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import fold_norm, in_blocks, use_fast_path
from aufait.layers.grouped import grouped_conv


class AttentionRefinement(nn.Module):
    """Four unpadded 3x3 convolutions per action unit, the first three with BatchNorm and ReLU, the last with sigmoid.

    Args:
        action_units: number A of action units.
        channels: width of the hidden layers.
    """

    SHRINK = 8
    """How many pixels the map loses per side length: four unpadded 3x3 convolutions."""

    def __init__(self, action_units: int, channels: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (1, channels, channels):
            layers += [
                grouped_conv(action_units, width, channels),
                nn.BatchNorm2d(action_units * channels),
                nn.ReLU(inplace=True),
            ]
        self.hidden = nn.Sequential(*layers)
        self.output = grouped_conv(action_units, channels, 1)

    def forward(self, maps: Tensor, centers: Tensor | None = None, half_window: int = 0) -> Tensor:
        """Refine attention maps.

        Args:
            maps: predefined maps (B, A, M, M).
            centers: (B, A, K, 2) whole pixels x, y, such as those of ``PredefinedAttention.centers``: a promise that the maps
                are 0 further than ``half_window`` pixels from all K centres of an action unit (or from their nearest pixel
                of the map). Changes the time an evaluation takes, never the result.
            half_window: see ``centers``.

        Returns:
            Refined maps (B, A, M - 8, M - 8) in [0, 1].
        """
        if use_fast_path(self, maps):
            return self._fast(maps, centers, half_window)
        return self.output(self.hidden(maps)).sigmoid()

    def _fast(self, maps: Tensor, centers: Tensor | None, half_window: int) -> Tensor:
        weights = [fold_norm(self.hidden[k], self.hidden[k + 1]) for k in (0, 3, 6)]

        def layers(maps: Tensor) -> Tensor:
            features = maps.contiguous(memory_format=torch.channels_last)
            for weight, bias in weights:
                features = F.conv2d(features, weight, bias, groups=maps.shape[1]).relu_()
            return self.output(features).sigmoid()

        def refine(maps: Tensor) -> Tensor:
            return in_blocks(layers, 4 * weights[0][0].shape[0] * maps.shape[-2] * maps.shape[-1], maps)

        side = 2 * half_window + 1 + 2 * self.SHRINK
        if centers is None or side >= maps.shape[-1]:
            return refine(maps)
        corners = (centers.nan_to_num(0) - (half_window + self.SHRINK)).clamp(0, maps.shape[-1] - side).long()
        return _refine_squares(refine, maps, corners, side, self.SHRINK)


def _refine_squares(refine: Callable[[Tensor], Tensor], maps: Tensor, corners: Tensor, side: int, shrink: int) -> Tensor:
    """Refine only squares of the maps; what is outside them is 0 before and one constant per action unit afterwards.

    Args:
        refine: unpadded layers.
        maps: (B, A, M, M).
        corners: (B, A, K, 2) x, y of each square's first pixel.
        side: of the squares, ``shrink`` wider on every edge than the influence of what they hold.
        shrink: how much narrower ``refine`` makes a map.
    """
    batch, units, count = corners.shape[:3]
    face = torch.arange(batch, device=maps.device).view(-1, 1, 1, 1, 1)
    unit = torch.arange(units, device=maps.device).view(-1, 1, 1, 1)
    pixel = torch.arange(side, device=maps.device)
    rows = (corners[..., 1, None] + pixel)[..., None]  # (B, A, K, side, 1)
    columns = (corners[..., 0, None] + pixel)[..., None, :]
    squares = maps[face, unit, rows, columns].transpose(1, 2).flatten(0, 1)  # (B * K, A, side, side)
    refined = refine(squares).unflatten(0, (batch, count)).transpose(1, 2)  # (B, A, K, side - shrink, side - shrink)
    size = maps.shape[-1] - shrink
    result = refine(maps.new_zeros(1, units, shrink + 1, shrink + 1)).expand(batch, units, size, size).clone()
    result[face, unit, rows[..., :-shrink, :], columns[..., :-shrink]] = refined
    return result

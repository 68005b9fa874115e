"""Refinement of predefined attention: each action unit has its own stack of convolutions over its own map.

Paper: JAA-Net (Shao et al., ECCV 2018; IJCV 2021), hierarchical adaptive attention; layer sizes as in its released program.
MGRR-Net and ABRNet use it too. Differs from the release in: nothing but the order of the arithmetic.
"""

from __future__ import annotations

from torch import Tensor, nn

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

    def forward(self, maps: Tensor) -> Tensor:
        """Predefined maps (B, A, M, M) -> refined maps (B, A, M - 8, M - 8) in [0, 1]."""
        return self.output(self.hidden(maps)).sigmoid()

"""From refined patches to probabilities: one head per action unit, one over all of them, and their mean.

Paper: MGRR-Net sections III-C and IV-A; head sizes as in JAA-Net's release, whose fully connected layers also have no
activation between them. Our reading: the integrated head takes the mean of the local features over the action units.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.grouped import GroupedLinear
from aufait.layers.high_level import HighLevelExtractor


class LocalHeads(nn.Module):
    """Patches -> log-odds, each action unit by its own extractor and its own two fully connected layers.

    Args:
        action_units: number A of action units.
        channels: channels C of a patch.
        size: side M of a patch.
        unit: c of the extractor.
        hidden: width between the fully connected layers.
    """

    def __init__(self, action_units: int, channels: int, size: int, unit: int = 8, hidden: int = 64) -> None:
        super().__init__()
        self.extractor = HighLevelExtractor(channels, unit, groups=action_units)
        features = self.extractor.out_channels * self.extractor.output_size(size) ** 2
        self.hidden = GroupedLinear(action_units, features, hidden)
        self.output = GroupedLinear(action_units, hidden, 2)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, A * C, M, M) -> logits (B, A), features (B, A, hidden), their feature maps (B, A, 20 c, M / 8, M / 8)."""
        maps = self.extractor(patches).unflatten(1, (self.extractor.groups, -1))
        features = self.hidden(maps.flatten(2))
        absent, present = self.output(features).unbind(-1)
        return present - absent, features, maps


class IntegratedHead(nn.Module):
    """Feature maps of a face -> log-odds of all action units together.

    Args:
        features: length of all feature maps together.
        action_units: number A of action units.
        hidden: width between the fully connected layers.
    """

    def __init__(self, features: int, action_units: int, hidden: int = 512) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.output = nn.Linear(hidden, 2 * action_units)

    def forward(self, feature_maps: list[Tensor]) -> Tensor:
        """Maps (B, channels, H, W) -> logits (B, A)."""
        features = torch.cat([feature_map.flatten(1) for feature_map in feature_maps], dim=1)
        absent, present = self.output(self.hidden(features)).chunk(2, dim=1)
        return present - absent


def mean_log_odds(first: Tensor, second: Tensor) -> Tensor:
    """Log-odds of the mean of two probabilities given as log-odds (section IV-A), exact where they saturate."""
    first, second = first.float(), second.float()
    present = torch.logaddexp(F.logsigmoid(first), F.logsigmoid(second))
    absent = torch.logaddexp(F.logsigmoid(-first), F.logsigmoid(-second))
    return present - absent

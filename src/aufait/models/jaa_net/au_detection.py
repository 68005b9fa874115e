"""Action unit detection: a branch per action unit on its attended features, and the classifier over all features.

Paper: JAA-Net (Shao et al., ECCV 2018; IJCV 2021), action unit detection. Sizes as in the released program, which has no activation
between the two fully connected layers of either classifier. Both have two outputs per action unit, absent and present,
under a log-softmax; we return their difference, whose sigmoid is the same probability.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aufait.layers.grouped import GroupedLinear
from aufait.layers.high_level import HighLevelExtractor
from aufait.models.jaa_net.config import JAANetConfig


class LocalDetection(nn.Module):
    """A high-level extractor per action unit; version 2 adds a classifier per action unit."""

    def __init__(self, config: JAANetConfig) -> None:
        super().__init__()
        units = len(config.action_units)
        self.extractor = HighLevelExtractor(8 * config.unit, config.unit, groups=units)
        self.hidden: nn.Module | None = None
        self.output: nn.Module | None = None
        if config.version == 2:
            features = self.extractor.out_channels * self.extractor.output_size(config.map_size) ** 2
            self.hidden = GroupedLinear(units, features, 8 * config.unit)
            self.output = GroupedLinear(units, 8 * config.unit, 2)

    def forward(self, feature_map: Tensor, attention: Tensor) -> tuple[Tensor, Tensor | None]:
        """Shared features (B, C, M, M), maps (B, A, M, M) -> mean features (B, 20 c, M / 8, M / 8), logits (B, A) or None."""
        features = self.extractor(feature_map, attention)
        features = features.unflatten(1, (attention.shape[1], -1))  # (B, A, 20 c, M / 8, M / 8)
        logits = None
        if self.hidden is not None and self.output is not None:
            scores = self.output(self.hidden(features.flatten(2)))  # (B, A, 2)
            logits = scores[..., 1] - scores[..., 0]
        return features.mean(1), logits


class IntegratedDetection(nn.Module):
    """Alignment, global and local features -> the prediction."""

    def __init__(self, config: JAANetConfig, feature_channels: int, feature_size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(3 * feature_channels * feature_size**2, 64 * config.unit)
        self.output = nn.Linear(64 * config.unit, 2 * len(config.action_units))

    def forward(self, alignment: Tensor, global_features: Tensor, local_features: Tensor) -> tuple[Tensor, Tensor]:
        """Three maps (B, 20 c, M / 8, M / 8) -> logits (B, A) and the hidden layer (B, 64 c)."""
        features = torch.cat([alignment, global_features, local_features], dim=1)
        hidden = self.hidden(features.flatten(1))
        scores = self.output(hidden).unflatten(1, (2, -1))  # (B, 2, A): absent, present
        return scores[:, 1] - scores[:, 0], hidden

"""Temporal difference head (AU-TDN): what changed before and after adds to what the current frame shows.

Paper: AUNet, section IV-C, figure 4 (b). Layer sizes, the two fusions and their weights are the released program's; the paper
says "add" only. The second difference is later - current as in the released program (the paper prints current - later: the
same network with other weights, but not for reading released ones).
Arithmetic order differs: each frame's feature is halved once and then subtracted, where the released program halves the
differences. Averaging is linear, so the result is the same, and a stream can keep the halved features.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.models.aunet.head import AUClassifier, conv_stages


class DifferenceHead(nn.Module):
    """Head of AU-TDN and AUNet: three frames. 2,657,036 parameters for 12 action units.

    ``describe`` is what each frame needs once, ``predict`` what each prediction needs; ``forward`` joins the two.

    Args:
        action_units: how many logits.
        alpha, beta: weights of the static and the difference feature where they are added.
        channels: of the combined feature (768).
        width: of the convolutions (256).
        hidden: of the classifier (128).
    """

    RELEASED_NAMES: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "project": "conv1x1",
            "first_stage": "ConvNet_1",
            "difference_stage": "ConvNet_diff",
            "last_stages": "ConvNet_2",
            "classifier": "predictor",
            "project_difference": "conv1x1_diff",
        }
    )

    def __init__(
        self,
        action_units: int,
        *,
        alpha: float = 0.9,
        beta: float = 0.1,
        channels: int = 768,
        width: int = 256,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta
        self.project = nn.Conv2d(channels, width, 1)
        self.first_stage = conv_stages(1, width)
        self.difference_stage = conv_stages(1, width)
        self.last_stages = conv_stages(3, width)
        self.classifier = AUClassifier(action_units, width, hidden)
        self.project_difference = nn.Conv2d(2 * channels, width, 1)  # last, as in the released state dict

    def forward(self, current: Tensor, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Combined features (B, 768, H, W) of the three frames -> logits (B, A), hidden vector (B, 128)."""
        static, middle = self.describe(current)
        return self.predict(static, middle, self.halve(earlier), self.halve(later))

    def describe(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Combined feature (B, 768, H, W) -> static feature (B, 256, H, W) and halved feature (B, 768, H/2, W/2)."""
        return self.project(features), self.halve(features)

    def halve(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H/2, W/2), means of 2x2 pixels."""
        return F.avg_pool2d(features, 2)

    def predict(self, static: Tensor, current: Tensor, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Static feature of the current frame and halved features of the three -> logits (B, A), hidden vector (B, 128)."""
        change = torch.cat((current - earlier, later - current), dim=1)             # (B, 1536, H/2, W/2)
        difference = self.project_difference(change)                                # (B, 256, H/2, W/2)
        feature = self.first_stage(self._add(static, difference))                   # (B, 256, H/2, W/2)
        feature = self._add(feature, self.difference_stage(difference))             # (B, 256, H/2, W/2)
        logits, hidden = self.classifier(self.last_stages(feature))
        return logits, hidden

    def _add(self, static: Tensor, difference: Tensor) -> Tensor:
        """alpha static + beta difference, the latter doubled in size."""
        return self.alpha * static + self.beta * F.interpolate(difference, scale_factor=2.0, mode="nearest")

"""Local features: one vector per action unit, from the part of the face that its attention map shows.

Paper: ABRNet (Wei et al.), section 2.1. Region module and attention refinement are those of JAA-Net, as the paper says.
Our readings: the branches have the sizes of JAA-Net's extractor (BatchNorm and ReLU after each convolution); no activation
after the last layer (``feature_activation``); maps are painted on S / 4 + 8 pixels, as in JAA-Net's program.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.attention_maps import PredefinedAttention
from aufait.layers.attention_refinement import AttentionRefinement
from aufait.layers.grouped import GroupedLinear
from aufait.layers.high_level import HighLevelExtractor
from aufait.layers.region_learning import RegionLearning
from aufait.layers.timm_backbone import TimmBackbone
from aufait.models.abrnet.config import ABRNetConfig


class LocalFeatures(nn.Module):
    """Image and landmarks -> feature vectors F_i and the refined attention maps A_i.

    Args:
        config: settings of the network.
    """

    def __init__(self, config: ABRNetConfig) -> None:
        super().__init__()
        units, side = len(config.action_units), config.image_size // 4
        self.activation = config.feature_activation
        own = config.backbone == "region"
        self.region = RegionLearning(config.unit) if own else TimmBackbone(config.backbone, config.image_size, stride=4)
        self.predefined = PredefinedAttention(config.action_units, config.image_size, side + AttentionRefinement.SHRINK)
        self.refinement = AttentionRefinement(units, 8 * config.unit)
        self.extractor = HighLevelExtractor(self.region.out_channels, config.unit, groups=units)
        flat = self.extractor.out_channels * self.extractor.output_size(side) ** 2
        self.project = GroupedLinear(units, flat, config.feature_size)

    def forward(self, images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised images (B, 3, S, S), landmarks (B, 49, 2) -> features (B, A, d_l), maps (B, A, S / 4, S / 4)."""
        shared = self.region(images)  # (B, C, H, W)
        centers = self.predefined.centers(landmarks)
        predefined = self.predefined.paint(centers).to(images.dtype)
        maps = self.refinement(predefined, centers, self.predefined.half_window)  # (B, A, H, W)
        columns = self.extractor(shared, maps)  # (B, A * 20 c, H / 8, W / 8)
        features = self.project(columns.unflatten(1, (maps.shape[1], -1)).flatten(2))  # (B, A, d_l)
        return (F.relu(features) if self.activation == "relu" else features), maps

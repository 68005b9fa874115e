"""Hierarchical adaptive attention: predefined maps from the located landmarks, refined per action unit.

Paper: JAA-Net (Shao et al., ECCV 2018; IJCV 2021), adaptive attention learning. Sizes as in the released program.
Kept from the program although it looks unintended: a predefined map covers the whole image with M + 8 pixels, the refined one
of M pixels is laid over a feature map that also covers the whole image, so that they are out of step by up to 4 pixels of the
map at the borders and by none in the middle. Trained weights depend on it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.attention_maps import PredefinedAttention
from aufait.layers.attention_refinement import AttentionRefinement
from aufait.models.jaa_net.config import JAANetConfig


class AdaptiveAttention(nn.Module):
    """Landmarks -> refined attention maps, and the predefined ones they came from."""

    def __init__(self, config: JAANetConfig) -> None:
        super().__init__()
        self.predefined = PredefinedAttention(
            config.action_units, config.image_size, config.predefined_map_size, rules=config.map_rules
        )
        self.refinement = AttentionRefinement(len(config.action_units), 8 * config.unit)

    def forward(self, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks (B, 49, 2) in pixels -> refined (B, A, M, M) and predefined maps resized to (B, A, M, M), all in [0, 1].

        No gradient reaches the landmarks.
        """
        centers = self.predefined.centers(landmarks)
        # Painted in float32 whatever the network computes in, so that bumps sit on the right pixels.
        predefined = self.predefined.paint(centers).to(self.refinement.output.weight.dtype)  # (B, A, M + 8, M + 8)
        refined = self.refinement(predefined, centers, self.predefined.half_window)
        return refined, F.interpolate(predefined, size=refined.shape[-2:])

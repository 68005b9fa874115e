"""Predefined attention: a bump around each of the two centres of an action unit, painted from landmarks.

Paper: JAA-Net (Shao et al., ECCV 2018, section 3.2; IJCV 2021); the numbers are those of its released program, which paints
the maps pixel by pixel on the CPU. Here all faces, action units and pixels are one tensor operation on their device.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aufait.au_centers import center_weights
from aufait.landmarks import LANDMARKS_49, POINTS

WINDOW = 0.14
"""Side of a bump's window as a share of the map."""

SLOPE = 0.56
"""Attention lost from the centre to a whole window away, in city-block distance."""


class PredefinedAttention(nn.Module):
    """Landmarks -> attention maps; no parameters, no gradient.

    Args:
        action_units: A AU numbers.
        image_size: side S of the image that landmarks refer to.
        map_size: side M of the maps.
        rules: rules for the centres, see ``aufait.au_centers``.
    """

    weights: Tensor
    offsets: Tensor

    def __init__(self, action_units: Sequence[int], image_size: int = 176, map_size: int = 52, rules: str = "jaa_net") -> None:
        super().__init__()
        self.image_size, self.map_size = image_size, map_size
        # Python rounds halves to even, as the released program does.
        self.half_window = round((map_size - 1) / 2 * WINDOW)
        weights, offsets = center_weights(len(LANDMARKS_49), tuple(action_units), rules)
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32), persistent=False)
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.float32), persistent=False)
        self._inner_eyes = tuple(LANDMARKS_49.index(POINTS[f"{side}_eye_inner"]) for side in ("right", "left"))

    def centers(self, landmarks: Tensor) -> Tensor:
        """Landmarks (B, 49, 2) in image pixels -> centres (B, A, 2, 2) in whole pixels of the map, x before y."""
        points = landmarks.detach().float()
        right, left = self._inner_eyes
        unit = (points[:, right, 0] - points[:, left, 0]).abs()
        # A product and a sum: matrix products may round coordinates (autocast, TF32), and one zero weight is exact.
        centers = (self.weights.float()[..., None] * points[:, None, None]).sum(-2)
        shift = (unit[:, None] * self.offsets.float())[..., None]
        centers = torch.stack([centers[..., 0], centers[..., 1] + shift], dim=-1)
        return (centers * self.map_size / self.image_size).round()  # in this order, halves of whole coordinates stay exact

    def paint(self, centers: Tensor) -> Tensor:
        """Centres (B, A, 2, 2) in pixels of the map -> maps (B, A, M, M) in [0, 1], float32."""
        pixel = torch.arange(self.map_size, device=centers.device, dtype=torch.float32)
        # As released, the ends of a window are moved into the map: one that is outside leaves a line at the border.
        first = (centers - self.half_window).clamp(0, self.map_size - 1)[..., None]  # (B, A, 2, 2, 1)
        last = (centers + self.half_window).clamp(0, self.map_size - 1)[..., None]
        inside = (pixel >= first) & (pixel <= last)  # (B, A, 2, 2, M)
        distance = (pixel - centers[..., None]).abs()
        slope = SLOPE / (self.map_size * WINDOW)
        bumps = 1 - (distance[:, :, :, 0, None, :] + distance[:, :, :, 1, :, None]) * slope  # (B, A, 2, M, M)
        window = inside[:, :, :, 0, None, :] & inside[:, :, :, 1, :, None]
        return torch.where(window, bumps, 0.0).clamp(min=0).amax(2)

    def forward(self, landmarks: Tensor) -> Tensor:
        """Landmarks (B, 49, 2) in image pixels -> maps (B, A, M, M) in [0, 1], float32."""
        return self.paint(self.centers(landmarks))

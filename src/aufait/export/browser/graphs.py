"""Networks with the arithmetic around them, as graphs from bytes of a picture to numbers that need no more explanation.

Whoever runs a graph hands over crops (B, S, S, 3) uint8 RGB, as a canvas has them, and gets boxes, points or scores. What is left
to do outside is geometry: shrinking, warping, and deciding which box is a face.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aufait.faces.builtin import BuiltinConfig
from aufait.faces.face_check import LEFT, LOWER, RIGHT, UPPER, FaceCheckNetwork
from aufait.faces.face_check import normalize as normalize_colours
from aufait.faces.networks import FaceDetectorNet, FaceLandmarkNet, decode_boxes, places_and_spreads
from aufait.models.default.crop import mirror_sides, network_input
from aufait.models.default.network import AUNetwork
from aufait.models.default.ordinal import OCCURRENCE_LEVEL, median_of


def channels_first(pixels: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, still 0 to 255."""
    return pixels.float().permute(0, 3, 1, 2)


class DetectorGraph(nn.Module):
    """Picture (1, H, W, 3) uint8, H and W multiples of 32 -> boxes (N, 4) pixels and scores (N,) of all cells."""

    outputs = ("boxes", "scores")

    def __init__(self, network: FaceDetectorNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = [], []
        sizes = self.network.config
        levels = self.network(channels_first(pixels) / 255.0)
        for (logits, edges), stride, reference in zip(levels, sizes.strides, sizes.reference_sizes, strict=True):
            scores.append(logits[0].flatten().sigmoid())
            boxes.append(decode_boxes(edges, stride, reference)[0])
        return torch.cat(boxes), torch.cat(scores)


class LandmarkGraph(nn.Module):
    """Crops (B, S, S, 3) uint8 -> points (B, 68, 2) in crop pixels and scores (B,), lowered where heatmaps are not sharp."""

    outputs = ("points", "scores")

    def __init__(self, network: FaceLandmarkNet, config: BuiltinConfig) -> None:
        super().__init__()
        self.network, self.config = network, config

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        heatmaps, logits = self.network(channels_first(pixels) / 255.0)
        points, spreads = places_and_spreads(heatmaps)
        inner = spreads[:, 17:].sort(dim=1).values  # exporters know no median
        spread = inner[:, (inner.shape[1] - 1) // 2] / self.network.config.crop_size
        sharpness = ((self.config.flat - spread) / (self.config.flat - self.config.sharp)).clamp(0.0, 1.0)
        return points, logits.sigmoid() * sharpness


class ActionUnitGraph(nn.Module):
    """Crops (B, 112, 112, 3) uint8 -> probability and intensity (B, A), and both of the two sides (B, A, 2), left first.

    Args:
        network: the compact model's.
        calibration: (A, 2) scale and shift of each unit's logits.
        mirror: whether each face is averaged with its mirror image.
    """

    outputs = ("probability", "intensity", "side_probability", "side_intensity")

    def __init__(self, network: AUNetwork, calibration: Tensor, *, mirror: bool) -> None:
        super().__init__()
        self.network, self.mirror = network, mirror
        self.register_buffer("scale", calibration[:, 0].float()[:, None, None])
        self.register_buffer("shift", calibration[:, 1].float()[:, None, None])

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        crops = network_input(channels_first(pixels))
        if self.mirror:
            both = self.network(torch.cat([crops, crops.flip(3)])).unflatten(0, (2, -1))  # not chunk(): the batch stays free
            logits = (both[0] + mirror_sides(both[1])) / 2
        else:
            logits = self.network(crops)
        sides = (logits * self.scale + self.shift).sigmoid()  # (B, A, 2, 5)
        stronger = sides.amax(dim=2)
        present = OCCURRENCE_LEVEL - 1
        return stronger[..., present], median_of(stronger), sides[..., present], median_of(sides)


class FaceCheckGraph(nn.Module):
    """Crops (B, 64, 64, 3) uint8 -> fit, clarity and the least visible share, (B,) each."""

    outputs = ("fit", "clarity", "least_visible")

    def __init__(self, network: FaceCheckNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        answers = self.network(normalize_colours(channels_first(pixels))).sigmoid()
        visible = answers[:, 2:]
        parts = [visible[:, list(part)].mean(dim=1) for part in (UPPER, LOWER, LEFT, RIGHT)]
        return answers[:, 0], answers[:, 1], torch.stack(parts).amin(dim=0)

"""From the bytes of a picture to boxes, and from boxes to landmarks and action units: alignment and all arithmetic inside."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aufait.alignment import PAPER_BORDER
from aufait.export.browser.graphs import ActionUnitGraph, DetectorGraph, LandmarkGraph
from aufait.export.pipeline.sampling import crops_of, inverse, similarities, squares, transformed
from aufait.faces.builtin import BORDER, BuiltinConfig
from aufait.faces.networks import FaceDetectorNet, FaceLandmarkNet
from aufait.faces.template import ALIGNMENT_POINTS, TEMPLATE, TEMPLATE_SIZE
from aufait.landmarks import MIRROR_68
from aufait.models.default.crop import CROP_SIZE
from aufait.models.default.predictor import AUPredictor

SIDES = (160, 320, 640)
"""Sides in pixels of the squares that a picture is shown to the detector in."""


class FindGraph(nn.Module):
    """Picture (H, W, 3) uint8 RGB -> boxes (N, 4) x0, y0, x1, y1 in its pixels and scores (N,) in [0, 1] of all cells of the
    detector, most of which are no face: take the highest, leave out those that overlap them."""

    inputs = ("picture",)
    outputs = ("boxes", "scores")

    def __init__(self, network: FaceDetectorNet) -> None:
        super().__init__()
        self.detector = DetectorGraph(network)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        height, width = picture.shape[0], picture.shape[1]
        longer = torch.maximum(torch.as_tensor(height), torch.as_tensor(width)).float()
        boxes, scores = [], []
        for side in SIDES:
            scale = longer / side
            shift = (0.5 * scale - 0.5).reshape(1, 1, 1).expand(1, 2, 1)
            matrix = torch.cat([torch.eye(2)[None] * scale, shift], dim=2)
            found, sure = self.detector(crops_of(picture, matrix, side, BORDER))
            boxes.append((found + 0.5) * scale - 0.5)
            scores.append(sure)
        return torch.cat(boxes), torch.cat(scores)


class ReadGraph(nn.Module):
    """Picture (H, W, 3) uint8 RGB and boxes (F, 4) -> landmarks (F, 68, 2) pixels, how much each is a face (F,) in [0, 1],
    probability and intensity (F, A), and both of the subject's two sides (F, A, 2), left first.

    Each face is read as ``faces.builtin`` reads a new one: in an upright crop about the box; then, together with the mirror image,
    in the crop that those points call for.
    """

    template: Tensor
    mirrored: Tensor
    aligned: Tensor
    inputs = ("picture", "boxes")
    outputs = ("landmarks", "face", "probability", "intensity", "side_probability", "side_intensity")

    def __init__(self, network: FaceLandmarkNet, config: BuiltinConfig, units: AUPredictor) -> None:
        super().__init__()
        self.size, self.scale, self.config = network.config.crop_size, network.config.crop_scale, config
        self.landmarks = LandmarkGraph(network, config)
        table = torch.from_numpy(units.calibration.table)
        self.units = ActionUnitGraph(units.network, table, mirror=units.mirror)
        self.register_buffer("template", torch.tensor(TEMPLATE - (TEMPLATE_SIZE - CROP_SIZE) / 2, dtype=torch.float32))
        self.register_buffer("mirrored", torch.tensor(MIRROR_68))
        self.register_buffer("aligned", torch.tensor(ALIGNMENT_POINTS))

    def forward(self, picture: Tensor, boxes: Tensor) -> tuple[Tensor, ...]:
        first, seen = self._read(picture, self._about_boxes(boxes))
        points, face = self._read_twice(picture, self._about_points(first))
        to_crop = similarities(points[:, self.aligned], self.template)
        crops = crops_of(picture, inverse(to_crop), CROP_SIZE, PAPER_BORDER)
        return (points, torch.minimum(seen, face), *self.units(crops))

    def _read(self, picture: Tensor, windows: Tensor) -> tuple[Tensor, Tensor]:
        points, scores = self.landmarks(crops_of(picture, windows, self.size, BORDER))
        return transformed(windows, points), scores

    def _read_twice(self, picture: Tensor, windows: Tensor) -> tuple[Tensor, Tensor]:
        """As ``faces.builtin.LandmarkReader.read_twice``."""
        crops = crops_of(picture, windows, self.size, BORDER)
        both, scores = self.landmarks(torch.cat([crops, crops.flip(2)]))
        (first, second), (sure, surer) = both.unflatten(0, (2, -1)).unbind(0), scores.unflatten(0, (2, -1)).unbind(0)
        turned = second[:, self.mirrored]
        second = torch.cat([self.size - 1 - turned[..., :1], turned[..., 1:]], dim=2)
        apart = ((first - second)[:, 17:] ** 2).sum(2).sqrt().mean(1) / (self.size / self.scale)
        low, high = self.config.mirrored
        agreement = ((high - apart) / (high - low)).clamp(0.0, 1.0)
        return transformed(windows, (first + second) / 2), torch.minimum(sure, surer) * agreement

    def _about_boxes(self, boxes: Tensor) -> Tensor:
        side = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1).clamp(min=1.0)
        return squares((boxes[:, :2] + boxes[:, 2:]) / 2, self.scale * side, torch.zeros_like(side), self.size)

    def _about_points(self, points: Tensor) -> Tensor:
        eyes = points[:, 42:48].mean(1) - points[:, 36:42].mean(1)
        length = (eyes * eyes).sum(1, keepdim=True).sqrt()
        cosine, sine = (eyes / length).unbind(1)
        turn = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], dim=1)  # makes the eyes level
        level = points @ turn.transpose(1, 2)
        low, high = level.amin(1), level.amax(1)
        center = (((low + high) / 2)[:, None] @ turn)[:, 0]
        return squares(center, self.scale * (high - low).amax(1).clamp(min=1.0), torch.atan2(sine, cosine), self.size)

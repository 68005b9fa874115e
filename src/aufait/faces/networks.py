"""The two builtin networks: a face detector and a landmark network.

Detector: anchor-free and fully convolutional, in the manner of FCOS and CenterNet (Tian et al., ICCV 2019; Zhou et
al., "Objects as Points", 2019): three grids of cells at strides 8, 16 and 32, each responsible for a range of face
sizes; a cell says how much it looks like the middle of a face and how far the four edges of the face's box are.

Landmarks: one hourglass in the manner of FAN (Bulat and Tzimiropoulos, ICCV 2017) with one heatmap per point; the
point is the mean of the heatmap's distribution (soft-argmax), so no quantisation. A second output from the hourglass's
bottleneck says whether the crop shows a face at all. Departures from FAN: one small hourglass, plain residual
blocks, soft-argmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aufait.errors import InputError
from aufait.layers.conv_block import conv_block


@dataclass(frozen=True)
class FaceDetectorConfig:
    """Sizes of ``FaceDetectorNet``."""

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    """Channels at strides 2, 4, 8, 16, 32."""

    depths: tuple[int, ...] = (0, 0, 1, 1, 1)
    """Residual blocks at strides 2, 4, 8, 16, 32."""

    neck: int = 64
    """Channels of the three feature maps that the heads read."""

    reference_sizes: tuple[float, ...] = (24.0, 64.0, 180.0)
    """Typical face size in pixels at strides 8, 16, 32: distances are predicted as multiples of half of it."""

    size_ranges: tuple[tuple[float, float], ...] = ((10.0, 50.0), (38.0, 116.0), (90.0, 420.0))
    """Face sizes in pixels that each stride answers for; ranges overlap, so that no size falls between two."""

    strides: tuple[int, ...] = (8, 16, 32)

    def __post_init__(self) -> None:
        _check_counts("widths", self.widths, 5, 1)
        _check_counts("depths", self.depths, 5, 0)
        _check_counts("neck", (self.neck,), 1, 1)
        _check_sizes("reference_sizes", self.reference_sizes, 3)
        _check_sizes("size_ranges", self.size_ranges, 3, pairs=True)
        if self.strides != (8, 16, 32):
            raise InputError(f"strides must be (8, 16, 32), as the network has levels for these, got {self.strides!r}")


@dataclass(frozen=True)
class FaceLandmarkConfig:
    """Sizes of ``FaceLandmarkNet``."""

    crop_size: int = 128
    """Side of the input in pixels."""

    crop_scale: float = 1.5
    """Side of the crop over the longer side of the face box."""

    points: int = 68

    widths: tuple[int, ...] = (24, 48, 96, 128, 160)
    """Channels at strides 2, 4, 8, 16, 32."""

    head: int = 64
    """Channels of the stride-4 map that the heatmaps are read from."""

    def __post_init__(self) -> None:
        _check_counts("crop_size", (self.crop_size,), 1, 32)
        _check_counts("widths", self.widths, 5, 1)
        _check_counts("head", (self.head,), 1, 1)
        _check_sizes("crop_scale", (self.crop_scale,), 1)
        if self.points != 68:
            raise InputError(f"points must be 68, as all later steps read these, got {self.points!r}")
        if self.crop_size % 32:
            raise InputError(f"crop_size must be a multiple of 32, as it is halved five times, got {self.crop_size}")

    @property
    def heatmap_size(self) -> int:
        """Side of a heatmap in cells."""
        return self.crop_size // 4


_MOST = 1024
"""Largest side of a crop and most channels of a layer: eight times what the shipped networks have."""


def _check_counts(name: str, values: Any, count: int, least: int) -> None:
    """Raise unless there are ``count`` whole numbers from ``least`` to ``_MOST``."""
    whole = isinstance(values, tuple) and all(isinstance(one, int) and not isinstance(one, bool) for one in values)
    if not whole or len(values) != count or not all(least <= one <= _MOST for one in values):
        wanted = "a whole number" if count == 1 else f"{count} whole numbers"
        raise InputError(f"{name} must be {wanted} from {least} to {_MOST}, got {values[0] if count == 1 else values!r}")


def _check_sizes(name: str, values: Any, count: int, *, pairs: bool = False) -> None:
    """Raise unless there are ``count`` finite numbers, or pairs of them, above 0."""
    parts = values if pairs else [(one,) for one in values] if isinstance(values, tuple) else None
    good = isinstance(parts, tuple | list) and len(parts) == count
    if not good or not all(isinstance(part, tuple) and len(part) == 1 + pairs and all(map(_is_size, part)) for part in parts or ()):
        raise InputError(f"{name} must be {count} {'pairs of ' * pairs}numbers above 0 and below {_MOST}, got {values!r}")


def _is_size(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _MOST


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut, channels unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_block(channels, channels)
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        result: Tensor = self.second(self.first(features)).add_(features).relu_()
        return result


def stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    """Halves the size, then ``depth`` residual blocks."""
    return nn.Sequential(conv_block(inputs, outputs, stride=2), *[ResidualBlock(outputs) for _ in range(depth)])


def _score_layer(channels: int) -> nn.Conv2d:
    """One logit per cell. Faces are rare, so it starts from "no face"."""
    layer = nn.Conv2d(channels, 1, 1)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, -4.0)
    return layer


class FaceDetectorNet(nn.Module):
    """Pictures in, one map of face scores and box distances per stride out."""

    def __init__(self, config: FaceDetectorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FaceDetectorConfig()
        inputs = (3, *config.widths[:-1])
        sizes = zip(inputs, config.widths, config.depths, strict=True)
        self.stages = nn.ModuleList(stage(i, o, d) for i, o, d in sizes)
        self.laterals = nn.ModuleList(nn.Conv2d(c, config.neck, 1) for c in config.widths[-3:])
        self.smooth = nn.ModuleList(conv_block(config.neck, config.neck) for _ in config.strides)
        self.context = nn.ModuleList(conv_block(config.neck, config.neck) for _ in config.strides)
        self.score = nn.ModuleList(_score_layer(config.neck) for _ in config.strides)
        self.edges = nn.ModuleList(nn.Conv2d(config.neck, 4, 1) for _ in config.strides)

    def forward(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Find faces.

        Args:
            images: (B, 3, H, W) in [0, 1]; H and W multiples of 32.

        Returns:
            For strides 8, 16, 32: score logits (B, 1, H/s, W/s) and box edges (B, 4, H/s, W/s), the logarithm of the
            distance from the cell's centre to the left, upper, right and lower edge over half the reference size.
        """
        features, maps = images - 0.5, []
        for block in self.stages:
            features = block(features)
            maps.append(features)
        levels = [lateral(m) for lateral, m in zip(self.laterals, maps[-3:], strict=True)]
        for k in (1, 0):
            levels[k] = levels[k] + functional.interpolate(levels[k + 1], scale_factor=2.0, mode="nearest")
        levels = [context(smooth(m)) for context, smooth, m in zip(self.context, self.smooth, levels, strict=True)]
        return [(s(m), e(m)) for s, e, m in zip(self.score, self.edges, levels, strict=True)]


def cell_centers(height: int, width: int, stride: int, device: torch.device | None = None) -> Tensor:
    """(height * width, 2): x, y of the cells' centres in pixels, row by row."""
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return (torch.stack([x, y], dim=-1).reshape(-1, 2).float() + 0.5) * stride - 0.5


def decode_boxes(edges: Tensor, stride: int, reference: float) -> Tensor:
    """Edge maps (B, 4, h, w) of one stride -> boxes (B, h * w, 4) x0, y0, x1, y1 in pixels."""
    batch, _, height, width = edges.shape
    distance = edges.float().clamp(-4, 4).exp().permute(0, 2, 3, 1).reshape(batch, -1, 4) * (reference / 2.0)
    centers = cell_centers(height, width, stride, edges.device)
    return torch.cat([centers - distance[..., :2], centers + distance[..., 2:]], dim=-1)


class FaceLandmarkNet(nn.Module):
    """Face crops in, 68 points and a face score out."""

    def __init__(self, config: FaceLandmarkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FaceLandmarkConfig()
        c2, c4, c8, c16, c32 = config.widths
        self.stem = conv_block(3, c2, stride=2)
        self.down4 = nn.Sequential(conv_block(c2, c4, stride=2), conv_block(c4, c4))
        self.down8 = stage(c4, c8, 1)
        self.down16 = stage(c8, c16, 1)
        self.down32 = stage(c16, c32, 1)
        self.up16 = nn.Conv2d(c32, c16, 1)
        self.up8 = nn.Conv2d(c16, c8, 1)
        self.up4 = nn.Conv2d(c8, config.head, 1)
        self.skip4 = nn.Conv2d(c4, config.head, 1)
        self.merge16 = conv_block(c16, c16)
        self.merge8 = conv_block(c8, c8)
        self.merge4 = conv_block(config.head, config.head)
        self.heatmaps = nn.Conv2d(config.head, config.points, 1)
        self.face = nn.Sequential(nn.Linear(2 * c32, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Place points.

        Args:
            crops: (B, 3, S, S) in [0, 1], S = ``crop_size``.

        Returns:
            Heatmap logits (B, 68, S/4, S/4) and face logits (B,).
        """
        at4 = self.down4(self.stem(crops - 0.5))  # (B, c4, S/4, S/4)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        at32 = self.down32(at16)  # (B, c32, S/32, S/32)
        pooled = torch.cat([at32.mean(dim=(2, 3)), at32.amax(dim=(2, 3))], dim=1)
        at16 = self.merge16(at16 + _double(self.up16(at32)))
        at8 = self.merge8(at8 + _double(self.up8(at16)))
        at4 = self.merge4(self.skip4(at4) + _double(self.up4(at8)))
        return self.heatmaps(at4), self.face(pooled)[:, 0]


def _double(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def soft_argmax(heatmaps: Tensor, stride: int = 4) -> Tensor:
    """Mean place of each heatmap's distribution: logits (B, N, h, w) -> (B, N, 2) x, y in crop pixels."""
    return places_and_spreads(heatmaps, stride)[0]


def places_and_spreads(heatmaps: Tensor, stride: int = 4) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each heatmap's distribution.

    Args:
        heatmaps: logits (B, N, h, w).
        stride: crop pixels per cell.

    Returns:
        (B, N, 2) x, y in crop pixels, and (B, N) how wide the distribution is, over both axes, in crop pixels.
    """
    chance = heatmaps.float().flatten(2).softmax(dim=2).view(heatmaps.shape)
    means, variances = [], []
    for other in (2, 3):
        along = chance.sum(dim=other)  # (B, N, w), then (B, N, h)
        pixels = (torch.arange(along.shape[2], device=heatmaps.device) + 0.5) * stride - 0.5
        mean = (along * pixels).sum(dim=2, keepdim=True)
        variances.append((along * (pixels - mean) ** 2).sum(dim=2))
        means.append(mean)
    return torch.cat(means, dim=2), (variances[0] + variances[1]).sqrt()

"""The three networks of MediaPipe's Face Landmarker in PyTorch: face detector, 478 landmarks, 52 blendshapes.

    >>> nets = MeshNetworks.load()                             # doctest: +SKIP
    >>> out = nets.landmarks(crops)                            # doctest: +SKIP
    >>> out.points, out.presence, out.fine, out.coarse         # doctest: +SKIP
    >>> scores = nets.blendshapes(out.points)                  # doctest: +SKIP

``crops`` are (B, 3, 256, 256) in [0, 1], RGB, eyes level, cut by ``mesh_window``. Everything works on batches, keeps
gradients, and moves with ``.to(device)``.

Models and weights: MediaPipe Face Landmarker (Google, Apache-2.0), float16, version 1, read from ``face_landmarker.task``
(``task_file``). The networks are those of the model cards "BlazeFace (short range)", "MediaPipe Face Mesh V2" and
"MediaPipe Blendshape V2". The file holds weights with batch normalisation folded in; here each network is written out as
modules whose layers come in the order of the file, which is how the weights find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from aufait.faces.task_file import read_networks
from aufait.faces.tflite_weights import Operator
from aufait.layers.fused import convolve_and_add

DETECTOR_SIZE = 128
"""Side in pixels of what the face detector sees."""

CROP_SIZE = 256
"""Side in pixels of what the landmark network sees."""

MESH_POINTS = 478


class LandmarkOutput(NamedTuple):
    """What one pass of the landmark network says about B crops."""

    points: Tensor
    """(B, 478, 3) x and y in crop pixels (centre of the top-left pixel 0), and depth on the same scale, towards the camera
    negative; the last ten are the irises."""

    presence: Tensor
    """(B,) logit that the crop shows a face."""

    tongue: Tensor
    """(B,) logit that the tongue is out."""

    fine: Tensor
    """(B, 128, 16, 16) feature map, before its activation."""

    coarse: Tensor
    """(B, 128, 8, 8) feature map, before its activation."""


class DetectorOutput(NamedTuple):
    """What the face detector says about B pictures, at each of its 896 anchors. Coordinates run from 0 to 1 over the picture."""

    scores: Tensor
    """(B, 896) logits."""

    boxes: Tensor
    """(B, 896, 4) x0, y0, x1, y1: from the brows to the chin."""

    keypoints: Tensor
    """(B, 896, 6, 2): right eye, left eye, nose tip, mouth, right ear, left ear."""


class MeshNetworks(nn.Module):
    """The three networks with the weights of the task file, ready for inference."""

    def __init__(self) -> None:
        super().__init__()
        self.detector = FaceDetector()
        self.landmarks = LandmarkNetwork()
        self.blendshapes = BlendshapeNetwork()

    @classmethod
    def load(cls, path: Path | None = None, device: str | torch.device = "cpu") -> Self:
        """Read the task file.

        Args:
            path: the file or its folder; None looks at ``AUFAIT_MEDIAPIPE_MODEL`` and into the cache folder.
            device: where the networks run.

        Raises:
            MissingModelError: no such file, or another one.
        """
        networks = cls()
        operators = read_networks(path)
        for name, network in networks.named_children():
            _fill(network, operators[name])
        networks.requires_grad_(False)
        return networks.eval().to(device)


# ---------------------------------------------------------------------------------------------------------------------
# Landmarks
# ---------------------------------------------------------------------------------------------------------------------


class LandmarkNetwork(nn.Module):
    """478 points, presence of a face and feature maps from a 256 x 256 crop.

    A first convolution, then six halvings of the map, from 128 x 128 to 2 x 2; at each size four bottleneck blocks.
    """

    half_pixel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 16, 3, stride=2))
        self.first_activation = nn.PReLU(16)
        self.stages = nn.ModuleList([_Stage(None, 16)])
        for channels_in, channels in ((16, 32), (32, 64), (64, 128), (128, 128), (128, 128), (128, 128)):
            self.stages.append(_Stage(channels_in, channels))
        self.tongue = nn.Linear(2 * 2 * 128, 1)
        self.presence = nn.Linear(2 * 2 * 128, 1)
        self.points = nn.Linear(2 * 2 * 128, 3 * MESH_POINTS)
        # The network counts from the outer edge of the first pixel (a mirrored crop gives 256 - x), aufait from its centre.
        self.register_buffer("half_pixel", torch.tensor([0.5, 0.5, 0.0]), persistent=False)

    def forward(self, crops: Tensor) -> LandmarkOutput:
        """crops (B, 3, 256, 256) RGB in [0, 1]."""
        x = self.first(crops.contiguous(memory_format=torch.channels_last))  # twice as fast on CPUs
        x = torch.prelu(x, self.first_activation.weight)  # (B, 16, 128, 128)
        maps = []
        for stage in self.stages:
            x, before = stage(x)
            maps.append(before)
        whole = x.permute(0, 2, 3, 1).flatten(1)  # (B, 2 * 2 * 128), in the file's order
        return LandmarkOutput(
            points=self.points(whole).view(-1, MESH_POINTS, 3) - self.half_pixel,
            presence=self.presence(whole)[:, 0],
            tongue=self.tongue(whole)[:, 0],
            fine=maps[3],
            coarse=maps[4],
        )


class _Stage(nn.Module):
    """Halving of the map (except in the first stage) and four blocks -> the map, and the map before its last activation."""

    def __init__(self, channels_in: int | None, channels: int) -> None:
        super().__init__()
        first = [] if channels_in is None else [_Block(channels_in, channels, halve=True)]
        self.blocks = nn.ModuleList([*first, *(_Block(channels, channels) for _ in range(4))])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        before = x
        for block in self.blocks:
            x, before = block.forward(x)
        return x, before


class _Block(nn.Module):
    """Bottleneck: half the channels by 1 x 1 (2 x 2 with stride 2 where it halves the map), 3 x 3 each channel for itself,
    back by 1 x 1, plus the input -> the map, and the map before its last activation."""

    def __init__(self, channels_in: int, channels: int, *, halve: bool = False) -> None:
        super().__init__()
        inner, step = channels // 2, 2 if halve else 1
        self.halve = halve
        self.added = None if channels == channels_in else channels_in
        """Channels to which the input is added; None for all."""
        self.narrow = nn.Conv2d(channels_in, inner, step, stride=step)
        self.narrow_activation = nn.PReLU(inner)
        self.spatial = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.widen = nn.Conv2d(inner, channels, 1)
        self.activation = nn.PReLU(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inner = torch.prelu(_convolve(self.narrow, x), self.narrow_activation.weight)
        seen = _convolve(self.spatial, inner)
        kept = functional.max_pool2d(x, 2) if self.halve else x
        if self.added is None:
            before = convolve_and_add(self.widen, seen, kept)  # in place: memory is the limit
        else:
            before = _with_added(_convolve(self.widen, seen), kept, self.added)
        return torch.prelu(before, self.activation.weight), before


def _with_added(maps: Tensor, added: Tensor, channels: int) -> Tensor:
    """Maps (B, C, H, W) with others (B, channels, H, W) added to the first of them, in place where no graph is being written."""
    if torch.jit.is_tracing():  # a sum in place would be written as dozens of operations on indices
        return torch.cat([maps[:, :channels] + added, maps[:, channels:]], dim=1) if channels < maps.shape[1] else maps + added
    maps[:, :channels].add_(added)
    return maps


def _convolve(layer: nn.Module, x: Tensor) -> Tensor:
    """``layer(x)`` without the bookkeeping of a module's call, which is a tenth of the time of a single face."""
    result: Tensor = layer.forward(x)
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Detector
# ---------------------------------------------------------------------------------------------------------------------


class FaceDetector(nn.Module):
    """BlazeFace, short range: boxes and six keypoints of faces that fill a sixth or more of a 128 x 128 picture."""

    anchors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(3, 24, 5, stride=2), nn.ReLU())
        widths = (24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88)  # halved before 32 and 48 channels
        self.fine_blocks = nn.ModuleList(
            _DetectorBlock(a, b, halve=b in (32, 48)) for a, b in zip(widths[:-1], widths[1:], strict=True)
        )  # -> 16 x 16
        self.coarse_blocks = nn.ModuleList(
            _DetectorBlock(a, 96, halve=a == 88) for a in (88, 96, 96, 96, 96)
        )  # -> 8 x 8
        self.fine_scores, self.coarse_scores = nn.Conv2d(88, 2, 1), nn.Conv2d(96, 6, 1)
        self.fine_boxes, self.coarse_boxes = nn.Conv2d(88, 2 * 16, 1), nn.Conv2d(96, 6 * 16, 1)
        self.register_buffer("anchors", _anchors(), persistent=False)

    def forward(self, pictures: Tensor) -> DetectorOutput:
        """pictures (B, 3, 128, 128) RGB in [0, 1]."""
        x = self.first((2.0 * pictures - 1.0).contiguous(memory_format=torch.channels_last))
        for block in self.fine_blocks:
            x = block(x)
        fine = x
        for block in self.coarse_blocks:
            x = block(x)
        scores = _per_anchor([self.fine_scores(fine), self.coarse_scores(x)], 1)[..., 0]  # (B, 896)
        numbers = _per_anchor([self.fine_boxes(fine), self.coarse_boxes(x)], 16) / DETECTOR_SIZE  # (B, 896, 16)
        center, half = self.anchors + numbers[..., :2], numbers[..., 2:4] / 2
        keypoints = self.anchors[:, None] + numbers[..., 4:].unflatten(-1, (6, 2))
        return DetectorOutput(scores, torch.cat([center - half, center + half], dim=-1), keypoints)


class _DetectorBlock(nn.Module):
    """3 x 3 each channel for itself, 1 x 1, plus the input, with channels of zeros where more are needed."""

    def __init__(self, channels_in: int, channels: int, *, halve: bool = False) -> None:
        super().__init__()
        self.halve, self.added = halve, channels_in
        depthwise = nn.Conv2d(channels_in, channels_in, 3, 2 if halve else 1, 0 if halve else 1, groups=channels_in)
        # TFLite's "same" adds only right and below where it halves.
        self.spatial = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), depthwise) if halve else depthwise
        self.mix = nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed = _convolve(self.mix, _convolve(self.spatial, x))
        return _with_added(mixed, functional.max_pool2d(x, 2) if self.halve else x, self.added).relu_()


def _per_anchor(maps: Sequence[Tensor], numbers: int) -> Tensor:
    """Maps (B, anchors * numbers, H, W) of each size -> (B, all anchors, numbers), cell by cell."""
    return torch.cat([m.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, numbers)) for m in maps], dim=1)


def _anchors() -> Tensor:
    """(896, 2) centres of the cells: two anchors in each of 16 x 16, six in each of 8 x 8; x, y in [0, 1]."""
    grids = []
    for cells, repeats in ((16, 2), (8, 6)):
        middle = (torch.arange(cells) + 0.5) / cells
        y, x = torch.meshgrid(middle, middle, indexing="ij")
        grids.append(torch.stack([x, y], dim=-1).reshape(-1, 2).repeat_interleave(repeats, dim=0))
    return torch.cat(grids)


# ---------------------------------------------------------------------------------------------------------------------
# Blendshapes
# ---------------------------------------------------------------------------------------------------------------------

BLENDSHAPES = (
    "neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""The 52 scores in their order, named as in ARKit; left and right are the subject's. "neutral" has no meaning by itself."""

BLENDSHAPE_POINTS = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81, 82,
    84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157,
    158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270,
    276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334,
    336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398,
    400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip
"""The 146 mesh points that the blendshape network sees, as MediaPipe's blendshape graph lists them."""


class BlendshapeNetwork(nn.Module):
    """52 blendshape scores from 146 of the 478 points: an MLP-mixer over 96 mixed points and one additional token."""

    chosen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.mix_points = nn.Linear(len(BLENDSHAPE_POINTS), 96)
        self.embed = nn.Linear(2, 64)
        self.token = _Token(64)
        self.blocks = nn.Sequential(*(_MixerBlock(97, 64) for _ in range(4)))
        self.head = nn.Linear(64, len(BLENDSHAPES))
        self.register_buffer("chosen", torch.tensor(BLENDSHAPE_POINTS), persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        """points (B, 478, 2 or 3), any unit that is the same in x and y, eyes level -> scores (B, 52) in [0, 1]."""
        x = points[:, self.chosen, :2]
        x = x - x.mean(dim=1, keepdim=True)
        x = 0.5 * x / x.norm(dim=2, keepdim=True).mean(dim=1, keepdim=True)  # (B, 146, 2)
        x = self.embed(self.mix_points(x.transpose(1, 2)).transpose(1, 2))  # (B, 96, 64)
        x = self.blocks(self.token(x))  # (B, 97, 64)
        return self.head(x[:, 0]).sigmoid()


class _Token(nn.Module):
    """A learnt vector in front of the others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(x.shape[0], 1, -1), x], dim=1)


class _MixerBlock(nn.Module):
    """Mixes the tokens of each channel, then the channels of each token."""

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(channels, eps=1e-6, bias=False)
        self.token_mlp = nn.Sequential(nn.Linear(tokens, 384), nn.ReLU(), nn.Linear(384, tokens))
        self.channel_norm = nn.LayerNorm(channels, eps=1e-6, bias=False)
        self.channel_mlp = nn.Sequential(nn.Linear(channels, 256), nn.ReLU(), nn.Linear(256, channels))

    def forward(self, x: Tensor) -> Tensor:
        wide, activation, narrow = self.token_mlp
        x = x + _from_left(narrow, activation(_from_left(wide, self.token_norm(x))))
        return x + self.channel_mlp(self.channel_norm(x))


def _from_left(layer: nn.Module, x: Tensor) -> Tensor:
    """A linear layer over the tokens of x (B, tokens, channels): nothing needs to be turned over in memory."""
    assert isinstance(layer, nn.Linear)
    return layer.weight @ x + layer.bias[:, None]


# ---------------------------------------------------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------------------------------------------------

_KIND_OF_LAYER: dict[type[nn.Module], str] = {
    nn.PReLU: "prelu", nn.Linear: "convolution", nn.LayerNorm: "multiply", _Token: "concatenation",
}  # fmt: skip


def _fill(network: nn.Module, operators: Sequence[Operator]) -> None:
    """Give the layers of a network, in the order they were made, the constants of the file's operators."""
    steps = [step for step in operators if step.constants[0].ndim > 0]  # scalars: 0.5 and the 1e-6 of the norms
    for layer, step in zip(_layers(network), steps, strict=True):
        if _kind(layer) != step.name:
            raise AssertionError(f"{network.__class__.__name__}: {layer} meets a {step.name} in the file")
        for parameter, values in zip(layer.parameters(), step.constants, strict=True):
            parameter.data.copy_(_as_torch(layer, values).view_as(parameter))


def _layers(network: nn.Module) -> Iterator[nn.Module]:
    """The layers that have weights."""
    return (layer for layer in network.modules() if any(True for _ in layer.parameters(recurse=False)))


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        return "convolution" if layer.groups == 1 else "depthwise_convolution"
    return _KIND_OF_LAYER[type(layer)]


def _as_torch(layer: nn.Module, values: np.ndarray) -> Tensor:
    """TFLite keeps channels last: (out, H, W, in), and (1, H, W, channels) where each channel is for itself."""
    weights = torch.from_numpy(values)
    if isinstance(layer, nn.Conv2d) and weights.ndim == 4:
        weights = weights.permute(0, 3, 1, 2) if layer.groups == 1 else weights.permute(3, 0, 1, 2)
    return weights.contiguous()

"""Face check: a small network that reads an aligned face and says what is wrong with it.

Three questions, each answered by a probability-like number:

* fit: are the landmarks on a face that is the right way up? (Not if they were placed on an upside-down face, next to the
  face, or over something else.)
* visible: which share of each of ten regions can be seen, not covered by a hand, a mask, a phone, dark glasses?
* clarity: how much of the fine structure of the face remains after blur, noise, few pixels, compression and darkness?

Our design. It learns from rendered faces, whose covered pixels are known, and from real faces that are covered, turned and
degraded on purpose (``aufait.shipped.faces.check_data``); nothing of it is about a person or an expression.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from aufait.alignment import warp
from aufait.errors import InputError
from aufait.faces.template import TEMPLATE_SIZE, template_transforms
from aufait.files.weights import make_filled, read_description, read_tensors
from aufait.layers.conv_block import conv_block

CHECK_SIZE = 64
"""Side of the network's input in pixels; it shows the same part of the face as the default model's stored crop."""
REGIONS = (
    "brow_left", "brow_right", "eye_left", "eye_right", "nose",
    "mouth_left", "mouth_right", "cheek_left", "cheek_right", "chin",
)  # fmt: skip
"""The regions of ``visible`` in order; left and right are the subject's."""
UPPER = (0, 1, 2, 3)
LOWER = (5, 6, 9)
LEFT = (0, 2, 5, 7)
RIGHT = (1, 3, 6, 8)
"""Positions in ``REGIONS``: parts of a face each of which must be seen for its action units to be read."""

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "face_check.safetensors"
FORMAT = "aufait-face-check-1"


@dataclass(frozen=True)
class FaceCheckConfig:
    """Sizes of the network: about half a millisecond on one core."""

    widths: tuple[int, int, int, int] = (16, 32, 56, 80)
    """Channels at 32, 16, 8 and 4 px."""
    reduced: int = 24
    """Channels before the flattening, which keeps where on the face something is."""
    hidden: int = 64
    """Width of the layer before the outputs."""


@dataclass(frozen=True, eq=False)
class FaceChecks:
    """Answers for F faces, all in [0, 1]: fit (F,), clarity (F,), visible (F, 10) in the order of ``REGIONS``."""

    fit: np.ndarray
    clarity: np.ndarray
    visible: np.ndarray

    @property
    def least_visible(self) -> np.ndarray:
        """(F,): mean visible share of the worst of upper face, mouth and chin, left half and right half."""
        parts = [self.visible[:, list(part)].mean(axis=1) for part in (UPPER, LOWER, LEFT, RIGHT)]
        least: np.ndarray = np.min(parts, axis=0)
        return least


class FaceCheckNetwork(nn.Module):
    """(B, 3, 64, 64) normalised crops -> (B, 2 + 10) logits: fit, clarity, then ``REGIONS``."""

    def __init__(self, config: FaceCheckConfig | None = None) -> None:
        super().__init__()
        self.config = config or FaceCheckConfig()
        w, c = self.config.widths, self.config
        self.features = nn.Sequential(
            conv_block(3, w[0], stride=2),  # 32
            conv_block(w[0], w[1], stride=2),  # 16
            conv_block(w[1], w[2], stride=2),  # 8
            conv_block(w[2], w[2]),
            conv_block(w[2], w[3], stride=2),  # 4
            conv_block(w[3], w[3]),
        )
        self.head = nn.Sequential(
            nn.Conv2d(w[3], c.reduced, 1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(c.reduced * 16, c.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(c.hidden, 2 + len(REGIONS)),
        )

    def forward(self, crops: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(crops))
        return logits


def normalize(crops: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 255] -> zero mean and about unit contrast over all channels of a face; colours stay apart."""
    pixels = crops.float() / 255
    mean, deviation = pixels.mean(dim=(1, 2, 3), keepdim=True), pixels.std(dim=(1, 2, 3), keepdim=True)
    return (pixels - mean) / (deviation + 0.02)


def check_crops(image: np.ndarray, landmarks: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 RGB, (F, 68, 2) landmarks -> (F, 3, 64, 64) uint8 aligned crops."""
    return warp(image, template_transforms(landmarks) * (CHECK_SIZE / TEMPLATE_SIZE), CHECK_SIZE)


def check_faces(network: FaceCheckNetwork, image: np.ndarray, landmarks: np.ndarray) -> FaceChecks:
    """The three answers for the faces of one picture.

    Args:
        network: from ``load_face_check``.
        image: (H, W, 3) uint8 RGB.
        landmarks: (F, 68, 2) finite pixels.
    """
    return judge_crops(network, check_crops(image, landmarks))


@torch.inference_mode()
def judge_crops(network: FaceCheckNetwork, crops: Tensor) -> FaceChecks:
    """The three answers for crops (F, 3, 64, 64) uint8, see ``check_crops``."""
    if not len(crops):
        return FaceChecks(np.zeros(0), np.zeros(0), np.zeros((0, len(REGIONS))))
    answers = network(normalize(crops).contiguous(memory_format=torch.channels_last)).sigmoid().numpy()
    return FaceChecks(answers[:, 0], answers[:, 1], answers[:, 2:])


@lru_cache(maxsize=2)
def load_face_check(path: Path = WEIGHTS, *, fused: bool = True) -> FaceCheckNetwork:
    """The shipped network, or one that ``tools/train_face_check.py`` wrote; on the CPU, ready to use.

    Args:
        path: the weights.
        fused: fold the batch normalisations into the convolutions, a third quicker; False to train on.

    Raises:
        MissingModelError: the file is absent.
        InputError: the file is damaged or of another format.
    """
    header = read_description(path, f"the weights of the face check are missing: {path}; install aufait again")
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else json.dumps(header)
        raise InputError(f"{path} is not a face check (format {found}, need {FORMAT}); install aufait again")
    sizes = header.get("config")
    if not isinstance(sizes, dict):
        raise InputError(f"{path} does not state its sizes; install aufait again")
    config: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in sizes.items()}
    misfit = f"the weights in {path} do not fit its configuration"
    network = make_filled(lambda: FaceCheckNetwork(FaceCheckConfig(**config)), read_tensors(path), misfit)
    network.eval()
    if fused:
        for stage in network.features:
            assert isinstance(stage, nn.Sequential)
            convolution, normalisation = stage[0], stage[1]
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(normalisation, nn.BatchNorm2d)
            stage[0], stage[1] = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

"""The crop that the default AU model looks at: five points brought to a template, grey, divided by its own contrast."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aufait.alignment import compose, warp
from aufait.faces.template import template_transforms

CROP_SIZE = 112
"""Side of what the network sees: the middle of the template."""
CONTRAST_FLOOR = 0.05
"""Added to the standard deviation of grey values in [0, 1], so that flat crops stay quiet."""


def crop_transforms(landmarks: np.ndarray, *, size: int = CROP_SIZE) -> np.ndarray:
    """(F, 68, 2) landmarks -> (F, 2, 3) matrices from picture pixels to pixels of the centred ``size`` crop."""
    return template_transforms(landmarks, size=size)


def crop_faces(image: np.ndarray, landmarks: np.ndarray, *, size: int = CROP_SIZE) -> Tensor:
    """(H, W, 3) uint8 RGB picture, (F, 68, 2) landmarks -> (F, 3, size, size) uint8 aligned crops."""
    return warp(image, crop_transforms(landmarks, size=size), size)


def photo_transforms(landmarks: np.ndarray) -> np.ndarray:
    """(F, 68, 2) landmarks -> (F, 2, 3) matrices to the crop of the photo trunk: the network's crop, twice as fine."""
    twice = np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5]])  # from the middle of one pixel to that of the four in its place
    return compose(twice, crop_transforms(landmarks))


def photo_crops(image: np.ndarray, landmarks: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 RGB picture, (F, 68, 2) landmarks -> (F, 3, 224, 224) uint8 aligned crops."""
    return warp(image, photo_transforms(landmarks), 2 * CROP_SIZE)


def to_grey(crops: Tensor) -> Tensor:
    """(F, 3, H, W) uint8 -> (F, 1, H, W) float in [0, 1], plain mean of the channels."""
    return crops.float().mean(dim=1, keepdim=True) / 255.0


def normalize(grey: Tensor) -> Tensor:
    """(F, 1, H, W) grey in [0, 1] -> zero mean and about unit contrast per face; exposure and contrast drop out."""
    mean = grey.mean(dim=(2, 3), keepdim=True)
    return (grey - mean) / (grey.std(dim=(2, 3), keepdim=True) + CONTRAST_FLOOR)


def network_input(crops: Tensor) -> Tensor:
    """(F, 3, 112, 112) uint8 -> (F, 1, 112, 112) float32, what ``AUNetwork`` takes."""
    return normalize(to_grey(crops))


def mirror_sides(scores: Tensor) -> Tensor:
    """(F, A, 2, ...) with the two sides exchanged, as a mirrored face shows them."""
    return torch.flip(scores, dims=(2,))

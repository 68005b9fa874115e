"""Heat maps to landmarks, landmarks to heat maps, and the loss between them.

Paper: Bulat and Tzimiropoulos, ICCV 2017, section 4 (one Gaussian per landmark, squared error). The shift by a quarter of a
heat-map pixel towards the higher neighbour is the released programs'.
Our reading: pixel centres are whole numbers here, so heat-map pixel k of a map ``ratio`` times smaller than the image is at
image pixel ratio (k + 1/2) - 1/2; the released program leaves out the last half pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.losses.occurrence import masked_mean


def landmarks_from_heat_maps(heat_maps: Tensor, image_size: int) -> Tensor:
    """Highest pixel of each map, moved a quarter pixel towards its higher neighbours.

    Args:
        heat_maps: (B, N, H, W), any finite values.
        image_size: side of the image in pixels; the maps show all of it.

    Returns:
        (B, N, 2) x, y in pixels of the image, float32. Maps that peak on their border are not moved.
    """
    height, width = heat_maps.shape[-2:]
    flat = heat_maps.float().flatten(2)                          # (B, N, H * W)
    peak = flat.argmax(-1)                                       # (B, N)
    x, y = peak % width, peak // width
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    steps = [_slope(flat, peak, step) * inside * 0.25 for step in (1, width)]
    position = torch.stack((x + steps[0], y + steps[1]), dim=-1)  # (B, N, 2) in heat-map pixels
    ratio = position.new_tensor([image_size / width, image_size / height])
    return (position + 0.5) * ratio - 0.5


def _slope(flat: Tensor, peak: Tensor, step: int) -> Tensor:
    """(B, N): 1, 0 or -1, which of the pixels ``step`` after and before the peak is higher."""
    last = flat.shape[-1] - 1
    after = flat.gather(-1, (peak + step).clamp(max=last)[..., None])
    before = flat.gather(-1, (peak - step).clamp(min=0)[..., None])
    return (after - before).sign()[..., 0]


def heat_map_targets(landmarks: Tensor, image_size: int, side: int, sigma: float = 1.0) -> Tensor:
    """One Gaussian of height 1 per landmark.

    Args:
        landmarks: (B, N, 2) pixels of the image; points outside it give the part of their Gaussian that is inside.
        image_size: side of the image in pixels.
        side: side of the maps in pixels.
        sigma: in heat-map pixels; 1 for maps of 64 pixels (FAN's training program).

    Returns:
        (B, N, side, side) in [0, 1].
    """
    center = (landmarks.float() + 0.5) * (side / image_size) - 0.5                    # (B, N, 2)
    pixels = torch.arange(side, device=landmarks.device, dtype=torch.float32)
    profile = torch.exp(-(pixels - center[..., None]).square() / (2 * sigma**2))      # (B, N, 2, side)
    across, down = profile.unbind(-2)
    return down[..., :, None] * across[..., None, :]


def heat_map_loss(heat_maps: list[Tensor], landmarks: Tensor, image_size: int, known: Tensor | None = None) -> Tensor:
    """Squared error of the maps of every stack, a mean over pixels, landmarks and known faces, summed over stacks.

    Args:
        heat_maps: per stack (B, N, H, H), ``FANOutput.heat_maps``.
        landmarks: (B, N, 2) pixels of the image.
        image_size: side of the image in pixels.
        known: (B,) bool; faces without landmarks do not count.

    Returns:
        Scalar.
    """
    target = heat_map_targets(landmarks, image_size, heat_maps[0].shape[-1])
    errors = [(maps.float() - target).square().mean((-3, -2, -1)) for maps in heat_maps]  # (B,) each
    return torch.stack([masked_mean(error, known) for error in errors]).sum()

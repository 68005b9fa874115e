"""Windows around landmarks, cut out of a feature map for all faces, patches and channels at once.

Paper: section 2, patches of 48 x 48 pixels around landmarks, cut out of the 32 maps of Conv1. Our reading: a window that
would leave the map is pushed back to its border, which keeps all of its pixels inside.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_map_pixels(landmarks: Tensor, image_size: int, map_size: int, how: str) -> Tensor:
    """Landmarks (..., 2) in pixels of the image -> the same points in pixels of an unpadded convolution's map.

    Args:
        how: "shift", by the border that the kernel cuts off on one side, (image_size - map_size) / 2: the map's pixel then is
            where the centre of its kernel was. "scale", by map_size / image_size.

    Returns:
        float32 in any case: half precision cannot distinguish pixels near 200 finely enough.
    """
    if how == "shift":
        return landmarks.float() - (image_size - map_size) / 2
    return landmarks.float() * (map_size / image_size)


def window_corners(centres: Tensor, height: int, width: int, size: int) -> tuple[Tensor, Tensor]:
    """Top-left pixels of windows around centres, moved into the map where they would leave it.

    Args:
        centres: (B, P, 2) x, y in pixels of the map; halves round to the even pixel.
        height: of the map, at least ``size``.
        width: of the map, at least ``size``.
        size: side of the windows; the corner is size // 2 to the left of and above the rounded centre.

    Returns:
        rows and columns, (B, P) integers in [0, height - size] and [0, width - size].
    """
    corners = centres.round().long() - size // 2  # (B, P, 2)
    # Clamping integers, not centres: indices stay inside the map whatever the landmarks hold.
    return corners[..., 1].clamp(0, height - size), corners[..., 0].clamp(0, width - size)


def extract_patches(feature_map: Tensor, centres: Tensor, size: int) -> Tensor:
    """Cut one window per centre out of a feature map; gradients flow back into the map.

    Args:
        feature_map: (B, C, H, W), quickest in channels-last memory.
        centres: (B, P, 2) x, y in pixels of the map.
        size: side of the windows in pixels.

    Returns:
        (B, P * C, size, size) in channels-last memory, the channels of one patch side by side.
    """
    batch, channels, height, width = feature_map.shape
    rows, columns = window_corners(centres, height, width, size)
    offsets = torch.arange(size, device=feature_map.device)
    faces = torch.arange(batch, device=feature_map.device)
    first_pixels = ((faces[:, None] * height + rows) * width + columns)[:, None, None]  # (B, 1, 1, P)
    pixels = first_pixels + (offsets[:, None] * width + offsets)[..., None]  # (B, size, size, P)
    # A pixel's channels are one row of this table, so that a patch is a list of rows: few, long copies.
    table = feature_map.permute(0, 2, 3, 1).reshape(-1, channels)  # (B * H * W, C)
    patches = table.index_select(0, pixels.flatten())  # (B * size * size * P, C)
    return patches.view(batch, size, size, -1).permute(0, 3, 1, 2)

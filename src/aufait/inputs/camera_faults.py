"""Image faults of AUNet's training as batched tensor operations: blur, colour, compression, holes.

Paper: AUNet, section V-A (Gaussian blur, compression, coarse dropout); probabilities and strengths are the released program's,
which adds colour jitter. The three frames of a face share their faults, as there. What takes the place of the program's
per-picture library calls:

* blur: Gaussian of 7 x 7 pixels with a standard deviation between 0.3 and ``blur_sigma`` (its library's range of kernels);
* colour: brightness, contrast and saturation, in that order, each by a separate factor;
* compression: brightness and colour differences of 8 x 8 blocks, their cosine coefficients rounded to the steps of the JPEG
  standard's example tables (annex K) at a quality between ``compression_quality`` and 100; colours keep their resolution, and
  nothing is entropy-coded, which changes no pixel;
* holes: 1 to 8 black rectangles with sides between 1/32 and 1/8 of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from aufait.inputs.augmentation import Augmentation

MAX_HOLES = 8
_HOLE_SIDES = (1 / 32, 1 / 8)
_BLUR_RADIUS = 3
_LEAST_SIGMA = 0.3
_BLOCK = 8

DRAWS_FOR_FAULTS = 2 + 3 + 2 + 2 + 4 * MAX_HOLES
"""Uniform numbers per face: blur 2, colour 3, compression 2, holes 2 and 4 for each."""


def camera_faults(images: Tensor, augmentation: Augmentation, table: Tensor) -> Tensor:
    """Images (B, F, 3, s, s) in [0, 1] with faults; the F frames of a face have the same ones.

    Args:
        images: frames of faces; may be a view, is not changed.
        augmentation: probabilities and strengths.
        table: (B, ``DRAWS_FOR_FAULTS``) uniform numbers on the CPU.
    """
    blur, colour, compression, holes = table.split((2, 3, 2, 2 + 4 * MAX_HOLES), dim=1)
    chosen = (blur[:, 0] < augmentation.blur).nonzero()[:, 0]
    images = _replaced(images, chosen, lambda part: _blur(part, blur[chosen, 1], augmentation.blur_sigma))
    if augmentation.jitter:
        images = _jitter(images, 1 + augmentation.jitter * (2 * colour - 1))
    chosen = (compression[:, 0] < augmentation.compression).nonzero()[:, 0]
    lowest = augmentation.compression_quality
    images = _replaced(images, chosen, lambda part: _compress(part, lowest + (100 - lowest) * compression[chosen, 1]))
    chosen = (holes[:, 0] < augmentation.holes).nonzero()[:, 0]
    return _replaced(images, chosen, lambda part: _pierce(part, holes[chosen, 1], holes[chosen, 2:]))


def _replaced(images: Tensor, rows: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """The images with some faces (``rows`` on the CPU) changed; a new tensor where there is any."""
    if not len(rows):
        return images
    rows = rows.to(images.device)
    return images.index_copy(0, rows, change(images[rows]))


def _blur(images: Tensor, level: Tensor, widest: float) -> Tensor:
    sigma = (_LEAST_SIGMA + (widest - _LEAST_SIGMA) * level).to(images.device)  # (B,)
    offsets = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(images.shape[1] * 3, 0)  # (B F 3, 7)
    planes = images.reshape(1, -1, *images.shape[-2:])
    padded = F.pad(planes, (_BLUR_RADIUS,) * 4, mode="reflect")
    rows = F.conv2d(padded, kernel[:, None, None, :], groups=len(kernel))
    return F.conv2d(rows, kernel[:, None, :, None], groups=len(kernel)).reshape(images.shape).clamp(0, 1)


def _jitter(images: Tensor, factors: Tensor) -> Tensor:
    """Factors (B, 3) of brightness, contrast and saturation."""
    brightness, contrast, saturation = factors.to(images.device)[:, :, None, None, None, None].unbind(1)
    images = (images * brightness).clamp(0, 1)
    mean = _grey(images).mean((-2, -1), keepdim=True)
    images = (mean + (images - mean) * contrast).clamp(0, 1)
    grey = _grey(images)
    return (grey + (images - grey) * saturation).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    weights = images.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    return (images * weights).sum(-3, keepdim=True)


def _compress(images: Tensor, quality: Tensor) -> Tensor:
    """Quality (B,) between 1 and 100."""
    size = images.shape[-1]
    padding = -size % _BLOCK
    planes = images.flatten(0, 1) * 255  # (B F, 3, s, s)
    if padding:
        planes = F.pad(planes, (0, padding, 0, padding), mode="replicate")
    to_luma, basis = luma_matrix(images.device), cosines(images.device)
    planes = torch.einsum("ij,bjhw->bihw", to_luma, planes)
    planes[:, 0] -= 128
    blocks = planes.unflatten(-1, (-1, _BLOCK)).unflatten(2, (-1, _BLOCK))  # (B F, 3, h, 8, w, 8)
    spectrum = torch.einsum("ku,bchuwv,lv->bchkwl", basis, blocks, basis)
    steps = _steps(quality).to(images.device).repeat_interleave(images.shape[1], 0)[:, :, None, :, None, :]
    spectrum = (spectrum / steps).round() * steps
    blocks = torch.einsum("ku,bchkwl,lv->bchuwv", basis, spectrum, basis)
    planes = blocks.flatten(4, 5).flatten(2, 3)
    planes[:, 0] += 128
    restored = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(to_luma), planes)[..., :size, :size]
    return (restored / 255).clamp(0, 1).unflatten(0, images.shape[:2])


def _steps(quality: Tensor) -> Tensor:
    """(B, 3, 8, 8) quantisation steps; the scale of the tables by quality is that of the common JPEG library."""
    scale = torch.where(quality < 50, 50 / quality.clamp(min=1), 2 - quality / 50)
    tables = torch.tensor([_LUMA_STEPS, _COLOUR_STEPS, _COLOUR_STEPS]).reshape(3, _BLOCK, _BLOCK)
    return (tables * scale[:, None, None, None] + 0.5).floor().clamp(1, 255)


def _pierce(images: Tensor, count: Tensor, places: Tensor) -> Tensor:
    """Black rectangles: how many (B,), where and how large (B, 4 * MAX_HOLES), all uniform in [0, 1)."""
    size = images.shape[-1]
    places = places.reshape(-1, MAX_HOLES, 4)
    low, high = (share * size for share in _HOLE_SIDES)
    extent = (low + (high - low) * places[..., :2]).round().clamp(min=1)  # (B, H, 2)
    start = (places[..., 2:] * (size - extent + 1)).floor()
    used = torch.arange(MAX_HOLES) <= (count[:, None] * MAX_HOLES).floor()
    extent = torch.where(used[..., None], extent, 0.0).to(images.device)
    start = start.to(images.device)
    axis = torch.arange(size, device=images.device)
    inside = (axis >= start[..., None]) & (axis < (start + extent)[..., None])  # (B, H, 2, s)
    covered = (inside[:, :, 1, :, None] & inside[:, :, 0, None, :]).any(1)  # (B, s, s)
    return images.masked_fill(covered[:, None, None], 0.0)


@cache
def luma_matrix(device: torch.device) -> Tensor:
    """RGB to luma and two colour differences (ITU-R BT.601)."""
    rows = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    return torch.tensor(rows, device=device)


@cache
def cosines(device: torch.device) -> Tensor:
    """(8, 8) orthonormal basis of the discrete cosine transform; row k is frequency k."""
    k, n = torch.arange(float(_BLOCK))[:, None], torch.arange(float(_BLOCK))[None]
    basis = torch.cos(torch.pi * (n + 0.5) * k / _BLOCK) * 0.5
    basis[0] /= 2**0.5
    return basis.to(device)


# Example tables of the JPEG standard, ITU-T T.81, tables K.1 and K.2, row by row.
_LUMA_STEPS = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112,
    100, 103, 99,
)  # fmt: skip
_COLOUR_STEPS = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *([99] * 32),
)  # fmt: skip

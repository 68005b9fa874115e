"""Cameras and weather for training pictures: colour, light, blur, noise, compression, objects in the way.

Everything works on batches (B, 3, H, W) in [0, 1] on any device; each picture draws its own strengths from the
generator.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from aufait.inputs.camera_faults import cosines, luma_matrix


class Draw:
    """Random numbers of one generator on its device; keeps the code below short."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.device = generator.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Even between low and high."""
        return torch.rand(shape, generator=self.generator, device=self.device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def chance(self, share: float, *shape: int) -> Tensor:
        """True with probability ``share``."""
        return torch.rand(shape, generator=self.generator, device=self.device) < share

    def integers(self, high: int, *shape: int) -> Tensor:
        """0 to high - 1."""
        return torch.randint(high, shape, generator=self.generator, device=self.device)


def distort(images: Tensor, draw: Draw) -> Tensor:
    """Everything that happens between the scene and the file, in that order."""
    images = _light(images, draw)
    images = _colour(images, draw)
    images = _blur(images, draw)
    images = _noise(images, draw)
    images = _compress(images, draw)
    return images.clamp_(0.0, 1.0)


def _light(images: Tensor, draw: Draw) -> Tensor:
    """A slow gradient of brightness across the picture, as from a window or a lamp; now and then a dark room."""
    batch, _, height, width = images.shape
    y = torch.linspace(-1, 1, height, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, device=images.device)[None]
    slope = draw.normal(batch, 2) * 0.35 * draw.chance(0.5, batch, 1)
    ramp = slope[:, 0, None, None] * y + slope[:, 1, None, None] * x  # (B, H, W)
    dark = torch.where(draw.chance(0.1, batch), draw.uniform(0.3, 0.7, batch), torch.ones(batch, device=images.device))
    return images.mul_((ramp.exp() * dark[:, None, None])[:, None])


def _colour(images: Tensor, draw: Draw) -> Tensor:
    """Colour of the light, gamma, saturation, contrast and brightness, all moderate; one in seven pictures is grey."""
    batch = len(images)
    gain = torch.exp(draw.normal(batch, 3, 1, 1) * 0.10 + draw.normal(batch, 1, 1, 1) * 0.12)
    images = images.mul_(gain).clamp_(1e-4, 1.5).pow_(torch.exp(draw.normal(batch, 1, 1, 1) * 0.22))
    saturation = torch.where(draw.chance(0.15, batch), 0.0, torch.exp(draw.normal(batch) * 0.35))[:, None, None, None]
    contrast = torch.exp(draw.normal(batch, 1, 1, 1) * 0.2)
    # grey + (image - grey) * saturation, then middle + (. - middle) * contrast + shift, in as few passes as possible.
    grey = images.mean(dim=1, keepdim=True)
    middle = grey.mean(dim=(2, 3), keepdim=True)
    offset = grey * ((1 - saturation) * contrast) + middle * (1 - contrast) + draw.normal(batch, 1, 1, 1) * 0.05
    return images.mul_(saturation * contrast).add_(offset)


def _blur(images: Tensor, draw: Draw) -> Tensor:
    """A third of the pictures is blurred a little, a few are lost to a smaller size."""
    size = images.shape[-2:]
    rows = draw.chance(0.33, len(images)).nonzero()[:, 0]
    if len(rows):
        amount = draw.uniform(0, 1, len(rows), 1, 1, 1)
        images[rows] += (functional.avg_pool2d(images[rows], 5, 1, 2, count_include_pad=False) - images[rows]) * amount
    rows = draw.chance(0.15, len(images)).nonzero()[:, 0]
    if len(rows):
        factor = float(draw.uniform(0.3, 0.7, 1))
        small = functional.interpolate(images[rows], scale_factor=factor, mode="bilinear", antialias=True)
        images[rows] = functional.interpolate(small, size=size, mode="bilinear")
    return images


def _noise(images: Tensor, draw: Draw) -> Tensor:
    """Half of the pictures get grain; four patterns are used for a batch, since drawing normal numbers is what costs."""
    rows = draw.chance(0.5, len(images)).nonzero()[:, 0]
    if len(rows) == 0:
        return images
    grain = draw.normal(4, 1, *images.shape[-2:]) + 0.5 * draw.normal(4, 3, *images.shape[-2:])
    strength = draw.uniform(0, 0.05, len(rows), 1, 1, 1)
    images[rows] += grain[draw.integers(4, len(rows))] * strength
    return images


def _compress(images: Tensor, draw: Draw) -> Tensor:
    """JPEG's loss: brightness and colour of 8 x 8 blocks, their cosine coefficients rounded to coarse steps."""
    rows = draw.chance(0.22, len(images)).nonzero()[:, 0]
    if len(rows) == 0:
        return images
    count, (height, width) = len(rows), images.shape[-2:]
    to_luma, basis = luma_matrix(images.device), cosines(images.device)
    planes = torch.einsum("ij,bjhw->bihw", to_luma, images[rows])
    blocks = planes.view(count, 3, height // 8, 8, width // 8, 8)
    spectrum = torch.einsum("ku,bchuwv,lv->bchkwl", basis, blocks, basis)
    coarse = torch.exp(draw.uniform(-4.6, -2.3, count))[:, None, None, None, None, None]
    grade = 1.0 + 0.35 * torch.arange(8, device=images.device)
    step = coarse * (grade[:, None, None] + grade[None, None, :]) / 2.0
    step = step * torch.tensor([1.0, 2.0, 2.0], device=images.device)[:, None, None, None, None]
    spectrum = (spectrum / step).round_() * step
    planes = torch.einsum("ku,bchkwl,lv->bchuwv", basis, spectrum, basis).reshape(count, 3, height, width)
    images[rows] = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(to_luma), planes)
    return images


def obstacle_masks(count: int, height: int, width: int, draw: Draw) -> Tensor:
    """(count, height, width) bool: an oval or a bar somewhere in each."""
    y = torch.linspace(-1, 1, height, device=draw.device)[None, :, None]
    x = torch.linspace(-1, 1, width, device=draw.device)[None, None]
    center, radius = draw.uniform(-0.9, 0.9, count, 2, 1, 1), draw.uniform(0.08, 0.45, count, 2, 1, 1)
    angle = draw.uniform(0, torch.pi, count, 1, 1)
    dx, dy = x - center[:, 0], y - center[:, 1]
    u = (dx * angle.cos() + dy * angle.sin()) / radius[:, 0]
    v = (dy * angle.cos() - dx * angle.sin()) / radius[:, 1]
    return torch.where(draw.chance(0.5, count, 1, 1), u**2 + v**2 < 1, (u.abs() < 1) & (v.abs() < 1))


def occlude(images: Tensor, textures: Tensor, rows: Tensor, draw: Draw) -> Tensor:
    """Put an oval or a bar, textured or plain, over part of some pictures.

    Args:
        images: (B, 3, H, W), changed in place.
        textures: (R, 3, H, W), what the obstacles look like.
        rows: (R,) pictures that get one.
        draw: random numbers.
    """
    if len(rows) == 0:
        return images
    mask = obstacle_masks(len(rows), images.shape[-2], images.shape[-1], draw)
    plain = textures.mean(dim=(2, 3), keepdim=True)
    cover = torch.where(draw.chance(0.5, len(rows), 1, 1, 1), textures, plain)
    images[rows] = torch.where(mask[:, None], cover, images[rows])
    return images

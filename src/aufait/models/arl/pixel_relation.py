"""Pixel-level relation learning: a fully-connected conditional random field (CRF) refines each spatial attention map.

Paper: ARL (Shao et al., IEEE Transactions on Affective Computing, 2019), section 3.4, equations (3)-(5); mean-field inference
after Kraehenbuehl and Koltun (NIPS 2011), unrolled after Zheng et al. (ICCV 2015).
As in the released program: 5 iterations, the kernels include the pixel itself and each filtered value is divided by the
filtered ones, kernel weights and label compatibility are learned 2 x 2 matrices of each action unit, and no gradient flows
into the features of the kernel. Differs from it in: sums over all pixels are exact, there they are approximated on a
permutohedral lattice.

Every pixel has two labels, 0 "not attended" and 1 "attended", with unary scores U = (-s, 0). One iteration:

    Q = softmax(L)    S = K_s Q / K_s 1    B = K_b Q / K_b 1    L <- U - C (W_s S + W_b B)

Backends, equal up to rounding:

* "dense" carries the recursion out as written, with the kernels as matrices of pixels x pixels.
* "attention" needs memory in proportion to the pixels. The two labels sum to one, so that one number per pixel, a = Q(1),
  is enough, and the recursion is one of log-odds z. The normalised bilateral filter is a softmax over pixels, computed by
  ``scaled_dot_product_attention``. Eager calls on a CPU sum up the same kernel strip by strip in a work space of fixed size,
  which is faster there: the kernel is symmetric, and one value per pixel is all there is to filter. Small maps whose kernel
  fits the work space keep it over the iterations. The spatial kernel separates into rows and columns.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

STRIP = 484
"""Pixels whose kernel values are summed up in one step on a CPU; fewer on maps so large that they would not fit a step."""

STEP_VALUES = 5 * 2**19
"""Kernel values of one step, 10 MB in single precision: they stay in the cache, and a step is long enough for threads."""

HEAD_MULTIPLE = 8
"""Fused attention kernels want the vectors' length to be a multiple of this."""

# 2^x is several times as fast as e^x on CPUs; the factor between the two goes into the points.
_LOG2_SCALE = math.sqrt(1 / math.log(2))


class PixelRelation(nn.Module):
    """The field of all action units at once: log-odds and pixel features -> refined log-odds.

    Args:
        action_units: A.
        alpha, beta: widths of the bilateral kernel in position (map pixels) and features.
        gamma: width of the spatial kernel in map pixels.
        bilateral_weight, spatial_weight: w(1) and w(2), starting values.
        init: "paper" or "released_float", see ``ARLConfig.crf_init``.
        iterations: of the mean-field inference.
        backend: "attention" or "dense".
        chunk: how many action units "dense" handles at a time.
    """

    def __init__(
        self,
        action_units: int,
        *,
        alpha: float = 160.0,
        beta: float = 3.0,
        gamma: float = 3.0,
        bilateral_weight: float = 5.0,
        spatial_weight: float = 3.0,
        init: str = "paper",
        iterations: int = 5,
        backend: str = "attention",
        chunk: int = 1,
    ) -> None:
        super().__init__()
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.pair_weights = (bilateral_weight, spatial_weight)
        self.iterations, self.backend, self.chunk = iterations, backend, chunk
        self.spatial_weight = nn.Parameter(_kernel_weights(spatial_weight, init).repeat(action_units, 1, 1))
        self.bilateral_weight = nn.Parameter(_kernel_weights(bilateral_weight, init).repeat(action_units, 1, 1))
        self.compatibility = nn.Parameter(-torch.eye(2).repeat(action_units, 1, 1))

    def forward(self, unary: Tensor, features: Tensor) -> Tensor:
        """Log-odds s (B, A, H, W) and pixel features (B, A, D, H, W) -> log-odds of the refined attention, as ``unary``."""
        with _full_precision(unary):
            logits = _at_least_float32(unary)
            points = self._points(_at_least_float32(features))
            refine = self._dense if self.backend == "dense" else self._attention
            return refine(logits, points)

    def expected_energy(self, unary: Tensor, refined: Tensor, features: Tensor) -> Tensor:
        """Mean over pixels of the energy of equation (3), expected under the refined attention, (B, A).

        Potts compatibility and the constants w(1) and w(2) in the pairwise part, each pair of different pixels once. Our
        reading of the E_crf of equations (9) and (13), which the paper does not write out as a loss.

        Args:
            unary, refined: log-odds (B, A, H, W) before and after the field.
            features: (B, A, D, H, W); the kernel takes no gradient from them.
        """
        with _full_precision(unary):
            unary, refined = _at_least_float32(unary), _at_least_float32(refined)
            attended = refined.sigmoid()  # Q(1)
            pixelwise = attended * F.softplus(-unary) + (1 - attended) * F.softplus(unary)
            points = self._points(_at_least_float32(features)).flatten(0, 1)
            bilateral, spatial = self.pair_weights
            others = 1 - attended
            # Per pixel: what the rest of the map that is not attended weighs; the pixel itself is taken out again.
            similar = kernel_sum(points, others.flatten(2).flatten(0, 1)[:, None]).view_as(others)
            around = bilateral * (similar - others)
            around = around + spatial * (self._spatial_sum(others) - others)
            return (pixelwise + attended * around).mean((-2, -1))

    def _points(self, features: Tensor) -> Tensor:
        """(B, A, D, H, W) -> (B, A, H * W, D + 2) such that the bilateral kernel is exp(-|x - y|^2 / 2)."""
        height, width = features.shape[-2:]
        y, x = _pixel_grid(height, width, features)
        position = torch.stack([y, x], -1).reshape(1, 1, -1, 2).expand(*features.shape[:2], -1, -1)
        return torch.cat([features.detach().flatten(3).transpose(2, 3) / self.beta, position / self.alpha], -1)

    # --- "attention": one number per pixel -------------------------------------------------------------------------

    def _attention(self, unary: Tensor, points: Tensor) -> Tensor:
        weights = [weight.expand(*unary.shape[:2], 1, 1).flatten(0, 1) for weight in self._scalar_weights(unary.dtype)]
        maps = [unary.flatten(0, 1), points.flatten(0, 1), *weights]  # all have B * A as first axis
        step = _maps_per_step(maps[1])
        if step is None:
            return self._mean_field(*maps).view_as(unary)
        parts = zip(*(tensor.split(step) for tensor in maps), strict=True)
        return torch.cat([self._mean_field(*part) for part in parts]).view_as(unary)

    def _mean_field(self, unary: Tensor, points: Tensor, constant: Tensor, spatial: Tensor, bilateral: Tensor) -> Tensor:
        """Log-odds (N, H, W), points (N, H * W, D + 2) and weights (N, 1, 1) of N maps -> refined log-odds (N, H, W)."""
        filter_bilateral = bilateral_filter(points)
        rows, columns = (_normalised_gaussian(size, self.gamma, unary) for size in unary.shape[-2:])
        prior = unary - constant
        logits = unary
        for _ in range(self.iterations):
            attended = logits.sigmoid()
            smooth = rows @ attended @ columns.transpose(0, 1)
            similar = filter_bilateral(attended.flatten(1)).view_as(attended)
            logits = prior - spatial * smooth - bilateral * similar
        return logits

    def _scalar_weights(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """What the 2 x 2 matrices do to the log-odds: constant, factors of S[a] and of B[a], (A, 1, 1) each.

        z = s - ((C M)_1 - (C M)_0) with M = W_s (1 - S[a], S[a]) + W_b (1 - B[a], B[a]).
        """
        compatibility = self.compatibility.to(dtype)
        contrast = (compatibility[:, 1] - compatibility[:, 0])[:, None]  # (A, 1, 2)
        spatial = (contrast @ self.spatial_weight.to(dtype))[:, 0]  # (A, 2)
        bilateral = (contrast @ self.bilateral_weight.to(dtype))[:, 0]
        constant = spatial[:, 0] + bilateral[:, 0]
        parts = (constant, spatial[:, 1] - spatial[:, 0], bilateral[:, 1] - bilateral[:, 0])
        return parts[0][:, None, None], parts[1][:, None, None], parts[2][:, None, None]

    def _spatial_sum(self, values: Tensor) -> Tensor:
        """K_s applied to maps (B, A, H, W), not normalised."""
        rows, columns = (_gaussian(size, self.gamma, values) for size in values.shape[-2:])
        return rows @ values @ columns.transpose(0, 1)

    # --- "dense": two labels, kernels as matrices ------------------------------------------------------------------

    def _dense(self, unary: Tensor, points: Tensor) -> Tensor:
        height, width = unary.shape[-2:]
        y, x = _pixel_grid(height, width, unary)
        spatial = _gaussian_matrix(torch.stack([y, x], -1).reshape(-1, 2) / self.gamma)
        scores = torch.stack([-unary, torch.zeros_like(unary)], 2).flatten(3)  # (B, A, 2, H * W)
        parts = [self._dense_part(part, spatial, scores, points) for part in self._chunks(unary.shape[1])]
        refined = torch.cat(parts, 1)
        return (refined[:, :, 1] - refined[:, :, 0]).unflatten(-1, (height, width))

    def _chunks(self, action_units: int) -> Iterator[slice]:
        return (slice(start, start + self.chunk) for start in range(0, action_units, self.chunk))

    def _dense_part(self, part: slice, spatial: Tensor, scores: Tensor, points: Tensor) -> Tensor:
        unary = scores[:, part]
        bilateral = _gaussian_matrix(points[:, part])
        matrices = (self.spatial_weight, self.bilateral_weight, self.compatibility)
        weigh_spatial, weigh_bilateral, compatibility = (matrix[part].to(unary.dtype) for matrix in matrices)
        refined = unary
        for _ in range(self.iterations):
            labels = refined.softmax(2)
            message = weigh_spatial @ (labels @ spatial / spatial.sum(-1))
            message = message + weigh_bilateral @ (labels @ bilateral / bilateral.sum(-1)[:, :, None])
            refined = unary - compatibility @ message
        return refined


def bilateral_filter(points: Tensor) -> Callable[[Tensor], Tensor]:
    """The normalised Gaussian filter over points (N, M, D) of N maps: a function of values (N, M) that returns as many."""
    return StripFilter(points) if _sums_by_strips(points) else partial(attention_filter, points)


def attention_filter(points: Tensor, values: Tensor) -> Tensor:
    """The normalised Gaussian filter as scaled dot-product attention; shapes as in ``bilateral_filter``.

    exp(-|x - y|^2 / 2) is exp(x.y - |y|^2 / 2) times a factor of x alone, which normalisation cancels.
    """
    offset = -points.square().sum(-1, keepdim=True) / 2
    queries = _padded(torch.cat([points, torch.ones_like(offset)], -1))
    keys = _padded(torch.cat([points, offset], -1))
    # Some kernels accept values of another length than the keys', some do not: the same length is safe everywhere.
    padded = F.pad(values[..., None], (0, keys.shape[-1] - 1))
    # Maps take the place of heads.
    return F.scaled_dot_product_attention(queries[None], keys[None], padded[None], scale=1.0)[0, :, :, 0]


class StripFilter:
    """``bilateral_filter`` by sums over strips of the kernel; the first call also finds the normaliser."""

    def __init__(self, points: Tensor) -> None:
        self.points = points
        self.kept = list(_strips(points)) if _maps_per_step(points) is not None else None
        self.total: Tensor | None = None

    def __call__(self, values: Tensor) -> Tensor:
        if self.total is not None:
            return self._sum(values[:, None])[:, 0] / self.total
        both = self._sum(torch.stack([values, torch.ones_like(values)], 1))
        self.total = both[:, 1].detach()
        return both[:, 0] / self.total

    def _sum(self, values: Tensor) -> Tensor:
        return kernel_sum(self.points, values) if self.kept is None else _sum_strips(self.kept, values)


def kernel_sum(points: Tensor, values: Tensor) -> Tensor:
    """sum_k exp(-|x_j - x_k|^2 / 2) v_k for points (N, M, D) and values (N, V, M); no gradient to the points."""
    result: Tensor = _KernelSum.apply(points.detach(), values)
    return result


class _KernelSum(torch.autograd.Function):
    """The kernel is symmetric: the gradient is the same sum over the gradients, and no kernel value has to be kept."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, values: Tensor) -> Tensor:
        ctx.save_for_backward(points)
        return _sum_in_steps(points, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (points,) = ctx.saved_tensors
        return None, _sum_in_steps(points, gradient)


def _sum_in_steps(points: Tensor, values: Tensor) -> Tensor:
    """(N, M, D) and (N, V, M) -> (N, V, M), with as many of the N maps at a time as keep a strip within the size of a step."""
    if torch.compiler.is_compiling():
        return _sum_strips(_strips(points, points.shape[1]), values)
    count = points.shape[1]
    maps = max(1, STEP_VALUES // (_strip(count) * count))
    parts = zip(points.split(maps), values.split(maps), strict=True)
    return torch.cat([_sum_strips(_strips(part), part_values) for part, part_values in parts])


def _strip(count: int) -> int:
    return max(1, min(STRIP, STEP_VALUES // count))


def _strips(points: Tensor, strip: int | None = None) -> Iterator[tuple[int, Tensor]]:
    """The kernel's upper triangle, strip by strip: first pixel of the strip, and kernel (N, M - first, pixels of the strip)."""
    strip = strip or _strip(points.shape[1])
    scaled = points * _LOG2_SCALE
    offset = -scaled.square().sum(-1, keepdim=True) / 2
    one = torch.ones_like(offset)
    left = torch.cat([scaled, offset, one], -1)
    right = torch.cat([scaled, one, offset], -1).transpose(1, 2)
    for start in range(0, points.shape[1], strip):
        yield start, torch.bmm(left[:, start:], right[:, :, start : start + strip]).exp2_()


def _sum_strips(strips: Iterable[tuple[int, Tensor]], values: Tensor) -> Tensor:
    """Kernel times values (N, V, M); what is right of the square on the diagonal serves its mirror image below it, too."""
    sums = torch.zeros_like(values)
    for start, kernel in strips:
        end = start + kernel.shape[2]
        sums[..., start:end] += torch.bmm(values[..., start:], kernel)
        if end < values.shape[-1]:
            sums[..., end:] += torch.bmm(values[..., start:end], kernel[:, end - start :].transpose(1, 2))
    return sums


def _sums_by_strips(points: Tensor) -> bool:
    return points.device.type == "cpu" and not torch.compiler.is_compiling() and not torch.jit.is_tracing()


def _maps_per_step(points: Tensor) -> int | None:
    """How many maps' kernels may be kept at once; ``None`` where not one, or where a gradient would need them all."""
    if torch.is_grad_enabled() or not _sums_by_strips(points):
        return None
    count = points.shape[1]
    strip = _strip(count)
    triangle = sum((count - start) * min(strip, count - start) for start in range(0, count, strip))
    return STEP_VALUES // triangle or None


def _padded(vectors: Tensor) -> Tensor:
    return F.pad(vectors, (0, -vectors.shape[-1] % HEAD_MULTIPLE))


def _gaussian_matrix(points: Tensor) -> Tensor:
    """exp(-|x - y|^2 / 2) of all pairs, (..., M, D) -> (..., M, M)."""
    half = points.square().sum(-1) / 2
    kernel = points @ points.transpose(-1, -2)
    return kernel.sub_(half[..., :, None]).sub_(half[..., None, :]).clamp_(max=0).exp_()


def _gaussian(size: int, width: float, like: Tensor) -> Tensor:
    """exp(-(i - j)^2 / (2 width^2)), (size, size)."""
    index = torch.arange(size, device=like.device, dtype=like.dtype)
    return (-(index[:, None] - index).square() / (2 * width * width)).exp()


def _normalised_gaussian(size: int, width: float, like: Tensor) -> Tensor:
    kernel = _gaussian(size, width, like)
    return kernel / kernel.sum(1, keepdim=True)


def _pixel_grid(height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    y = torch.arange(height, device=like.device, dtype=like.dtype)
    x = torch.arange(width, device=like.device, dtype=like.dtype)
    return y[:, None].expand(height, width), x[None].expand(height, width)


_OFF, _ON = 0.1, 0.9


@torch.no_grad()
def uniform_share(maps: Tensor) -> Tensor:
    """Share of attention maps (B, A, H, W) that are on (above 0.9) or off (below 0.1) everywhere; scalar in [0, 1]."""
    values = maps.flatten(2)
    return ((values.amin(-1) > _ON) | (values.amax(-1) < _OFF)).float().mean()


def _kernel_weights(weight: float, init: str) -> Tensor:
    """2 x 2 start of a kernel's weights."""
    if init == "paper":
        return weight * torch.eye(2)
    # The double at [0, 0] also covers [0, 1], the one at [1, 1] runs over the end of the matrix.
    low, high = struct.unpack("<2f", struct.pack("<d", weight))
    return torch.tensor([[low, high], [0.0, low]])


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _full_precision(like: Tensor) -> AbstractContextManager[Any]:
    """The recursion multiplies errors by up to 4 an iteration; half precision would decide undecided pixels by chance."""
    device = like.device.type
    if device == "meta" or not torch.is_autocast_enabled(device):  # nothing can be cast on "meta", asking is an error
        return nullcontext()
    return torch.autocast(device, enabled=False)

"""When and how the layers use a faster way on processors: same numbers, other memory layout, no training.

Three things make the plain form slow on a CPU and are avoided here: grouped convolutions run twice as fast on channels-last
maps; a normalisation with fixed statistics can be part of the convolution before it; and maps of a whole batch exceed both the
cache and the size up to which the allocator keeps memory, so that every layer would pay for fresh pages.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils import _python_dispatch

BLOCK_BYTES = 20 * 2**20
"""Size of the largest map that one block of faces may need: it shares the last cache of small machines with its neighbours."""


def use_fast_path(module: nn.Module, features: Tensor) -> bool:
    """Whether a layer may run its eager inference form: evaluation mode, no gradients, float32 on a CPU, nobody tracing.

    A pass that is exported, compiled, traced or watched operation by operation (to count arithmetic, say) keeps the plain form.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.jit.is_scripting():
        return False
    return (
        not module.training
        and not torch.is_grad_enabled()
        and features.device.type == "cpu"
        and features.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not _watched()
    )


def _watched() -> bool:
    """Whether something observes each operation; torch has no public test for it, so "yes" if the private one is gone."""
    current = getattr(_python_dispatch, "_get_current_dispatch_mode", None)
    return current is None or current() is not None


def in_blocks(function: Callable[..., Tensor], bytes_per_face: int, *inputs: Tensor, budget: int = BLOCK_BYTES) -> Tensor:
    """Apply a function to blocks of a batch and join the results.

    Args:
        function: takes tensors of b <= B faces, returns one.
        bytes_per_face: of the largest map inside ``function``.
        inputs: (B, ...) each.
        budget: bytes that the largest map of a block may take.
    """
    batch = inputs[0].shape[0]
    blocks = -(-batch // max(1, budget // bytes_per_face))
    if blocks <= 1:
        return function(*inputs)
    faces = -(-batch // blocks)  # blocks of one size: a small last one would cost almost as much as a whole one
    return torch.cat([function(*block) for block in zip(*(value.split(faces) for value in inputs), strict=True)])


def fold_norm(conv: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight, in channels-last memory, and bias of a convolution followed by a normalisation with its running statistics.

    Computed again in each pass: it costs no more than bringing the weights into that memory order, and follows every change.
    """
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and conv.bias is not None
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    weight = torch.empty_like(conv.weight, memory_format=torch.channels_last)
    torch.mul(conv.weight, scale.view(-1, 1, 1, 1), out=weight)
    return weight, (conv.bias - norm.running_mean) * scale + norm.bias


def max_pool_2(features: Tensor) -> Tensor:
    """Maximum over 2 x 2 pixels of maps (..., H, W), an odd last row or column left out; any memory layout.

    The pooling of PyTorch also writes down where each maximum was, at twice the size of the result.
    """
    height, width = features.shape[-2] // 2 * 2, features.shape[-1] // 2 * 2
    rows = torch.maximum(features[..., 0:height:2, :], features[..., 1:height:2, :])
    return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])

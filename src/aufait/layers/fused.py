"""Networks made ready for inference: each convolution takes in the normalisation and the activation that follow it.

On processors a convolution is a minor part of what it costs when its activation reads and writes the whole map once more, when
an uneven padding copies the map first, and when the weights are brought into the library's order in every call. ``prepare``
rewrites a network so that none of that happens; its outputs stay the same. What it makes is for inference only: train, save
and export the network that it was made from.
"""

from __future__ import annotations

import copy
import platform
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

NetworkT = TypeVar("NetworkT", bound=nn.Module)

_ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {nn.ReLU: ("relu", []), nn.ReLU6: ("hardtanh", [0.0, 6.0])}
"""Activation -> what oneDNN calls it, and its limits."""

MATRIX_CELLS = 4096
"""Up to so many cells of all maps of a batch, a 1 x 1 convolution is quicker as a matrix product."""

_one_dnn: Any = getattr(torch.ops.mkldnn, "_convolution_pointwise", None) and torch.ops.mkldnn._convolution_pointwise.default
_one_dnn_added: Any = getattr(torch.ops.mkldnn, "_convolution_pointwise_", None) and torch.ops.mkldnn._convolution_pointwise_.binary


def prepare(network: NetworkT, device: torch.device | str, dtype: torch.dtype = torch.float32, *, one_dnn: bool = True) -> NetworkT:
    """A copy of a network for inference on ``device``: evaluation mode, channels last, layers joined where that is known.

    Joined are, inside any ``nn.Sequential``: an optional ``nn.ZeroPad2d``, a convolution, an optional batch normalisation, an
    optional ReLU or ReLU6. Other convolutions gain from weights that are in the library's order.

    Args:
        network: stays as it is.
        device: where the copy is to run.
        dtype: of the weights of convolutions and linear layers, once those of norms have gone into them; what is not float32 runs
            under ``torch.autocast``.
        one_dnn: use oneDNN's joined layers on the CPU, in float32; False for ``torch.compile``, which joins layers itself.
    """
    result = _copied(network, torch.device(device)).eval()
    result = _rebuilt(result, on_cpu=torch.device(device).type == "cpu" and one_dnn and dtype is torch.float32).eval()
    for module in result.modules():
        if dtype is not torch.float32 and isinstance(module, nn.Conv2d | nn.Linear):
            _set_weights(module, dtype)
    for module in result.modules():  # else each use of a layer or a weight goes through a search: a tenth of a small network's time
        module.__dict__.update(module._modules | module._parameters | module._buffers)
    return result  # type: ignore[no-any-return]


def _copied(module: NetworkT, device: torch.device) -> NetworkT:
    """A copy with separate weights that need no gradients; ``copy.deepcopy`` takes a tenth of the start of a program."""
    weights = {
        name: None if value is None else nn.Parameter(_placed(value, device), requires_grad=False)
        for name, value in module._parameters.items()
    }
    buffers = {name: None if value is None else _placed(value, device) for name, value in module._buffers.items()}
    return _altered(
        module, weights, buffers, {name: child and _copied(child, device) for name, child in module._modules.items()}
    )


def _altered(
    module: NetworkT,
    weights: dict[str, nn.Parameter | None],
    buffers: dict[str, Tensor | None],
    layers: dict[str, nn.Module | None],
) -> NetworkT:
    """The module with other contents; the one that is passed stays as it is."""
    result = copy.copy(module)
    result.__dict__.update(_parameters=weights, _buffers=buffers, _modules=layers)
    return result


def _set_weights(layer: nn.Module, dtype: torch.dtype) -> None:
    for name, value in layer._parameters.items():
        layer._parameters[name] = None if value is None else nn.Parameter(value.to(dtype), requires_grad=False)


def _placed(value: Tensor, device: torch.device) -> Tensor:
    """A copy on ``device``, with channels last where it is a kernel."""
    order = torch.channels_last if value.ndim == 4 else torch.preserve_format
    return value.detach().to(device, copy=True, memory_format=order)


def _rebuilt(module: nn.Module, *, on_cpu: bool) -> Any:
    """The module with its sequences joined, at any depth; changes it."""
    if on_cpu and isinstance(module, nn.Conv2d):
        return FusedConvolution(module)
    if type(module) is nn.Sequential:
        module = nn.Sequential(*_joined(list(module), on_cpu=on_cpu))
    for name, child in list(module.named_children()):
        module._modules[name] = _rebuilt(child, on_cpu=on_cpu)
    return module[0] if type(module) is nn.Sequential and len(module) == 1 else module


def _joined(layers: list[nn.Module], *, on_cpu: bool) -> Iterator[nn.Module]:
    """The layers of a sequence with those of each convolution in one; layers that do nothing at inference are left out."""
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, nn.Dropout):
            continue
        pad = layer if isinstance(layer, nn.ZeroPad2d) and layers and isinstance(layers[0], nn.Conv2d) else None
        conv = layers.pop(0) if pad is not None else layer
        if not isinstance(conv, nn.Conv2d):
            yield layer
            continue
        if layers and isinstance(norm := layers[0], nn.BatchNorm2d):
            conv = _folded(conv, norm)
            layers.pop(0)
        activation = layers.pop(0) if layers and type(layers[0]) in _ACTIVATIONS else None
        if on_cpu:
            yield FusedConvolution(conv, pad=pad, activation=activation)
        else:
            yield from (part for part in (pad, conv, activation) if part is not None)


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """The convolution with the normalisation after it."""
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias  # type: ignore[arg-type]
    )
    weights = {"weight": nn.Parameter(weight.detach(), False), "bias": nn.Parameter(bias.detach(), False)}
    return _altered(conv, weights, {}, {})  # type: ignore[arg-type]


class FusedConvolution(nn.Module):
    """A convolution, what pads its input and what follows it, in one call of oneDNN; in three where there is no oneDNN.

    Args:
        conv: the convolution, in float32 on the CPU.
        pad: pads in front of it, at the end of an axis as much as at its start or by one more; ``conv`` pads nothing then.
        activation: ReLU or ReLU6.
    """

    def __init__(self, conv: nn.Conv2d, *, pad: nn.ZeroPad2d | None = None, activation: nn.Module | None = None) -> None:
        super().__init__()
        weight, padding = conv.weight.detach(), conv.padding
        assert not isinstance(padding, str)
        if pad is not None:
            weight, padding = _padded_kernel(weight, pad.padding)
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.bias = None if conv.bias is None else conv.bias.detach()
        self.geometry = (list(padding), list(conv.stride), list(conv.dilation), conv.groups)
        self.attribute, self.limits = ("none", []) if activation is None else _ACTIVATIONS[type(activation)]
        self._packed: tuple[Any, ...] = ()
        mixes = self.geometry == ([0, 0], [1, 1], [1, 1], 1) and weight.shape[2:] == (1, 1)
        self._matrix = weight.flatten(1).contiguous()
        self._most = MATRIX_CELLS * weight.shape[1] if mixes else -1  # elements of an input for which it is a matrix product

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) float32, channels last -> the same of the convolution's sizes."""
        if x.numel() <= self._most:
            return self._activated(functional.linear(x.permute(0, 2, 3, 1), self._matrix, self.bias).permute(0, 3, 1, 2))
        if not has_one_dnn():
            padding, stride, dilation, groups = self.geometry
            return self._activated(torch.conv2d(x, self.weight, self.bias, stride, padding, dilation, groups))
        if not self._packed:
            self._pack(x)
        return _one_dnn(x, *self._packed, self.attribute, self.limits, "")  # type: ignore[no-any-return]

    def plus(self, x: Tensor, added: Tensor) -> Tensor:
        """``forward`` plus a map of the same shape, in whose memory the sum may come."""
        if x.numel() <= self._most or self.attribute != "none" or not has_one_dnn():
            return self.forward(x).add_(added)
        if not self._packed:
            self._pack(x)
        return _one_dnn_added(added, x, *self._packed, "add", None, None, [], None)  # type: ignore[no-any-return]

    def _pack(self, x: Tensor) -> None:
        """The order of the weights depends on the size of the maps, which is the same in all calls."""
        packed = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *self.geometry, list(x.shape))
        self._packed = (packed, self.bias, *self.geometry)

    def _activated(self, out: Tensor) -> Tensor:
        if self.attribute == "none":
            return out
        return out.relu_() if self.attribute == "relu" else out.clamp_(*self.limits)


def convolve_and_add(layer: nn.Module, x: Tensor, added: Tensor) -> Tensor:
    """``layer(x) + added`` for a convolution without activation; ``added`` may be overwritten by a prepared one."""
    if isinstance(layer, FusedConvolution):
        return layer.plus(x, added)
    result: Tensor = layer(x)
    return result.add_(added)


def _padded_kernel(weight: Tensor, padding: tuple[int, int, int, int]) -> tuple[Tensor, tuple[int, int]]:
    """A kernel with zeros before it and the even padding that together replace ``padding`` (left, right, top, bottom).

    Where the end of an axis gets one pixel more than its start, a kernel that is one longer at its start sees the same pixels
    when both get that many.
    """
    left, right, top, bottom = padding
    assert right - left in (0, 1) and bottom - top in (0, 1), padding
    return functional.pad(weight, (right - left, 0, bottom - top, 0)), (bottom, right)


@cache
def has_one_dnn() -> bool:
    """Whether torch can hand a convolution and its activation to oneDNN at once: on x86, in builds with oneDNN."""
    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():
        return False
    x, layer = torch.zeros(1, 1, 4, 4), [[0, 0], [1, 1], [1, 1], 1]
    try:
        packed = torch.ops.mkldnn._reorder_convolution_weight(torch.zeros(1, 1, 1, 1), *layer, [1, 1, 4, 4])
        _one_dnn(x, packed, None, *layer, "relu", [], "")
        _one_dnn_added(x.clone(), x, packed, None, *layer, "add", None, None, [], None)
    except (AttributeError, RuntimeError, TypeError):  # these operators are torch's own and may change
        return False
    return True

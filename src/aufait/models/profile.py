"""Size and arithmetic of a network: parameters and multiply-accumulates, counted without computing anything.

Counted are convolutions, matrix products and attention (``torch.utils.flop_counter``), which leaves out normalisation,
activations and interpolation. One multiply-accumulate (MAC) is two floating-point operations; figures that papers call
"FLOPs" are often MACs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from aufait.errors import InputError
from aufait.models.system import AUSystem


@dataclass(frozen=True)
class ModelProfile:
    """What a network costs.

    Attributes:
        parameters: how many numbers its weights hold; shared ones count once, buffers not at all.
        trainable: those of them that require a gradient.
        macs: multiply-accumulates of one forward pass in evaluation mode, of the whole batch.
    """

    parameters: int
    trainable: int
    macs: int


def profile_model(model: nn.Module, batch: int = 1, *, inputs: Mapping[str, Tensor] | None = None) -> ModelProfile:
    """Count the parameters and the arithmetic of a network.

    The forward pass runs on shapes alone (PyTorch's fake tensors), so it takes neither the memory of the feature maps nor
    their time; the network's weights, mode and device stay as they are.

    Args:
        model: a network of ``create_model``; any other module when ``inputs`` are given.
        batch: how many faces, at least 1; networks' MACs grow in proportion.
        inputs: keyword arguments of the forward pass in place of ``model.example_inputs(batch)``; only shapes and types matter.

    Raises:
        InputError: ``batch`` below 1, or no ``inputs`` for a module that cannot make its own.

    Example:
        >>> import aufait
        >>> profile = profile_model(aufait.create_model("resnet18"))
        >>> round(profile.parameters / 1e6, 2)
        11.18
    """
    if batch < 1:
        raise InputError(f"batch must be at least 1, got {batch}")
    if inputs is None:
        if not isinstance(model, AUSystem):
            raise InputError(f"{type(model).__name__} has no example inputs; give inputs={{argument name: tensor}}")
        inputs = model.example_inputs(batch)
    parameters = list(model.parameters())
    return ModelProfile(
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        macs=_count_macs(model, inputs),
    )


def _count_macs(model: nn.Module, inputs: Mapping[str, Tensor]) -> int:
    """MACs of one forward pass; weights are swapped for shapes, never copied or moved."""
    counter = FlopCounterMode(display=False)
    # The "math" form of attention is made of matrix products, which are counted on any device.
    with FakeTensorMode(), _evaluation(model), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        weights = {name: _shape_of(value) for name, value in [*model.named_parameters(), *model.named_buffers()]}
        functional_call(model, weights, kwargs={name: _shape_of(value) for name, value in inputs.items()})
    return counter.get_total_flops() // 2


def _shape_of(tensor: Tensor) -> Tensor:
    """A tensor without content; on the CPU by name, because not all of PyTorch knows the "meta" device (autocast does not)."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without looking at values for a while; afterwards every part is as it was, which may differ by part."""
    modes = [(module, module.training) for module in model.modules()]
    checks = [(module, module.check_values) for module in model.modules() if isinstance(module, AUSystem)]
    model.eval()
    for module, _ in checks:
        module.check_values = False
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        for module, check in checks:
            module.check_values = check

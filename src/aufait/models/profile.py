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

    The forward pass runs on shapes alone (PyTorch's "meta" device), so it takes neither the memory of the feature maps nor
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
    weights = {name: value.detach().to("meta") for name, value in [*model.named_parameters(), *model.named_buffers()]}
    shapes = {name: value.to("meta") for name, value in inputs.items()}
    # The "math" form of attention is made of matrix products, which are counted on any device.
    attention = sdpa_kernel(SDPBackend.MATH)
    counter = FlopCounterMode(display=False)
    with _evaluation(model), torch.no_grad(), attention, counter:
        functional_call(model, weights, kwargs=shapes)
    return counter.get_total_flops() // 2


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards every part has the mode it had, which need not be the same for all."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode

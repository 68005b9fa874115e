"""One interface for whatever runs networks; torch is the one that is always there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # finders are named by commands that must not load torch
    import torch
    from torch import Tensor, nn

ReadyNetwork = Callable[..., Any]
"""Takes and returns what the network's ``forward`` does, without gradients."""


@dataclass(frozen=True)
class Call:
    """How a network is called, for runtimes that must see it run once.

    Attributes:
        name: of the network, for files and messages: letters, digits and dashes.
        shapes: of its inputs, in order; a batch that may have other lengths is 2 here.
        free: axes that may have other lengths, the same of every input.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    free: tuple[int, ...] = (0,)

    def examples(self) -> list[Tensor]:
        """Inputs in [0, 1], the same in all runs."""
        import torch

        generator = torch.Generator().manual_seed(0)
        return [torch.rand(shape, generator=generator) for shape in self.shapes]

    def longer_examples(self) -> list[Tensor]:
        """Inputs that are twice as long along each free axis."""
        import torch

        inputs = self.examples()
        for axis in self.free:
            inputs = [torch.cat([one, one], dim=axis) for one in inputs]
        return inputs


class Runtime(Protocol):
    """Makes networks ready for inference.

    Attributes:
        name: what results call it.
    """

    name: str

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> ReadyNetwork:
        """What runs a network that is in evaluation mode, or can be put into it; the network itself stays as it is."""


class TorchRuntime:
    """torch, with the layers of the network joined where that is quicker; see ``aufait.layers.fused``."""

    name = "torch"

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> ReadyNetwork:
        """A copy of the network on the device."""
        from aufait.layers.fused import prepare

        return prepare(network, device)


TORCH = TorchRuntime()

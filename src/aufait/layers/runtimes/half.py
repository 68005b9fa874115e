"""torch with the action unit models in half precision (bfloat16): half the memory, and what GPUs have their fast units for.

Face finders stay in single precision. Their networks give places in pixels, and bfloat16 has eight bits: beside pixel 200 that is a
step of a whole pixel.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from aufait.layers.fused import prepare
from aufait.layers.runtimes.contract import TORCH, Call, ReadyNetwork

HALVED = ("action-units", "mesh-action-units")
"""Networks that run in half precision, by ``Call.name``: what they give goes through a sigmoid."""


class HalfRuntime:
    """torch, with the networks of ``HALVED`` in bfloat16; logits come in float32 as ever."""

    name = "torch-bf16"

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> ReadyNetwork:
        """A copy of the network on the device."""
        return in_half(network, device) if call.name in HALVED else TORCH.ready(network, device, call)


def in_half(network: nn.Module, device: torch.device | str) -> ReadyNetwork:
    """A copy whose convolutions and linear layers run in bfloat16 and all else as autocast has it; one tensor in float32 out."""
    copied, kind = prepare(network, device, torch.bfloat16), torch.device(device).type

    def run(*inputs: Tensor) -> Any:
        with torch.autocast(kind, torch.bfloat16):
            return copied(*inputs).float()

    return run

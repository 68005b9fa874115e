"""What runs a network: torch itself, or another program that is handed the network's graph."""

from __future__ import annotations

from aufait.layers.runtimes.choice import RUNTIMES, on_processor, open_runtime
from aufait.layers.runtimes.contract import TORCH, Call, Runtime

__all__ = ["RUNTIMES", "TORCH", "Call", "Runtime", "on_processor", "open_runtime"]

"""A network as an ONNX graph, and how what a graph returns is compared and put together again."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aufait.layers.runtimes.contract import Call
from aufait.layers.runtimes.exporting import OPSET, quiet_exporter

_tracing = threading.Lock()  # torch's tracer keeps its state in globals


class _Flat(nn.Module):
    """A network that returns the tensors of its output in a row, as graphs do."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensors_of(self.network(*inputs)))


def tensors_of(output: Any) -> list[Tensor]:
    """All tensors of nested tuples and lists, in order."""
    return [output] if isinstance(output, Tensor) else [tensor for part in output for tensor in tensors_of(part)]


def rebuilt(like: Any, tensors: Iterator[Tensor]) -> Any:
    """Tensors put together as they are in ``like``."""
    if isinstance(like, Tensor):
        return next(tensors)
    parts = [rebuilt(part, tensors) for part in like]
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def traced(network: nn.Module, call: Call) -> bytes:
    """The graph of a network in evaluation mode, as an ONNX file."""
    names = [f"input{number}" for number in range(len(call.shapes))]
    free = {name: {axis: f"axis{axis}" for axis in call.free} for name in names}
    with _tracing, quiet_exporter(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        # The tracing exporter: under a second per network, of which the one by torch.export takes many.
        torch.onnx.export(
            _Flat(network).eval(), tuple(call.examples()), file, dynamo=False, input_names=names, dynamic_axes=free,
            opset_version=OPSET,
        )  # fmt: skip
        return file.read_bytes()


def weights_digest(network: nn.Module) -> str:
    """Stands for the numbers in a network: its parameters and buffers by name."""
    digest = hashlib.sha256()
    for name, value in (*network.named_parameters(), *network.named_buffers()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def difference(expected: Any, got: Any) -> float:
    """Largest difference of two outputs: absolute where all values of a tensor are below 1, else as a share of the largest;
    infinite for other shapes or NaN."""
    return max(_apart(a, b) for a, b in zip(tensors_of(expected), tensors_of(got), strict=True))


def _apart(expected: Tensor, got: Tensor) -> float:
    if expected.shape != got.shape:
        return float("inf")
    worst = float((expected - got).abs().max() / expected.abs().max().clamp(min=1.0))
    return worst if worst == worst else float("inf")

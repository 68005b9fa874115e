"""What ``tools/quantize.py`` runs networks with: the same results, and the least and largest value of every tensor on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aufait.layers.runtimes.contract import Call
from aufait.layers.runtimes.eight_bits import layer_tensors
from aufait.layers.runtimes.graphs import rebuilt, traced, weights_digest
from aufait.layers.runtimes.onnx import OnnxRuntime

RARE = 0.01
"""Share of the calls that may leave a range, at either end: what a map is on one odd picture should not cost others precision."""


class RecordingRuntime(OnnxRuntime):
    """``OnnxRuntime`` whose networks write down the ranges of their tensors, call by call.

    Attributes:
        networks: those that were made ready, by name.
    """

    name = "recording"

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self.networks: dict[str, RecordedNetwork] = {}

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> Any:
        self.networks[call.name] = RecordedNetwork(network.eval(), call, self.threads)
        return self.networks[call.name]

    def measured(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What ``eight_bits.Int8Runtime`` takes, of some networks."""
        return {name: {"weights": self.networks[name].digest, "ranges": self.networks[name].ranges()} for name in names}


class RecordedNetwork:
    """A network as a graph that also returns the least and the largest value of the tensors at its layers."""

    def __init__(self, network: nn.Module, call: Call, threads: int) -> None:
        import onnx

        self.digest = weights_digest(network)
        graph = onnx.load_from_string(traced(network, call))
        self._count = len(graph.graph.output)
        self._tensors = sorted(layer_tensors(graph))
        with torch.no_grad():
            self._output = network(*call.examples())
        self._session = _session(_with_extremes(graph, self._tensors), threads)
        self._names = [one.name for one in self._session.get_inputs()]
        self._seen: list[np.ndarray] = []

    @property
    def calls(self) -> int:
        """How often it ran."""
        return len(self._seen)

    def __call__(self, *inputs: Tensor) -> Any:
        arrays = {name: np.ascontiguousarray(one.numpy()) for name, one in zip(self._names, inputs, strict=True)}
        found = self._session.run(None, arrays)
        self._seen.append(np.array([float(one) for one in found[self._count :]]).reshape(-1, 2))
        return rebuilt(self._output, iter([torch.from_numpy(array) for array in found[: self._count]]))

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Name of a tensor -> least and largest value, without the rarest."""
        seen = np.stack(self._seen)  # (calls, tensors, 2)
        low, high = np.quantile(seen[..., 0], RARE, axis=0), np.quantile(seen[..., 1], 1 - RARE, axis=0)
        return {name: (_short(a), _short(b)) for name, a, b in zip(self._tensors, low, high, strict=True)}


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _with_extremes(graph: Any, tensors: Sequence[str]) -> bytes:
    """The graph with two more outputs for each tensor."""
    from onnx import TensorProto, helper

    for name in tensors:
        for kind in ("Min", "Max"):
            output = f"{name}/{kind}"
            graph.graph.node.append(helper.make_node(f"Reduce{kind}", [name], [output], keepdims=0))
            graph.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, []))
    content: bytes = graph.SerializeToString()
    return content


def _session(model: bytes, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

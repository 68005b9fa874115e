"""Networks run by ONNX Runtime on the CPU: the same inputs and outputs as torch's, in a half to two thirds of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from aufait.extras import require
from aufait.layers.runtimes.contract import Call
from aufait.layers.runtimes.graph_runtime import GraphNetwork, GraphPlan, GraphRuntime
from aufait.layers.runtimes.graphs import traced
from aufait.layers.runtimes.rewriting import without_prelu


def open_session(model: Path | bytes, threads: int, entries: Mapping[str, str] | None = None) -> tuple[Any, list[str]]:
    """A session of ONNX Runtime, and the names of its inputs.

    Args:
        model: the graph's file, or its bytes.
        threads: processor threads.
        entries: further settings, as ONNX Runtime names them.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    for name, value in ({"session.intra_op.allow_spinning": "0"} | dict(entries or {})).items():
        options.add_session_config_entry(name, value)
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return session, [one.name for one in session.get_inputs()]


class OnnxNetwork(GraphNetwork):
    """A graph in a session of ONNX Runtime."""

    @staticmethod
    def open(model: Path | bytes, threads: int) -> tuple[Any, list[str]]:
        return open_session(model, threads)

    @staticmethod
    def run(session: Any, arrays: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
        found: list[np.ndarray] = session.run(None, arrays)
        return found


class OnnxRuntime(GraphRuntime):
    """Makes sessions of ONNX Runtime.

    Args:
        threads: processor threads for one network. They sleep between calls, which leaves the cores to decoding.

    Raises:
        MissingExtraError: the packages of the extra ``fast`` are not installed.
    """

    name = "onnx"
    package = "onnxruntime"
    session = OnnxNetwork
    alone = ("mesh-landmarks",)  # 7.1 ms of a face alone, 9.2 of each of five: their maps leave the processor's cache

    def __init__(self, threads: int = 1) -> None:
        require(f"runtime {self.name}", "fast", "onnxruntime", "onnx")
        super().__init__(threads)

    def plan(self, network: nn.Module, call: Call, weights: str) -> GraphPlan:
        return GraphPlan(lambda: without_prelu(traced(network, call)))

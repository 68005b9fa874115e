"""Networks run by OpenVINO on the CPU: ONNX Runtime's graphs, and much quicker where a network has PReLU, as MediaPipe's has."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aufait.extras import require
from aufait.layers.runtimes.graph_runtime import GraphNetwork, GraphRuntime

EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
"""Left to itself, OpenVINO rounds to 16 bits on processors that are quicker so."""


def import_openvino(feature: str) -> Any:
    """The package ``openvino``, which sends nothing.

    Left to itself, its import tells Google Analytics of it, from a forked process, and writes a number for this user into the home
    folder, unless the user has forbidden it or the variable CI is set. Where its companion ``openvino_telemetry`` cannot be
    imported it has a stand-in that does nothing, so that is hidden from the whole process. A program that imported openvino
    before has settled this for itself; what aufait calls of it sends nothing.

    Args:
        feature: what it is needed for, as a noun phrase.

    Raises:
        MissingExtraError: it is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # so that it cannot be imported
    require(feature, "openvino", "openvino")
    return sys.modules["openvino"]


class OpenVinoNetwork(GraphNetwork):
    """A graph that OpenVINO has compiled."""

    @staticmethod
    def open(model: Path | bytes, threads: int) -> tuple[Any, list[str]]:
        core = import_openvino("runtime openvino").Core()
        settings = {**EXACT, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
        compiled = core.compile_model(core.read_model(model), "CPU", settings)
        return compiled, [one.get_any_name() for one in compiled.inputs]

    @staticmethod
    def run(session: Any, arrays: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
        found = session.create_infer_request().infer(dict(arrays), share_inputs=True)  # a request serves one thread at a time
        return [found[number] for number in range(len(session.outputs))]


class OpenVinoRuntime(GraphRuntime):
    """Makes sessions of OpenVINO.

    Args:
        threads: processor threads for one network.

    Raises:
        MissingExtraError: the packages of the extra ``openvino`` are not installed.
    """

    name = "openvino"
    package = "openvino"
    session = OpenVinoNetwork

    def __init__(self, threads: int = 1) -> None:
        import_openvino("runtime openvino")
        require("runtime openvino", "openvino", "onnx")  # torch writes no graph without it
        super().__init__(threads)

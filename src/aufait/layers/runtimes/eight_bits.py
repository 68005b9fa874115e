"""Networks in whole numbers of 8 bits (INT8), run by ONNX Runtime: a half of its time in 32 bits and less, nearly the same results.

Weights of the shipped networks are stored in 8 bits already, one scale for each output channel. What is added here is that the
maps between the layers are rounded too, each to 256 steps between the least and the largest value that it has on faces. These
ranges were measured once, on portraits and rendered faces (``tools/quantize.py``), and are in ``weights/ranges.json``. They belong
to weights and to the names of a graph's tensors; a network that they were not measured for runs in 32 bits.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from aufait.errors import AufaitError, InputWarning, MissingModelError
from aufait.files.weights import parse_json
from aufait.layers.runtimes.contract import Call
from aufait.layers.runtimes.exporting import OPSET
from aufait.layers.runtimes.graph_runtime import GraphPlan
from aufait.layers.runtimes.onnx import OnnxNetwork, OnnxRuntime, open_session

LAYERS = ("Conv", "Gemm", "Add", "Relu", "Resize", "Concat")
"""Operators that are computed in 8 bits, as ONNX calls them, but for the last of a network (``rounded_layers``)."""
COARSE = 0.25
"""How far an output on noise may be from that in 32 bits, as a share of the largest value. It tells a graph that is another
network's or damaged from one that is only rounded; how much is lost on faces is in ``docs/benchmarks.md``."""

IR_VERSION = 10
"""Of ONNX's file format: what the oldest ONNX Runtime reads that the extra ``fast`` allows."""

Ranges = Mapping[str, tuple[float, float]]
"""Name of a tensor of a graph -> least and largest value."""


def ranges_file() -> Path:
    """Where the ranges are in the package."""
    return Path(str(files("aufait"))) / "weights" / "ranges.json"


@lru_cache(maxsize=1)
def shipped_ranges() -> Mapping[str, Mapping[str, Any]]:
    """Network -> ``weights`` (``weights_digest`` of those that were measured) and ``ranges``.

    Raises:
        MissingModelError: the file is absent or damaged.
    """
    path = ranges_file()
    content = parse_json(path.read_text("utf-8")) if path.is_file() else None
    if not isinstance(content, dict) or "networks" not in content:
        raise MissingModelError(f"{path} does not hold the ranges of runtime onnx-int8; install aufait again")
    networks: Mapping[str, Mapping[str, Any]] = content["networks"]
    return networks


class Int8Network(OnnxNetwork):
    """A graph with sums of 8-bit products, which are exact on every processor."""

    @staticmethod
    def open(model: Path | bytes, threads: int) -> tuple[Any, list[str]]:
        return open_session(model, threads, {"session.x64quantprecision": "1"} if sums_are_cut_off() else {})


class Int8Runtime(OnnxRuntime):
    """ONNX Runtime, with 8 bits for the networks of ``weights/ranges.json`` and 32 for the others.

    Args:
        threads: processor threads for one network.
        measured: as ``shipped_ranges``, which it is where left out.
    """

    name = "onnx-int8"
    session = Int8Network

    def __init__(self, threads: int = 1, measured: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__(threads)
        self._measured = shipped_ranges() if measured is None else measured

    def plan(self, network: nn.Module, call: Call, weights: str) -> GraphPlan:
        exact, entry = super().plan(network, call, weights), self._measured.get(call.name)
        if entry is None:
            return exact
        if entry["weights"] != weights:
            told = f"{call.name} runs in 32 bits: ranges for 8 bits were measured for the shipped weights, and these are others"
            warnings.warn(told, InputWarning, stacklevel=2)
            return exact
        ranges: Ranges = entry["ranges"]
        variant = json.dumps([LAYERS, ranges], sort_keys=True)
        return GraphPlan(lambda: in_eight_bits(exact.make(), ranges, call.name), COARSE, variant)


@lru_cache(maxsize=1)
def sums_are_cut_off() -> bool:
    """Whether sums of products of 8-bit numbers end at 16 bits here, as on x86 processors without VNNI instructions.

    ONNX Runtime then has an exact way, which takes a little longer. With VNNI the usual way is exact, and the other takes three
    times as long. No library says reliably what a processor has, so a sum that does not fit is tried.
    """
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    terms, shown = 64, 16
    values = helper.make_tensor_value_info("values", TensorProto.UINT8, [1, terms])
    sums = helper.make_tensor_value_info("sums", TensorProto.INT32, [1, shown])
    weights = numpy_helper.from_array(np.full((terms, shown), 127, np.int8), "weights")
    node = helper.make_node("MatMulInteger", ["values", "weights"], ["sums"])
    graph = helper.make_graph([node], "sums", [values], [sums], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"values": np.full((1, terms), 255, np.uint8)})
    return bool((found != terms * 255 * 127).any())


def in_eight_bits(model: bytes, ranges: Ranges, name: str, *, part: str = "") -> bytes:
    """A graph whose layers take and give whole numbers of 8 bits.

    Args:
        model: an ONNX file.
        ranges: of all tensors that the layers take or give.
        name: of the network, for messages.
        part: only layers whose names begin like this.

    Raises:
        AufaitError: a tensor without a range: the graph is another one than was measured.
    """
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    graph = onnx.load_from_string(model)
    missing = layer_tensors(graph, part) - set(ranges)
    layers = [node.name for node in rounded_layers(graph, part)]
    if missing:
        raise AufaitError(
            f"runtime onnx-int8 has no range for {len(missing)} tensors of network {name}, such as {min(missing)}: this version "
            "of torch writes another graph than was measured; use runtime onnx, and please report it with the version of torch"
        )
    limits = {tensor: (np.float32(low), np.float32(high)) for tensor, (low, high) in ranges.items()}
    with _quiet_quantizer():
        work = QDQQuantizer(
            graph, True, False, QuantType.QInt8, QuantType.QUInt8, TensorsData(CalibrationMethod.MinMax, limits), layers, [],
            list(LAYERS), {"WeightSymmetric": True, "ActivationSymmetric": False},
        )  # fmt: skip
        work.quantize_model()
    content: bytes = work.model.model.SerializeToString()
    return content


def layer_tensors(model: Any, part: str = "") -> set[str]:
    """Names of the tensors that the rounded layers of a graph take or give, constants left out."""
    constants = {one.name for one in model.graph.initializer}
    constants |= {name for node in model.graph.node if node.op_type == "Constant" for name in node.output}
    names = {name for node in rounded_layers(model, part) for name in (*_maps(node), *node.output)}
    return {name for name in names - constants if name}


def rounded_layers(model: Any, part: str = "") -> list[Any]:
    """The nodes of a graph that are computed in 8 bits: those from which the way to the outputs leads through further weights,
    and whose names begin with ``part``.

    What comes last makes logits and heatmaps, which 256 steps would make coarse, and takes little time.
    """
    before_weights: set[str] = set()  # tensors that a product with weights still waits for
    found = []
    for node in reversed(model.graph.node):
        inner = not before_weights.isdisjoint(node.output)
        if inner and node.op_type in LAYERS and node.name.startswith(part):
            found.append(node)
        if inner or node.op_type in ("Conv", "Gemm"):
            before_weights.update(node.input)
    return found[::-1]


def _maps(node: Any) -> list[str]:
    """The inputs of a layer that change from picture to picture."""
    return list(node.input) if node.op_type in ("Add", "Concat") else [node.input[0]]


@contextmanager
def _quiet_quantizer() -> Iterator[None]:
    """Without its advice to rewrite the graph first, which the tracer has done."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)

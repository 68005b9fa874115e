"""Graphs written in operators that ONNX Runtime computes in its blocked order of channels.

Convolutions are quickest in that order. An operator that does not know it has all its maps brought into the usual order and back;
PReLU does not, and MediaPipe's landmark network has 69 of them, which took half of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def without_prelu(model: bytes) -> bytes:
    """An ONNX file in which each PReLU with constant slopes is what it is the sum of; results stay the same to the last bit.

    ``prelu(x) = relu(x) - slope * relu(-x)``, of which one part is zero wherever the other is not. The products with one number per
    channel are written as convolutions of each channel for itself, which ONNX Runtime joins with what follows them.
    """
    import onnx

    graph = onnx.load_from_string(model)
    known = _constants(graph)
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    for number, node in enumerate(nodes):
        slopes = known.get(node.input[1]) if node.op_type == "PRelu" else None
        if slopes is not None and slopes.ndim == 3 and slopes.shape[1:] == (1, 1):
            graph.graph.node.extend(_parts(graph, node, slopes, f"slopes{number}"))
        else:
            graph.graph.node.append(node)
    content: bytes = graph.SerializeToString()
    return content


def _parts(graph: Any, node: Any, slopes: np.ndarray, name: str) -> Iterator[Any]:
    """The nodes for one PReLU; its slopes (C, 1, 1) become constants of the graph."""
    from onnx import helper, numpy_helper

    kernel = slopes.astype(np.float32)[:, None]  # (C, 1, 1, 1)
    for end, values in (("minus", -np.ones_like(kernel)), ("kernel", -kernel)):
        graph.graph.initializer.append(numpy_helper.from_array(values, f"{name}/{end}"))
    each: dict[str, Any] = {"group": len(kernel), "kernel_shape": [1, 1]}
    (given,), (wanted,) = node.input[:1], node.output
    yield helper.make_node("Relu", [given], [f"{name}/above"])
    yield helper.make_node("Conv", [given, f"{name}/minus"], [f"{name}/negative"], **each)
    yield helper.make_node("Relu", [f"{name}/negative"], [f"{name}/below"])
    yield helper.make_node("Conv", [f"{name}/below", f"{name}/kernel"], [f"{name}/bent"], **each)
    yield helper.make_node("Add", [f"{name}/bent", f"{name}/above"], [wanted])


def _constants(graph: Any) -> dict[str, np.ndarray]:
    """Values of the tensors that do not depend on the inputs, by name."""
    from onnx import numpy_helper

    found = {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found

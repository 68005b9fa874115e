"""ONNX files of a quarter of the size: kernels and matrices as whole numbers of 8 bits, multiplied when the file is opened.

The shipped weights are stored that way in the package (``files.weights.packed``): one scale for each output channel. Exporters
write them as float32, with batch normalisations folded in, which changes the scale and not the whole numbers. Here the whole
numbers are found again, so nothing is rounded a second time; a tensor that holds no whole steps stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

_STEPS = 127
_EXACT = 2e-3
"""How far from whole a number of steps may be: float32 has 24 bits, of which a folded normalisation loses some."""
_SMALLEST = 1024
"""Numbers; tensors of fewer are not worth two more nodes."""


def with_eight_bits(model: ModelProto) -> tuple[ModelProto, int]:
    """The model with its weights stored in 8 bits where that is exact, and how many tensors those are; the model is changed.

    Whoever opens the file multiplies whole numbers by scales once, as runtimes fold what is constant.
    """
    from onnx import numpy_helper

    graph, packed = model.graph, 0
    axes = _output_axes(model)
    for initializer in list(graph.initializer):
        weights = numpy_helper.to_array(initializer)
        axis = axes.get(initializer.name)
        if axis is None or weights.dtype != np.float32 or weights.size < _SMALLEST:
            continue
        found = whole_numbers(weights, axis)
        if found is not None:
            graph.initializer.remove(initializer)
            _replace(model, initializer.name, *found)
            packed += 1
    return model, packed


def whole_numbers(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Whole numbers (int8) and scales, that multiplied give ``weights``; None where there are none of 8 bits.

    Args:
        weights: float32, any shape.
        axis: of the output channels; each has a scale.

    Returns:
        int8 of the same shape, and float32 scales that broadcast with it.
    """
    others = tuple(k for k in range(weights.ndim) if k != axis)
    scale = np.abs(weights.astype(np.float64)).max(axis=others, keepdims=True) / _STEPS
    steps = weights / np.maximum(scale, np.finfo(np.float32).tiny)
    whole = np.rint(steps)
    if np.abs(steps - whole).max() > _EXACT:
        return None
    return whole.astype(np.int8), scale.astype(np.float32)


def _output_axes(model: ModelProto) -> dict[str, int]:
    """Names of the weights of convolutions and matrix products, with the axis of their output channels."""
    axes = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            axes[node.input[1]] = 0
        elif node.op_type == "Gemm":
            transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            axes[node.input[1]] = 0 if transposed else 1
    return axes


def _replace(model: ModelProto, name: str, whole: np.ndarray, scale: np.ndarray) -> None:
    """Whole numbers, scales, and the two nodes that make the tensor ``name`` of them, before all others."""
    from onnx import TensorProto, helper, numpy_helper

    graph: Any = model.graph
    graph.initializer.extend([numpy_helper.from_array(whole, f"{name}/whole"), numpy_helper.from_array(scale, f"{name}/scale")])
    steps = [
        helper.make_node("Cast", [f"{name}/whole"], [f"{name}/steps"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}/steps", f"{name}/scale"], [name]),
    ]
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*steps, *rest])

"""Reads the weights of a TFLite network: its operators in the order they run, each with its constants.

A TFLite file is a FlatBuffer, which is easy to read by hand. A *table* starts with the (negative) distance to its list of
field offsets; field k is that many bytes after the table's start, or is absent where the list says 0. Strings, vectors
and tables inside a table are stored as a distance to where they really are. Only what holds weights is read here; which
operator feeds which is known from the networks themselves (``mesh_networks``).

Numbers of tables, fields and operators: TensorFlow Lite's schema, version 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

OPERATOR_NAMES = {
    0: "add", 2: "concatenation", 3: "convolution", 4: "depthwise_convolution", 6: "dequantize", 18: "multiply", 54: "prelu",
}  # fmt: skip
"""Builtin operators that have weights in MediaPipe's face networks; others are kept under "operator <number>"."""

_INTEGER = np.dtype("<i4")
_FLOATS: dict[int, np.dtype] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


@dataclass(frozen=True, eq=False)
class Operator:
    """One step of a network.

    Attributes:
        name: see ``OPERATOR_NAMES``.
        constants: its weights as float32 arrays in TFLite's order of axes (channels last), in the order of its inputs.
    """

    name: str
    constants: tuple[np.ndarray, ...]


def read_operators(data: bytes) -> list[Operator]:
    """The operators of a TFLite network that have float weights, in the order they run.

    Weights stored as float16 and widened by a separate operator ("dequantize") arrive as float32.

    Args:
        data: the whole file, of a version that ``task_file`` has checked.
    """
    model = _Table(data, _unsigned(data, 0))
    buffers, graph = model.tables(4), model.tables(2)[0]
    codes = [max(code.byte(0), code.signed(3)) for code in model.tables(1)]
    tensors = graph.tables(0)
    arrays: dict[int, np.ndarray] = {}
    for number, tensor in enumerate(tensors):
        stored = buffers[tensor.unsigned(2)].numbers(0, np.dtype("u1"))
        if stored.size and tensor.byte(1) in _FLOATS:
            arrays[number] = stored.view(_FLOATS[tensor.byte(1)]).reshape(tensor.numbers(0, _INTEGER))
    operators = []
    for table in graph.tables(3):
        code = codes[table.unsigned(0)]
        name = OPERATOR_NAMES.get(code, f"operator {code}")
        inputs = [int(k) for k in table.numbers(1, _INTEGER)]
        if name == "dequantize":
            arrays[int(table.numbers(2, _INTEGER)[0])] = arrays[inputs[0]]
            continue
        weights = tuple(arrays[k].astype(np.float32) for k in inputs if k in arrays)
        if weights:
            operators.append(Operator(name, weights))
    return operators


class _Table:
    """One table of the FlatBuffer, at a position in the file."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self._offsets = position - struct.unpack_from("<i", data, position)[0]

    def _field(self, number: int) -> int:
        """Where field ``number`` is stored; 0 where it is absent."""
        (size,) = struct.unpack_from("<H", self._data, self._offsets)
        entry = 4 + 2 * number
        offset = struct.unpack_from("<H", self._data, self._offsets + entry)[0] if entry < size else 0
        return self._position + offset if offset else 0

    def byte(self, number: int) -> int:
        place = self._field(number)
        return self._data[place] if place else 0

    def signed(self, number: int) -> int:
        place = self._field(number)
        return int(struct.unpack_from("<i", self._data, place)[0]) if place else 0

    def unsigned(self, number: int) -> int:
        place = self._field(number)
        return _unsigned(self._data, place) if place else 0

    def numbers(self, number: int, kind: np.dtype) -> np.ndarray:
        """A vector of numbers; empty where it is absent."""
        place = self._field(number)
        if not place:
            return np.zeros(0, kind)
        start = place + _unsigned(self._data, place)
        return np.frombuffer(self._data, kind, _unsigned(self._data, start), start + 4)

    def tables(self, number: int) -> list[_Table]:
        """A vector of tables; empty where it is absent."""
        place = self._field(number)
        if not place:
            return []
        start = place + _unsigned(self._data, place)
        entries = range(start + 4, start + 4 + 4 * _unsigned(self._data, start), 4)
        return [_Table(self._data, entry + _unsigned(self._data, entry)) for entry in entries]


def _unsigned(data: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", data, place)[0])

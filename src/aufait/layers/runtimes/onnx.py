"""Networks run by ONNX Runtime on the CPU: the same inputs and outputs as torch's, in a half to two thirds of the time.

A network is traced once and its graph kept in the cache folder, under a name that stands for its weights and for the versions of
aufait, torch and ONNX Runtime. Whatever comes from there is compared with the network before it is used; what does not open or does
not agree is made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
import tempfile
import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aufait.errors import AufaitError, MissingExtraError, OutputError
from aufait.files.atomic import whole_file
from aufait.files.cache import cache_folder
from aufait.files.versions import installed_version
from aufait.layers.runtimes.contract import Call
from aufait.layers.runtimes.exporting import quiet_exporter
from aufait.machine import one_thread_after_fork

FOLDER = "onnx"
"""Of the cache folder: the graphs. It may be deleted at any time."""
TOLERANCE = 1e-4
"""How far an output may be from torch's: absolute where all its values are below 1, else as a share of the largest."""
OPSET = 18
"""ONNX operator set; old enough for every ONNX Runtime that the extra allows."""

_tracing = threading.Lock()  # torch's tracer keeps its state in globals


class OnnxRuntime:
    """Makes sessions of ONNX Runtime.

    Args:
        threads: processor threads for one network. They sleep between calls, which leaves the cores to decoding.

    Raises:
        MissingExtraError: the packages of the extra ``fast`` are not installed.
    """

    name = "onnx"

    def __init__(self, threads: int = 1) -> None:
        for package in ("onnxruntime", "onnx"):
            try:
                importlib.import_module(package)
            except ModuleNotFoundError as error:
                raise MissingExtraError(f"runtime onnx (package {package})", "fast") from error
        self.threads = threads

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> OnnxNetwork:
        """The network's session; its graph is made where the cache has none.

        Raises:
            AufaitError: the graph does not give the network's results.
        """
        assert torch.device(device).type == "cpu", device
        path = cache_folder() / FOLDER / f"{call.name}-{_key(network, call)}.onnx"
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        try:
            return self._kept(network, call, path) or self._made(network, call, path)
        finally:
            for module, mode in modes:
                module.training = mode

    def _kept(self, network: nn.Module, call: Call, path: Path) -> OnnxNetwork | None:
        """The session of a file that is there, opens and agrees with the network; else None."""
        if not path.is_file():
            return None
        inputs = call.examples()
        with torch.no_grad():
            expected = network(*inputs)
        try:
            found = OnnxNetwork(path, expected, self.threads)
            return found if _difference(expected, found(*inputs)) <= TOLERANCE else None
        except Exception:  # damaged files are answered with many kinds, which have no other base in common
            return None

    def _made(self, network: nn.Module, call: Call, path: Path) -> OnnxNetwork:
        model = _traced(network, call)
        source = _stored(model, path)
        with torch.no_grad():
            pairs = [(network(*inputs), inputs) for inputs in (call.examples(), call.longer_examples())]
        result = OnnxNetwork(source, pairs[0][0], self.threads)
        apart = max(_difference(expected, result(*inputs)) for expected, inputs in pairs)
        if not apart <= TOLERANCE:
            raise AufaitError(
                f"the network {call.name} gives other results with ONNX Runtime: they differ by {apart:.2g}, at most {TOLERANCE:g} "
                "is allowed; use runtime torch, and please report it with the versions of torch and onnxruntime"
            )
        return result


class OnnxNetwork:
    """A network's graph in a session; called like the network, from any thread, also in a process made by ``fork``.

    Args:
        model: the graph's file, or its bytes.
        output: what the network returned once, for how its tensors are put together.
        threads: processor threads.
    """

    def __init__(self, model: Path | bytes, output: Any, threads: int) -> None:
        self._model, self._output, self._threads = model, output, threads
        self._open()
        _networks.add(self)

    def __call__(self, *inputs: Tensor) -> Any:
        """Tensors on the CPU -> what the network returns."""
        if os.getpid() != self._process:  # the threads of a session stay with the process that made it
            self._open()
        arrays = {name: np.ascontiguousarray(one.numpy()) for name, one in zip(self._names, inputs, strict=True)}
        return _rebuilt(self._output, iter([torch.from_numpy(array) for array in self._session.run(None, arrays)]))

    def _open(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = 1 if one_thread_after_fork() else self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = self._model if isinstance(self._model, bytes) else str(self._model)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._names = [one.name for one in self._session.get_inputs()]
        self._process = os.getpid()


    def leave_session(self) -> None:
        """In a process made by ``fork``: the session stays in memory, as its end would wait for threads of the parent."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))


_networks: weakref.WeakSet[OnnxNetwork] = weakref.WeakSet()


def _leave_sessions() -> None:
    for network in list(_networks):
        network.leave_session()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_sessions)


class _Flat(nn.Module):
    """A network that returns the tensors of its output in a row, as graphs do."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(_tensors(self.network(*inputs)))


def _tensors(output: Any) -> list[Tensor]:
    """All tensors of nested tuples and lists, in order."""
    return [output] if isinstance(output, Tensor) else [tensor for part in output for tensor in _tensors(part)]


def _rebuilt(like: Any, tensors: Iterator[Tensor]) -> Any:
    """Tensors put together as they are in ``like``."""
    if isinstance(like, Tensor):
        return next(tensors)
    parts = [_rebuilt(part, tensors) for part in like]
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def _traced(network: nn.Module, call: Call) -> bytes:
    """The network's graph as an ONNX file."""
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


def _stored(model: bytes, path: Path) -> Path | bytes:
    """Keeps a graph in the cache; where that cannot be written, the graph itself."""
    own = path.with_name(f"{path.stem}.{uuid.uuid4().hex}{path.suffix}")  # another process may be at the same one
    try:
        with whole_file(own) as partial:
            partial.write_bytes(model)
        own.replace(path)
        return path
    except (OutputError, OSError):
        with suppress(OSError):
            own.unlink(missing_ok=True)
        return model


def _key(network: nn.Module, call: Call) -> str:
    """Stands for weights, inputs and versions."""
    digest = hashlib.sha256()
    versions = [installed_version(name) for name in ("aufait", "torch", "onnxruntime")]
    digest.update(repr((type(network).__qualname__, call, OPSET, versions)).encode())
    for name, value in (*network.named_parameters(), *network.named_buffers()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def _difference(expected: Any, got: Any) -> float:
    """Largest difference, as ``TOLERANCE`` counts it; infinite for other shapes or NaN."""
    return max(_apart(a, b) for a, b in zip(_tensors(expected), _tensors(got), strict=True))


def _apart(expected: Tensor, got: Tensor) -> float:
    if expected.shape != got.shape:
        return float("inf")
    worst = float((expected - got).abs().max() / expected.abs().max().clamp(min=1.0))
    return worst if worst == worst else float("inf")

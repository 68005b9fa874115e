"""Networks run by ONNX Runtime on the CPU: the same inputs and outputs as torch's, in a half to two thirds of the time.

A network is traced once and its graph kept in the cache folder, under a name that stands for its weights and for the versions of
aufait, torch and ONNX Runtime. Whatever comes from there is compared with the network before it is used; what does not open or does
not agree is made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import uuid
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aufait.errors import AufaitError, OutputError
from aufait.extras import require
from aufait.files.atomic import whole_file
from aufait.files.cache import cache_folder
from aufait.files.versions import installed_version
from aufait.layers.runtimes.contract import Call
from aufait.layers.runtimes.exporting import OPSET
from aufait.layers.runtimes.graphs import difference, rebuilt, traced, weights_digest
from aufait.layers.runtimes.rewriting import without_prelu
from aufait.machine import one_thread_after_fork

FOLDER = "onnx"
"""Of the cache folder: the graphs. It may be deleted at any time."""
TOLERANCE = 1e-4
"""How far an output may be from torch's, as ``graphs.difference`` counts it."""
_WAY = 2
"""Of writing graphs; another number makes all of them again."""


@dataclass(frozen=True)
class GraphPlan:
    """How a network becomes a graph.

    Attributes:
        make: writes the graph.
        tolerance: how far its outputs may be from the network's, as ``graphs.difference`` counts it.
        variant: what besides weights, inputs and versions it depends on.
        entries: further settings of its sessions, as ONNX Runtime names them.
    """

    make: Callable[[], bytes]
    tolerance: float = TOLERANCE
    variant: str = ""
    entries: Mapping[str, str] = field(default_factory=dict)


class OnnxRuntime:
    """Makes sessions of ONNX Runtime.

    Args:
        threads: processor threads for one network. They sleep between calls, which leaves the cores to decoding.

    Raises:
        MissingExtraError: the packages of the extra ``fast`` are not installed.
    """

    name = "onnx"

    def __init__(self, threads: int = 1) -> None:
        require(f"runtime {self.name}", "fast", "onnxruntime", "onnx")
        self.threads = threads

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> OnnxNetwork:
        """The network's session; its graph is made where the cache has none.

        Raises:
            AufaitError: the graph does not give the network's results.
        """
        assert torch.device(device).type == "cpu", device
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        try:
            return _GraphFile(self, network, call).session()
        finally:
            for module, mode in modes:
                module.training = mode

    def plan(self, network: nn.Module, call: Call, weights: str) -> GraphPlan:
        """What is run for a network whose ``weights_digest`` is ``weights``."""
        return GraphPlan(lambda: without_prelu(traced(network, call)))


class _GraphFile:
    """The graph of one network in the cache folder."""

    def __init__(self, runtime: OnnxRuntime, network: nn.Module, call: Call) -> None:
        self._network, self._call, self._threads = network, call, runtime.threads
        weights = weights_digest(network)
        self._plan = runtime.plan(network, call, weights)
        key = _key(network, call, weights, self._plan.variant)
        self._path = cache_folder() / FOLDER / f"{call.name}-{key}.onnx"

    def session(self) -> OnnxNetwork:
        return self._kept() or self._made()

    def _opened(self, model: Path | bytes, output: Any) -> OnnxNetwork:
        return OnnxNetwork(model, output, self._threads, self._plan.entries)

    def _kept(self) -> OnnxNetwork | None:
        """The session of a file that is there, opens and agrees with the network; else None."""
        if not self._path.is_file():
            return None
        inputs = self._call.examples()
        with torch.no_grad():
            expected = self._network(*inputs)
        try:
            found = self._opened(self._path, expected)
            return found if difference(expected, found(*inputs)) <= self._plan.tolerance else None
        except Exception:  # damaged files are answered with many kinds, which have no other base in common
            return None

    def _made(self) -> OnnxNetwork:
        source = _stored(self._plan.make(), self._path)
        with torch.no_grad():
            pairs = [(self._network(*inputs), inputs) for inputs in (self._call.examples(), self._call.longer_examples())]
        result = self._opened(source, pairs[0][0])
        apart = max(difference(expected, result(*inputs)) for expected, inputs in pairs)
        if not apart <= self._plan.tolerance:
            raise AufaitError(
                f"the network {self._call.name} gives other results with ONNX Runtime: they differ by {apart:.2g}, at most "
                f"{self._plan.tolerance:g} is allowed; use runtime torch, and please report it with the versions of torch and "
                "onnxruntime"
            )
        return result


class OnnxNetwork:
    """A network's graph in a session; called like the network, from any thread, also in a process made by ``fork``.

    Args:
        model: the graph's file, or its bytes.
        output: what the network returned once, for how its tensors are put together.
        threads: processor threads.
        entries: further settings, see ``GraphPlan``.
    """

    def __init__(self, model: Path | bytes, output: Any, threads: int, entries: Mapping[str, str] | None = None) -> None:
        self._model, self._output, self._threads, self._entries = model, output, threads, entries or {}
        self._open()
        _networks.add(self)

    def __call__(self, *inputs: Tensor) -> Any:
        """Tensors on the CPU -> what the network returns."""
        if os.getpid() != self._process:  # the threads of a session stay with the process that made it
            self._open()
        arrays = {name: np.ascontiguousarray(one.numpy()) for name, one in zip(self._names, inputs, strict=True)}
        return rebuilt(self._output, iter([torch.from_numpy(array) for array in self._session.run(None, arrays)]))

    def _open(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = 1 if one_thread_after_fork() else self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        for name, value in self._entries.items():
            options.add_session_config_entry(name, value)
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


def _key(network: nn.Module, call: Call, weights: str, variant: str) -> str:
    """Stands for weights, inputs, versions and variant."""
    versions = [installed_version(name) for name in ("aufait", "torch", "onnxruntime")]
    facts = (type(network).__qualname__, call, OPSET, _WAY, versions, weights, *([variant] if variant else []))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]

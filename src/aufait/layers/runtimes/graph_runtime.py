"""What runtimes share that are handed a network's graph: the graphs are kept, compared, and opened again in forked processes.

A network is traced once and its graph kept in the cache folder, under a name that stands for its weights and for the versions of
aufait, torch and the runtime. Whatever comes from there is compared with the network before it is used; what does not open or does
not agree is made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import uuid
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aufait.errors import AufaitError, OutputError
from aufait.files.atomic import whole_file
from aufait.files.cache import cache_folder
from aufait.files.versions import installed_version
from aufait.layers.runtimes.contract import Call
from aufait.layers.runtimes.exporting import OPSET
from aufait.layers.runtimes.graphs import difference, rebuilt, traced, weights_digest
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
    """

    make: Callable[[], bytes]
    tolerance: float = TOLERANCE
    variant: str = ""


class GraphNetwork(ABC):
    """A network's graph in a session; called like the network, from any thread, also in a process made by ``fork``.

    Args:
        model: the graph's file, or its bytes.
        output: what the network returned once, for how its tensors are put together.
        threads: processor threads.
        alone: whether the parts of a batch go through one after the other, in any length.
    """

    def __init__(self, model: Path | bytes, output: Any, threads: int, *, alone: bool = False) -> None:
        self._model, self._output, self._threads, self._alone = model, output, threads, alone
        self._open()
        _networks.add(self)

    def __call__(self, *inputs: Tensor) -> Any:
        """Tensors on the CPU -> what the network returns."""
        if os.getpid() != self._process:  # the threads of a session stay with the process that made it
            self._open()
        arrays = {name: np.ascontiguousarray(one.numpy()) for name, one in zip(self._names, inputs, strict=True)}
        count = len(inputs[0])
        if self._alone and count > 1:
            parts = [self.run(self.session, {name: one[k : k + 1] for name, one in arrays.items()}) for k in range(count)]
            found: Sequence[np.ndarray] = [np.concatenate(column) for column in zip(*parts, strict=True)]
        else:
            found = self.run(self.session, arrays)
        return rebuilt(self._output, iter([torch.from_numpy(array) for array in found]))

    def _open(self) -> None:
        self.session, self._names = self.open(self._model, 1 if one_thread_after_fork() else self._threads)
        self._process = os.getpid()

    @staticmethod
    @abstractmethod
    def open(model: Path | bytes, threads: int) -> tuple[Any, list[str]]:
        """A session of a graph, and the names of its inputs in order."""

    @staticmethod
    @abstractmethod
    def run(session: Any, arrays: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
        """Inputs by name -> all outputs in order; from any thread."""

    def leave_session(self) -> None:
        """In a process made by ``fork``: the session stays in memory, as its end would wait for threads of the parent."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.session))


_networks: weakref.WeakSet[GraphNetwork] = weakref.WeakSet()


def _leave_sessions() -> None:
    for network in list(_networks):
        network.leave_session()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_sessions)


class GraphRuntime:
    """Makes sessions of graphs.

    Args:
        threads: processor threads for one network.

    Attributes:
        name: see ``Runtime``.
        package: distribution of the program that runs the graphs; other versions of it have graphs of their own.
        session: what opens and runs a graph.
        alone: names of the networks, as in ``Call``, through which the parts of a batch go one after the other, because that is
            quicker.
    """

    name: str
    package: str
    session: type[GraphNetwork]
    alone: tuple[str, ...] = ()

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def ready(self, network: nn.Module, device: torch.device | str, call: Call) -> GraphNetwork:
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
        return GraphPlan(lambda: traced(network, call))


class _GraphFile:
    """The graph of one network in the cache folder."""

    def __init__(self, runtime: GraphRuntime, network: nn.Module, call: Call) -> None:
        self._runtime, self._network, self._call = runtime, network, call
        weights = weights_digest(network)
        self._plan = runtime.plan(network, call, weights)
        key = _key(network, call, weights, self._plan.variant, runtime.package)
        self._path = cache_folder() / FOLDER / f"{call.name}-{key}.onnx"

    def session(self) -> GraphNetwork:
        return self._kept() or self._made()

    def _kept(self) -> GraphNetwork | None:
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

    def _made(self) -> GraphNetwork:
        source = _stored(self._plan.make(), self._path)
        with torch.no_grad():
            pairs = [(self._network(*inputs), inputs) for inputs in (self._call.examples(), self._call.longer_examples())]
        result = self._opened(source, pairs[0][0])
        apart = max(difference(expected, result(*inputs)) for expected, inputs in pairs)
        if not apart <= self._plan.tolerance:
            raise AufaitError(
                f"the network {self._call.name} gives other results with runtime {self._runtime.name}: they differ by {apart:.2g}, "
                f"at most {self._plan.tolerance:g} is allowed; use runtime torch, and please report it with the versions of torch "
                f"and {self._runtime.package}"
            )
        return result

    def _opened(self, source: Path | bytes, output: Any) -> GraphNetwork:
        alone = self._call.name in self._runtime.alone
        return self._runtime.session(source, output, self._runtime.threads, alone=alone)


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


def _key(network: nn.Module, call: Call, weights: str, variant: str, package: str) -> str:
    """Stands for weights, inputs, versions and variant."""
    versions = [installed_version(name) for name in ("aufait", "torch", package)]
    facts = (type(network).__qualname__, call, OPSET, _WAY, package, versions, weights, *([variant] if variant else []))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]

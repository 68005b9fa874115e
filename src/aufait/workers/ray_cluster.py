"""The workers of a Ray cluster: on this machine, started here and closed to others, or one that is there.

Only Ray Core is used, an actor per worker: items and values are small and name files, which all machines see under the same paths.
Ray Train would start the same actors for a training and set the same variables, and bring checkpoints and settings of its own.
A cluster that is started here sends no usage reports, opens no dashboard, and talks to this machine alone.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import socket
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from aufait.errors import AufaitError, InputError, MissingExtraError
from aufait.machine import cores
from aufait.workers.contract import Done, Item, Value, Work
from aufait.workers.worker import ERROR, MESSAGE, VALUE

_STORE_BYTES = 200_000_000  # of shared memory: what is sent is small
_ANSWER_SECONDS = 5.0
_ROOM_SECONDS = 60.0
"""That actors who must run at the same time wait for what others use."""


class RayCluster:
    """Actors of a cluster.

    Args:
        address: "ray://HOST:PORT", or empty for a cluster of this machine that ends with this process.
        workers: how many, None for as many as the cluster has cores.

    Raises:
        MissingExtraError: Ray is not installed.
        AufaitError: the cluster cannot be reached.
    """

    def __init__(self, address: str = "", workers: int | None = None) -> None:
        self._ray = _library(starts=not address)
        _connect(self._ray, address, workers or cores())
        self.workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    @classmethod
    def of(cls, text: str) -> RayCluster:
        """From "ray", "ray:4" or "ray://HOST:PORT".

        Raises:
            InputError: something else.
        """
        found = re.fullmatch(r"ray(?::(\d{1,4})|(://[^/\s]+:\d{1,5}))?", text)
        if found is None or (found[1] is not None and int(found[1]) < 1):
            raise InputError(f"a Ray cluster is ray, ray:4 or ray://HOST:PORT; got {text!r}")
        return cls(f"ray{found[2]}" if found[2] else "", int(found[1]) if found[1] else None)

    def map(
        self, work: Work[Item, Value], items: Sequence[Item], on_message: Callable[[int, Any], None] | None = None
    ) -> Generator[Done[Value], None, None]:
        """See ``Executor``. An early end kills the workers; what they wrote is under partial names, as after a kill."""
        run = _Run(self._ray, work, items, on_message or (lambda index, message: None))
        try:
            yield from run.results(min(self.workers, len(items)))
        finally:
            run.end()

    @property
    def gpus(self) -> int:
        """Of all machines of the cluster."""
        return int(self._ray.cluster_resources().get("GPU", 0))

    def together(
        self, work: Work[Item, Value], items: Sequence[Item], on_message: Callable[[int, Any], None] | None = None, *, gpus: bool
    ) -> list[Value]:
        """All items at the same time, an actor each, who find each other as processes of ``torch.distributed`` that train together.

        Args:
            work, items, on_message: see ``Executor.map``.
            gpus: whether each actor needs a GPU.

        Returns:
            values in the order of the items.

        Raises:
            AufaitError: the cluster has no room for all of them, or one died; the others are ended.
        """
        run = _Meeting(self._ray, work, items, on_message or (lambda index, message: None), gpus)
        try:
            found: dict[int, Any] = {}
            for done in run.results(len(items)):
                if done.died:
                    raise AufaitError(f"{done.died}; the same command again resumes")
                found[done.index] = done.value
        finally:
            run.end()
        return [found[index] for index in range(len(items))]


class _Run:
    """One call of ``map``."""

    tries = 2

    def __init__(self, ray: Any, work: Any, items: Sequence[Any], on_message: Callable[[int, Any], None]) -> None:
        self._ray, self._work, self._items, self._on_message = ray, work, items, on_message
        self._waiting = deque(range(len(items)))
        self._begun = [0] * len(items)
        self._running: dict[Any, tuple[int, Any]] = {}
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(_Actor)

    def results(self, workers: int) -> Iterator[Done[Any]]:
        """Items as they end."""
        for _ in range(workers):
            self._give(self._actor.remote(self._work, str(Path.cwd())))
        while self._running:
            if (done := self._next()) is not None:
                yield done

    def _next(self) -> Done[Any] | None:
        """What comes next of all workers.

        Raises:
            AufaitError: the cluster has gone.
        """
        try:
            ready, _ = self._ray.wait(list(self._running), num_returns=1)
            return self._hear(ready[0])
        except ConnectionError as error:
            self._running.clear()
            raise AufaitError("the Ray cluster answers no more; the same command again does what is missing") from error

    def end(self) -> None:
        """Release what is left."""
        for _, actor in self._running.values():
            self._ray.kill(actor)
        self._running.clear()

    def _give(self, actor: Any) -> None:
        if not self._waiting:
            self._ray.kill(actor)
            return
        index = self._waiting.popleft()
        self._begun[index] += 1
        self._running[actor.do.remote(self._items[index])] = index, actor

    def _hear(self, answer: Any) -> Done[Any] | None:
        index, actor = self._running.pop(answer)
        deaths = self._ray.exceptions
        try:
            kind, content = self._ray.get(answer)
        except (deaths.RayActorError, deaths.WorkerCrashedError, deaths.OutOfMemoryError, deaths.NodeDiedError) as error:
            return self._bury(index, _first_line(error))
        except deaths.RayTaskError as error:
            if isinstance(error.cause, MemoryError):
                self._ray.kill(actor)
                return self._bury(index, "its memory ran out")
            raise error.cause if isinstance(error.cause, AufaitError) else error.as_instanceof_cause() from None
        if kind == MESSAGE:
            self._running[actor.go_on.remote()] = index, actor
            self._on_message(index, content)
            return None
        self._give(actor)
        return Done(index, content)

    def _bury(self, index: int, why: str) -> Done[Any] | None:
        again = self._begun[index] < self.tries
        if again:
            self._waiting.append(index)
        if self._waiting:
            self._give(self._actor.remote(self._work, str(Path.cwd())))
        return None if again else Done(index, None, f"the worker on the cluster ended ({why}); tried {self._begun[index]} times")


class _Meeting(_Run):
    """One call of ``together``."""

    tries = 1

    def __init__(self, ray: Any, work: Any, items: Sequence[Any], on_message: Callable[[int, Any], None], gpus: bool) -> None:
        super().__init__(ray, work, items, on_message)
        self._needs = {"CPU": 1.0, "GPU": 1.0} if gpus else {"CPU": 1.0}
        self._actors: list[Any] = []
        self._room: Any = None

    def results(self, workers: int) -> Iterator[Done[Any]]:
        """Items as they end."""
        self._find_room(workers)
        for place in range(workers):
            where = self._ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy(self._room, place)
            options = {"num_gpus": self._needs.get("GPU", 0), "scheduling_strategy": where}
            self._actors.append(self._actor.options(**options).remote(self._work, str(Path.cwd())))
        try:
            address = self._ray.get(self._actors[0].address.remote())
            self._ray.get([actor.meet.remote(rank, *address) for rank, actor in enumerate(self._actors)])
        except self._ray.exceptions.RayActorError as error:
            raise AufaitError(f"a worker on the cluster ended before it began ({_first_line(error)})") from error
        for actor in self._actors:
            self._give(actor)
        while self._running:
            if (done := self._next()) is not None:
                yield done

    def end(self) -> None:
        """Release everything."""
        self._running.clear()
        for actor in self._actors:
            self._ray.kill(actor)
        if self._room is not None:
            self._ray.util.remove_placement_group(self._room)

    def _give(self, actor: Any) -> None:
        if self._waiting:  # who has nothing left to do stays: others may still listen to it
            super()._give(actor)

    def _find_room(self, workers: int) -> None:
        there = self._ray.cluster_resources()
        text = " and ".join(f"{there.get(name, 0):g} {name}s" for name in self._needs)
        if any(there.get(name, 0) < workers for name in self._needs):
            raise AufaitError(f"{workers} workers need one of each at the same time, the cluster has {text}; ask for fewer workers")
        self._room = self._ray.util.placement_group([self._needs] * workers, strategy="PACK")
        if not self._room.wait(_ROOM_SECONDS):
            raise AufaitError(f"others use the cluster's {text}: no room for {workers} workers within {_ROOM_SECONDS:g} s")


class _Actor:
    """A worker of the cluster, in the folder that the command was given in, where its machine has that.

    Each call answers with one message, or with the value: streams of answers do not pass through the address of a cluster.
    """

    def __init__(self, work: Any, folder: str) -> None:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._work, self._begun, self._tools = work, False, None  # begun with the first item: an error then arrives as it was
        self._told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def address(self) -> tuple[str, int]:
        """Where others of a meeting can reach this one: its machine and a port that is free there."""
        import ray

        with socket.socket() as found:
            found.bind(("", 0))
            return ray.util.get_node_ip_address(), int(found.getsockname()[1])

    def meet(self, rank: int, host: str, port: int) -> None:
        """Makes this the process of one machine of several, as Lightning and ``aufait.machine.is_first_process`` read it."""
        os.environ.update(NODE_RANK=str(rank), LOCAL_RANK="0", MASTER_ADDR=host, MASTER_PORT=str(port))

    def do(self, item: Any) -> tuple[str, Any]:
        """Begin an item; its first message, or its value."""
        threading.Thread(target=self._run, args=(item,), daemon=True).start()
        return self.go_on()

    def go_on(self) -> tuple[str, Any]:
        """The next message of the item, or its value."""
        kind, content = self._told.get()
        if kind == ERROR:
            raise content
        return kind, content

    def _run(self, item: Any) -> None:
        try:
            if not self._begun:
                self._tools, self._begun = self._work.begin(), True
            value = self._work.do(self._tools, item, lambda message: self._told.put((MESSAGE, message)))
            self._told.put((VALUE, value))
        except BaseException as error:
            self._told.put((ERROR, error))


def _library(*, starts: bool) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if starts:  # in spite of its name, on every system: without it, Ray replaces 127.0.0.1 by an address that others reach
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's own choice is 15, behind all others
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("a Ray cluster", "cluster") from error
    return ray


def _require_answer(address: str) -> None:
    """Ray itself tries for half a minute and more before it gives up.

    Raises:
        AufaitError: nobody answers at the address.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise _no_answer(address, error) from error


def _no_answer(address: str, error: BaseException) -> AufaitError:
    """What is said where a cluster cannot be reached, or, without an address, not be started."""
    first = _first_line(error)
    if not address:
        return AufaitError(f"no Ray cluster could be started on this machine: {first}; a number of workers does without Ray")
    return AufaitError(f"no Ray cluster answers at {address}: {first}; is it running, and of the same version of Ray?")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__


def _connect(ray: Any, address: str, workers: int) -> None:
    if ray.is_initialized():
        return
    if address:
        _require_answer(address)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is in the error that follows
            if address:
                ray.init(address, log_to_driver=False, logging_level="ERROR")
            else:
                ray.init(  # "local": not one that somebody else has started here
                    "local", num_cpus=workers, include_dashboard=False, _node_ip_address="127.0.0.1",
                    object_store_memory=_STORE_BYTES, log_to_driver=False, logging_level="ERROR",
                )  # fmt: skip
    except Exception as error:
        raise _no_answer(address, error) from error
    finally:
        for number, handler in handlers.items():  # Ray puts its own in their place
            signal.signal(number, handler)

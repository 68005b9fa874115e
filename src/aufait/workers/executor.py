"""From what a user says, "4" or "ray://head:10001", to a way to spread the work."""

from __future__ import annotations

from aufait.errors import InputError
from aufait.workers.contract import Executor
from aufait.workers.processes import Processes
from aufait.workers.serial import Serial

MOST_WORKERS = 1024


def executor_for(workers: int | str) -> Executor:
    """The executor of a number of processes, or of a cluster.

    Args:
        workers: 1 for this process; a number of processes of this machine; "ray" or "ray:N" for a Ray cluster of this machine with
            as many workers as it has cores, or N; "ray://HOST:PORT" for a cluster that is there, with all its cores.

    Raises:
        InputError: something else.
        MissingExtraError: Ray is not installed.
    """
    text = str(workers).strip()
    if text == "ray" or text.startswith("ray:"):
        from aufait.workers.ray_cluster import RayCluster

        return RayCluster.of(text)
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise InputError(f"workers are a number from 1 to {MOST_WORKERS}, ray, or ray://HOST:PORT; got {text!r}")
    return Serial() if int(text) == 1 else Processes(int(text))

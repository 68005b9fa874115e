"""From ``--workers``, ``--segments`` and ``--devices`` to how the work of ``aufait detect`` is spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.workers.contract import Executor


@dataclass(frozen=True)
class Spread:
    """How the work is spread.

    Attributes:
        executor: over which processes.
        segments: into how many a long video is cut.
        devices: over which devices; empty where ``device`` is that of all.
        device: of this process.
    """

    executor: Executor
    segments: int
    devices: tuple[str, ...]
    device: str


def spread(workers: str | None, segments: str | None, devices: str | None, device: str) -> Spread:
    """Without ``--workers``, a process for each segment or, if there are more of these, for each device.

    Raises:
        InputError: one of them makes no sense, or they contradict each other.
    """
    from aufait.detection.pieced import read_segments
    from aufait.machine import cores, resolve_devices
    from aufait.workers.executor import executor_for

    names = () if devices is None else resolve_devices(devices)
    if names and device not in ("auto", *names[:1]):
        raise InputError(f"--devices {devices} and --device {device} contradict each other; give one of them")
    if names and (workers or "").startswith("ray"):
        raise InputError("--devices names those of this machine, a cluster has its own; give --device cuda with --workers ray")
    wanted = None if segments is None else read_segments(segments)
    least = 1 if segments is None else min(wanted or cores(), cores())
    executor = executor_for(workers or max(least, len(names)))
    if executor.workers < len(names):
        raise InputError(f"{len(names)} devices need as many workers at least, got --workers {executor.workers}")
    return Spread(executor, executor.workers if wanted is None else wanted, names, names[0] if names else device)

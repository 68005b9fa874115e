"""This machine: devices, threads, cores, memory, and which of several processes writes."""

from __future__ import annotations

import multiprocessing
import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aufait.errors import InputError


def resolve_device(device: str) -> str:
    """Turn ``"auto"`` into the fastest device that is there and check any other name.

    Raises:
        InputError: the device is unknown or absent; the message names those that are there.
    """
    if device == "cpu":
        return device
    available = available_devices()
    if device == "auto":
        return available[0]
    if (f"{device}:0" if device == "cuda" else device) not in available:
        raise InputError(f"device must be auto or one of {', '.join(available)} on this machine, got {device!r}")
    return device


def available_devices() -> list[str]:
    """Names of the devices that are there, the fastest first; "cpu" is always the last."""
    import torch

    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*gpus, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def resolve_devices(text: str) -> tuple[str, ...]:
    """The devices that several workers are spread over.

    Args:
        text: ``"auto"``, all CUDA devices, or the processor where there is none; ``"2"``, the first two CUDA devices; or names,
            ``"cuda:0,cuda:3"``.

    Raises:
        InputError: not there, named twice, of different kinds, or a kind of which a machine has only one.
    """
    available = available_devices()
    gpus = tuple(name for name in available if name.startswith("cuda"))
    asked = [word.strip() for word in text.split(",")]
    if asked == ["auto"]:
        return gpus or ("cpu",)
    if text.strip().isdecimal():
        if not 1 <= int(text) <= len(gpus):
            there = ", ".join(available)
            raise InputError(f"{text.strip()} CUDA devices were asked for, this machine has {len(gpus)}; there are: {there}")
        return gpus[: int(text)]
    if "auto" in asked or "" in asked:
        raise InputError(f"devices are auto, a number, or names such as cuda:0,cuda:1; got {text!r}")
    if "mps" in asked:
        raise InputError("a machine has one mps device, which workers cannot be spread over; give --device mps")
    found = tuple(resolve_device("cuda:0" if name == "cuda" else name) for name in asked)
    if len(set(found)) < len(found):
        raise InputError(f"each device is named once, got {text!r}; --workers says how many processes share them")
    if len({name.partition(":")[0] for name in found}) > 1:
        raise InputError(f"devices of one kind give the same numbers, those of several do not; got {text!r}")
    return found


def check_device(name: str) -> None:
    """Raise ``InputError`` where torch has no such device here; "auto" is none."""
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}; expected cpu, cuda, cuda:1 or mps") from error
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if not present.get(device.type):
        there = ", ".join(kind for kind, count in present.items() if count)
        raise InputError(f"there is no {device.type} device here; use one of {there}")
    if (device.index or 0) >= present[device.type]:
        raise InputError(f"there is no device {name} here; {device.type} has {present[device.type]}, counted from 0")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads() -> int:
    """Torch threads for the networks of one detector: half of the cores that this process may use."""
    return max(1, cores() // 2)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Use ``count`` torch threads inside the block and put the caller's number back."""
    import torch

    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_forked = False


def _note_fork() -> None:
    global _forked
    _forked = _forked or "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def one_thread_after_fork() -> bool:
    """Let torch use one thread in a process made by ``fork`` from one that has torch; whether this is such a process.

    The child has none of its parent's threads, and torch would wait for them without end.
    """
    if _forked:
        import torch

        torch.set_num_threads(1)
    return _forked


def describe_machine() -> str:
    """Processor, cores that this process may use, system, Python and torch version, in one line."""
    import torch

    device = f", {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else ""
    return (
        f"{_processor()}, {cores()} cores{device}, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def peak_mebibytes() -> float:
    """Largest memory this process has had so far; NaN where the system does not say."""
    try:
        # On Linux the portable counter below starts with the parent's peak, which may be larger than ours.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows has no such counter in the standard library
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def is_first_process() -> bool:
    """Whether this process writes files: the first of those that train together."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


def has_gpu(accelerator: str) -> bool:
    """Whether training runs on a CUDA device."""
    import torch

    return accelerator.partition(":")[0] in ("auto", "cuda") and torch.cuda.is_available()


def end_with_parent() -> None:
    """To be called in a worker process: it then ends when the process that started it does, for whatever reason."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, name="aufait-parent", daemon=True).start()

"""Where the name of a runtime becomes a runtime."""

from __future__ import annotations

from aufait.errors import InputError
from aufait.layers.runtimes.contract import TORCH, Runtime

RUNTIMES = ("auto", "torch", "torch-bf16", "onnx", "onnx-int8", "openvino")
"""Names that ``open_runtime`` knows."""


def open_runtime(name: str, *, device: str = "cpu", threads: int = 1) -> Runtime:
    """What runs the networks.

    Args:
        name: ``"torch"``; ``"torch-bf16"``, the same with the action unit models in half precision; ``"onnx"``, which is ONNX
            Runtime on the CPU; ``"onnx-int8"``, the same with whole numbers of 8 bits where that is worth it; ``"openvino"``, which
            is OpenVINO on the CPU; or ``"auto"``, which is torch: it is there in every installation and on every device, and the
            same numbers come out whatever else is installed.
        device: where the networks are to run.
        threads: processor threads for one network, where the runtime has threads of its own.

    Raises:
        InputError: an unknown name, or a device that the runtime does not have.
        MissingExtraError: the packages of the extra ``fast`` or ``openvino`` are not installed.
    """
    if name not in RUNTIMES:
        raise InputError(f"unknown runtime {name!r}; expected one of {', '.join(RUNTIMES)}")
    if name == "torch-bf16":
        from aufait.layers.runtimes.half import HalfRuntime

        return HalfRuntime()
    if not on_processor(name):
        return TORCH
    if device != "cpu":
        raise InputError(f"runtime {name} runs on the processor; give device cpu with it, or runtime torch for device {device}")
    return _on_processor(name, threads)


def _on_processor(name: str, threads: int) -> Runtime:
    if name == "openvino":
        from aufait.layers.runtimes.openvino import OpenVinoRuntime

        return OpenVinoRuntime(threads)
    if name == "onnx":
        from aufait.layers.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(threads)
    from aufait.layers.runtimes.eight_bits import Int8Runtime

    return Int8Runtime(threads)


def on_processor(name: str) -> bool:
    """Whether a runtime runs on the processor alone."""
    return name != "auto" and not name.startswith("torch")

"""How near a network's arithmetic comes to what the processor can do: convolutions and matrix products alone.

A whole pass also waits for memory: normalisations, activations, copies. Where convolutions and products already run near the peak
of the processor, no other program of the same network can be much faster; where their share of the time is small, one could.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch.profiler import ProfilerActivity, profile

_ARITHMETIC = ("aten::conv2d", "aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
"""Operations that count: those that PyTorch's profiler knows the arithmetic of. None of them calls another one."""


@dataclass(frozen=True)
class Roofline:
    """Where a pass on a CPU spends its time.

    Attributes:
        time_share: share of the pass that is spent in convolutions and matrix products, 0 to 1.
        peak_share: their arithmetic per second as a share of the processor's peak.
    """

    time_share: float
    peak_share: float


def roofline(run: Callable[[], object], peak: float) -> Roofline | None:
    """Watch one pass on the CPU.

    Args:
        run: the pass; run once before so that caches are filled.
        peak: floating-point operations per second of the processor.

    Returns:
        None where the pass has neither convolutions nor products that the profiler can count.
    """
    run()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True) as watched:
        run()
    events = watched.key_averages()
    counted = [event for event in events if event.key in _ARITHMETIC]
    microseconds = sum(event.cpu_time_total for event in counted)
    whole = sum(event.self_cpu_time_total for event in events)
    if not microseconds or not whole:
        return None
    return Roofline(microseconds / whole, sum(event.flops for event in counted) / (1e-6 * microseconds) / peak)

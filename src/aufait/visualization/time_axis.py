"""What every drawing over time shares: the axis as a clock, stretches of frames, and a face's colour on white ground."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aufait.visualization.palette import Colour, face_colour, to_hex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOUR = 3600
CLOCK_FROM = 180
"""Seconds from which on a clock is easier to read than seconds."""

_CLOCK_STEPS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400,
)  # fmt: skip


def time_ticks(axes: Axes, start: float, end: float, *, clock: bool) -> str:
    """Put round ticks on the axis of time; returns the unit in words: "s", "min:s" or "h:min:s".

    Args:
        start, end: seconds that the axis shows.
        clock: whether ticks are minutes and seconds, or seconds alone.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    step = next((step for step in _CLOCK_STEPS if (end - start) / step <= 10), None)
    locator = MultipleLocator(step) if clock and step else MaxNLocator(nbins=8 if clock else 12)
    axes.xaxis.set_major_locator(locator)
    if not clock:
        return "s"
    shown = step or (end - start) / 8
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock_text(seconds, shown, hours=end >= HOUR)))
    return "h:min:s" if end >= HOUR else "min:s"


def clock_text(seconds: float, step: float = 1.0, *, hours: bool = False) -> str:
    """A time as on a clock, with as many decimals as steps of this many seconds need."""
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9)) if step > 0 else 0
    whole = round(abs(seconds), decimals)
    minutes, rest = divmod(whole, 60)
    tail = f"{rest:0{3 + decimals if decimals else 2}.{decimals}f}"
    sign = "-" if seconds < 0 and whole else ""
    if hours:
        return f"{sign}{int(minutes // 60)}:{int(minutes % 60):02d}:{tail}"
    return f"{sign}{int(minutes)}:{tail}"


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Start and end (excluded) of every run of true values."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return list(zip(steps[0::2].tolist(), steps[1::2].tolist(), strict=True))


def dark_face_colour(face_id: int) -> str:
    """A face's colour, dark enough for white ground, as "#3e81a8"."""
    return to_hex(_darker(face_colour(face_id)))


def _darker(colour: Colour) -> Colour:
    red, green, blue = (round(0.72 * channel) for channel in colour)
    return red, green, blue

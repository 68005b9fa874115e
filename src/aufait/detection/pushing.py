"""Frames that the caller pushes one by one: which video they belong to, and which of them still wait for their result."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aufait.errors import InputError


@dataclass(eq=False)
class PushedVideo:
    """One video while it is pushed.

    Attributes:
        source: name to write into the results.
        process: id of the process in which it began.
        network: what collects the frames of a model that sees several together (``NetworkVideo``), or None.
        waiting: frames whose results are still to come.
        frames: how many were pushed.
        last: time of the last one in seconds.
    """

    source: str
    process: int
    network: Any = None
    waiting: deque[Any] = field(default_factory=deque)
    frames: int = 0
    last: float = -math.inf

    def take(self, timestamp: float) -> tuple[int, float]:
        """Number and time of the next frame, which counts from then on.

        Raises:
            InputError: the time is not finite, or not later than that of the frame before.
        """
        time = float(timestamp)
        if not math.isfinite(time):
            raise InputError(f"timestamp must be finite seconds, got {timestamp}")
        if time <= self.last:
            raise InputError(
                f"frames come in the order of time: after {self.last:g} s came {time:g} s; "
                "call finish() or reset() before another video"
            )
        self.last, self.frames = time, self.frames + 1
        return self.frames, time

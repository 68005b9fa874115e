"""A drawing for the tests of rings; in a module of its own, as worker processes import it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.errors import InputError


@dataclass(frozen=True)
class Stripes:
    """Fills a small picture with its number; some numbers end badly."""

    folder: Path
    dies_at: int = -1
    fails_at: int = -1
    seconds: float = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, 3)

    def begin(self) -> int:
        (self.folder / f"begun_{os.getpid()}").touch()
        return os.getpid()

    def draw(self, tools: int, number: int, out: np.ndarray) -> tuple[int, int]:
        if number == self.dies_at:
            os.kill(tools, signal.SIGKILL)
        if number == self.fails_at:
            raise InputError("no more paint")
        time.sleep(self.seconds)
        out[:] = number % 256
        (self.folder / f"drawn_{number}").touch()
        return number, tools

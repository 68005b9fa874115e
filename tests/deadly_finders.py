"""Face finders that end their process, as the system does when memory runs out; in a module, as worker processes import it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fakes import FakeFinder
from films import ColourFinder

from aufait.faces.face import Face


@dataclass
class DeadlyFinder(FakeFinder):
    """Ends its process over dark pictures, until so many have died."""

    graves: Path = Path()
    deaths: int = 1

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        if image.mean() < 60 and len(list(self.graves.iterdir())) < self.deaths:
            (self.graves / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().track(image, timestamp)


class DeadlyColourFinder(ColourFinder):
    """Ends its process over the third second, once."""

    def __init__(self, graves: Path) -> None:
        super().__init__()
        self.graves = graves

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        if timestamp >= 3.0 and not list(self.graves.iterdir()):
            (self.graves / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().track(image, timestamp)

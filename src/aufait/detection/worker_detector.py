"""The detector of a worker: that of this process, lent to work that is done here, or one of its own in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aufait.detection.detector import Detector


@dataclass(frozen=True, eq=False)
class WorkerDetector:
    """A detector, and whether it ends with the work."""

    detector: Detector
    own: bool

    @classmethod
    def make(cls, lent: Detector | None, arguments: Mapping[str, Any]) -> WorkerDetector:
        """The detector that was lent, or one made with these arguments."""
        return cls(lent or Detector(**arguments), own=lent is None)

    def close(self) -> None:
        """A detector that was lent stays open."""
        if self.own:
            self.detector.close()

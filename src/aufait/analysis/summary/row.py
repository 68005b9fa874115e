"""One row of a summary: what it is about, and everything told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Row:
    """A person or a group over some time; the keys are explained in ``codebook.KEYS``.

    Attributes:
        action_units: A FACS numbers.
        kind: "intensity", "probability" or "" where the table has neither.
        face: measures of the whole face.
        units: measure -> (A,), NaN where there is nothing to tell.
        low, high: ends of intervals, likewise; measures without an interval are not there.
    """

    level: str
    action_units: tuple[int, ...]
    kind: str
    face: dict[str, float]
    units: dict[str, np.ndarray]
    low: dict[str, np.ndarray] = field(default_factory=dict)
    high: dict[str, np.ndarray] = field(default_factory=dict)
    recording: str = ""
    person: str = ""
    faces: tuple[int, ...] = ()
    group: str = ""
    tier: str = ""
    condition: str = ""
    segment: int = 0
    start: float = math.nan
    end: float = math.nan
    persons: int = 1

    @property
    def keys(self) -> tuple[object, ...]:
        """The columns ``codebook.KEYS`` of this row; None for an empty cell."""
        return (
            self.level, self.recording, self.person, ";".join(map(str, self.faces)), self.group, self.tier, self.condition,
            self.segment or None, *(None if math.isnan(time) else time for time in (self.start, self.end)), self.persons,
        )  # fmt: skip

    @property
    def called(self) -> str:
        """The person's name, or "face 3"."""
        return self.person or (f"face {self.faces[0]}" if self.faces else self.group)

"""When scores become an event: the settings of the rule, and where its default thresholds come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from aufait.errors import InputError
from aufait.settings import check_types

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("intensity", "probability", "occurrence")
"""Scores that events are found in, the most telling first."""

LARGEST: Mapping[str, float] = MappingProxyType({"intensity": 5.0, "probability": 1.0, "occurrence": 1.0})
"""Upper end of each kind's scale."""

THRESHOLDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"intensity": (1.5, 1.2), "probability": (0.5, 0.4), "occurrence": (0.5, 0.5)}
)
"""Kind -> ``on`` and ``off`` where the rule gives none. 1.5 is FACS B and the same as a probability of 0.5 in our tables."""


EYE_UNITS = frozenset({43, 45})
SHORTEST_CLOSURE = 0.05
"""Seconds: two frames at 30 frames per second."""


@dataclass(frozen=True)
class EventRule:
    """A run of frames is an event; times are seconds of the recording, never numbers of frames."""

    kind: str | None = None
    """Scores to look at: "intensity", "probability" or "occurrence". None: the first of these that the table gives."""
    on: float | None = None
    """An event begins with the first frame at this value or above. None: FACS B, intensity 1.5, probability or occurrence 0.5."""
    off: float | None = None
    """It ends before the first frame below this value. None: intensity 1.2, probability 0.4; four fifths of an ``on`` given."""
    min_duration: float = 0.1
    """Events that last less are left out."""
    bridge: float = 0.2
    """Two events with less between them are one, and a face that is lost or unusable for less is taken as still there."""
    smooth: float = 0.2
    """Each value is replaced by the median of the values within this window around it first. 0: not at all."""
    spare_blinks: bool = True
    """Closed eyes (AU43, AU45) are neither smoothed nor bridged and need last 0.05 s only: a blink is over in 0.1 to 0.4 s."""
    min_quality: float = 0.3
    """Frames whose quality is below are missing, as if the face had not been found. Tables without a quality keep all."""

    def __post_init__(self) -> None:
        check_types(self, "event rule: ")
        if self.kind not in (None, *KINDS):
            raise InputError(f"event rule: kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        for name in ("min_duration", "bridge", "smooth"):
            if getattr(self, name) < 0:
                raise InputError(f"event rule: {name} must be 0 seconds or more, got {getattr(self, name):g}")
        if not 0 <= self.min_quality <= 1:
            raise InputError(f"event rule: min_quality must be in 0 to 1, got {self.min_quality:g}")
        self._check_thresholds()

    def for_unit(self, unit: int) -> EventRule:
        """The rule as it is meant for one action unit; see ``spare_blinks``."""
        if unit not in EYE_UNITS or not self.spare_blinks:
            return self
        return replace(self, smooth=0.0, bridge=0.0, min_duration=min(self.min_duration, SHORTEST_CLOSURE))

    def _check_thresholds(self) -> None:
        if self.on is None and self.off is not None and self.kind is None:
            raise InputError("event rule: off is given without on; say on too, or the kind of scores it is about")
        for kind in (self.kind,) if self.kind else KINDS[:1]:
            on, off = self.thresholds(kind)
            if not 0 < off <= on <= LARGEST[kind]:
                raise InputError(f"event rule: must be 0 < off <= on <= {LARGEST[kind]:g} for {kind}, got on {on:g}, off {off:g}")

    def thresholds(self, kind: str) -> tuple[float, float]:
        """``on`` and ``off`` for scores of a kind."""
        on, off = THRESHOLDS[kind]
        if self.on is not None:
            on, off = self.on, 0.8 * self.on
        return on, off if self.off is None else self.off

"""A named stretch of time: a condition, a stimulus, a coder's annotation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a recording.

    Attributes:
        start: seconds in the recording's own time.
        end: seconds, not before ``start``; equal for a point in time.
        label: condition, stimulus or code ("baseline", "AU12", "12C").
        tier: the layer of annotation it comes from: tier of ELAN, behaviour of BORIS, column of a file; may be empty.
        person: whom it is about, empty for everybody.
        recording: name of the recording it belongs to, empty where the file does not say.
    """

    start: float
    end: float
    label: str
    tier: str = ""
    person: str = ""
    recording: str = ""

    def __post_init__(self) -> None:
        if not self.start <= self.end:  # also refuses NaN
            raise ValueError(f"a span must not end before it starts, got {self.start} to {self.end}")

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.start

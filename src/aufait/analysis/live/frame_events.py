"""Events of a running recording, from results of the detector frame by frame."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from aufait.analysis.event_rule import EventRule
from aufait.analysis.live.causal_events import CausalEvents, Change
from aufait.results import FaceAnalysis, FrameAnalysis


class FrameEvents:
    """Follows the faces of a recording by their intensities, or probabilities where the model gives no intensities.

    Args:
        labels: A names, in the order of the results.
        rule: None for the default one; faces below its quality count as not seen.
    """

    def __init__(self, labels: tuple[str, ...], rule: EventRule | None = None) -> None:
        self.labels = labels
        self.rule = rule or EventRule()
        self._events: CausalEvents | None = None
        self._last = 0.0

    def step(self, frame: FrameAnalysis, faces: Container[int] | None = None) -> list[Change]:
        """What became known with the next frame; ``faces`` names those that count, None all."""
        self._last = frame.timestamp
        if self._events is None:
            if not frame.faces:
                return []
            kind = "probability" if frame.faces[0].intensity is None else "intensity"
            self._events = CausalEvents(self.labels, kind, self.rule)
        counted = [face for face in frame.faces if faces is None or face.face_id in faces]
        return self._events.step(frame.timestamp, {face.face_id: _values(face, self.rule) for face in counted})

    def finish(self) -> list[Change]:
        """End the events that are still running."""
        return [] if self._events is None else self._events.finish(self._last)


def _values(face: FaceAnalysis, rule: EventRule) -> np.ndarray:
    values = face.probability if face.intensity is None else face.intensity
    return np.full(len(values), np.nan) if face.quality < rule.min_quality else values

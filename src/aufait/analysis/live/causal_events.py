"""Events of a running recording, by the rule of ``EventRule`` with nothing but the past.

An onset is announced when the event has lasted ``min_duration``, an offset when the unit has stayed away for ``bridge``; both
carry the time at which they happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aufait.analysis.event_rule import EventRule


@dataclass(frozen=True, slots=True)
class Change:
    """An event that begins or ends.

    Attributes:
        label: "AU12".
        face_id: number of the face.
        is_onset: whether it begins.
        time: seconds at which it happened, which is before it is announced.
    """

    label: str
    face_id: int
    is_onset: bool
    time: float


@dataclass
class _State:
    """Of one face; (A,) each, NaN where nothing is waited for."""

    running: np.ndarray
    since: np.ndarray = field(repr=False)
    gone: np.ndarray = field(repr=False)


class CausalEvents:
    """Follows the units of all faces.

    Args:
        labels: A names, in the order of the values.
        kind: "intensity" or "probability", what the values are.
        rule: None for the default one; ``smooth`` needs the future and is not used.
    """

    def __init__(self, labels: Sequence[str], kind: str = "intensity", rule: EventRule | None = None) -> None:
        self.labels = tuple(labels)
        self.rule = rule or EventRule()
        self.on, self.off = self.rule.thresholds(kind)
        self._faces: dict[int, _State] = {}

    def step(self, time: float, values: Mapping[int, np.ndarray]) -> list[Change]:
        """One frame.

        Args:
            time: seconds, not before those of earlier frames.
            values: face -> (A,) in the unit of ``kind``, NaN where unknown; a face that is not in it is not seen.

        Returns:
            What became known with this frame, in the order of the time at which it happened.
        """
        for face in values:
            if face not in self._faces:
                empty = np.full(len(self.labels), np.nan)
                self._faces[face] = _State(np.zeros(len(self.labels), bool), empty.copy(), empty.copy())
        unseen = np.full(len(self.labels), np.nan)
        found: list[Change] = []
        for face, state in list(self._faces.items()):
            found += self._of_face(time, face, state, np.asarray(values.get(face, unseen), np.float64))
            if face not in values and not (state.running.any() or np.isfinite(state.since).any()):
                del self._faces[face]  # ids of faces that are gone do not come back
        return sorted(found, key=lambda change: (change.time, change.is_onset, change.face_id))

    def finish(self, time: float) -> list[Change]:
        """End what is still running, at the time at which the recording ends."""
        found = []
        for face, state in self._faces.items():
            for unit in np.flatnonzero(state.running):
                gone = float(state.gone[unit])
                found.append(Change(self.labels[unit], face, False, gone if np.isfinite(gone) else time))
        self._faces.clear()
        return sorted(found, key=lambda change: change.time)

    def _of_face(self, time: float, face: int, state: _State, values: np.ndarray) -> list[Change]:
        high, low = values >= self.on, ~(values >= self.off)  # NaN is low
        waiting = ~state.running
        state.since[waiting & low] = np.nan
        state.since[waiting & high & np.isnan(state.since)] = time
        begun = waiting & (time - state.since >= self.rule.min_duration - 1e-9)  # NaN is never
        leaving = state.running & low & np.isnan(state.gone)
        state.gone[leaving] = time
        state.gone[state.running & high] = np.nan
        ended = state.running & (time - state.gone >= self.rule.bridge - 1e-9)
        changes = [Change(self.labels[unit], face, True, float(state.since[unit])) for unit in np.flatnonzero(begun)]
        changes += [Change(self.labels[unit], face, False, float(state.gone[unit])) for unit in np.flatnonzero(ended)]
        state.running[begun], state.running[ended] = True, False
        state.since[begun | ended] = np.nan
        state.gone[ended] = np.nan
        state.since[ended & high] = time
        return changes

"""One person in one recording, laid out for sums over time: how long each frame lasts, whether it counts, and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aufait.analysis.event import Event
from aufait.analysis.event_rule import EventRule
from aufait.analysis.frame_ends import EVEN_FRAMES, frame_ends
from aufait.analysis.presence import presence, present_by
from aufait.analysis.score_table import ScoreTable


@dataclass(frozen=True, eq=False)
class Recording:
    """What all persons of a recording share.

    Attributes:
        name: of the recording.
        time, end: (F,) seconds at which each frame begins and until which it lasts.
        action_units: A FACS numbers.
        kind: "intensity" or "probability": what strengths are; "" where the table has neither.
        present_by: A kinds of scores by which the units are present; "" where there is none.
    """

    name: str
    time: np.ndarray
    end: np.ndarray
    action_units: tuple[int, ...]
    kind: str
    present_by: tuple[str, ...]

    @property
    def span(self) -> tuple[float, float]:
        """Seconds from the first frame to the end of the last; both 0 without frames."""
        return (float(self.time[0]), float(self.end[-1])) if len(self.time) else (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Track:
    """One person; n rows in the order of time, A action units.

    Attributes:
        person: name, empty where the user gave none.
        faces: their numbers in the table.
        time, end: (n,) seconds of each row's frame.
        usable: (n,) bool: good enough to count.
        quality: (n,).
        present: (n, A) float32, 0 or 1, NaN where unknown or not usable.
        strength: (n, A) float32, NaN likewise.
        corrected: (n, A) float32, strength above the person's baseline; None without one.
        event_unit: (E,) column of each event.
        event_onset, event_offset: (E,) seconds.
        event_cut: (E,) bool: its beginning or end was not seen.
    """

    person: str
    faces: tuple[int, ...]
    time: np.ndarray
    end: np.ndarray
    usable: np.ndarray
    quality: np.ndarray
    present: np.ndarray
    strength: np.ndarray
    corrected: np.ndarray | None
    event_unit: np.ndarray
    event_onset: np.ndarray
    event_offset: np.ndarray
    event_cut: np.ndarray

    @property
    def called(self) -> str:
        """The person's name, or "face 3"."""
        return self.person or f"face {self.faces[0]}"


def recording_of(table: ScoreTable, rule: EventRule) -> Recording:
    """The shared facts of a table."""
    times = table.frame_times
    kind = next((name for name in ("intensity", "probability") if np.isfinite(getattr(table, name)).any()), "")
    return Recording(table.name, times, ends_of(times, table, rule), table.action_units, kind, present_by(table))


def ends_of(time: np.ndarray, table: ScoreTable, rule: EventRule) -> np.ndarray:
    """(n,) seconds until which frames last: until the next, unless that is further away than what events bridge."""
    distance = table.frame_distance
    even = max(EVEN_FRAMES, rule.bridge / distance) if distance > 0 else EVEN_FRAMES
    return frame_ends(time, table.frame_times, distance, even) if len(time) else np.zeros(0)


def track_of(
    table: ScoreTable, recording: Recording, face: int, who: tuple[str, tuple[int, ...]], rule: EventRule,
    events: list[Event], corrected: np.ndarray | None,
) -> Track:  # fmt: skip
    """Lay out one face of a table.

    Args:
        face: its number in the table.
        who: name of the person, and the numbers that the face had before persons were joined.
        events: of this face, labelled "AU12".
        corrected: (N, A) of the whole table.
    """
    rows = np.flatnonzero(table.face_id == face)
    usable = ~(table.quality[rows] < rule.min_quality)  # a tool that gives no quality has NaN: all of its frames count
    present = presence(table, rows, recording.present_by)
    shape = present.shape
    strength = getattr(table, recording.kind)[rows] if recording.kind else np.full(shape, np.nan, np.float32)
    above = None if corrected is None else corrected[rows]
    for values in (present, strength, *(() if above is None else (above,))):
        values[~usable] = np.nan
    columns = {f"AU{unit}": place for place, unit in enumerate(table.action_units)}
    return Track(
        *who, table.time[rows], ends_of(table.time[rows], table, rule), usable, table.quality[rows], present, strength, above,
        **_event_arrays(events, columns),  # type: ignore[arg-type]
    )  # fmt: skip


def _event_arrays(events: list[Event], columns: Mapping[str, int]) -> dict[str, np.ndarray]:
    return {
        "event_unit": np.array([columns[event.label] for event in events], dtype=np.int64),
        "event_onset": np.array([event.onset for event in events], dtype=np.float64),
        "event_offset": np.array([event.offset for event in events], dtype=np.float64),
        "event_cut": np.array([event.open_start or event.open_end for event in events], dtype=bool),
    }

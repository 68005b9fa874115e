"""Blinks from AU43 or AU45: how often, how long; closures that last longer are counted apart.

FACS calls it a blink (AU45) while the eyes are shut for less than half a second, and eyes closed (AU43) from there on.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from aufait.analysis.event import Event
from aufait.analysis.event_rule import EventRule
from aufait.analysis.events import find_events
from aufait.analysis.frame_ends import EVEN_FRAMES, frame_ends
from aufait.analysis.labels import UnitLabel
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

BLINK_RULE = EventRule(min_duration=0.05, bridge=0.0, smooth=0.0)
"""Closures are short: nothing is smoothed away or bridged."""

LONGEST_BLINK = 0.5
"""Seconds; a closure that lasts this or longer is no blink."""

SLOW = 15.0
"""Frames per second below which blinks fall between frames."""


@dataclass(frozen=True)
class Blinks:
    """The closures of one face's eyes.

    Attributes:
        face_id: number of the face.
        observed: seconds in which the eyes were seen well enough.
        blinks: shorter than half a second, label "blink".
        closures: longer ones, label "eyes closed".
        cut: begun before or still there after the face was seen, so that their length is not known, and not half a second
            already; label "blink or closure". They count in none of the figures.
    """

    face_id: int
    observed: float
    blinks: tuple[Event, ...]
    closures: tuple[Event, ...]
    cut: tuple[Event, ...]

    @property
    def rate(self) -> float:
        """Blinks per minute of observed time; NaN where nothing was observed."""
        return 60 * len(self.blinks) / self.observed if self.observed > 0 else float("nan")

    @property
    def durations(self) -> np.ndarray:
        """(B,) seconds of each blink."""
        return np.array([one.duration for one in self.blinks])

    @property
    def median_duration(self) -> float:
        """Seconds; NaN without a blink."""
        return float(np.median(self.durations)) if self.blinks else float("nan")

    @property
    def closed_share(self) -> float:
        """Share of the observed time that is in long closures."""
        total = sum(one.duration for one in self.closures)
        return min(total / self.observed, 1.0) if self.observed > 0 else float("nan")

    @property
    def events(self) -> list[Event]:
        """All of them in the order of time."""
        return sorted((*self.blinks, *self.closures, *self.cut), key=lambda one: one.onset)


def find_blinks(table: ScoreTable, rule: EventRule = BLINK_RULE, longest: float = LONGEST_BLINK) -> list[Blinks]:
    """Blinks of every face of a table.

    Args:
        table: with AU43 or AU45; where it has both, AU45 is taken.
        rule: when eyes count as closed.
        longest: seconds from which a closure is no blink.

    Raises:
        InputError: the table has neither unit.
    """
    label = _eye_label(table)
    _warn_if_slow(table)
    by_face: dict[int, list[Event]] = {face: [] for face in table.faces}
    for event in find_events(table, rule, labels=[str(label)]):
        by_face[event.face_id].append(event)
    return [_sorted_out(table, face, label, rule, longest, events) for face, events in by_face.items()]


def _eye_label(table: ScoreTable) -> UnitLabel:
    for unit in (45, 43):
        if UnitLabel(unit).kinds(table):
            return UnitLabel(unit)
    known = ", ".join(map(str, table.action_units)) or "none"
    raise InputError(f"{table.name}: blinks need AU43 or AU45, but the table has values of other action units only: {known}")


def _warn_if_slow(table: ScoreTable) -> None:
    distance = table.frame_distance
    if distance > 1 / SLOW + 1e-6:
        text = f"{table.name}: {1 / distance:.3g} frames per second are too few to see every blink, which lasts 0.1 to 0.4 s"
        warnings.warn(f"{text}; the rate will be too low", InputWarning, stacklevel=3)


def _sorted_out(
    table: ScoreTable, face: int, label: UnitLabel, rule: EventRule, longest: float, events: list[Event]
) -> Blinks:
    groups: dict[str, list[Event]] = {"blink": [], "eyes closed": [], "blink or closure": []}
    for event in events:
        long = event.duration >= longest - 1e-6
        name = "eyes closed" if long else "blink or closure" if event.open_start or event.open_end else "blink"
        groups[name].append(replace(event, label=name))
    blinks, closures, cut = map(tuple, groups.values())
    return Blinks(face, known_seconds(table, face, label, rule), blinks, closures, cut)


def known_seconds(table: ScoreTable, face: int, label: UnitLabel, rule: EventRule) -> float:
    """Seconds in which a face was there with a value of a label and at least the rule's quality."""
    kind = rule.kind or next(iter(label.kinds(table)), None)
    scores = label.scores(table, kind) if kind else None
    if scores is None:
        return 0.0
    rows = np.flatnonzero((table.face_id == face) & np.isfinite(scores) & ~(table.quality < rule.min_quality))
    times = table.time[rows]
    return float((frame_ends(times, table.frame_times, table.frame_distance, EVEN_FRAMES) - times).sum())

"""Events while they happen: the same as those found afterwards, known late by no more than the rule needs."""

from __future__ import annotations

import numpy as np
import pytest

from aufait.analysis import Event, ScoreTable
from aufait.analysis.event_rule import EventRule
from aufait.analysis.events import find_events
from aufait.analysis.live.causal_events import CausalEvents, Change
from aufait.analysis.live.slots import AWAY, Slots

RATE = 30.0


def follow(values: np.ndarray, present: np.ndarray | None = None) -> tuple[list[Change], list[float]]:
    """Changes of one unit on face 0, and when each became known."""
    events, changes, known = CausalEvents(["AU12"]), [], []
    for number, value in enumerate(values):
        faces = {0: np.array([value])} if present is None or present[number] else {}
        found = events.step(number / RATE, faces)
        changes += found
        known += [number / RATE] * len(found)
    end = (len(values) - 1) / RATE
    last = events.finish(end)
    return changes + last, known + [end] * len(last)


def pairs(changes: list[Change]) -> list[tuple[float, float]]:
    """Onset and offset of each event."""
    assert [one.is_onset for one in changes] == [True, False] * (len(changes) // 2)
    return [(one.time, other.time) for one, other in zip(changes[::2], changes[1::2], strict=True)]


def steps(*parts: tuple[float, float]) -> np.ndarray:
    """Seconds and value of each part."""
    return np.concatenate([np.full(round(seconds * RATE), value, np.float32) for seconds, value in parts])


def afterwards(values: np.ndarray) -> list[Event]:
    times = np.arange(len(values)) / RATE
    table = ScoreTable.made_of("x", (12,), times, np.zeros(len(values), np.int64), intensity=values[:, None])
    return find_events(table)


def test_an_event_is_announced_after_the_shortest_duration_with_its_true_times() -> None:
    changes, known = follow(steps((1, 0), (1, 3), (1, 0)))
    assert pairs(changes) == [(pytest.approx(1.0), pytest.approx(2.0))]
    assert known == [pytest.approx(1.1), pytest.approx(2.2)]


def test_what_is_too_short_or_too_weak_is_no_event() -> None:
    assert follow(steps((1, 0), (0.05, 4), (1, 0), (1, 1.4), (1, 0)))[0] == []


def test_a_short_gap_does_not_end_an_event() -> None:
    assert len(follow(steps((0.5, 0), (0.5, 3), (0.1, 0), (0.5, 3), (1, 0)))[0]) == 2
    assert len(follow(steps((0.5, 0), (0.5, 3), (0.4, 0), (0.5, 3), (1, 0)))[0]) == 4


def test_between_the_thresholds_an_event_goes_on_and_none_begins() -> None:
    assert pairs(follow(steps((0.5, 0), (0.5, 3), (1, 1.3), (1, 0)))[0]) == [(pytest.approx(0.5), pytest.approx(2.0))]
    assert follow(steps((0.5, 0), (1, 1.3), (1, 0)))[0] == []


def test_a_face_that_is_lost_ends_its_events_when_it_was_last_there() -> None:
    values = steps((0.5, 0), (2, 3))
    present = np.arange(len(values)) < 45
    assert pairs(follow(values, present=present)[0]) == [(pytest.approx(0.5), pytest.approx(1.5))]


def test_what_still_runs_ends_with_the_recording() -> None:
    assert pairs(follow(steps((0.5, 0), (0.5, 3)))[0]) == [(pytest.approx(0.5), pytest.approx(29 / RATE))]


@pytest.mark.parametrize("seed", range(8))
def test_live_and_afterwards_agree_where_events_are_longer_than_the_rule_bridges(seed: int) -> None:
    generator = np.random.default_rng(seed)
    parts = [part for _ in range(12) for part in ((generator.uniform(0.3, 1), 0.5), (generator.uniform(0.2, 1), 3.0))]
    values = steps(*parts, (1.0, 0.5))
    found = pairs(follow(values)[0])
    assert found == [(pytest.approx(one.onset), pytest.approx(one.offset)) for one in afterwards(values)]
    assert len(found) == 12


def test_faces_do_not_mix() -> None:
    events = CausalEvents(["AU1", "AU12"], rule=EventRule(min_duration=0.0, bridge=0.0))
    first = events.step(0.0, {3: np.array([3.0, 0.0]), 5: np.array([0.0, 3.0])})
    assert {(one.label, one.face_id) for one in first} == {("AU1", 3), ("AU12", 5)}
    then = events.step(0.1, {3: np.array([3.0, 0.0])})
    assert [(one.label, one.face_id, one.is_onset) for one in then] == [("AU12", 5, False)]


def test_a_face_keeps_its_slot_and_gives_it_on_when_it_stays_away() -> None:
    slots = Slots(2)
    assert slots.place(0.0, [7, 8]) == {7: 0, 8: 1}
    assert slots.place(1.0, [8]) == {8: 1}
    assert slots.place(1.5, [8, 9]) == {8: 1} and slots.left_out == {9}
    assert slots.place(AWAY + 0.5, [8, 9]) == {8: 1, 9: 0}
    assert slots.place(AWAY + 0.6, [7, 8, 9]) == {8: 1, 9: 0} and slots.left_out == {7, 9}

"""Onset, apex and offset on traces whose events are known."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from aufait.analysis.events import EventRule, events_in, find_events
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

PLAIN = EventRule(on=1.5, off=1.0, min_duration=0, bridge=0, smooth=0)


def table(values: Sequence[float] | np.ndarray, *, fps: float = 10.0, unit: int = 12, **given: Any) -> ScoreTable:
    """One face, one unit; ``time`` in ``given`` replaces the even frames."""
    values = np.asarray(values, np.float32)[:, None]
    time = given.pop("time", np.arange(len(values)) / fps)
    face = given.pop("face_id", np.zeros(len(values), np.int64))
    kind = given.pop("kind", "intensity")
    return ScoreTable.made_of("clip", (unit,), time, face, **{kind: values}, **given)


def spans(events: Sequence[Any]) -> list[tuple[float, float, float]]:
    return [(round(one.onset, 6), round(one.apex, 6), round(one.offset, 6)) for one in events]


def test_an_event_runs_from_on_to_off_with_its_apex() -> None:
    (event,) = find_events(table([0, 1.2, 1.5, 3, 3, 1.2, 1.0, 0.9, 0]), PLAIN)
    assert spans([event]) == [(0.2, 0.3, 0.7)]
    assert (event.label, event.kind, event.face_id, event.recording, event.frames) == ("AU12", "intensity", 0, "clip", 5)
    assert event.peak == 3 and event.mean == pytest.approx((1.5 + 3 + 3 + 1.2 + 1.0) / 5, abs=1e-6)
    assert not event.open_start and not event.open_end


def test_values_between_off_and_on_begin_nothing() -> None:
    assert find_events(table([0, 1.2, 1.4, 1.2, 0]), PLAIN) == []


def test_without_hysteresis_a_flicker_is_two_events_with_it_one() -> None:
    values = [0, 2, 1.4, 2, 0]
    assert len(find_events(table(values), EventRule(on=1.5, off=1.5, min_duration=0, bridge=0, smooth=0))) == 2
    assert len(find_events(table(values), PLAIN)) == 1


def test_gaps_up_to_bridge_are_closed_in_true_time() -> None:
    values = [0, 2, 0, 2, 0, 0, 2, 0]
    rule = EventRule(on=1.5, off=1.5, min_duration=0, bridge=0.1, smooth=0)
    assert spans(find_events(table(values), rule)) == [(0.1, 0.1, 0.4), (0.6, 0.6, 0.7)]
    assert len(find_events(table(values, fps=5), rule)) == 3  # the same frames, twice the time


def test_short_events_are_left_out_by_seconds_not_frames() -> None:
    rule = EventRule(on=1.5, min_duration=0.15, bridge=0, smooth=0)
    assert find_events(table([0, 2, 0, 0]), rule) == []
    assert len(find_events(table([0, 2, 0, 0], fps=5), rule)) == 1


def test_uneven_frames_count_with_their_own_length() -> None:
    time = np.array([0, 0.1, 0.2, 0.24, 0.3, 0.4, 0.5])
    (event,) = find_events(table([0, 0, 0, 2, 3, 0, 0], time=time), PLAIN)
    assert spans([event]) == [(0.24, 0.3, 0.4)]


def test_a_median_takes_away_a_single_frame_and_keeps_edges() -> None:
    values = np.r_[np.zeros(10), 3, np.zeros(10), np.full(12, 3.0), np.zeros(10)]
    assert len(find_events(table(values, fps=30), PLAIN)) == 2
    (event,) = find_events(table(values, fps=30), EventRule(on=1.5, off=1.0, min_duration=0, bridge=0, smooth=0.2))
    assert spans([event]) == [(0.7, 0.7, 1.1)]


def test_frames_of_low_quality_are_missing_not_absent() -> None:
    quality = np.array([1, 1, 1, 0.1, 1, 1, 1], np.float32)
    scores = [0, 2, 2, 0, 2, 2, 0]
    rule = EventRule(on=1.5, min_duration=0, bridge=0.1, smooth=0, min_quality=0.3)
    (event,) = find_events(table(scores, quality=quality), rule)
    assert spans([event]) == [(0.1, 0.1, 0.6)] and event.frames == 4  # the bad frame is bridged, its value not used
    assert len(find_events(table(scores), EventRule(on=1.5, min_duration=0, bridge=0, smooth=0))) == 2


def test_a_face_that_is_lost_ends_its_event_openly() -> None:
    time = np.array([0, 0.1, 0.2, 1.0, 1.1, 1.2])
    frames = np.arange(13) / 10
    missing = np.setdiff1d(np.round(frames, 6), np.round(time, 6))
    full = ScoreTable.made_of(
        "clip",
        (12,),
        np.r_[time, missing],
        np.r_[np.zeros(6, int), np.full(len(missing), -1)],
        intensity=np.r_[[0, 2, 2, 2, 2, 0], np.full(len(missing), np.nan)][:, None].astype(np.float32),
    )
    first, second = find_events(full, EventRule(on=1.5, min_duration=0, bridge=0.2, smooth=0))
    assert spans([first, second]) == [(0.1, 0.1, 0.3), (1.0, 1.0, 1.2)]
    assert (first.open_start, first.open_end) == (False, True)
    assert (second.open_start, second.open_end) == (True, False)


def test_an_event_that_lasts_from_end_to_end_is_open_at_both() -> None:
    (event,) = find_events(table([3, 3, 3, 3]), PLAIN)
    assert (event.open_start, event.open_end, event.onset, event.offset) == (True, True, 0.0, pytest.approx(0.4))


def test_faces_do_not_share_events() -> None:
    time = np.repeat(np.arange(6) / 10, 2)
    face = np.tile([0, 1], 6)
    values = np.array([[0, 3], [2, 3], [2, 0], [2, 0], [0, 0], [0, 2]], float).ravel()
    found = find_events(table(values, time=time, face_id=face), PLAIN)
    assert [(one.face_id, *span) for one, span in zip(found, spans(found), strict=True)] == [
        (0, 0.1, 0.1, 0.4), (1, 0.0, 0.0, 0.2), (1, 0.5, 0.5, 0.6),
    ]  # fmt: skip


def test_sides_have_events_of_their_own() -> None:
    one = ScoreTable.made_of(
        "clip", (12, 17), np.arange(4) / 10, np.zeros(4, int),
        intensity=np.array([[0, 0], [3, 0], [3, 3], [0, 0]], np.float32),
        intensity_left=np.array([[0, np.nan], [3, np.nan], [3, np.nan], [0, np.nan]], np.float32),
        intensity_right=np.array([[0, np.nan]] * 4, np.float32),
    )  # fmt: skip
    assert [event.label for event in find_events(one, PLAIN)] == ["AU12", "AU12 left", "AU17"]
    assert [event.label for event in find_events(one, PLAIN, sides=False)] == ["AU12", "AU17"]
    assert [event.label for event in find_events(one, PLAIN, labels=["12L", "AU17"])] == ["AU12 left", "AU17"]
    with pytest.raises(InputError, match="no value of it on the left side"):
        find_events(one, PLAIN, labels=["17L"])
    with pytest.raises(InputError, match="AU4 is not among the action units of the table: 12, 17"):
        find_events(one, PLAIN, labels=["4"])


def test_blinks_are_spared_by_the_default_rule() -> None:
    values = np.zeros(60)
    values[[10, 11, 14, 15]] = 5  # two closures of 0.07 s, 0.07 s apart
    assert len(find_events(table(values, fps=30, unit=43))) == 2
    assert find_events(table(values, fps=30, unit=12)) == []
    assert find_events(table(values, fps=30, unit=43), EventRule(spare_blinks=False)) == []


def test_probabilities_serve_where_there_is_no_intensity() -> None:
    (event,) = find_events(table([0, 0.45, 0.5, 0.9, 0.45, 0.3], kind="probability"), EventRule(smooth=0))
    assert event.kind == "probability" and spans([event]) == [(0.2, 0.3, 0.5)]
    with pytest.raises(InputError, match="no intensity at all; name a kind"):
        find_events(table([0, 0.9], kind="probability"), EventRule(kind="intensity"))


def test_each_unit_uses_the_most_telling_scores_it_has() -> None:
    nan = np.nan
    one = ScoreTable.made_of(
        "clip", (12, 28), np.arange(4) / 10, np.zeros(4, int),
        intensity=np.array([[0, nan], [3, nan], [3, nan], [0, nan]], np.float32),
        occurrence=np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.float32),
    )  # fmt: skip
    found = [(event.label, event.kind) for event in find_events(one, EventRule(smooth=0))]
    assert found == [("AU12", "intensity"), ("AU28", "occurrence")]
    assert {event.label for event in find_events(one, EventRule(kind="intensity"))} == {"AU12"}
    with pytest.raises(InputError, match="no intensity of AU28, only occurrence"):
        find_events(one, EventRule(kind="intensity"), labels=["28"])
    with pytest.raises(InputError, match="no probability at all"):
        find_events(one, EventRule(kind="probability"))


def test_another_tools_scale_is_told_unless_thresholds_are_given() -> None:
    other = table([0, 3, 3, 0], meaning={"intensity": "0 to 1"}, tool="other")
    with pytest.warns(InputWarning, match="intensity of other is at 1.5; the tool means by it: 0 to 1"):
        find_events(other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_events(other, EventRule(on=1.0))


def test_unknown_values_never_become_events() -> None:
    assert find_events(table([np.nan] * 5), PLAIN) == []
    empty = ScoreTable.made_of("clip", (12,), np.zeros(0), np.zeros(0, int))
    assert find_events(empty) == []
    assert events_in(empty, np.zeros((0, 1)), ["x"], "intensity", PLAIN) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"on": 1.0, "off": 2.0}, "off <= on"),
        ({"on": 6.0}, "<= 5 for intensity"),
        ({"kind": "probability", "on": 2.0}, "<= 1 for probability"),
        ({"off": 1.0}, "off is given without on"),
        ({"bridge": -1.0}, "bridge must be 0 seconds or more"),
        ({"kind": "loudness"}, "kind must be one of"),
        ({"min_quality": 2.0}, "min_quality must be in 0 to 1"),
        ({"smooth": "much"}, "smooth must be float"),
        ({"on": float("nan")}, "finite number"),
    ],
)
def test_rules_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EventRule(**given)


def slow_events(table: ScoreTable, on: float, off: float, bridge: float, shortest: float) -> list[tuple[float, float]]:
    """The rule of the page frame by frame, without bridging over missing frames: an independent reading of it."""
    distance, found, start = table.frame_distance, [], None
    for time, value in [*zip(table.time, table.intensity[:, 0], strict=True), (table.time[-1] + distance, -1.0)]:
        if start is None and value >= on:
            start = time
        elif start is not None and value < off:
            found.append((start, time))
            start = time if value >= on else None
    joined: list[tuple[float, float]] = []
    for begin, end in found:
        if joined and bridge > 0 and begin - joined[-1][1] <= bridge + 1e-6:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return [(begin, end) for begin, end in joined if end - begin >= shortest - 1e-6]


@pytest.mark.parametrize("seed", range(8))
def test_the_arrays_do_what_a_loop_over_frames_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.clip(np.convolve(rng.normal(1.2, 2.5, 400), np.ones(4) / 4, "same"), 0, 5)
    one = table(values, fps=25)
    rule = EventRule(on=1.5, off=1.1, min_duration=0.1, bridge=0.1, smooth=0)
    expected = slow_events(one, 1.5, 1.1, 0.1, 0.1)
    found = [(event.onset, event.offset) for event in find_events(one, rule)]
    assert len(found) > 5
    assert np.allclose(found, expected)


def test_noisy_traces_meet_the_bar() -> None:
    """Median error of at most two frames and an event F1 of at least 0.9 on traces with known events."""
    rng = np.random.default_rng(3)
    fps, errors, hits, missed, false = 30.0, [], 0, 0, 0
    for _ in range(20):
        truth = np.zeros(600)
        for start in (60, 200, 340, 470):
            ramp, hold = rng.integers(5, 20), rng.integers(20, 60)
            shape = np.r_[np.linspace(0, 1, ramp), np.ones(hold), np.linspace(1, 0, ramp)]
            truth[start : start + len(shape)] = rng.uniform(3, 5) * shape
        seen = np.clip(truth + rng.normal(0, 0.4, 600) + (rng.random(600) < 0.02) * rng.normal(0, 3, 600), 0, 5)
        exact = find_events(table(truth, fps=fps), EventRule(on=1.5, off=1.5, min_duration=0, bridge=0, smooth=0))
        found = find_events(table(seen, fps=fps))
        pairs = [(one, other) for one in exact for other in found if min(one.offset, other.offset) > max(one.onset, other.onset)]
        hits, missed, false = hits + len(pairs), missed + len(exact) - len(pairs), false + len(found) - len(pairs)
        errors += [abs(one.onset - other.onset) * fps for one, other in pairs]
        errors += [abs(one.offset - other.offset) * fps for one, other in pairs]
    assert np.median(errors) <= 2
    assert 2 * hits / (2 * hits + missed + false) >= 0.9

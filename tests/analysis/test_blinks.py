"""Blinks and long closures on traces whose closures are known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from aufait.analysis.blinks import find_blinks
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning


def eyes(closed: list[tuple[float, float]], seconds: float = 20.0, fps: float = 30.0, unit: int = 43) -> ScoreTable:
    time = np.arange(round(seconds * fps)) / fps
    values = np.zeros(len(time), np.float32)
    for start, end in closed:
        values[(time >= start - 1e-6) & (time < end - 1e-6)] = 4
    return ScoreTable.made_of("clip", (unit,), time, np.zeros(len(time), int), intensity=values[:, None])


def test_rate_and_durations_are_those_of_the_blinks() -> None:
    (found,) = find_blinks(eyes([(1, 1.2), (5, 5.3), (9, 9.1), (15, 15.2)]))
    assert len(found.blinks) == 4 and not found.closures and not found.cut
    assert found.observed == pytest.approx(20)
    assert found.rate == pytest.approx(12)
    assert found.durations == pytest.approx([0.2, 0.3, 0.1, 0.2])
    assert found.median_duration == pytest.approx(0.2)
    assert {event.label for event in found.events} == {"blink"}


def test_long_closures_are_apart() -> None:
    (found,) = find_blinks(eyes([(1, 1.2), (5, 9), (12, 12.5)]))
    assert [event.label for event in found.events] == ["blink", "eyes closed", "eyes closed"]
    assert found.rate == pytest.approx(3)
    assert found.closed_share == pytest.approx(4.5 / 20)


def test_closures_cut_by_the_end_have_no_length_and_do_not_count() -> None:
    (found,) = find_blinks(eyes([(0, 0.2), (10, 10.2), (19.8, 20)]))
    assert (len(found.blinks), len(found.cut)) == (1, 2)
    (found,) = find_blinks(eyes([(18, 20)]))
    assert (len(found.closures), len(found.cut)) == (1, 0)  # two seconds are no blink, however it went on


def test_time_that_was_not_seen_is_no_time_without_blinks() -> None:
    table = eyes([(1, 1.2), (3, 3.2)])
    table.quality[:] = np.where(table.time < 10, 0.9, 0.1)
    (found,) = find_blinks(table)
    assert found.observed == pytest.approx(10)
    assert found.rate == pytest.approx(12)


def test_a_face_that_never_closes_its_eyes_has_a_rate_of_zero_and_an_unseen_one_none() -> None:
    (found,) = find_blinks(eyes([]))
    assert found.rate == 0 and np.isnan(found.median_duration)
    table = eyes([])
    table.quality[:] = 0.1
    (found,) = find_blinks(table)
    assert np.isnan(found.rate) and np.isnan(found.closed_share)


def test_au45_serves_as_well() -> None:
    assert len(find_blinks(eyes([(1, 1.2)], unit=45))[0].blinks) == 1
    with pytest.raises(InputError, match="blinks need AU43 or AU45"):
        find_blinks(eyes([(1, 1.2)], unit=12))


def test_few_frames_per_second_are_told() -> None:
    with pytest.warns(InputWarning, match="10 frames per second are too few"):
        find_blinks(eyes([(1, 1.2)], fps=10))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_blinks(eyes([(1, 1.2)], fps=25))

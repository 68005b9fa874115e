"""Baselines per person: where they come from, what is subtracted, and when there is none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from aufait.analysis.baseline import BaselineRule, correct
from aufait.analysis.running_baseline import RunningBaseline
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

FPS = 25.0


def person(
    resting: float, face: int = 0, seconds: float = 40.0, smiles: tuple[tuple[float, float], ...] = ((10, 14), (20, 24))
) -> ScoreTable:
    """AU4 rests at a level, AU12 rises by 3 in smiles; frames of face ``face`` alone."""
    time = np.arange(round(seconds * FPS)) / FPS
    values = np.full((len(time), 2), resting, np.float32)
    values[:, 1] = 0.2
    for start, end in smiles:
        values[(time >= start) & (time < end), 1] += 3
    return ScoreTable.made_of("clip", (4, 12), time, np.full(len(time), face), intensity=values, probability=values / 5)


def together(*tables: ScoreTable) -> ScoreTable:
    arrays = {name: np.concatenate([getattr(one, name) for one in tables]) for name in ("intensity", "probability", "quality")}
    time, face = (np.concatenate([getattr(one, name) for one in tables]) for name in ("time", "face_id"))
    return ScoreTable.made_of("clip", (4, 12), time, face, **arrays)


def test_none_subtracts_nothing_and_the_table_stays_as_it_is() -> None:
    one = person(1.5)
    before = one.intensity.copy()
    result = correct(one, BaselineRule("none"))
    assert result.table() is one and result.intensity is one.intensity
    corrected = correct(one, BaselineRule("quiet"))
    assert corrected.raw is one and np.array_equal(one.intensity, before)
    assert corrected.intensity is not one.intensity


@pytest.mark.parametrize("rule", [BaselineRule("quiet"), BaselineRule("given", 0, 8)])
def test_each_persons_resting_level_goes(rule: BaselineRule) -> None:
    both = together(person(1.5, 0), person(0.5, 1))
    result = correct(both, rule)
    for face in (0, 1):
        mine = result.intensity[both.face_id == face]
        assert np.abs(mine[:, 0]).max() < 1e-6
        assert mine[:, 1].max() == pytest.approx(3) and mine[:, 1].min() == 0
    assert result.level["intensity"][both.face_id == 0, 0] == pytest.approx(1.5)
    assert result.probability.max() == pytest.approx(0.6)


def test_expressions_do_not_raise_the_quiet_baseline() -> None:
    """A person who smiles most of the time still has the level of the quiet quarter."""
    one = person(0.3, smiles=((2, 14), (18, 34)))
    level = correct(one, BaselineRule("quiet")).level["intensity"]
    assert level[:, 1] == pytest.approx(0.2)
    assert np.median(one.intensity[:, 1]) == pytest.approx(3.2)


def test_the_running_baseline_knows_only_the_past() -> None:
    one = person(1.5)
    whole = correct(one, BaselineRule("running"))
    half = correct(one.between(0, 15), BaselineRule("running"))
    seen = one.time < 15
    assert np.array_equal(whole.intensity[seen], half.intensity, equal_nan=True)
    assert np.isnan(whole.intensity[one.time < 1]).all()  # not enough seen yet: unknown, not 0
    assert np.abs(whole.intensity[one.time > 2, 0]).max() < 0.02
    assert whole.intensity[:, 1][one.time > 2].max() == pytest.approx(3, abs=0.02)


def test_the_running_baseline_follows_a_change_within_its_memory() -> None:
    early, late = person(0.5, seconds=30, smiles=()), person(2.0, seconds=60, smiles=())
    values = np.concatenate([early.intensity, late.intensity])
    one = ScoreTable.made_of("clip", (4, 12), np.arange(len(values)) / FPS, np.zeros(len(values), int), intensity=values)
    level = correct(one, BaselineRule("running", memory=20, quiet_share=1.0)).level["intensity"][:, 0]
    assert level[one.time == 29] == pytest.approx(0.5, abs=0.01)
    assert level[one.time == 80] == pytest.approx(2.0, abs=0.01)


def test_running_counts_are_the_median_of_the_quiet_frames() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((400, 3)).astype(np.float32)
    state = RunningBaseline(3, memory=1e9, quiet_share=1.0, least=10)
    assert np.isnan(state.level(0)).all()
    for start in range(0, 400, 40):
        state.add(start, values[start : start + 40], values[start : start + 40].mean(1))
    assert state.level(400) == pytest.approx(np.median(values, axis=0), abs=0.01)


def test_another_recording_gives_the_baseline() -> None:
    rest = person(1.5, face=7, seconds=5, smiles=())
    result = correct(person(1.8, smiles=()), BaselineRule("given"), rest)
    assert result.intensity[:, 0] == pytest.approx(0.3, abs=1e-6)
    assert correct(person(1.8), BaselineRule("given", 1, 3), rest).intensity[:, 0] == pytest.approx(0.3, abs=1e-6)


def test_with_several_faces_the_user_says_who_is_who() -> None:
    both, rest = together(person(1.5, 0), person(0.5, 1)), together(person(1.5, 3), person(0.5, 2))
    with pytest.raises(InputError, match="faces are not recognised: say which is which"):
        correct(both, BaselineRule("given"), rest)
    result = correct(both, BaselineRule("given"), rest, faces={0: 3, 1: 2})
    assert result.intensity[:, 0] == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="clip has no face 9; its faces: 2, 3"):
        correct(both, BaselineRule("given"), rest, faces={0: 9})
    with pytest.warns(InputWarning, match="no baseline .* for face 1"):
        partial = correct(both, BaselineRule("given"), rest, faces={0: 3})
    assert partial.without == (1,) and np.isnan(partial.intensity[both.face_id == 1]).all()


def empty_rows(one: ScoreTable, start: float, end: float, **arrays: Any) -> ScoreTable:
    """The table with no face from start to end."""
    gone = (one.time >= start) & (one.time < end)
    values = np.where(gone[:, None], np.nan, one.intensity)
    return ScoreTable.made_of("clip", (4, 12), one.time, np.where(gone, -1, one.face_id), intensity=values, **arrays)


def test_a_segment_without_a_face_is_named() -> None:
    with pytest.raises(InputError, match="the baseline segment of clip, 5 to 9 s, shows no face in any of its 100 frames"):
        correct(empty_rows(person(1.5), 5, 9), BaselineRule("given", 5, 9))


def test_a_segment_outside_of_the_recording_is_named() -> None:
    with pytest.raises(InputError, match=r"segment of clip, 50 to 60 s, holds no frame; the recording covers 0 to 39\.96 s"):
        correct(person(1.5), BaselineRule("given", 50, 60))


def test_a_segment_of_bad_pictures_is_named() -> None:
    one = empty_rows(person(1.5), 0, 0, quality=np.full(1000, 0.1, np.float32))
    with pytest.raises(InputError, match=r"shows no face of quality 0\.3 or more \(best 0\.10\)"):
        correct(one, BaselineRule("given", 0, 5))


def test_too_short_a_segment_is_no_baseline() -> None:
    with pytest.raises(InputError, match=r"no baseline \(given, 0 to 0\.4 s\): no face is seen for 1 s there"):
        correct(person(1.5), BaselineRule("given", 0, 0.4))


def test_a_face_that_is_not_in_the_segment_has_unknown_scores_not_raw_ones() -> None:
    late = person(0.5, 1)
    both = together(person(1.5, 0), late.rows(late.time >= 20))
    with pytest.warns(InputWarning, match="for face 1"):
        result = correct(both, BaselineRule("given", 0, 10))
    assert np.isnan(result.intensity[both.face_id == 1]).all()
    assert np.isfinite(result.intensity[both.face_id == 0]).all()


def test_closed_eyes_do_not_count_as_activity() -> None:
    time = np.arange(1000) / FPS
    values = np.zeros((1000, 2), np.float32)
    values[:500, 1], values[500:, 0] = 5, 1  # eyes closed at rest; brows lowered with eyes open
    one = ScoreTable.made_of("clip", (4, 43), time, np.zeros(1000, int), intensity=values)
    assert correct(one, BaselineRule("quiet", quiet_share=0.5)).level["intensity"][0].tolist() == [0, 5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "mean"}, "kind must be one of none, quiet, running, given"),
        ({"kind": "given", "start": 5.0, "end": 5.0}, "must end after it starts"),
        ({"quiet_share": 0.0}, "quiet_share"),
        ({"memory": 0.0}, "memory must be above 0"),
    ],
)
def test_rules_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BaselineRule(**given)


def test_a_baseline_of_a_clean_table_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("none", "quiet", "running"):
            correct(person(1.0), BaselineRule(kind))

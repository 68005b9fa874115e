"""The language of combinations: what it reads, what it refuses and where, and what an expression is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aufait.analysis.combinations import find_combinations, parse
from aufait.analysis.event_rule import EventRule
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError

UNITS = (6, 12, 25)
ROWS = np.array([[0, 0, 0], [2, 4, 0], [4, 3, 1], [1, 2, 5], [np.nan, 3, 0]], np.float32)


def table(values: np.ndarray = ROWS, **given: Any) -> ScoreTable:
    kind = given.pop("kind", "intensity")
    return ScoreTable.made_of("clip", UNITS, np.arange(len(values)) / 10, np.zeros(len(values), int), **{kind: values}, **given)


@pytest.mark.parametrize("text", ["6 & 12", "6+12", "AU6 and AU12", "6&&12", "(6) & ((12))", "au06 + 12"])
def test_both_is_the_weaker(text: str) -> None:
    assert np.array_equal(parse(text).evaluate(table()), np.fmin(ROWS[:, 0], ROWS[:, 1]) * (ROWS[:, 0] * 0 + 1), equal_nan=True)


def test_either_is_the_stronger_and_unknown_stays_unknown() -> None:
    assert np.array_equal(parse("6 | 12").evaluate(table()), [0, 4, 4, 2, np.nan], equal_nan=True)
    assert parse("6 | 12").evaluate(table()).dtype == np.float32


def test_and_binds_closer_than_or_and_not_closest() -> None:
    without = parse("6 | 12 & !25").evaluate(table())
    assert np.array_equal(without, parse("6 | (12 & (!25))").evaluate(table()), equal_nan=True)
    assert not np.array_equal(without, parse("(6 | 12) & !25").evaluate(table()), equal_nan=True)


@pytest.mark.parametrize("kind", ["intensity", "probability"])
def test_not_keeps_the_threshold_and_turns_the_ends(kind: str) -> None:
    largest, middle = {"intensity": (5, 1.5), "probability": (1, 0.5)}[kind]
    values = np.array([[0, 0, 0], [middle, 0, 0], [largest, 0, 0], [middle - 0.01, 0, 0], [middle + 0.01, 0, 0]], np.float32)
    strength = parse("!6").evaluate(table(values, kind=kind))
    assert strength[:3] == pytest.approx([largest, middle, 0])
    assert strength[3] > middle > strength[4]
    assert parse("!!6").evaluate(table(values, kind=kind)) == pytest.approx(values[:, 0], abs=1e-5)


def test_a_comparison_moves_the_threshold() -> None:
    values = np.array([[2.9, 0, 0], [3, 0, 0], [3.1, 0, 0], [0, 0, 0], [5, 0, 0]], np.float32)
    strength = parse("6>=3").evaluate(table(values))
    assert (strength >= 1.5).tolist() == [False, True, True, False, True]
    assert strength[3:].tolist() == [0, 5]
    assert (parse("6<3").evaluate(table(values)) > 1.5).tolist() == [True, False, False, True, False]
    assert np.array_equal(parse("6>=C").evaluate(table(values)), parse("6>=2.5").evaluate(table(values)))


def test_sides_are_the_subjects() -> None:
    left = np.array([[0, 3, 0]], np.float32)
    one = table(np.zeros((1, 3), np.float32), intensity_left=left, intensity_right=np.zeros((1, 3), np.float32))
    assert [float(parse(text).evaluate(one)[0]) for text in ("12L", "12R", "AU12 left", "12 right")] == [3, 0, 3, 0]


def test_events_of_an_expression_carry_its_text() -> None:
    values = np.zeros((20, 3), np.float32)
    values[5:15, 1], values[8:20, 0] = 4, 3
    (both,) = find_combinations(table(values), ["6  &  12"], EventRule(smooth=0))
    assert (both.label, both.onset, both.offset, both.peak) == ("6 & 12", pytest.approx(0.8), pytest.approx(1.5), 3.0)
    (alone,) = find_combinations(table(values), ["12 & !6"], EventRule(smooth=0))
    assert (alone.onset, alone.offset) == (pytest.approx(0.5), pytest.approx(0.8))


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("6 & & 12", 5, "expected an action unit"),
        ("(6 & 12", 8, "expected '\\)'"),
        ("6 & 12)", 7, "expected an operator"),
        ("6 12", 3, "expected an operator"),
        ("12>=", 5, "expected a number or a FACS letter"),
        ("12>=1>=2", 6, "expected an operator"),
        ("6 & smile", 5, "'smile' is not understood"),
        ("6 & 12Q", 5, "'12Q' is not understood"),
        ("12.5 & 6", 1, "expected an action unit"),
        ("!", 2, "the text ends there"),
        ("& 6", 1, "expected an action unit"),
        ("6 != 12", 3, "is not understood"),
        ("(" * 2000, 42, "at most 40 parentheses"),
    ],
)
def test_errors_say_where(text: str, place: int, expected: str) -> None:
    with pytest.raises(InputError, match=f"at character {place}: .*{expected}"):
        parse(text)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_expression_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the expression is empty"):
        parse(text)


def test_a_unit_that_the_table_lacks_is_named_with_its_place() -> None:
    with pytest.raises(InputError, match="at character 6: clip: AU4 is not among the action units of the table: 6, 12, 25"):
        parse("12 & 4").evaluate(table())


def test_a_level_beyond_the_scale_is_refused() -> None:
    with pytest.raises(InputError, match="at character 5: 2 is not inside the probability of clip, 0 to 1"):
        parse("12>=2").evaluate(table(ROWS / 5, kind="probability"))
    with pytest.raises(InputError, match="9 is not inside the intensity"):
        parse("12>=9").evaluate(table())


def test_units_without_common_scores_are_refused() -> None:
    values = np.array([[1, np.nan, 1]], np.float32)
    one = table(values, occurrence=np.array([[np.nan, 1, np.nan]], np.float32))
    with pytest.raises(InputError, match=r"no kind of scores of all its units .*AU6: intensity; AU12: occurrence"):
        parse("6 & 12").evaluate(one)


def test_a_blink_within_an_expression_is_spared_too() -> None:
    values = np.full((60, 2), 3, np.float32)
    values[:, 0] = 0
    values[30:33, 0] = 5  # eyes closed for 0.1 s during a smile
    one = ScoreTable.made_of("clip", (43, 12), np.arange(60) / 30, np.zeros(60, int), intensity=values)
    (event,) = find_combinations(one, ["43 & 12"])
    assert (event.onset, event.offset) == (pytest.approx(1.0), pytest.approx(1.1))

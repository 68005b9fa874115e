"""Named sets say where they come from and what they are not; PSPI is the published sum."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from aufait.analysis.combinations import parse
from aufait.analysis.named_sets import EMFACS, NAMED_SETS, members_for, named_set
from aufait.analysis.pain import pspi
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning


def table(scores: dict[int, float], kind: str = "intensity") -> ScoreTable:
    values = np.array([list(scores.values())], np.float32)
    return ScoreTable.made_of("clip", tuple(scores), np.zeros(1), np.zeros(1, int), **{kind: values})


def test_every_set_can_be_read_and_names_its_literature() -> None:
    for chosen in NAMED_SETS.values():
        assert [parse(text).text for text in chosen.members.values()]
        assert "(19" in chosen.literature or "(20" in chosen.literature
        assert "not" in chosen.warning


def test_unknown_sets_are_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="did you mean 'emfacs'"):
        named_set("emfac")
    assert named_set(" EMFACS ") is EMFACS


def test_members_whose_units_are_missing_are_named() -> None:
    units = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 26)
    with pytest.warns(InputWarning) as told:
        usable = members_for(table(dict.fromkeys(units, 0.0)), EMFACS)
    anger, contempt = (str(one.message) for one in told)
    assert "anger prototype (4 & (5 | 7) & (23 | 24)) is left out" in anger and "AU23 is not among" in anger
    assert "contempt prototype" in contempt and "no value of it on the left side" in contempt
    assert set(EMFACS.members) - set(usable) == {"anger prototype", "contempt prototype"}
    with pytest.raises(InputError, match="the units of no member of the set emfacs"):
        members_for(table({28: 0}), EMFACS)


def test_pspi_is_the_sum_of_the_paper() -> None:
    whole = pspi(table({4: 2, 6: 1, 7: 3, 9: 4, 10: 0, 43: 5}))
    assert (whole.values.tolist(), whole.largest, whole.missing) == ([2 + 3 + 4 + 1], 16, ())
    assert pspi(table({4: 5, 6: 5, 7: 5, 9: 5, 10: 5, 43: 5})).values.tolist() == [16]
    assert pspi(table({4: 0, 6: 0, 7: 0, 9: 0, 10: 0, 43: 1.4})).values.tolist() == [0]


def test_of_a_pair_one_unit_is_enough_and_the_rest_is_told() -> None:
    with pytest.warns(InputWarning, match="PSPI without AU6, AU10, which the table does not have, goes from 0 to 16"):
        partial = pspi(table({4: 2, 7: 3, 9: 4, 45: 2}))
    assert partial.values.tolist() == [10]
    with pytest.warns(InputWarning, match="goes from 0 to 10"):
        partial = pspi(table({4: 2, 6: 3}))
    assert (partial.values.tolist(), partial.largest, partial.missing) == ([5], 10, (7, 9, 10, 43))


def test_pspi_is_unknown_where_a_unit_is_and_needs_intensities() -> None:
    scores = {4: np.nan, 6: 1, 7: 3, 9: 4, 10: 0, 43: 5}
    both = ScoreTable.made_of(
        "clip", tuple(scores), np.arange(2) / 10, np.zeros(2, int),
        intensity=np.array([list(scores.values()), [1] * 6], np.float32),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(pspi(both).values, [np.nan, 3], equal_nan=True)
    with pytest.raises(InputError, match="PSPI needs intensities"):
        pspi(table({4: 0.5, 6: 0.5, 7: 0.5}, kind="probability"))


def test_pspi_of_another_scale_is_told() -> None:
    scores = dict.fromkeys((4, 6, 7, 9, 10, 43), 2.0)
    other = replace(table(scores), tool="other", meaning={"intensity": "0 to 100"})
    with pytest.warns(InputWarning, match="PSPI is defined on FACS levels; other means by an intensity: 0 to 100"):
        pspi(other)

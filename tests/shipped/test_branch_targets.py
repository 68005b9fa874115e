"""What the branches are trained towards: levels of renders, what portraits show by construction, a teacher's word."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aufait.shipped.action_units.branch_targets import (
    QUIET_IN_A_SMILE,
    at_rest,
    balanced,
    from_intensities,
    from_teacher,
    joined,
    neutral,
    smiles_and_rest,
    smiling,
    target_loss,
    with_known,
    with_raised_cheeks,
    without_side_effects,
)

UNITS = (1, 6, 12)


def test_renders_ask_for_every_level_below_their_own() -> None:
    targets = from_intensities(np.array([[[2.4, 0.0], [5.0, 0.4]]]), np.array([[[True, True], [False, True]]]))
    assert targets.exceedance[0, 0].tolist() == [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert targets.exceedance[0, 1].tolist() == [[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    assert targets.weight[0, :, :, 0].tolist() == [[1, 1], [0, 1]]


def test_a_smile_asks_for_au_12_and_quiet_brows_and_leaves_the_rest_open() -> None:
    targets = smiling(2, UNITS)
    assert 1 in QUIET_IN_A_SMILE
    assert targets.weight[:, 0].all()
    assert not targets.exceedance[:, 0].any()
    assert not targets.weight[:, 1].any()
    assert targets.exceedance[:, 2, :, :2].all()
    assert not targets.weight[:, 2, :, 2:].any()  # how strong it is, nobody said


def test_a_teacher_counts_only_where_it_is_certain() -> None:
    word = np.full((1, 3, 2, 5), 0.6, np.float32)
    word[0, 1], word[0, 2] = 0.95, 0.1
    targets = from_teacher(word, certain=0.8)
    assert targets.weight[0, :, 0, 0].tolist() == [0, 1, 1]
    assert np.array_equal(targets.exceedance, word)


def test_what_is_known_wins_over_the_teacher() -> None:
    teacher = from_teacher(np.full((1, 3, 2, 5), 0.95, np.float32))
    both = with_known(smiling(1, UNITS), teacher)
    assert not both.exceedance[0, 0].any()
    assert (both.exceedance[0, 1] == np.float32(0.95)).all()
    assert (both.exceedance[0, 2, :, 2:] == np.float32(0.95)).all()


def test_what_rests_is_absent_and_everything_else_stays() -> None:
    word = from_teacher(np.full((2, 3, 2, 5), 0.9, np.float32), certain=0.95)
    told = at_rest(word, np.array([True, False]), (1, 4), (1, 4, 12))
    assert not told.exceedance[0, :2].any() and (told.weight[0, :2] == 1).all()
    assert (told.exceedance[0, 2] == word.exceedance[0, 2]).all() and not told.weight[0, 2].any()
    assert (told.exceedance[1] == word.exceedance[1]).all() and not told.weight[1].any() and not word.weight.any()


def test_absences_weigh_no_more_than_a_multiple_of_the_presences() -> None:
    targets = neutral(10, UNITS)
    targets.exceedance[0, 0] = 1.0  # AU 1 on one face of ten, AU 6 on none, AU 12 on five
    targets.exceedance[:5, 2] = 1.0
    even = balanced(targets, most=2.0)
    assert even.weight[0, 0].tolist() == targets.weight[0, 0].tolist()
    assert even.weight[1:, 0, :, 1].sum() == pytest.approx(2.0 * even.weight[0, 0, :, 1].sum())
    assert even.weight[:, 1].sum() == 0
    assert np.array_equal(even.weight[:, 2], targets.weight[:, 2])


def test_loss_is_the_mean_over_what_has_weight() -> None:
    targets = joined([neutral(1, UNITS), smiling(1, UNITS)])
    logits = torch.zeros(2, 3, 2, 5)
    value = target_loss(logits, torch.from_numpy(targets.exceedance), torch.from_numpy(targets.weight), torch.ones(3))
    assert torch.isclose(value, torch.log(torch.tensor(2.0)))
    doubled = target_loss(logits, torch.from_numpy(targets.exceedance), torch.from_numpy(targets.weight), torch.full((3,), 2.0))
    assert doubled > value


def teacher_of(au_6: list[float], au_12: list[float]) -> np.ndarray:
    """(N, 3, 2, 5) exceedances of AUs 1, 6 and 12."""
    values = np.stack([np.zeros(len(au_6)), np.array(au_6), np.array(au_12)], axis=1)
    return np.repeat(np.repeat(values[:, :, None, None], 2, axis=2), 5, axis=3).astype(np.float32)


def test_the_smiles_on_request_that_show_most_of_it_raise_the_cheeks() -> None:
    teacher = teacher_of([0.9, 0.3, 0.2, 0.1, 0.05], [1, 1, 1, 1, 1])
    smiles = np.array([False, True, True, True, True])
    targets = with_raised_cheeks(smiling(5, UNITS), teacher, smiles, UNITS, share=0.5)
    assert targets.exceedance[:, 1, 0, 1].tolist() == [0, 1, 1, 0, 0]
    assert targets.weight[:, 1, 0, 1].tolist() == [0, 1, 1, 0, 0]
    assert not targets.weight[:, 1, :, 2:].any()  # how far, nobody said


def test_a_smile_is_not_given_what_its_folds_look_like() -> None:
    units = (12, 14, 20)
    teacher = np.zeros((3, 3, 2, 5), np.float32)
    teacher[:, 0] = np.array([0.9, 0.1, 0.5])[:, None, None]
    known = neutral(3, units)
    known.weight[[0, 2]] = 0.0
    rows = smiles_and_rest(teacher, known, units)
    assert rows.tolist() == [True, True, False]  # a sure smile, a resting portrait, an unsure one
    wanted = smiling(3, units)
    wanted.exceedance[:] = 1.0
    quiet = without_side_effects(wanted, rows, units, 0.3)
    assert not quiet.exceedance[:2, 1:].any()
    assert quiet.weight[:2, 1:].min() == pytest.approx(0.3)
    assert quiet.exceedance[2].all()
    assert np.array_equal(quiet.weight[:, 0], wanted.weight[:, 0])

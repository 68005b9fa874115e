"""Faces from the halves of two: which half goes where, what is asked of each side."""

from __future__ import annotations

import numpy as np
import torch

from aufait.faces.template import TEMPLATE, TEMPLATE_SIZE
from aufait.shipped.action_units.chimeras import CENTRAL_UNITS, frontal_faces, join_crops, join_labels, join_maps, pair_up

UNITS = (6, 12, 25)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_only_usable_faces_are_paired_and_none_with_itself() -> None:
    usable = torch.tensor([True, False, True, True, False, True])
    rows, others = pair_up(usable, 0.5, generator())
    assert len(rows) == 2
    assert usable[rows].all()
    assert usable[others].all()
    assert (rows != others).all()


def test_a_single_usable_face_has_no_partner() -> None:
    rows, others = pair_up(torch.tensor([True, False]), 1.0, generator())
    assert len(rows) == len(others) == 0


def test_the_right_half_of_a_map_is_the_others() -> None:
    maps = torch.stack([torch.full((3, 4, 8), float(k)) for k in range(3)])
    joined = join_maps(maps, torch.tensor([0]), torch.tensor([2]))
    assert joined[0, :, :, :4].unique().tolist() == [0.0]
    assert joined[0, :, :, 4:].unique().tolist() == [2.0]
    assert torch.equal(joined[1:], maps[1:])


def test_halves_of_crops_meet_in_one_light() -> None:
    texture = torch.randint(0, 60, (1, 3, 128, 128), generator=generator())
    crops = torch.cat([texture + 20, texture.flip(2) * 2 + 120]).to(torch.uint8)
    joined = join_crops(crops, torch.tensor([0]), torch.tensor([1]), generator())
    assert torch.equal(joined[1], crops[1])
    left, right = joined[0, :, :, :50].float(), joined[0, :, :, 78:].float()
    assert abs(left.mean() - right.mean()) < 3
    assert (joined[0, :, :, :40].int() - crops[0, :, :, :40].int()).abs().max() <= 1  # the first face's own half
    wanted = crops[1, :, :, 100:].float()  # the other's, except light and contrast
    similarity = torch.corrcoef(torch.stack([joined[0, :, :, 100:].float().flatten(), wanted.flatten()]))[0, 1]
    assert similarity > 0.99


def test_each_side_is_asked_for_what_its_half_shows() -> None:
    wanted = torch.zeros(2, len(UNITS), 2, 5)
    wanted[1] = 1.0
    trust = torch.ones_like(wanted)
    joined, weight = join_labels(wanted, trust, torch.tensor([0]), torch.tensor([1]), UNITS)
    assert joined[0, :2, 0].unique().tolist() == [1.0]  # the subject's left is the other's
    assert joined[0, :2, 1].unique().tolist() == [0.0]
    assert 25 in CENTRAL_UNITS
    assert not weight[0, 2].any()  # half a mouth open: neither is right
    assert weight[1].all()
    assert torch.equal(wanted[0], torch.zeros_like(wanted[0]))  # the caller's labels stay


def test_a_turned_face_is_not_frontal() -> None:
    points = np.zeros((2, 68, 2))
    points[:, [36, 39, 42, 45, 33]] = TEMPLATE
    middle = TEMPLATE_SIZE / 2
    points[:, [27, 30, 51, 57, 8]] = [[middle, 50], [middle, 70], [middle, 90], [middle, 96], [middle, 120]]
    points[1, [30, 51, 57, 8], 0] += 12.0  # nose, lips and chin point to one side
    assert frontal_faces(points).tolist() == [True, False]

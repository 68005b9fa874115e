"""AU centres: hand-worked examples and invariances of the three sets of rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import draw_landmarks

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.au_centers import AU_CENTER_RULES, au_center_unit, au_centers
from aufait.errors import InputError
from aufait.landmarks import LANDMARKS_49, convert, mirror_landmarks

# (rules, AU, first centre, second centre) on draw_landmarks((0, 0)), whose unit u is 36 pixels.
EXAMPLES = [
    ("jaa_net", 1, (11, -25 - 18), (-11, -25 - 18)),
    ("jaa_net", 2, (43, -29 - 12), (-43, -29 - 12)),
    ("jaa_net", 4, (32, -31 + 12), (-32, -31 + 12)),
    ("jaa_net", 6, (35, 4 + 36), (-35, 4 + 36)),
    ("jaa_net", 7, (25, -5), (-25, -5)),
    ("jaa_net", 9, (7, 38 - 18), (-7, 38 - 18)),
    ("jaa_net", 12, (24, 58), (-24, 58)),
    ("jaa_net", 17, (7, 68 + 18), (-7, 68 + 18)),
    ("jaa_net", 24, (0, 53), (0, 69)),
    ("jaa_net", 5, (30, -5), (-30, -5)),
    ("aunet", 2, (52, -22 - 12), (-52, -22 - 12)),
    ("aunet", 4, (0, -25 + 12), (0, -25 + 12)),
    ("aunet", 6, ((58 + 35) / 2, (30 + 4) / 2), (-(58 + 35) / 2, (30 + 4) / 2)),
    ("aunet", 9, (18, 18), (-18, 18)),
    ("aunet", 10, (6, 51), (-6, 51)),
    ("eac_net", 10, (15, 53), (-15, 53)),
    ("eac_net", 23, (7, 57), (-7, 57)),
]


@pytest.mark.parametrize(("rules", "number", "first", "second"), EXAMPLES)
def test_hand_worked_examples(
    rules: str, number: int, first: tuple[float, float], second: tuple[float, float]
) -> None:
    centers = au_centers(draw_landmarks(center=(0.0, 0.0))[None], [number], rules)
    np.testing.assert_allclose(centers, [[[first, second]]], atol=1e-4)


def test_unit_is_the_horizontal_distance_only() -> None:
    face = draw_landmarks()
    face[39, 1] -= 30
    assert au_center_unit(face) == pytest.approx(36)


@pytest.mark.parametrize("rules", AU_CENTER_RULES)
def test_mirrored_face_has_mirrored_centers(rules: str) -> None:
    face = np.random.default_rng(3).uniform(0, 200, (2, 68, 2))
    sides = [n for n, rule in AU_CENTER_RULES[rules].items() if rule.first != (51,)]  # 51 and 57 are above, below
    mirrored = au_centers(mirror_landmarks(face, 201), sides, rules)
    expected = au_centers(face, sides, rules)[:, :, ::-1] * [-1, 1] + [200, 0]
    np.testing.assert_allclose(mirrored, expected)


@pytest.mark.parametrize("rules", ["jaa_net", "eac_net"])
def test_49_points_and_torch_give_the_same_centers(rules: str) -> None:
    face = np.random.default_rng(4).uniform(0, 200, (5, 68, 2)).astype(np.float32)
    action_units = [n for n, r in AU_CENTER_RULES[rules].items() if set(r.first + r.second) <= set(LANDMARKS_49)]
    expected = au_centers(face, action_units, rules)
    np.testing.assert_allclose(au_centers(convert(face, 49), action_units, rules), expected, rtol=1e-5)
    np.testing.assert_allclose(au_centers(torch.from_numpy(face), action_units, rules), expected, rtol=1e-4)


def test_faces_are_independent_and_leading_axes_are_free() -> None:
    faces = np.random.default_rng(5).uniform(0, 200, (2, 3, 68, 2))
    together = au_centers(faces, [1, 12])
    assert together.shape == (2, 3, 2, 2, 2)
    np.testing.assert_allclose(together[1, 2], au_centers(faces[1, 2], [1, 12]))


def test_default_rules_cover_the_shipped_action_units() -> None:
    assert set(DEFAULT_ACTION_UNITS) <= set(AU_CENTER_RULES["jaa_net"])
    assert [n for n, rule in AU_CENTER_RULES["jaa_net"].items() if rule.assumed] == [5, 20, 28, 43, 45]


def test_refusals_say_what_is_missing() -> None:
    face = draw_landmarks()
    with pytest.raises(InputError, match="rules must be one of jaa_net, aunet, eac_net"):
        au_centers(face, [1], "jaanet")
    with pytest.raises(InputError, match=r"no centre for AU \[9\]"):
        au_centers(face, [9], "eac_net")
    with pytest.raises(InputError, match=r"AU6 by the rules 'aunet' needs points \[14\] of 68; 49 were given"):
        au_centers(convert(face, 49), [6], "aunet")

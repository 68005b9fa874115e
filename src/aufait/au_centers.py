"""Where each action unit shows on the face: two centres per AU, computed from landmarks by named sets of rules.

A centre is the mean of one or more landmarks, moved up or down by a fraction of the unit u = |x of one inner eye corner
- x of the other|, the horizontal distance only, as in the released programs. The sets of rules:

* ``"jaa_net"`` (default): JAA-Net's released program. It has no rule for AUs 5, 20, 28, 43 and 45; ours are used and
  are marked ``assumed``.
* ``"aunet"``: table I of the AUNet paper, with the misprint in its AU6 row read as the midpoints of points 2 and 41,
  and 14 and 46. Descriptive: AUNet itself uses no centres. Needs the jaw points, hence 66 or 68 landmarks.
* ``"eac_net"``: EAC-Net's public dlib script; the points of AU17 and AU23, swapped in its comments, follow anatomy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from aufait.errors import InputError
from aufait.landmarks import SCHEMES, check_landmarks, indices

if TYPE_CHECKING:
    import torch

    ArrayT = TypeVar("ArrayT", np.ndarray, torch.Tensor)
else:
    ArrayT = TypeVar("ArrayT")


@dataclass(frozen=True)
class AUCenterRule:
    """Two centres of one action unit.

    Attributes:
        first: 68-point indices whose mean is the first centre: the subject's left side, or the upper of two centres on
            the midline.
        second: the same for the subject's right side, or the lower centre.
        offset: added to y, in units u; y grows downwards, so -1/2 is half a unit up.
        assumed: True where nothing published gives the rule and it is ours.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    offset: float = 0.0
    assumed: bool = False


def _sides(left: int | tuple[int, ...], right: int | tuple[int, ...], offset: float = 0.0) -> AUCenterRule:
    as_tuple = (left,) if isinstance(left, int) else left, (right,) if isinstance(right, int) else right
    return AUCenterRule(*as_tuple, offset)


def _assumed(rule: AUCenterRule) -> AUCenterRule:
    return AUCenterRule(rule.first, rule.second, rule.offset, assumed=True)


_LIP_CORNERS = _sides(54, 48)
_LIP_MIDDLE = AUCenterRule((51,), (57,))
_CHIN = _sides(56, 58, 1 / 2)
_UPPER_LIDS = _sides((43, 44), (37, 38))

_JAA_NET = {
    1: _sides(22, 21, -1 / 2),
    2: _sides(25, 18, -1 / 3),
    4: _sides(24, 19, 1 / 3),
    5: _assumed(_UPPER_LIDS),
    6: _sides(46, 41, 1.0),
    7: _sides(43, 38),
    9: _sides(34, 32, -1 / 2),
    10: _sides(63, 61),
    12: _LIP_CORNERS,
    14: _LIP_CORNERS,
    15: _LIP_CORNERS,
    17: _CHIN,
    20: _assumed(_LIP_CORNERS),
    23: _LIP_MIDDLE,
    24: _LIP_MIDDLE,
    25: _LIP_MIDDLE,
    26: _CHIN,
    28: _assumed(_LIP_MIDDLE),
    43: _assumed(_UPPER_LIDS),
    45: _assumed(_UPPER_LIDS),
}

_AUNET = {
    1: _sides(22, 21, -1 / 2),
    2: _sides(26, 17, -1 / 3),
    4: AUCenterRule((21, 22), (21, 22), 1 / 3),  # one centre, between the brows: both entries are the same
    6: _sides((14, 46), (2, 41)),
    7: _sides(43, 38),
    9: _sides(42, 39, 1 / 2),
    10: _sides(52, 50),
    12: _LIP_CORNERS,
    14: _LIP_CORNERS,
    15: _LIP_CORNERS,
    17: _CHIN,
    23: _LIP_MIDDLE,
    24: _LIP_MIDDLE,
    25: _LIP_MIDDLE,
    26: _CHIN,
}

_EAC_NET = {
    1: _sides(22, 21, -1 / 2),
    2: _sides(25, 18, -1 / 3),
    4: _sides(24, 19, 1 / 3),
    6: _sides(46, 41, 1.0),
    7: _sides(43, 38),
    10: _sides(53, 49),
    12: _LIP_CORNERS,
    14: _LIP_CORNERS,
    15: _LIP_CORNERS,
    17: _CHIN,
    23: _sides(63, 61),
    24: _sides(63, 61),
}

AU_CENTER_RULES: Mapping[str, Mapping[int, AUCenterRule]] = MappingProxyType(
    {
        "jaa_net": MappingProxyType(_JAA_NET),
        "aunet": MappingProxyType(_AUNET),
        "eac_net": MappingProxyType(_EAC_NET),
    }
)
"""Name of the set -> AU number -> rule."""


def au_center_unit(landmarks: ArrayT) -> ArrayT:
    """Unit u of the rules: horizontal distance of the inner eye corners in pixels, (..., N, 2) -> (...)."""
    count = check_landmarks(landmarks)
    right = landmarks[..., indices("right_eye_inner", count)[0], 0]
    return abs(landmarks[..., indices("left_eye_inner", count)[0], 0] - right)


def au_centers(landmarks: ArrayT, action_units: Sequence[int], rules: str = "jaa_net") -> ArrayT:
    """Centres of action units on faces.

    Args:
        landmarks: (..., N, 2) pixels, N = 68, 66 or 49; any number of leading axes.
        action_units: A AU numbers.
        rules: "jaa_net", "aunet" or "eac_net".

    Returns:
        (..., A, 2, 2): two centres per AU as x, y in pixels; the first is on the subject's left (or above, for
        centres on the midline), the second on the right (or below).

    Raises:
        InputError: unknown set of rules, an AU without a rule in it, or landmarks that lack a point it needs.
    """
    weights, offsets = center_weights(check_landmarks(landmarks), tuple(action_units), rules)
    unit = au_center_unit(landmarks)
    if isinstance(landmarks, np.ndarray):
        centers = np.einsum("acn,...nd->...acd", weights.astype(landmarks.dtype), landmarks)
        centers[..., 1] += (unit[..., None] * offsets.astype(landmarks.dtype))[..., None]
        return centers
    import torch

    centers = torch.einsum("acn,...nd->...acd", landmarks.new_tensor(weights), landmarks)
    shift = (unit[..., None] * landmarks.new_tensor(offsets))[..., None]
    return torch.stack([centers[..., 0], centers[..., 1] + shift], dim=-1)


def center_weights(points: int, action_units: tuple[int, ...], rules: str) -> tuple[np.ndarray, np.ndarray]:
    """The rules as arrays, for networks that keep them as buffers.

    Returns:
        averaging weights (A, 2, N) over the landmarks of a scheme with N = ``points``, and y offsets (A,) in units u.
    """
    if rules not in AU_CENTER_RULES:
        raise InputError(f"rules must be one of {', '.join(AU_CENTER_RULES)}, got {rules!r}")
    table = AU_CENTER_RULES[rules]
    missing = [number for number in action_units if number not in table]
    if missing:
        raise InputError(f"the rules {rules!r} have no centre for AU {missing}; they have {list(table)}")
    weights = np.zeros((len(action_units), 2, points))
    for row, number in enumerate(action_units):
        for column, group in enumerate((table[number].first, table[number].second)):
            lacking = [k for k in group if k not in SCHEMES[points]]
            if lacking:
                raise InputError(f"AU{number} by the rules {rules!r} needs points {lacking} of 68; {points} were given")
            weights[row, column, [SCHEMES[points].index(k) for k in group]] = 1 / len(group)
    return weights, np.array([table[number].offset for number in action_units])

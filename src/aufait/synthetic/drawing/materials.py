"""What a triangle is made of: the numbers that the face mesh carries and the renderer shades by."""

from __future__ import annotations

import enum


class Material(enum.IntEnum):
    """What a triangle is made of. Props follow from ``PROP`` upwards, one number each."""

    FACE = 0
    HEAD = 1
    SOCKET = 2
    GUMS = 3
    TEETH = 4
    EYE_LEFT = 5
    EYE_RIGHT = 6
    PROP = 7

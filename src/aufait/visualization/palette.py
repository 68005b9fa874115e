"""Colours that colour-blind readers can distinguish, also in print and on dark and light backgrounds.

Face colours follow Okabe and Ito's set; scales run from dark blue-grey over blue to pale yellow, so that their
lightness alone shows the value.
"""

from __future__ import annotations

import numpy as np

Colour = tuple[int, int, int]

FACE_COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),  # sky blue
    (230, 159, 0),  # orange
    (0, 200, 150),  # bluish green, lightened to stand out on dark hair
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermilion
    (204, 121, 167),  # reddish purple
)
"""Colour of a face by its id, repeating."""

INK = (20, 24, 31)
PANEL = (17, 20, 27)
TEXT_BRIGHT = (244, 246, 250)
TEXT_DIM = (165, 174, 188)
TRACK = (58, 66, 80)

_SCALE: tuple[tuple[float, Colour], ...] = (
    (0.0, (84, 96, 117)),
    (0.5, (86, 180, 233)),
    (1.0, (255, 221, 120)),
)

INTENSITY_STOPS: tuple[tuple[float, str], ...] = (
    (0.0, "#f3f5f8"),
    (0.12, "#cfe3f2"),
    (0.3, "#7fbbe0"),
    (0.55, "#2f7fb8"),
    (0.8, "#1b4a85"),
    (1.0, "#0b1f4b"),
)
"""Stops of the intensity map on light ground, from absent (0) to the strongest (1 = FACS intensity 5)."""


def face_colour(face_id: int) -> Colour:
    """RGB colour of a face, the same wherever that face is drawn."""
    return FACE_COLOURS[face_id % len(FACE_COLOURS)]


def probability_colour(probability: float) -> Colour:
    """RGB colour of a probability in [0, 1] on dark ground: grey-blue, blue at 0.5, pale yellow at 1."""
    places, colours = zip(*_SCALE, strict=True)
    channels = np.array(colours, dtype=float).T
    red, green, blue = (round(float(np.interp(probability, places, channel))) for channel in channels)
    return red, green, blue


def to_hex(colour: Colour) -> str:
    """``(86, 180, 233)`` -> ``"#56b4e9"``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)

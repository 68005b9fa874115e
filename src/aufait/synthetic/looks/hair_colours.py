"""What colour hair is: of the scalp, of brows and beard, and strand by strand."""

from __future__ import annotations

import numpy as np

from aufait.synthetic.drawing.primitives import gaussian, srgb_to_linear
from aufait.synthetic.head.person import Traits

_COLOURS = {
    "black": (19, 16, 14),
    "dark_brown": (40, 28, 22),
    "brown": (66, 45, 31),
    "light_brown": (102, 72, 48),
    "dark_blond": (138, 106, 70),
    "blond": (184, 150, 104),
    "red": (122, 58, 32),
    "grey": (136, 133, 130),
    "white": (206, 203, 198),
}
_BROW_UNDER_GREY = {"grey": "dark_brown", "white": "grey"}


def hair_colour(traits: Traits) -> np.ndarray:
    """(3,) float32 linear RGB reflectance of the scalp hair."""
    rng = traits.rng("hair_color")
    shade = np.exp(rng.normal(0.0, 0.16)) * np.exp(rng.normal(0.0, 0.05, 3))
    return np.clip(srgb_to_linear(np.array(_COLOURS[traits.hair_colour]) / 255.0) * shade, 0.003, 0.8).astype(np.float32)


def brow_colour(traits: Traits) -> np.ndarray:
    """(3,) float32 linear RGB reflectance of brows and beard: greys later than the scalp, often darker than it."""
    rng = traits.rng("brow_color")
    colour = hair_colour(traits)
    if traits.hair_colour in _BROW_UNDER_GREY:
        younger = srgb_to_linear(np.array(_COLOURS[_BROW_UNDER_GREY[traits.hair_colour]]) / 255.0)
        return (colour + (younger - colour) * rng.uniform(0.2, 0.9)).astype(np.float32)
    if traits.hair_colour in ("blond", "dark_blond", "light_brown", "red"):
        return (colour * rng.uniform(0.45, 0.9)).astype(np.float32)
    return (colour * rng.uniform(0.8, 1.1)).astype(np.float32)


def strand_colours(traits: Traits, neutral: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, 3) colours: streaks over the head, strand by strand scatter, grey mixed in with age."""
    n = len(neutral)
    base = hair_colour(traits)
    waves = rng.normal(0, 1.6, (3, 2)).astype(np.float32)
    streak = np.sin(neutral @ waves + rng.uniform(0, 6.28, 2)).sum(axis=1) * 0.10
    colour = base * np.exp(rng.normal(0, 0.11, n) + 1.3 * streak)[:, None]
    if traits.hair_colour not in ("black", "grey", "white") and rng.random() < 0.35:
        lighter = rng.random(n) < rng.uniform(0.1, 0.4)
        colour[lighter] = 0.55 * colour[lighter] + 0.45 * srgb_to_linear((0.72, 0.58, 0.40)) * rng.uniform(0.4, 0.9)
    grey_share = np.clip((traits.age - 40.0) / 60.0, 0.0, 0.45) * rng.uniform(0.1, 1.2)
    if traits.hair_colour in ("grey", "white"):
        dark = rng.random(n) < rng.uniform(0.05, 0.5)
        colour[dark] *= rng.uniform(0.65, 0.9)
    else:
        temples = 1.0 + 1.2 * gaussian((np.abs(neutral[:, 0]) - 7.2) ** 2 + (neutral[:, 1] - 4.0) ** 2 * 0.3, 1.8)
        grey = rng.random(n) < grey_share * temples
        colour[grey] = 0.6 * colour[grey] + 0.4 * srgb_to_linear((0.50, 0.49, 0.48))
    return np.clip(colour, 0.003, 0.85).astype(np.float32)

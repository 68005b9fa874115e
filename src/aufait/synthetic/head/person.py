"""Who is rendered: traits of a synthetic person, drawn from one seed.

The draw is balanced by design: half women, half men; ages 18-80 uniformly; skin tone uniformly over eight anchors from
very light to very dark. None of these traits is measured from real people; how a face rests is in ``resting``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.synthetic.chance import stream

MIN_AGE, MAX_AGE = 18.0, 80.0
HAIR_STYLES = ("bald", "buzz", "short", "medium", "long", "curly", "tied")
_STYLE_ODDS = {"man": (0.08, 0.16, 0.42, 0.12, 0.06, 0.12, 0.04), "woman": (0.005, 0.025, 0.15, 0.24, 0.30, 0.10, 0.18)}

HAIR_COLOURS = ("black", "dark_brown", "brown", "light_brown", "dark_blond", "blond", "red", "grey", "white")
_HAIR_ODDS_LIGHT = (0.22, 0.23, 0.18, 0.13, 0.08, 0.08, 0.04, 0.03, 0.01)
_HAIR_ODDS_DARK = (0.66, 0.24, 0.04, 0.01, 0.005, 0.005, 0.0, 0.03, 0.01)

EYEWEAR = ("none", "glasses", "sunglasses")
HEADWEAR = ("none", "knit_cap", "cap", "brim_hat", "headscarf")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")


@dataclass(frozen=True)
class Traits:
    """Everything about a person that is not geometry noise.

    Attributes:
        seed: the person's seed; helpers derive their own random streams from it.
        sex: "woman" or "man": drives shape, hair, brows, beard and make-up odds only.
        age: years, 18-80.
        skin_tone: 0 (very light) - 7 (very dark), continuous.
        hair_style, hair_colour, beard, eyewear, headwear: names from the tuples above.
        make_up: 0 (none) - 1 (strong).
    """

    seed: int
    sex: str
    age: float
    skin_tone: float
    hair_style: str
    hair_colour: str
    beard: str
    eyewear: str
    headwear: str
    make_up: float

    @property
    def is_man(self) -> bool:
        return self.sex == "man"

    @property
    def age_fraction(self) -> float:
        """0 at 18 years, 1 at 80."""
        return (self.age - MIN_AGE) / (MAX_AGE - MIN_AGE)

    @property
    def darkness(self) -> float:
        """0 for the lightest skin, 1 for the darkest."""
        return self.skin_tone / 7.0

    def rng(self, name: str) -> np.random.Generator:
        """A random generator for one named use."""
        return stream(self.seed, name)


def sample_traits(seed: int) -> Traits:
    """Traits of person ``seed`` (>= 0). The same seed gives the same person."""
    rng = stream(seed, "traits")
    sex = "woman" if rng.random() < 0.5 else "man"
    age = float(rng.uniform(MIN_AGE, MAX_AGE))
    tone = float(rng.uniform(0.0, 7.0))
    style = str(rng.choice(HAIR_STYLES, p=_STYLE_ODDS[sex]))
    if style == "bald" and age < 35:
        style = "buzz"
    headwear = str(rng.choice(HEADWEAR, p=(0.88, 0.04, 0.03, 0.015, 0.035)))
    if headwear == "headscarf" and sex == "man":
        headwear = "cap"
    beard_odds = (0.36, 0.28, 0.06, 0.10, 0.20)
    return Traits(
        seed=seed,
        sex=sex,
        age=age,
        skin_tone=tone,
        hair_style=style,
        hair_colour=_hair_colour(rng, tone, age),
        beard=str(rng.choice(BEARDS, p=beard_odds)) if sex == "man" else "none",
        eyewear=str(rng.choice(EYEWEAR, p=(0.82, 0.16, 0.02))),
        headwear=headwear,
        make_up=float(rng.uniform(0.15, 1.0)) if sex == "woman" and rng.random() < 0.6 else 0.0,
    )


def _hair_colour(rng: np.random.Generator, tone: float, age: float) -> str:
    mix = np.clip((tone - 2.0) / 3.0, 0.0, 1.0)
    odds = (1 - mix) * np.array(_HAIR_ODDS_LIGHT) + mix * np.array(_HAIR_ODDS_DARK)
    colour = str(rng.choice(HAIR_COLOURS, p=odds / odds.sum()))
    if rng.random() < np.clip((age - 42.0) / 38.0, 0.0, 0.85):
        colour = "white" if rng.random() < np.clip((age - 58.0) / 40.0, 0.0, 0.6) else "grey"
    return colour

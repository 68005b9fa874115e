"""Who a subject of a twin is.

A subject is one person in all tasks, views and data sets: identities of one pool ("bp4d:F001") look the same in the twins of
BP4D, FERA 2015 and FERA 2017. Names that begin with F are women, with M men; skin tones and ages are spread evenly over the
subjects, ages within what is usually reported of the data set.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from aufait.synthetic.head.person import MAX_AGE, MIN_AGE, Traits, sample_traits
from aufait.twins.seeds import stream

AGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"bp4d": (18.0, 30.0), "bp4d_plus": (18.0, 66.0), "disfa": (18.0, 50.0), "affwild2": (MIN_AGE, MAX_AGE)}
)
"""Pool -> range of ages in years; general knowledge about the data sets, not found in our sources."""

_TONE_BANDS, _AGE_BANDS = 4, 3
_TRIES = 20_000


@functools.lru_cache(maxsize=512)
def subject_traits(person: str, seed: int, indoors: bool) -> Traits:
    """Traits of an identity such as "bp4d:F001"; the same for the same twin seed, whatever else is in the twin.

    Args:
        person: identity.
        seed: of the twin.
        indoors: studio recordings: nothing on the head, no sunglasses.
    """
    pool, _, name = person.partition(":")
    sex = {"F": "woman", "M": "man"}.get(name[:1]) if re.fullmatch(r"[FM]\d+", name) else None
    number = int((re.findall(r"\d+", name) or ["0"])[-1])
    # Neighbouring subjects differ; a period of 4 x 3 subjects goes through all combinations.
    tone, age = number % _TONE_BANDS, number % _AGE_BANDS
    youngest, oldest = AGES.get(pool, (MIN_AGE, MAX_AGE))
    for attempt in range(_TRIES):
        traits = sample_traits(stream(seed, "person", person, attempt))
        fits = sex in (None, traits.sex) and int(traits.skin_tone / 7 * _TONE_BANDS) == tone
        if fits and int((traits.age - youngest) / (oldest - youngest) * _AGE_BANDS) == age and traits.age >= youngest:
            break
    if indoors:
        eyewear = "none" if traits.eyewear == "sunglasses" else traits.eyewear
        traits = replace(traits, headwear="none", eyewear=eyewear)
    return traits

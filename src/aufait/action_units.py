"""Action units of the Facial Action Coding System (FACS): names, muscles, regions, and the AU list of each data set.

Code names an action unit by its number, never by its position in a list; positions come from a tuple in ``AU_SETS``.
Muscles and names follow the FACS manual (Ekman, Friesen and Hager, 2002), in our words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from aufait.errors import InputError

Region = Literal["upper", "middle", "lower"]


@dataclass(frozen=True)
class ActionUnit:
    """One action unit.

    Attributes:
        number: FACS number, 12 for AU12.
        name: FACS name, "Lip corner puller".
        muscles: muscles that move (or relax), Latin names.
        region: "upper" (brows, eyes, cheeks' upper part), "middle" (nose) or "lower" (mouth, chin, jaw).
        area: finer place within the region: "brow", "eye", "cheek", "nose", "lip", "lip corner", "chin" or "jaw".
        bilateral: True where the left and the right half of the face can show it separately; False where one
            structure on the midline moves (chin, jaw, the closing of the lips), so that sides mean little.
        description: what a person sees, one sentence.
    """

    number: int
    name: str
    muscles: tuple[str, ...]
    region: Region
    area: str
    bilateral: bool
    description: str

    def __str__(self) -> str:
        return f"{au_name(self.number)} {self.name}"


def _unit(
    number: int, name: str, muscles: str, place: str, bilateral: bool, description: str
) -> ActionUnit:
    """One row of the table below; ``muscles`` are separated by semicolons, ``place`` is "region/area"."""
    region, area = place.split("/")
    parts = tuple(muscle.strip() for muscle in muscles.split(";"))
    return ActionUnit(number, name, parts, region, area, bilateral, description)  # type: ignore[arg-type]


_TABLE = (
    _unit(1, "Inner brow raiser", "frontalis, pars medialis", "upper/brow", True,
          "The inner ends of the brows rise; the middle of the forehead wrinkles."),
    _unit(2, "Outer brow raiser", "frontalis, pars lateralis", "upper/brow", True,
          "The outer ends of the brows rise and the brows arch."),
    _unit(4, "Brow lowerer", "corrugator supercilii; depressor supercilii; procerus", "upper/brow", True,
          "The brows go down and together; upright furrows appear between them."),
    _unit(5, "Upper lid raiser", "levator palpebrae superioris; superior tarsal muscle", "upper/eye", True,
          "The upper lids rise and show more of the eyes' white above the iris."),
    _unit(6, "Cheek raiser", "orbicularis oculi, pars orbitalis", "upper/cheek", True,
          "The cheeks rise, the skin around the eyes gathers, crow's feet appear."),
    _unit(7, "Lid tightener", "orbicularis oculi, pars palpebralis", "upper/eye", True,
          "The lids tighten and narrow the eyes; the lower lids straighten."),
    _unit(8, "Lips toward each other", "orbicularis oris", "lower/lip", False,
          "The lips move towards each other while the jaw is open."),
    _unit(9, "Nose wrinkler", "levator labii superioris alaeque nasi", "middle/nose", True,
          "The skin along the nose is pulled up and wrinkles; the nostril wings rise."),
    _unit(10, "Upper lip raiser", "levator labii superioris", "lower/lip", True,
          "The upper lip rises, most in its middle parts; the furrow next to the nose bends."),
    _unit(11, "Nasolabial deepener", "zygomaticus minor", "middle/cheek", True,
          "The upper part of the furrow between nose and cheek deepens."),
    _unit(12, "Lip corner puller", "zygomaticus major", "lower/lip corner", True,
          "The corners of the lips are drawn up and out, as in a smile."),
    _unit(13, "Sharp lip puller", "levator anguli oris", "lower/lip corner", True,
          "The corners of the lips rise steeply and the cheeks puff above them."),
    _unit(14, "Dimpler", "buccinator", "lower/lip corner", True,
          "The corners of the lips tighten and are pulled inwards; dimples may appear."),
    _unit(15, "Lip corner depressor", "depressor anguli oris", "lower/lip corner", True,
          "The corners of the lips are pulled down."),
    _unit(16, "Lower lip depressor", "depressor labii inferioris", "lower/lip", True,
          "The lower lip is pulled down and shows the lower teeth."),
    _unit(17, "Chin raiser", "mentalis", "lower/chin", False,
          "The chin boss wrinkles and pushes the lower lip up."),
    _unit(18, "Lip pucker", "incisivii labii superioris; incisivii labii inferioris", "lower/lip", False,
          "The lips are drawn together and pushed forward, as to whistle."),
    _unit(20, "Lip stretcher", "risorius; platysma", "lower/lip corner", True,
          "The corners of the lips are pulled sideways; the mouth becomes long and flat."),
    _unit(22, "Lip funneler", "orbicularis oris", "lower/lip", False,
          "The lips turn outwards into a funnel and show teeth or gums."),
    _unit(23, "Lip tightener", "orbicularis oris", "lower/lip", False,
          "The red parts of the lips tighten and look narrow, without pressing."),
    _unit(24, "Lip pressor", "orbicularis oris", "lower/lip", False,
          "The lips are pressed together; bulges appear above and below."),
    _unit(25, "Lips part", "depressor labii inferioris; relaxation of mentalis or orbicularis oris", "lower/lip", False,
          "The lips part; the teeth may show."),
    _unit(26, "Jaw drop", "relaxation of masseter, temporalis and internal pterygoid", "lower/jaw", False,
          "The jaw drops by relaxing; the teeth separate."),
    _unit(27, "Mouth stretch", "pterygoids; digastric", "lower/jaw", False,
          "The mouth is pulled wide open."),
    _unit(28, "Lip suck", "orbicularis oris", "lower/lip", False,
          "The lips are drawn into the mouth over the teeth."),
    _unit(38, "Nostril dilator", "nasalis, pars alaris", "middle/nose", True,
          "The nostril wings flare."),
    _unit(39, "Nostril compressor", "nasalis, pars transversa; depressor septi nasi", "middle/nose", True,
          "The nostril wings are pressed in."),
    _unit(43, "Eyes closed", "relaxation of levator palpebrae superioris; orbicularis oculi, pars palpebralis",
          "upper/eye", True, "The upper lids come down and the eyes are shut."),
    _unit(45, "Blink", "relaxation of levator palpebrae superioris; orbicularis oculi, pars palpebralis",
          "upper/eye", True, "The eyes shut and open again within half a second."),
    _unit(46, "Wink", "orbicularis oculi", "upper/eye", True,
          "One eye is shut on purpose."),
)  # fmt: skip

ACTION_UNITS: Mapping[int, ActionUnit] = MappingProxyType({unit.number: unit for unit in _TABLE})
"""FACS number -> ActionUnit, in the order of the numbers. Action descriptors, head and eye movements are not in it."""

DEFAULT_ACTION_UNITS: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
"""What the shipped model predicts. AU43 also fills OpenFace's AU45 columns: on a still picture they look the same."""

AU_SETS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "default": DEFAULT_ACTION_UNITS,
        "bp4d": (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24),
        "disfa": (1, 2, 4, 6, 9, 12, 25, 26),
        "disfa_intensity": (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26),
        "disfa_plus": (1, 2, 4, 6, 9, 12, 25, 26),
        "fera2015": (6, 10, 12, 14, 17),
        "fera2017": (1, 4, 6, 7, 10, 12, 14, 15, 17, 23),
        "affwild2": (1, 2, 4, 6, 12, 15, 20, 25),
        "mixed": (1, 2, 4, 6, 7, 9, 10, 12, 14, 15, 17, 23, 24, 25, 26),
        "gft": (1, 2, 4, 6, 10, 12, 14, 15, 23, 24),
        "openface_intensity": (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45),
        "openface_occurrence": (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45),
    }
)
"""AUs in the order of each data set's protocol, or of OpenFace 2.2; "mixed" is BP4D + DISFA + AffWild2."""


def au_name(number: int, *, digits: int = 1) -> str:
    """Name of an action unit: ``au_name(12)`` is "AU12", ``au_name(4, digits=2)`` OpenFace's "AU04".

    Raises:
        InputError: the number is not a FACS action unit of ``ACTION_UNITS``.
    """
    if number not in ACTION_UNITS:
        raise InputError(f"AU{number} is not in the table of action units; known numbers: {_numbers(ACTION_UNITS)}")
    return f"AU{number:0{digits}d}"


def parse_au(text: str | int) -> int:
    """Number of an action unit written as 12, "12", "AU12", "au04" or "AU4".

    >>> parse_au("au04"), au_name(4, digits=2)
    (4, 'AU04')

    Raises:
        InputError: the text names no action unit of ``ACTION_UNITS``.
    """
    digits = str(text).strip().upper().removeprefix("AU").strip()
    if not digits.isascii() or not digits.isdigit() or int(digits) not in ACTION_UNITS:
        raise InputError(f"{text!r} is not an action unit; write AU12 or 12; known: {_numbers(ACTION_UNITS)}")
    return int(digits)


def positions(action_units: Iterable[int], within: tuple[int, ...]) -> list[int]:
    """Position of each action unit in the list ``within``.

    Raises:
        InputError: one of them is not in the list.
    """
    wanted = list(action_units)
    missing = [number for number in wanted if number not in within]
    if missing:
        raise InputError(f"AU {_numbers(missing)} not among the action units {_numbers(within)}")
    return [within.index(number) for number in wanted]


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(str(value) for value in values)

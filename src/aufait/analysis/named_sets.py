"""Named sets of combinations with their literature: prototypes in the manner of EMFACS, and pain.

They name facial movements. They are not emotions: people who feel an emotion often show none of these, and show them for other
reasons; see Barrett, Adolphs, Marsella, Martinez and Pollak (2019), "Emotional expressions reconsidered", Psychological Science
in the Public Interest 20(1), 1-68.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aufait.analysis.combinations import parse
from aufait.analysis.labels import check_label
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning
from aufait.settings import did_you_mean

NOT_EMOTIONS = "these sets name movements of the face, not what a person feels; how the two go together depends on the situation"
"""What is said wherever such a set is used."""


@dataclass(frozen=True)
class NamedSet:
    """Combinations under names.

    Attributes:
        name: as it is asked for.
        title: one line.
        members: name of the event -> expression of ``aufait.analysis.combinations``.
        literature: where it comes from.
        warning: what must not be read into it.
    """

    name: str
    title: str
    members: Mapping[str, str]
    literature: str
    warning: str = NOT_EMOTIONS


EMFACS = NamedSet(
    "emfacs",
    "Prototypes in the manner of EMFACS, reduced to the units that their variants share",
    MappingProxyType(
        {
            "happiness prototype": "6 & 12",
            "sadness prototype": "1 & 4 & 15",
            "surprise prototype": "1 & 2 & !4 & (5 | 26)",
            "fear prototype": "1 & 2 & 4 & (5 | 20)",
            "anger prototype": "4 & (5 | 7) & (23 | 24)",
            "disgust prototype": "9 | (10 & 17)",
            "contempt prototype": "(14L & !14R) | (14R & !14L)",
        }
    ),
    "Friesen and Ekman (1983), EMFACS-7: Emotional Facial Action Coding System, unpublished manual, University of California, San "
    "Francisco; Ekman, Friesen and Hager (2002), Facial Action Coding System: Investigator's Guide. The expressions are our "
    "reduction of the prototypes, not those of the manuals.",
)
PAIN = NamedSet(
    "pain",
    "The actions that PSPI counts, together",
    MappingProxyType({"pain actions": "4 & (6 | 7) & (9 | 10)", "pain actions, eyes closed": "4 & (6 | 7) & (9 | 10) & 43"}),
    "Prkachin and Solomon (2008), The structure, reliability and validity of pain expression: evidence from patients with shoulder "
    "pain, Pain 139(2), 267-274.",
    "these actions also occur without pain, and pain without them; PSPI is a score of the face, not of what is felt",
)
NAMED_SETS: Mapping[str, NamedSet] = MappingProxyType({one.name: one for one in (EMFACS, PAIN)})
"""All sets by name."""


def named_set(name: str) -> NamedSet:
    """A set by its name.

    Raises:
        InputError: there is no such set.
    """
    found = NAMED_SETS.get(name.strip().lower())
    if found is None:
        raise InputError(f"there is no set {name!r}{did_you_mean(name, NAMED_SETS)} Sets: {', '.join(NAMED_SETS)}")
    return found


def members_for(table: ScoreTable, chosen: NamedSet) -> dict[str, str]:
    """The members of a set that a table has the units of; the others are named in a warning.

    Raises:
        InputError: the table has the units of none.
    """
    usable: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name, text in chosen.members.items():
        combination = parse(text)
        try:
            for label in combination.labels:
                check_label(table, label)
            combination.kind(table)
            usable[name] = text
        except InputError as error:
            left_out[name] = str(error)
    if not usable:
        raise InputError(f"{table.name} has the units of no member of the set {chosen.name}: {next(iter(left_out.values()))}")
    for name, reason in left_out.items():
        warnings.warn(f"{name} ({chosen.members[name]}) is left out: {reason}", InputWarning, stacklevel=2)
    return usable

"""What each data set looks like from outside: people, tasks, coded action units, occurrence rates, number of frames.

Subjects, tasks and labels follow the data sets as distributed (see the readers in ``aufait.data.datasets``). Target rates are
the published ones of ``aufait.data.facts`` where there are any; all others are our assumption and marked as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aufait.data.facts import facts_of, published_rates
from aufait.data.naming import did_you_mean
from aufait.errors import InputError

BP4D_TASKS: Mapping[str, str] = MappingProxyType(
    {
        "T1": "happy",
        "T2": "sad",
        "T3": "surprise",
        "T4": "embarrassment",
        "T5": "fear",
        "T6": "pain",
        "T7": "anger",
        "T8": "disgust",
    }
)
"""Tasks of BP4D and the emotion that each is to raise."""

BP4D_PLUS_TASKS: Mapping[str, str] = MappingProxyType({"T1": "happy", "T6": "embarrassment", "T7": "fear", "T8": "pain"})
"""Coded tasks of BP4D+; the emotions are our assumption (no source at hand names them task by task)."""


@dataclass(frozen=True, eq=False)
class TwinLayout:
    """One data set.

    Attributes:
        name: registry name of the reader.
        title: name for people.
        subjects: all subjects as the reader names them, in order.
        tasks: task -> emotion that colours its expressions; {"": "mixed"} where recordings have no task.
        pool: prefix of identities; data sets of one pool show the same people.
        rates: action unit -> share of frames aimed at.
        assumed: units of ``rates`` for which no source at hand publishes a rate.
        threshold: rounded intensity from which an action unit counts in ``rates``.
        frames: frames per recording if the caller names no number.
        fps: rendered frames per second of the twin's own clock (one in four of the original's frames).
        indoors: calm studio pictures rather than pictures from anywhere.
        partitions: subject -> partition, where the data set has parts.
    """

    name: str
    title: str
    subjects: tuple[str, ...]
    tasks: Mapping[str, str]
    pool: str
    rates: Mapping[int, float]
    assumed: tuple[int, ...] = ()
    threshold: int = 1
    frames: int = 60
    fps: float = 6.25
    indoors: bool = True
    partitions: Mapping[str, str] = field(default_factory=dict)

    def person(self, subject: str) -> str:
        """Identity of a subject across data sets."""
        if subject.startswith("VA_"):
            return f"bp4d_plus:{subject[3:]}"
        return f"{self.pool}:{subject}"


def _published(name: str) -> dict[int, float]:
    table = next(one for one in published_rates(name) if one["decides"])
    rates: dict[int, float] = table["rates"]
    return rates


def _bp4d() -> TwinLayout:
    # Not published in our sources; chosen so that combinations with these units stay natural.
    return TwinLayout("bp4d", "BP4D", tuple(facts_of("bp4d")["subjects"]), BP4D_TASKS, "bp4d", _published("bp4d"))


def _disfa() -> TwinLayout:
    assumed = {5: 0.015, 15: 0.025, 17: 0.04, 20: 0.02}
    return TwinLayout(
        name="disfa",
        title="DISFA",
        subjects=tuple(facts_of("disfa")["subjects"]),
        tasks=MappingProxyType({"": "mixed"}),
        pool="disfa",
        rates={**_published("disfa"), **assumed},
        assumed=tuple(assumed),
        threshold=2,
        frames=200,
        fps=5.0,
    )


_MAKERS = {"bp4d": _bp4d, "disfa": _disfa}


def twin_names() -> tuple[str, ...]:
    """Data sets that ``write_twin`` can imitate."""
    return tuple(_MAKERS)


def twin_layout(name: str) -> TwinLayout:
    """The layout of a data set ("BP4D+" and "disfa-plus" are understood).

    Raises:
        InputError: there is no twin of it; the message gives the nearest names.
    """
    key = name.strip().lower().replace("+", "_plus").replace("-", "_").replace("__", "_")
    if key not in _MAKERS:
        raise InputError(f"there is no twin of {name!r}{did_you_mean(key, _MAKERS)} Known: {', '.join(_MAKERS)}")
    return _MAKERS[key]()

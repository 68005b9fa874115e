"""What each data set looks like from outside: people, tasks, coded action units, occurrence rates, number of frames.

Subjects, tasks and labels follow the data sets as distributed (see the readers in ``aufait.data.datasets``). Target rates are
the published ones of ``aufait.data.facts`` where there are any; ``TwinLayout.assumed`` names all others, which are our choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aufait.data.facts import facts_of, published_rates
from aufait.errors import InputError
from aufait.settings import did_you_mean

Tasks = Mapping[str, str]
"""Task -> what its expressions are: an emotion of ``behaviour.EMOTIONS``, "mixed", or posed units such as "pose:1+2"."""

BP4D_TASKS: Tasks = MappingProxyType(
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
"""Tasks of BP4D and the emotion that each should evoke."""

BP4D_PLUS_TASKS: Tasks = MappingProxyType({"T1": "happy", "T6": "embarrassment", "T7": "fear", "T8": "pain"})
"""Coded tasks of BP4D+; which emotion belongs to which task is general knowledge, not found in our sources."""

DISFA_PLUS_TRIALS: Tasks = MappingProxyType(
    {
        "A1_AU1_TrailNo_1": "pose:1",
        "A2_AU2_TrailNo_1": "pose:2",
        "A3_AU1_2_TrailNo_2": "pose:1+2",
        "A4_AU4_TrailNo_1": "pose:4",
        "A5_AU1_4b_TrailNo_1": "pose:1+4",
        "A6_AU5_TrailNo_1": "pose:5",
        "A9_AU4_5x_TrailNo_1": "pose:4+5",
        "B1_AU9_TrailNo_1": "pose:9",
        "B2_AU6_TrailNo_2": "pose:6",
        "B3_AU6_12_TrailNo_1": "pose:6+12",
        "C1_AU12_25_TrailNo_1": "pose:12+25",
        "C2_AU15_17_TrailNo_1": "pose:15+17",
        "C3_AU17_TrailNo_1": "pose:17",
        "C4_AU20_25_TrailNo_1": "pose:20+25",
        "C5_AU25_26_TrailNo_1": "pose:25+26",
        "Y_HappyDescribed_TrailNo_1": "happy",
        "Y_SadDescribed_TrailNo_1": "sad",
        "Y_SurpriseDescribed_TrailNo_1": "surprise",
        "Y_FearDescribed_TrailNo_1": "fear",
        "Y_AngerDescribed_TrailNo_1": "anger",
        "Y_DisgustDescribed_TrailNo_1": "disgust",
    }
)
"""Trials of DISFA+. Six of the names are known (A1, A3, A5, A9, B2, Y_Happy); the others follow their pattern."""

VIEWS = tuple(range(1, 10))
"""FERA 2017's views; 6 is the frontal one."""


@dataclass(frozen=True, eq=False)
class TwinLayout:
    """One data set.

    Attributes:
        name: registry name of the reader.
        title: name for people.
        subjects: all subjects as the reader names them, in order.
        tasks: task -> its expressions; {"": "mixed"} where recordings have no task.
        pool: prefix of identities; data sets of one pool show the same people.
        rates: action unit -> share of frames aimed at.
        assumed: units of ``rates`` for which none of our sources publishes a rate.
        threshold: rounded intensity from which an action unit counts in ``rates``.
        blend: share of events in which two combinations mix; data sets whose frames show many units need it.
        frames: frames per recording if the caller names no number.
        fps: drawn frames per second of acted time if the caller names none.
        indoors: calm studio pictures rather than pictures from anywhere.
        partitions: subject -> partition, where the data set has parts.
        partition_rates, partition_tasks: where they differ from ``rates`` and ``tasks``.
        packed: all recordings of a subject are written together.
        views: numbers of the views that each recording is drawn from; () for one frontal camera.
        cameras: names of the cameras that film a recording side by side, the usual one first; () for one without a name.
        coded_in_part: whether only a part of each sequence of pictures is labelled.
    """

    name: str
    title: str
    subjects: tuple[str, ...]
    tasks: Tasks
    pool: str
    rates: Mapping[int, float]
    assumed: tuple[int, ...] = ()
    threshold: int = 1
    blend: float = 0.6
    frames: int = 60
    fps: float = 6.25
    indoors: bool = True
    partitions: Mapping[str, str] = field(default_factory=dict)
    partition_rates: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    partition_tasks: Mapping[str, Tasks] = field(default_factory=dict)
    packed: bool = False
    views: tuple[int, ...] = ()
    cameras: tuple[str, ...] = ()
    coded_in_part: bool = False

    @property
    def has_tracks(self) -> bool:
        """Whether landmark tracks of MATLAB 7.3 are distributed."""
        return self.name in ("bp4d", "bp4d_plus")

    def person(self, subject: str) -> str:
        """Identity of a subject across data sets, as the reader spells it."""
        if subject.startswith("VA_"):
            return f"bp4d_plus:{subject[3:]}"
        return f"{self.pool}:{subject}"

    def tasks_of(self, subject: str) -> Tasks:
        """Tasks that a subject can have."""
        return self.partition_tasks.get(self.partitions.get(subject, ""), self.tasks)

    def rates_of(self, partition: str) -> Mapping[int, float]:
        """Rates aimed at in a partition ("" for the whole)."""
        return self.partition_rates.get(partition, self.rates)


def _table(name: str, source: str) -> dict[int, float]:
    rates: dict[int, float] = next(one["rates"] for one in published_rates(name) if one["source"] == source)
    return rates


def _numbers(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number:03d}" for number in range(1, count + 1))


def _bp4d() -> TwinLayout:
    return TwinLayout(
        name="bp4d",
        title="BP4D",
        subjects=tuple(facts_of("bp4d")["subjects"]),
        tasks=BP4D_TASKS,
        pool="bp4d",
        rates=_table("bp4d", "ARL, Table 5"),
        coded_in_part=True,
    )


def _bp4d_plus() -> TwinLayout:
    # FERA 2017's validation people and tasks come from BP4D+; two units of the protocol are not in its table.
    assumed = {2: 0.08, 24: 0.10}
    return TwinLayout(
        name="bp4d_plus",
        title="BP4D+",
        subjects=(*_numbers("F", 82), *_numbers("M", 58)),
        tasks=BP4D_PLUS_TASKS,
        pool="bp4d_plus",
        rates={**_table("fera2017", "Deep Regions, Table 4"), **assumed},
        assumed=tuple(assumed),
        packed=True,
        coded_in_part=True,
    )


def _disfa() -> TwinLayout:
    assumed = {5: 0.015, 15: 0.025, 17: 0.04, 20: 0.02}
    return TwinLayout(
        name="disfa",
        title="DISFA",
        subjects=tuple(facts_of("disfa")["subjects"]),
        tasks=MappingProxyType({"": "mixed"}),
        pool="disfa",
        rates={**_table("disfa", "ARL, Table 5"), **assumed},
        assumed=tuple(assumed),
        threshold=2,
        blend=0.1,
        frames=200,
        fps=5.0,
        cameras=("left", "right"),
    )


def _disfa_plus() -> TwinLayout:
    assumed = {1: 0.2, 2: 0.17, 4: 0.2, 5: 0.13, 6: 0.15, 9: 0.1, 12: 0.18, 15: 0.1, 17: 0.12, 20: 0.09, 25: 0.32, 26: 0.14}
    return TwinLayout(
        name="disfa_plus",
        title="DISFA+",
        subjects=tuple(facts_of("disfa_plus")["subjects"]),
        tasks=DISFA_PLUS_TRIALS,
        pool="disfa",
        rates=assumed,
        assumed=tuple(assumed),
        threshold=2,
        blend=0.0,
        frames=24,
        fps=5.0,
    )


def _fera2015() -> TwinLayout:
    subjects = tuple(facts_of("fera2015")["subjects"])
    return TwinLayout(
        name="fera2015",
        title="FERA 2015 (BP4D part)",
        subjects=subjects,
        tasks=BP4D_TASKS,
        pool="bp4d",
        rates=_table("bp4d", "ARL, Table 5"),
        partitions={name: "train" if int(name[1:]) % 2 else "development" for name in subjects},
        coded_in_part=True,
    )


def _fera2017() -> TwinLayout:
    train = tuple(facts_of("bp4d")["subjects"])
    # The organisers count 7 women and 13 men; their numbers are not known here.
    validation = tuple(f"VA_{name}" for name in (*_numbers("F", 7), *_numbers("M", 13)))
    rates = _table("fera2017", "Deep Regions, Table 4")
    whole = _table("bp4d", "ARL, Table 5")
    return TwinLayout(
        name="fera2017",
        title="FERA 2017",
        subjects=(*train, *validation),
        tasks=BP4D_TASKS,
        pool="bp4d",
        # The same sequences as BP4D's, all frames; Deep Regions' Table 1 counts frames that it sampled for balance.
        rates={unit: whole[unit] for unit in rates},
        frames=30,
        partitions={**dict.fromkeys(train, "train"), **dict.fromkeys(validation, "validation")},
        partition_rates={"validation": rates},
        partition_tasks={"validation": BP4D_PLUS_TASKS},
        views=VIEWS,
    )


_VIDEOS, _PAIR_EVERY, _VALIDATION_EVERY = 60, 12, 3


def _affwild2() -> TwinLayout:
    partitions: dict[str, str] = {}
    for number in range(1, _VIDEOS + 1):
        stem, part = f"synthetic-{number:02d}", "validation" if number % _VALIDATION_EVERY == 0 else "train"
        pair = number % _PAIR_EVERY == 0 or number % _PAIR_EVERY == _PAIR_EVERY // 2 + 1
        partitions |= dict.fromkeys([f"{stem}_left", f"{stem}_right"] if pair else [stem], part)
    assumed = {1: 0.12, 2: 0.07, 4: 0.16, 6: 0.25, 12: 0.25, 15: 0.05, 20: 0.04, 25: 0.45}
    return TwinLayout(
        name="affwild2",
        title="AffWild2 (action units)",
        subjects=tuple(partitions),
        tasks=MappingProxyType({"": "mixed"}),
        pool="affwild2",
        rates=assumed,
        assumed=tuple(assumed),
        blend=0.2,
        frames=120,
        fps=7.5,
        indoors=False,
        partitions=partitions,
    )


_MAKERS: Mapping[str, Callable[[], TwinLayout]] = MappingProxyType(
    {
        "bp4d": _bp4d,
        "bp4d_plus": _bp4d_plus,
        "disfa": _disfa,
        "disfa_plus": _disfa_plus,
        "fera2015": _fera2015,
        "fera2017": _fera2017,
        "affwild2": _affwild2,
    }
)


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

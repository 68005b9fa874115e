"""All events that are asked for of one recording: action units, combinations, named sets and blinks, baseline-corrected or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from aufait.analysis.baseline import BaselineResult
from aufait.analysis.blinks import BLINK_RULE, Blinks, find_blinks
from aufait.analysis.combinations import Combination, find_combinations, parse
from aufait.analysis.event import Event
from aufait.analysis.event_rule import EventRule
from aufait.analysis.events import find_events
from aufait.analysis.labels import parse_label
from aufait.analysis.named_sets import PAIN, members_for, named_set
from aufait.analysis.pain import Pspi, pspi
from aufait.analysis.score_table import ScoreTable


@dataclass(frozen=True)
class Wanted:
    """What to look for; all action units where nothing is named.

    Attributes:
        labels: action units, such as "12" or "12L".
        expressions: combinations.
        sets: names of ``NAMED_SETS``.
        blinks: also blinks and long closures.
        sides: with all action units, also the left and right.
    """

    labels: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    blinks: bool = False
    sides: bool = True

    def __post_init__(self) -> None:
        for text in self.labels:
            parse_label(text)
        for text in self.expressions:
            parse(text)
        for name in self.sets:
            named_set(name)

    @property
    def everything(self) -> bool:
        """Nothing is named."""
        return not (self.labels or self.expressions or self.sets or self.blinks)


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found in one recording.

    Attributes:
        events: of all kinds, by face and time.
        blinks: by face, where they were asked for.
        strengths: name of a combination -> (N,) its strength in each row.
        pain: with the set "pain", where the table has intensities.
    """

    events: list[Event]
    blinks: list[Blinks] = field(default_factory=list)
    strengths: Mapping[str, np.ndarray] = field(default_factory=dict)
    pain: Pspi | None = None

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Strengths and PSPI by name, (N,) each."""
        return dict(self.strengths) | ({} if self.pain is None else {"PSPI": self.pain.values})


def find_all(table: ScoreTable, wanted: Wanted, rule: EventRule | None = None, baseline: BaselineResult | None = None) -> Findings:
    """Look for everything that is wanted.

    Args:
        table: as it was read.
        wanted: what to look for.
        rule: of events.
        baseline: of this table; events are then those of the corrected scores. Blinks always are those of the raw ones.

    Raises:
        InputError: the table lacks what is asked for.
    """
    rule = rule or EventRule()
    used = table if baseline is None else baseline.table()
    found: list[Event] = []
    if wanted.everything or wanted.labels:
        found += find_events(used, rule, labels=wanted.labels or None, sides=wanted.sides)
    named = _named(used, wanted)
    for name, combination in named.items():
        found += [replace(event, label=name) for event in find_combinations(used, [combination], rule)]
    blinks = find_blinks(table, _blink_rule(rule)) if wanted.blinks else []
    found += [event for one in blinks for event in one.events]
    found.sort(key=lambda event: (event.face_id, event.onset))
    has_intensity = np.isfinite(used.intensity).any()
    pain = pspi(used) if has_intensity and PAIN.name in [named_set(name).name for name in wanted.sets] else None
    strengths = {name: combination.evaluate(used) for name, combination in named.items()}
    return Findings(found, blinks, strengths, pain)


def _named(table: ScoreTable, wanted: Wanted) -> dict[str, Combination]:
    """Label of the event -> combination."""
    named = {combination.text: combination for combination in map(parse, wanted.expressions)}
    for name in wanted.sets:
        named |= {member: parse(text) for member, text in members_for(table, named_set(name)).items()}
    return named


def _blink_rule(rule: EventRule) -> EventRule:
    """The rule of blinks with the thresholds of another one."""
    return replace(BLINK_RULE, kind=rule.kind, on=rule.on, off=rule.off, min_quality=rule.min_quality)

"""Events for the page of ``aufait detect --report``: found in the table that was just written, by the default rule."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from aufait.errors import AufaitError, InputWarning

if TYPE_CHECKING:
    from aufait.analysis.event_rule import EventRule
    from aufait.visualization.results.event_tables import PageEvents


def page_events(table: Path) -> PageEvents:
    """Events of whole faces in a table of a video; where it cannot be read the page says so."""
    from aufait.analysis import read_table
    from aufait.analysis.event_rule import EventRule
    from aufait.analysis.events import find_events
    from aufait.visualization.results.event_tables import PageEvents

    rule = EventRule()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", InputWarning)
        try:
            scores = read_table(table, "aufait", scores_only=True)
            found = find_events(scores, rule, sides=False)
        except AufaitError as error:
            return PageEvents((), "", problem=str(error).replace(str(table), "the table"))  # a page names no folders
    notes = [str(one.message) for one in told if issubclass(one.category, InputWarning)]
    kinds = sorted({event.kind for event in found}) or [scores.strength()[1]]
    return PageEvents(found, " ".join([_in_words(rule, kinds), *notes]))


def _in_words(rule: EventRule, kinds: Iterable[str]) -> str:
    words = "{} reaches {:g} and ends where it falls below {:g}"
    limits = " and ".join(words.format(kind, *rule.thresholds(kind)) for kind in kinds)
    return (
        f"An event begins where the {limits}. It lasts at least {rule.min_duration:g} s; gaps below {rule.bridge:g} s are bridged; "
        f"values are medians over {rule.smooth:g} s, so that a peak can be lower than the highest single frame; closed eyes (AU43, "
        f"AU45) are neither smoothed nor bridged. Frames of a quality below {rule.min_quality:g} count as missing. "
        "aufait events finds sides, blinks and combinations too, also by other rules."
    )

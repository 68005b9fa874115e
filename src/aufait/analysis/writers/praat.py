"""Praat's TextGrid: one interval tier per action unit and face, the FACS level as text, empty where nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aufait.analysis.writers.names import level
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.tiers import MILLISECONDS, Tier, milliseconds, tiers_of
from aufait.errors import InputError
from aufait.files.atomic import write_text

SUFFIX = ".TextGrid"
JOINT = False
WANTS = "events"
MEANING = "Praat: an interval tier per action unit and face"


def write(recording: Recording, target: Path, choices: Choices) -> list[Path]:
    """Write one recording, in Praat's long text format, UTF-8.

    Raises:
        InputError: neither frames nor events, so that there is no time axis.
    """
    tiers = tiers_of(recording)
    ends = [tier.intervals[-1].end for tier in tiers if tier.intervals]
    length = max([milliseconds(recording.length), *ends])
    if length <= 0:
        raise InputError(f"{recording.name}: a TextGrid needs a length, and there are neither frames nor events; give its table")
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(length)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, tier in enumerate(tiers, 1):
        lines += [f"    item [{number}]:", *_tier(tier, length)]
    return [write_text(target, "\n".join(lines) + "\n", overwrite=choices.overwrite)]


def _tier(tier: Tier, length: int) -> Iterator[str]:
    intervals = list(_without_gaps(tier, length))
    yield '        class = "IntervalTier"'
    yield f"        name = {_quoted(tier.name)}"
    yield "        xmin = 0"
    yield f"        xmax = {_seconds(length)}"
    yield f"        intervals: size = {len(intervals)}"
    for number, (start, end, text) in enumerate(intervals, 1):
        yield f"        intervals [{number}]:"
        yield f"            xmin = {_seconds(start)}"
        yield f"            xmax = {_seconds(end)}"
        yield f"            text = {_quoted(text)}"


def _without_gaps(tier: Tier, length: int) -> Iterator[tuple[int, int, str]]:
    """The intervals and the silence between them: Praat wants the whole time covered."""
    reached = 0
    for interval in tier.intervals:
        if interval.start > reached:
            yield reached, interval.start, ""
        yield interval.start, interval.end, level(interval.event)
        reached = interval.end
    if reached < length:
        yield reached, length, ""


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / MILLISECONDS:.3f}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'

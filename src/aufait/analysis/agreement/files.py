"""The files of a comparison: measures, disagreements, events, and a page that shows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from aufait.analysis.agreement.comparison import Comparison
from aufait.analysis.agreement.joined import longest_first
from aufait.errors import OutputError
from aufait.files.atomic import write_text
from aufait.files.csv_text import csv_text

NAMES = ("agreement.csv", "disagreements.csv", "events.csv", "index.html")

_MEASURES = (
    "level", "recording", "person", "action_unit", "first", "second", "measure", "value", "low", "high", "interval", "count",
)  # fmt: skip
_DISAGREEMENTS = ("recording", "person", "action_unit", "first", "second", "start", "end", "duration", "present_for")
_EVENTS = ("recording", "person", "rater", "label", "onset", "offset", "duration", "peak")


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse before any work is done what could not be written.

    Raises:
        OutputError: a file is there already, or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; choose a folder")
    there = [name for name in NAMES if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(f"{folder} has {', '.join(there)} already; use --overwrite or choose another folder")


def write_agreement(
    found: Comparison, folder: str | Path, *, overwrite: bool = False, warned: Sequence[str] = (), pictures: bool = True
) -> list[Path]:
    """Write the files of a comparison; each is whole or absent.

    Args:
        folder: made where it is missing.
        warned: what had to be told about the inputs, for the page.
        pictures: whether the page shows frames of the videos.

    Returns:
        The files, the page last.

    Raises:
        OutputError: one exists and ``overwrite`` is false, or it cannot be written.
    """
    from aufait.analysis.agreement.page import page_of

    folder = Path(folder).expanduser()
    check_folder(folder, overwrite)
    tables = {"agreement.csv": (_MEASURES, _measures(found)), "disagreements.csv": (_DISAGREEMENTS, _disagreements(found)),
              "events.csv": (_EVENTS, _events(found))}  # fmt: skip
    paths = [write_text(folder / name, csv_text(header, rows), overwrite=overwrite) for name, (header, rows) in tables.items()]
    page = page_of(found, folder, paths, warned, pictures)
    return [*paths, write_text(folder / "index.html", page, overwrite=overwrite)]


def _measures(found: Comparison) -> Iterator[list[object]]:
    for one in found.measures:
        numbers = map(_number, (one.value, one.low, one.high))
        whom = one.level, one.recording, one.person, f"AU{one.unit}", one.first, one.second
        yield [*whom, one.measure, *numbers, one.interval, one.count]


def _disagreements(found: Comparison) -> Iterator[list[object]]:
    for one in longest_first(found.disagreements):
        times = map(_number, (one.start, one.end, one.end - one.start))
        yield [one.recording, one.person, f"AU{one.unit}", one.first, one.second, *times, one.said_by]


def _events(found: Comparison) -> Iterator[list[object]]:
    for one in found.events:
        onset, offset, peak = one.event
        numbers = map(_number, (onset, offset, offset - onset, peak))
        yield [one.recording, one.person, one.rater, f"AU{one.unit}", *numbers]


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(round(value, 6))

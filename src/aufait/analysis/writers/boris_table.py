"""BORIS's aggregated events as TSV: one row per state, columns and names as BORIS exports them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from aufait.analysis.event import Event
from aufait.analysis.writers.media import facts_of
from aufait.analysis.writers.names import PRESENT, face_name, level, one_line
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.tiers import MILLISECONDS, milliseconds
from aufait.files.atomic import write_text
from aufait.files.safe_text import encodable, plain_cell

SUFFIX = ".tsv"
JOINT = True
WANTS = "events"
MEANING = "BORIS: aggregated events as TSV, all recordings in one file"

NO_SUBJECT = "No focal subject"
"""What BORIS calls the subject of events that are about nobody."""

CATEGORY = "facial action units"
MODIFIER = "Modifier #1"
COLUMNS = (
    "Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)", "Coding duration",
    "Media duration (s)", "FPS (frame/s)", "Subject", "Observation duration by subject by observation", "Behavior",
    "Behavioral category", MODIFIER, "Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Media file name",
    "Image index start", "Image index stop", "Image file path start", "Image file path stop", "Comment start", "Comment stop",
)  # fmt: skip


def write(recordings: Sequence[Recording], target: Path, choices: Choices) -> list[Path]:
    """Write all recordings, each as an observation."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for recording in recordings:
        writer.writerows(_rows(recording))
    return [write_text(target, text.getvalue(), overwrite=choices.overwrite)]


def modifier(event: Event) -> str:
    """Level of an event, "None" without one, as BORIS calls a modifier that is not chosen."""
    return "None" if level(event) == PRESENT else level(event)


def observation_date(recording: Recording) -> str:
    """When the video was made, as far as its file says; else when this is written."""
    has_file = recording.media is not None and recording.media.is_file()
    when = datetime.fromtimestamp(recording.media.stat().st_mtime) if has_file and recording.media else datetime.now()
    return when.isoformat(timespec="seconds")


def _rows(recording: Recording) -> Iterator[dict[str, object]]:
    facts = facts_of(recording)
    media = one_line(str(recording.media)) if recording.media is not None else ""
    shared = {
        "Observation id": _cell(recording.name), "Observation date": observation_date(recording).replace("T", " "),
        "Observation type": "Media file" if media else "Live", "Source": _cell(f"player #1:{media}") if media else "NA",
        "Time offset (s)": "0.000", "Coding duration": f"{recording.length:.3f}", "Media duration (s)": f"{facts.length:.3f}",
        "FPS (frame/s)": f"{facts.rate:.3f}" if facts.rate else "NA",
        "Observation duration by subject by observation": f"{facts.length:.3f}", "Behavioral category": CATEGORY,
        "Behavior type": "STATE", "Media file name": _cell(media),
    }  # fmt: skip
    for event in recording.events:
        start, end = milliseconds(event.onset), milliseconds(event.offset)
        yield shared | {
            "Subject": face_name(event.face_id) or NO_SUBJECT, "Behavior": _cell(event.label), MODIFIER: modifier(event),
            "Start (s)": f"{start / MILLISECONDS:.3f}", "Stop (s)": f"{end / MILLISECONDS:.3f}",
            "Duration (s)": f"{(end - start) / MILLISECONDS:.3f}",
        }  # fmt: skip


def _cell(text: str) -> object:
    return plain_cell(encodable(one_line(text)))

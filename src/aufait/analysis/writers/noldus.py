"""Text for The Observer XT's import: a row where a behaviour starts and one where it stops, after two header lines.

The columns come in the order of EthoVision's manual scoring log (time, subject, behaviour, event type), for which The Observer
has an import profile; level and comment are to the right of them.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from aufait.analysis.event import Event
from aufait.analysis.writers.names import face_name, level, meaning, one_line
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.tiers import MILLISECONDS, milliseconds
from aufait.files.atomic import write_bytes
from aufait.files.safe_text import encodable, plain_cell

SUFFIX = ".txt"
JOINT = False
WANTS = "events"
MEANING = "text with start and stop rows for The Observer XT's import"

COLUMNS = ("Trial time", "Subject", "Behavior", "Event type", "Modifier", "Comment")
START, STOP = "State start", "State stop"


def write(recording: Recording, target: Path, choices: Choices) -> list[Path]:
    """Write one recording; UTF-8 with a mark, by which Windows programs know it."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(["Header Lines", 2])
    writer.writerow(COLUMNS)
    for moment, _, kind, event in sorted(_moments(recording.events), key=lambda moment: moment[:2]):
        cells = (face_name(event.face_id) or "everybody", event.label, kind, level(event), meaning(event.label))
        writer.writerow([f"{moment / MILLISECONDS:.3f}", *(plain_cell(encodable(one_line(cell))) for cell in cells)])
    return [write_bytes(target, text.getvalue().encode("utf-8-sig"), overwrite=choices.overwrite)]


def _moments(events: tuple[Event, ...]) -> list[tuple[int, int, str, Event]]:
    """Start and stop of each event with what they are sorted by: at one time stops come first, but after their own start."""
    moments: list[tuple[int, int, str, Event]] = []
    for event in events:
        start, end = milliseconds(event.onset), milliseconds(event.offset)
        moments += [(start, 1, START, event), (end, 2 if start == end else 0, STOP, event)]
    return moments

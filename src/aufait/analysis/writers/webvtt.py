"""WebVTT subtitles: a cue for each event, so that every player shows over the video what happens."""

from __future__ import annotations

import html
from pathlib import Path

from aufait.analysis.writers.names import PRESENT, face_name, level, meaning, one_line
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.tiers import Interval, intervals_of
from aufait.files.atomic import write_text

SUFFIX = ".vtt"
JOINT = False
WANTS = "events"
MEANING = "WebVTT subtitles: a cue per event"


def write(recording: Recording, target: Path, choices: Choices) -> list[Path]:
    """Write one recording; cues are in the order of their start."""
    blocks = ["WEBVTT"]
    for number, interval in enumerate(intervals_of(recording.events, recording.name), 1):
        blocks.append(f"{number}\n{_clock(interval.start)} --> {_clock(interval.end)}\n{_text(interval)}")
    return [write_text(target, "\n\n".join(blocks) + "\n", overwrite=choices.overwrite)]


def _text(interval: Interval) -> str:
    """"face 0: AU12 Lip corner puller, D", with the face as the speaker."""
    event = interval.event
    words = " ".join(filter(None, (event.label, meaning(event.label))))
    strength = f", {level(event)}" if level(event) != PRESENT else ""
    text = html.escape(one_line(words + strength), quote=False)
    face = face_name(event.face_id)
    return f"<v {face}>{face}: {text}</v>" if face else text


def _clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{thousandths:03d}"

"""A project of BORIS: action units as state behaviours, faces as subjects, levels as modifiers, each recording an observation."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aufait.analysis.event import Event
from aufait.analysis.writers.boris_table import CATEGORY, modifier, observation_date
from aufait.analysis.writers.media import MediaFacts, facts_of, relative_to
from aufait.analysis.writers.names import LEVELS, meaning, one_line, order
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.tiers import MILLISECONDS, Tier, tiers_of
from aufait.errors import InputWarning
from aufait.files.atomic import write_text

SUFFIX = ".boris"
JOINT = True
WANTS = "events"
MEANING = "BORIS: a project, all recordings as its observations"

_PLAYERS = 8
_COLOURS = ("blue", "orange", "green", "red", "purple", "brown", "deeppink", "gray", "olive", "darkcyan")


def write(recordings: Sequence[Recording], target: Path, choices: Choices) -> list[Path]:
    """Write all recordings as one project."""
    tiers = {recording.name: tiers_of(recording) for recording in recordings}
    labels = {tier.label for found in tiers.values() for tier in found}
    codes = _codes(labels)
    behaviours = (_behaviour(label, codes[label], place) for place, label in enumerate(sorted(labels, key=order)))
    subjects = {_subject(tier) for found in tiers.values() for tier in found if tier.face}
    observations = {one_line(one.name): _observation(one, tiers[one.name], target, codes) for one in recordings}
    project = {
        "time_format": "hh:mm:ss", "project_date": datetime.now().isoformat(timespec="seconds"),
        "project_name": target.stem, "project_description": "Events that aufait found; levels are those of each event's peak.",
        "project_format_version": "7.0",
        "subjects_conf": _numbered({"key": "", "name": name, "description": ""} for name in sorted(subjects)),
        "behaviors_conf": _numbered(behaviours),
        "observations": observations,
        "behavioral_categories": [CATEGORY], "behavioral_categories_config": {"0": {"name": CATEGORY, "color": ""}},
        "independent_variables": {}, "coding_map": {}, "behaviors_coding_map": [], "converters": {},
    }  # fmt: skip
    text = json.dumps(project, ensure_ascii=False, indent=1)
    return [write_text(target, text + "\n", overwrite=choices.overwrite)]


def _numbered(entries: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(number): entry for number, entry in enumerate(entries)}


def _codes(labels: Iterable[str]) -> dict[str, str]:
    """Label -> code of the behaviour: BORIS keeps | and , for itself."""
    codes = {label: label.replace("|", " or ").replace(",", ";").strip() for label in labels}
    changed = [label for label, code in codes.items() if label != code]
    if changed:
        warnings.warn(
            f"BORIS takes no | and , in a behaviour: {changed[0]!r} is called {codes[changed[0]]!r}", InputWarning, stacklevel=4
        )
    return codes


def _subject(tier: Tier) -> str:
    """The face; events that overlap others of their kind get a subject of their own: BORIS pairs starts and stops by order."""
    return " ".join(filter(None, (tier.face, f"({tier.lane})" if tier.lane > 1 else "")))


def _behaviour(label: str, code: str, place: int) -> dict[str, Any]:
    levels = {"name": "level", "description": "", "type": 0, "values": list(LEVELS), "ask at stop": False}
    return {
        "type": "State event", "key": "", "code": code, "description": meaning(label), "color": _COLOURS[place % len(_COLOURS)],
        "category": CATEGORY, "modifiers": {"0": levels}, "excluded": "", "coding map": "",
    }  # fmt: skip


def _observation(recording: Recording, tiers: list[Tier], target: Path, codes: dict[str, str]) -> dict[str, Any]:
    facts = facts_of(recording)
    media = None if recording.media is None else relative_to(recording.media, target.parent).removeprefix("./")
    rows = _events(tiers, codes, facts.rate)
    observation: dict[str, Any] = {
        "file": {str(player): [media] if media and player == 1 else [] for player in range(1, _PLAYERS + 1)} if media else [],
        "type": "MEDIA" if media else "LIVE", "date": observation_date(recording), "description": "", "time offset": 0.0,
        "events": rows, "observation time interval": [0, 0], "independent_variables": {},
        "visualize_spectrogram": False, "visualize_waveform": False, "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0, "image_display_duration": 1, "close_behaviors_between_videos": False,
    }  # fmt: skip
    return observation | ({"media_info": _media_info(media, facts)} if media else {"start_from_current_time": False})


def _media_info(media: str, facts: MediaFacts) -> dict[str, Any]:
    return {
        "length": {media: round(facts.length, 3)}, "fps": {media: round(facts.rate, 3)}, "hasVideo": {media: True},
        "hasAudio": {media: bool(facts.sound)}, "offset": {"1": 0.0},
    }  # fmt: skip


def _events(tiers: list[Tier], codes: dict[str, str], rate: float) -> list[list[Any]]:
    """[seconds, subject, behaviour, modifier, comment, number of the frame] for each start and stop, in the order of time."""
    found: list[tuple[int, int, list[Any]]] = []
    for tier in tiers:
        for interval in tier.intervals:
            about = [_subject(tier), codes[tier.label], modifier(interval.event)]
            for moment, is_start, comment in ((interval.start, 1, _comment(interval.event)), (interval.end, 0, "")):
                seconds = moment / MILLISECONDS
                found.append((moment, is_start, [seconds, *about, comment, round(seconds * rate) if rate else "NA"]))
    return [row for _, _, row in sorted(found, key=lambda one: (*one[:2], one[2][1:3]))]


def _comment(event: Event) -> str:
    return "" if event.peak != event.peak else f"peak {event.peak:.2f}"

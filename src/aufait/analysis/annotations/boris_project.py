"""BORIS's project, JSON: the events of all its observations."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aufait.analysis.annotations.pairs import EITHER, POINT, Mark, paired, person_of
from aufait.analysis.annotations.text import shown
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning


def spans(path: Path, text: str) -> list[Span]:
    """The events of a project: points, and states from start to stop.

    Raises:
        InputError: no project of BORIS, damaged, or with states that do not end.
    """
    try:
        project = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not whole JSON ({str(error)[:100]}); save the project with BORIS") from error
    if not isinstance(project, dict) or not isinstance(project.get("observations"), dict):
        raise InputError(f"{path} is JSON but no project of BORIS: it has no observations")
    try:
        kinds = {behaviour["code"]: behaviour["type"] for behaviour in project.get("behaviors_conf", {}).values()}
        marks = [mark for name, one in project["observations"].items() for mark in _marks(path, name, one, kinds)]
    except (AttributeError, KeyError, TypeError, IndexError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not as BORIS writes projects ({type(error).__name__}: {error}); save it with BORIS") from error
    return paired(path, marks)


def _marks(path: Path, name: str, observation: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[Mark]:
    if observation.get("time offset"):
        warnings.warn(
            f"{path}: the observation {shown(name)} has a time offset of {observation['time offset']} s, which is not applied: "
            "times count from the beginning of its medium",
            InputWarning,
            stacklevel=4,
        )
    recording = recording_of(path, name, observation)
    for place, (time, subject, code, modifiers, *_) in enumerate(observation["events"], start=1):
        if code not in kinds:
            raise InputError(
                f"{path}: the project does not define the behaviour {shown(str(code))} of the observation {shown(name)}"
            )
        if isinstance(time, str | bool | None) or not math.isfinite(time):
            raise InputError(f"{path}: event {place} of the observation {shown(name)} has no time in seconds")
        what = POINT if kinds[code].lower().startswith("point") else EITHER
        yield Mark(float(time), what, code, modifiers or "", person_of(subject), recording, f"event {place}")


def recording_of(path: Path, name: str, observation: Mapping[str, Any]) -> str:
    """Name of the observation's only medium; the observation's own where it has none or several."""
    files = observation.get("file") or {}
    media = [file for player in files.values() for file in player] if isinstance(files, dict) else []
    return stem_of(media[0]) if len(media) == 1 else name


def stem_of(medium: str) -> str:
    """Name of a file of any system's path, without folders and ending."""
    last = re.split(r"[/\\]", medium.strip())[-1]
    return last.rsplit(".", 1)[0] if "." in last else last

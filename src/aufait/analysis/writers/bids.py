"""A BIDS folder: continuous scores of each face as ``_physio.tsv.gz`` with its JSON, events as ``_events.tsv`` with theirs.

BIDS knows no recordings of irregular times. Where a video's frames do not come at one rate, the scores are interpolated onto a
grid between frames that follow each other, the JSON says so, and a warning is given; times without a face are "n/a".
"""

from __future__ import annotations

import gzip
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.analysis.event import Event
from aufait.analysis.frame_ends import EVEN_FRAMES
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.writers.names import meaning, one_line
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.text_columns import lines
from aufait.errors import InputError, InputWarning, OutputError
from aufait.files.atomic import write_bytes
from aufait.files.safe_text import plain_cell

SUFFIX = ""
JOINT = True
WANTS = "both"
MEANING = "BIDS: a folder with physio.tsv.gz, events.tsv and their JSON files"

VERSION = "1.10.0"
_OFF_GRID = 0.1  # share of the frame distance by which a frame may miss its place
_COMPRESSION = 4  # the highest takes ten times as long for a tenth less
_LABEL = re.compile(r"[a-zA-Z0-9]+")
_NAMED = re.compile(r"(?:^|_)(sub|ses|task|acq|run)-([a-zA-Z0-9]+)")
_ENTITIES = ("sub", "ses", "task", "acq", "run")
_SCORES = {
    "probability": ("1", "probability that the action unit occurs, 0 to 1"),
    "intensity": ("1", "FACS intensity, 0 absent, 1 to 5 = A to E"),
}
_SIDES = {"": "", "_left": ", the subject's left side", "_right": ", the subject's right side"}
_EVENT_COLUMNS = {
    "onset": "Seconds from the beginning of the recording to the event's first frame.",
    "duration": "Seconds from onset to offset.",
    "trial_type": "Action unit, its side, or the expression that happens.",
    "face_id": "Number of the face.",
    "apex": "Seconds at which it is strongest.",
    "peak": "Largest value.",
    "mean": "Mean value.",
    "kind": "What peak and mean are: intensity (0-5) or probability (0-1).",
}


def write(recordings: list[Recording], target: Path, choices: Choices) -> list[Path]:
    """Write all recordings into one folder, which may be a data set that exists.

    Raises:
        InputError: a label that BIDS does not take, or two recordings of one name.
        OutputError: a file exists and may not be replaced.
    """
    stems = _stems(recordings, choices)
    files = {path: data for recording in recordings for path, data in _files(recording, stems[recording.name], target, choices)}
    taken = [path for path in files if path.exists()]
    if taken and not choices.overwrite:
        raise OutputError(f"{taken[0]} exists already; choose another folder or allow overwriting (--overwrite)")
    description = target / "dataset_description.json"
    if not description.exists():
        files = {description: _json(_description(target))} | files
    return [write_bytes(path, data, overwrite=choices.overwrite) for path, data in files.items()]


def _stems(recordings: list[Recording], choices: Choices) -> dict[str, dict[str, str]]:
    """Name of the recording -> its entities: what its name says, else what the user chose."""
    if choices.subject and len(recordings) > 1:
        raise InputError(f"--subject is for one recording, there are {len(recordings)}; name them sub-LABEL_task-LABEL instead")
    stems: dict[str, dict[str, str]] = {}
    seen: dict[str, str] = {}
    for recording in recordings:
        named = dict(_NAMED.findall(recording.name))
        plain = "".join(_LABEL.findall(recording.name)) or "01"
        given = {"sub": choices.subject or named.get("sub") or plain, "task": choices.task or named.get("task") or "video"}
        for key, label in given.items():
            if not _LABEL.fullmatch(label):
                raise InputError(f"a BIDS label has letters and digits only, got {label!r} for {key}")
        entities = {key: (named | given)[key] for key in _ENTITIES if key in named | given}
        stem = "_".join(f"{key}-{label}" for key, label in entities.items())
        if stem in seen:
            raise InputError(f"{seen[stem]!r} and {recording.name!r} would both be {stem}; rename one, or convert them one by one")
        seen[stem] = recording.name
        stems[recording.name] = entities
    return stems


def _files(recording: Recording, entities: dict[str, str], target: Path, choices: Choices) -> Iterator[tuple[Path, bytes]]:
    folder = target.joinpath(*(f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities), "beh")
    stem = "_".join(f"{key}-{label}" for key, label in entities.items())
    yield folder / f"{stem}_events.tsv", _event_rows(recording)
    yield folder / f"{stem}_events.json", _json(_event_description(recording))
    if recording.table is None:
        return
    faces = recording.table.faces
    for face in faces:
        label = "face" if len(faces) == 1 else f"face{face}"
        grid = resample(recording.table.of_face(face), recording.table.frame_times, choices.rate)
        if grid.made:
            warnings.warn(f"{recording.name}, face {face}: {grid.made}", InputWarning, stacklevel=4)
        yield folder / f"{stem}_recording-{label}_physio.tsv.gz", _compressed(grid)
        yield folder / f"{stem}_recording-{label}_physio.json", _json(_physio_description(recording, face, grid))


@dataclass(frozen=True)
class Grid:
    """Scores at one rate: rate per second, time of the first row, columns by name (all of one length), how they were made."""

    rate: float
    start: float
    columns: dict[str, np.ndarray]
    made: str


def resample(table: ScoreTable, frames: np.ndarray, rate: float | None) -> Grid:
    """One face's scores at one rate.

    Args:
        table: rows of one face.
        frames: (F,) times of all frames of the recording.
        rate: rows per second; None for that of the frames.
    """
    times = table.time
    own = _own_rate(frames)
    columns = dict(_columns(table))
    start = float(frames[0])
    if own is not None and (rate is None or abs(rate - own) < 1e-6 * own):
        places = np.rint((times - start) * own).astype(np.int64)
        rows = int(np.rint((frames[-1] - start) * own)) + 1
        return Grid(own, start, {name: _placed(values, places, rows) for name, values in columns.items()}, "")
    distance = float(np.median(np.diff(frames))) if len(frames) > 1 else 1.0
    wanted = rate or float(max(round(1 / distance), 1))
    grid = start + np.arange(int(np.floor((frames[-1] - start) * wanted + 1e-9)) + 1) / wanted
    why = f"asked for at {wanted:g} per second" if rate else f"frames do not come at one rate; put at {wanted:g} per second"
    made = f"{why}, linear between frames at most {EVEN_FRAMES:g} frame distances apart"
    return Grid(wanted, start, {name: _between(grid, times, values, distance) for name, values in columns.items()}, made)


def _own_rate(frames: np.ndarray) -> float | None:
    """Frames per second where all of them are within a tenth of the distance of such a grid, else None."""
    if len(frames) < 2:
        return 1.0 if len(frames) else None
    since = frames - frames[0]
    for rate in ((len(frames) - 1) / since[-1], 1 / np.median(np.diff(frames))):
        places = np.rint(since * rate)
        refined = places[-1] / since[-1]
        places = np.rint(since * refined)
        if len(np.unique(places)) == len(frames) and np.abs(since * refined - places).max() <= _OFF_GRID:
            return float(round(refined, 6))
    return None


def _columns(table: ScoreTable) -> Iterator[tuple[str, np.ndarray]]:
    yield "confidence", table.confidence
    yield "quality", table.quality
    for place, unit in enumerate(table.action_units):
        for side in _SIDES:
            for score in _SCORES:
                values = getattr(table, f"{score}{side}")
                if values is not None and np.isfinite(values[:, place]).any():
                    yield f"AU{unit:02d}_{score}{side}", values[:, place]


def _placed(values: np.ndarray, places: np.ndarray, rows: int) -> np.ndarray:
    column = np.full(rows, np.nan, np.float32)
    column[places] = values
    return column


def _between(grid: np.ndarray, times: np.ndarray, values: np.ndarray, distance: float) -> np.ndarray:
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(grid), np.nan, np.float32)
    times, values = times[known], values[known].astype(np.float64)
    after = np.clip(np.searchsorted(times, grid), 0, len(times) - 1)
    before = np.clip(after - (times[after] > grid), 0, None)
    near = (times[after] - times[before] <= EVEN_FRAMES * distance) & (grid >= times[0] - 1e-9) & (grid <= times[-1] + 1e-9)
    return np.where(near, np.interp(grid, times, values), np.nan).astype(np.float32)


def _compressed(grid: Grid) -> bytes:
    """Rows without a header, as BIDS wants it; gzip without a time, so that the same scores give the same file."""
    text = "".join(lines([*grid.columns.values()], "\t", missing="n/a"))
    return gzip.compress(text.encode(), compresslevel=_COMPRESSION, mtime=0)


def _physio_description(recording: Recording, face: int, grid: Grid) -> dict[str, Any]:
    described: dict[str, Any] = {
        "SamplingFrequency": grid.rate,
        "StartTime": round(grid.start, 6),
        "Columns": list(grid.columns),
        "SoftwareName": "aufait",
        "Description": f"Facial action units of face {face} of the recording {one_line(recording.name)}, from its video.",
        "Resampling": grid.made or "none: one row per frame",
        "confidence": {"Description": "How sure the face finder is that this is a face, 0 to 1.", "Units": "1"},
        "quality": {"Description": "How far the picture of the face can be trusted, 0 to 1.", "Units": "1"},
    }
    for column in grid.columns:
        if column.startswith("AU"):
            unit, score, *side = column.split("_")
            units, text = _SCORES[score]
            name = ACTION_UNITS[int(unit[2:])].name if int(unit[2:]) in ACTION_UNITS else unit
            described[column] = {"Description": f"{name}: {text}{_SIDES['_'.join(['', *side])]}", "Units": units}
    return described


def _event_rows(recording: Recording) -> bytes:
    rows = ["\t".join(_EVENT_COLUMNS)]
    for event in recording.events:
        times = [_number(value) for value in (event.onset, event.duration)]
        values = [_number(value) for value in (event.apex, event.peak, event.mean)]
        face = "n/a" if event.face_id < 0 else str(event.face_id)
        rows.append("\t".join([*times, _trial_type(event), face, *values, _plain(event.kind)]))
    return ("\n".join(rows) + "\n").encode()


def _trial_type(event: Event) -> str:
    return _plain(event.label) or "n/a"


def _plain(text: str) -> str:
    """A cell of a table without quotes: no tabs and line breaks, no formulas."""
    return str(plain_cell(one_line(text)))


def _event_description(recording: Recording) -> dict[str, Any]:
    described: dict[str, Any] = {name: {"Description": text} for name, text in _EVENT_COLUMNS.items()}
    for name in ("onset", "duration", "apex"):
        described[name]["Units"] = "s"
    labels = {_trial_type(event): meaning(event.label) or one_line(event.label) for event in recording.events}
    described["trial_type"]["Levels"] = dict(sorted(labels.items()))
    return described


def _description(target: Path) -> dict[str, Any]:
    from aufait import __version__

    made = [{"Name": "aufait", "Version": __version__}]
    return {"Name": target.resolve().name, "BIDSVersion": VERSION, "DatasetType": "raw", "GeneratedBy": made}


def _number(value: float) -> str:
    return "n/a" if not np.isfinite(value) else f"{round(float(value), 6):.12g}"


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, indent=2) + "\n").encode()

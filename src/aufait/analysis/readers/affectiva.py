"""Text exports of Affectiva's AFFDEX, from its SDK or from iMotions, and of iMotions' older FACET."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import MappingProxyType

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import Header, header_of
from aufait.analysis.readers.shared import face_numbers, known_units, of_units, recording_name
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning

TOOL = "affectiva"

EXPRESSIONS = MappingProxyType(
    {
        "inner brow raise": 1, "brow raise": 2, "brow furrow": 4, "eye widen": 5, "cheek raise": 6, "lid tighten": 7,
        "nose wrinkle": 9, "upper lip raise": 10, "smile": 12, "dimpler": 14, "lip corner depressor": 15, "chin raise": 17,
        "lip pucker": 18, "lip stretch": 20, "lip press": 24, "mouth open": 25, "jaw drop": 26, "lip suck": 28, "eye closure": 43,
    }
)  # fmt: skip
"""Action unit that Affectiva says an expression of its is. Smirk, attention and emotions are none."""

_EVIDENCE = re.compile(r"au\s*(\d+)\s*evidence", re.IGNORECASE)
_TIMES = ("timestamp", "time", "media time")
_FACE = ("face id",)
_AT_LEAST = 4  # expressions, for a line to be the header
_SEVERAL = ("respondent name", "respondent", "participant")


def recognises(header: Header) -> bool:
    """A line among the first ones names several of Affectiva's expressions, or FACET's evidence."""
    return _place(header) is not None


def read(path: Path, header: Header, fps: float | None = None) -> ScoreTable:
    """Read an export. ``fps`` is not used.

    Raises:
        InputError: no table in it, no times, or several respondents.
    """
    place = _place(header)
    if place is None:
        raise InputError(f"{path}: no line names expressions of AFFDEX such as Brow Raise or browRaise")
    table = header_of(header.start, place, header.encoding)
    spelled = {_plain(name): name for name in reversed(table.columns)}
    time_name = next((spelled[name] for name in _TIMES if name in spelled), None)
    if time_name is None:
        raise InputError(f"{path}: no column Timestamp; export it with the times")
    names = {unit: spelled[name] for name, unit in EXPRESSIONS.items() if name in spelled}
    evidence = {int(match[1]): name for name in table.columns if (match := _EVIDENCE.fullmatch(name))}
    units = known_units(path, {**names, **evidence})
    face = next((spelled[name] for name in _FACE if name in spelled), "")
    persons = [spelled[name] for name in _SEVERAL if name in spelled]
    columns = read_columns(path, table, [time_name, face, *names.values(), *evidence.values()], persons, skip_rows=place)
    _one_person(path, columns, persons)
    percent = of_units(columns, names, units, len(columns[time_name]))
    odds = of_units(columns, evidence, units, len(percent))
    scores: np.ndarray = np.where(np.isfinite(percent), percent / 100, 1 / (1 + 10.0**-odds)).astype(np.float32)
    milliseconds = _milliseconds(place, names.values(), bool(evidence))
    times = columns[time_name] / (1000 if milliseconds else 1)
    found: np.ndarray = np.isfinite(scores).any(axis=1)
    kept = _samples(path, times, found, milliseconds)
    faces = face_numbers(path, columns.get(face, np.zeros(len(found))), found)
    return ScoreTable.made_of(
        recording_name(path),
        units,
        times[kept],
        faces[kept],
        frame=np.arange(1, int(kept.sum()) + 1),
        probability=scores[kept],
        tool=TOOL,
        meaning=MappingProxyType(_meaning(bool(evidence), milliseconds)),
        path=path,
    )


def _plain(name: str) -> str:
    """ "innerBrowRaise", "Inner Brow Raise" and "InnerBrowRaise" as "inner brow raise"."""
    return re.sub(r"[\s_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip().lower().replace("time stamp", "timestamp")


def _place(header: Header) -> int | None:
    for place, line in enumerate(header.start):
        cells = re.split(r"[,;\t]", line.replace('"', ""))
        if sum(_plain(cell) in EXPRESSIONS or bool(_EVIDENCE.fullmatch(cell.strip())) for cell in cells) >= _AT_LEAST:
            return place
    return None


def _milliseconds(place: int, names: object, evidence: bool) -> bool:
    """iMotions counts milliseconds, and writes facts before its table and spaces in its names; the SDK counts seconds."""
    return place > 0 or evidence or any(" " in name for name in names)  # type: ignore[attr-defined]


def _one_person(path: Path, columns: dict[str, np.ndarray], persons: list[str]) -> None:
    for name in persons:
        different = sorted({text for text in columns[name] if text})
        if len(different) > 1:
            shown = ", ".join(different[:4])
            raise InputError(f"{path}: {len(different)} respondents in one table ({shown}); export one file for each")


def _samples(path: Path, times: np.ndarray, found: np.ndarray, imotions: bool) -> np.ndarray:
    """(N,) bool: rows of the camera. In iMotions' table every sensor has rows of its own, in which the others have empty cells."""
    kept = found if imotions else np.ones(len(found), bool)
    kept = kept & np.isfinite(times)
    if not kept.all():
        warnings.warn(
            f"{path}: {int((~kept).sum())} of {len(kept)} rows hold no expression (other sensors, or no face) and are left out",
            InputWarning,
            stacklevel=5,
        )
    return kept


def _meaning(evidence: bool, milliseconds: bool) -> dict[str, str]:
    said = (
        "FACET's evidence, the logarithm (base 10) of the odds, as a probability" if evidence else "AFFDEX's 0-100, divided by 100"
    )
    return {
        "probability": said,
        "time": "milliseconds of iMotions' clock" if milliseconds else "seconds",
        "AU12": "AFFDEX's smile",
        "AU25": "AFFDEX's mouth open",
        "AU43": "AFFDEX's eye closure",
    }

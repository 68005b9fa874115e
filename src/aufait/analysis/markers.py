"""Markers: which stretch of which recording is which condition. Read from coders' files, checked against the recordings."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aufait.analysis.annotations import read_annotations
from aufait.analysis.annotations.text import shown
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

ENDINGS = frozenset({".csv", ".tsv", ".txt", ".eaf", ".boris", ".textgrid"})
"""Files that are taken from a folder of markers."""

_SHOWN = 5
_TOGETHER = 1e-6  # seconds; segments that meet do not overlap


@dataclass(frozen=True)
class Condition:
    """All segments of one label on one tier.

    Attributes:
        label: name of the condition.
        tier: the layer it is on; may be empty.
        segments: in the order of time; they may overlap.
    """

    label: str
    tier: str
    segments: tuple[Span, ...]

    def covered(self, start: float, end: float) -> tuple[tuple[float, float], ...]:
        """What the segments cover between two times: disjoint stretches in order, none of no length."""
        return covered(self.segments, start, end)


def covered(spans: Iterable[Span], start: float, end: float) -> tuple[tuple[float, float], ...]:
    """Union of stretches of time, cut to what is between two times."""
    merged: list[tuple[float, float]] = []
    for span in sorted(spans):
        first, last = max(span.start, start), min(span.end, end)
        if first >= last:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)


def conditions(spans: Iterable[Span], names: Sequence[str]) -> list[Condition]:
    """The conditions that hold for one person, in the order of their first segment.

    Args:
        names: what the person is called; segments without a person hold for everybody.
    """
    found: dict[tuple[str, str], list[Span]] = {}
    for span in sorted(spans):
        if not span.person or span.person in names:
            found.setdefault((span.tier, span.label), []).append(span)
    return [Condition(label, tier, tuple(segments)) for (tier, label), segments in found.items()]


def read_markers(path: str | Path, recordings: Sequence[str], tiers: Sequence[str] = ()) -> dict[str, list[Span]]:
    """Markers by recording. What belongs to no recording is told with an ``InputWarning``.

    A marker belongs to the recording that it names, else to the one that its file is named after; markers of a single file that
    does neither hold for all recordings.

    Args:
        path: a file, or a folder of them.
        recordings: names of the recordings that there are.
        tiers: only markers on these; none for all.

    Raises:
        InputError: no such file or folder, no marker for any of the recordings, or a tier that no file has.
    """
    path = Path(path).expanduser()
    files = _files(path)
    spans = [(file, span) for file in files for span in read_annotations(file)]
    if missing := [tier for tier in tiers if tier not in {span.tier for _, span in spans}]:
        known = ", ".join(sorted({shown(span.tier) for _, span in spans if span.tier})) or "none"
        raise InputError(f"{path}: no tier {', '.join(map(repr, missing))}; the tiers there are: {known}")
    spans = [(file, span) for file, span in spans if not tiers or span.tier in tiers]
    found: dict[str, list[Span]] = {name: [] for name in recordings}
    unknown: dict[tuple[str, str], int] = {}
    for file, span in _with_length(spans):
        names = _recordings_of(span, file, recordings, path.is_file())
        for name in names:
            found[name].append(span)
        if not names:
            key = str(file), span.recording or file.stem
            unknown[key] = unknown.get(key, 0) + 1
    for (place, name), count in unknown.items():
        _warn(f"{place}: no table of the recording {shown(name)!r}; its {count} markers are not used")
    if not any(found.values()):
        raise InputError(f"{path}: no marker for any of the recordings {_listed(recordings)}; names must be those of the tables")
    _report_shared(path, [span for _, span in spans], recordings)
    return found


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder; expected markers as CSV, ELAN, BORIS or Praat file, or a folder of them")
    everything = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    files = [file for file in everything if file.suffix.lower() in ENDINGS]
    if not files:
        raise InputError(f"{path}: no files of markers in this folder; expected {', '.join(sorted(ENDINGS))}")
    if others := [file.name for file in everything if file not in files]:
        _warn(f"{path}: no files of markers, left out: {_listed(others)}")
    return files


def _with_length(spans: Iterable[tuple[Path, Span]]) -> Iterator[tuple[Path, Span]]:
    points: dict[Path, list[str]] = {}
    for file, span in spans:
        if span.end > span.start:
            yield file, span
        else:
            points.setdefault(file, []).append(f"{shown(span.label)} at {span.start:g} s")
    for file, names in points.items():
        _warn(f"{file}: points in time are no segments, not used: {_listed(names)}")


def _recordings_of(span: Span, file: Path, recordings: Sequence[str], alone: bool) -> list[str]:
    for text in (span.recording, "" if alone and span.recording else file.name):
        if text and (match := _matching(text, recordings)):
            return [match]
    return list(recordings) if alone and not span.recording else []


def _matching(text: str, recordings: Sequence[str]) -> str | None:
    """The recording that a text names: by its name, with or without folder and ending; None where none or several fit."""
    plain = text.replace("\\", "/")
    name = PurePosixPath(plain).name
    for wanted in (plain, name, PurePosixPath(plain).with_suffix("").as_posix() if name else plain, PurePosixPath(name).stem):
        if wanted in recordings:
            return wanted
    fitting = [one for one in recordings if PurePosixPath(one).name in (name, PurePosixPath(name).stem)]
    return fitting[0] if len(fitting) == 1 else None


def _report_shared(path: Path, spans: Sequence[Span], recordings: Sequence[str]) -> None:
    shared = [span for span in spans if not span.recording] if path.is_file() and not _matching(path.name, recordings) else []
    if shared and len(recordings) > 1:
        _warn(f"{path} names no recordings: its {len(shared)} markers hold for all {len(recordings)} of them")


def report_misfits(name: str, spans: Sequence[Span], start: float, end: float, people: Sequence[str]) -> None:
    """Warn of markers outside a recording, of conditions that overlap, and of persons who are not in it.

    Args:
        start, end: seconds at which the recording begins and ends.
        people: names of all persons and faces of the recording.
    """
    outside = [span for span in spans if span.end <= start or span.start >= end]
    partly = [span for span in spans if span not in outside and (span.start < start - 0.05 or span.end > end + 0.05)]
    runs = f"the recording, which runs from {start:.3f} to {end:.3f} s"
    if outside:
        _warn(f"{name}: outside {runs}, so without values: {_listed([_told(span) for span in outside])}")
    if partly:
        _warn(f"{name}: partly outside {runs}; only what is inside counts: {_listed([_told(span) for span in partly])}")
    pairs = [
        f"{_told(one)} and {_told(other)} from {other.start:.3f} to {min(one.end, other.end):.3f} s"
        for one, other in _overlaps(spans)
    ]
    if pairs:
        _warn(f"{name}: markers overlap, and the time counts in both: {_listed(pairs)}")
    strangers = sorted({span.person for span in spans if span.person and span.person not in people})
    if strangers:
        _warn(f"{name}: markers of {_listed(strangers)} are not used: the recording shows {_listed(people) or 'nobody'}")


def _overlaps(spans: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """Pairs of a marker and the one that reaches furthest of those before it on its tier."""
    furthest: dict[tuple[str, str], Span] = {}
    for span in sorted(spans):
        before = furthest.get((span.tier, span.person))
        if before is not None and min(span.end, before.end) - span.start > _TOGETHER:
            yield before, span
        if before is None or span.end > before.end:
            furthest[span.tier, span.person] = span


def _told(span: Span) -> str:
    return f"{shown(span.label)!r} ({span.start:.3f}-{span.end:.3f} s)"


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

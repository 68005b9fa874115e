"""Makes raters: of a file or of what was read from it, for one recording and one person."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aufait.analysis.agreement.frame_codes import read_frame_codes, recognises
from aufait.analysis.agreement.rater import CoderRater, Rater, TableRater
from aufait.analysis.agreement.settings import Settings
from aufait.analysis.annotations import Code, code_of, read_annotations
from aufait.analysis.annotations.text import shown
from aufait.analysis.readers import read_table, readers
from aufait.analysis.readers.header import read_header
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

CODERS = frozenset({".eaf", ".textgrid", ".boris"})
"""Endings of files that only coders write."""

_SHOWN = 8


def read_any(path: Path, fps: float | None = None) -> ScoreTable | list[Span]:
    """A table of scores, or a coder's annotations, whichever the file is.

    Raises:
        InputError: it is neither.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a table of scores or a coder's file (ELAN, BORIS, Praat, CSV)")
    if path.suffix.lower() in CODERS:
        return read_annotations(path)
    if path.suffix.lower() == ".parquet":
        return read_table(path, fps=fps, scores_only=True)
    header = read_header(path)
    first = header.columns
    names = {name.strip().lower() for name in first}
    if "label" in names and names & {"start", "onset"}:
        return read_annotations(path)
    if any(reader.recognises(header) for reader in readers().values()):
        return read_table(path, fps=fps, scores_only=True)
    return read_frame_codes(path, fps) if recognises(first) else read_annotations(path)


def make_rater(
    name: str, found: ScoreTable | Sequence[Span], settings: Settings | None = None, *, face: int | None = None, shift: float = 0.0
) -> Rater:
    """A rater of a table, or of annotations.

    Args:
        name: shown to people.
        found: what was read.
        settings: of the comparison.
        face: of a table; None takes that of the settings, else the one that is seen longest.
        shift: seconds to add to its times.

    Raises:
        InputError: it has nothing to compare.
    """
    settings = settings or Settings()
    if not isinstance(found, ScoreTable):
        return coder_rater(name, found, settings, shift)
    return table_rater(name, found, settings, settings.face if face is None else face, shift)


def table_rater(name: str, table: ScoreTable, settings: Settings, face: int | None = None, shift: float = 0.0) -> TableRater:
    """One face of a table: the one asked for, else the one that is seen longest."""
    if not table.faces:
        raise InputError(f"{name}: no row with a face; nothing can be compared")
    by_hand = table.tool == "coder"
    if face is None or by_hand:
        face = _longest_seen(name, table)
    elif face not in table.faces:
        raise InputError(f"{name}: no face {face}; its faces: {', '.join(map(str, table.faces))}")
    shifted = replace(table, time=table.time + shift) if shift else table
    level = settings.level if by_hand else settings.intensity
    return TableRater(name, shifted.of_face(face), shifted.frame_times, settings.rule, level, shift)


def longest_seen(table: ScoreTable) -> int:
    """The face with most rows."""
    numbers, counts = np.unique(table.face_id[table.found], return_counts=True)
    return int(numbers[np.argmax(counts)])


def _longest_seen(name: str, table: ScoreTable) -> int:
    face = longest_seen(table)
    if len(table.faces) > 1:
        others = ", ".join(str(one) for one in table.faces if one != face)
        _warn(f"{name}: face {face} is compared, the one that is seen longest; not faces {others}: choose with --face or --person")
    return face


def coder_rater(name: str, spans: Sequence[Span], settings: Settings, shift: float = 0.0) -> CoderRater:
    """The annotations that name action units; the others are counted and told, and so are those of one side."""
    found: dict[int, list[tuple[Span, Code]]] = {}
    unread: Counter[str] = Counter()
    for span in spans:
        if (code := code_of(span)) and span.end > span.start:
            moved = replace(span, start=span.start + shift, end=span.end + shift)
            found.setdefault(code.unit, []).append((moved, code))
        else:
            unread[span.label or span.tier or "(no label)"] += 1
    if not found and not settings.units:
        raise InputError(f"{name}: no annotation names an action unit; labels such as AU12 or 12C, or tiers named so, are needed")
    if unread:
        _warn(f"{name}: annotations that name no action unit or have no length are not compared: {_counted(unread)}")
    sided = Counter(f"AU{code.unit} {code.side}" for codes in found.values() for _, code in codes if code.side)
    if sided:
        _warn(f"{name}: annotations of one side count for the whole face: {_counted(sided)}")
    last = max((span.end for span in spans), default=0.0) + shift
    coded = settings.coded
    if isinstance(coded, str):
        start, end = -np.inf, last if coded == "last" else np.inf
    else:
        start, end = coded[0] + shift, coded[1] + shift
    return CoderRater(name, found, float(start), float(end), settings.level, settings.units)


def of_recording(name: str, spans: Sequence[Span], recording: str, others: Iterable[str] = ()) -> list[Span]:
    """The annotations of one recording, where they name several.

    Args:
        others: further names that the recording goes by.

    Raises:
        InputError: they name several, and none of them is this one.
    """
    named = {span.recording for span in spans if span.recording}
    if len(named) < 2:
        return list(spans)
    fitting = [one for one in named if Path(one.replace("\\", "/")).stem in (recording, *others) or one == recording]
    if not fitting:
        known = ", ".join(sorted(shown(one) for one in named))
        raise InputError(f"{name}: its annotations are of the recordings {known}; none of them is {recording!r}")
    kept = [span for span in spans if not span.recording or span.recording in fitting]
    if len(kept) < len(spans):
        _warn(f"{name}: {len(spans) - len(kept)} annotations of other recordings than {recording} are not compared")
    return kept


def of_person(name: str, spans: Sequence[Span], person: str, faces: Sequence[int] = ()) -> list[Span]:
    """The annotations of a person and those that name nobody.

    Args:
        person: empty where nobody is named; then those of the faces count where they name faces, and all where they do not,
            which is told where they name several people.
        faces: numbers of the person's faces, which annotations may name as "face 0".
    """
    named = {span.person for span in spans if span.person}
    wanted = {f"face {face}" for face in faces} | {person} - {""}
    if person or named & wanted:
        return [span for span in spans if not span.person or span.person in wanted]
    if len(named) > 1:
        listed = ", ".join(map(shown, sorted(named)))
        _warn(f"{name}: annotations of {listed} are taken together; --person FILE tells who is which face")
    return list(spans)


def report_scales(raters: Sequence[Rater]) -> None:
    """Warn of tables whose intensities are something else than FACS levels, where they are compared with others'."""
    tables = [one for one in raters if isinstance(one, TableRater) and np.isfinite(one.table.intensity).any()]
    graded = len(tables) + sum(
        any(code.level for codes in one.spans.values() for _, code in codes) for one in raters if isinstance(one, CoderRater)
    )
    for one in tables if graded > 1 else ():
        if (meaning := _meaning(one.table.meaning)) is not None:
            _warn(f"{one.name}: intensity there is {meaning}; ICC and Bland-Altman take it for FACS levels, 0 to 5")


def _meaning(meanings: Mapping[str, str]) -> str | None:
    return meanings.get("intensity")


def _counted(names: Mapping[str, int]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"{shown(name, 30)!r} ({count})" for name, count in list(names.items())[:_SHOWN]) + more


def _warn(text: str) -> None:
    warnings.warn(text, InputWarning, stacklevel=3)

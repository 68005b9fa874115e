"""``aufait events``: from tables of scores to events, blinks and combinations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import input_warnings_printed, print_table, print_warning, refuse_existing, stdout
from aufait.cli.options import ErrorsOnlyOption
from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.analysis import Event, ScoreTable
    from aufait.analysis.baseline import BaselineResult, BaselineRule
    from aufait.analysis.findings import Findings

_SEGMENT = re.compile(r"(\d+\.?\d*)-(\d+\.?\d*)")


def events(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLE...", help="Tables of aufait detect or of another tool.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV of events to write.", show_default=False)
    ] = None,
    au: Annotated[
        str | None, typer.Option("--au", help="Only these, such as 6,12,12L (left) or 12R; all if left out.", show_default=False)
    ] = None,
    expression: Annotated[
        list[str] | None,
        typer.Option("--expression", "-e", help="A combination such as '6 & 12' or '12 & !6'; repeatable.", show_default=False),
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Named combinations: emfacs or pain; may be repeated.", show_default=False)
    ] = None,
    blinks: Annotated[bool, typer.Option("--blinks", help="Blinks and long closures of the eyes, from AU43 or AU45.")] = False,
    no_sides: Annotated[bool, typer.Option("--no-sides", help="Whole faces only, not also left and right.")] = False,
    baseline: Annotated[
        str,
        typer.Option(
            help="none; quiet (median of quiet frames); running (the same, from the past alone); START-END, seconds in which the "
            "person is at rest; or another table of the person, TABLE or TABLE:START-END."
        ),
    ] = "none",
    baseline_face: Annotated[
        list[str] | None,
        typer.Option("--baseline-face", help="FACE=FACE of the table with the baseline; may be repeated.", show_default=False),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", help="CSV to write with scores, corrected scores and combinations, by row.", show_default=False),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="intensity, probability or occurrence; the first that there is.", show_default=False)
    ] = None,
    on: Annotated[
        float | None, typer.Option(help="Events begin at this value: FACS B, 1.5, or probability 0.5.", show_default=False)
    ] = None,
    off: Annotated[
        float | None, typer.Option(help="They end below this value: 1.2, or probability 0.4.", show_default=False)
    ] = None,
    min_duration: Annotated[float, typer.Option(min=0.0, help="Seconds that an event lasts at least.")] = 0.1,
    bridge: Annotated[float, typer.Option(min=0.0, help="Seconds between two events that are one.")] = 0.2,
    smooth: Annotated[float, typer.Option(min=0.0, help="Window of the running median in seconds; 0: none.")] = 0.2,
    min_quality: Annotated[float, typer.Option(min=0.0, max=1.0, help="Frames below are missing.")] = 0.3,
    tool: Annotated[str | None, typer.Option(help="Whose tables; told by the header if left out.", show_default=False)] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second, for tables without times.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Find onset, apex and offset of action units, blinks and combinations.

    docs/events.md has the rule in words, and what the sets and baselines are.
    """
    from aufait.analysis.event_file import write_events
    from aufait.analysis.event_rule import EventRule
    from aufait.analysis.findings import Wanted, find_all
    from aufait.analysis.score_file import score_columns, write_scores

    for path in filter(None, (out, scores)):
        refuse_existing(path, overwrite)
    rule = EventRule(kind, on, off, min_duration, bridge, smooth, min_quality=min_quality)
    labels = tuple(text.strip() for text in (au or "").split(",") if text.strip())
    wanted = Wanted(labels, tuple(expression or ()), tuple(sets or ()), blinks, not no_sides)
    _check_names(tables)
    recordings: list[tuple[ScoreTable, Findings]] = []
    rows = []
    with input_warnings_printed():
        given = GivenBaseline.read(baseline, baseline_face or (), min_quality, tool, fps)
        for path in tables:
            table = open_table(path, tool, fps)
            corrected = given.of(table)
            findings = find_all(table, wanted, rule, corrected)
            recordings.append((table, findings))
            rows += [(table, score_columns(table, corrected, findings.columns))] if scores else []
    if out is not None:
        write_events(out, (event for _, findings in recordings for event in findings.events), overwrite)
    if scores is not None:
        write_scores(scores, rows, overwrite)
    _tell_of_sets(wanted.sets)
    if not quiet:
        _print_summary(recordings)
        for path in filter(None, (out, scores)):
            stdout().print(str(path), soft_wrap=True)


def _check_names(paths: Sequence[Path]) -> None:
    """Recordings are told apart by the names of their tables."""
    stems = [path.stem.removesuffix(".partial") for path in paths]
    double = next((stem for stem in stems if stems.count(stem) > 1), None)
    if double is not None:
        both = " and ".join(str(path) for path, stem in zip(paths, stems, strict=True) if stem == double)
        raise InputError(f"{both} would both be the recording {double!r}; rename one of them, or ask for them one by one")


def open_table(path: Path, tool: str | None, fps: float | None = None) -> ScoreTable:
    """The table of a video.

    Raises:
        InputError: no table, or one of pictures.
    """
    from aufait.analysis import read_table

    table = read_table(path, tool, fps=fps)
    if table.of_pictures:
        raise InputError(f"{path} is a table of pictures, which have no time; events need the table of a video")
    return table


@dataclass(frozen=True)
class GivenBaseline:
    """The baseline that the options ask for."""

    rule: BaselineRule
    reference: ScoreTable | None
    faces: dict[int, int] | None

    @classmethod
    def read(cls, text: str, pairs: Sequence[str], min_quality: float, tool: str | None, fps: float | None = None) -> GivenBaseline:
        """Read what was typed.

        Raises:
            InputError: neither a kind, nor seconds, nor a table.
        """
        from aufait.analysis.baseline import KINDS, BaselineRule

        faces = dict(map(_pair, pairs)) or None
        if text in KINDS and text != "given":
            if faces:
                raise InputError("--baseline-face goes with a table of the person at rest: --baseline TABLE")
            return cls(BaselineRule(text, min_quality=min_quality), None, None)
        place, start, end = _place(text)
        rule = BaselineRule("given", start, end, min_quality=min_quality)
        return cls(rule, None if place is None else open_table(place, tool, fps), faces)

    def of(self, table: ScoreTable) -> BaselineResult | None:
        """The baseline of one table; None: none was asked for."""
        from aufait.analysis.baseline import correct

        return None if self.rule.kind == "none" else correct(table, self.rule, self.reference, faces=self.faces)


def _place(text: str) -> tuple[Path | None, float | None, float | None]:
    """Table and seconds of "10-20", "rest.csv" or "rest.csv:10-20"."""
    if found := _SEGMENT.fullmatch(text):
        return None, float(found[1]), float(found[2])
    if Path(text).expanduser().is_file():
        return Path(text).expanduser(), None, None
    name, colon, seconds = text.rpartition(":")
    found = _SEGMENT.fullmatch(seconds)
    if not colon or not found or not Path(name).expanduser().is_file():
        raise InputError(
            f"--baseline {text!r} is neither none, quiet or running, nor seconds such as 0-30, nor a table that is there; "
            "write TABLE or TABLE:0-30 for another recording"
        )
    return Path(name).expanduser(), float(found[1]), float(found[2])


def _pair(text: str) -> tuple[int, int]:
    face, equals, other = text.partition("=")
    if not (equals and face.strip().isdigit() and other.strip().isdigit()):
        raise InputError(f"--baseline-face {text!r}: write FACE=FACE OF THE BASELINE, such as 0=1")
    return int(face), int(other)


def _tell_of_sets(names: Sequence[str]) -> None:
    from aufait.analysis.named_sets import named_set

    for chosen in {one.name: one for one in map(named_set, names)}.values():
        print_warning(f"set {chosen.name}: {chosen.warning}. From: {chosen.literature}")


def _print_summary(recordings: Sequence[tuple[ScoreTable, Findings]]) -> None:
    groups: dict[tuple[str, int, str], list[Event]] = {}
    for _, findings in recordings:
        for event in findings.events:
            groups.setdefault((event.recording, event.face_id, event.label), []).append(event)
    if not groups:
        stdout().print("no events")
    else:
        heading = ("recording", "face", "label", "events", "median seconds", "median peak")
        rows = sorted(groups.items(), key=lambda one: (one[0][0], one[0][1], _natural(one[0][2])))
        print_table(heading, (_row(*key, some) for key, some in rows), right=(1, 3, 4, 5))
    _print_blinks(recordings)
    _print_pain(recordings)


def _natural(label: str) -> list[tuple[int, str]]:
    """AU6 before AU12."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", label)]


def _row(recording: str, face: int, label: str, some: Sequence[Event]) -> tuple[str, ...]:
    from statistics import median

    seconds, peak = median(event.duration for event in some), median(event.peak for event in some)
    return recording, str(face), label, str(len(some)), f"{seconds:.2f}", f"{peak:.2f}"


def _print_blinks(recordings: Sequence[tuple[ScoreTable, Findings]]) -> None:
    rows = [
        (
            table.name, str(one.face_id), f"{one.observed:.1f}", str(len(one.blinks)), f"{one.rate:.1f}",
            "-" if not one.blinks else f"{one.median_duration:.2f}", str(len(one.closures)), str(len(one.cut)),
        )
        for table, findings in recordings
        for one in findings.blinks
    ]  # fmt: skip
    if rows:
        heading = ("recording", "face", "seconds seen", "blinks", "per minute", "median seconds", "long closures", "cut off")
        print_table(heading, rows, right=range(1, 8))


def _print_pain(recordings: Sequence[tuple[ScoreTable, Findings]]) -> None:
    import numpy as np

    rows = [
        (table.name, str(face), f"{np.nanmean(own):.2f}", f"{np.nanmax(own):.2f}", f"0-{findings.pain.largest}")
        for table, findings in recordings
        if findings.pain is not None
        for face in table.faces
        if np.isfinite(own := findings.pain.values[table.face_id == face]).any()
    ]
    if rows:
        print_table(("recording", "face", "PSPI mean", "PSPI peak", "scale"), rows, right=(1, 2, 3, 4))

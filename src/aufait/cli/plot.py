"""``aufait plot``: tables as pictures, a timeline, a heat map or a matrix."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import EXIT_SOME_FAILED, input_warnings_printed, print_error, refuse_existing, stdout
from aufait.cli.options import ErrorsOnlyOption
from aufait.errors import AufaitError, InputError

if TYPE_CHECKING:
    from aufait.analysis import Event, ScoreTable, Span
    from aufait.analysis.baseline import BaselineResult
    from aufait.analysis.plots import Choice, Shared
    from aufait.cli.events import GivenBaseline

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{2}(?:\.\d+)?)")
_FOUND = "event (rule of aufait events)"


def plot(
    tables: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE...", help="Tables of aufait detect or of another tool, and folders of them."),
    ],
    kind: Annotated[str, typer.Option("--kind", "-k", help="timeline, heatmap or cooccurrence.")] = "timeline",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="PNG, PDF or SVG file, or a folder; beside the table if left out.", show_default=False),
    ] = None,
    units: Annotated[
        str | None, typer.Option("--units", "--au", help="Only these, in this order: 6,12; all if left out.", show_default=False)
    ] = None,
    faces: Annotated[
        str | None, typer.Option("--face", help="Only these faces: 0,2; those seen longest if left out.", show_default=False)
    ] = None,
    start: Annotated[str | None, typer.Option(help="From this time on: seconds, or 1:30.", show_default=False)] = None,
    end: Annotated[str | None, typer.Option(help="Until this time: seconds, or 2:00.", show_default=False)] = None,
    scores: Annotated[
        str | None, typer.Option(help="intensity, probability or occurrence; the first that there is.", show_default=False)
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(help="found (by the rule of aufait events), none, or a CSV of events. Timelines: found.", show_default=False),
    ] = None,
    baseline: Annotated[
        str, typer.Option(help="A line at the person's baseline, as aufait events takes it; events are then of what is above it.")
    ] = "none",
    baseline_face: Annotated[
        list[str] | None,
        typer.Option("--baseline-face", help="FACE=FACE of the table with the baseline; may be repeated.", show_default=False),
    ] = None,
    markers: Annotated[
        Path | None,
        typer.Option(help="Conditions: a CSV, ELAN, BORIS or Praat file, or a folder of them.", show_default=False),
    ] = None,
    tiers: Annotated[
        list[str] | None, typer.Option("--tier", help="Only the markers on this tier; may be repeated.", show_default=False)
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="Cells of a heatmap: mean or present; of a cooccurrence: share or jaccard.", show_default=False),
    ] = None,
    bins: Annotated[
        float | None, typer.Option("--bin", help="Seconds of a heatmap's cell; a round number if left out.", show_default=False)
    ] = None,
    same_scale: Annotated[
        bool, typer.Option("--same-scale/--own-scale", help="Rows and axis of time of several tables: the same, or each its own.")
    ] = True,
    min_quality: Annotated[float, typer.Option(min=0.0, max=1.0, help="Frames below are missing.")] = 0.3,
    tool: Annotated[str | None, typer.Option(help="Whose tables; told by the header if left out.", show_default=False)] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second, for tables without times.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Draw tables: action units over time, over hours, or together; a picture for each table.

    docs/plots.md shows the pictures and says how they are to be read.
    """
    from aufait.analysis.plots import Choice, check_kind
    from aufait.analysis.summary.inputs import table_files
    from aufait.cli.events import GivenBaseline
    from aufait.visualization.findings.figure import new_figure

    check_kind(kind, measure, bins)
    new_figure(1, 1)  # says now, not after the work, that Matplotlib is missing
    choice = Choice(_numbers(units, "--units"), _numbers(faces, "--face"), _seconds(start), _seconds(end), scores, min_quality)
    files = table_files(tables)
    targets = _targets(files, output, kind)
    for path in targets.values():
        refuse_existing(path, overwrite)
    failed = []
    with input_warnings_printed(quiet):
        rest = GivenBaseline.read(baseline, baseline_face or (), min_quality, tool, fps)
        happenings = _Happenings.read(kind, events, markers, tiers or (), list(files))
        opening = _Opening(files, kind, tool, fps)
        work = _Work(kind, choice, happenings, rest, measure, bins, opening.shared(choice) if same_scale else None)
        for name, path in targets.items():
            try:
                work.draw(opening.table(name), path, overwrite)
            except AufaitError as error:
                if len(files) == 1:
                    raise
                failed.append(error)
                continue
            if not quiet:
                stdout().print(str(path), soft_wrap=True)
    for reason in failed:
        print_error(reason)
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _numbers(text: str | None, option: str) -> tuple[int, ...]:
    """"6, AU12" -> (6, 12)."""
    found: list[int] = []
    for word in (text or "").split(","):
        number = re.sub(r"^AU\s*", "", word.strip(), flags=re.IGNORECASE)
        if not number and not found and text is None:
            return ()
        if not number.isascii() or not number.isdigit():
            raise InputError(f"{option} {text!r}: write whole numbers with commas between them, such as 6,12")
        found.append(int(number))
    return tuple(dict.fromkeys(found))


def _seconds(text: str | None) -> float | None:
    """"90", "1:30" and "0:01:30" are the same."""
    if text is None:
        return None
    if found := _CLOCK.fullmatch(text.strip()):
        return 3600 * int(found[1] or 0) + 60 * int(found[2]) + float(found[3])
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not 0 <= seconds < float("inf"):
        raise InputError(f"{text!r} is no time; write seconds, such as 90, or minutes and seconds, such as 1:30")
    return seconds


def _targets(files: Mapping[str, Path], output: Path | None, kind: str) -> dict[str, Path]:
    """Name of the recording -> file to write."""
    from aufait.visualization.findings.figure import FORMATS

    ending = "" if output is None else output.suffix.lower().removeprefix(".")
    if output is not None and ending in FORMATS and not output.is_dir():
        if len(files) > 1:
            raise InputError(f"{output} is one file, and there are {len(files)} tables; name a folder for their pictures")
        return dict.fromkeys(files, output)
    if output is not None and ending and not output.is_dir():
        raise InputError(f"{output}: pictures are {', '.join(FORMATS)}; give a name with one of these endings, or a folder")
    targets = {}
    for name, path in files.items():
        stem = path.stem.removesuffix(".partial") if output is None else name.replace("/", "_")
        targets[name] = (path.parent if output is None else output) / f"{stem}_plot_{kind}.png"
    return targets


@dataclass(frozen=True)
class _Happenings:
    """Events and markers, as they were asked for.

    Attributes:
        found: events are to be found by the rule.
        events: those of a file; None where none was given.
        source: name of that file.
        markers: by recording.
    """

    found: bool
    events: list[Event] | None
    source: str
    markers: Mapping[str, Sequence[Span]]

    @classmethod
    def read(
        cls, kind: str, events: str | None, markers: Path | None, tiers: Sequence[str], names: Sequence[str]
    ) -> _Happenings:
        """Read what was typed.

        Raises:
            InputError: a file that cannot be read, or is not for this kind of picture.
        """
        from aufait.analysis.event_file import read_events
        from aufait.analysis.markers import read_markers

        if kind == "cooccurrence":
            for given, option in ((events, "--events"), (markers, "--markers")):
                if given is not None:
                    raise InputError(f"{option} is for timelines and heatmaps; a cooccurrence has no axis of time")
        if markers is None and tiers:
            raise InputError("--tier is of the markers; give them too, with --markers")
        spans = {} if markers is None else read_markers(markers, names, tiers)
        typed = events or ("found" if kind == "timeline" else "none")
        if typed in ("found", "none"):
            return cls(typed == "found", None, "", spans)
        path = Path(typed).expanduser()
        own = read_events(path)
        named = {event.recording for event in own} - {""}
        if named and not named & set(names):
            shown = ", ".join(sorted(named)[:5])
            raise InputError(f"{path}: its events are of {shown}; none is of the recording {', '.join(names)}")
        return cls(False, own, path.name, spans)

    def of(self, table: ScoreTable, corrected: BaselineResult | None, choice: Choice) -> Sequence[Event] | None:
        """The events of one table."""
        from aufait.analysis.event_rule import EventRule
        from aufait.analysis.events import find_events

        if self.events is not None:
            return [event for event in self.events if event.recording in ("", table.name)]
        if not self.found:
            return None
        used = table if corrected is None else corrected.table()
        labels = [str(unit) for unit in choice.action_units if unit in table.action_units] or None
        return find_events(used, EventRule(choice.scores, min_quality=choice.min_quality), labels=labels, sides=False)


class _Opening:
    """Reads tables, one at a time: a batch may be larger than the memory."""

    def __init__(self, files: Mapping[str, Path], kind: str, tool: str | None, fps: float | None) -> None:
        self._files, self._kind, self._tool, self._fps = files, kind, tool, fps

    def table(self, name: str) -> ScoreTable:
        """The table of a recording.

        Raises:
            InputError: it cannot be read, or is one of pictures, which have no time.
        """
        import numpy as np

        from aufait.analysis import read_table

        path = self._files[name]
        table = read_table(path, self._tool, fps=self._fps, scores_only=True)
        if not len(table):
            raise InputError(f"{path} has no rows; there is nothing to draw")
        if self._kind != "cooccurrence" and table.tool == "aufait" and np.array_equal(table.time, table.frame):
            raise InputError(f"{path} is a table of pictures, which have no time; a {self._kind} needs the table of a video")
        return replace(table, name=name)

    def shared(self, choice: Choice) -> Shared | None:
        """Rows and times that all pictures have in common; None for a single one. Tables that cannot be read do not count."""
        from aufait.analysis.plots import shared_by
        from aufait.analysis.plots.choice import window

        if len(self._files) == 1 or self._kind == "cooccurrence":
            return None
        spans = []
        for name in self._files:
            try:
                table = self.table(name)
                spans.append((table.action_units, *window(table, choice)))
            except AufaitError:  # told when it is drawn
                continue
        if not spans:
            return None
        shared = shared_by(spans)
        if missing := [unit for unit in choice.action_units if unit not in shared.action_units]:
            known = ", ".join(map(str, shared.action_units))
            raise InputError(f"--units: no AU{', AU'.join(map(str, missing))} in any of the tables; they have {known}")
        return shared


@dataclass(frozen=True)
class _Work:
    """What is drawn of every table."""

    kind: str
    choice: Choice
    happenings: _Happenings
    rest: GivenBaseline
    measure: str | None
    bins: float | None
    shared: Shared | None

    def draw(self, table: ScoreTable, path: Path, overwrite: bool) -> None:
        """Write the picture of one table.

        Raises:
            AufaitError: it cannot be drawn or written.
        """
        from aufait.analysis.markers import report_misfits
        from aufait.analysis.plots import plot_table, span_of
        from aufait.analysis.plots.files import format_of
        from aufait.files.atomic import write_bytes

        corrected = self.rest.of(table) if self.kind == "timeline" or self.happenings.found else None
        spans = self.happenings.markers.get(table.name, ())
        if spans:
            report_misfits(table.name, spans, *span_of(table), [f"face {face}" for face in table.faces])
        events = self.happenings.of(table, corrected, self.choice)
        named = _FOUND if self.happenings.found else f"event ({self.happenings.source})"
        drawing = plot_table(
            table, self.kind, self.choice, events=events, events_are=named, baseline=corrected, markers=spans, measure=self.measure,
            bin_seconds=self.bins, shared=self.shared, file_format=format_of(path),
        )  # fmt: skip
        write_bytes(path, drawing, overwrite=overwrite)

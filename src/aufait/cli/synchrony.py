"""``aufait synchrony``: do two faces move together, who leads, and could it be chance?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aufait.cli.console import input_warnings_printed, print_table, refuse_existing, stdout
from aufait.cli.options import ErrorsOnlyOption
from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.analysis import ScoreTable
    from aufait.analysis.synchrony import Cooccurrence, Synchrony

SUMMARY = (
    "label", "kind", "windows", "mean_peak", "p_peak", "best_lag", "best_r", "p_lag", "zero_r", "median_lag", "first_leads",
    "together", "second_leads",
)  # fmt: skip
WINDOWS = ("label", "start", "end", "r", "lag", "r_at_lag", "r_at_zero")
EVENTS = ("label", "of", "with", "events", "others", "together", "share", "chance", "p", "median_lag")


def synchrony(
    first: Annotated[str, typer.Argument(metavar="A", help="Table, or TABLE:FACE for one face of it.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The other face: of the same table or of another.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", show_default=False)],
    au: Annotated[str, typer.Option("--au", help="Action units, such as 6,12 or 12L.")] = "12",
    window: Annotated[float, typer.Option(help="Seconds of a window.")] = 10.0,
    step: Annotated[float | None, typer.Option(help="From window to window; half a window if left out.")] = None,
    max_lag: Annotated[float, typer.Option(help="Largest lead or lag in seconds.")] = 3.0,
    offset: Annotated[float, typer.Option(help="Seconds to add to B's times, where its clock starts at another moment.")] = 0.0,
    rate: Annotated[
        float | None, typer.Option(help="Values per second; the rate of the slower recording if left out.", show_default=False)
    ] = None,
    kind: Annotated[str | None, typer.Option(help="intensity, probability or occurrence.", show_default=False)] = None,
    event_window: Annotated[float, typer.Option(help="Events whose onsets are this many seconds apart come together.")] = 1.0,
    surrogates: Annotated[int, typer.Option(min=0, help="Pairs that cannot be in time, to test against; 0: no test.")] = 199,
    method: Annotated[str, typer.Option(help="How they are made: circular or segments.")] = "circular",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same surrogates.")] = 0,
    min_quality: Annotated[float, typer.Option(min=0.0, max=1.0, help="Frames below are missing.")] = 0.3,
    tool: Annotated[str | None, typer.Option(help="Whose tables; told by the header if left out.", show_default=False)] = None,
    plot: Annotated[bool, typer.Option(help="Draw a heat map of the lags over time.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Compare two faces over time: windowed cross-correlation, lead and lag, a test, and events that come together.

    docs/two_people.md says what the figures mean and how far they can be trusted.
    """
    from aufait.analysis.event_rule import EventRule
    from aufait.analysis.labels import parse_label
    from aufait.analysis.synchrony import SynchronySettings, pair_scores
    from aufait.analysis.synchrony import synchrony as compare
    from aufait.files.atomic import write_bytes, write_text
    from aufait.files.csv_text import csv_text

    labels = list(dict.fromkeys(parse_label(text) for text in au.split(",") if text.strip()))
    if not labels:
        raise InputError("--au names no action unit; write for example --au 6,12")
    settings = SynchronySettings(window, step, max_lag, surrogates, method, seed=seed)
    names = ["synchrony.csv", "windows.csv", "event_cooccurrence.csv"]
    pictures = {label: f"synchrony_{str(label).replace(' ', '_')}.png" for label in labels} if plot else {}
    for name in (*names, *pictures.values()):
        refuse_existing(out / name, overwrite)
    if plot:
        from aufait.visualization.findings.figure import new_figure

        new_figure(1, 1)  # says now, not after the work, that Matplotlib is missing
    with input_warnings_printed():
        a, b = open_face(first, tool), open_face(second, tool)
        if first == second:
            raise InputError(f"{first} is the same face twice; name another face or another table")
        found = [compare(pair_scores(a, b, one, kind=kind, rate=rate, offset=offset, min_quality=min_quality), settings)
                 for one in labels]  # fmt: skip
        rule = EventRule(kind, min_quality=min_quality)
        events = [row for one in found for row in _event_rows(a, b, one, rule, event_window, offset, surrogates, seed)]
    rows = [_summary(one) for one in found]
    tables = (SUMMARY, rows), (WINDOWS, [row for one in found for row in _window_rows(one)]), (EVENTS, events)
    for name, (header, lines) in zip(names, tables, strict=True):
        write_text(out / name, csv_text(header, [list(map(_cell, line)) for line in lines]), overwrite=overwrite)
    for label, one in zip(labels, found, strict=True):
        if plot:
            from aufait.visualization.findings.lags import draw_lags

            write_bytes(out / pictures[label], draw_lags(one, first, second), overwrite=overwrite)
    if not quiet:
        _tell(found, first, second)
        for name in (*names, *pictures.values()):
            stdout().print(f"  {out / name}", soft_wrap=True)


def open_face(text: str, tool: str | None) -> ScoreTable:
    """The rows of one face from "clip.csv" or "clip.csv:1".

    Raises:
        InputError: no such face, or several where none was named.
    """
    from aufait.cli.events import open_table

    name, colon, number = text.rpartition(":")
    if not colon or not number.isdigit() or Path(text).expanduser().is_file():
        name, number = text, ""
    table = open_table(Path(name).expanduser(), tool)
    faces = ", ".join(map(str, table.faces)) or "none"
    if not number and len(table.faces) != 1:
        raise InputError(f"{name} has the faces {faces}; name one: {name}:{table.faces[0] if table.faces else 0}")
    face = int(number) if number else table.faces[0]
    if face not in table.faces:
        raise InputError(f"{name} has no face {face}; it has {faces}")
    return table.of_face(face)


def _summary(found: Synchrony) -> list[Any]:
    step, pair = found.pair.step, found.pair
    numbers = (found.mean_peak, found.p_peak, found.best_lag, found.best_r, found.p_lag, found.zero_r, found.median_lag)
    return [pair.label, pair.kind, found.windows, *numbers, *found.peaks.leads] if step else []


def _window_rows(found: Synchrony) -> list[list[Any]]:
    pair, correlation, peaks = found.pair, found.correlation, found.peaks
    starts = pair.start + pair.step * correlation.starts
    zero = correlation.r[:, len(correlation.lags) // 2]
    ends = starts + pair.step * correlation.length
    columns = (starts, ends, peaks.r, peaks.lag * pair.step, peaks.height, zero)
    return [[pair.label, *map(float, row)] for row in zip(*columns, strict=True)]


def _event_rows(
    a: ScoreTable, b: ScoreTable, found: Synchrony, rule: Any, window: float, offset: float, surrogates: int, seed: int
) -> list[list[Any]]:
    from aufait.analysis.events import find_events
    from aufait.analysis.synchrony import cooccurrence

    one, other = (find_events(table, rule, labels=[found.pair.label]) for table in (a, b))
    start, end = found.pair.start, float(found.pair.times[-1])
    chance = {"surrogates": surrogates, "seed": seed}
    rows: list[tuple[str, str, Cooccurrence]] = [
        ("A", "B", cooccurrence(one, other, start, end, window, offset=offset, **chance)),
        ("B", "A", cooccurrence(other, one, start - offset, end - offset, window, offset=-offset, **chance)),
    ]
    return [[found.pair.label, of, with_, r.events, r.others, r.together, r.share, r.chance, r.p, r.median_lag]
            for of, with_, r in rows]  # fmt: skip


def _cell(value: Any) -> Any:
    """Four decimals; empty for what is not known."""
    if isinstance(value, float):
        return "" if value != value else round(value, 4)
    return value


def _tell(found: list[Synchrony], first: str, second: str) -> None:
    rows = []
    for one in found:
        lag = "-" if one.best_lag != one.best_lag else f"{one.best_lag:+.2f} s"
        leads = ["-" if share != share else f"{100 * share:.0f} %" for share in one.peaks.leads]
        numbers = ["-" if value != value else f"{value:.3f}" for value in (one.mean_peak, one.p_peak, one.best_r, one.p_lag)]
        rows.append([one.pair.label, str(one.windows), *numbers[:2], lag, *numbers[2:], *leads])
    stdout().print(f"A {first}, B {second}; positive lags: A is first", soft_wrap=True, markup=False)
    heading = ["", "windows", "mean peak", "p", "best lag", "r there", "p", "A leads", "together", "B leads"]
    print_table(heading, rows, right=range(1, len(heading)))

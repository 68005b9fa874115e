"""``aufait compare``: how far tables of scores and human coders agree."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import input_warnings_printed, stdout
from aufait.errors import InputError, OutputError


def compare(
    files: Annotated[list[Path], typer.Argument(metavar="A B...", help="Tables and coders' files of one recording.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the result.", show_default=False)] = None,
    face: Annotated[int | None, typer.Option(help="Face of the tables; default: the one seen longest.", show_default=False)] = None,
    coded: Annotated[str, typer.Option(help="What coders coded: last (to the last annotation), all, or seconds (0-30).")] = "last",
    level: Annotated[float, typer.Option(min=1, max=5, help="Coded level from which a unit is present, 1 = A.")] = 1.0,
    tolerance: Annotated[float, typer.Option(min=0.0, help="Seconds that onsets of the same event may differ.")] = 0.5,
    fps: Annotated[float | None, typer.Option(help="Frames per second, for files without times.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")] = False,
) -> None:
    """Frame and event agreement of every two of them, per action unit, and where they disagree."""
    from aufait.analysis.agreement.compare import Disagreement, Measure, common_times, compare_pair
    from aufait.analysis.agreement.files import write_agreement
    from aufait.analysis.agreement.rater import Rater, coder_rater, read_any, table_rater
    from aufait.analysis.event_rule import EventRule

    if output is None or len(files) < 2:
        raise InputError("name two files or more and a folder: aufait compare A B -o FOLDER")
    if output.is_file():
        raise OutputError(f"{output} is a file; choose a folder")
    with input_warnings_printed():
        names = [file.name for file in files] if len({file.name for file in files}) == len(files) else [str(file) for file in files]
        raters: list[Rater] = []
        for name, file in zip(names, files, strict=True):
            found = read_any(file, fps)
            if isinstance(found, list):
                raters.append(coder_rater(name, found, _range(coded), 0.0, level))
            else:
                by_hand = found.tool == "coder"
                raters.append(table_rater(name, found, None if by_hand else face, 0.0, EventRule(), level if by_hand else 1.5))
        times, near = common_times(raters, fps or 30.0)
        measures: list[Measure] = []
        stretches: list[Disagreement] = []
        for one, other in combinations(raters, 2):
            more, where = compare_pair(one, other, times, near, tolerance)
            measures += more
            stretches += where
    for path in write_agreement(output, measures, stretches, overwrite):
        stdout().print(f"  {path}", soft_wrap=True)


def _range(text: str) -> tuple[float, float] | str:
    if text in ("last", "all"):
        return text
    try:
        start, end = map(float, text.split("-"))
    except ValueError:
        raise InputError(f"--coded should be last, all, or seconds such as 0-30, got {text!r}") from None
    return start, end

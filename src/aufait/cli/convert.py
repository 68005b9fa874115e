"""``aufait convert``: tables and events in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import input_warnings_printed, stdout
from aufait.cli.options import ErrorsOnlyOption


def convert(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="TABLE_OR_EVENTS...", help="Tables of any tool, and files of aufait events.", show_default=False),
    ],
    to: Annotated[
        str,
        typer.Option("--to", help="elan, praat, boris, boris-table, webvtt, noldus, bids, fex, long or wide.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, or a folder.", show_default=False)],
    media: Annotated[
        Path | None, typer.Option("--media", help="The video; if left out, the one that the table names.", show_default=False)
    ] = None,
    no_sides: Annotated[bool, typer.Option("--no-sides", help="Find events of whole faces only.")] = False,
    subject: Annotated[
        str | None, typer.Option("--subject", help="bids: the subject's label; else from the name.", show_default=False)
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="bids: the task's label; else from the name, or video.", show_default=False)
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.001, help="bids: rows per second; if left out, the frames' own rate.", show_default=False),
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second, for tables without times.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Write scores and events for ELAN, Praat, BORIS, The Observer, subtitles, BIDS, py-feat, SPSS and R.

    Events are those of the files of events that are given; a recording without any gets those of the default rule. A table and a
    file of events of the same recording belong together. docs/interop.md says what each format holds and how it is opened.
    """

    from aufait.analysis.writers import Choices, read_recordings, writer_of
    from aufait.analysis.writers import convert as write

    choices = Choices(subject=subject or "", task=task or "", rate=rate, overwrite=overwrite)
    events = writer_of(to).WANTS != "scores"
    with input_warnings_printed():
        written = write(read_recordings(inputs, media, events=events, sides=not no_sides, fps=fps), to, out, choices)
    if not quiet:
        for path in written:
            stdout().print(str(path), soft_wrap=True)

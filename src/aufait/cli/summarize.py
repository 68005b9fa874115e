"""``aufait summarize``: how often, how long and how strongly, by recording, person, condition and segment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import EXIT_SOME_FAILED, input_warnings_printed, print_error, stdout
from aufait.cli.options import ErrorsOnlyOption, JsonProgressOption, SpreadOption
from aufait.cli.progress import Board
from aufait.errors import InputError


def summarize(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLE...", help="Tables of aufait detect or of another tool, and folders of them.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the summary.", show_default=False)] = None,
    markers: Annotated[
        Path | None,
        typer.Option(help="Conditions: a CSV, ELAN, BORIS or Praat file, or a folder of them.", show_default=False),
    ] = None,
    tiers: Annotated[
        list[str] | None, typer.Option("--tier", help="Only the markers on this tier; may be repeated.", show_default=False)
    ] = None,
    person: Annotated[
        Path | None, typer.Option(help="Who is who: a CSV with recording,face_id,person.", show_default=False)
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option(
            "--group", help="Column of that CSV; rows over the persons of each value. May be repeated.", show_default=False
        ),
    ] = None,
    baseline: Annotated[
        str, typer.Option(help="Corrected means beside the raw ones: none, quiet, running, seconds (0-10), or a marker's label.")
    ] = "none",
    min_quality: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Frames of lower quality are missing, as those without the face are.")
    ] = 0.3,
    block: Annotated[float, typer.Option(min=0.1, help="Seconds of the blocks of time that intervals are drawn from.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=0, help="Draws for the intervals; 0 for none.")] = 1000,
    confidence: Annotated[float, typer.Option(help="Confidence of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same intervals.")] = 0,
    tool: Annotated[
        str | None, typer.Option(help="Whose tables they are; told by their headers if left out.", show_default=False)
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second, for tables without times.", show_default=False)] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write the tables as Parquet too.")] = False,
    workers: SpreadOption = "1",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier summary.")] = False,
    json_progress: JsonProgressOption = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Sum recordings up: one long and one wide table with their codebook, and a page that shows and links everything."""
    from aufait.analysis.bootstrap import Bootstrap
    from aufait.analysis.event_rule import EventRule
    from aufait.analysis.summary import Settings
    from aufait.analysis.summary import summarize as run
    from aufait.analysis.summary.files import check_folder, write_summary
    from aufait.workers.executor import executor_for

    if output is None:
        raise InputError("name the folder for the summary: aufait summarize TABLE... -o FOLDER")
    check_folder(output, parquet, overwrite)
    settings = Settings(EventRule(min_quality=min_quality), Bootstrap(rounds, block, confidence, seed))
    executor = executor_for(workers)
    board = Board(quiet=quiet, json_lines=json_progress, unit="tables")
    with input_warnings_printed(quiet) as warned, board:
        batch = run(
            tables, markers=markers, tiers=tiers or (), persons=person, groups=groups or (), baseline=baseline, settings=settings,
            tool=tool, fps=fps, progress=lambda name: board.at(name, 0, 1), executor=executor, ended=board.ended,
        )  # fmt: skip
    files = write_summary(batch, output, parquet=parquet, overwrite=overwrite, warned=warned)
    for why in batch.failed.values():
        print_error(InputError(why))
    if not quiet:
        persons = sum(row.level == "recording" for row in batch.rows)
        stdout().print(f"{len(batch.tables) - len(batch.failed)} recordings, {persons} faces or persons, {len(batch.rows)} rows")
        for file in files:
            stdout().print(f"  {file}")
    if batch.failed:
        raise typer.Exit(EXIT_SOME_FAILED)

"""``aufait compare``: how far tables of scores and human coders agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import EXIT_SOME_FAILED, input_warnings_printed, print_error, print_table, stderr, stdout
from aufait.cli.options import ErrorsOnlyOption
from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.analysis.agreement.comparison import Comparison

_TOLD = ("F1", "Cohen's kappa", "ICC(2,1)", "event F1, overlap", "Fleiss' kappa", "Krippendorff's alpha, nominal")


def compare(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="A B...", help="Tables and coders' files of one recording, or folders of them, matched by name."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the result.", show_default=False)] = None,
    face: Annotated[int | None, typer.Option(help="Face of the tables; default: the one seen longest.", show_default=False)] = None,
    person: Annotated[
        Path | None, typer.Option(help="Who is who: a CSV with recording,face_id,person.", show_default=False)
    ] = None,
    coded: Annotated[str, typer.Option(help="What coders coded: last (to the last annotation), all, or seconds (0-30).")] = "last",
    level: Annotated[float, typer.Option(min=1, max=5, help="Coded level from which a unit is present, 1 = A.")] = 1.0,
    units: Annotated[
        str | None,
        typer.Option(
            help="What was coded, such as 1,2,4: absent where a coder has nothing. Default: units with annotations.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="Seconds that onsets of the same event may differ.")] = 0.5,
    offset: Annotated[
        list[float] | None,
        typer.Option(help="Seconds to add to the times of the second; once for each after the first.", show_default=False),
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second, for files without times.", show_default=False)] = None,
    video: Annotated[
        Path | None,
        typer.Option(help="The video, or a folder of them, for the page; if left out, what the tables name.", show_default=False),
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Show frames of the video on the page.")] = True,
    block: Annotated[float, typer.Option(min=0.1, help="Seconds of the blocks of time that intervals are drawn from.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=0, help="Draws for the intervals; 0 for none.")] = 1000,
    confidence: Annotated[float, typer.Option(help="Confidence of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same intervals.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")] = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Frame and event agreement of every two of them, and of all, per action unit; where they disagree; a page that shows it."""
    from aufait.analysis.agreement.compare import compare as run
    from aufait.analysis.agreement.files import check_folder, write_agreement
    from aufait.analysis.agreement.settings import Settings, coded_range, unit_list
    from aufait.analysis.bootstrap import Bootstrap

    if output is None:
        raise InputError("name a folder for the result: aufait compare A B -o FOLDER")
    check_folder(output, overwrite)
    settings = Settings(face, coded_range(coded), level, units=unit_list(units) if units is not None else (),
                        tolerance=tolerance, fps=fps,
                        bootstrap=Bootstrap(rounds, block, confidence, seed))  # fmt: skip
    told = None if quiet else lambda name: stderr().print(f"{name} ...")
    with input_warnings_printed(quiet) as warned:
        found = run(files, persons=person, offsets=offset or (), video=video, settings=settings, progress=told)
    with input_warnings_printed(quiet):
        written = write_agreement(found, output, overwrite=overwrite, warned=warned, pictures=pictures)
    for why in found.failed.values():
        print_error(InputError(why))
    if not quiet:
        _tell(found)
        for path in written:
            stdout().print(f"  {path}", soft_wrap=True)
    if found.failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _tell(found: Comparison) -> None:
    for pool in found.pools.values():
        rows = [row for row in found.overall if (row.first, row.second) == (pool.first, pool.second)]
        names = [name for name in _TOLD if any(row.measure == name for row in rows)]
        values = {(row.unit, row.measure): row.value for row in rows}
        stdout().print(f"{pool.first} and {pool.second}" if pool.second else pool.first, soft_wrap=True)
        cells = [[f"AU{unit}", *(_number(values.get((unit, name))) for name in names)] for unit in pool.units]
        print_table(["", *names], cells, right=range(1, len(names) + 1))


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.2f}"

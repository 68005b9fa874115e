"""``aufait import-checkpoint``: weights as their authors published them -> a file that aufait reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import print_table, refuse_existing, stdout

if TYPE_CHECKING:
    from aufait.models.import_checkpoint import ImportReport


def import_checkpoint(
    source: Annotated[
        Path, typer.Argument(help="The released file; for JAA-Net the folder with the six files of an epoch.", show_default=False)
    ],
    system: Annotated[
        str, typer.Option("--as", help="What it is: aunet, aufan, fan, jaanet-v1, jaanet-v2 or vae.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .safetensors.", show_default=False)],
    fan: Annotated[
        Path | None, typer.Option(help="For aunet and aufan: the FAN that the head was trained on.", show_default=False)
    ] = None,
    au_set: Annotated[
        str | None,
        typer.Option(
            help="Name of an AU set, or AU numbers such as 1,2,12; by default what was released with that many outputs.",
            show_default=False,
        ),
    ] = None,
    epoch: Annotated[
        int | None, typer.Option(min=0, help="For JAA-Net: the epoch, if the folder holds several.", show_default=False)
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(help="How FAN halves its maps: max or avg; by default as released.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Convert an authors' checkpoint. Every tensor must find its place; nothing in the file is run."""
    from aufait.models.import_checkpoint import import_checkpoint as run

    refuse_existing(output, overwrite)
    numbers = parse_au_set(au_set) if au_set is not None else None
    report = run(source, system, output, fan=fan, au_set=numbers, epoch=epoch, pool=pool)
    if json_output:
        import json

        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)


def parse_au_set(text: str) -> str | tuple[int, ...]:
    """``"bp4d"`` stays a name; ``"1,2,12"`` and ``"AU1, AU2"`` become numbers."""
    words = [word.strip().upper().removeprefix("AU") for word in text.split(",")]
    if all(word.isdigit() for word in words):
        return tuple(int(word) for word in words)
    return text


def _print(report: ImportReport) -> None:
    heading = ("file", "tensors", "parameters", "became", "matched")
    rows = [(f.path.name, f"{f.tensors:,}", f"{f.parameters:,}", f.part, f.matched) for f in report.files]
    print_table(heading, rows, right=(1, 2))
    console = stdout()
    if report.action_units:
        names = ", ".join(f"AU{number}" for number in report.action_units)
        console.print(f"{len(report.action_units)} action units: {names}", soft_wrap=True)
    for note in [*report.notes, *(note for file in report.files for note in file.notes)]:
        console.print(f"note: {note}", soft_wrap=True)
    text = f"{report.model}, {report.parameters:,} parameters, all filled -> {report.output}"
    console.print(text, soft_wrap=True)

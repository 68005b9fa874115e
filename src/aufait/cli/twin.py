"""``aufait twin``: a synthetic twin of a data set, in that set's own layout."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from aufait.cli.console import AufaitGroup, stderr, stdout
from aufait.cli.options import (
    AssetsOption,
    AssetsSourceOption,
    ErrorsOnlyOption,
    FetchOption,
    SeedOption,
    SizeOption,
    SupersampleOption,
    WorkersOption,
)
from aufait.cli.progress import Bar
from aufait.cli.synth import fetch_geometry
from aufait.errors import InputError

_OCCLUDED_SHARE = 1 / 3


def twin(
    name: Annotated[
        str,
        typer.Argument(
            help="The data set: bp4d, bp4d_plus, disfa, disfa_plus, fera2015, fera2017 or affwild2.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the twin.", show_default=False)],
    subjects: Annotated[
        str | None,
        typer.Option(help="Number of subjects, or names such as SN001,SN002; all if left out.", show_default=False),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="Tasks per subject, or names such as T1,T8; all if left out.", show_default=False),
    ] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", "-n", min=1, help="Frames of each recording (24 to 200).", show_default=False)
    ] = None,
    seed: SeedOption = 0,
    size: SizeOption = 256,
    fps: Annotated[
        float | None, typer.Option(min=1.0, max=240.0, help="Frames per second (5 to 7.5 by data set).", show_default=False)
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(help="For fera2017: digits of the views, such as 56; default: all nine.", show_default=False),
    ] = None,
    cameras: Annotated[
        str | None, typer.Option(help="For disfa: left, right or left,right; default: left.", show_default=False)
    ] = None,
    uncoded: Annotated[
        int, typer.Option(min=0, help="For bp4d, bp4d_plus and fera2015: pictures without labels around each coded span.")
    ] = 0,
    occlusions: Annotated[
        bool, typer.Option("--occlusions", help="Hands, objects and masks in front of faces in a third of the recordings.")
    ] = False,
    supersample: SupersampleOption = 1.5,
    workers: WorkersOption = None,
    assets: AssetsOption = None,
    fetch: FetchOption = False,
    source: AssetsSourceOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a twin with other settings in the same folder.")] = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Write rendered faces in the layout and label format of a data set. A second run resumes where the first one stopped."""
    if fetch or source is not None:
        assets = fetch_geometry(source, quiet)
    from aufait.twins import twin_layout, write_twin

    name = twin_layout(name).name
    with Bar(quiet=quiet, what="rendering") as bar:
        folder = write_twin(
            name,
            out,
            progress=bar.report,
            subjects=_number_or_names(subjects),
            tasks=_number_or_names(tasks),
            frames=frames,
            size=size,
            seed=seed,
            fps=fps,
            occlusions=_OCCLUDED_SHARE if occlusions else 0.0,
            views=_digits(views),
            cameras=None if cameras is None else [word.strip().lower() for word in cameras.split(",") if word.strip()],
            uncoded=uncoded,
            supersample=supersample,
            assets=assets,
            workers=workers,
            overwrite=overwrite,
        )
    if not quiet:
        stdout().print(f"synthetic twin of {name} in {folder}; look at it with: aufait data check {name} {folder}", soft_wrap=True)


class GroupWithOldSpelling(AufaitGroup):
    """Commands of which one had another name before: ``synth OUT --like NAME`` runs as ``twin NAME OUT``, with advice."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Reads the command line."""
        words = as_twin(args)
        if words != args:
            stderr().print(f"advice: this command is now: aufait {shlex.join(words)}", soft_wrap=True)
        return super().parse_args(ctx, words)


def as_twin(words: list[str]) -> list[str]:
    """The words after ``aufait``, with ``synth OUT --like NAME`` written as ``twin NAME OUT``; others as they are."""
    if words[:1] != ["synth"]:
        return words
    for at, word in enumerate(words):
        if word == "--like" and at + 1 < len(words):
            return ["twin", words[at + 1], *words[1:at], *words[at + 2 :]]
        if word.startswith("--like="):
            return ["twin", word.removeprefix("--like="), *words[1:at], *words[at + 1 :]]
    return words


def _number_or_names(text: str | None) -> int | list[str] | None:
    if text is None or text.strip().lower() == "all":
        return None
    if text.strip().lstrip("-").isdigit():
        return int(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _digits(text: str | None) -> list[int] | None:
    if text is None:
        return None
    digits = text.replace(",", "").replace(" ", "")
    if not digits.isdigit():
        raise InputError(f"--views takes digits such as 56, got {text!r}")
    return [int(digit) for digit in digits]

"""``aufait synth``: render labelled faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aufait.cli.console import is_terminal, stderr, stdout
from aufait.errors import InputError

_PER_IDENTITY, _OCCLUDER_ODDS = 3, 0.08
_OCCLUDED_SHARE = 1 / 3


def synth(
    out: Annotated[Path | None, typer.Argument(help="Folder for pictures, masks and labels.", show_default=False)] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            "-n",
            min=1,
            help="Number of pictures (300); with --like, frames of each recording (24 to 200).",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same pictures; other seeds show other people.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Side of the pictures in pixels.")] = 256,
    frames_per_identity: Annotated[int, typer.Option(min=1, help="Pictures of each rendered person.")] = _PER_IDENTITY,
    sequences: Annotated[
        bool, typer.Option("--sequences", help="Render moving faces (onset, apex, offset), not single pictures.")
    ] = False,
    fps: Annotated[
        float | None,
        typer.Option(min=1.0, max=240.0, help="Frames per second of sequences (25; with --like 5 to 7.5).", show_default=False),
    ] = None,
    occluder_odds: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of pictures with a hand or a thing before the face.")
    ] = _OCCLUDER_ODDS,
    supersample: Annotated[
        float | None,
        typer.Option(min=1.0, max=4.0, help="Finer rendering, smoothed down (2; with --like 1.5).", show_default=False),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            help="Write a synthetic twin of a data set in its own layout: bp4d, bp4d_plus, disfa, disfa_plus, fera2015, "
            "fera2017, affwild2.",
            show_default=False,
        ),
    ] = None,
    subjects: Annotated[
        str | None,
        typer.Option(help="With --like: number of subjects, or names such as SN001,SN002; all if left out.", show_default=False),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="With --like: tasks per subject, or names such as T1,T8; all if left out.", show_default=False),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(help="With --like fera2017: digits of the views, such as 56; all nine if left out.", show_default=False),
    ] = None,
    cameras: Annotated[
        str | None, typer.Option(help="With --like disfa: left, right or left,right; left if left out.", show_default=False)
    ] = None,
    uncoded: Annotated[
        int,
        typer.Option(min=0, help="With --like bp4d, bp4d_plus, fera2015: pictures without labels round each coded span."),
    ] = 0,
    occlusions: Annotated[
        bool, typer.Option("--occlusions", help="With --like: hands, things and masks before faces in a third of the recordings.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes to use; one per core if left out.", show_default=False)
    ] = None,
    assets: Annotated[Path | None, typer.Option(help="File or folder of the face geometry.", show_default=False)] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch-assets", help="Get the face geometry once: download ICT-FaceKit and convert it.")
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option("--assets-source", help="Convert this copy of ICT-FaceKit (clone or zip) instead.", show_default=False),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set with other settings in the same folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Render synthetic faces with action unit labels. A second run goes on where the first one stopped."""
    if fetch or source is not None:
        assets = _fetch(source, quiet)
        if out is None:
            return
    if out is None:
        raise InputError("name the folder for the pictures: aufait synth OUT")
    if like is not None:
        _refuse("with --like", {"--sequences": sequences, "--frames-per-identity": frames_per_identity != _PER_IDENTITY,
                                "--occluder-odds": occluder_odds != _OCCLUDER_ODDS})  # fmt: skip
        settings = {
            "subjects": _number_or_names(subjects),
            "tasks": _number_or_names(tasks),
            "frames": frames,
            "size": size,
            "seed": seed,
            "fps": fps,
            "occlusions": _OCCLUDED_SHARE if occlusions else 0.0,
            "views": _digits(views),
            "cameras": None if cameras is None else [name.strip().lower() for name in cameras.split(",") if name.strip()],
            "uncoded": uncoded,
            "supersample": 1.5 if supersample is None else supersample,
            "assets": assets,
            "workers": workers,
            "overwrite": overwrite,
        }
        _twin(like, out, settings, quiet)
        return
    _refuse("without --like", {"--subjects": subjects, "--tasks": tasks, "--views": views, "--cameras": cameras,
                               "--uncoded": uncoded, "--occlusions": occlusions})  # fmt: skip
    from aufait.synthetic.dataset import DatasetConfig, generate_dataset

    config = DatasetConfig(
        frames=300 if frames is None else frames,
        seed=seed,
        size=size,
        frames_per_identity=frames_per_identity,
        sequences=sequences,
        fps=25.0 if fps is None else fps,
        occluder_odds=occluder_odds,
        supersample=2.0 if supersample is None else supersample,
    )
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr(), transient=True, disable=quiet or not is_terminal()) as bar:
        task = bar.add_task("rendering", total=config.frames)
        folder = generate_dataset(
            out,
            config,
            assets=assets,
            workers=workers,
            overwrite=overwrite,
            progress=lambda count: bar.advance(task, count),
        )
    if not quiet:
        stdout().print(f"{config.frames} frames in {folder}", soft_wrap=True)


def _refuse(when: str, given: dict[str, object]) -> None:
    wrong = [option for option, value in given.items() if value]
    if wrong:
        raise InputError(f"{', '.join(wrong)} cannot be used {when}")


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


def _twin(like: str, out: Path, settings: dict[str, Any], quiet: bool) -> None:
    """Writes a twin and says how to read it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    from aufait.twins import twin_layout, write_twin

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    name = twin_layout(like).name
    with Progress(*columns, console=stderr(), transient=True, disable=quiet or not is_terminal()) as bar:
        task = bar.add_task("rendering", total=None)
        folder = write_twin(name, out, progress=lambda done, whole: bar.update(task, completed=done, total=whole), **settings)
    if not quiet:
        stdout().print(f"synthetic twin of {name} in {folder}; look at it with: aufait data check {name} {folder}", soft_wrap=True)


def _fetch(source: Path | None, quiet: bool) -> Path:
    """Gets the face geometry into the cache folder and says where it is."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from aufait.synthetic.head.fetch_assets import fetch_assets

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True, disable=quiet or not is_terminal()) as bar:
        task = bar.add_task("downloading", total=None)
        file = fetch_assets(
            source=source,
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    if not quiet:
        stdout().print(f"face geometry: {file}", soft_wrap=True)
    return file

"""``aufait prepare``: turns the pictures of a data set into aligned faces, once, for training and evaluation."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aufait.cli.console import print_warning, stdout
from aufait.cli.data import reader_options
from aufait.cli.progress import Bar
from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.data.anomalies import AnomalyLog
    from aufait.data.preparation import FaceCache

_EXAMPLES = 3


def prepare(
    dataset: Annotated[
        str | None, typer.Argument(help="Name of the data set; aufait data list shows them.", show_default=False)
    ] = None,
    root: Annotated[Path | None, typer.Argument(help="Its folder; for csv the table or its folder.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the aligned faces.", show_default=False)
    ] = None,
    alignment: Annotated[
        str, typer.Option(help="Standard frame: jaa_net, arl, aunet, deep_regions; or a model's name, for its frame.")
    ] = "jaa_net",
    landmarks: Annotated[
        str, typer.Option(help="distributed (with the data set), detect, or auto: distributed if all recordings have them.")
    ] = "auto",
    finder: Annotated[str, typer.Option(help="Face finder for --landmarks detect: auto, mesh or builtin.")] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Option of the data set as KEY=VALUE, such as camera=right.", show_default=False),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="Only the frames of a list: a picture per line, such as F001/T1/2440.jpg.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes to use; one per core if left out.", show_default=False)
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all faces in the folder again and compare checksums.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove faces of other settings in the same folder and start again.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Find, align and store the face of every labelled frame. Give the same command again to resume."""
    from aufait.data.preparation import FaceCache

    if output is None:
        raise InputError("name the folder for the faces: aufait prepare DATASET ROOT --output FOLDER")
    if dataset is None and verify:
        cache = FaceCache.open(output, verify=True)
    elif dataset is None or root is None:
        raise InputError("name the data set and its folder: aufait prepare DATASET ROOT --output FOLDER")
    else:
        options = {"alignment": _alignment(alignment), "landmarks": landmarks, "finder": finder, "workers": workers}
        cache = _prepare(dataset, root, output, reader_options(settings or []), {**options, "overwrite": overwrite}, quiet, frames)
        if verify:
            cache = FaceCache.open(output, verify=True)
    if not quiet:
        _print_summary(cache, verify)


def _alignment(name: str) -> str:
    """An alignment by its own name or by that of a model.

    Raises:
        InputError: it is neither.
    """
    from aufait.inputs.alignments import ALIGNMENTS, alignment_of

    key = name.strip().lower().replace("-", "_")
    if key in ALIGNMENTS:
        return key
    try:
        return alignment_of(name)
    except InputError as error:
        raise InputError(
            f"--alignment must be one of {', '.join(ALIGNMENTS)} or the name of a model (aufait models), got {name!r}"
        ) from error


def _prepare(
    dataset: str, root: Path, output: Path, options: dict[str, str], settings: dict[str, Any], quiet: bool, frames: Path | None
) -> FaceCache:
    from aufait.data.datasets import open_dataset
    from aufait.data.preparation import prepare as prepare_faces

    data = open_dataset(dataset, root, **options)
    if frames is not None:
        from aufait.data.frame_list import keep_frames, read_frame_list

        data = keep_frames(data, read_frame_list(frames))
    if not quiet:
        _warn_of_anomalies(data.anomalies, f"aufait data check {dataset} {root}")
    _warn_of_room(output, len(data), settings["alignment"])
    with Bar(quiet=quiet, what="frames prepared") as bar:
        return prepare_faces(data, output, root=root, progress=bar.report, **settings)


def _warn_of_anomalies(anomalies: AnomalyLog, command: str) -> None:
    """Says what the check would report; a copy with fewer subjects is not unusual here."""
    counts = {kind: count for kind, count in anomalies.counts().items() if kind != "missing-subject"}
    if counts:
        found = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
        print_warning(f"the data set is not as it should be ({found}); see where with: {command}")


def _warn_of_room(output: Path, frames: int, alignment: str) -> None:
    """Says beforehand that the disc may be too small; what is stored already counts as room."""
    from aufait.data.preparation.preparing import size_text
    from aufait.inputs.alignments import ALIGNMENTS

    needed = frames * ALIGNMENTS[alignment].side ** 2 * 3
    existing = next((one for one in (output, *output.absolute().parents) if one.exists()), None)
    if existing is None:
        return
    stored = sum(path.stat().st_size for path in output.rglob("*.u8")) if output.is_dir() else 0
    free = shutil.disk_usage(existing).free
    if needed - stored > free:
        room = f"up to {size_text(needed - stored)} more, but {size_text(free)} are free at {existing}"
        print_warning(f"{frames:,} faces need {room}")


def _print_summary(cache: FaceCache, verified: bool) -> None:
    from aufait.data.preparation.preparing import missing_frames, size_text

    console, facts = stdout(), cache.manifest
    made = "rendered faces" if cache.synthetic else "faces"
    size = sum(one["bytes"] for one in facts["recordings"])
    source = f"found by {facts['finder']}" if facts["finder"] else f"{facts['landmarks']}"
    console.print(
        f"{cache.name}: {len(cache):,} {made} of {facts['frames']:,} labelled frames, {len(facts['recordings']):,} recordings, "
        f"in {cache.path} ({size_text(size)}{', all checksums right' if verified else ''})",
        soft_wrap=True,
    )  # fmt: skip
    console.print(f"alignment {cache.alignment}, {cache.side} px; {cache.points} landmarks, {source}", soft_wrap=True)
    for reason, places in missing_frames(cache).items():
        shown = ", ".join(list(places)[:_EXAMPLES])
        more = f" and {len(places) - _EXAMPLES:,} more recordings" if len(places) > _EXAMPLES else ""
        console.print(f"without a face: {sum(places.values()):,} frames ({reason}), in {shown}{more}", soft_wrap=True)
    failed = facts["failed"]
    if failed:
        console.print(f"not prepared: {len(failed):,} recordings", soft_wrap=True)
    for one in failed[:_EXAMPLES]:
        console.print(f"    {one['name']}: {one['error']}", soft_wrap=True)
    if len(failed) > _EXAMPLES:
        console.print(f"    ... and {len(failed) - _EXAMPLES:,} more, all in {cache.path / 'manifest.json'}", soft_wrap=True)

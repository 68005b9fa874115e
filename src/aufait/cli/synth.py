"""``aufait synth``: render labelled faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import is_terminal, stderr, stdout


def synth(
    out: Annotated[Path, typer.Argument(help="Folder for pictures, masks and labels.", show_default=False)],
    frames: Annotated[int, typer.Option("--frames", "-n", min=1, help="Number of pictures to render.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same pictures; other seeds show other people.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Side of the pictures in pixels.")] = 256,
    frames_per_identity: Annotated[int, typer.Option(min=1, help="Pictures of each rendered person.")] = 3,
    sequences: Annotated[
        bool, typer.Option("--sequences", help="Render moving faces (onset, apex, offset), not single pictures.")
    ] = False,
    fps: Annotated[float, typer.Option(min=1.0, max=240.0, help="Frames per second of sequences.")] = 25.0,
    occluder_odds: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of pictures with a hand or a thing before the face.")
    ] = 0.08,
    supersample: Annotated[float, typer.Option(min=1.0, max=4.0, help="Finer rendering, smoothed down.")] = 2.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes to use; one per core if left out.", show_default=False)
    ] = None,
    assets: Annotated[
        Path | None, typer.Option(help="File or folder of the face geometry.", show_default=False)
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set with other settings in the same folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Render synthetic faces with action unit labels. A second run goes on where the first one stopped."""
    from aufait.synthetic.dataset import DatasetConfig, generate_dataset

    config = DatasetConfig(
        frames=frames,
        seed=seed,
        size=size,
        frames_per_identity=frames_per_identity,
        sequences=sequences,
        fps=fps,
        occluder_odds=occluder_odds,
        supersample=supersample,
    )
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr(), transient=True, disable=quiet or not is_terminal()) as bar:
        task = bar.add_task("rendering", total=frames)
        folder = generate_dataset(
            out,
            config,
            assets=assets,
            workers=workers,
            overwrite=overwrite,
            progress=lambda count: bar.advance(task, count),
        )
    if not quiet:
        stdout().print(f"{frames} frames in {folder}", soft_wrap=True)

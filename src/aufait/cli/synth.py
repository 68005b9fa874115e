"""``aufait synth``: render labelled faces."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import stdout
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
from aufait.errors import InputError


class Renderer(str, Enum):  # noqa: UP042 - Typer shows the values of a str Enum as choices
    """What draws, as a user asks for it."""

    CPU = "cpu"
    OPENGL = "opengl"
    AUTO = "auto"


def synth(
    out: Annotated[Path | None, typer.Argument(help="Folder for pictures, masks and labels.", show_default=False)] = None,
    frames: Annotated[int, typer.Option("--frames", "-n", min=1, help="Number of pictures.")] = 300,
    seed: SeedOption = 0,
    size: SizeOption = 256,
    frames_per_identity: Annotated[int, typer.Option(min=1, help="Pictures of each rendered person.")] = 3,
    sequences: Annotated[
        bool, typer.Option("--sequences", help="Render moving faces (onset, apex, offset), not single pictures.")
    ] = False,
    fps: Annotated[float, typer.Option(min=1.0, max=240.0, help="Frames per second of sequences.")] = 25.0,
    occluder_odds: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of pictures with a hand or an object in front of the face.")
    ] = 0.08,
    supersample: SupersampleOption = 2.0,
    renderer: Annotated[
        Renderer, typer.Option(help="Draw on the processor, on the graphics card through OpenGL, or there if there is one.")
    ] = Renderer.CPU,
    workers: WorkersOption = None,
    assets: AssetsOption = None,
    fetch: FetchOption = False,
    source: AssetsSourceOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set with other settings in the same folder.")
    ] = False,
    quiet: ErrorsOnlyOption = False,
) -> None:
    """Render synthetic faces with action unit labels. A second run resumes where the first one stopped;
    several at once share the work."""
    if fetch or source is not None:
        assets = fetch_geometry(source, quiet)
        if out is None:
            return
    if out is None:
        raise InputError("name the folder for the pictures: aufait synth OUT")
    from aufait.synthetic.dataset import DatasetConfig, generate_dataset
    from aufait.synthetic.opengl.context import choose_renderer

    config = DatasetConfig(
        frames=frames,
        seed=seed,
        size=size,
        frames_per_identity=frames_per_identity,
        sequences=sequences,
        fps=fps,
        occluder_odds=occluder_odds,
        supersample=supersample,
        renderer=choose_renderer(renderer.value),
    )
    done = 0
    with Bar(quiet=quiet, what="rendering") as bar:

        def count(more: int) -> None:
            nonlocal done
            done += more
            bar.report(done, config.frames)

        folder = generate_dataset(out, config, assets=assets, workers=workers, overwrite=overwrite, progress=count)
    if not quiet:
        stdout().print(f"{config.frames} frames in {folder}", soft_wrap=True)


def fetch_geometry(source: Path | None, quiet: bool) -> Path:
    """Get the face geometry into the cache folder and say where it is.

    Args:
        source: a copy of ICT-FaceKit to convert; downloaded when None.
        quiet: whether to print nothing.
    """
    from aufait.synthetic.head.fetch_assets import fetch_assets

    with Bar(quiet=quiet, what="downloading") as bar:
        file = fetch_assets(source=source, progress=lambda what, done, total: bar.report(done, total, what))
    if not quiet:
        stdout().print(f"face geometry: {file}", soft_wrap=True)
    return file

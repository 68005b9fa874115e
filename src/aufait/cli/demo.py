"""``aufait demo``: see it work, with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import EXIT_INTERRUPTED, print_warning, stdout
from aufait.cli.detect import DeviceOption, FinderOption, ModelOption, print_outcome, print_setup

DEFAULT_FOLDER = Path("aufait-demo")


def demo(
    file: Annotated[
        Path | None,
        typer.Argument(help="Your own video or picture; the shipped clip if left out.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = DEFAULT_FOLDER,
    finder: FinderOption = "auto",
    model: ModelOption = "default",
    device: DeviceOption = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing results; the default folder is always replaced.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a web browser at the end.")] = False,
) -> None:
    """Analyse a short clip and show table, annotated video, timeline and a page with all of them.

    The shipped clip is rendered by aufait's own face engine: nobody on it is real.
    """
    from aufait.cli.progress import DetectionBoard
    from aufait.detection.detector import Detector
    from aufait.detection.many import run_tasks
    from aufait.detection.plan import OutputOptions, can_plot, check_outputs, plan_tasks
    from aufait.media.sources import demo_clip, expand_inputs

    clip = file or demo_clip()
    options = OutputOptions(annotate=True, plot=can_plot(), report=True, overwrite=overwrite or out == DEFAULT_FOLDER)
    tasks = plan_tasks(expand_inputs([clip]), out)
    check_outputs(tasks, options)
    if not options.plot:
        print_warning("no timeline: drawing it needs the 'plot' extra; pip install 'aufait[plot]'")
    if file is None:
        stdout().print("The shipped clip is synthetic: rendered by aufait's face engine.")
    with Detector(finder=finder, model=model, device=device) as detector:
        print_setup(detector)
        with DetectionBoard(items=len(tasks)) as board:
            outcomes = run_tasks(tasks, detector, options, on_frame=board.frame, on_done=board.done)
    for outcome in outcomes:
        for problem in outcome.problems:
            print_warning(str(problem))
        print_outcome(outcome)
        if outcome.status == "interrupted":
            raise typer.Exit(EXIT_INTERRUPTED)
        if outcome.status == "failed":
            raise typer.Exit(outcome.exit_code or 1)
    if show:
        typer.launch(tasks[0].page.absolute().as_uri())

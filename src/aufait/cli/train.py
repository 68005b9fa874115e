"""``aufait train``: train a network by a recipe on prepared faces."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import print_table, print_warning, stdout
from aufait.cli.options import open_caches
from aufait.cli.progress import Bar
from aufait.errors import InputError

if TYPE_CHECKING:

    from aufait.training.run_folder import TrainingRun


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="Name of a recipe (see --list) or a YAML file.", show_default=False)
    ] = None,
    caches: Annotated[
        list[str] | None,
        typer.Option("--cache", help="Folder of aufait prepare, or NAME=FOLDER; once per data set.", show_default=False),
    ] = None,
    fold: Annotated[str, typer.Option(help="Fold of the protocol, by number or name.")] = "1",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the run.", show_default=False)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value of the recipe: KEY=VALUE; may be repeated.", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few epochs on few faces, to try things out.")] = False,
    small: Annotated[bool, typer.Option("--small", help="Small networks that learn on a CPU: 0.5 to 2 hours.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Resume a stopped run in the folder, or replace it.")
    ] = True,
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine, one per GPU.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that train together.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    workers: Annotated[
        str,
        typer.Option(metavar="ray:N", help="N workers of a Ray cluster train here, or of ray://HOST:PORT.", show_default=False),
    ] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Training faces at most.", show_default=False)] = None,
    checkpoint_every: Annotated[
        int, typer.Option(min=0, help="Updates between checkpoints within an epoch; 0: after epochs only.")
    ] = 1000,
    render_workers: Annotated[
        int, typer.Option(min=0, help="Processes that render faces, for recipes with rendered=N; 0: one per core.")
    ] = 0,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write logs for TensorBoard.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the recipe with all its values and stop.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the recipes and stop.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train a network by a recipe; a run that was stopped resumes when the same command is given again."""
    from aufait.training.recipe import load_recipe

    if list_all:
        _print_recipes()
        return
    if recipe is None:
        raise InputError("name a recipe, such as jaa_net_disfa; aufait train --list shows them")
    plan = load_recipe(recipe, settings or [], quick=quick, small=small)
    if show:
        stdout().print(plan.to_yaml(used_only=True), soft_wrap=True)
        return
    if output is None:
        raise InputError("name the folder of the run: --output FOLDER")
    opened = open_caches(caches or []) if caches or not plan.rendered else {}
    from aufait.machine import is_first_process

    run = _trained_here(device, devices, nodes) if not workers else _trained_by(workers, device, devices, nodes)
    with Bar(quiet=quiet) as bar:
        done = run(
            plan,
            opened,
            fold=fold,
            out=output.absolute() if workers else output,
            resume=resume,
            limit=limit,
            checkpoint_every=checkpoint_every,
            render_workers=render_workers,
            tensorboard=tensorboard,
            report=bar.report,
        )
    if is_first_process():
        _print_run(done, "--quick" if quick else "--small" if small else "")


def _trained_here(device: str, devices: int, nodes: int) -> Callable[..., TrainingRun]:
    from aufait.machine import resolve_device
    from aufait.training.run import train as run

    return partial(run, accelerator=device if device == "auto" else resolve_device(device), devices=devices, nodes=nodes)


def _trained_by(workers: str, device: str, devices: int, nodes: int) -> Callable[..., TrainingRun]:
    if not workers.startswith("ray"):
        raise InputError(f"--workers takes a Ray cluster, such as ray:4, got {workers!r}; processes of this machine: --devices N")
    if devices > 1 or nodes > 1 or device not in ("auto", "cpu", "cuda"):
        raise InputError("with --workers, the cluster says how many processes train: leave --devices and --nodes out, and let "
                         "--device be auto, cpu or cuda")  # fmt: skip
    from aufait.training.on_cluster import train_on
    from aufait.workers.ray_cluster import RayCluster

    return partial(train_on, RayCluster.of(workers), accelerator=device)


def _print_recipes() -> None:
    from aufait.training.recipe import list_recipes, load_recipe

    recipes = [load_recipe(name) for name in list_recipes()]
    rows = [(one.name, one.protocol, one.title, one.paper, one.cost) for one in recipes]
    print_table(("recipe", "protocol", "what", "paper", "cost"), rows)


def _print_run(done: TrainingRun, size: str) -> None:
    chosen, facts = done.facts["selected"], done.facts
    console = stdout()
    for note in facts["notes"]:
        print_warning(note)
    if facts["synthetic"]:
        console.print("synthetic faces: figures say nothing about real ones")
    if size:
        console.print(f"{size}: not the settings of any paper")
    if chosen["monitor"] is None:
        console.print(f"epoch {chosen['epoch']}, the last one (no persons were held out)")
    else:
        held = f"{len(facts['persons']['held_out'])} held-out training persons"
        value = "undefined" if chosen["value"] is None else f"{chosen['value']:.4f}"
        console.print(f"epoch {chosen['epoch']}: {chosen['monitor']} {value} on {held}")
    console.print(str(done.model_path), soft_wrap=True)

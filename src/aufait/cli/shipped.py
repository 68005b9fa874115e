"""``aufait train-default`` and ``aufait train-faces``: make the shipped networks again."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import stderr, stdout


class Recipe(str, Enum):  # noqa: UP042 - Typer shows the values of a str Enum as choices
    """Size of a training run."""

    auto = "auto"
    cpu = "cpu"
    full = "full"


OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder for weights, figures and checkpoints.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data.", show_default=False)]
Seed = Annotated[int, typer.Option(min=0, help="Seed of weights, sampling and augmentation.")]


def train_default(
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders made by `aufait synth`; rendered first if left out.", show_default=False),
    ] = None,
    out: OutFolder = Path("aufait-model"),
    recipe: Annotated[
        Recipe, typer.Option(help="cpu: hours on two cores; full: for a GPU; auto: full if there is a GPU.")
    ] = Recipe.auto,
    frames: Annotated[
        int | None, typer.Option(min=100, help="Pictures to render if no data are given.", show_default=False)
    ] = None,
    epochs: Epochs = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-6, max=1.0, help="Peak of the schedule.", show_default=False)
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    init: Annotated[
        Path | None, typer.Option(help="Weight file to continue from, of the same recipe.", show_default=False)
    ] = None,
    keep_initial: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of --init's weights in the result, so that less is forgotten.")
    ] = 0.0,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(help="Folder whose persons only calibrate and test; may be repeated.", show_default=False),
    ] = None,
    real_targets: Annotated[
        Path | None,
        typer.Option(help="real_targets.npz of `aufait train-mesh`: real faces to learn from too.", show_default=False),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that render.", show_default=False)] = None,
    assets: Annotated[
        Path | None, typer.Option(help="File or folder of the face geometry.", show_default=False)
    ] = None,
) -> None:
    """Train, calibrate and test the compact action unit model on rendered faces.

    A run that was stopped resumes when the same command is given again.
    """
    from aufait.machine import resolve_device
    from aufait.shipped.action_units.train import TrainConfig, full_size
    from aufait.shipped.action_units.train import train_default as train

    where = resolve_device(device)
    large = recipe is Recipe.full or (recipe is Recipe.auto and where != "cpu")
    config = replace(full_size() if large else TrainConfig(), seed=seed, keep_initial=keep_initial)
    if frames is not None:
        config = replace(config, frames=frames)
    if epochs is not None:
        config = replace(config, epochs=epochs)
    if learning_rate is not None:
        config = replace(config, learning_rate=learning_rate)
    log = stderr()
    weights = train(
        out,
        data or (),
        config=config,
        init=init,
        held_out_data=held_out or (),
        real_targets=real_targets,
        assets=assets,
        device=where,
        workers=workers,
        report=lambda line: log.print(line, soft_wrap=True),
    )
    stdout().print(str(weights), soft_wrap=True)


def train_mesh(
    data: Annotated[list[Path], typer.Argument(help="Folders made by `aufait synth`.", show_default=False)],
    real_faces: Annotated[
        Path, typer.Option(help="Folder with the real faces that the package lists.", show_default=False)
    ],
    labelled_faces: Annotated[
        Path, typer.Option(help="Folder with labels.json and pictures, for calibration.", show_default=False)
    ],
    photo_weights: Annotated[
        Path, typer.Option(help="EfficientNet-Lite0's .pth file, see docs/model_card.md.", show_default=False)
    ],
    held_out: Annotated[
        list[Path] | None,
        typer.Option(help="Folder whose persons only calibrate and test; may be repeated.", show_default=False),
    ] = None,
    out: OutFolder = Path("aufait-mesh"),
    compact: Annotated[str, typer.Option(help="The pixel branch: compact, or a weights file.")] = "compact",
    init: Annotated[
        str | None, typer.Option(help="Train the heads of this mesh model further: mesh, or a weights file.", show_default=False)
    ] = None,
    task_file: Annotated[Path | None, typer.Option(help="face_landmarker.task.", show_default=False)] = None,
    epochs: Annotated[float | None, typer.Option(min=0.1, help="Passes over the renders.", show_default=False)] = None,
    seed: Seed = 0,
) -> None:
    """Train and calibrate the mesh model: heads on frozen networks, taught by renders and real faces.

    A run that was stopped resumes when the same command is given again.
    """
    from aufait.shipped.action_units.train_mesh import MeshRecipe
    from aufait.shipped.action_units.train_mesh import train_mesh as train

    recipe = MeshRecipe()
    branch, student = (
        replace(one, seed=seed, epochs=one.epochs if epochs is None else epochs) for one in (recipe.branch, recipe.student)
    )
    log = stderr()
    weights = train(
        out,
        data,
        real_faces=real_faces,
        labelled_faces=labelled_faces,
        photo_weights=photo_weights,
        held_out=held_out or (),
        compact=compact,
        init=init,
        task_file=task_file,
        recipe=replace(recipe, branch=branch, student=student if init else recipe.student),
        report=lambda line: log.print(line, soft_wrap=True),
    )
    stdout().print(str(weights), soft_wrap=True)


def calibrate(
    model: Annotated[str, typer.Argument(help="mesh, compact, or a weights file.", show_default=False)],
    labelled_faces: Annotated[
        Path, typer.Option(help="Folder with labels.json and pictures.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The calibrated weights file.")] = Path("calibrated.safetensors"),
    finder: Annotated[str, typer.Option(help="Face finder: auto, mesh or builtin.")] = "auto",
    finder_model: Annotated[Path | None, typer.Option(help="The finder's own file.", show_default=False)] = None,
    portraits: Annotated[
        Path | None, typer.Option(help="Folder with the studio portraits that the package lists.", show_default=False)
    ] = None,
) -> None:
    """Calibrate a model on your own labelled real faces; the network stays as it is.

    The figures are those of tables fitted without the face's own person or clip.
    """
    from aufait.shipped.action_units.calibrate import calibrate_model

    report = calibrate_model(model, labelled_faces, out, finder=finder, finder_model=finder_model, portraits=portraits)
    say = stdout()
    say.print(f"{report.found} of {report.faces} labelled faces found; F1 at 0.5 and ROC area, each without its own group:")
    for unit, (present, absent, f1, area) in report.units.items():
        say.print(f"AU{unit}: {present} present, {absent} absent, F1 {f1:.2f}, ROC area {area:.3f}")
    say.print(f"mean: F1 {report.f1:.3f}, ROC area {report.roc_area:.3f}")
    say.print(str(report.path), soft_wrap=True)


def train_faces(
    data: Annotated[Path, typer.Argument(help="Folder made by `aufait synth`.", show_default=False)],
    out: OutFolder = Path("aufait-faces"),
    epochs: Epochs = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.", show_default=False)] = None,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Resume from the checkpoints in the output folder.")] = False,
    real_faces: Annotated[
        Path | None,
        typer.Option(help="Folder with the real faces that the package lists, to train on too.", show_default=False),
    ] = None,
    task_file: Annotated[
        Path | None, typer.Option(help="face_landmarker.task, which labels the real faces.", show_default=False)
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Folder of weights to start from.", show_default=False)] = None,
) -> None:
    """Train the builtin face detector and landmark network on rendered and on real faces."""
    import logging

    from aufait.machine import resolve_device
    from aufait.shipped.faces.train import train_faces as train

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    report = train(
        data,
        out,
        device=resolve_device(device),
        epochs=epochs,
        seed=seed,
        resume=resume,
        real_faces=real_faces,
        task_file=task_file,
        init=init,
    )
    for name, figure in report.figures.items():
        stdout().print(f"{name}: {figure:.4g}")
    stdout().print(f"{report.detector}\n{report.landmarks}", soft_wrap=True)

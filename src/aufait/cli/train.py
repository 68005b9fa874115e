"""``aufait train-default`` and ``aufait train-faces``: make the shipped networks again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataFolder = Annotated[Path, typer.Argument(help="Folder made by `aufait synth`.", show_default=False)]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder for weights, model card and log.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data.", show_default=False)]
Seed = Annotated[int, typer.Option(help="Seed of weights, sampling and augmentation.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the output folder.")]


def train_default(
    data: DataFolder,
    out: OutFolder = Path("aufait-model"),
    device: Device = "auto",
    epochs: Epochs = None,
    seed: Seed = 0,
    resume: Resume = False,
) -> None:
    """Train the default action unit model on rendered faces."""
    from aufait.training.train_default import train_default as train

    train(data, out, device=device, epochs=epochs, seed=seed, resume=resume)


def train_faces(
    data: DataFolder,
    out: OutFolder = Path("aufait-faces"),
    device: Device = "auto",
    epochs: Epochs = None,
    seed: Seed = 0,
    resume: Resume = False,
) -> None:
    """Train the builtin face detector and landmark network on rendered faces."""
    from aufait.training.train_faces import train_faces as train

    train(data, out, device=device, epochs=epochs, seed=seed, resume=resume)

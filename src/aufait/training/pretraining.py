"""What is trained before the network: its frozen face aligner and, from labels alone, what its loss needs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from aufait.errors import InputError
from aufait.machine import has_gpu, is_first_process
from aufait.models.system import AUSystem
from aufait.models.training_labels import TrainingLabels
from aufait.training.plan import Plan
from aufait.training.run_folder import (
    ALIGNER,
    FIT,
)

if TYPE_CHECKING:
    from aufait.training.trainer import Means


def fit_or_read_aligner(model: AUSystem, plan: Plan, out: Path, means: Means) -> None:
    """Weights of a frozen aligner: from a file, or fitted to the training faces; read back where the run has them already."""
    from aufait.models.fan.aligner import load_aligner, save_aligner
    from aufait.training.fit_aligner import fit_aligner

    recipe, path = plan.recipe, out / ALIGNER
    if not model.has_aligner:
        raise InputError(f"{recipe.model} has no face alignment network; leave aligner out")
    if recipe.aligner != FIT:
        model.use_aligner(load_aligner(str(recipe.aligner)))
        return
    if not path.is_file():
        device = means.accelerator.replace("auto", "cuda") if has_gpu(means.accelerator) else "cpu"
        table = plan.table.thinned(recipe.max_faces)
        aligner = fit_aligner(
            model, table, plan.caches, recipe.aligner_fit,
            seed=recipe.seed, alignment=plan.alignment, device=device, precision=recipe.precision, report=means.report,
        )  # fmt: skip
        model.use_aligner(aligner)
        if is_first_process():
            save_aligner(aligner, path, notes={"persons": list(plan.table.persons)})
        return
    model.use_aligner(load_aligner(path))


def training_labels(plan: Plan, out: Path) -> TrainingLabels:
    """Labels of the training faces, for what a network learns from them before training."""
    table = plan.table
    return TrainingLabels(
        plan.protocol.action_units, table.occurrence, table.known, table.source, table.names, table.persons,
        settings=asdict(plan.recipe.label_vae), seed=plan.recipe.seed, folder=out, writes=is_first_process(),
    )  # fmt: skip

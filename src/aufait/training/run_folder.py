"""The folder of a training run: its files, its facts, and the trained network in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aufait.errors import InputError
from aufait.models.checkpoint import load_model
from aufait.models.system import AUSystem
from aufait.training.recipe import Recipe, load_recipe

RUN, RECIPE, MODEL, LAST, METRICS, CHECKPOINTS, START, TENSORBOARD = (
    "run.json", "recipe.yaml", "model.safetensors", "last.safetensors", "metrics.csv", "checkpoints", "start", "tensorboard"
)  # fmt: skip
"""Names of its files and folders."""

CHECKPOINT = f"{CHECKPOINTS}/last.ckpt"
"""From which a stopped run resumes."""

CLAIM = "training.claim"
"""Of the process that trains."""

FORMAT = 1
"""Of run.json."""

RENDERED = "rendered"
"""Name of the data set of rendered faces, where others have theirs."""

ALIGNER, FIT, RANDOM = "aligner.safetensors", "fit", "random"


@dataclass(frozen=True)
class TrainingRun:
    """A finished run.

    Attributes:
        folder: where it is.
        facts: content of run.json.
    """

    folder: Path
    facts: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> TrainingRun:
        """A run by its folder.

        Raises:
            InputError: no finished run is there.
        """
        folder = Path(folder)
        facts = read_facts(folder)
        if facts is None:
            raise InputError(f"{folder} holds no training run; make one with: aufait train RECIPE --output {folder}")
        if facts.get("status") != "finished":
            raise InputError(f"the run in {folder} is not finished; give the same aufait train command again to resume it")
        return cls(folder, facts)

    @property
    def recipe(self) -> Recipe:
        """The recipe with all values as they were used."""
        return load_recipe(self.folder / RECIPE)

    @property
    def model_path(self) -> Path:
        """Network of the chosen epoch."""
        return self.folder / MODEL

    @property
    def last_path(self) -> Path:
        """Network of the last epoch; the chosen one where no persons were held out."""
        last = self.folder / LAST
        return last if last.is_file() else self.model_path

    def load(self, device: str | torch.device = "cpu") -> AUSystem:
        """The network of the chosen epoch, in evaluation mode."""
        return load_model(self.model_path, device=device)


def read_facts(out: Path) -> dict[str, Any] | None:
    path = out / RUN
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError("it holds no JSON object")
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{path} is damaged ({error}); delete the folder or choose another") from error
    if facts.get("format") != FORMAT:
        raise InputError(f"{path} has format {facts.get('format')!r}, this version reads {FORMAT}; choose another folder")
    return dict(facts)

"""The labels of a training part, for networks that learn something from them before training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class TrainingLabels:
    """Occurrence labels of N training faces; nobody else's.

    Attributes:
        action_units: A numbers, of the columns.
        occurrence: (N, A) 0 or 1.
        known: (N, A) bool.
        source: (N,) index into ``datasets`` of each face.
        datasets: names of the data sets.
        persons: identities of the people, for the notes of what is saved.
        settings: of a recipe's pre-training, by name of the setting; see ``aufait.training.recipe.LabelVAESettings``.
        seed: of whatever is drawn.
        folder: where the results are kept and looked for; None keeps nothing.
        writes: whether this process writes into the folder.
    """

    action_units: tuple[int, ...]
    occurrence: np.ndarray
    known: np.ndarray
    source: np.ndarray
    datasets: tuple[str, ...]
    persons: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    folder: Path | None = None
    writes: bool = True

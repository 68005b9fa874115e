"""Training by the workers of a Ray cluster: each is one process of a run that they carry out together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aufait.training.plan import Caches
from aufait.training.recipe import Recipe
from aufait.training.run import train
from aufait.training.run_folder import TrainingRun
from aufait.workers.sharing import at_intervals

if TYPE_CHECKING:
    from aufait.workers.ray_cluster import RayCluster


def train_on(
    cluster: RayCluster,
    recipe: Recipe,
    caches: Caches,
    *,
    accelerator: str = "auto",
    report: Callable[[int, int, str], None] | None = None,
    **options: Any,
) -> TrainingRun:
    """Train by the workers of a cluster; where it has GPUs, one for each worker.

    Args:
        cluster: all its machines see faces and folder of the run under the same paths.
        recipe, caches, report, options: see ``train``, except for ``devices``, ``nodes`` and ``strategy``.
        accelerator: "auto" uses the GPUs of the cluster if it has any; "cpu" does not.

    Raises:
        AufaitError: as ``train``; or the cluster has too little room, or a worker died. The same call resumes.
    """
    gpus = accelerator != "cpu" and cluster.gpus > 0
    options = {**options, "accelerator": "cuda" if gpus else "cpu", "nodes": cluster.workers}
    work = _Rank(recipe, caches, options)
    runs = cluster.together(
        work, range(cluster.workers), lambda rank, steps: report(*steps) if report and rank == 0 else None, gpus=gpus
    )
    return runs[0]


@dataclass(frozen=True)
class _Rank:
    """The share of one process, as work."""

    recipe: Recipe
    caches: Caches
    options: dict[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Nothing is made before."""

    def do(self, tools: None, item: int, tell: Callable[[Any], None]) -> TrainingRun:
        """The whole run; tells steps done, steps in all and a line."""
        say = at_intervals(tell)
        return train(self.recipe, self.caches, **self.options, report=lambda *steps: say(steps))

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
    """Train by the workers of a cluster; where it has GPUs, by as many at most, with one each.

    Args:
        cluster: all its machines see faces and folder of the run under the same paths.
        recipe, caches, report, options: see ``train``, except for ``devices``, ``nodes`` and ``strategy``; one process of each
            worker renders, if ``render_workers`` is left out.
        accelerator: "auto" uses the GPUs of the cluster if it has any; "cpu" does not.

    Raises:
        AufaitError: as ``train``; or the cluster has too little room, or a worker died. The same call resumes.
    """
    gpus = 0 if accelerator == "cpu" else cluster.gpus
    workers = min(cluster.workers, gpus) if gpus else cluster.workers
    options = {**options, "accelerator": "cuda" if gpus else "cpu", "nodes": workers}
    options["render_workers"] = options.get("render_workers") or 1  # others have the other cores
    work = _Rank(recipe, caches, options)

    def told(rank: int, steps: tuple[int, int, str]) -> None:
        if report and rank == 0:
            report(*steps)

    return cluster.together(work, range(workers), told, gpus=gpus > 0)[0]


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

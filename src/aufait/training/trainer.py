"""Lightning's trainer as the recipes need it: checkpoints, metrics, devices, and nothing on the screen."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from aufait.errors import InputError, MissingExtraError
from aufait.machine import cores, has_gpu
from aufait.models.criterion import Criterion
from aufait.models.system import AUSystem
from aufait.training.plan import Plan
from aufait.training.run_folder import CHECKPOINT, METRICS, TENSORBOARD

if TYPE_CHECKING:
    import lightning

    from aufait.training.callbacks import RunKeeper


@dataclass(frozen=True)
class Means:
    """With what a run is trained; none of it changes what is learned, beyond rounding.

    Attributes:
        devices: processes on this machine, one per GPU.
        nodes: machines.
        strategy: of Lightning, for more than one process; "auto" is its DistributedDataParallel.
        accelerator: "auto", "cpu", "cuda" or "mps"; "cuda:1" is one particular GPU.
        checkpoint_every: updates of the weights between checkpoints within an epoch; 0 saves after epochs only.
        render_workers: processes on this machine that render faces, where a recipe has faces rendered; 0 is one per core.
        tensorboard: also write logs for TensorBoard.
        report: called with steps done, steps in all and a line of text.

    Raises:
        InputError: several processes on one particular GPU, a strategy that leaves this process, or another number of processes
            than torchrun has started.
    """

    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    accelerator: str = "auto"
    checkpoint_every: int = 1000
    render_workers: int = 0
    tensorboard: bool = False
    report: Callable[[int, int, str], None] | None = None

    def __post_init__(self) -> None:
        if any(word in self.strategy for word in ("spawn", "fork", "notebook")):
            raise InputError(
                f"strategy {self.strategy!r} trains in processes that this one cannot follow; use 'ddp', or aufait train"
            )
        if ":" in self.accelerator and self.processes > 1:
            raise InputError(
                f"{self.accelerator} is one device, and {self.processes} processes need one each; leave the number out"
            )
        started = int(os.environ.get("WORLD_SIZE", self.processes)) if "RANK" in os.environ else self.processes
        if started != self.processes:
            here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
            raise InputError(
                f"{started} processes were started together, and devices={self.devices} on nodes={self.nodes} are "
                f"{self.processes}; say --devices {here} --nodes {started // here}"
            )

    @property
    def processes(self) -> int:
        """That train together."""
        return self.devices * self.nodes


def fit(
    plan: Plan, model: AUSystem, criterion: Criterion, out: Path, means: Means, resume: bool
) -> tuple[lightning.Trainer, RunKeeper]:
    """Train a network to the end of its recipe, where it is to be resumed from the checkpoint in the folder, if there is one."""
    import lightning

    from aufait.training.callbacks import CSVMetrics, RunKeeper, StepReport
    from aufait.training.lightning_module import FaceData, RecipeModule

    recipe = plan.recipe
    if plan.rendering:
        plan.rendering.workers = max(1, (means.render_workers or cores()) // means.devices)
    faces = plan.table.thinned(recipe.max_faces)
    data = FaceData(faces, plan.held_table, plan.caches, recipe, interval=model.interval, rendering=plan.rendering)
    module = RecipeModule(
        model,
        criterion,
        recipe,
        updates_per_epoch=-(-len(data.training(0, means.processes)) // recipe.accumulate),
        target=plan.protocol.target,
        alignment=plan.alignment,
    )
    checkpoint = out / CHECKPOINT if resume and (out / CHECKPOINT).is_file() else None
    step = _step_of(checkpoint)
    keeper = RunKeeper(
        out, monitor=plan.monitor, patience=recipe.patience, every=means.checkpoint_every, notes=plan.facts(), resume_step=step
    )
    loggers: list[Any] = [CSVMetrics(out / METRICS, step)]
    if means.tensorboard:
        from lightning.pytorch.loggers import TensorBoardLogger

        loggers.append(TensorBoardLogger(out, name=TENSORBOARD, version=""))
    several = means.processes > 1
    kind, _, index = means.accelerator.partition(":")
    with contextlib.closing(data), _quiet():
        trainer = lightning.Trainer(
            accelerator="gpu" if kind == "cuda" else kind,
            devices=[int(index)] if index else means.devices,
            num_nodes=means.nodes,
            strategy="ddp" if several and means.strategy == "auto" else means.strategy,
            precision=recipe.precision,  # type: ignore[arg-type]
            max_epochs=recipe.epochs,
            max_steps=recipe.max_updates or -1,
            accumulate_grad_batches=recipe.accumulate,
            gradient_clip_val=recipe.clip_norm or None,
            callbacks=[keeper, *([StepReport(means.report)] if means.report else [])],
            logger=loggers,
            log_every_n_steps=max(1, min(50, len(data.training(0, means.processes)))),
            sync_batchnorm=several and has_gpu(means.accelerator),
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=out,
        )
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
        except SystemExit:  # some versions of Lightning end the program when somebody presses Ctrl-C
            if not trainer.interrupted:
                raise
    if trainer.interrupted:  # others only note it
        raise KeyboardInterrupt
    return trainer, keeper


def _step_of(checkpoint: Path | None) -> int | None:
    """Updates of the weights at a checkpoint."""
    if checkpoint is None:
        return None
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"])


def require_lightning(tensorboard: bool) -> None:
    try:
        import lightning  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("training by recipes", "train") from error
    if tensorboard:
        try:
            import tensorboard as _  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("logs for TensorBoard", "train") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advertisements and hints that our settings already deal with."""
    loggers: Sequence[logging.Logger] = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*Found .* module.* in eval mode.*")
            warnings.filterwarnings("ignore", message=".*Checkpoint directory.*exists.*")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")
            warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)

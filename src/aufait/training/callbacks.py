"""What happens besides the training steps: checkpoints, choice of the epoch, tables of figures, a progress bar."""

from __future__ import annotations

import csv
import math
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from aufait.errors import InputError, OutputError
from aufait.files.atomic import partial_path
from aufait.models.checkpoint import save_model
from aufait.training.lightning_module import RecipeModule, everyone
from aufait.training.run_folder import CHECKPOINT

_FLUSH_SECONDS = 5.0


class RunKeeper(lightning.Callback):
    """Keeps the folder of a run: a checkpoint to resume from, and the network of the best epoch.

    The best epoch is the one with the best figure on held-out training persons; test persons are not in this process at all.

    Args:
        folder: of the run.
        monitor: figure that decides, a key of ``RecipeModule.held_out``; ``None`` keeps the last epoch.
        patience: epochs without a better one after which training stops; 0 never stops.
        every: updates of the weights between checkpoints within an epoch; 0 saves at the end of epochs only.
        notes: what the saved networks say about their origin.
        resume_step: updates of the weights at the checkpoint from which this process resumes; None begins anew.
    """

    def __init__(
        self,
        folder: Path,
        *,
        monitor: str | None,
        patience: int,
        every: int,
        notes: Mapping[str, Any],
        resume_step: int | None = None,
    ) -> None:
        self.resume_step = resume_step
        self.folder, self.monitor, self.patience, self.every, self.notes = folder, monitor, patience, every, dict(notes)
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.epochs_done = 0
        self.figures: dict[str, float] = {}
        self._saved_at = 0

    @property
    def checkpoint(self) -> Path:
        """File from which a stopped run resumes."""
        return self.folder / CHECKPOINT

    def state_dict(self) -> dict[str, Any]:
        """What must survive a stop."""
        return {"best": self.best, "best_epoch": self.best_epoch, "epochs_done": self.epochs_done, "figures": self.figures}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        for name in ("best", "best_epoch", "epochs_done", "figures"):
            setattr(self, name, state_dict[name])

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Processes of several machines must resume from the same checkpoint.

        Raises:
            InputError: they do not, on all processes.
        """
        steps = everyone(self.resume_step, trainer.world_size)
        if len(set(steps)) > 1:
            seen = ", ".join("none" if step is None else str(step) for step in steps)
            raise InputError(
                f"the processes see different checkpoints in {self.folder} (updates, by process: {seen}); the folder of a run must "
                "be one that all machines share"
            )

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A run that was stopped by its patience, and resumed, stays stopped."""
        self._saved_at = trainer.global_step
        self._stop_if_patience_is_out(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save within long epochs."""
        last = batch_idx + 1 >= trainer.num_training_batches
        if self.every and not last and trainer.global_step >= self._saved_at + self.every:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Compare with the best epoch so far, then save."""
        assert isinstance(pl_module, RecipeModule)
        self.epochs_done = trainer.current_epoch + 1
        self.figures = dict(pl_module.held_out)
        if self._is_best():
            self.best_epoch = self.epochs_done
            self.best = self.figures.get(self.monitor or "", math.nan)
            self._save_network(pl_module, "model.safetensors")
        self._stop_if_patience_is_out(trainer)
        self._save(trainer)

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep the last network as well as the best one."""
        assert isinstance(pl_module, RecipeModule)
        if self.monitor is not None:
            self._save_network(pl_module, "last.safetensors")

    def _is_best(self) -> bool:
        if self.monitor is None or self.best is None or math.isnan(self.best):
            return True
        value = self.figures[self.monitor]
        return value < self.best if self.monitor in ("loss", "mae") else value > self.best

    def _stop_if_patience_is_out(self, trainer: lightning.Trainer) -> None:
        if self.patience and self.best_epoch is not None and self.epochs_done - self.best_epoch >= self.patience:
            trainer.should_stop = True

    @rank_zero_only
    def _save_network(self, module: RecipeModule, file: str) -> None:
        notes = {**self.notes, "epoch": self.epochs_done, "held_out": self.figures}
        save_model(module.model, self.folder / file, name=module.recipe.model, notes=notes)

    def _save(self, trainer: lightning.Trainer) -> None:
        """Every process takes part; the file is whole or the one before."""
        partial = partial_path(self.checkpoint)
        try:
            trainer.save_checkpoint(partial)
            if trainer.is_global_zero:
                partial.replace(self.checkpoint)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(f"cannot write {self.checkpoint}: {error}") from error
        self._saved_at = trainer.global_step


class CSVMetrics(Logger):
    """Figures as rows of ``metrics.csv``: step, epoch, part (train or held_out), name, value. A resumed run continues the file.

    Args:
        path: the file.
        resume_step: rows of later steps are dropped, because the resumed run writes them again; ``None`` starts a new file.
    """

    _HEADING = ("step", "epoch", "part", "name", "value")

    def __init__(self, path: Path, resume_step: int | None = None) -> None:
        super().__init__()
        self.path = path
        self._rows: list[tuple[Any, ...]] = []
        self._written = 0.0
        self._prepare(resume_step)

    @property
    def name(self) -> str:
        """See ``Logger``."""
        return "csv"

    @property
    def version(self) -> str:
        """See ``Logger``."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The recipe is saved in the folder of the table."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add rows; they reach the file within seconds."""
        epoch = int(metrics.get("epoch", 0)) + 1
        for key, value in metrics.items():
            part, _, name = key.partition("/")
            if name:
                self._rows.append((step, epoch, part, name, f"{float(value):.7g}"))
        if time.monotonic() - self._written > _FLUSH_SECONDS:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write what waits."""
        if self._rows:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(self._rows)
        self._rows, self._written = [], time.monotonic()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """See ``Logger``."""
        self.save()

    @rank_zero_only
    def _prepare(self, resume_step: int | None) -> None:
        kept: list[list[str]] = []
        if resume_step is not None and self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))[1:]
            kept = [row for row in rows if len(row) == len(self._HEADING) and int(row[0]) < resume_step]
        with self.path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([self._HEADING, *kept])


class StepReport(lightning.Callback):
    """Calls a function with the progress of training.

    Args:
        report: called on the first process with steps done, steps in all, and a line about the state.
    """

    def __init__(self, report: Callable[[int, int, str], None]) -> None:
        self.report = report
        self._started = self._faces = 0.0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """See ``Callback``."""
        self._started, self._faces = time.monotonic(), 0.0

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """See ``Callback``."""
        if not trainer.is_global_zero:
            return
        self._faces += len(batch) * trainer.world_size
        rate = self._faces / max(time.monotonic() - self._started, 1e-9)
        batches, epochs = int(trainer.num_training_batches), int(trainer.max_epochs or 1)
        total = pl_module.last_terms.get("total", math.nan)
        line = f"epoch {trainer.current_epoch + 1}/{epochs}  loss {total:.4f}  {rate:.0f} faces/s"
        if pl_module.held_out:
            line += "  held out: " + ", ".join(f"{name} {value:.3f}" for name, value in list(pl_module.held_out.items())[:2])
        self.report(trainer.current_epoch * batches + batch_idx + 1, epochs * batches, line)

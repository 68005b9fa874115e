"""One training step and one evaluation of the held-out persons, as Lightning runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from torch import Tensor

from aufait.data.preparation.cache import FaceCache
from aufait.errors import AufaitError, InputError
from aufait.inputs.network_inputs import network_inputs
from aufait.metrics.accumulators import AUMetrics
from aufait.models.contract import check_shapes
from aufait.models.criterion import Criterion
from aufait.models.system import AUSystem
from aufait.training.batches import Batches, FaceBatch, FaceBatches, FaceTable
from aufait.training.recipe import Recipe
from aufait.training.schedules import make_optimizer, rate_factor

if TYPE_CHECKING:
    from aufait.losses.labels import Losses
    from aufait.training.rendering import Rendering


class NonFiniteLossError(AufaitError):
    """A loss became NaN or infinite; the message names the term, the step and the epoch."""


class RecipeModule(lightning.LightningModule):
    """A network with its criterion, trained by a recipe.

    Args:
        model: the network.
        criterion: its loss.
        recipe: optimiser, schedule, augmentation, seed.
        updates_per_epoch: updates of the weights in an epoch, for the schedule.
        target: "occurrence" or "intensity".
        alignment: of the stored faces.
    """

    def __init__(
        self,
        model: AUSystem,
        criterion: Criterion,
        recipe: Recipe,
        *,
        updates_per_epoch: int,
        target: str = "occurrence",
        alignment: str | None = None,
    ) -> None:
        super().__init__()
        self.model, self.criterion, self.recipe = model, criterion, recipe
        self.updates_per_epoch, self.target, self.alignment = updates_per_epoch, target, alignment
        self.held_out: dict[str, float] = {}
        """Metrics on the held-out persons after the last epoch."""
        self.last_terms: dict[str, float] = {}
        """Terms of the loss in the last step, unweighted, and their weighted sum as "total"."""
        self._base_rates: list[float] = []
        self._seen: list[dict[str, np.ndarray]] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """See ``schedules.make_optimizer``; the rate is set before each step, so there is no scheduler to restore."""
        optimizer = make_optimizer(self.model, self.recipe)
        self._base_rates = [group["lr"] for group in optimizer.param_groups]
        return optimizer

    def on_train_batch_start(self, batch: FaceBatch, batch_idx: int) -> None:
        """Learning rate and random state follow from the number of the step alone, so that a resumed run is the same run."""
        factor = rate_factor(self.recipe, self.global_step, self.updates_per_epoch)
        optimizer = self.trainer.optimizers[0]
        for group, rate in zip(optimizer.param_groups, self._base_rates, strict=True):
            group["lr"] = rate * factor
        words = np.random.SeedSequence([self.recipe.seed, self.current_epoch, batch_idx, self.global_rank])
        torch.manual_seed(int(words.generate_state(1, np.uint32)[0]))

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """Loss of a batch.

        Raises:
            NonFiniteLossError: a term is NaN or infinite, on any process.
        """
        losses, _ = self._losses(batch, training=True)
        self.last_terms = self._mean_terms(losses)
        self._require_finite()
        metrics: dict[str, float | Tensor] = {f"train/{name}": value for name, value in self.last_terms.items()}
        metrics |= {f"train/{name}": value for name, value in losses.figures.items()}
        metrics["train/learning_rate"] = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log_dict(metrics, batch_size=len(batch))
        return losses.total

    def validation_step(self, batch: FaceBatch, batch_idx: int) -> None:
        """Keep predictions and losses of held-out persons."""
        losses, output = self._losses(batch, training=False)
        part = {
            "probability": output.probability.float(),
            "occurrence": batch.occurrence,
            "known": batch.known,
            "loss": losses.total.float().expand(len(batch)),
        }
        if self.target == "intensity" and output.intensity is not None:
            part |= {"intensity": output.intensity.float(), "true_intensity": batch.intensity}
        self._seen.append({name: value.detach().cpu().numpy() for name, value in part.items()})

    def on_validation_epoch_end(self) -> None:
        """Metrics over all held-out faces, of all processes together."""
        parts, self._seen = [part for own in everyone(self._seen, self.trainer.world_size) for part in own], []
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        loss = whole.pop("loss")
        metrics = AUMetrics(self.model.action_units)
        metrics.update(**whole)
        table = metrics.compute()
        chosen = ("icc_3_1", "mae") if self.target == "intensity" else ("f1_frame", "roc_area", "accuracy")
        self.held_out = {name: table[name]["mean"] for name in chosen if name in table} | {"loss": float(loss.mean())}
        # The same on all processes; sync_dist only keeps Lightning from warning that they might differ.
        self.log_dict({f"held_out/{name}": value for name, value in self.held_out.items()}, sync_dist=True)

    def _losses(self, batch: FaceBatch, *, training: bool) -> tuple[Losses, Any]:
        inputs = network_inputs(
            self.model,
            batch.faces,
            batch.landmarks,
            training=training,
            neighbours=batch.neighbours,
            augmentation=self.recipe.augmentation,
            draws=batch.draws,
            alignment=self.alignment,
        )
        output = self.model(inputs["images"], inputs["landmarks"] if self.model.landmark_points else None)
        check_shapes(self.model, output, len(batch))
        return self.criterion(output, batch.labels(inputs["landmarks"])), output

    def _mean_terms(self, losses: Losses) -> dict[str, float]:
        """Total and terms, the mean over all processes."""
        values = torch.stack([losses.total, *losses.terms.values()]).detach().float()
        if self.trainer.world_size > 1:  # a term that is not finite anywhere is so everywhere: all processes stop together
            torch.distributed.all_reduce(values)
            values /= self.trainer.world_size
        return dict(zip(("total", *losses.terms), values.tolist(), strict=True))

    def _require_finite(self) -> None:
        if all(np.isfinite(value) for value in self.last_terms.values()):
            return
        terms = {name: value for name, value in self.last_terms.items() if name != "total"}
        wrong = [name for name, value in terms.items() if not np.isfinite(value)] or ["the weighted sum"]
        listed = ", ".join(f"{name} = {value:.4g}" for name, value in terms.items())
        raise NonFiniteLossError(
            f"the loss is not finite at step {self.global_step} (epoch {self.current_epoch + 1}): {', '.join(wrong)} "
            f"({listed}). Try a lower learning_rate, clip_norm=1 or precision=32-true; the last checkpoint is from before"
        )


def everyone(own: Any, world: int) -> list[Any]:
    """What each of ``world`` processes gives, in the order of their ranks."""
    found: list[Any] = [own] * world
    if world > 1:
        torch.distributed.all_gather_object(found, own)
    return found


class FaceData(lightning.LightningDataModule):
    """Batches for as many processes as the trainer has.

    Args:
        table: training faces.
        held_out: faces of the persons who choose the epoch, or None.
        caches: name of the data set -> cache.
        recipe: batch size, seed.
        interval: distance of neighbouring frames; 0 reads none.
        rendering: of the training faces, in place of the table.

    Raises:
        InputError: neighbouring frames of rendered faces, which are single pictures.
    """

    def __init__(
        self,
        table: FaceTable,
        held_out: FaceTable | None,
        caches: Mapping[str, FaceCache],
        recipe: Recipe,
        *,
        interval: int = 0,
        rendering: Rendering | None = None,
    ) -> None:
        super().__init__()
        self.rendering = rendering
        if rendering and interval:
            raise InputError(f"{recipe.model} reads neighbouring frames, and rendered faces are single pictures; set rendered=0")
        self.table, self.held_out, self.caches, self.recipe, self.interval = table, held_out, caches, recipe, interval
        if held_out is None:
            self.val_dataloader = None  # type: ignore[method-assign, assignment]

    def training(self, rank: int, world: int, *, pin: bool = False) -> Batches:
        """Batches of one of ``world`` processes."""
        recipe = self.recipe
        options: dict[str, Any] = {
            "batch_size": recipe.batch_size, "seed": recipe.seed, "drop_last": recipe.drop_last,
            "rank": rank, "world": world, "pin": pin,
        }  # fmt: skip
        if self.rendering:
            from aufait.training.rendering import RenderedBatches

            return RenderedBatches(self.rendering, **options)
        return FaceBatches(self.table, self.caches, interval=self.interval, **options)

    def close(self) -> None:
        """End what renders."""
        if self.rendering:
            self.rendering.close()

    def train_dataloader(self) -> Batches:
        """See ``LightningDataModule``."""
        assert self.trainer is not None
        return self.training(self.trainer.global_rank, self.trainer.world_size, pin=self._on_gpu())

    def val_dataloader(self) -> FaceBatches:
        """See ``LightningDataModule``; each process evaluates its share of the faces."""
        assert self.trainer is not None and self.held_out is not None
        rank, world = self.trainer.global_rank, self.trainer.world_size
        return FaceBatches(
            self.held_out.share(rank, world),
            self.caches,
            batch_size=max(self.recipe.batch_size // world, 1),
            interval=self.interval,
            pin=self._on_gpu(),
        )

    def transfer_batch_to_device(self, batch: FaceBatch, device: torch.device, dataloader_idx: int) -> FaceBatch:
        """Faces and labels, while the device works on what it has."""
        return batch.to(device, non_blocking=True)

    def _on_gpu(self) -> bool:
        return bool(self.trainer is not None and self.trainer.strategy.root_device.type == "cuda")

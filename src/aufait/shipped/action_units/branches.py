"""Training of the branches over the frozen landmark network, from stored views (``face_views``).

Each branch is trained separately: ordinal cross-entropy against ``branch_targets``, AdamW with a one-cycle schedule, averaged
weights. A batch holds a fixed share of real faces; every face appears in one of its views, drawn again in each pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.errors import InputError
from aufait.faces.mesh_networks import CROP_SIZE
from aufait.models.default.branches import FeatureBranch, PhotoBranch
from aufait.shipped.action_units.branch_targets import Targets, target_loss
from aufait.shipped.action_units.chimeras import MIDLINE_OFF, join_labels, join_maps, pair_up
from aufait.shipped.action_units.face_views import FaceViews


@dataclass(frozen=True)
class BranchConfig:
    """How a branch is trained."""

    epochs: float = 16
    """Passes over the renders."""
    batch: int = 64
    """Faces of a step."""
    real_share: float = 0.25
    """Share of real faces in a batch, where there are any."""
    action_units: tuple[int, ...] = DEFAULT_ACTION_UNITS
    """Action units in output order."""
    chimeras: float = 0.0
    """Share of the frontal faces that get half of another face, see ``chimeras``."""
    learning_rate: float = 2e-3
    """Peak of the one-cycle schedule."""
    weight_decay: float = 0.05
    """Of AdamW."""
    averaging: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    max_positive_weight: float = 2.5
    """Largest weight of a present unit: the square root of its skew, capped."""
    seed: int = 0
    """Of weights, order and dropout."""


@dataclass(frozen=True, eq=False)
class ViewSet:
    """Views of some faces with their targets; ``rows`` (N,) are the faces of ``views`` that the targets belong to."""

    views: FaceViews
    rows: np.ndarray
    targets: Targets

    def __len__(self) -> int:
        return len(self.rows)


_MIDLINE = (168, 1, 13, 152)
"""Mesh points between the eyes, on the tip of the nose, the upper lip and the chin."""

Inputs = Callable[[FaceViews, np.ndarray, np.ndarray], tuple[Tensor, ...]]
"""(views, rows, which view of each) -> what the branch is called with."""


def feature_inputs(views: FaceViews, rows: np.ndarray, view: np.ndarray) -> tuple[Tensor, ...]:
    """Fine and coarse maps."""
    return torch.from_numpy(views.fine[rows, view]).float(), torch.from_numpy(views.coarse[rows, view]).float()


def photo_inputs(views: FaceViews, rows: np.ndarray, view: np.ndarray) -> tuple[Tensor, ...]:
    """Fine and coarse maps of the photo trunk."""
    return torch.from_numpy(views.photo_fine[rows, view]).float(), torch.from_numpy(views.photo_coarse[rows, view]).float()


def inputs_of(branch: nn.Module) -> Inputs:
    """How the batches of a branch are put together."""
    if isinstance(branch, FeatureBranch):
        return feature_inputs
    if isinstance(branch, PhotoBranch):
        return photo_inputs
    raise InputError(f"{type(branch).__name__} is not trained from stored views")


def train_branch(
    branch: nn.Module,
    renders: Sequence[ViewSet],
    real: Sequence[ViewSet] = (),
    config: BranchConfig | None = None,
    *,
    device: str = "cpu",
    report: Callable[[str], None] | None = None,
) -> nn.Module:
    """Train one branch; returns the network with the averaged weights, in evaluation mode.

    Args:
        branch: a fresh (or earlier) ``FeatureBranch`` or ``PhotoBranch``.
        renders: sets of rendered faces.
        real: sets of real faces; empty for none.
        config: the recipe.
        device: where to train.
        report: called with a line now and then.

    Raises:
        InputError: a loss that is not finite.
    """
    config, inputs = config or BranchConfig(), inputs_of(branch)
    torch.manual_seed(config.seed)
    rng, generator = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    branch = branch.to(device).train()
    weight = _positive_weights(renders, config.max_positive_weight).to(device)
    optimiser = torch.optim.AdamW(branch.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    real_count = round(config.batch * config.real_share) if real else 0
    per_step = config.batch - real_count
    steps = max(1, round(config.epochs * sum(map(len, renders)) / per_step))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=steps + 1, pct_start=0.15)
    average = torch.optim.swa_utils.AveragedModel(
        branch, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.averaging), use_buffers=True
    )
    cut = config.chimeras > 0
    pools = [(_Pool(renders, rng, cut), per_step), *([(_Pool(real, rng, cut), real_count)] if real_count else [])]
    total = 0.0
    for step in range(steps):
        drawn = [pool.draw(count, inputs) for pool, count in pools]
        values = [torch.cat(column) for column in zip(*(d[0] for d in drawn), strict=True)]
        wanted, trust, frontal = (torch.cat(column) for column in zip(*(d[1:] for d in drawn), strict=True))
        if config.chimeras:
            rows, others = pair_up(frontal, config.chimeras, generator)
            values = [join_maps(value, rows, others) for value in values]
            wanted, trust = join_labels(wanted, trust, rows, others, config.action_units)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            logits = branch(*(v.to(device) for v in values))
        loss = target_loss(logits.float(), wanted.to(device), trust.to(device), weight)
        total += _step(loss, branch, optimiser, schedule, average, step)
        if report and (step + 1) % 500 == 0:
            report(f"step {step + 1}/{steps}: loss {total / 500:.4f}")
            total = 0.0
    return average.module.eval()


def _step(  # type: ignore[no-untyped-def]
    loss: Tensor, branch: nn.Module, optimiser, schedule, average, step: int
) -> float:
    value = loss.detach().item()
    if not np.isfinite(value):
        raise InputError(f"the loss is {value} in step {step + 1}; lower the learning rate")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(branch.parameters(), 5.0)
    optimiser.step()
    schedule.step()
    average.update_parameters(branch)
    return value


def _positive_weights(sets: Sequence[ViewSet], limit: float) -> Tensor:
    """(A,) square root of the skew of each unit's occurrence in the renders, between 1 and ``limit``."""
    present = np.concatenate([s.targets.exceedance[..., 1].mean(axis=2) for s in sets]).mean(axis=0)
    rate = np.clip(present, 1e-3, 1.0)
    return torch.from_numpy(np.clip(np.sqrt((1 - rate) / rate), 1.0, limit)).float()


class _Pool:
    """Several sets as one, drawn from in a random order, again and again; ``cut`` says whether only frontal faces are wanted."""

    def __init__(self, sets: Sequence[ViewSet], rng: np.random.Generator, cut: bool) -> None:
        self.sets, self.rng = sets, rng
        self.set_of = np.concatenate([np.full(len(s), number) for number, s in enumerate(sets)])
        self.row_of = np.concatenate([np.arange(len(s)) for s in sets])
        self.frontal = [frontal_views(s.views, s.rows) if cut else np.zeros(s.views.mirrored[s.rows].shape, bool) for s in sets]
        self._queue = np.zeros(0, np.int64)

    def draw(self, count: int, inputs: Inputs) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Inputs, wanted exceedances, weights, and whether frontal, of ``count`` faces, each in one of its views."""
        while len(self._queue) < count:
            self._queue = np.concatenate([self._queue, self.rng.permutation(len(self.set_of))])
        picked, self._queue = self._queue[:count], self._queue[count:]
        sets = self.set_of[picked]
        parts = [self._take(number, self.row_of[picked[sets == number]], inputs) for number in np.unique(sets)]
        values = [torch.cat(column) for column in zip(*(p[0] for p in parts), strict=True)]
        return values, torch.cat([p[1] for p in parts]), torch.cat([p[2] for p in parts]), torch.cat([p[3] for p in parts])

    def _take(self, number: int, faces: np.ndarray, inputs: Inputs) -> tuple[tuple[Tensor, ...], Tensor, Tensor, Tensor]:
        chosen = self.sets[number]
        rows = chosen.rows[faces]
        view = self.rng.integers(chosen.views.mirrored.shape[1], size=len(rows))
        flipped = np.asarray(chosen.views.mirrored[rows, view])[:, None, None, None]
        labels = [
            torch.from_numpy(np.where(flipped, array[faces][:, :, ::-1], array[faces]))
            for array in (chosen.targets.exceedance, chosen.targets.weight)
        ]
        return inputs(chosen.views, rows, view), labels[0], labels[1], torch.from_numpy(self.frontal[number][faces, view])


def frontal_views(views: FaceViews, rows: np.ndarray) -> np.ndarray:
    """(N, V) whether the middle of the face is the middle of the window, and upright, in each view of ``rows``."""
    across = np.asarray(views.points[:, :, _MIDLINE, 0])[rows] / CROP_SIZE - 0.5  # (N, V, 4)
    return np.asarray((np.abs(across) < MIDLINE_OFF).all(axis=2))

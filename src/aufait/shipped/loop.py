"""The training loop of all models that ship: updates, a moving average of the weights, checkpoints to resume from."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from aufait.errors import InputError
from aufait.files.atomic import whole_file

_LARGEST_GRADIENT = 5.0


class TrainingLoop:
    """A network in training.

    Args:
        network: trained in place.
        optimizer: of its parameters.
        schedule: of the learning rate, moved on once an update.
        averaging: share of the moving average that stays at an update.
        checkpoint: name of the files without ending; ``.safetensors`` takes the weights, ``.pt`` the optimiser's state.
        early: whether the average follows closer over the first updates: the share is then at most (1 + n) / (10 + n).

    Attributes:
        average: name -> moving average of each tensor of the network's state.
        done: updates so far.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        schedule: LRScheduler,
        averaging: float,
        checkpoint: Path,
        *,
        early: bool = False,
    ) -> None:
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.averaging, self.checkpoint, self.early = averaging, checkpoint, early
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.done = 0

    def update(self, loss: Tensor, what: str) -> float:
        """One update of the weights and of their average; the loss as a number.

        Args:
            loss: of the batch, with its graph.
            what: the step as text, for the message ("epoch 3, step 8").

        Raises:
            InputError: the loss is not finite.
        """
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(f"{self.checkpoint.name}: the loss is {value} in {what}; lower the learning rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        self.optimizer.step()
        self.schedule.step()
        self._follow()
        self.done += 1
        return value

    @torch.no_grad()
    def _follow(self) -> None:
        stays = min(self.averaging, (1 + self.done) / (10 + self.done)) if self.early else self.averaging if self.done else 0.0
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - stays)
            else:
                self.average[name].copy_(value)

    def save(self) -> None:
        """Write the checkpoint; the old one stays until the new is whole."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        state = {"done": self.done, "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        weights, rest = self._files()
        with whole_file(rest) as part, whole_file(weights) as whole:
            save_file({name: value.contiguous().clone() for name, value in tensors.items()}, whole, {"done": str(self.done)})
            torch.save(state, part)

    def resume(self) -> int:
        """Updates that are done already: those of the checkpoint, which is read, or 0 where there is none.

        Raises:
            InputError: the files are damaged, or of two different times.
        """
        weights, rest = self._files()
        if not (weights.is_file() and rest.is_file()):
            return 0
        state = torch.load(rest, weights_only=True)
        try:
            with safe_open(weights, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
                done = int((file.metadata() or {}).get("done", -1))
        except SafetensorError as error:
            raise InputError(f"{weights} is damaged ({error}); delete it, and the training starts again") from error
        if done != state["done"]:
            raise InputError(f"{weights} and {rest} are of different steps; delete them, and the training starts again")
        self.network.load_state_dict(_under("network.", tensors))
        for name, value in _under("average.", tensors).items():
            self.average[name].copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.done = done
        return done

    def _files(self) -> tuple[Path, Path]:
        return self.checkpoint.with_suffix(".safetensors"), self.checkpoint.with_suffix(".pt")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

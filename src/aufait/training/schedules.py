"""Optimisers and learning rates by recipe; a network divides its weights itself (``AUSystem.parameter_groups``)."""

from __future__ import annotations

import math
from typing import Any

import torch

from aufait.errors import InputError
from aufait.models.system import AUSystem
from aufait.training.recipe import Recipe


def make_optimizer(model: AUSystem, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over the weights of a network that are trained.

    Raises:
        InputError: no weight is trained.
    """
    groups = parameter_groups(model, recipe)
    if not any(group["params"] for group in groups):
        raise InputError(f"{recipe.model} has no weights to train")
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        nesterov = recipe.nesterov and recipe.momentum > 0
        return torch.optim.SGD(groups, lr=rate, momentum=recipe.momentum, nesterov=nesterov, weight_decay=decay)
    if recipe.optimizer == "adadelta":
        return torch.optim.Adadelta(groups, lr=rate, rho=recipe.rho, weight_decay=decay)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=rate, betas=recipe.betas, weight_decay=decay)


def parameter_groups(model: AUSystem, recipe: Recipe) -> list[dict[str, Any]]:
    """Weights by learning rate and decay, as the system's paper divides them; none that is frozen."""
    groups = model.parameter_groups(recipe.learning_rate, recipe.weight_decay)
    return [{**group, "params": [one for one in group["params"] if one.requires_grad]} for group in groups]


def rate_factor(recipe: Recipe, updates: int, updates_per_epoch: int) -> float:
    """Learning rate after a number of updates of the weights, as a share of the one at the start."""
    if recipe.schedule == "constant":
        return 1.0
    if recipe.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(updates / max(recipe.epochs * updates_per_epoch, 1), 1.0)))
    time = updates if recipe.decay_unit == "iteration" else updates // max(updates_per_epoch, 1)
    falls = time // recipe.decay_every if recipe.schedule == "step" else sum(time >= one for one in recipe.milestones)
    return float(recipe.decay**falls)

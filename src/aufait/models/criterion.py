"""Base of every criterion: the loss that goes with a network, as named terms and a total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.losses.labels import AULabels, Losses
from aufait.losses.occurrence import weighted_bce
from aufait.losses.statistics import LabelStatistics
from aufait.losses.weighting import au_weights
from aufait.models.configuration import ModelConfig
from aufait.models.outputs import AUOutput


class Criterion(nn.Module):
    """Compares a network's output with labels; the network never sees them, the criterion never sees pixels.

    Args:
        config: configuration of the network.
        statistics: of the training labels. Needed by terms that are built from them; without it action units have equal weights.
    """

    system = "this system"

    au_weight: Tensor | None

    def __init__(self, config: ModelConfig, statistics: LabelStatistics | None = None) -> None:
        super().__init__()
        self.config: Any = config
        self.statistics = statistics
        if statistics is not None and len(statistics.occurrence_rate) != len(config.action_units):
            raise InputError(
                f"the label statistics cover {len(statistics.occurrence_rate)} action units, the network {len(config.action_units)}"
            )
        weights = au_weights(statistics.occurrence_rate) if statistics is not None and self.weighs_action_units() else None
        self.register_buffer("au_weight", weights, persistent=False)

    def weighs_action_units(self) -> bool:
        """Whether the loss uses inverse occurrence rates as weights; ablations without them override it."""
        return True

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Losses of a batch; every term leaves unknown labels out."""
        raise NotImplementedError

    def combine(self, terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Losses:
        """Weighted sum of the terms; terms that ``weights`` does not name count with weight 1."""
        total = torch.stack([value * weights.get(name, 1.0) for name, value in terms.items()]).sum()
        return Losses(total=total, terms=dict(terms))


class OccurrenceCriterion(Criterion):
    """Cross-entropy of occurrence, with larger weights for rare action units: for networks that have no loss of their own."""

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """One term, "occurrence"; unknown labels add nothing."""
        occurrence = labels.require("occurrence", self.config.SYSTEM)
        return self.combine({"occurrence": weighted_bce(output.logits, occurrence, labels.known, self.au_weight)}, {})

"""Relation dropout: a training sample sees t of the m relation layers, so that they learn different relations.

Paper: ABRNet (Wei et al.), section 2.4, equation 4. Our reading: all action units of a face share the draw
(``dropout_draw`` "action_unit" lets each have its own).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RelationDropout(nn.Module):
    """Weights of the relation layers: m / t for the drawn ones and 0 for the others; 1 for all outside training.

    Args:
        kept: t, from 1 to m; with t = m nothing is drawn and all weights are 1.
        per_action_unit: whether each action unit draws for itself.
    """

    def __init__(self, kept: int, *, per_action_unit: bool = False) -> None:
        super().__init__()
        self.kept, self.per_action_unit = kept, per_action_unit

    def forward(self, relation_features: Tensor) -> Tensor:
        """Relation features (B, m, A, d_l), of which only the shape is used -> weights (B, m, A)."""
        batch, layers, units, _ = relation_features.shape
        ones = relation_features.new_ones(batch, layers, units)
        if not self.training or self.kept == layers:
            return ones
        columns = units if self.per_action_unit else 1
        drawn = torch.rand(batch, layers, columns, device=ones.device).topk(self.kept, dim=1).indices
        weights = ones.new_zeros(batch, layers, columns).scatter(1, drawn, layers / self.kept)
        return weights.expand(-1, -1, units)

    def extra_repr(self) -> str:
        return f"kept={self.kept}, per_action_unit={self.per_action_unit}"

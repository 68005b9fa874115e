"""Relation learning: in each of m layers every action unit gathers the features of those it is most related to.

Paper: ABRNet (Wei et al.), section 2.2, equations 1 and 2. Features are gathered unprojected and the coefficients are not
normalised again after the selection, both as printed; an action unit may choose itself.
Our readings: queries and keys without bias; k of equation 2 from ``top_k``; among equal coefficients the earlier action unit
is chosen, on every device.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def select_largest(values: Tensor, count: int) -> Tensor:
    """Zero all but the ``count`` largest of the last axis, (..., A) -> (..., A).

    Places come from comparing every pair, not from sorting: equal values then keep their order on all devices, and the
    operation has fixed shapes when exported.
    """
    size = values.shape[-1]
    if count >= size:
        return values
    position = torch.arange(size, device=values.device)
    mine, other = values[..., :, None], values[..., None, :]
    before = (other > mine) | ((other == mine) & (position[None, :] < position[:, None]))
    return torch.where(before.sum(-1) < count, values, torch.zeros_like(values))


class RelationLearning(nn.Module):
    """m relation layers side by side, each with its own W_Q and W_K (d_m, d_l).

    Args:
        layers: m, at least 1.
        feature_size: d_l.
        relation_size: d_m.
        top_k: how many coefficients of each action unit stay.
        slope: of the leaky ReLUs.
    """

    def __init__(self, layers: int, feature_size: int, relation_size: int, top_k: int, slope: float = 0.01) -> None:
        super().__init__()
        self.layers, self.top_k, self.slope = layers, top_k, slope
        self.scale = 1 / math.sqrt(relation_size)
        # Rows l * d_m .. (l + 1) * d_m belong to layer l; the fan-in, and so the initialisation, is that of separate layers.
        self.query = nn.Linear(feature_size, layers * relation_size, bias=False)
        self.key = nn.Linear(feature_size, layers * relation_size, bias=False)

    def relations(self, features: Tensor) -> Tensor:
        """Equation 1 and the selection: features (B, A, d_l) -> coefficients (B, m, A, A); row i holds what i takes from j."""
        query = self.query(features).unflatten(-1, (self.layers, -1)).transpose(1, 2)  # (B, m, A, d_m)
        key = self.key(features).unflatten(-1, (self.layers, -1)).transpose(1, 2)
        scores = F.leaky_relu(query @ key.transpose(-2, -1) * self.scale, self.slope)
        return select_largest(scores.softmax(-1), self.top_k)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, A, d_l) -> relation features (B, m, A, d_l) (equation 2) and coefficients (B, m, A, A)."""
        relations = self.relations(features)
        gathered = torch.bmm(relations.flatten(1, 2).to(features.dtype), features)  # (B, m * A, d_l)
        return F.leaky_relu(gathered.unflatten(1, (self.layers, -1)), self.slope), relations

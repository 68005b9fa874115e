"""Fusion: the relation features of all layers become one vector per action unit, or one probability.

Paper: ABRNet (Wei et al.), section 2.3, equation 3, and the alternatives of table 1b, which it only names.
Our readings: the attention layer has a bias and is shared by layers and action units; "avg" is the mean of the relation
features; "concat" joins them and a layer shared by the action units brings them back to d_l; "score_avg" classifies each
layer's feature with the same classifiers and averages the probabilities. Relation dropout enters all of them as weights of
the layers: 1 outside training.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttentionFusion(nn.Module):
    """S_i = sum over l of beta_i^l R_i^l with beta = sigmoid(q0 . R + b) (equation 3)."""

    def __init__(self, feature_size: int) -> None:
        super().__init__()
        self.attention = nn.Linear(feature_size, 1)

    def forward(self, relation_features: Tensor, layer_weights: Tensor) -> tuple[Tensor, Tensor]:
        """R (B, L, A, d_l), layer weights (B, L, A) -> S (B, A, d_l) and beta (B, L, A) in [0, 1]."""
        beta = self.attention(relation_features).squeeze(-1).sigmoid()
        return ((beta * layer_weights)[..., None] * relation_features).sum(1), beta


class AverageFusion(nn.Module):
    """The weighted mean of the relation features; "score_avg" uses it too, for the features it reports."""

    def forward(self, relation_features: Tensor, layer_weights: Tensor) -> tuple[Tensor, None]:
        """R (B, L, A, d_l), layer weights (B, L, A) -> S (B, A, d_l) and no attention."""
        return (layer_weights[..., None] * relation_features).mean(1), None


class ConcatFusion(nn.Module):
    """The relation features side by side, brought back to d_l by one layer."""

    def __init__(self, layers: int, feature_size: int) -> None:
        super().__init__()
        self.join = nn.Linear(layers * feature_size, feature_size)

    def forward(self, relation_features: Tensor, layer_weights: Tensor) -> tuple[Tensor, None]:
        """R (B, L, A, d_l), layer weights (B, L, A) -> S (B, A, d_l) and no attention."""
        weighted = layer_weights[..., None] * relation_features
        return self.join(weighted.transpose(1, 2).flatten(2)), None


def make_fusion(fusion: str, layers: int, feature_size: int) -> nn.Module:
    """The module of a fusion's name; called with R (B, L, A, d_l) and weights (B, L, A) it returns S and beta or None."""
    if fusion == "self_attention":
        return SelfAttentionFusion(feature_size)
    return ConcatFusion(layers, feature_size) if fusion == "concat" else AverageFusion()


def mean_probability_logits(logits: Tensor, layer_weights: Tensor) -> Tensor:
    """Log-odds of the weighted mean of L probabilities, (B, L, A) and (B, L, A) -> (B, A).

    Both sums are taken in the logarithm, so that certain layers neither overflow nor lose their gradient. Weights need not
    sum to 1 and may be 0, though not all of them.
    """
    weights = layer_weights.float().log()
    present = torch.logsumexp(F.logsigmoid(logits.float()) + weights, dim=1)
    absent = torch.logsumexp(F.logsigmoid(-logits.float()) + weights, dim=1)
    return present - absent

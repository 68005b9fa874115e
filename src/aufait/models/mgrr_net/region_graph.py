"""Region graph: every action unit's patch receives the patches of the others along learned edges.

Paper: MGRR-Net section III-B1 and eq. 1, 2, 6. Our reading where it is silent: the edges are free in sign and size after their
initialisation, each layer has its own, and the 1x1 convolutions have no padding (the paper's padding of 1 would grow the maps).
Figure 4 shows a relevance "for the individual", where eq. 6 has one matrix for everybody; ``relevance`` has our readings of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.grouped import grouped_conv
from aufait.losses.statistics import LabelStatistics


def co_occurrence_prior(statistics: LabelStatistics) -> Tensor:
    """Edges before training, (A, A) in [0, 1] with ones on the diagonal (eq. 1 and 2).

    P_ij = (P(i occurs | j occurs) + P(i absent | j absent)) / 2 and A_ij = |2 P_ij - 1|, which is 0 where j says nothing
    about i. Pairs whose rates the labels cannot show (NaN) get no edge.
    """
    # The statistics' rows are the condition, the paper's columns are.
    agreement = (statistics.present_given_present.T + statistics.absent_given_absent.T) / 2
    prior = (2 * agreement - 1).abs().nan_to_num(0.0)
    return prior.fill_diagonal_(1.0)


class RegionGraph(nn.Module):
    """v_i -> W_i v_i + sum_j A_ij W_j v_j, where W_i is a 1x1 convolution of action unit i (eq. 6).

    Args:
        action_units: number A of action units.
        channels: channels C of a patch.
        random_edges: start with edges uniform in [0, 1) instead of none; see ``initialise``.
        self_term: whether the sum includes j = i.
    """

    counted: Tensor
    identity: Tensor

    def __init__(self, action_units: int, channels: int, *, random_edges: bool = False, self_term: bool = True) -> None:
        super().__init__()
        self.mapping = grouped_conv(action_units, channels, channels, 1)
        # Eq. 2 where nothing is known about any pair: each unit says something about itself only.
        self.edges = nn.Parameter(torch.rand(action_units, action_units) if random_edges else torch.eye(action_units))
        counted = torch.ones(action_units, action_units)
        self.register_buffer("counted", counted if self_term else counted.fill_diagonal_(0.0), persistent=False)
        self.register_buffer("identity", torch.eye(action_units), persistent=False)

    def initialise(self, statistics: LabelStatistics) -> None:
        """Set the edges from the training labels, in place (eq. 2)."""
        with torch.no_grad():
            self.edges.copy_(co_occurrence_prior(statistics))

    def forward(self, patches: Tensor) -> Tensor:
        """Patches (B, A * C, M, M), side by side -> the same shape."""
        return self.spread(self.messages(patches))

    def messages(self, patches: Tensor) -> Tensor:
        """Patches (B, A * C, M, M) -> W_j v_j, what each action unit sends, (B, A, C, M, M)."""
        return self.mapping(patches).unflatten(1, (len(self.edges), -1))

    def spread(self, messages: Tensor) -> Tensor:
        """What is sent (B, A, C, M, M) -> what is received, side by side (B, A * C, M, M)."""
        weights = self.identity + self.counted * self.edges  # (A, A), both terms of eq. 6
        return (weights @ messages.flatten(2)).view_as(messages).flatten(1, 2)

    @torch.no_grad()
    def relevance(self, patches: Tensor, messages: Tensor, reading: str = "message") -> Tensor:
        """How much each action unit takes from each other one, (B, A, A), no gradient.

        Args:
            patches: (B, A * C, M, M) that enter the layer.
            messages: ``messages(patches)``.
            reading: "message": |A_ij| |W_j v_j|, the size of what i receives from j, |W_j v_j| in units of its mean over the
                face's action units: a face can strengthen an edge as well as weaken it. "likeness": |A_ij| times the cosine of
                v_i and v_j, which can only weaken edges. "edges": |A_ij|, the same for every face.
        """
        strength = self.edges.abs()
        if reading == "edges":
            return strength.expand(patches.shape[0], -1, -1)
        if reading == "message":
            sizes = messages.flatten(2).float().norm(dim=-1)  # (B, A)
            return strength * (sizes / sizes.mean(-1, keepdim=True).clamp_min(1e-12))[:, None]
        unit = F.normalize(patches.unflatten(1, (len(strength), -1)).flatten(2).float(), dim=-1)  # (B, A, C M M)
        return strength * (unit @ unit.transpose(1, 2))

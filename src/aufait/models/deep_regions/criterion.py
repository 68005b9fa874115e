"""Loss of Deep Regions Learning: cross-entropy in which positives count the more, the rarer they are.

Paper: section 2, the loss L(Y, X), and section 3, "Learning": -1/N sum_i sum_j [alpha_j y log x + (1 - y) log(1 - x)], alpha_j
the skew (negatives / positives) of action unit j in the training data. In print the brackets are missing; the sign and 1/N
belong to both terms. Where labels are unknown the mean over the known entries is used instead, so that the loss keeps its scale.
The L2 norm of the weights, which the paper adds, is the optimiser's weight decay (0.0005).
"""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.errors import InputError
from aufait.losses.labels import AULabels, Losses
from aufait.losses.occurrence import weighted_bce
from aufait.losses.statistics import LabelStatistics
from aufait.models.criterion import Criterion
from aufait.models.deep_regions.config import DeepRegionsConfig
from aufait.models.outputs import AUOutput


class DeepRegionsCriterion(Criterion):
    """Sum over action units, mean over faces, of the skew-weighted cross-entropy; one term, ``occurrence``.

    Args:
        config: of the network; ``weighted_loss=False`` leaves the skew out.
        statistics: of the training labels; ``None`` means a skew of 1.

    Raises:
        InputError: an action unit that the training labels never show present, and whose skew is therefore infinite.
    """

    system = "Deep Regions"

    positive_weight: Tensor | None

    def __init__(self, config: DeepRegionsConfig, statistics: LabelStatistics | None = None) -> None:
        super().__init__(config, statistics)
        skew = statistics.skew.float() if statistics is not None and config.weighted_loss else None
        if skew is not None and not bool(torch.isfinite(skew).all()):
            missing = [au for au, finite in zip(config.action_units, skew.isfinite().tolist(), strict=True) if not finite]
            raise InputError(
                f"the training labels never show action units {missing}, so positives cannot be weighted by negatives / positives; "
                "leave these action units out or create the model with weighted_loss=False"
            )
        self.register_buffer("positive_weight", skew, persistent=False)

    def weighs_action_units(self) -> bool:
        """False: the skew acts on positives only, action units have equal weights."""
        return False

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Loss of logits (B, A) against ``labels.occurrence`` (B, A); unknown labels are left out."""
        occurrence = labels.require("occurrence", self.system)
        mean = weighted_bce(output.logits, occurrence, labels.known, positive_weight=self.positive_weight)
        return self.combine({"occurrence": mean * len(self.config.action_units)}, {})
